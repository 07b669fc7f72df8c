"""Transactions of the one writer: all or nothing, several as one, and why writing failed.

What is remembered beside the database (numbers of labels, sums that are still to be made) follows it: a
transaction that is rolled back takes that back, too.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw

from openusage.errors import StoreError
from openusage.store.connection import explained
from openusage.store.events import EventTable
from openusage.store.labels import LabelBook


class Transactions:
    """Belongs to one store. Any thread may call."""

    def __init__(self, db: apsw.Connection, path: Path | None, book: LabelBook, events: EventTable) -> None:
        self._db = db
        self._path = path
        self._book = book
        self._events = events
        self.mutex = threading.RLock()
        """Held by whoever uses the connection."""
        self.met: set[str] = set()
        """Machines that are in the database, as far as is remembered."""
        self.error = ""
        """Why writing failed the last time; empty: it did not."""
        self.saw_damage = False
        self._is_together = False

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One writer at a time; remembers why writing failed until it works again."""
        with self.mutex:
            try:
                with explained(self._path):
                    yield
            except StoreError as e:
                self.error = e.message
                self.saw_damage |= isinstance(e.__cause__, apsw.CorruptError | apsw.NotADBError)
                raise
            self.error = ""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, while `writing`; a part of the transaction of `together`, when there is one."""
        db, events = self._db, self._events
        is_part, unsummed = self._is_together, events.unsummed
        if is_part and not db.in_transaction:
            raise StoreError("the transaction was ended by a failure")
        db.execute("SAVEPOINT part" if is_part else "BEGIN IMMEDIATE")
        try:
            yield
            if not is_part:
                events.sum_up()
            db.execute("RELEASE part" if is_part else "COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK TO part; RELEASE part" if is_part else "ROLLBACK")
            events.unsummed = unsummed
            self._book.undo()
            self.met.clear()
            raise
        if not is_part:
            self._book.settle()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """One transaction of all those inside."""
        with self.writing(), self.transaction():
            self._is_together = True
            try:
                yield
            finally:
                self._is_together = False

    @contextlib.contextmanager
    def borrow(self) -> Iterator[apsw.Connection]:
        """The writer's own connection, for a question: a store in memory has no other."""
        with self.mutex, explained(None):
            yield self._db
