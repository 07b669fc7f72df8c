"""Levels: coarser sums that a hub keeps, so that a question about many machines reads few rows.

`rollup_day` has a row for every tool, outcome and language of every machine: a thousand machines fill it with
more rows a month than can be summed while somebody waits. A level leaves labels out and joins kinds of events
in a row (tool calls and turns are counted apart). What a level says is always what `rollup` says, since both
change in one transaction and by the same difference.

    rollup ─┬▶ sum_slot      quarter-hours of the whole fleet
            ├▶ session_day   which sessions had messages on which UTC day
            └▶ sum_hour ─┬▶ sum_model     UTC days, without projects
                         ├▶ sum_project   UTC days, without models and clients ─▶ sum_ever, all time
                         └▶ sum_shared    UTC days of projects, without machines

A combination of labels is a row of `coarse`; `coarse_of` leads there from `series`. In `coarse` the rows of
hours know what they are a part of. Some tables are ordered by machine or project first (`owner`): their sums
come out grouped without being sorted.

A store begins with none of this; `build` makes it, and from then on every change keeps it (meta `levels`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import apsw

from openusage.store.meta import meta, put_meta
from openusage.store.schema import SUMS
from openusage.store.slots import SLOT_US, SLOTS_A_DAY

LABELS = ("machine", "provider", "account", "model", "client", "project")
"""Columns of `coarse`; '' also where a level leaves the label out."""
FIGURES = (*SUMS, "tool_calls", "turns")
"""Sums of a level's row, after its key and before `first_us`, `last_us`."""
SLOTS_AN_HOUR = 4
_HOURS_A_DAY = SLOTS_A_DAY // SLOTS_AN_HOUR
_KEPT = "levels"


class Level(NamedTuple):
    """One table of sums, or the labels that order some of them."""

    table: str
    number: int
    """In `coarse.level`."""
    labels: tuple[str, ...]
    slots: int = 0
    """Quarter-hours that one of its rows is about; 0: all time."""
    owner: str = ""
    """The label that its rows are ordered by, before time."""


SLOT = Level("sum_slot", 0, ("provider", "account", "model", "client"), 1)
HOUR = Level("sum_hour", 1, LABELS, SLOTS_AN_HOUR, "machine")
MODEL = Level("sum_model", 2, ("machine", "provider", "account", "model", "client"), SLOTS_A_DAY)
PROJECT = Level("sum_project", 3, ("machine", "provider", "account", "project"), SLOTS_A_DAY, "machine")
SHARED = Level("sum_shared", 4, ("provider", "account", "model", "client", "project"), SLOTS_A_DAY, "project")
EVER = Level("sum_ever", 5, ("machine", "provider", "account"))
OWNERS = {"machine": Level("", 6, ("machine",)), "project": Level("", 7, ("project",))}
_LEVELS = (SLOT, HOUR, MODEL, PROJECT, SHARED, EVER)

_NAMES = ", ".join((*FIGURES, "first_us", "last_us"))
TABLES = f"""
CREATE TEMP TABLE delta_hour (at, series_id, {_NAMES});
CREATE TEMP TABLE gone (at_us INTEGER, series_id INTEGER, session_id INTEGER);
CREATE TEMP TABLE part (n INTEGER PRIMARY KEY);
WITH RECURSIVE p(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM p WHERE n < {SLOTS_A_DAY - 1})
    INSERT INTO part SELECT n FROM p;
"""
"""Working tables of the one writer: `part` counts the hours or quarters of a day."""


def kept(db: apsw.Connection) -> bool:
    """Whether this store keeps levels. O(1)."""
    return meta(db, _KEPT) > 0


def forget(db: apsw.Connection) -> None:
    """What the levels say is not to be relied on any more. Inside a transaction."""
    put_meta(db, _KEPT, 0)


def build(db: apsw.Connection) -> None:
    """Makes all levels from `rollup`, kept from now on. Inside a transaction. O(rows of `rollup`)."""
    for table in (*(level.table for level in _LEVELS), "session_day", "coarse", "coarse_of"):
        db.execute(f"DELETE FROM {table}")
    days = db.execute(f"SELECT min(slot) / {SLOTS_A_DAY}, max(slot) / {SLOTS_A_DAY} FROM rollup").get
    first, last = days if days is not None and days[0] is not None else (0, -1)
    for day in range(first, last + 1):
        db.execute(
            "INSERT INTO delta SELECT * FROM rollup WHERE slot >= ? AND slot < ?",
            (day * SLOTS_A_DAY, (day + 1) * SLOTS_A_DAY),
        )
        add(db)
        db.execute("DELETE FROM delta")
    put_meta(db, _KEPT, 1)


