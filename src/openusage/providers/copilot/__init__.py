"""GitHub Copilot: the command line tool's store and events, telemetry files, chats of VS Code, GitHub's API.

Seen: the command line tool of 2025 and 2026, its store up to schema 8, chats of VS Code as documents and as
logs. Of the sources that may tell of one session only one is counted, the most exact: rows of the store, else
usage events and telemetry (which share the vendor's ids), else what the session's shutdown summed up. Not
covered: completions in an editor (only their quota is told), seats of organizations (which only their
administrators are told), requests of chats of older editors (which kept no counts), and calls through a
login that lies in the system's key ring.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from openusage.errors import SourceError
from openusage.providers import _sqlite, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._jsonl import FileState
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import one_account
from openusage.providers.copilot import _account, _chats, _places, _session, _store, _telemetry
from openusage.providers.copilot._account import poll
from openusage.providers.copilot._places import PROVIDER
from openusage.wire.events import Account
from openusage.wire.problems import Problem

__all__ = ["SPEC", "discover", "plan", "poll", "read"]

SPEC = ProviderSpec(
    id=PROVIDER,
    name="GitHub Copilot",
    kind=Kind.BOTH,
    default_account="copilot",
    docs_url="https://docs.github.com/en/copilot",
    patterns=(
        "~/.copilot/session-store.db",
        "~/.copilot/session-state/*/events.jsonl",
        "~/.copilot/otel/*.jsonl",
        "~/.config/Code/User/workspaceStorage/*/chatSessions/*",
    ),
    binaries=("copilot",),
)

STILL_US = 24 * 3_600_000_000
"""A session that nobody wrote to for so long has ended, also when it does not say so."""

_CHATS = Remembers(_chats.Memory)
_SESSIONS = Remembers(_session.Memory)
_TELEMETRY = Remembers(_telemetry.Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all places, when there is a trace of the tool in any."""
    return one_account(SPEC, _places.roots(env), _places.flat_roots(env))


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    logs = _walk.plan(_places.find(account, env).all, cursors)
    store = _sqlite.plan(_places.stores(account), cursors)
    return logs + store


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: the best source first, so that the others know what it told."""
    files = _places.find(account, env, changed)
    reading = Reading(account, cursors, changed)
    for root in account.flat_roots:
        reading.facts(Path(root) / _places.CONFIG, _account.config_facts)
    problems = list(files.problems)
    stores, covered = _places.stores(account), _store.Covered(_places.stores(account))
    due = _due([*files.telemetry, *files.sessions], cursors, env)
    try:
        rows = _store.Reader(account.id, partial(_places.has_events, account))
        yield from _sqlite.read(stores, cursors, changed, rows.batches)
        if due:
            covered.refresh()
    except SourceError as e:
        # What the store has is not known: the sessions wait until it can be read, lest they count twice.
        problems += [Problem.of(e, path) for path in stores]
        due = []
    yield from _cli(account, reading, due, covered, env)
    told = _told(account, reading, env)
    for state in files.chats:
        project = partial(_places.workspace_of, state.path)
        name = Path(state.path).stem
        parser = partial(_chats.Conversation, account.id, name, project, told.__contains__)
        if state.path.endswith(".jsonl"):
            yield from reading.log(state, _CHATS, parser)
        else:
            yield from reading.document(state, _CHATS, parser)
    yield from reading.rest(_walk.gone(cursors, files.all, account.roots, changed), problems)


def _due(files: list[FileState], cursors: Cursors, env: Env) -> list[FileState]:
    """Those that changed, and those in which something is held back and nobody writes any more."""
    return [
        state
        for state in files
        if state.start(cursor := cursors.get(state.path)) is not None
        or (_is_still(state, env) and cursor is not None and _session.HELD in cursor.state)
    ]


def _is_still(state: FileState, env: Env) -> bool:
    return state.mtime_ns // 1000 < env.now_us - STILL_US


def _cli(
    account: Account, reading: Reading, due: list[FileState], covered: _store.Covered, env: Env
) -> Iterator[Chunk]:
    """Telemetry, then the sessions that neither it nor the store tells of."""
    paths = _places.telemetry_among(account, env, (state.path for state in due))
    telemetry = [state for state in due if state.path in paths]
    for state in telemetry:
        parser = partial(_telemetry.Telemetry, account.id, covered.has)
        yield from reading.log(state, _TELEMETRY, parser)
    if not all(map(reading.is_read, telemetry)):
        return  # the sessions wait, as they do for the store
    sessions = [state for state in due if state not in telemetry]
    told = _told(account, reading, env) if sessions else set()

    def is_told(session: str, from_us: int, to_us: int) -> bool:
        return session in told or covered.has(session, from_us, to_us)

    for state in sessions:
        session = partial(_session.Session, account.id, _places.session_of(state.path), is_told)
        yield from reading.log(state, _SESSIONS, session)
        if _is_still(state, env):
            reading.settle(state, _SESSIONS, session)


def _told(account: Account, reading: Reading, env: Env) -> set[str]:
    """Sessions whose calls telemetry tells."""
    paths = _places.telemetry_among(account, env, reading.paths)
    memories = (reading.memory(path, _TELEMETRY) for path in paths)
    return {session for memory in memories if memory is not None for session in memory.sessions}
