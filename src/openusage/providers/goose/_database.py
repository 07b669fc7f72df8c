"""Goose's `sessions.db` -> batches of records: the ledger of requests, or the sessions' totals without one.

With a ledger (version 15 and later) every request is a row. What a session used before, or in a version
without a ledger, is known as its total only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers._calls import Calls
from openusage.providers._rows import Followed, Row, Table, marks
from openusage.providers._sqlite import Batch, Database
from openusage.providers._totals import Totals
from openusage.providers._values import (
    count,
    json_object,
    json_value,
    nano_usd,
    remembered,
    text,
    time_us,
)
from openusage.providers.goose._sessions import (
    CARRIED_US,
    PROVIDER,
    Session,
    counts_of,
    is_estimate,
    message_events,
    model_of,
)
from openusage.wire.events import EventKind, Record, UsageEvent, event_key

_SESSION = ("id", "created_at", "session_type", "working_dir", "provider_name", "model_config_json!")
_FIELDS = ("input_tokens", "output_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens")
_LEDGER = ("session_id", "created_timestamp", "model", *_FIELDS, "cost", "cost_source")
_LEDGER_ROW = "session_id || ' ' || created_timestamp || ' ' || ifnull(total_tokens, '')"
_MESSAGE_ROW = "session_id || ' ' || created_timestamp"
SETTLED_US = 600_000_000
"""Nobody needs longer between a session's total and its row in the ledger."""
_SUMS = tuple(f"accumulated_{name}" for name in _FIELDS)

CARRIED = "carried_forward"


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    ledger: Followed = msgspec.field(default_factory=Followed)
    messages: Followed = msgspec.field(default_factory=Followed)
    calls: Calls = msgspec.field(default_factory=Calls)
    totals: Totals = msgspec.field(default_factory=Totals)
    unsettled: list[str] = []
    """Sessions that were written so lately that their total may be ahead of their ledger."""


_state = msgspec.json.Decoder(State)


def batches(db: Database, state: bytes, account: str, now_us: int) -> Iterator[Batch]:
    """Everything new in a database since `state`."""
    known = remembered(state, _state)
    yield from Reading(db, known, account, now_us).batches()


