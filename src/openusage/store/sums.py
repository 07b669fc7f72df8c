"""Sums over events, and how rollups follow them: the same expressions everywhere, so that they cannot differ.

A rollup changes by the exact difference: the rows of new events are added; of a changed event the old figures
are taken away before, the new ones added after. Sums can be taken back, the earliest and latest time of a row
cannot, so those are looked up again for rows that an event left (O(events of that quarter-hour)).

With `coarser` the same difference goes into the sums that only a hub keeps, see `levels`.
"""

from __future__ import annotations

import apsw

from openusage.store import levels
from openusage.store.schema import COUNTS, SUMS
from openusage.store.slots import SLOT_US, SLOTS_A_DAY

_UNPRICED = "kind_number = 0 AND cost_reported_nano IS NULL AND cost_computed_nano IS NULL"
TOKENS_SQL = " + ".join(f"ifnull({name}, 0)" for name in COUNTS[:6])

OF_EVENTS = {
    "events": "count(*)",
    **{name: f"ifnull(sum({name}), 0)" for name in COUNTS},
    "cost_nano": "ifnull(sum(ifnull(cost_reported_nano, cost_computed_nano)), 0)",
    "unpriced_events": f"ifnull(sum({_UNPRICED}), 0)",
    "unpriced_tokens": f"ifnull(sum(CASE WHEN {_UNPRICED} THEN {TOKENS_SQL} END), 0)",
    "estimated_events": "ifnull(sum(estimated), 0)",
}
"""Column of `SUMS` -> how it follows from events."""

_EVENT_SUMS = ", ".join(OF_EVENTS[name] for name in SUMS) + ", min(at_us), max(at_us)"
_ROLLUP_SUMS = ", ".join(f"sum({name})" for name in SUMS) + ", min(first_us), max(last_us)"

_NAMES = ", ".join((*SUMS, "first_us", "last_us"))
_PLUS = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
_WIDER = "first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us)"
_MINUS = ", ".join(f"{name} = {name} - excluded.{name}" for name in SUMS)

DELTA = f"""
CREATE TEMP TABLE delta (slot, series_id, session_id, {_NAMES});
CREATE TEMP TABLE touched (id INTEGER PRIMARY KEY, moves INTEGER NOT NULL);
CREATE TEMP TABLE departed (slot INTEGER, series_id INTEGER, session_id INTEGER);
CREATE TEMP TABLE left_session (
    machine TEXT, session_id INTEGER, PRIMARY KEY (machine, session_id)
) WITHOUT ROWID;
{levels.TABLES}
"""
"""Working tables of the one writer; `left_session` is that of `forget`."""

_SLOTTED = f"SELECT at_us / {SLOT_US}, series_id, session_id, {_EVENT_SUMS}"
_BY_SLOT = "GROUP BY 1, 2, 3"
_TOUCHED = "FROM touched CROSS JOIN event USING (id)"
_DELTA_OF_NEW = f"INSERT INTO delta {_SLOTTED} FROM event WHERE id > ? {_BY_SLOT}"
_DELTA_OF_TOUCHED = f"INSERT INTO delta {_SLOTTED} {_TOUCHED} {_BY_SLOT}"
_DEPARTED = f"""INSERT INTO departed SELECT DISTINCT at_us / {SLOT_US}, series_id, session_id
    {_TOUCHED} WHERE moves"""


def _upsert(change: str) -> str:
    day = f"SELECT slot / {SLOTS_A_DAY}, series_id, {_ROLLUP_SUMS} FROM delta GROUP BY 1, 2"
    return f"""
        INSERT INTO rollup SELECT * FROM delta WHERE true
            ON CONFLICT (slot, series_id, session_id) DO UPDATE SET {change};
        INSERT INTO rollup_day {day} HAVING true
            ON CONFLICT (day, series_id) DO UPDATE SET {change};
        """


_ADD_DELTA = _upsert(f"{_PLUS}, {_WIDER}")
_TAKE_DELTA = _upsert(_MINUS)
_NO_DELTA = "DELETE FROM delta"


def add_new(db: apsw.Connection, last_id: int, *, coarser: bool) -> None:
    """Adds all events with an id above `last_id` to the rollups. O(those events)."""
    db.execute(_DELTA_OF_NEW, (last_id,))
    _add_delta(db, coarser)


