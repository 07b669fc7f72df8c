"""Records out: what of this store's own machine has a number above one that is already somewhere else.

Numbers stand in four tables; each is read from its index on, as many rows as are asked for, and the rows are
joined in the order of their numbers. A reading may stand in two tables: as the newest of its key, and in the
history. It is told once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, TypeAlias

import apsw

from openusage.store.events import COLUMNS, SERIES_AT, event_of
from openusage.store.labels import Labels
from openusage.store.meta import meta, meta_text
from openusage.store.readings import VALUES, reading_of
from openusage.store.schema import LABELS
from openusage.wire.events import AccountFact, Record
from openusage.wire.records import Outbox

_Numbered: TypeAlias = tuple[int, Record | None]
"""`None`: another machine's."""

_OWNER = "r.provider, r.account, r.key, r.machine"
_EVENTS = f"""
SELECT {", ".join(COLUMNS)}, (SELECT name FROM session WHERE session.id = session_id)
    FROM event WHERE id > ? ORDER BY id LIMIT ?
"""
_NEWEST = f"""
SELECT r.number, {_OWNER}, {", ".join(f"r.{name}" for name in VALUES)} FROM reading r
    WHERE r.number > ? AND NOT EXISTS (
        SELECT 1 FROM reading_history h WHERE h.reading_id = r.id AND h.at_us = r.at_us
    ) ORDER BY r.number LIMIT ?
"""
_HISTORY = f"""
SELECT h.number, {_OWNER}, {", ".join(f"h.{name}" for name in VALUES)}
    FROM reading_history h CROSS JOIN reading r ON r.id = h.reading_id
    WHERE h.number > ? ORDER BY h.number LIMIT ?
"""
_FACTS = """
SELECT number, machine, provider, account, key, value, at_us FROM fact
    WHERE number > ? ORDER BY number LIMIT ?
"""
_COUNT = """
SELECT (SELECT count(*) FROM event WHERE id <= ?1) + (SELECT count(*) FROM reading_history WHERE number <= ?1)
    + (SELECT count(*) FROM fact WHERE number <= ?1)
"""


def read(db: apsw.Connection, machine: str, after: int, limit: int) -> Outbox:
    """At most `limit` records of `machine` from `after` on. Inside a read transaction. O(limit)."""
    last = meta(db, "number")
    parts = (part(db, machine, after, limit + 1) for part in (_events, _newest, _history, _facts))
    found = list(heapq.merge(*parts, key=itemgetter(0)))
    upto, waiting = last, 0
    if len(found) > limit:
        upto = found[limit - 1][0] if limit else after
        waiting = last - found[limit][0] + 1
    return Outbox(
        store_id=meta_text(db, "store_id"),
        after=after,
        upto=max(upto, after),
        last=last,
        sent=meta(db, "sent"),
        waiting=waiting,
        records=[record for _, record in found[:limit] if record is not None],
    )


def count(db: apsw.Connection, upto: int) -> int:
    """How many records have a number up to `upto`. O(those)."""
    return int(db.execute(_COUNT, (upto,)).get)


def _events(db: apsw.Connection, machine: str, after: int, limit: int) -> Iterator[_Numbered]:
    labels: dict[int, Labels] = {}
    ask = f"SELECT {', '.join(LABELS)} FROM series WHERE id = ?"
    rows: list[Any] = db.execute(_EVENTS, (after, limit)).fetchall()
    for row in rows:
        series = row[SERIES_AT]
        if series not in labels:
            stored: Any = db.execute(ask, (series,)).fetchone() or ("",) * len(LABELS)
            labels[series] = tuple(text or None for text in stored)
        known = labels[series]
        yield row[-2], event_of(row, known, row[-1]) if known[0] == machine else None


def _newest(db: apsw.Connection, machine: str, after: int, limit: int) -> Iterator[_Numbered]:
    return _readings(db, _NEWEST, machine, after, limit)


def _history(db: apsw.Connection, machine: str, after: int, limit: int) -> Iterator[_Numbered]:
    return _readings(db, _HISTORY, machine, after, limit)


def _readings(db: apsw.Connection, sql: str, machine: str, after: int, limit: int) -> Iterator[_Numbered]:
    rows: list[Any] = db.execute(sql, (after, limit)).fetchall()
    for number, provider, account, key, owner, *value in rows:
        yield number, reading_of(provider, account, key, value) if owner == machine else None


def _facts(db: apsw.Connection, machine: str, after: int, limit: int) -> Iterator[_Numbered]:
    rows: list[Any] = db.execute(_FACTS, (after, limit)).fetchall()
    for number, owner, provider, account, key, value, at_us in rows:
        fact = AccountFact(provider=provider, account=account, key=key, value=value, at_us=at_us)
        yield number, fact if owner == machine else None
