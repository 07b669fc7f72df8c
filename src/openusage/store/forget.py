"""Forgetting a machine: its events, sums, readings, facts, name and labels. A step at a time, like retention.

An event that another machine has too is not lost: it moves to that machine, with the figures it has by now,
which are the largest that any of them told. Of several, the smallest id takes it; what each copy carried is
not kept, so there is no better owner, and a copy that is sent again changes nothing.

Not brought back: what other machines share with it of the time before the raw events were pruned. Its sums go
as a whole, and which of them others had too is not known any more.

First the raw events go, then, day by day, the sums of those that were pruned, then copies; the last step
takes all that is left. A machine may send something meanwhile: every step takes new events first.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from openusage.store import levels, sums
from openusage.store.labels import LabelBook, clean
from openusage.store.slots import SLOTS_A_DAY

SPAN = 50_000
"""Rows that one step looks at: some ten milliseconds that others wait for it."""
MOST_EVENTS = 2_000
"""That one step removes: as long."""
_SERIES = "SELECT id FROM series WHERE machine = ?"


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What was done until now, and where the next step goes on."""

    dropped: int = 0
    """Events that only it had."""
    moved: int = 0
    """Events that count for another machine now."""
    upto: int = 0
    """Events up to this number are gone."""
    day: int = -1
    """Sums of days up to this one are gone."""
    key: bytes = b""
    """Copies up to this key are gone."""
    backlog: bool = True
    """More is left."""


def forget_step(
    db: apsw.Connection, book: LabelBook, machine: str, so_far: Forgotten, raw_from_us: int
) -> Forgotten:
    """One step more. Inside a transaction of the writer. When no backlog is left, labels were removed: `book`
    must start anew."""
    machine = clean(machine)
    last = db.execute("SELECT ifnull(max(id), 0) FROM event").get
    if so_far.upto < last:
        return _events(db, book, machine, so_far, last, raw_from_us)
    done = _sums(db, machine, so_far) or _copies(db, machine, so_far)
    if done is not None:
        return done
    _rest(db, machine)
    return msgspec.structs.replace(so_far, backlog=False)


def _events(
    db: apsw.Connection, book: LabelBook, machine: str, so_far: Forgotten, last: int, raw_from_us: int
) -> Forgotten:
    """Some raw events, in the order of their numbers, and what they are in the sums."""
    upto = min(so_far.upto + SPAN, last)
    db.execute(
        f"INSERT INTO touched SELECT id, 1 FROM event NOT INDEXED"
        f" WHERE id > ? AND id <= ? AND series_id IN ({_SERIES}) ORDER BY id LIMIT ?",
        (so_far.upto, upto, machine, MOST_EVENTS),
    )
    found = db.changes()
    if found == MOST_EVENTS:
        upto = db.execute("SELECT max(id) FROM touched").get
    moved = 0
    if found:
        coarser = levels.kept(db)
        _note_sessions(db, machine, "touched CROSS JOIN event USING (id)")
        sums.take_touched(db, coarser=coarser)
        moved = _bequeath(db, book)
        db.execute(
            f"DELETE FROM event WHERE id IN (SELECT id FROM touched) AND series_id IN ({_SERIES})", (machine,)
        )
        db.execute("DELETE FROM touched WHERE id NOT IN (SELECT id FROM event)")
        sums.drop_left(db, coarser=coarser)
        sums.add_touched(db, raw_from_us, coarser=coarser)
    return msgspec.structs.replace(
        so_far, dropped=so_far.dropped + found - moved, moved=so_far.moved + moved, upto=upto
    )


