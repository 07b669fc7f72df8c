"""Kiro CLI: its session files in two layouts, and the database of older versions.

Seen: headers and transcripts of kiro-cli 1.2x to 2.12, the logs of 2.13 and later (also of Kiro IDE), the
database of Amazon Q Developer CLI. Kiro counts credits, its own unit, and hardly ever tokens: turns,
requests, tools and credits are told, money is not. Not covered: the plan's credits, which only a request that
costs credits tells, and older storages of Kiro IDE.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from openusage.providers import _sqlite, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._single import one_account
from openusage.providers._sqlite import Batch, Database
from openusage.providers.kiro_cli import _database, _files
from openusage.providers.kiro_cli._turns import PROVIDER
from openusage.wire.events import Account, Record

__all__ = ["SPEC", "discover", "plan", "poll", "read"]

DATABASE = "data.sqlite3"

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Kiro CLI",
    kind=Kind.LOCAL,
    default_account="kiro-cli",
    docs_url="https://kiro.dev/docs/cli",
    patterns=(
        "~/.kiro/sessions/cli/*.json",
        "~/.kiro/sessions/*/*/messages.jsonl",
        "~/.local/share/kiro-cli/data.sqlite3",
    ),
    binaries=("kiro-cli", "kiro"),
    retention_hint="Kiro keeps its sessions; a database of before keeps one conversation a folder.",
)


def discover(env: Env) -> Iterator[Account]:
    """One account over all session folders and databases."""
    home, cli = _places(env)
    roots = [str(f) for f in dict.fromkeys((home / "sessions", cli)) if f.is_dir()]
    flat = [str(folder) for folder in _data_folders(env) if (folder / DATABASE).is_file()]
    return one_account(SPEC, roots, flat)


def _places(env: Env) -> tuple[Path, Path]:
    """Kiro's folder, and that of the older session files."""
    home = Path(env.environ.get("KIRO_HOME") or env.home / ".kiro")
    return home, Path(env.environ.get("KIRO_SESSIONS_DIR") or home / "sessions" / "cli")


def _data_folders(env: Env) -> list[Path]:
    if named := env.environ.get("KIRO_DATA_DIR", ""):
        return [Path(named)]
    support = env.home / "Library" / "Application Support"
    return [place / name for place in (_walk.data_home(env), support) for name in ("kiro-cli", "amazon-q")]


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    due = _files.due(_files.find(*_places(env)), cursors)
    files = Plan(files=len(due), bytes_to_read=sum(_files.size_of(state, cursors) for state in due))
    return files + _sqlite.plan(_databases(account), cursors)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: session files, then databases."""
    paths = _files.find(*_places(env))
    files = {path: cursor for path, cursor in cursors.items() if not path.endswith(DATABASE)}
    reading = _files.Reading(account.id, files)
    chunk = reading.chunk(_files.due(paths, files, changed), paths)
    if chunk is not None:
        yield chunk
    told = [*files.values(), *(chunk.cursors if chunk is not None else [])]
    known = {_files.state_of(cursor).conversation for cursor in told} | {path.stem for path in paths}

    def reader(db: Database, state: bytes) -> Iterator[Batch]:
        return _database.batches(db, state, account.id, known)

    yield from _sqlite.read(_databases(account), cursors, changed, reader)


def _databases(account: Account) -> list[str]:
    return [f"{root}/{DATABASE}" for root in account.flat_roots]


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Asking Kiro for its usage would cost credits."""
    yield from ()
