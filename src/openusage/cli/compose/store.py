"""What is done to this machine's database from outside, and what is said about it."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from openusage import format as fmt
from openusage.cli.diagnostics import say
from openusage.errors import AlreadyRunning, ExitCode, UsageError


def back_up(database: Path, file: Path) -> int:
    """A copy in `file`."""
    from openusage.store import backup

    size = backup(database, file)
    say(f"{file}: {fmt.size_bytes(size)}, the history of {database}.")
    return ExitCode.OK


def put_back(file: Path, database: Path, *, yes: bool) -> int:
    """`file` in the place of the database; asks first, where there is somebody to ask."""
    from openusage.store import restore

    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("This replaces a database, and there is nobody to ask.", "Say --yes.")
        click.confirm(f"Replace {database} by {file}?", abort=True, err=True)
    try:
        aside = restore(file, database)
    except AlreadyRunning as e:
        raise AlreadyRunning(e.message, _STOP) from e
    say(f"{database}: the history of {file}.")
    if aside is not None:
        say(f"{aside}: what was there before.")
    say("What was used since the backup is read from the tools' logs when the daemon starts.")
    return ExitCode.OK


def make_smaller(database: Path, *, as_json: bool) -> int:
    """The room that is not needed, back to the disk."""
    from openusage.store import compact

    done = compact(database)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(done)).decode())
    else:
        before, after = fmt.size_bytes(done.before), fmt.size_bytes(done.after)
        print(f"{database}: {before} before, {after} now.")
    return ExitCode.OK


def look_through(database: Path, *, repair: bool, as_json: bool) -> int:
    """Whether all sums are true; with `repair` those that are not are made anew first."""
    from openusage.store import repair as make_anew
    from openusage.store import verify

    found = verify(database)
    if found.faults and repair:
        for fault in found.faults:
            say(fault)
        try:
            make_anew(database)
        except AlreadyRunning as e:
            raise AlreadyRunning(e.message, _STOP) from e
        found = verify(database)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        counts = f"{found.events:,} events, {found.slots:,} quarter-hours, {found.days:,} days"
        print(f"{database}: {counts}, {fmt.size_bytes(found.size_bytes)}.")
        print("\n".join(found.faults) or "All sums are those of their events.")
        if found.faults:
            say("To make them anew: stop the daemon, then openusage telemetry verify --repair")
    return ExitCode.FAILED if found.faults else ExitCode.OK


_STOP = "Stop the daemon first: its process is in openusage telemetry daemon status."
