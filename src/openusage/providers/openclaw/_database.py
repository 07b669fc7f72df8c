"""The database of an OpenClaw agent -> batches of records: a row is a line of what was a log before.

Sources: `src/state/openclaw-agent-schema.sql`, `src/state/openclaw-agent-db.paths.ts` of the OpenClaw
repository. A session that is rewritten gets its rows anew; that they are read again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers._loose import Unreadable
from openusage.providers._pi_entries import Memory, Parser, Place
from openusage.providers._rows import Followed, Row, Table, marks
from openusage.providers._sqlite import Batch, Database
from openusage.providers._values import remembered, text
from openusage.wire.events import Record

PROVIDER = "openclaw"
AGENT = "subagent"
KEPT_SESSIONS = 64
"""Sessions that are remembered: those that may go on."""

_ID = "CASE WHEN json_valid(event_json) THEN json_extract(event_json, '$.id') END"
_WITNESS = f"session_id || ' ' || seq || ' ' || length(event_json) || ' ' || ifnull({_ID}, '')"
EVENTS = Table(
    name="transcript_events",
    key="rowid",
    columns="session_id, seq, CAST(event_json AS BLOB)",
    witness=_WITNESS,
)
_HEAD = f"SELECT CAST(event_json AS BLOB) FROM {EVENTS.name} WHERE session_id = ? ORDER BY seq LIMIT 1"
_SESSIONS = ("session_windows", "sessions")
"""Where a session's key stands, in newer and older versions."""


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    rows: Followed = msgspec.field(default_factory=Followed)
    sessions: dict[str, Memory] = {}
    """What is known of sessions, that of the last row last."""


_state = msgspec.json.Decoder(State)


def is_subagent(key: str) -> bool:
    """Whether a session's key is that of one which another session started.

    >>> is_subagent("agent:main:subagent:6a1f"), is_subagent("agent:main:main")
    (True, False)
    """
    return ":subagent:" in key


def batches(db: Database, state: bytes, account: str) -> Iterator[Batch]:
    """Everything new in a database since `state`."""
    db.expect(EVENTS.name, "session_id", "seq", "event_json", "created_at")
    known = remembered(state, _state)
    problems: list[str] = []

    def records(rows: list[Row]) -> list[Record]:
        agents = _subagents(db, {row[2] for row in rows})
        found: list[Record] = []
        for rowid, _, session, _, data in rows:
            place = Place(PROVIDER, account, str(session), AGENT if session in agents else None, True)
            parser = Parser(place, _memory(db, known, place))
            try:
                found += parser.feed(data or b"")
            except Unreadable as e:
                problems.append(f"row {rowid} of `{EVENTS.name}`: {e.what}")
        return found

    for found, share in known.rows.batches(db, EVENTS, records):
        told, problems[:] = list(problems), []
        yield Batch(found, msgspec.json.encode(known), share, told)


def _memory(db: Database, known: State, place: Place) -> Memory:
    """What is known of a session; of one that was forgotten, what its head says."""
    memory = known.sessions.pop(place.session, None)
    if memory is None:
        memory = Memory()
        head = (
            "SELECT CAST(event_json AS BLOB) FROM transcript_events WHERE session_id = ? ORDER BY seq LIMIT 1"
        )
        for (data,) in db.rows(head, (place.session,)):
            try:
                list(Parser(place, memory).feed(data or b""))
            except Unreadable:
                memory = Memory()
    known.sessions[place.session] = memory
    while len(known.sessions) > KEPT_SESSIONS:
        del known.sessions[next(iter(known.sessions))]
    return memory


def _subagents(db: Database, sessions: set[Any]) -> set[Any]:
    for table in _SESSIONS:
        if {"session_id", "session_key"} <= db.columns(table):
            sql = f"SELECT session_id, session_key FROM {table} WHERE session_id IN ({marks(sessions)})"
            return {name for name, key in db.rows(sql, [*sessions]) if is_subagent(text(key) or "")}
    return set()
