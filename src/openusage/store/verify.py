"""Whether a store's sums are those of its events, and how to make them so again.

Everything is asked in one read transaction, beside whoever writes. Sums of pruned time cannot be compared
with events any more: there the days are compared with their quarter-hours alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from openusage.errors import StoreError
from openusage.store import levels, sums
from openusage.store.connection import WriterLock, explained, open_reader, open_writer
from openusage.store.meta import meta, put_meta
from openusage.store.schema import SUMS, VERSION, count_copies, version_of
from openusage.store.slots import SLOT_US, SLOTS_A_DAY

_NAMES = ", ".join(SUMS)
_EVENT_SUMS = ", ".join(sums.OF_EVENTS[name] for name in SUMS)
_ROLLUP_SUMS = ", ".join(f"sum({name})" for name in SUMS)
_LEVELS = ("sum_slot", "sum_hour", "sum_model", "sum_project", "sum_shared", "sum_ever")


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, and what differs."""

    path: str
    events: int
    slots: int
    """Sums of a quarter-hour, a series and a session."""
    days: int
    """Sums of a UTC day and a series."""
    size_bytes: int
    faults: list[str] = []
    """Sentences; empty: all is well."""


def verify(path: Path) -> Verified:
    """Looks through the whole file, and compares sums with what they are sums of. O(events + sums).

    Raises:
        StoreError: there is none, it cannot be read, or it is of another version.
    """
    with _opened(path) as db:
        faults = _damage(db)
        if not faults:
            faults = [*_sums(db), *_orphans(db), *_levels(db)]
        return Verified(
            path=str(path),
            events=_count(db, "SELECT count(*) FROM event"),
            slots=_count(db, "SELECT count(*) FROM rollup"),
            days=_count(db, "SELECT count(*) FROM rollup_day"),
            size_bytes=path.stat().st_size,
            faults=faults,
        )


def repair(path: Path) -> None:
    """Makes all sums anew, as far as there are events to make them of. One transaction. O(events + sums).

    Raises:
        AlreadyRunning: somebody writes it.
        StoreError: there is none, it cannot be written, or it is damaged: opening it by a daemon saves that.
    """
    with _opened(path) as db:
        if faults := _damage(db):
            raise StoreError(
                f"{path} is damaged: {faults[0]}", "Start the daemon: it saves what can be read."
            )
    lock = WriterLock(path)
    lock.take()
    try:
        with explained(path), contextlib.closing(open_writer(path)) as db:
            db.execute("BEGIN IMMEDIATE")
            sums.rebuild(db, meta(db, "raw_from_us"))
            if levels.kept(db):
                levels.build(db)
            count_copies(db)
            put_meta(db, "revision", meta(db, "revision") + 1)
            db.execute("COMMIT")
    except BaseException:
        lock.abandon()
        raise
    lock.release()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    if not path.exists():
        raise StoreError(f"there is no database at {path}", "A daemon makes it when it first reads.")
    with explained(path), contextlib.closing(open_reader(path)) as db:
        if version_of(db, str(path)) != VERSION:
            raise StoreError(f"{path} is of an older openusage", "Start the daemon: it brings it up to date.")
        db.execute("BEGIN")
        yield db


def _damage(db: apsw.Connection) -> list[str]:
    try:
        found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(5)")]
    except apsw.CorruptError as e:
        found = [str(e)]
    return [] if found == ["ok"] else [f"The file is damaged: {' '.join(text.split())}" for text in found]


def _sums(db: apsw.Connection) -> Iterator[str]:
    slot = -(-meta(db, "raw_from_us") // SLOT_US)
    yield from _differing(
        db,
        "quarter-hours",
        f"SELECT slot, series_id, session_id, {_NAMES}, first_us, last_us FROM rollup WHERE slot >= {slot}",
        f"SELECT at_us / {SLOT_US}, series_id, session_id, {_EVENT_SUMS}, min(at_us), max(at_us)"
        f" FROM event WHERE at_us >= {slot * SLOT_US} GROUP BY 1, 2, 3",
        "their events",
    )
    yield from _differing(
        db,
        "days",
        f"SELECT day, series_id, {_NAMES}, first_us, last_us FROM rollup_day",
        f"SELECT slot / {SLOTS_A_DAY}, series_id, {_ROLLUP_SUMS}, min(first_us), max(last_us)"
        " FROM rollup GROUP BY 1, 2",
        "their quarter-hours",
    )
    yield from _differing(
        db,
        "counts of copies",
        "SELECT id, copies FROM machine WHERE copies <> 0",
        "SELECT machine, count(*) FROM copy GROUP BY 1",
        "the copies",
    )


def _differing(db: apsw.Connection, what: str, kept: str, true: str, of: str) -> Iterator[str]:
    wrong = _count(db, f"SELECT count(*) FROM ({kept} EXCEPT {true})")
    missing = _count(db, f"SELECT count(*) FROM ({true} EXCEPT {kept})")
    if wrong or missing:
        yield f"{max(wrong, missing)} {what} differ from {of}."


def _orphans(db: apsw.Connection) -> Iterator[str]:
    for table, what in (("event", "events"), ("rollup", "sums")):
        lost = _count(
            db,
            f"SELECT count(*) FROM {table} WHERE series_id NOT IN (SELECT id FROM series)"
            " OR (session_id <> 0 AND session_id NOT IN (SELECT id FROM session))",
        )
        if lost:
            yield f"{lost} {what} have no labels."


def _levels(db: apsw.Connection) -> Iterator[str]:
    if not levels.kept(db):
        return
    true = db.execute(f"SELECT {_ROLLUP_SUMS} FROM rollup").get
    for table in _LEVELS:
        if db.execute(f"SELECT {_ROLLUP_SUMS} FROM {table}").get != true:
            yield f"The coarser sums of {table} differ from the quarter-hours."


def _count(db: apsw.Connection, sql: str) -> int:
    return int(db.execute(sql).get)
