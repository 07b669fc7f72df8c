"""Goose: its database of sessions with a ledger of requests, and the JSON lines of versions before it.

Seen: schema versions 1 to 17 (`crates/goose/src/session/session_manager.rs`) and the JSON lines of 2025.
From version 15 on every request is known; before, only what a session used in all, told as it grows. A cost
is what Goose recorded, which may be its own estimate. Not covered: which requests made a total of a version
without a ledger, and cached tokens of versions before 14, which kept none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from openusage.providers import _sqlite
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._sqlite import Batch, Database
from openusage.providers.goose import _database, _legacy
from openusage.providers.goose._sessions import PROVIDER
from openusage.wire.events import Account, Record

__all__ = ["SPEC", "discover", "plan", "poll", "read"]

DATABASE = "sessions.db"

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Goose",
    kind=Kind.LOCAL,
    default_account="goose",
    docs_url="https://goose-docs.ai",
    patterns=("~/.local/share/goose/sessions/sessions.db", "~/.local/share/goose/sessions/*.jsonl"),
    retention_hint="Goose keeps its sessions until they are deleted, with their ledger.",
)


def discover(env: Env) -> Iterator[Account]:
    """One account over all folders of sessions."""
    found = [str(folder) for folder in _folders(env) if folder.is_dir()]
    if found:
        yield Account(id=SPEC.default_account, provider=SPEC.id, flat_roots=tuple(found), label=SPEC.name)


def _folders(env: Env) -> list[Path]:
    root, data = env.environ.get("GOOSE_PATH_ROOT", ""), env.environ.get("XDG_DATA_HOME", "")
    if root:
        return [Path(root) / "data" / "sessions"]
    share = Path(data) if data.startswith("/") else env.home / ".local" / "share"
    support = env.home / "Library" / "Application Support"
    places = (share / "goose", share / "Block" / "goose", support / "Block" / "goose", support / "goose")
    return [place / "sessions" for place in places]


def _roots(account: Account) -> list[Path]:
    return [Path(root) for root in account.flat_roots]


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    roots = _roots(account)
    files = [state for root in roots for state in _legacy.due(root, cursors)]
    found = _sqlite.plan([str(root / DATABASE) for root in roots], cursors)
    return Plan(
        files=found.files + len(files), bytes_to_read=found.bytes_to_read + sum(f.size for f in files)
    )


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: older files, then the database."""

    now_us = round(env.now.timestamp() * 1_000_000)

    def reader(db: Database, state: bytes) -> Iterator[Batch]:
        return _database.batches(db, state, account.id, now_us)

    roots = _roots(account)
    for root in roots:
        for state in _legacy.due(root, cursors, changed):
            yield _legacy.chunk_of(account.id, state)
        if missing := _legacy.gone(root, cursors):
            yield Chunk(gone=missing)
    yield from _sqlite.read([str(root / DATABASE) for root in roots], cursors, changed, reader)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Goose has no quota of its own."""
    yield from ()
