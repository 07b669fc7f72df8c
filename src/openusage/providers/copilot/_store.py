"""`session-store.db` of the Copilot command line tool: a row for every model call, and which calls those are.

The best source there is: exact, call by call, with sub-agents. What else tells of a session (telemetry, its
events) is only counted where the store has no call of it. A session older than the table has events alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

import msgspec

from openusage.lineage.names import upstream_by_name
from openusage.providers import _sqlite
from openusage.providers._rows import Followed, Row, Table, marks
from openusage.providers._sqlite import Batch, Database
from openusage.providers._values import (
    count,
    disjoint,
    number,
    project_of,
    remembered,
    text,
    time_us,
)
from openusage.providers.copilot._places import PROVIDER
from openusage.wire.events import (
    Behaviour,
    EventKind,
    QuotaReading,
    Record,
    Scope,
    UsageEvent,
    event_key,
)

CALLS, TURNS, SESSIONS = "assistant_usage_events", "turns", "sessions"
GITHUB = "github"
CLI = "CLI"
AGENT = "agent"
NANO_AIU = 1e9
"""Of one AI credit."""
NEAR_US = 5_000_000
"""A call may be written so long before the session's first event, or after its last."""

_CALL = (
    "session_id",
    "model",
    "copilot_usage_model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "agent_id",
    "parent_tool_call_id",
    "created_at",
)
_TURN = ("session_id", "turn_index", "timestamp")


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    calls: Followed = msgspec.field(default_factory=Followed)
    turns: Followed = msgspec.field(default_factory=Followed)


_state = msgspec.json.Decoder(State)


def upstream_of(model: str | None) -> str:
    """Who made the model that GitHub asked."""
    return upstream_by_name(model) or GITHUB


class Reader:
    """Reads what is new in the store. `has_events`: whether a session's own log is there, which tells more of
    its turns."""

    def __init__(self, account: str, has_events: Callable[[str], bool]) -> None:
        self._account = account
        self._has_events = has_events

    def batches(self, db: Database, state: bytes) -> Iterator[Batch]:
        known = remembered(state, _state)
        db.expect(SESSIONS, "id")
        if db.columns(CALLS):
            db.expect(CALLS, "id", "session_id", "created_at")
            table = Table(
                name=CALLS,
                key="session_id || ' ' || id || ' ' || created_at",
                columns=db.select(CALLS, _CALL),
            )
            for records, share in known.calls.batches(db, table, lambda rows: self._calls(db, rows)):
                found: list[Record] = [*records, *self._credits(db)]
                yield Batch(found, msgspec.json.encode(known), share)
        if db.columns(TURNS):
            table = Table(name=TURNS, key="session_id || ' ' || turn_index", columns=db.select(TURNS, _TURN))
            for turns, _ in known.turns.batches(db, table, lambda rows: self._turns(db, rows)):
                yield Batch(turns, msgspec.json.encode(known))

    def _calls(self, db: Database, rows: list[Row]) -> list[Record]:
        projects = self._projects(db, {row[2] for row in rows})
        made: list[Record] = []
        for rowid, _, session, model, used_model, *counts, agent, parent, created in rows:
            at_us, name = time_us(created), text(model) or text(used_model)
            given, output, read, written, reasoning = map(count, counts)
            if at_us is None:
                continue
            made.append(
                UsageEvent(
                    provider=PROVIDER,
                    account=self._account,
                    at_us=at_us,
                    kind=EventKind.MESSAGE,
                    event_key=event_key(PROVIDER, "call", session, rowid),
                    tokens=disjoint(
                        input=given,
                        output=output,
                        cache_read=read,
                        cache_write=written,
                        reasoning=reasoning,
                        cache_inside=True,
                        reasoning_inside=True,
                    ),
                    model=name,
                    upstream=upstream_of(name),
                    client=CLI,
                    project=projects.get(session),
                    session=text(session),
                    agent=AGENT if parent or agent not in (None, "", "main") else None,
                )
            )
        return made

    def _turns(self, db: Database, rows: list[Row]) -> list[Record]:
        """What a person asked, for sessions of which nothing else tells it."""
        projects = self._projects(db, {row[2] for row in rows})
        return [
            UsageEvent(
                provider=PROVIDER,
                account=self._account,
                at_us=at_us,
                kind=EventKind.TURN,
                event_key=event_key(PROVIDER, "row", session, turn),
                client=CLI,
                project=projects.get(session),
                session=text(session),
            )
            for _, _, session, turn, stamp in rows
            if (at_us := time_us(stamp)) is not None and not self._has_events(str(session))
        ]

    @staticmethod
    def _projects(db: Database, sessions: set[object]) -> dict[object, str | None]:
        columns = db.select(SESSIONS, ("id", "cwd", "repository"))
        ids = [str(session) for session in sessions]
        rows = db.rows(f"SELECT {columns} FROM {SESSIONS} WHERE id IN ({marks(ids)})", ids)
        return {name: project_of(cwd) or project_of(repository) for name, cwd, repository in rows}

    def _credits(self, db: Database) -> Iterator[QuotaReading]:
        """AI credits of all calls that this machine made: a unit of GitHub's own."""
        if "total_nano_aiu" not in db.columns(CALLS):
            return
        ((total, last),) = db.rows(f"SELECT sum(total_nano_aiu), max(created_at) FROM {CALLS}")
        nano, at_us = number(total), time_us(last)
        if nano and at_us is not None:
            yield QuotaReading(
                provider=PROVIDER,
                account=self._account,
                key="cli_ai_credits",
                at_us=at_us,
                unit="credits",
                window="all-time",
                used=nano / NANO_AIU,
                behaviour=Behaviour.COUNTER,
                scope=Scope.MACHINE,
            )


class Covered:
    """When the store has calls of which session.

    Raises:
        SourceError: from `refresh`: the store is there and cannot be read, so nobody can tell.
    """

    def __init__(self, stores: list[str]) -> None:
        self._stores = stores
        self._calls: dict[str, list[int]] = {}

    def refresh(self) -> None:
        """Look what is there now."""
        calls: dict[str, list[int]] = {}
        for state in filter(None, map(_sqlite.stat, self._stores)):
            with _sqlite.opened(state) as db:
                if not db.is_empty:
                    db.expect(SESSIONS, "id")
                if db.columns(CALLS):
                    for session, created in db.rows(f"SELECT session_id, created_at FROM {CALLS}"):
                        calls.setdefault(str(session), []).append(time_us(created) or 0)
                db.check()
        self._calls = {session: sorted(times) for session, times in calls.items()}

    def has(self, session: str, from_us: int = 0, to_us: int | None = None) -> bool:
        """Whether it has calls of a session between two moments, a few seconds more or less."""
        times = self._calls.get(session, [])
        first = bisect_left(times, from_us - NEAR_US)
        return first < len(times) and (to_us is None or times[first] <= to_us + NEAR_US)
