"""What is done to a hub's history from outside: a backup, and forgetting a machine."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openusage.cli.compose.parts import now, now_us, prices
from openusage.errors import (
    AlreadyRunning,
    ExitCode,
    OpenUsageError,
    PeerRefused,
    PeerUnreachable,
    StoreError,
    UsageError,
)
from openusage.settings import HUB_TOKEN_ENV

if TYPE_CHECKING:
    from openusage.paths import Paths
    from openusage.settings import Settings
    from openusage.wire.fleet import ForgetReply

FORGET_S = 900.0
"""A hub may take so long for a machine with millions of events."""


def back_up(paths: Paths, file: Path, database: str) -> int:
    """The history of the hub, and the tokens of its machines, to `file` and beside it."""
    from openusage import format
    from openusage.cli.diagnostics import say
    from openusage.hub.place import database_path, tokens_path
    from openusage.store import backup

    source = database_path(database, paths)
    if source is None:
        raise UsageError("hub.database is `memory`: this hub keeps nothing to back up.", "Set hub.database.")
    tokens = tokens_path(source, paths)
    beside = file.with_name(f"{file.name}-tokens.json")
    if tokens.exists() and beside.exists():
        raise StoreError(f"{beside} is there already", "Nothing is written over: name another file.")
    size = backup(source, file)
    say(f"{file}: {format.size_bytes(size)}, the history of {source}.")
    if tokens.exists():
        _copy_private(tokens, beside)
        say(f"{beside}: the tokens of machines, hashed.")
    return ExitCode.OK


def ask_whether(machine: str) -> None:
    """Asks on a terminal. Raises `UsageError` where nobody can answer."""
    if not sys.stdin.isatty():
        raise UsageError("This removes data for good, and there is nobody to ask.", "Say --yes.")
    click.confirm(f"Remove everything this hub has of {machine}?", abort=True, err=True)


def forget(
    settings: Settings, paths: Paths, machine: str, *, url: str | None, database: str, token: str
) -> ForgetReply:
    """By the hub at `url`; else on the database of this machine's hub; else by that hub, since it runs."""
    from openusage.client import HubClient
    from openusage.hub import parse_listen
    from openusage.hub.place import database_path

    path = database_path(database, paths)
    if url is None and path is not None:
        with contextlib.suppress(AlreadyRunning):
            return _forget_in_file(paths, path, machine)
    if url is None:
        host, port = parse_listen(settings.hub.listen_addr)
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
        url = f"{'https' if settings.hub.tls_cert else 'http'}://{host}:{port}"
    with contextlib.closing(HubClient(url, token=token, now=now, timeout_s=FORGET_S)) as client:
        try:
            return client.forget(machine)
        except PeerUnreachable as e:
            raise PeerUnreachable(
                e.message, "Say with --url where the hub is, as its certificate has it."
            ) from e
        except PeerRefused as e:
            if e.status != 401:
                raise
            raise PeerRefused(e.message, f"Set {HUB_TOKEN_ENV} to its shared token.", status=e.status) from e


def told(reply: ForgetReply, *, where_tokens: int) -> str:
    """What it meant, in sentences."""
    from openusage import format

    name = format.printable(reply.machine)
    lines = [f"Forgot {name}: {format.count(reply.dropped)} events are gone."]
    if reply.moved:
        lines.append(f"{format.count(reply.moved)} events that other machines have too count for them now.")
    if reply.last_seen is not None and (now() - reply.last_seen).total_seconds() < 86_400:
        age = format.age_words((now() - reply.last_seen).total_seconds())
        lines.append(f"It was heard {age} ago: when it pushes again, it comes back with what it still has.")
    if where_tokens:
        lines.append(f"Its tokens are still good: openusage hub token revoke --machine {name}")
    return "\n".join(lines)


def token_count(paths: Paths, database: str, machine: str) -> int:
    """How many tokens there are for a machine of this name here; 0 also where that cannot be read."""
    from openusage.hub import TokenFile, tokens_path
    from openusage.hub.place import database_path

    with contextlib.suppress(OpenUsageError):
        tokens = TokenFile(tokens_path(database_path(database, paths), paths)).tokens()
        return sum(t.machine == machine for t in tokens)
    return 0


def _forget_in_file(paths: Paths, path: Path, machine: str) -> ForgetReply:
    """Without a hub. Raises `AlreadyRunning` when one has the database open."""
    from openusage.hub.forget import forget_offline
    from openusage.hub.opener import OWN
    from openusage.store import Store

    if not path.exists():
        raise StoreError(f"there is no database at {path}", "Say --database, or --url for a hub elsewhere.")
    store = Store.open(path, machine=OWN, price=prices(paths), now=now_us)
    try:
        return forget_offline(store, machine)
    finally:
        store.close()


def _copy_private(source: Path, target: Path) -> None:
    try:
        data = source.read_bytes()
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
    except OSError as e:
        raise StoreError(f"{target} cannot be written: {e.strerror or e}", "Name another file.") from e
