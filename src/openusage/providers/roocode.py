"""Roo Code: tasks of its extension in VS Code and its kin, and of its program for the terminal.

Seen: tasks of 2024 to 2026. One event per request, with the cost that Roo recorded. Not covered: the tokens
of condensing a conversation, of which only the cost is told; tasks at a place of one's own choice
(`customStoragePath`); requests that somebody took out of a task before they were read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from openusage.providers import _roo_tasks, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._reading import Reading
from openusage.wire.events import Account, Record

SPEC = ProviderSpec(
    id="roocode",
    name="Roo Code",
    kind=Kind.LOCAL,
    default_account="roocode",
    docs_url="https://docs.roocode.com",
    patterns=(
        "~/.config/Code/User/globalStorage/rooveterinaryinc.roo-cline/tasks/*/ui_messages.json",
        "~/.vscode-mock/global-storage/tasks/*/ui_messages.json",
    ),
    binaries=("roo",),
    retention_hint="Roo Code keeps its tasks until they are deleted.",
)

CHUNK_BYTES = 8 << 20
EXTENSION = "rooveterinaryinc.roo-cline"


def discover(env: Env) -> Iterator[Account]:
    """One account over all editors."""
    roots = _walk.real_dirs(_places(env))
    if roots:
        yield Account(id=SPEC.default_account, provider=SPEC.id, flat_roots=tuple(roots), label=SPEC.name)


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    return _walk.plan(_roo_tasks.find(account).files, cursors)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """The tasks that changed since `cursors`."""
    reading = Reading(account, cursors, CHUNK_BYTES, changed)
    found = _roo_tasks.find(account, changed)
    yield from _roo_tasks.read(reading, account, found.files)
    yield from reading.rest(_walk.gone(cursors, found.files, account.flat_roots, changed), found.problems)


def watched(account: Account) -> Iterator[str]:
    """The tasks that were written last."""
    yield from _roo_tasks.watched(account)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: what is left of a plan, the vendors behind it tell."""
    return iter(())


def _places(env: Env) -> list[Path]:
    terminal = env.home / ".vscode-mock" / "global-storage" / _roo_tasks.TASKS
    return [*_roo_tasks.places(env, EXTENSION), terminal]
