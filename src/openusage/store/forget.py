"""Forgetting a machine: its events, sums, readings, facts, name and labels. A step at a time, like retention.

An event that another machine has too is not lost: it moves to that machine, with the figures it has by now,
which are the largest that any of them told. Of several, the smallest id takes it; what each copy carried is
not kept, so there is no better owner, and a copy that is sent again changes nothing.

Not brought back: what other machines share with it of the time before the raw events were pruned. Its sums go
as a whole, and which of them others had too is not known any more.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from openusage.store import levels, sums
from openusage.store.labels import LabelBook, clean

SPAN = 100_000
"""Numbers of events that one step looks at: tens of milliseconds that others wait for it."""
_SERIES = "SELECT id FROM series WHERE machine = ?"


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What one step did."""

    dropped: int = 0
    """Events that only it had."""
    moved: int = 0
    """Events that count for another machine now."""
    upto: int = 0
    """Where the next step goes on."""
    backlog: bool = False
    """More is left: call again, with `upto`."""

    def and_then(self, step: Forgotten) -> Forgotten:
        """Both together."""
        return Forgotten(
            dropped=self.dropped + step.dropped,
            moved=self.moved + step.moved,
            upto=step.upto,
            backlog=step.backlog,
        )


def forget_step(
    db: apsw.Connection, book: LabelBook, machine: str, after: int, raw_from_us: int
) -> Forgotten:
    """Events numbered from `after` on, at most `SPAN` numbers; with the last of them all the rest.

    Inside a transaction of the writer. When nothing is left, labels were removed: `book` must start anew.
    """
    machine = clean(machine)
    last = db.execute("SELECT ifnull(max(id), 0) FROM event").get
    upto = min(after + SPAN, last)
    db.execute(
        f"INSERT INTO touched SELECT id, 1 FROM event NOT INDEXED"
        f" WHERE id > ? AND id <= ? AND series_id IN ({_SERIES})",
        (after, upto, machine),
    )
    found = db.changes()
    moved = 0
    coarser = levels.kept(db)
    if found:
        sums.take_touched(db, coarser=coarser)
        moved = _bequeath(db, book)
        db.execute(
            f"DELETE FROM event WHERE id IN (SELECT id FROM touched) AND series_id IN ({_SERIES})", (machine,)
        )
        db.execute("DELETE FROM touched WHERE id NOT IN (SELECT id FROM event)")
        sums.add_touched(db, raw_from_us, coarser=coarser)
    if upto >= last:
        _forget_rest(db, machine)
        if coarser:  # what was pruned is in no raw event: which of it was the machine's, only `rollup` knew
            levels.build(db)
    return Forgotten(dropped=found - moved, moved=moved, upto=upto, backlog=upto < last)


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


def _forget_rest(db: apsw.Connection, machine: str) -> None:
    """Everything but raw events. O(rollups) and O(copies): there is no index by machine."""
    for table in ("rollup", "rollup_day"):
        db.execute(f"DELETE FROM {table} WHERE series_id IN ({_SERIES})", (machine,))
    db.execute(
        "DELETE FROM reading_history WHERE reading_id IN (SELECT id FROM reading WHERE machine = ?)",
        (machine,),
    )
    for table in ("copy", "reading", "fact", "floor", "heard", "series"):
        db.execute(f"DELETE FROM {table} WHERE machine = ?", (machine,))
    db.execute("DELETE FROM machine WHERE id = ?", (machine,))
    db.execute("DELETE FROM session WHERE id NOT IN (SELECT session_id FROM rollup)")