# -- what changed, in `delta`, goes into every level ---------------------------------------------


def add(db: apsw.Connection) -> None:
    """Adds what is in `delta`."""
    _map_new(db)
    db.execute(_ADD)


def take(db: apsw.Connection) -> None:
    """Takes away what is in `delta`."""
    db.execute(_TAKE)


def _sums(row: str, kinds: str = "") -> str:
    counts = (
        [f"sum({row}.tool_calls)", f"sum({row}.turns)"]
        if not kinds
        else [f"sum(CASE {kinds} WHEN {n} THEN {row}.events ELSE 0 END)" for n in (1, 2)]
    )
    sums = [f"sum({row}.{name})" for name in SUMS]
    return ", ".join((*sums, *counts, f"min({row}.first_us)", f"max({row}.last_us)"))


_OF_SERIES = "FROM delta d CROSS JOIN coarse_of c ON c.series_id = d.series_id"
_OF_HOUR = "FROM delta_hour h CROSS JOIN coarse c ON c.id = h.series_id"
_FROM_DELTA = _sums("d", "c.kind_number")
_FROM_HOUR = _sums("h")
_DAY = f"h.at / {_HOURS_A_DAY}"
_PLUS = ", ".join(f"{name} = {name} + excluded.{name}" for name in FIGURES)
_MINUS = ", ".join(f"{name} = {name} - excluded.{name}" for name in FIGURES)
_WIDER = "first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us)"


def _change(figures: str, events: str) -> str:
    return f"""
    INSERT INTO delta_hour SELECT d.slot / {SLOTS_AN_HOUR}, c.hour_id, {_FROM_DELTA} {_OF_SERIES}
        GROUP BY 1, 2;
    INSERT INTO sum_slot SELECT d.slot, c.slot_id, {_FROM_DELTA} {_OF_SERIES} GROUP BY 1, 2
        HAVING true ON CONFLICT DO UPDATE SET {figures};
    INSERT INTO session_day SELECT d.slot / {SLOTS_A_DAY}, d.session_id, c.project_id,
            sum(d.events), min(d.first_us), max(d.last_us)
        {_OF_SERIES} WHERE c.kind_number = 0 AND d.session_id <> 0 GROUP BY 1, 2, 3
        HAVING true ON CONFLICT DO UPDATE SET {events};
    INSERT INTO sum_hour SELECT c.by_machine, h.* {_OF_HOUR} WHERE true
        ON CONFLICT DO UPDATE SET {figures};
    INSERT INTO sum_model SELECT c.model_id, {_DAY}, {_FROM_HOUR} {_OF_HOUR} GROUP BY 1, 2
        HAVING true ON CONFLICT DO UPDATE SET {figures};
    INSERT INTO sum_project SELECT c.by_machine, {_DAY}, c.project_id, {_FROM_HOUR} {_OF_HOUR}
        GROUP BY 1, 2, 3 HAVING true ON CONFLICT DO UPDATE SET {figures};
    INSERT INTO sum_shared SELECT c.by_project, {_DAY}, c.shared_id, {_FROM_HOUR} {_OF_HOUR}
        GROUP BY 1, 2, 3 HAVING true ON CONFLICT DO UPDATE SET {figures};
    INSERT INTO sum_ever SELECT c.ever_id, 0, {_FROM_HOUR} {_OF_HOUR} GROUP BY 1
        HAVING true ON CONFLICT DO UPDATE SET {figures};
    DELETE FROM delta_hour;
    """


_ADD = _change(f"{_PLUS}, {_WIDER}", f"events = events + excluded.events, {_WIDER}")
_TAKE = _change(_MINUS, "events = events - excluded.events")


# -- labels --------------------------------------------------------------------------------------


