"""Goose: its database of sessions with a ledger of requests, and the JSON lines of versions before it.

Seen: schema versions 1 to 17 (`crates/goose/src/session/session_manager.rs`) and the JSON lines of 2025.
From version 15 on every request is known; before, only what a session used in all, told as it grows. A cost
is what Goose recorded, which may be its own estimate. Not covered: which requests made a total of a version
without a ledger, and cached tokens of versions before 14, which kept none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from openusage.providers import _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._single import one_account
from openusage.providers._sqlite import Batch, Database, Databases
from openusage.providers.goose import _database, _legacy
from openusage.providers.goose._sessions import PROVIDER
from openusage.wire.events import Account, Record

__all__ = ["SPEC", "discover", "plan", "poll", "read"]

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Goose",
    kind=Kind.LOCAL,
    default_account="goose",
    docs_url="https://goose-docs.ai",
    patterns=("~/.local/share/goose/sessions/sessions.db", "~/.local/share/goose/sessions/*.jsonl"),
    binaries=("goose",),
    retention_hint="Goose keeps its sessions until they are deleted, with their ledger.",
)


def discover(env: Env) -> Iterator[Account]:
    """One account over all folders of sessions."""
    return one_account(SPEC, flat_roots=[str(folder) for folder in _folders(env) if folder.is_dir()])


def _folders(env: Env) -> list[Path]:
    root = env.environ.get("GOOSE_PATH_ROOT", "")
    if root:
        return [Path(root) / "data" / "sessions"]
    share = _walk.data_home(env)
    support = env.home / "Library" / "Application Support"
    places = (share / "goose", share / "Block" / "goose", support / "Block" / "goose", support / "goose")
    return [place / "sessions" for place in places]


def _roots(account: Account) -> list[Path]:
    return [Path(root) for root in account.flat_roots]


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    files = [state for root in _roots(account) for state in _legacy.due(root, cursors)]
    older = Plan(files=len(files), bytes_to_read=sum(f.size for f in files))
    return older + _DATABASES.plan(account, cursors, env)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: older files, then the database."""
    for root in _roots(account):
        for state in _legacy.due(root, cursors, changed):
            yield _legacy.chunk_of(account.id, state)
        if missing := _legacy.gone(root, cursors):
            yield Chunk(gone=missing)
    yield from _DATABASES.read(account, cursors, env, changed)


def _batches(account: Account, env: Env, db: Database, state: bytes) -> Iterator[Batch]:
    return _database.batches(db, state, account.id, env.now_us)


_DATABASES = Databases("sessions.db", _batches)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Goose has no quota of its own."""
    yield from ()
