"""OpenCode: its database (1.2 and later, 2.x), its older JSON files, and the key of its own gateway.

Seen: JSON files of 0.9 to 1.1, the databases of 1.2 and of 2.x, also those of other release channels, which
lie beside it. Every message names the vendor that answered. Not covered: the files of 0.6 and older, and the
balance of OpenCode Zen, which only a browser's login is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from openusage.providers import _opencode_database, _sqlite, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._single import one_account
from openusage.providers._sqlite import Batch, Database
from openusage.providers.opencode import _storage, _zen
from openusage.providers.opencode._hook import parse_hook
from openusage.wire.events import Account, Record

__all__ = ["SPEC", "discover", "parse_hook", "plan", "poll", "read"]

SPEC = ProviderSpec(
    id=_zen.PROVIDER,
    name="OpenCode",
    kind=Kind.BOTH,
    default_account="opencode",
    docs_url="https://opencode.ai/docs",
    patterns=(
        "~/.local/share/opencode/opencode*.db",
        "~/.local/share/opencode/storage/message/*/*.json",
    ),
    binaries=("opencode",),
    retention_hint="OpenCode keeps its sessions until they are deleted.",
)


def discover(env: Env) -> Iterator[Account]:
    """One account over all data folders that hold messages."""
    found = [root for root in _folders(env) if _databases(root) or (root / "storage" / "message").is_dir()]
    # A database makes the JSON files history: they are read, and not watched.
    watched = [root / "storage" / "message" for root in found if not _databases(root)]
    own = [path.parent for path in _named(env)]
    return one_account(SPEC, map(str, watched), map(str, [*found, *own]))


def _folders(env: Env) -> list[Path]:
    named = [Path(part) for part in env.environ.get("OPENCODE_DATA_DIR", "").split(",") if part.strip()]
    usual = [_walk.data_home(env) / "opencode", env.home / "Library" / "Application Support" / "opencode"]
    return list(dict.fromkeys(named or usual))


def _named(env: Env) -> list[Path]:
    """The database that a person named; a relative path is below the data folder."""
    name = env.environ.get("OPENCODE_DB", "").strip()
    paths = [_walk.data_home(env) / "opencode" / name] if name else []
    return [path for path in paths if path.is_file()]


def _databases(root: Path) -> list[str]:
    """`opencode.db` and those of other channels. The usual one first: what is in several is of the first."""
    found = (p for p in root.glob("opencode*.db") if p.stem == "opencode" or p.stem.startswith("opencode-"))
    return sorted(map(str, found), key=lambda path: (not path.endswith("/opencode.db"), path))


def _roots(account: Account) -> list[Path]:
    return [Path(root) for root in account.flat_roots]


def _paths(account: Account, env: Env) -> list[str]:
    usual = [path for root in _roots(account) for path in _databases(root)]
    return list(dict.fromkeys([*usual, *map(str, _named(env))]))


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read: of databases, and of the messages among the JSON files."""
    found = _sqlite.plan(_paths(account, env), cursors)
    due = (_storage.due(root, cursors, None) for root in _roots(account))
    return sum((_storage.planned(files) for files in due), found)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: JSON files first, which are the older ones."""
    now_us = env.now_us

    def reader(db: Database, state: bytes) -> Iterator[Batch]:
        return _opencode_database.batches(db, state, account, now_us)

    for root in _roots(account):
        storage = _storage.Storage(root, account, now_us)
        yield from storage.chunks(_storage.due(root, cursors, changed))
        yield from _gone(root, cursors)
    yield from _sqlite.read(_paths(account, env), cursors, changed, reader)


def _gone(root: Path, cursors: Cursors) -> Iterator[Chunk]:
    """Cursors of sessions that were deleted; a whole folder that is gone may come back."""
    top = root / "storage" / "message"
    names = [
        path for path in cursors if path.startswith(f"{top}/") and top.is_dir() and not Path(path).is_dir()
    ]
    if names:
        yield Chunk(gone=names)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Whether the key of OpenCode Zen is good. Nothing without a network or a key."""
    key = _zen.key_of(iter(_roots(account)), env) if env.http is not None else None
    if key is not None:
        yield from _zen.ask(account.id, key, env)