def _map_new(db: apsw.Connection) -> None:
    """Leads from series that were made since the last time to their rows of `coarse`. O(those)."""
    last, newest = db.execute(
        "SELECT (SELECT ifnull(max(series_id), 0) FROM coarse_of), (SELECT ifnull(max(id), 0) FROM series)"
    ).get
    if last == newest:
        return
    before = db.execute("SELECT ifnull(max(id), 0) FROM coarse").get
    for level in (*_LEVELS, *OWNERS.values()):
        labels = ", ".join(name if name in level.labels else "''" for name in LABELS)
        db.execute(
            f"INSERT OR IGNORE INTO coarse (level, {', '.join(LABELS)})"
            f" SELECT DISTINCT {level.number}, {labels} FROM series WHERE id > ?",
            (last,),
        )
    db.execute(_PARTS_OF, (before,))
    db.execute(_EVER_OF, (before,))
    db.execute(_SERIES_OF, (last,))


def _found(level: Level, row: str) -> str:
    same = " AND ".join(f"o.{n} = {f'{row}.{n}' if n in level.labels else chr(39) * 2}" for n in LABELS)
    return f"(SELECT o.id FROM coarse o WHERE o.level = {level.number} AND {same})"


_PARTS_OF = f"""
    UPDATE coarse SET by_machine = {_found(OWNERS["machine"], "coarse")},
        by_project = {_found(OWNERS["project"], "coarse")}, model_id = {_found(MODEL, "coarse")},
        project_id = {_found(PROJECT, "coarse")}, shared_id = {_found(SHARED, "coarse")},
        ever_id = {_found(EVER, "coarse")}
    WHERE id > ? AND level = {HOUR.number}
    """
_EVER_OF = f"""
    UPDATE coarse SET by_machine = {_found(OWNERS["machine"], "coarse")}, ever_id = {_found(EVER, "coarse")}
    WHERE id > ? AND level IN ({PROJECT.number}, {EVER.number})
    """
_SERIES_OF = f"""
    INSERT INTO coarse_of SELECT s.id, CASE s.kind WHEN 'message' THEN 0 WHEN 'tool' THEN 1 ELSE 2 END,
        {_found(HOUR, "s")}, {_found(SLOT, "s")}, {_found(PROJECT, "s")}
    FROM series s WHERE s.id > ?
    """


def drop_labels(db: apsw.Connection, machine: str) -> None:
    """Drops the labels of a machine of which nothing is summed up any more, and those that only it had.

    Before its rows of `series` go. O(its labels + labels of projects).
    """
    series = "SELECT id FROM series WHERE machine = ?"
    shared: list[Any] = db.execute(
        f"SELECT DISTINCT shared_id FROM coarse WHERE level = {HOUR.number} AND machine = ?", (machine,)
    ).fetchall()
    slots: list[Any] = db.execute(
        f"SELECT DISTINCT slot_id FROM coarse_of WHERE series_id IN ({series})", (machine,)
    ).fetchall()
    db.execute(f"DELETE FROM coarse_of WHERE series_id IN ({series})", (machine,))
    for level in (*_LEVELS, *OWNERS.values()):
        if "machine" in level.labels:
            db.execute("DELETE FROM coarse WHERE level = ? AND machine = ?", (level.number, machine))
    nobodys = "DELETE FROM coarse WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM {0} o WHERE o.{1} = ?1)"
    db.executemany(nobodys.format("coarse", "shared_id"), shared)
    db.executemany(nobodys.format("coarse_of", "slot_id"), slots)
    db.execute(
        f"DELETE FROM coarse WHERE level = {OWNERS['project'].number}"
        f" AND project NOT IN (SELECT project FROM coarse WHERE level = {SHARED.number})"
    )


# -- events that left their rows -----------------------------------------------------------------


def note_gone(db: apsw.Connection) -> None:
    """Remembers where events stood that move, listed in `touched`. Before they change."""
    db.execute(
        "INSERT INTO gone SELECT at_us, series_id, session_id"
        " FROM touched CROSS JOIN event USING (id) WHERE moves"
    )


def note_gone_sums(db: apsw.Connection, rows: str = "delta") -> None:
    """Remembers where the events of rows of `rollup` stood that are empty or go as a whole."""
    db.execute(
        f"INSERT INTO gone SELECT first_us, series_id, session_id FROM {rows}"
        f" UNION ALL SELECT last_us, series_id, session_id FROM {rows}"
    )


