"""The database of OpenCode (1.2 and later, 2.x) -> batches of records.

Rows of `message` (1.x) or `session_message` (2.x) are read in the order of their rowid. A message that is not
finished is read again by its id, with its parts, until it is: neither generation has an index by time of
change. The `event` table is never read: it repeats every streamed piece and grows to many GB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers import _sqlite
from openusage.providers._sqlite import Batch, Database, Trail
from openusage.providers._values import decoded, text, time_us
from openusage.providers.opencode import _messages as messages
from openusage.providers.opencode._messages import Message, Part, Session
from openusage.wire.events import Record

KEPT_OPEN = 200

Row = tuple[Any, ...]
"""rowid, id, session, role (2.x), time of creation, of change, JSON."""


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    table: str = ""
    trail: Trail = msgspec.field(default_factory=Trail)
    open: dict[str, int] = {}
    """Messages that were not finished, oldest first: id -> when they or their parts were written last."""


_state = msgspec.json.Decoder(State)


class Reading:
    """One pass over one database."""

    def __init__(self, db: Database, state: State, account: str, now_us: int) -> None:
        self._db = db
        self._account = account
        self._now_us = now_us
        self._state = state
        table = generation(db)
        if table != state.table:
            self._state = State(table=table)
        self._is_new = table == "session_message"
        self._sessions = "session_v2" if self._is_new and db.columns("session_v2") else "session"
        role = "type" if self._is_new else "NULL"
        self._columns = f"rowid, id, session_id, {role}, time_created, time_updated, CAST(data AS BLOB)"
        self._problems: list[str] = []

    def batches(self) -> Iterator[Batch]:
        """What is new: unfinished messages first, then the rows that came since."""
        db, state = self._db, self._state
        at = state.trail.start(db, state.table, "id")
        with db.moment():
            names = self._written()
            records = self._records(self._rows(f"id IN ({_marks(len(names))})", names))
        if records or names:
            yield self._batch(records, 0.0)
        (last,) = db.rows(f"SELECT max(rowid) FROM {state.table}")[0]
        while last is not None and at < last:
            with db.moment():
                rows = self._rows("rowid > ? ORDER BY rowid LIMIT ?", (at, _sqlite.BATCH_ROWS))
                records = self._records(rows)
            if not rows:
                break
            at = rows[-1][0]
            state.trail.add(at, rows[-1][1])
            yield self._batch(records, min(1.0, at / last))

    def _written(self) -> list[str]:
        """Unfinished messages that were written since they were read; those that are gone are forgotten."""
        now = self._stamps(list(self._state.open))
        changed = [name for name, stamp in self._state.open.items() if name in now and now[name] != stamp]
        self._state.open = {name: now[name] for name in self._state.open if name in now}
        return changed

    def _stamps(self, names: list[str]) -> dict[str, int]:
        """When messages or their parts were written last."""
        if not names:
            return {}
        which = _marks(len(names))
        found = dict(
            self._db.rows(f"SELECT id, time_updated FROM {self._state.table} WHERE id IN ({which})", names)
        )
        if not self._is_new:
            parts = self._db.rows(
                "SELECT message_id, max(time_updated), count(*) FROM part"
                f" WHERE message_id IN ({which}) GROUP BY message_id",
                names,
            )
            for name, at, count in parts:
                if name in found:
                    found[name] = max(found[name], at) + count
        return found

    def _batch(self, records: list[Record], share: float) -> Batch:
        problems, self._problems = self._problems, []
        return Batch(records, msgspec.json.encode(self._state), share, problems)

    def _rows(self, where: str, args: Any) -> list[Row]:
        return self._db.rows(f"SELECT {self._columns} FROM {self._state.table} WHERE {where}", tuple(args))

    def _records(self, rows: list[Row]) -> list[Record]:
        found = [(row, messages.message_of(row[6] or b"", text(row[3]))) for row in rows]
        sessions = self._sessions_of({row[2] for row in rows})
        parts = self._parts_of([row[1] for row, m in found if m is not None and m.role == "assistant"])
        records: list[Record] = []
        still_open: list[str] = []
        for row, message in found:
            if message is None:
                self._problems.append(f"row {row[0]} of `{self._state.table}` is no JSON")
                continue
            message.time = message.time or {"created": row[4]}
            own = message.content if message.content is not None else parts.get(row[1], [])
            is_stale = self._now_us - (time_us(row[5]) or 0) > messages.STALE_US
            session = sessions.get(row[2]) or Session(id=text(row[2]))
            records += messages.events(self._account, message, session, own, final=is_stale)
            self._state.open.pop(row[1], None)
            if self._may_change(message, own):
                still_open.append(row[1])
        self._state.open |= self._stamps(still_open)
        for name in list(self._state.open)[:-KEPT_OPEN]:
            del self._state.open[name]
        return records

    @staticmethod
    def _may_change(message: Message, parts: list[Part]) -> bool:
        return message.role == "assistant" and (not message.is_done or messages.is_running(parts))

    def _sessions_of(self, ids: set[Any]) -> dict[Any, Session]:
        if not ids:
            return {}
        columns = self._db.select(self._sessions, ("id", "directory", "parent_id", "time_created"))
        rows = self._db.rows(
            f"SELECT {columns} FROM {self._sessions} WHERE id IN ({_marks(len(ids))})", [*ids]
        )
        return {
            name: Session(text(name), text(directory), text(parent), time_us(created))
            for name, directory, parent, created in rows
        }

    def _parts_of(self, ids: list[str]) -> dict[str, list[Part]]:
        """Parts of messages of 1.x by message, in their order."""
        found: dict[str, list[Part]] = {}
        if not ids or self._is_new:
            return found
        rows = self._db.rows(
            f"SELECT message_id, id, CAST(data AS BLOB) FROM part WHERE message_id IN ({_marks(len(ids))})",
            ids,
        )
        for message, name, data in sorted(rows, key=lambda row: str(row[1])):
            part = messages.part_of(data)
            if part is not None:
                part.id = part.id or name
                found.setdefault(message, []).append(part)
        return found


def generation(db: Database) -> str:
    """The table to read. 2.x keeps the tables of 1.x, frozen, and copies what is in them into its own.

    Raises:
        SourceChanged: there is neither generation's table, or one lacks what must be in it.
    """
    if db.columns("session_message") and db.rows(
        "SELECT 1 FROM session_message WHERE type = 'assistant' LIMIT 1"
    ):
        db.expect("session_message", "id", "session_id", "type", "time_created", "time_updated", "data")
        return "session_message"
    db.expect("message", "id", "session_id", "time_created", "time_updated", "data")
    db.expect("part", "id", "message_id", "data")
    db.expect("session", "id")
    return "message"


def batches(db: Database, state: bytes, account: str, now_us: int) -> Iterator[Batch]:
    """Everything new in a database since `state`."""
    known = (decoded(state, _state) if state else None) or State()
    yield from Reading(db, known, account, now_us).batches()


def _marks(count: int) -> str:
    return ",".join("?" * count)