def _bequeath(db: apsw.Connection, book: LabelBook) -> int:
    """Gives the events of `touched` that another machine has to that machine; how many."""
    heirs: list[Any] = db.execute(
        """
        SELECT id, series_id, event_key, min(copy.machine)
            FROM touched CROSS JOIN event USING (id) JOIN copy USING (event_key) GROUP BY id
        """
    ).fetchall()
    db.executemany(
        "UPDATE event SET series_id = ? WHERE id = ?",
        [(book.series_elsewhere(series_id, heir), number) for number, series_id, _, heir in heirs],
    )
    db.executemany(
        "DELETE FROM copy WHERE event_key = ? AND machine = ?", [(key, heir) for _, _, key, heir in heirs]
    )
    return len(heirs)


def _sums(db: apsw.Connection, machine: str, so_far: Forgotten) -> Forgotten | None:
    """The next day that has sums of it: of events that were pruned. `None`: there is none."""
    first, last = db.execute("SELECT ifnull(min(day), 0), ifnull(max(day), -1) FROM rollup_day").get
    for day in range(max(first, so_far.day + 1), last + 1):
        db.execute(_DELTA_OF_DAY, (day, machine, day * SLOTS_A_DAY))
        if db.changes():
            _note_sessions(db, machine, "delta")
            db.execute(
                "DELETE FROM rollup WHERE (slot, series_id, session_id) IN"
                " (SELECT slot, series_id, session_id FROM delta)"
            )
            db.execute(
                "DELETE FROM rollup_day WHERE day = ? AND series_id IN (SELECT series_id FROM delta)", (day,)
            )
            if levels.kept(db):
                levels.take(db)
                levels.note_gone_sums(db)
                levels.settle(db)
            db.execute("DELETE FROM delta")
            return msgspec.structs.replace(so_far, day=day)
    return None


_DELTA_OF_DAY = """
INSERT INTO delta SELECT r.* FROM (
    SELECT s.id FROM series s CROSS JOIN rollup_day d ON d.day = ?1 AND d.series_id = s.id
    WHERE s.machine = ?2
) AS s CROSS JOIN part p CROSS JOIN rollup r ON r.slot = ?3 + p.n AND r.series_id = s.id
"""


def _copies(db: apsw.Connection, machine: str, so_far: Forgotten) -> Forgotten | None:
    """Some of what it has of others' events. `None`: there is none."""
    if not db.execute("SELECT ifnull(sum(copies), 0) FROM machine WHERE id = ?", (machine,)).get:
        return None
    upto = db.execute(
        "SELECT max(event_key) FROM (SELECT event_key FROM copy WHERE event_key > ? ORDER BY 1 LIMIT ?)",
        (so_far.key, SPAN),
    ).get
    if upto is None:
        return None
    db.execute(
        "DELETE FROM copy WHERE event_key > ? AND event_key <= ? AND machine = ?", (so_far.key, upto, machine)
    )
    return msgspec.structs.replace(so_far, key=upto)


def _note_sessions(db: apsw.Connection, machine: str, of: str) -> None:
    """Its sessions in these rows may be nobody's when it is gone."""
    db.execute(
        f"INSERT OR IGNORE INTO left_session SELECT ?, session_id FROM {of} WHERE session_id <> 0",
        (machine,),
    )


def _rest(db: apsw.Connection, machine: str) -> None:
    """What is left when events and sums are gone. O(readings + labels + its sessions)."""
    db.execute(
        "DELETE FROM reading_history WHERE reading_id IN (SELECT id FROM reading WHERE machine = ?)",
        (machine,),
    )
    if levels.kept(db):
        levels.drop_labels(db, machine)
    for table in ("reading", "fact", "floor", "heard", "series"):
        db.execute(f"DELETE FROM {table} WHERE machine = ?", (machine,))
    db.execute("DELETE FROM machine WHERE id = ?", (machine,))
    db.execute(
        """
        DELETE FROM session WHERE id IN (SELECT session_id FROM left_session WHERE machine = ?)
            AND NOT EXISTS (SELECT 1 FROM rollup r WHERE r.session_id = session.id)
        """,
        (machine,),
    )
    db.execute("DELETE FROM left_session WHERE machine = ?", (machine,))
