"""What is forgotten, and how: raw events after the retention, history by age. Sums and keys stay.

Of a pruned event 8 bytes of its key stay in `pruned`, about 12 on disk where the event took 120: so logs that
are read anew years later, from any machine and with any time in them, are not counted twice. A floor time
instead would be smaller, but would lose the past of a machine or tool that joins later. What is given up: a
fuller record of an event that is already pruned no longer changes it.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from openusage.store.events import short_key
from openusage.store.readings import thin
from openusage.store.slots import DAY_US

BATCH = 2_000
"""Events a transaction: a writer waits some milliseconds for it."""
MOST_BATCHES = 20
"""One `prune` does at most so many, then it lets others write."""
VACUUM_PAGES = 5_000
"""One `prune` gives back at most 20 MB."""
HISTORY_DAYS = 35
"""Of readings, whatever the retention."""


class PruneResult(msgspec.Struct, frozen=True):
    """What went."""

    events: int = 0
    readings: int = 0
    backlog: bool = False
    """More is left to drop: call again soon."""


def raw_floor(now_us: int, retention_days: int) -> int:
    """Events before this time may go: whole UTC days, so that every slot is either raw or pruned."""
    return max(0, (now_us - max(1, retention_days) * DAY_US) // DAY_US * DAY_US)


def prune_batch(db: apsw.Connection, before_us: int) -> int:
    """Drops some of the oldest events before `before_us`; how many. Inside a transaction. O(`BATCH`)."""
    rows: list[Any] = db.execute(
        "SELECT id, event_key FROM event INDEXED BY event_time WHERE at_us < ? ORDER BY at_us LIMIT ?",
        (before_us, BATCH),
    ).fetchall()
    if rows:
        db.executemany(
            "INSERT OR IGNORE INTO pruned VALUES (?)", sorted((short_key(key),) for _, key in rows)
        )
        db.executemany("DELETE FROM copy WHERE event_key = ?", [(key,) for _, key in rows])
        db.executemany("DELETE FROM event WHERE id = ?", [(number,) for number, _ in rows])
        db.execute(
            "INSERT INTO meta VALUES ('raw_from_us', ?1)"
            " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
            (before_us,),
        )
    return len(rows)


def prune_history(db: apsw.Connection, now_us: int, retention_days: int) -> int:
    """Thins reading history; how many rows went. Inside a transaction. O(history)."""
    return thin(db, now_us, now_us - max(retention_days, HISTORY_DAYS) * DAY_US)
