"""The database of an OpenClaw agent -> batches of records: a row is a line of what was a log before.

Sources: `src/state/openclaw-agent-schema.sql`, `src/state/openclaw-agent-db.paths.ts` of the OpenClaw
repository. A session that is rewritten gets its rows anew; that they are read again changes nothing. Since
2026.9.6 a large row is packed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers._loose import Unreadable
from openusage.providers._packed import unpacked
from openusage.providers._pi_entries import Memory, Parser, Place
from openusage.providers._rows import Followed, Row, Table, Trail, marks
from openusage.providers._sqlite import Batch, Database
from openusage.providers._values import remembered, text
from openusage.providers.openclaw import _archives
from openusage.providers.openclaw._archives import Archive
from openusage.wire.events import Record

PROVIDER = "openclaw"
AGENT = "subagent"
KEPT_SESSIONS = 64
"""Sessions that are remembered: those that may go on."""
LARGEST_ROW_BYTES = 4 << 20
"""The largest that OpenClaw packs."""

NAME = "transcript_events"
_ID = "CASE WHEN json_valid(event_json) THEN json_extract(event_json, '$.id') END"
_SESSIONS = ("session_windows", "sessions")
"""Where a session's key stands, in newer and older versions."""


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    rows: Followed = msgspec.field(default_factory=Followed)
    archives: dict[str, Trail] = {}
    """How far the tables of sessions that were put away were read."""
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
    """Everything new in a database since `state`: sessions, then those that were put away."""
    known = remembered(state, _state)
    yield from Reading(db, known, account).batches()


class Reading:
    """One pass over one database."""

    def __init__(self, db: Database, state: State, account: str) -> None:
        columns = db.expect(NAME, "session_id", "seq", "event_json", "created_at")
        packed, size = ("event_zstd", "event_utf8_bytes") if "event_zstd" in columns else ("NULL", "NULL")
        self._db = db
        self._state = state
        self._account = account
        self._problems: list[str] = []
        self._columns = f"CAST(event_json AS BLOB), {packed}"
        self._table = Table(
            name=NAME,
            key="rowid",
            columns=f"session_id, seq, {self._columns}",
            witness=f"session_id || ' ' || seq || ' ' || ifnull(length(event_json), {size}) || ' ' || "
            f"ifnull({_ID}, created_at)",
        )

    def batches(self) -> Iterator[Batch]:
        for found, share in self._state.rows.batches(self._db, self._table, self._records):
            told, self._problems = self._problems, []
            yield Batch(found, msgspec.json.encode(self._state), share, told)
        for archive in _archives.unread(self._db, self._state.archives):
            found, told = self._archived(archive)
            yield Batch(found, msgspec.json.encode(self._state), problems=told)

    def _records(self, rows: list[Row]) -> list[Record]:
        agents = _subagents(self._db, {row[2] for row in rows})
        found: list[Record] = []
        for rowid, _, session, _, data, packed in rows:
            place = self._place(session, is_agent=session in agents)
            try:
                found += Parser(place, self._memory(place)).feed(_event(data, packed))
            except Unreadable as e:
                self._problems.append(f"row {rowid} of `{NAME}`: {e.what}")
        return found

    def _archived(self, archive: Archive) -> tuple[list[Record], list[str]]:
        """Records of a session that was put away, and what of it cannot be read."""
        parser = Parser(self._place(archive.session, is_agent=is_subagent(archive.key)), Memory())
        found: list[Record] = []
        bad = 0
        for line in archive.lines:
            try:
                found += parser.feed(line)
            except Unreadable:
                bad += 1
        problems = [archive.problem] if archive.problem else []
        return found, problems + ([f"{archive.where}: {bad} lines cannot be read"] if bad else [])

    def _place(self, session: object, *, is_agent: bool) -> Place:
        return Place(PROVIDER, self._account, str(session), AGENT if is_agent else None, by_message=True)

    def _memory(self, place: Place) -> Memory:
        """What is known of a session; of one that was forgotten, what its head says."""
        sessions = self._state.sessions
        memory = sessions.pop(place.session, None)
        if memory is None:
            memory = Memory()
            head = f"SELECT {self._columns} FROM {NAME} WHERE session_id = ? ORDER BY seq LIMIT 1"
            for data, packed in self._db.rows(head, (place.session,)):
                try:
                    list(Parser(place, memory).feed(_event(data, packed)))
                except Unreadable:
                    memory = Memory()
        sessions[place.session] = memory
        while len(sessions) > KEPT_SESSIONS:
            del sessions[next(iter(sessions))]
        return memory


def _event(data: bytes | None, packed: bytes | None) -> bytes:
    return unpacked(packed, LARGEST_ROW_BYTES) if data is None and packed is not None else data or b""


def _subagents(db: Database, sessions: set[Any]) -> set[Any]:
    for table in _SESSIONS:
        if {"session_id", "session_key"} <= db.columns(table):
            sql = f"SELECT session_id, session_key FROM {table} WHERE session_id IN ({marks(sessions)})"
            return {name for name, key in db.rows(sql, [*sessions]) if is_subagent(text(key) or "")}
    return set()
