"""The store: one writer, any number of readers, on one file. Joins the modules of this folder.

A write is one transaction: records, the sums that follow from them and the cursors that say how far was read.
A process that is killed leaves all of it or nothing. Calls may come from several threads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw
import msgspec

from openusage.errors import StoreError
from openusage.store import cursors as cursor_table
from openusage.store import levels, numbers
from openusage.store.connection import (
    ReaderPool,
    WriterLock,
    explained,
    make_private,
    open_reader,
    open_writer,
)
from openusage.store.events import EventCount, EventTable, PriceOf, plausible
from openusage.store.forget import Forgotten, forget_step
from openusage.store.labels import LabelBook, clean
from openusage.store.meta import meta
from openusage.store.numbers import Numbers, Run
from openusage.store.questions import Answers
from openusage.store.readings import add_facts, add_readings
from openusage.store.results import AddResult, Health, MachineName, Met
from openusage.store.retention import (
    MOST_BATCHES,
    VACUUM_PAGES,
    PruneResult,
    prune_batch,
    prune_history,
    raw_floor,
)
from openusage.store.salvage import heal, kept_note
from openusage.store.schema import VERSION, migrate, version_of
from openusage.store.transactions import Transactions
from openusage.wire.cursors import FileCursor
from openusage.wire.events import AccountFact, QuotaReading, Record, UsageEvent


class Store(Answers):
    """The one writer of a database; answers questions too. Made by `open`."""

    def __init__(
        self,
        path: Path | None,
        db: apsw.Connection,
        lock: WriterLock | None,
        machine: MachineName,
        price: PriceOf,
        now: Callable[[], int],
    ) -> None:
        self._path = path
        self._db = db
        self._lock = lock
        self._machine = machine.id
        self._now = now
        self._book = LabelBook(db)
        self._events = EventTable(db, self._book, price)
        self._writer = Transactions(db, path, self._book, self._events)
        self._writing, self._transaction = self._writer.writing, self._writer.transaction
        self._counted = (-1, 0)
        """Revision, and how many events there were."""
        self._readers = ReaderPool(path) if path is not None else None
        super().__init__(self._readers.borrow if self._readers else self._writer.borrow, machine.id)
        with self._writing(), self._transaction():
            mark = numbers.settle(db, path, lock.mark if lock is not None else "")
            self._know(machine.id, machine.name)
        if lock is not None:
            lock.leave(mark)

    @classmethod
    def open(
        cls, path: Path | None, *, machine: MachineName, price: PriceOf, now: Callable[[], int]
    ) -> Store:
        """Opens for writing; `None` is a store in memory. `now` gives UTC microseconds.

        A damaged file is kept aside and what can be read of it is saved: `health` says so.

        Raises:
            AlreadyRunning: another process writes it.
            StoreError: it cannot be opened, or is a newer program's or another program's.
        """
        if path is None:
            db = open_writer(None)
            migrate(db, "the store in memory")
            return cls(None, db, None, machine, price, now)
        make_private(path)
        lock = WriterLock(path)
        lock.take()
        try:
            with explained(path):
                heal(path, now(), left_open=lock.was_left_open)
                db = open_writer(path)
                try:
                    migrate(db, str(path))
                    return cls(path, db, lock, machine, price, now)
                except BaseException:
                    db.close()
                    raise
        except BaseException:
            lock.abandon() if lock.was_left_open else lock.release()
            raise

    @staticmethod
    def open_readonly(path: Path, machine_id: str = "") -> Reader:
        """Opens beside a writer in another process; changes nothing.

        Raises:
            StoreError: there is no such store, or it is a newer program's.
        """
        if not path.exists():
            raise StoreError(f"there is no store at {path}", "A daemon makes it when it first reads.")
        with explained(path):
            db = open_reader(path)
            try:
                version = version_of(db, str(path))
                if version == 0:
                    raise StoreError(
                        f"the store at {path} is empty", "A daemon fills it when it first reads."
                    )
                if version < VERSION:
                    raise StoreError(
                        f"the store at {path} is of an older openusage", "A daemon brings it up to date."
                    )
            finally:
                db.close()
        return Reader(ReaderPool(path), machine_id)

    def reader(self) -> Answers:
        """For questions from any thread, while the writer works."""
        return self

    def add(
        self,
        records: Sequence[Record],
        *,
        machine: str | None = None,
        run: Run | None = None,
        cursors: Sequence[FileCursor] = (),
        gone: Sequence[str] = (),
        provider: str = "",
        account: str = "",
    ) -> AddResult:
        """Stores records of a machine (this one when not said) and how far their sources were read.

        `run` says which numbers of the machine's own store they are; how far it was heard is kept with them.
        A run that begins after that leaves a gap: nothing is stored, `AddResult.heard` says how far it was.
        All of it or nothing. O(records), whatever is stored already.

        Raises:
            StoreError: nothing was changed; it can be tried again.
        """
        if not (records or cursors or gone or run):
            return AddResult()
        events = [r for r in records if isinstance(r, UsageEvent)]
        owner = machine or self._machine
        refused = 0
        with self._writing():
            try:
                result = self._add(events, records, owner, run, cursors, gone, (provider, account))
            except (apsw.ConstraintError, OverflowError):
                possible = [event for event in events if plausible(event)]
                refused = len(events) - len(possible)
                result = self._add(possible, records, owner, run, cursors, gone, (provider, account))
        return msgspec.structs.replace(result, refused=refused)

    def _add(
        self,
        events: list[UsageEvent],
        records: Sequence[Record],
        machine: str,
        run: Run | None,
        cursors: Sequence[FileCursor],
        gone: Sequence[str],
        owner: tuple[str, str],
    ) -> AddResult:
        db = self._db
        with self._transaction():
            heard = None if run is None else numbers.heard(db, machine, run.store_id)
            if run is not None and heard is not None:
                if run.after > heard:
                    return AddResult(heard=heard)
                numbers.keep_heard(db, machine, run)
                heard = max(heard, run.upto)
            self._know(machine, machine)
            given = Numbers(db)
            raw_from_us = meta(db, "raw_from_us")
            count = self._events.add(events, machine, raw_from_us, given) if events else EventCount()
            readings = facts = 0
            if len(events) < len(records):
                told = [r for r in records if isinstance(r, QuotaReading)]
                readings = add_readings(db, told, machine, self._now(), given)
                facts = add_facts(db, [r for r in records if isinstance(r, AccountFact)], machine, given)
            given.keep()
            cursor_table.save(db, *owner, cursors, gone)
            if count.inserted or count.updated or count.copies or readings or facts:
                self._changed()
        return AddResult(
            inserted=count.inserted,
            updated=count.updated,
            unchanged=count.unchanged,
            seen_elsewhere=count.seen_elsewhere,
            readings=readings,
            facts=facts,
            heard=heard,
        )

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Makes one transaction of the writes inside, which is many times cheaper when they are small.

        Each of them is all or nothing still, whatever becomes of the others; but nothing is kept unless this
        ends well.

        Raises:
            StoreError: nothing of it was kept.
        """
        with self._writer.together():
            yield

    def cursors(self, provider: str, account: str) -> dict[str, FileCursor]:
        """How far this machine's sources of one account were read, by path. O(its files)."""
        with self._borrow() as db:
            return cursor_table.load(db, provider, account)

    def meet(self, *machines: MachineName | Met) -> None:
        """Makes machines known, their new names, what was seen of them. One transaction, no new revision."""
        with self._writing(), self._transaction():
            for machine in machines:
                self._know(machine.id, machine.name)
                if isinstance(machine, Met):
                    seen = (machine.version, machine.heard_us, machine.skew_us, machine.backlog)
                    self._db.execute(_SEEN, (*seen, clean(machine.id)))

    def renew(self) -> str:
        """Gives the store a new id: its records are new to every hub, which then gets all of them again."""
        with self._writing(), self._transaction():
            return numbers.new_store_id(self._db)

    def sending(self, upto: int) -> None:
        """Written down before records up to this number go to a hub: one that says later that it has more
        has it from a copy of this database, or from what it was before it was set back. O(1)."""
        with self._writing(), self._transaction():
            numbers.keep_sent(self._db, upto)

    def keep_levels(self) -> None:
        """Keeps the coarser sums of `levels` from now on: questions about many machines need them.

        O(1) when it does already; else O(rows of `rollup`), once: some seconds for millions of them.
        """
        if not self._events.coarser:
            with self._writing():
                with self._transaction():
                    levels.build(self._db)
                self._events.coarser = True

    def reprice(self) -> int:
        """Prices the messages that had no price when they came; how many. Those that have one keep it."""
        with self._writing(), self._transaction():
            changed = self._events.reprice(meta(self._db, "raw_from_us"))
            if changed:
                self._changed()
            return changed

    def prune(self, now_us: int, retention_days: int) -> PruneResult:
        """Drops raw events and reading history by age; sums stay.

        Short transactions, so that others can write. O(what is dropped), at most 40,000 events a call.
        """
        before_us = raw_floor(now_us, retention_days)
        events = 0
        backlog = True
        for _ in range(MOST_BATCHES):
            with self._writing(), self._transaction():
                dropped = prune_batch(self._db, before_us)
                if dropped:
                    self._changed()
            events += dropped
            backlog = dropped > 0
            if not backlog:
                break
        with self._writing(), self._transaction():
            readings = prune_history(self._db, now_us, retention_days)
            if readings:
                self._changed()
        if events or readings:
            with self._writing():
                self._db.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        return PruneResult(events=events, readings=readings, backlog=backlog)

    def forget(self, machine: str, so_far: Forgotten | None = None) -> Forgotten:
        """Removes a machine, a step at a time: call it again, with what it gave, while there is a backlog.

        What other machines have too of its events counts for them from then on. A step is one transaction of
        some ten milliseconds, after which all sums hold.

        Raises:
            StoreError: this step changed nothing; or it is the machine whose store this is.
        """
        if machine == self._machine:
            raise StoreError("a store cannot forget the machine that it belongs to", "Remove its file.")
        with self._writing():
            with self._transaction():
                raw_from_us = meta(self._db, "raw_from_us")
                done = forget_step(self._db, self._book, machine, so_far or Forgotten(), raw_from_us)
                self._changed()
            if not done.backlog:
                self._book.forget()
                self._writer.met.clear()
                self._db.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        return done

    def checkpoint(self) -> None:
        """Brings the write-ahead log into the database and empties it, when no reader is in the way."""
        if self._path is not None:
            with self._writing(), contextlib.suppress(apsw.BusyError, apsw.LockedError):
                self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                self._db.release_memory()  # a first read fills the page cache; idling needs none of it

    def health(self) -> Health:
        """Size and what is wrong. O(events), milliseconds, after a change; else O(1)."""
        notes = [self._writer.error] if self._writer.error else []
        if self._path is not None:
            notes = [note for note in (kept_note(self._path),) if note] + notes
        with self._borrow() as db:
            revision = meta(db, "revision")
            if revision != self._counted[0]:
                self._counted = revision, int(db.execute("SELECT count(*) FROM event").get)
            return Health(
                size_bytes=_size(self._path), events=self._counted[1], revision=revision, notes=notes
            )

    def close(self) -> None:
        """Ends cleanly. A second time does nothing."""
        with self._writer.mutex:
            if self._readers is not None:
                self._readers.close()
            try:
                self._db.close()
            finally:
                if self._lock is not None:
                    self._lock.abandon() if self._writer.saw_damage else self._lock.release()

    def _know(self, machine_id: str, name: str) -> None:
        if machine_id in self._writer.met and name == machine_id:
            return
        self._db.execute(
            "INSERT INTO machine (id, name, first_us) VALUES (?1, ?2, ?3)"
            " ON CONFLICT DO UPDATE SET name = ?2 WHERE ?2 NOT IN (id, name)",
            (clean(machine_id), clean(name), self._now()),
        )
        self._writer.met.add(machine_id)

    def _changed(self) -> None:
        self._db.execute(
            "INSERT INTO meta VALUES ('revision', 1) ON CONFLICT DO UPDATE SET value = value + 1"
        )


_SEEN = """
UPDATE machine SET version = CASE ?1 WHEN '' THEN version ELSE ?1 END, heard_us = ifnull(?2, heard_us),
    skew_us = ifnull(?3, skew_us), backlog = ifnull(?4, backlog) WHERE id = ?5
"""


class Reader(Answers):
    """Answers from a store that another process writes."""

    def __init__(self, pool: ReaderPool, machine_id: str) -> None:
        super().__init__(pool.borrow, machine_id)
        self._pool = pool

    def close(self) -> None:
        self._pool.close()


def _size(path: Path | None) -> int:
    """0 in memory, and where it cannot be told."""
    try:
        return path.stat().st_size if path is not None else 0
    except OSError:
        return 0