def take_touched(db: apsw.Connection, *, coarser: bool) -> None:
    """Takes the events listed in `touched` out of the rollups, before they change.

    `touched.moves` says that the event will leave its row: another time, series or session.
    """
    db.execute(_DELTA_OF_TOUCHED)
    db.execute(_DEPARTED)
    db.execute(_TAKE_DELTA)
    if coarser:
        levels.take(db)
        levels.note_gone(db)
    db.execute(_NO_DELTA)


def drop_left(db: apsw.Connection, *, coarser: bool) -> None:
    """After `take_touched`, of events whose rows will all be gone soon: those that are empty go now, and of
    the others the first and last times are left alone, since looking those up is what takes long."""
    if coarser:
        emptied = "(departed CROSS JOIN rollup USING (slot, series_id, session_id)) WHERE events = 0"
        levels.note_gone_sums(db, emptied)
    db.execute(_DROP)
    db.execute("DELETE FROM departed")


def add_touched(db: apsw.Connection, raw_from_us: int, *, coarser: bool) -> None:
    """Adds the events listed in `touched` again, and settles the rows they left.

    Of a quarter-hour whose raw events were pruned, `first_us` and `last_us` only widen.
    """
    db.execute(_DELTA_OF_TOUCHED)
    _add_delta(db, coarser)
    db.execute(_SETTLE, (raw_from_us // SLOT_US,))
    if coarser:
        levels.settle(db)


def _add_delta(db: apsw.Connection, coarser: bool) -> None:
    db.execute(_ADD_DELTA)
    if coarser:
        levels.add(db)
    db.execute(_NO_DELTA)


_INSIDE = f"""FROM event INDEXED BY event_time
    WHERE at_us >= gone.slot * {SLOT_US} AND at_us < (gone.slot + 1) * {SLOT_US}
    AND series_id = gone.series_id AND session_id = gone.session_id"""
_DAY = f"""FROM part p CROSS JOIN rollup r
    ON r.slot = gone.day * {SLOTS_A_DAY} + p.n AND r.series_id = gone.series_id"""
_SLOT_LEFT = """FROM departed AS gone WHERE rollup.slot = gone.slot
    AND rollup.series_id = gone.series_id AND rollup.session_id = gone.session_id"""
_DAY_LEFT = f"""FROM (SELECT DISTINCT slot / {SLOTS_A_DAY} AS day, series_id FROM departed) AS gone
    WHERE rollup_day.day = gone.day AND rollup_day.series_id = gone.series_id"""
_DROP = f"""
    DELETE FROM rollup WHERE events = 0
        AND (slot, series_id, session_id) IN (SELECT slot, series_id, session_id FROM departed);
    DELETE FROM rollup_day WHERE events = 0
        AND (day, series_id) IN (SELECT slot / {SLOTS_A_DAY}, series_id FROM departed);
    """
_SETTLE = f"""
    {_DROP}
    DELETE FROM departed WHERE slot < ?;
    UPDATE rollup SET (first_us, last_us) = (SELECT min(at_us), max(at_us) {_INSIDE})
        {_SLOT_LEFT};
    UPDATE rollup_day SET (first_us, last_us) = (SELECT min(r.first_us), max(r.last_us) {_DAY})
        {_DAY_LEFT};
    DELETE FROM departed;
    DELETE FROM touched;
    """


def rebuild(db: apsw.Connection, from_us: int) -> None:
    """Sums all kept events anew from the slot of `from_us` on, without `levels`. O(events)."""
    slot = from_us // SLOT_US
    db.execute("DELETE FROM rollup WHERE slot >= ?", (slot,))
    db.execute(
        f"INSERT INTO rollup {_SLOTTED} FROM event WHERE at_us >= ? {_BY_SLOT}",
        (slot * SLOT_US,),
    )
    rebuild_days(db)


def rebuild_days(db: apsw.Connection) -> None:
    """Sums the days anew from the slots. O(slots)."""
    db.execute("DELETE FROM rollup_day")
    db.execute(
        f"INSERT INTO rollup_day SELECT slot / {SLOTS_A_DAY}, series_id, {_ROLLUP_SUMS}"
        " FROM rollup GROUP BY 1, 2"
    )