class Reading:
    """One pass over the database."""

    def __init__(self, db: Database, state: State, account: str, now_us: int) -> None:
        db.expect("sessions", "id", "created_at", "updated_at", "total_tokens")
        self._db = db
        self._state = state
        self._account = account
        self._now_us = now_us
        self._has_ledger = bool(db.columns("usage_ledger"))
        self._problems: list[str] = []

    def batches(self) -> Iterator[Batch]:
        """What is new: requests, messages, then totals."""
        db, state = self._db, self._state
        if self._has_ledger:
            db.expect("usage_ledger", "id", "session_id", "created_timestamp")
            ledger = Table(
                name="usage_ledger", columns=db.select("usage_ledger", _LEDGER), witness=_LEDGER_ROW
            )
            for records, share in state.ledger.batches(db, ledger, self._requests):
                yield self._batch(records, share / 4)
        if {"session_id", "role", "content_json", "created_timestamp"} <= db.columns("messages"):
            wanted = ("session_id", "role", "created_timestamp", "metadata_json!", "content_json!")
            messages = Table(name="messages", columns=db.select("messages", wanted), witness=_MESSAGE_ROW)
            for records, share in state.messages.batches(db, messages, self._messages):
                yield self._batch(records, share)
        yield self._batch(list(self._totals()), 1.0)

    def _batch(self, records: list[Record], share: float) -> Batch:
        problems, self._problems = self._problems, []
        return Batch(records, msgspec.json.encode(self._state), share, problems)

    def _sessions_of(self, ids: set[Any]) -> dict[Any, Session]:
        columns = self._db.select("sessions", _SESSION)
        rows = self._db.rows(f"SELECT {columns} FROM sessions WHERE id IN ({marks(ids)})", [*ids])
        return {row[0]: _session(row) for row in rows}

    def _requests(self, rows: list[Row]) -> list[Record]:
        sessions = self._sessions_of({row[2] for row in rows})
        records: list[Record] = []
        for _, key, session_id, created, model, *counted in rows:
            session = sessions.get(session_id) or Session(id=str(session_id))
            *fields, cost, source = counted
            at_us = time_us(created) or session.created_us
            if at_us is None:
                self._problems.append(f"row {key} of `usage_ledger` has no time")
                continue
            if source == CARRIED:
                continue  # what was used before the ledger is in the session's total
            event = _request(session, self._account, at_us, model, fields, cost)
            if event is not None:
                identity = (*session.identity, str(key), str(created), *map(str, fields))
                records.append(
                    msgspec.structs.replace(event, event_key=event_key(PROVIDER, "request", *identity))
                )
        return records

    def _messages(self, rows: list[Row]) -> list[Record]:
        sessions = self._sessions_of({row[2] for row in rows})
        records: list[Record] = []
        for _, _, session_id, role, created, metadata, data in rows:
            session = sessions.get(session_id) or Session(id=str(session_id))
            content, at_us = json_value(data), time_us(created)
            if isinstance(content, list) and at_us is not None:
                shown = json_object(metadata).get("userVisible") is not False
                about = session.about(self._account, at_us, EventKind.TURN)
                records += message_events(about, session, role, content, self._state.calls, shown=shown)
        return records

    def _totals(self) -> Iterator[Record]:
        """What sessions used beyond their requests in the ledger: all of it, where there is none."""
        columns = self._db.select("sessions", (*_SESSION, "updated_at", *_SUMS, *_FIELDS, "accumulated_cost"))
        totals, since_us = self._state.totals, self._state.totals.newest_us
        waiting, self._state.unsettled = set(self._state.unsettled), []
        for row in self._db.rows(f"SELECT {columns} FROM sessions ORDER BY rowid"):
            session = _session(row)
            at_us = time_us(row[6]) or session.created_us
            if at_us is None:
                continue
            if session.id in waiting or totals.may_have_grown(session.identity, at_us, since_us):
                if self._has_ledger and self._now_us - at_us < SETTLED_US:
                    self._state.unsettled.append(session.id)
                    continue
                about = self._rest(session, row, at_us)
                if about is not None:
                    yield from totals.events(about, session.identity, may_fall=not self._has_ledger)

    def _rest(self, session: Session, row: tuple[Any, ...], at_us: int) -> UsageEvent | None:
        sums = [a if count(a) else b for a, b in zip(row[7:12], row[12:17], strict=True)]
        counted, counted_nano = self._counted(session.id)
        rest = counts_of(*(_minus(a, b) for a, b in zip(sums, counted, strict=True)))
        is_part = any(counted)
        if not rest.total or (self._is_import(session) and (is_part or self._has_twin(row))):
            return None  # of an imported session: used where it was exported
        nano = nano_usd(row[17])
        return msgspec.structs.replace(
            session.about(self._account, at_us, EventKind.MESSAGE),
            at_us=session.created_us or at_us if is_part else at_us,
            tokens=rest,
            cost_reported_nano=None if nano is None else max(0, nano - counted_nano),
            estimated=is_estimate(*sums[:3]),
        )

    def _counted(self, session: str) -> tuple[list[int], int]:
        """What the ledger's own requests tell of a session: its counts and cost."""
        if not self._has_ledger:
            return [0] * len(_FIELDS), 0
        columns = self._db.select("usage_ledger", (*_FIELDS, "cost", "cost_source"))
        found = self._db.rows(f"SELECT {columns} FROM usage_ledger WHERE session_id = ?", (session,))
        rows = [row for row in found if row[6] != CARRIED]
        sums = [sum(count(row[i]) or 0 for row in rows) for i in range(len(_FIELDS))]
        return sums, sum(nano_usd(row[5]) or 0 for row in rows)

    def _is_import(self, session: Session) -> bool:
        """Whether a session began with messages that are older than it: it was imported, or copied."""
        if session.created_us is None or "created_timestamp" not in self._db.columns("messages"):
            return False
        ((first,),) = self._db.rows(
            "SELECT min(created_timestamp) FROM messages WHERE session_id = ?", (session.id,)
        )
        at_us = time_us(first)
        return at_us is not None and at_us < session.created_us - CARRIED_US

    def _has_twin(self, row: tuple[Any, ...]) -> bool:
        """Whether another session has the same totals: an imported one was exported from it."""
        same = " AND ".join(f"{name} IS ?" for name in _SUMS[:3])
        return bool(self._db.rows(f"SELECT 1 FROM sessions WHERE id <> ? AND {same}", (row[0], *row[7:10])))


def _session(row: tuple[Any, ...]) -> Session:
    name, created, kind, directory, vendor, config = row[:6]
    return Session(
        id=str(name),
        created_us=time_us(created),
        kind=text(kind),
        directory=text(directory),
        vendor=text(vendor),
        model=model_of(config),
    )


def _request(
    session: Session, account: str, at_us: int, model: object, fields: list[Any], cost: object
) -> UsageEvent | None:
    used, nano = counts_of(*fields), nano_usd(cost)
    if not used.total and nano is None:
        return None
    about = session.about(account, at_us, EventKind.MESSAGE)
    return msgspec.structs.replace(
        about,
        model=text(model) or about.model,
        tokens=used,
        cost_reported_nano=nano,
        estimated=is_estimate(*fields[:3]),
    )


def _minus(total: object, counted: int) -> int | None:
    found = count(total)
    return None if found is None else max(0, found - counted)
