"""Numbers: in which order this store's records came or changed, and how far a hub has those of others.

Every new event, reading and fact takes the next number, and so does an event that changed: it moves behind
all others. An event's number is its `id`, so new events cost nothing extra. Numbers rise and are never given
twice; some are left out. They mean something only together with `store_id`: a database that was made anew,
saved from damage, or is a copy of another (a restored backup) counts under another id, so that nobody takes
its numbers for those of the old one.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import apsw
import msgspec

from openusage.store.labels import clean
from openusage.store.meta import meta, meta_text, put_meta

_TABLES = (("event", "id"), ("reading", "number"), ("reading_history", "number"), ("fact", "number"))
"""Where numbers stand."""


class Numbers:
    """Gives numbers within one transaction of the writer."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self.last = self._kept = meta(db, "number")
        """The number given last, in this transaction or ever before."""

    def next(self) -> int:
        """One more."""
        self.last += 1
        return self.last

    def keep(self) -> None:
        """Writes down how far it came. At the end of the transaction."""
        if self.last > self._kept:
            put_meta(self._db, "number", self.last)
            self._kept = self.last


class Run(msgspec.Struct, frozen=True):
    """A run of numbers of another store: `(after, upto]`, that a batch of records holds all of."""

    store_id: str
    after: int
    upto: int


def settle(db: apsw.Connection, path: Path | None, mark: str) -> str:
    """Gives the store its id and its secret, when it is opened to be written. Inside a transaction.

    The database was exchanged for an older or another one when its mark is not `mark`, the one that the last
    writer left beside it, or when it is another file. Then it is not known which of its numbers were given
    to other records since, and it gets a new id. What was heard from others stays, as their records do.
    Returns the new mark, to be left beside it when the transaction is through.
    """
    inode = str(path.stat().st_ino) if path is not None else ""
    same = meta_text(db, "inode") == inode and meta_text(db, "mark") == mark
    if not (same and meta_text(db, "store_id")):
        new_store_id(db)
    new_mark = secrets.token_hex(8)
    put_meta(db, "inode", inode)
    put_meta(db, "mark", new_mark)
    if not meta_text(db, "secret"):
        put_meta(db, "secret", secrets.token_hex(16))
    last = max(db.execute(f"SELECT ifnull(max({column}), 0) FROM {table}").get for table, column in _TABLES)
    if last > meta(db, "number"):
        put_meta(db, "number", last)
    return new_mark


def new_store_id(db: apsw.Connection) -> str:
    """From now on, numbers are told under another id: whoever has them hears them again."""
    made = secrets.token_hex(16)
    put_meta(db, "store_id", made)
    put_meta(db, "sent", 0)
    return made


def keep_sent(db: apsw.Connection, upto: int) -> None:
    """Records up to this number are about to be told to a hub."""
    if upto > meta(db, "sent"):
        put_meta(db, "sent", upto)


def heard(db: apsw.Connection, machine: str, store_id: str) -> int:
    """Up to which number everything of another store is here; 0: nothing yet."""
    row = db.execute(
        "SELECT upto FROM heard WHERE machine = ? AND store = ?", (clean(machine), clean(store_id))
    ).fetchone()
    return int(row[0]) if row else 0


def keep_heard(db: apsw.Connection, machine: str, run: Run) -> None:
    """Everything up to the end of the run is here, in the transaction that stores it."""
    db.execute(
        "INSERT INTO heard VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET upto = max(upto, excluded.upto)",
        (clean(machine), clean(run.store_id), run.upto),
    )
