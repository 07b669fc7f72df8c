"""Kilo Code: the database of its present generation, and the tasks of the one before.

Seen: databases of Kilo's program and, since 7.2, its extension (they share one; its tables are OpenCode's, of
1.x and 2.x), tasks of the extension and of the earlier program, which are Roo Code's. Costs are as recorded:
dollars of Kilo's gateway. Tasks that were taken over into the database have no usage there and are read where
they were. Not covered: what is left at the gateway, which needs its login.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from openusage.providers import _opencode_database, _roo_tasks, _sqlite, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._reading import Reading
from openusage.providers._sqlite import Batch, Database
from openusage.wire.events import Account, Record

SPEC = ProviderSpec(
    id="kilo_code",
    name="Kilo Code",
    kind=Kind.LOCAL,
    default_account="kilo_code",
    docs_url="https://kilo.ai/docs",
    patterns=(
        "~/.local/share/kilo/kilo*.db",
        "~/.config/Code/User/globalStorage/kilocode.kilo-code/tasks/*/ui_messages.json",
        "~/.kilocode/cli/global/tasks/*/ui_messages.json",
    ),
    binaries=("kilo", "kilocode"),
    retention_hint="Kilo Code keeps its sessions until they are deleted.",
)

CHUNK_BYTES = 8 << 20
EXTENSION = "kilocode.kilo-code"


def discover(env: Env) -> Iterator[Account]:
    """One account over both generations and all editors."""
    terminal = env.home / ".kilocode" / "cli" / "global" / _roo_tasks.TASKS
    tasks = _walk.real_dirs([*_roo_tasks.places(env, EXTENSION), terminal])
    flat = dict.fromkeys([*(str(Path(path).parent) for path in _databases(env)), *tasks])
    if flat:
        yield Account(id=SPEC.default_account, provider=SPEC.id, flat_roots=tuple(flat), label=SPEC.name)


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    tasks = _walk.plan(_roo_tasks.find(account).files, cursors)
    found = _sqlite.plan(_databases(env), cursors)
    return Plan(files=tasks.files + found.files, bytes_to_read=tasks.bytes_to_read + found.bytes_to_read)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: tasks, which are the older ones, then databases."""
    now_us = round(env.now.timestamp() * 1_000_000)
    reading = Reading(account, cursors, CHUNK_BYTES, changed)
    found = _roo_tasks.find(account, changed)
    yield from _roo_tasks.read(reading, account, found.files)
    yield from reading.rest(
        _walk.gone(cursors, found.files, _roo_tasks.folders(account), changed), found.problems
    )

    def reader(db: Database, state: bytes) -> Iterator[Batch]:
        return _opencode_database.batches(db, state, account, now_us)

    yield from _sqlite.read(_databases(env), cursors, changed, reader)


def watched(account: Account) -> Iterator[str]:
    """The tasks that were written last."""
    yield from _roo_tasks.watched(account)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: the gateway tells a balance only to its own login."""
    return iter(())


def _databases(env: Env) -> list[str]:
    """The one that a person named, else that of each release channel."""
    data = env.environ.get("XDG_DATA_HOME", "")
    usual = (Path(data) if data.startswith("/") else env.home / ".local" / "share") / "kilo"
    named = env.environ.get("KILO_DB", "").strip()
    if named:
        path = _walk.home_path(named, env) if named.startswith("~") else usual / named
        return [str(path)] if path.is_file() else []
    folders = _walk.named(env, "KILO_DATA_DIR") or [usual]
    return [str(path) for folder in folders for path in sorted(folder.glob("kilo*.db"))]