def settle(db: apsw.Connection) -> None:
    """Drops rows that nothing is in any more, and looks up first and last times anew where the event that
    made them is gone. After all else has changed. O(rows below those)."""
    if db.execute("SELECT 1 FROM gone LIMIT 1").fetchall():
        db.execute(_SETTLE)


def _settle(table: str, key: tuple[str, ...], cells: str, below: str) -> str:
    """`cells`: the columns of `key`, as they follow from `gone`; `below`: the rows that a row is made of."""
    names = ", ".join(key)
    numbers = ", ".join(str(n + 1) for n in range(len(key)))
    same = " AND ".join(f"{table}.{name} = g.{name}" for name in key)
    found = f"""SELECT {cells}, min(a.at_us) AS lo, max(a.at_us) AS hi FROM gone a
        CROSS JOIN coarse_of c ON c.series_id = a.series_id CROSS JOIN coarse h ON h.id = c.hour_id"""
    return f"""
    DELETE FROM {table} WHERE events = 0 AND ({names}) IN (
        SELECT {names} FROM ({found} GROUP BY {numbers}));
    UPDATE {table} SET (first_us, last_us) = (SELECT min(r.first_us), max(r.last_us) {below})
        FROM ({found} GROUP BY {numbers}) AS g
        WHERE {same} AND ({table}.first_us >= g.lo OR {table}.last_us <= g.hi);
    """


def _hours_below(part: str) -> str:
    return f"""FROM coarse c CROSS JOIN part p CROSS JOIN sum_hour r
        ON r.owner = c.by_machine AND r.at = g.at * {_HOURS_A_DAY} + p.n AND r.series_id = c.id
        WHERE c.{part} = g.series_id AND p.n < {_HOURS_A_DAY}"""


_AT_DAY = f"a.at_us / {SLOT_US * SLOTS_A_DAY}"
_SETTLE = "".join(
    (
        _settle(
            "sum_slot",
            ("at", "series_id"),
            f"a.at_us / {SLOT_US} AS at, c.slot_id AS series_id",
            "FROM rollup r CROSS JOIN coarse_of c ON c.series_id = r.series_id"
            " WHERE r.slot = g.at AND c.slot_id = g.series_id",
        ),
        _settle(
            "session_day",
            ("day", "session_id", "series_id"),
            f"{_AT_DAY} AS day, a.session_id AS session_id, c.project_id AS series_id",
            f"""FROM coarse c CROSS JOIN coarse_of o ON o.hour_id = c.id CROSS JOIN part p CROSS JOIN rollup r
            ON r.slot = g.day * {SLOTS_A_DAY} + p.n AND r.series_id = o.series_id
            AND r.session_id = g.session_id
            WHERE c.project_id = g.series_id AND c.level = {HOUR.number} AND o.kind_number = 0""",
        ),
        _settle(
            "sum_hour",
            ("owner", "at", "series_id"),
            f"h.by_machine AS owner, a.at_us / {SLOT_US * SLOTS_AN_HOUR} AS at, h.id AS series_id",
            f"""FROM coarse_of c CROSS JOIN part p CROSS JOIN rollup r
            ON r.slot = g.at * {SLOTS_AN_HOUR} + p.n AND r.series_id = c.series_id
            WHERE c.hour_id = g.series_id AND p.n < {SLOTS_AN_HOUR}""",
        ),
        _settle(
            "sum_model",
            ("series_id", "at"),
            f"h.model_id AS series_id, {_AT_DAY} AS at",
            _hours_below("model_id"),
        ),
        _settle(
            "sum_project",
            ("owner", "at", "series_id"),
            f"h.by_machine AS owner, {_AT_DAY} AS at, h.project_id AS series_id",
            _hours_below("project_id"),
        ),
        _settle(
            "sum_shared",
            ("owner", "at", "series_id"),
            f"h.by_project AS owner, {_AT_DAY} AS at, h.shared_id AS series_id",
            _hours_below("shared_id"),
        ),
        _settle(
            "sum_ever",
            ("series_id", "at"),
            "h.ever_id AS series_id, 0 AS at",
            f"""FROM coarse e CROSS JOIN sum_project r ON r.owner = e.by_machine
            CROSS JOIN coarse c ON c.id = r.series_id AND c.ever_id = e.id
            WHERE e.id = g.series_id AND e.level = {EVER.number}""",
        ),
        "DELETE FROM gone;",
    )
)
