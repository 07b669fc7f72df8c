"""`openusage integrations`: hooks in other tools' settings, put there, brought up to date and taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from openusage.cli.params import json_option

if TYPE_CHECKING:
    from openusage.integrations import Change, Integration, Status
    from openusage.paths import Paths

IDS = ("claude_code", "codex", "opencode")
"""Declared here, so that completion and help load nothing; a test compares."""


def change_options(all_of: str) -> list[click.Parameter]:
    return [
        click.Argument(["names"], metavar="[ID]...", nargs=-1, type=click.Choice(IDS)),
        click.Option(["--all", "-a", "of_all"], is_flag=True, help=f"All {all_of}."),
        click.Option(["--dry-run"], is_flag=True, help="Show what would be changed, and change nothing."),
        json_option(),
    ]


@click.group()
def command() -> None:
    """Have tools tell the daemon at once what they did.

    Adds one entry to a tool's own settings and leaves everything else in them as it is; taking it away again
    gives back every byte. A hook leaves one small file, takes milliseconds and never fails. IDs: claude_code,
    codex, opencode.
    """


@command.command(
    "list",
    params=[
        click.Option(["--all", "-a", "show_all"], is_flag=True, help="Also of tools that are not here."),
        json_option(),
    ],
)
def list_(show_all: bool, as_json: bool) -> int:
    """What is installed, and how it stands."""
    paths, known = _known()
    found = [status for status in (i.status() for i in known) if show_all or as_json or _is_shown(status)]
    if as_json:
        click.echo(_json([_told(status) for status in found]))
        return 0
    click.echo(
        table(found, paths) if found else "No tool that could tell us: none of them is on this machine."
    )
    return 0


def table(found: Sequence[Status], paths: Paths) -> str:
    """One line each."""
    from openusage import format

    rows = [(s.id, s.name, str(s.state), s.version or "–", s.summary, paths.shown(s.config)) for s in found]
    lines = format.columns(("ID", "NAME", "STATE", "VERSION", "SUMMARY", "SETTINGS"), rows)
    return "\n".join(format.printable(line) for line in lines)


@command.command(params=change_options("whose tool is on this machine"))
def install(names: tuple[str, ...], of_all: bool, dry_run: bool, as_json: bool) -> int:
    """Add our entry to a tool's settings, or bring it up to date."""
    chosen = _chosen(names, of_all, lambda s: s.detected)
    return _change("install", chosen, dry_run=dry_run, as_json=as_json)


@command.command(params=change_options("that are installed"))
def uninstall(names: tuple[str, ...], of_all: bool, dry_run: bool, as_json: bool) -> int:
    """Take our entry out of a tool's settings again."""
    chosen = _chosen(names, of_all, lambda s: s.state != "missing")
    return _change("uninstall", chosen, dry_run=dry_run, as_json=as_json)


@command.command(params=change_options("that are of another version (also without an ID)"))
def upgrade(names: tuple[str, ...], of_all: bool, dry_run: bool, as_json: bool) -> int:
    """Bring what is installed up to date."""
    chosen = _chosen(names, of_all or not names, lambda s: s.state in ("outdated", "partial"))
    return _change("upgrade", chosen, dry_run=dry_run, as_json=as_json)


def _change(action: str, chosen: Sequence[Integration], *, dry_run: bool, as_json: bool) -> int:
    """One after the other; one that fails does not stop the others."""
    from openusage.cli.diagnostics import explain, say
    from openusage.errors import ExitCode, IntegrationError

    code = ExitCode.OK
    told: list[dict[str, Any]] = []
    for one in chosen:
        act = one.uninstall if action == "uninstall" else one.install
        try:
            changes = act(dry_run=dry_run)
        except IntegrationError as e:
            code = ExitCode.FAILED
            told.append({"id": one.id, "error": e.message})
            if not as_json:
                say(explain(e))
            continue
        told.append(
            _told(one.status()) | {"changed": [str(c.path) for c in changes], "dry_run": dry_run},
        )
        if not as_json:
            click.echo(_dry(changes) if dry_run else _done(action, one.name, changes))
    if as_json:
        click.echo(_json(told))
    elif not chosen:
        click.echo(f"Nothing to {action}.")
    return code


def _done(action: str, name: str, changes: Sequence[Change]) -> str:
    if not changes:
        return f"{name}: nothing to change."
    word = {"install": "Installed", "uninstall": "Removed", "upgrade": "Upgraded"}[action]
    files = "\n".join(f"  {'removed' if c.after is None else 'wrote'} {c.path}" for c in changes)
    return f"{word}: {name}\n{files}"


def _dry(changes: Sequence[Change]) -> str:
    """What would be done, as a patch."""
    import difflib

    from openusage import format

    lines: list[str] = []
    for change in changes:
        old, new = (
            [] if data is None else data.decode("utf-8", "replace").splitlines()
            for data in (change.before, change.after)
        )
        before, after = (
            "/dev/null" if data is None else str(change.path) for data in (change.before, change.after)
        )
        lines += difflib.unified_diff(old, new, before, after, lineterm="")
    return "\n".join(format.printable(line) for line in lines) or "Nothing would be changed."


def _known() -> tuple[Paths, list[Integration]]:
    from openusage.cli.surroundings import surroundings
    from openusage.integrations import integrations

    here = surroundings()
    return here.paths, integrations(here.paths, here.environ)


def _chosen(names: Sequence[str], of_all: bool, fits: Callable[[Status], bool]) -> list[Integration]:
    """Those named, or all that fit. Raises `UsageError` where neither is said."""
    if not names and not of_all:
        raise click.UsageError(f"name one of {', '.join(IDS)}, or say --all")
    _, known = _known()
    return [i for i in known if (i.id in names if names else fits(i.status()))]


def _is_shown(status: Status) -> bool:
    return status.detected or status.state != "missing"


def _told(status: Status) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(msgspec.structs.asdict(status), enc_hook=str)
    return document


def _json(document: object) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
