"""Kilo Code: the database of its present generation, and the tasks of the one before.

Seen: databases of Kilo's program and, since 7.2, its extension (they share one; its tables are OpenCode's, of
1.x and 2.x), tasks of the extension and of the earlier program, which are Roo Code's. Costs are as recorded:
dollars of Kilo's gateway. Tasks that were taken over into the database have no usage there and are read where
they were. Not covered: what is left at the gateway, which needs its login.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from openusage.providers import _opencode_database, _roo_places, _sqlite, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._roo_places import watched
from openusage.providers._roo_tasks import TASK_FILES
from openusage.providers._single import one_account
from openusage.providers._sqlite import Batch, Database
from openusage.wire.events import Account, Record

__all__ = ["SPEC", "discover", "plan", "poll", "read", "watched"]

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

EXTENSION = "kilocode.kilo-code"


def discover(env: Env) -> Iterator[Account]:
    """One account over both generations and all editors."""
    databases = (str(Path(path).parent) for path in _databases(env))
    return one_account(SPEC, flat_roots=[*databases, *_roo_places.roots(env, EXTENSION)])


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    return TASK_FILES.plan(account, cursors, env) + _sqlite.plan(_databases(env), cursors)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: tasks, which are the older ones, then databases."""
    yield from TASK_FILES.read(account, cursors, env, changed)

    def reader(db: Database, state: bytes) -> Iterator[Batch]:
        return _opencode_database.batches(db, state, account, env.now_us)

    yield from _sqlite.read(_databases(env), cursors, changed, reader)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: the gateway tells a balance only to its own login."""
    return iter(())


def _databases(env: Env) -> list[str]:
    """The one that a person named, else that of each release channel."""
    usual = _walk.data_home(env) / "kilo"
    named = env.environ.get("KILO_DB", "").strip()
    if named:
        path = _walk.home_path(named, env) if named.startswith("~") else usual / named
        return [str(path)] if path.is_file() else []
    folders = _walk.named(env, "KILO_DATA_DIR") or [usual]
    return [str(path) for folder in folders for path in sorted(folder.glob("kilo*.db"))]
