"""The database of OpenCode (1.2 and later, 2.x) and of Kilo Code -> batches of records.

A message that is not finished is read again, with its parts, until it is. The `event` table is never read: it
repeats every streamed piece and grows to many GB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers import _opencode_messages as messages
from openusage.providers._opencode_messages import Part, Session
from openusage.providers._rows import Followed, Row, Table, marks
from openusage.providers._sqlite import Batch, Database
from openusage.providers._values import remembered, text, time_us
from openusage.wire.events import Account, Record

_COLUMNS = "session_id, {role}, time_created, time_updated, CAST(data AS BLOB)"
_PARTS = """(SELECT count(*) || ' ' || max(p.time_updated) FROM part AS p WHERE p.message_id = message.id)"""
OLD = Table(
    name="message",
    columns=_COLUMNS.format(role="NULL"),
    stamp=f"time_updated || ' ' || ifnull({_PARTS}, '')",
)
NEW = Table(name="session_message", columns=_COLUMNS.format(role="type"), stamp="time_updated")


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    table: str = ""
    rows: Followed = msgspec.field(default_factory=Followed)


_state = msgspec.json.Decoder(State)


class Reading:
    """One pass over one database."""

    def __init__(self, db: Database, state: State, account: Account, now_us: int) -> None:
        self._db = db
        self._account = account
        self._now_us = now_us
        self._table = generation(db)
        is_same = state.table == self._table.name
        self._state = state if is_same else State(table=self._table.name)
        is_new = self._table is NEW and db.columns("session_v2")
        self._sessions = "session_v2" if is_new else "session"
        self._problems: list[str] = []

    def batches(self) -> Iterator[Batch]:
        """What is new."""
        for records, share in self._state.rows.batches(self._db, self._table, self._records):
            problems, self._problems = self._problems, []
            yield Batch(records, msgspec.json.encode(self._state), share, problems)

    def _records(self, rows: list[Row]) -> list[Record]:
        found = [(row, messages.message_of(row[6] or b"", text(row[3]))) for row in rows]
        sessions = self._sessions_of({row[2] for row in rows})
        parts = self._parts_of([row[1] for row, m in found if m is not None and m.role == "assistant"])
        records: list[Record] = []
        may_change: list[str] = []
        for (rowid, key, session, _, created, updated, _), message in found:
            if message is None:
                self._problems.append(f"row {rowid} of `{self._table.name}` is no JSON")
                continue
            message.time = message.time or {"created": created}
            own = message.content if message.content is not None else parts.get(key, [])
            is_stale = self._now_us - (time_us(updated) or 0) > messages.STALE_US
            about = sessions.get(session) or Session(id=text(session))
            records += messages.events(self._account, message, about, own, final=is_stale)
            if message.role == "assistant" and (not message.is_done or messages.is_running(own)):
                may_change.append(key)
        self._state.rows.keep(self._db, self._table, rows, may_change)
        return records

    def _sessions_of(self, ids: set[Any]) -> dict[Any, Session]:
        columns = self._db.select(self._sessions, ("id", "directory", "parent_id", "time_created"))
        rows = self._db.rows(f"SELECT {columns} FROM {self._sessions} WHERE id IN ({marks(ids)})", [*ids])
        return {
            name: Session(text(name), text(directory), text(parent), time_us(created))
            for name, directory, parent, created in rows
        }

    def _parts_of(self, ids: list[str]) -> dict[str, list[Part]]:
        """Parts of messages of 1.x by message, in their order."""
        found: dict[str, list[Part]] = {}
        if not ids or self._table is NEW:
            return found
        which = f"message_id IN ({marks(ids)})"
        rows = self._db.rows(f"SELECT message_id, id, CAST(data AS BLOB) FROM part WHERE {which}", ids)
        for message, name, data in sorted(rows, key=lambda row: str(row[1])):
            part = messages.part_of(data)
            if part is not None:
                part.id = part.id or name
                found.setdefault(message, []).append(part)
        return found


def generation(db: Database) -> Table:
    """The table to read. 2.x keeps the tables of 1.x, frozen, and copies what is in them into its own.

    Raises:
        SourceChanged: there is neither generation's table, or one lacks what must be in it.
    """
    needed = ("id", "session_id", "time_created", "time_updated", "data")
    answered = "SELECT 1 FROM session_message WHERE type = 'assistant' LIMIT 1"
    if "type" in db.columns("session_message") and db.rows(answered):
        db.expect("session_message", *needed)
        return NEW
    db.expect("message", *needed)
    db.expect("part", "id", "message_id", "time_updated", "data")
    db.expect("session", "id")
    return OLD


def batches(db: Database, state: bytes, account: Account, now_us: int) -> Iterator[Batch]:
    """Everything new in a database since `state`."""
    known = remembered(state, _state)
    yield from Reading(db, known, account, now_us).batches()
