"""Cursor: its dashboard's list of requests and plan, and what its databases on the machine note of its chats.

Seen: the databases of 2025 and 2026 (`state.vscdb`, `ai-code-tracking.db`), the dashboard's API of 2026.
Tokens and money of requests are the dashboard's, also those of Cursor's command line, which keeps none. The
machine tells prompts, tools, chats, and code by language. Where nobody is signed in, what older versions
noted of tokens (an estimate) and of money is told instead. Not covered: requests of before the plan's present
period, other than those that were seen in it, and the exported CSV.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from openusage.providers import _sqlite
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._single import one_account
from openusage.providers._sqlite import Batch, Database
from openusage.providers.cursor import _dashboard, _state, _tracking
from openusage.providers.cursor._chats import PROVIDER
from openusage.wire.events import Account, Record

__all__ = ["SPEC", "discover", "plan", "poll", "read"]

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Cursor",
    kind=Kind.BOTH,
    default_account="cursor-ide",
    docs_url="https://docs.cursor.com",
    patterns=(
        "~/.config/Cursor/User/globalStorage/state.vscdb",
        "~/.config/Cursor/User/workspaceStorage/*/state.vscdb",
        "~/.cursor/ai-tracking/ai-code-tracking.db",
    ),
    binaries=("cursor", "cursor-agent"),
    retention_hint="Cursor keeps its chats; its dashboard keeps the requests.",
)

STATE, TRACKING, GLOBAL, WORKSPACES = (
    "state.vscdb",
    "ai-code-tracking.db",
    "globalStorage",
    "workspaceStorage",
)


def discover(env: Env) -> Iterator[Account]:
    """One account over the databases that are there."""
    found = [str(folder) for folder, name in _places(env) if (folder / name).is_file()]
    return one_account(SPEC, flat_roots=found)


def _places(env: Env) -> Iterator[tuple[Path, str]]:
    config = env.environ.get("XDG_CONFIG_HOME", "")
    home = Path(config) if config.startswith("/") else env.home / ".config"
    for app in (home / "Cursor", env.home / "Library" / "Application Support" / "Cursor"):
        yield app / "User" / GLOBAL, STATE
    yield env.home / ".cursor" / "ai-tracking", TRACKING


def _globals(account: Account) -> list[str]:
    return [f"{root}/{STATE}" for root in account.flat_roots if Path(root).name == GLOBAL]


def _workspaces(account: Account) -> list[str]:
    folders = [Path(path).parents[1] / WORKSPACES for path in _globals(account)]
    return sorted(str(path) for folder in folders for path in folder.glob(f"*/{STATE}"))


def _tracked(account: Account) -> list[str]:
    return [f"{root}/{TRACKING}" for root in account.flat_roots if Path(root).name != GLOBAL]


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    return _sqlite.plan([*_workspaces(account), *_globals(account), *_tracked(account)], cursors)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: which chats are of which project, then chats, then code."""
    states = {path: cursor.state for path, cursor in cursors.items() if path.endswith(STATE)}

    def reader(db: Database, state: bytes) -> Iterator[Batch]:
        if db.path.endswith(TRACKING):
            return _tracking.batches(db, state, account.id)
        if Path(db.path).parent.name != GLOBAL:
            return _state.workspace(db, state, _project(db.path))
        at_us = env.now_us
        return _state.Reading(db, state, account.id, at_us, _projects(states)).batches()

    paths = [*_workspaces(account), *_globals(account), *_tracked(account)]
    for chunk in _sqlite.read(paths, cursors, changed, reader):
        states.update((c.path, c.state) for c in chunk.cursors if c.path.endswith(STATE))
        yield chunk


def _project(path: str) -> str | None:
    try:
        return _state.project_beside((Path(path).parent / "workspace.json").read_bytes())
    except OSError:
        return None


def _projects(states: dict[str, bytes]) -> dict[str, str]:
    """Chat -> project, of all workspaces."""
    known = [_state.state_of(data) for path, data in states.items() if Path(path).parent.name != GLOBAL]
    return {chat: state.project for state in known if state.project for chat in state.chats}


def poll(account: Account, env: Env) -> Iterator[Record]:
    """The dashboard's figures. Nothing without a network or a login."""
    if env.http is None:
        return
    for path in _globals(account):
        known = _login(path)
        if known is not None:
            base = env.base_urls.get(PROVIDER)
            yield from _dashboard.ask(account.id, known, env.http, base, env.now, env.polled_us)
            return


def _login(path: str) -> _state.Login | None:
    state = _sqlite.stat(path)
    if state is None:
        return None
    with _sqlite.opened(state) as db:
        return _state.login(db)
