"""Readings and facts in: the newest of each key and machine, and a history that thins out with age.

Of two readings of one moment the one with the greater content stays. Of history, one reading an hour stays
from 48 h of age on, one a UTC day from 7 days on: the earliest each. It is thinned when it is written and
again by `thin`, with the same outcome, so nothing depends on the order of arrival.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import apsw

from openusage.store.labels import clean
from openusage.store.numbers import Numbers
from openusage.store.schema import LATEST_US
from openusage.store.slots import DAY_US
from openusage.wire.events import AccountFact, Behaviour, QuotaReading, Scope

HOUR_US = 3_600_000_000
HOURLY_AFTER_US = 48 * HOUR_US
DAILY_AFTER_US = 7 * DAY_US

VALUES = ("at_us", "unit", "window", "used", '"limit"', "remaining", "resets_at_us", "behaviour", "scope")
"""Columns of a reading after what identifies it."""

Value: TypeAlias = tuple[Any, ...]
"""In the order of `VALUES`."""

_NAMES = ", ".join(VALUES)
_PUT = f"{_NAMES}, number"
_MARKS = ", ".join("?" * (len(VALUES) + 1))
_FIND = f"SELECT id, {_NAMES} FROM reading WHERE (provider, account, key, machine) = (?, ?, ?, ?)"
_FIRST = f"INSERT INTO reading (provider, account, key, machine, {_PUT}) VALUES (?, ?, ?, ?, {_MARKS})"
_NEWEST = f"UPDATE reading SET ({_PUT}) = ({_MARKS}) WHERE id = ?"
_PAST = f"SELECT {_NAMES} FROM reading_history WHERE reading_id = ? AND at_us = ?"
_KEEP = f"INSERT OR REPLACE INTO reading_history (reading_id, {_PUT}) VALUES (?, {_MARKS})"
_EARLIEST = "SELECT min(at_us) FROM reading_history WHERE reading_id = ? AND at_us >= ? AND at_us < ?"
_CLEAR = "DELETE FROM reading_history WHERE reading_id = ? AND at_us >= ? AND at_us < ?"


def add_readings(
    db: apsw.Connection, readings: Iterable[QuotaReading], machine: str, now_us: int, numbers: Numbers
) -> int:
    """Stores readings; how many of them changed something. O(readings), not of the history."""
    by_key: dict[tuple[str, str, str], dict[int, Value]] = {}
    for reading in readings:
        if not 0 <= reading.at_us <= LATEST_US:
            continue
        values = by_key.setdefault((reading.provider, reading.account, reading.key), {})
        value = _value(reading)
        known = values.get(value[0])
        values[value[0]] = value if known is None or _order(known) < _order(value) else known
    return sum(
        _add_key(db, (*map(clean, key), machine), values, now_us, numbers) for key, values in by_key.items()
    )


def _add_key(
    db: apsw.Connection, key: tuple[str, ...], values: dict[int, Value], now_us: int, numbers: Numbers
) -> int:
    top = values[max(values)]
    row = db.execute(_FIND, key).fetchone()
    is_newest = row is None or _order(tuple(row[1:])) < _order(top)
    if row is None:
        db.execute(_FIRST, (*key, *top, numbers.next()))
    elif is_newest:
        db.execute(_NEWEST, (*top, numbers.next(), row[0]))
    number = db.last_insert_rowid() if row is None else row[0]
    known: list[Any] = db.executemany(_PAST, [(number, at_us) for at_us in values]).fetchall()
    past = {value[0]: value for value in known}
    kept: list[Value] = []
    first_of: dict[tuple[int, int], Value] = {}
    for at_us, value in sorted(values.items()):
        if at_us in past and _order(value) <= _order(past[at_us]):
            continue
        span = _span(at_us, now_us)
        if span is None:
            kept.append(value)
        else:
            first_of.setdefault(span, value)
    for (start, end), value in first_of.items():
        earliest = db.execute(_EARLIEST, (number, start, end)).get
        if earliest is None or value[0] <= earliest:
            kept.append(value)
            db.execute(_CLEAR, (number, start, end))
    db.executemany(_KEEP, [(number, *value, numbers.next()) for value in kept])
    return max(len(kept), int(is_newest))


def thin(db: apsw.Connection, now_us: int, oldest_us: int) -> int:
    """Thins all history to its age and drops what is older than `oldest_us`; how many rows went."""
    before = db.total_changes()
    days_end = (now_us - DAILY_AFTER_US) // DAY_US * DAY_US
    hours_end = (now_us - HOURLY_AFTER_US) // HOUR_US * HOUR_US
    db.execute("DELETE FROM reading_history WHERE at_us < ?", (oldest_us,))
    for start, end, span in ((0, days_end, DAY_US), (days_end, hours_end, HOUR_US)):
        db.execute(_THIN_ALL, (start, end, span))
    return db.total_changes() - before


_THIN_ALL = """
DELETE FROM reading_history WHERE (reading_id, at_us) IN (
    SELECT reading_id, at_us FROM (
        SELECT reading_id, at_us,
            row_number() OVER (PARTITION BY reading_id, at_us / ?3 ORDER BY at_us) AS nth
        FROM reading_history WHERE at_us >= ?1 AND at_us < ?2
    ) WHERE nth > 1
)
"""


def _span(at_us: int, now_us: int) -> tuple[int, int] | None:
    """The hour or day of which one reading stays, `None` while all stay."""
    for span, after_us in ((DAY_US, DAILY_AFTER_US), (HOUR_US, HOURLY_AFTER_US)):
        start = at_us // span * span
        if start + span <= (now_us - after_us) // span * span:
            return start, start + span
    return None


def _value(reading: QuotaReading) -> Value:
    resets = reading.resets_at_us
    return (
        reading.at_us,
        clean(reading.unit),
        clean(reading.window),
        _finite(reading.used),
        _finite(reading.limit),
        _finite(reading.remaining),
        resets if resets is not None and 0 <= resets <= LATEST_US else None,
        str(reading.behaviour),
        str(reading.scope),
    )


def _finite(figure: float | None) -> float | None:
    return float(figure) if figure is not None and math.isfinite(figure) else None


def _order(value: Value) -> tuple[object, ...]:
    """Total order: by time, then by content, a missing figure least."""
    at_us, unit, window, used, limit, remaining, resets, behaviour, scope = value
    figures = ((v is not None, v or 0) for v in (used, limit, remaining, resets))
    return (at_us, *figures, unit, window, behaviour, scope)


_FACT = """
INSERT INTO fact (provider, account, key, machine, value, at_us, number) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET value = excluded.value, at_us = excluded.at_us, number = excluded.number
    WHERE (excluded.at_us, excluded.value) > (at_us, value)
"""


def add_facts(db: apsw.Connection, facts: Iterable[AccountFact], machine: str, numbers: Numbers) -> int:
    """Stores facts; how many of them changed something. O(facts)."""
    before = db.total_changes()
    told = [f for f in facts if 0 <= f.at_us <= LATEST_US]
    rows = [
        (clean(f.provider), clean(f.account), clean(f.key), machine, clean(f.value), f.at_us, number)
        for number, f in enumerate(told, numbers.last + 1)
    ]
    db.executemany(_FACT, rows)
    changed = db.total_changes() - before
    if changed:
        numbers.last += len(rows)
    return changed


def reading_of(provider: str, account: str, key: str, value: Sequence[Any]) -> QuotaReading:
    """The reading as it was stored; `value` in the order of `VALUES`."""
    at_us, unit, window, used, limit, remaining, resets_at_us, behaviour, scope = value
    return QuotaReading(
        provider=provider,
        account=account,
        key=key,
        at_us=at_us,
        unit=unit,
        window=window,
        used=used,
        limit=limit,
        remaining=remaining,
        resets_at_us=resets_at_us,
        behaviour=Behaviour(behaviour),
        scope=Scope(scope),
    )
