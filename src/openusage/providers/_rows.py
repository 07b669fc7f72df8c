"""Which rows of a table are new, and which of the known ones may still change.

Tools rarely index their tables by time of change, and times of several processes are in no strict order. What
every table has is a rowid that grows: new rows are those behind the last one. A row that its tool will write
again (a message that is still streamed) is remembered by its id with a stamp, and read again when that is
another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from openusage.providers import _sqlite
from openusage.providers._sqlite import Database

KEPT_OPEN = 200
"""Rows that may change, at most: what was killed in the middle stays so for ever."""

Row = tuple[Any, ...]
T = TypeVar("T")


class Trail(msgspec.Struct, array_like=True):
    """Rows that were the last ones when a table was read, newest last: rowid and what names the row.

    Rowids are given anew after a VACUUM, and once more after the last rows were deleted. A row that still has
    its rowid says that all rows before it have theirs: reading goes on behind the newest such row. The gaps
    between the marks double, so that a tool that takes back its last messages costs only those.
    """

    marks: list[tuple[int, str]] = []

    def start(self, db: Database, table: str, witness: str) -> int:
        """The rowid behind which to go on; forgets the marks that are no longer true."""
        while self.marks:
            rowid, name = self.marks[-1]
            found = db.rows(f"SELECT {witness} FROM {table} WHERE rowid = ?", (rowid,))
            if [str(value) for (value,) in found] == [name]:
                return rowid
            self.marks.pop()
        return 0

    def add(self, rowid: int, name: str) -> None:
        """The row `rowid`, named `name`, was read, and all before it."""
        kept: list[tuple[int, str]] = []
        for mark in reversed(self.marks):
            gap = rowid - mark[0]
            if gap > 0 and (not kept or gap >= 2 * (rowid - kept[-1][0])):
                kept.append(mark)
        self.marks = [*reversed(kept), (rowid, name)]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """How the rows of a table are read."""

    name: str
    key: str = "id"
    """The column that names a row."""
    columns: str
    """What is selected, after rowid and key."""
    witness: str = ""
    """An expression that tells a row from another one in its place, where the key is its very place."""
    stamp: str = "NULL"
    """An expression that differs once a row, or what belongs to it, was written again."""


class Followed(msgspec.Struct, omit_defaults=True):
    """How far a table was read. Travels in its database's cursor."""

    trail: Trail = msgspec.field(default_factory=Trail)
    open: dict[str, str] = {}
    """Rows that may change, oldest first: key -> stamp."""

    def batches(
        self, db: Database, table: Table, read: Callable[[list[Row]], T]
    ) -> Iterator[tuple[T, float]]:
        """What `read` makes of the rows to read, and the share of the table that is read then.

        A row is rowid, key, columns; first come those that changed, then new ones. `read` is called within
        one moment of the database, so that what belongs to the rows fits them, and says which of them may
        change (`keep`).
        """
        with db.moment():
            witness = table.witness or table.key
            at = self.trail.start(db, table.name, witness)
            written = self._written(db, table)
            where = f"{table.key} IN ({marks(written)})"
            found = read(self._select(db, table, where, written)) if written else None
        if found is not None:
            yield found, 0.0
        ((last,),) = db.rows(f"SELECT max(rowid) FROM {table.name}")
        while last is not None and at < last:
            with db.moment():
                where = "rowid > ? ORDER BY rowid LIMIT ?"
                rows = self._select(db, table, where, [at, _sqlite.BATCH_ROWS])
                if not rows:
                    return
                at = rows[-1][0]
                ((name,),) = db.rows(f"SELECT {witness} FROM {table.name} WHERE rowid = ?", (at,))
                self.trail.add(at, str(name))
                found = read(rows)
            yield found, min(1.0, at / last)

    def keep(self, db: Database, table: Table, rows: Iterable[Row], may_change: Iterable[str]) -> None:
        """Of these rows, only those named may change."""
        for row in rows:
            self.open.pop(str(row[1]), None)
        self.open |= self._stamps(db, table, list(may_change))
        for key in list(self.open)[:-KEPT_OPEN]:
            del self.open[key]

    def _written(self, db: Database, table: Table) -> list[str]:
        now = self._stamps(db, table, list(self.open))
        changed = [key for key, stamp in self.open.items() if key in now and now[key] != stamp]
        self.open = {key: now[key] for key in self.open if key in now}
        return changed

    @staticmethod
    def _stamps(db: Database, table: Table, keys: list[str]) -> dict[str, str]:
        if not keys:
            return {}
        sql = f"SELECT {table.key}, {table.stamp} FROM {table.name} WHERE {table.key} IN ({marks(keys)})"
        return {str(key): str(stamp) for key, stamp in db.rows(sql, keys)}

    @staticmethod
    def _select(db: Database, table: Table, where: str, args: list[Any]) -> list[Row]:
        return db.rows(f"SELECT rowid, {table.key}, {table.columns} FROM {table.name} WHERE {where}", args)


def marks(values: Iterable[object]) -> str:
    """A `?` for each value, for an `IN (…)`."""
    return ",".join("?" for _ in values)
