"""A damaged database: noticed when it is opened, kept aside, and read out row by row into a new one.

What the new file may claim depends on what could be read whole:

- all events: the sums of their time are made anew, exactly; older sums are taken as they were;
- not all events, but all sums: the sums stand. The lost events are still in them, so no unknown event of a
  machine and tool known until then is counted again that is older than the newest sum (table `floor`);
- neither: the sums of what could be read.

Unless all events were read, cursors and what was heard of other machines are forgotten, so that the tools'
logs are read again and the others send theirs again. Numbers count under another store id, see `numbers`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from openusage.store import levels, sums
from openusage.store.connection import make_private, open_reader, open_writer
from openusage.store.meta import meta, put_meta
from openusage.store.schema import count_copies, migrate, version_of
from openusage.store.slots import DAY_US, SLOT_US

QUICK_LOOK_S = 0.02
"""How long a database is looked at that was closed properly."""
LONG_LOOK_S = 15.0
"""The same after a writer was killed or saw damage."""
KEPT = 3
"""Damaged files kept aside."""

_FILES = ("", "-wal", "-shm")
_SPAN = 10_000
_SMALLEST_SPAN = 64
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.FormatError)

TABLES: tuple[tuple[str, str], ...] = (
    ("meta", ""),
    ("machine", ""),
    ("price_version", "id"),
    ("series", "id"),
    ("session", "id"),
    ("rollup", "slot"),
    ("reading", "id"),
    ("reading_history", "reading_id"),
    ("fact", ""),
    ("floor", ""),
    ("pruned", ""),
    ("event", "id"),
    ("copy", ""),
    ("cursor", ""),
    ("heard", ""),
)
"""What is saved, most precious first, and the whole number that its rows are ordered by. Days are derived; so
are `levels`, which a hub makes anew."""


def heal(path: Path, now_us: int, *, left_open: bool) -> None:
    """Replaces a damaged database by what can be read of it. Only its writer may call this, before opening.

    Raises:
        StoreError: it is not damaged, but a newer program's or another program's.
    """
    damage = _damage(path, LONG_LOOK_S if left_open else QUICK_LOOK_S)
    if not damage:
        return
    at = dt.datetime.fromtimestamp(now_us / 1e6, dt.UTC)
    aside = path.with_name(f"{path.name}.corrupt.{at:%Y%m%dT%H%M%SZ}")
    new = path.with_name(f"{path.name}.saving")
    _unlink(new)
    make_private(new)
    saved = _save(path, new, now_us)
    for end in _FILES:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{end}").rename(f"{aside}{end}")
    new.rename(path)
    _note_of(aside).write_text(f"On {at:%Y-%m-%d} the store was damaged ({damage}): {saved}. Kept: {aside}")
    for old in _asides(path)[:-KEPT]:
        _unlink(old)


def kept_note(path: Path) -> str:
    """What happened to the newest damaged file that is still kept; empty when there is none."""
    for aside in reversed(_asides(path)):
        with contextlib.suppress(OSError):
            return _note_of(aside).read_text()
    return ""


def _asides(path: Path) -> list[Path]:
    return sorted(
        p for p in path.parent.glob(f"{path.name}.corrupt.*") if not p.name.endswith(("-wal", "-shm", ".txt"))
    )


def _unlink(path: Path) -> None:
    for end in (*_FILES, ".txt"):
        Path(f"{path}{end}").unlink(missing_ok=True)


def _note_of(aside: Path) -> Path:
    return aside.with_name(aside.name + ".txt")


def _damage(path: Path, limit_s: float) -> str:
    """What is wrong with the file; empty when nothing was found in the time given."""
    if path.stat().st_size == 0:
        return ""
    end = time.monotonic() + limit_s
    try:
        _roll_back(path)
        db = open_reader(path)
        try:
            version_of(db, str(path))
            db.set_progress_handler(lambda: time.monotonic() > end, 500)
            found = str(db.pragma("quick_check", 1))
        finally:
            db.close()
    except apsw.InterruptError:
        return ""
    except (apsw.CorruptError, apsw.NotADBError) as e:
        return str(e)
    return "" if found == "ok" else " ".join(found.split())[:200]


def _roll_back(path: Path) -> None:
    """Undo a write that a kill cut off while the file was being made: readers may not, and would refuse."""
    if Path(f"{path}-journal").exists():
        db = open_writer(path)
        try:
            db.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        finally:
            db.close()


def _save(damaged: Path, path: Path, now_us: int) -> str:
    """Fills the new file; says what was saved. Until it is whole the damaged one stays where it is."""
    new = open_writer(path)
    try:
        migrate(new, str(path))
        new.execute("BEGIN IMMEDIATE")
        whole = {name: False for name, _ in TABLES}
        with contextlib.suppress(*_DAMAGE):
            old = open_reader(damaged)
            try:
                whole = {name: _copy(old, new, name, key) for name, key in TABLES}
            finally:
                old.close()
        saved = _settle(new, whole, now_us)
        new.execute("COMMIT")
        return saved
    finally:
        new.close()


def _settle(new: apsw.Connection, whole: dict[str, bool], now_us: int) -> str:
    """Makes the tables agree with each other, see the top of this file."""
    orphans = _drop_orphans(new)
    events = whole["event"] and not orphans
    slots = whole["rollup"] and not orphans
    raw_from_us = meta(new, "raw_from_us")
    if not whole["meta"]:
        first = new.execute("SELECT min(at_us) FROM event").get
        raw_from_us = 0 if first is None else (int(first) // DAY_US + 1) * DAY_US
    if events or not slots:
        sums.rebuild(new, raw_from_us)
        floor_us = 0 if whole["pruned"] else raw_from_us
    else:
        sums.rebuild_days(new)
        newest = new.execute("SELECT max(last_us) FROM rollup").get
        # Not beyond now: a future-dated event must not keep what is yet to come out.
        floor_us = 0 if newest is None else (min(int(newest), now_us) // SLOT_US + 1) * SLOT_US
        raw_from_us = max(raw_from_us, floor_us)
    if floor_us:
        new.execute(
            "INSERT OR REPLACE INTO floor SELECT DISTINCT machine, provider, ? FROM series", (floor_us,)
        )
    if not (events and whole["cursor"]):
        new.execute("DELETE FROM cursor")
        new.execute("DELETE FROM heard")
    new.execute("DELETE FROM meta WHERE name = 'store_id'")
    levels.forget(new)
    count_copies(new)
    revision = meta(new, "revision") + 1 if whole["meta"] else now_us // 1_000_000
    for name, value in (("raw_from_us", raw_from_us), ("revision", revision)):
        put_meta(new, name, value)
    count = new.execute("SELECT count(*) FROM event").get
    if events:
        return f"all {count} events were saved"
    if slots:
        return f"all sums and {count} events were saved"
    return f"{count} events were saved, logs that still exist are read again"


def _drop_orphans(new: apsw.Connection) -> int:
    """Rows whose labels or session could not be read mean nothing any more."""
    before = new.total_changes()
    for table in ("event", "rollup"):
        new.execute(
            f"DELETE FROM {table} WHERE series_id NOT IN (SELECT id FROM series)"
            " OR (session_id <> 0 AND session_id NOT IN (SELECT id FROM session))"
        )
    dropped = new.total_changes() - before
    new.execute("DELETE FROM reading_history WHERE reading_id NOT IN (SELECT id FROM reading)")
    return dropped


def _copy(old: apsw.Connection, new: apsw.Connection, table: str, key: str) -> bool:
    """Copies what can be read of a table; True when that was all of it."""
    try:
        there = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
    except _DAMAGE:
        return False
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})") if row[1] in there]
    if not columns:
        return False
    names = ", ".join(f'"{name}"' for name in columns)
    put = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
    source = _Source(old, f"SELECT {names} FROM {table}", table, key)
    before = new.total_changes()
    for rows in source.parts():
        new.executemany(put, rows)
    return source.lost == 0 and new.total_changes() - before == source.read


class _Source:
    """One table of a damaged file, read in parts around what cannot be read."""

    def __init__(self, db: apsw.Connection, select: str, table: str, key: str) -> None:
        self._db = db
        self._select = select
        self._table = table
        self._key = key
        self.read = 0
        self.lost = 0
        """Places that could not be read."""

    def parts(self) -> Iterator[list[Any]]:
        if not self._key:
            yield from self._forward_and_back()
            return
        first, last = (self._edge(name) for name in ("min", "max"))
        if self.lost or first is None or last is None:
            first, last = first or 0, last if last is not None else (first or 0) + 1_000 * _SPAN
            if not self.lost:
                return
        for start in range(first, last + 1, _SPAN):
            yield from self._between(start, min(start + _SPAN, last + 1))

    def _edge(self, name: str) -> int | None:
        try:
            found: int | None = self._db.execute(f"SELECT {name}({self._key}) FROM {self._table}").get
        except _DAMAGE:
            self.lost += 1
            return None
        return found

    def _between(self, start: int, end: int) -> Iterator[list[Any]]:
        try:
            rows = self._db.execute(
                f"{self._select} WHERE {self._key} >= ? AND {self._key} < ?", (start, end)
            ).fetchall()
        except _DAMAGE:
            if end - start <= _SMALLEST_SPAN:
                self.lost += 1
                return
            middle = (start + end) // 2
            yield from self._between(start, middle)
            yield from self._between(middle, end)
            return
        self.read += len(rows)
        yield rows

    def _forward_and_back(self) -> Iterator[list[Any]]:
        for order in ("", " ORDER BY 1 DESC"):
            try:
                found = self._db.execute(self._select + order)
                while rows := list(islice(found, _SPAN)):
                    self.read += len(rows)
                    yield rows
                return
            except _DAMAGE:
                self.lost += 1
