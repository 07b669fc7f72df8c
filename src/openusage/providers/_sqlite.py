"""Reading the databases of other programs, while they write them, without disturbing them.

A database is opened read-only and only when its file or its write-ahead log changed since the last read. No
transaction stays open between two batches, so that its owner can always checkpoint. A database in WAL mode
whose owner is gone has no `-wal` file: a plain read-only connection would make one there, so that one is
opened as immutable, and every batch is dropped if the file changed while it was read.

Its cursor: `inode` as of any file; `size` and `mtime_ns` of database and log together; `offset` stays 0, what
was read is known by rows (`_rows`) and not by bytes; `state` is the provider's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import Any
from urllib.parse import quote

import apsw
import msgspec

from openusage.errors import SourceChanged, SourceError, SourceUnavailable
from openusage.providers._contract import Chunk, Cursors, Env, Plan
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, Record
from openusage.wire.problems import Problem

BUSY_TIMEOUT_MS = 500
"""Only where there is no write-ahead log does a reader wait for a commit; what is locked is tried again."""
CACHE_KIB = 2_048
LEAST_BYTES = 4_096
"""What a database that changed and did not grow counts as: a page."""
SUFFIXES = (".db", ".sqlite", ".sqlite3", ".vscdb")
"""How databases end, so that a cursor of one that is no longer looked for is known as such."""
BATCH_ROWS = 200
"""Rows that one statement reads: what belongs to them is in memory at once."""

_HEADER_BYTES = 20
_HEADER_FLAGS = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY
_READ_VERSION_AT = 19
_WAL_VERSION = 2


class DatabaseState(msgspec.Struct, frozen=True):
    """What two stats tell; decides if there is anything to read."""

    path: str
    inode: int
    size: int
    mtime_ns: int
    has_log: bool

    def is_read(self, cursor: FileCursor | None) -> bool:
        """Whether nothing changed since the cursor was true."""
        return (
            cursor is not None
            and (cursor.inode, cursor.size, cursor.mtime_ns) == (self.inode, self.size, self.mtime_ns)
            and cursor.size > 0
        )

    def todo(self, cursor: FileCursor | None) -> int:
        """Bytes to read, about: all of a new database, else what it grew by."""
        if cursor is None or cursor.inode != self.inode:
            return self.size
        return max(self.size - cursor.size, LEAST_BYTES)

    def cursor(self, state: bytes, *, whole: bool = True) -> FileCursor:
        """`whole`: everything in it was read. Otherwise the size is 0, so that it counts as changed."""
        return FileCursor(
            path=self.path,
            inode=self.inode,
            size=self.size if whole else 0,
            mtime_ns=self.mtime_ns,
            offset=0,
            state=state,
        )


def stat(path: str | Path) -> DatabaseState | None:
    """The state of a database, `None` when there is none, none yet (0 bytes), or what is there is no file."""
    path = str(path)
    try:
        main = Path(path).stat()
    except OSError:
        return None
    if not S_ISREG(main.st_mode) or not main.st_size:
        return None
    try:
        log = Path(f"{path}-wal").stat()
    except OSError:
        return DatabaseState(path, main.st_ino, main.st_size, main.st_mtime_ns, False)
    return DatabaseState(
        path, main.st_ino, main.st_size + log.st_size, max(main.st_mtime_ns, log.st_mtime_ns), True
    )


def is_touched(path: str, changed: Collection[str] | None) -> bool:
    """Whether a database is among the real paths that changed: itself, its log, or a folder around it."""
    if changed is None:
        return True
    real = os.path.realpath(path)
    return real in changed or f"{real}-wal" in changed or any(str(p) in changed for p in Path(real).parents)


class Database:
    """An open database. All errors come out as `SourceError`s that name it."""

    def __init__(self, state: DatabaseState, connection: apsw.Connection, *, immutable: bool) -> None:
        self.path = state.path
        self._state = state
        self._connection = connection
        self._immutable = immutable
        self._columns: dict[str, frozenset[str]] = {}

    def rows(self, sql: str, args: Sequence[int | float | str | bytes] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query at once: the read ends with the call.

        Raises:
            SourceUnavailable: locked, unreadable, damaged.
            SourceChanged: the query does not fit the tables.
        """
        with _explained(self.path):
            return self._connection.execute(sql, args).fetchall()

    @contextlib.contextmanager
    def moment(self) -> Iterator[None]:
        """Queries inside see one moment of the database. Keep it short."""
        with _explained(self.path):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            with _explained(self.path):
                self._connection.execute("COMMIT")

    def columns(self, table: str) -> frozenset[str]:
        """Names of a table's columns, none when there is no such table."""
        if table not in self._columns:
            found = self.rows("SELECT name FROM pragma_table_info(?)", (table,))
            self._columns[table] = frozenset(name for (name,) in found)
        return self._columns[table]

    def expect(self, table: str, *columns: str) -> frozenset[str]:
        """The columns of a table that must be there.

        Raises:
            SourceChanged: it, or one of `columns`, is not.
        """
        found = self.columns(table)
        if not found:
            raise SourceChanged(f"{self.path} has no table `{table}`", CHANGED_HINT)
        missing = [c for c in columns if c not in found]
        if missing:
            raise SourceChanged(f"{self.path}: `{table}` has no column `{missing[0]}`", CHANGED_HINT)
        return found

    def select(self, table: str, wanted: Sequence[str]) -> str:
        """`wanted` columns for a SELECT, NULL in the place of those that this version does not have.

        `<name>!` is the column's bytes: text of any length and any encoding comes as it is stored.
        """
        known = self.columns(table)
        return ", ".join(_selected(name, known) for name in wanted)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was put into it yet, not even a table."""
        return not self.rows("SELECT 1 FROM sqlite_schema LIMIT 1")

    def check(self) -> None:
        """Drops what was read without locks while somebody wrote.

        Raises:
            SourceUnavailable: that happened.
        """
        if self._immutable and stat(self.path) != self._state:
            raise SourceUnavailable(f"{self.path} was written while it was read; it is read again")


CHANGED_HINT = "the tool may have changed how it stores its sessions; look for a newer openusage"


def _selected(name: str, known: frozenset[str]) -> str:
    plain = name.removesuffix("!")
    if plain not in known and plain != "rowid":
        return "NULL"
    return f"CAST({plain} AS BLOB)" if name.endswith("!") else plain


@contextlib.contextmanager
def opened(state: DatabaseState) -> Iterator[Database]:
    """A database for reading; its owner notices nothing.

    Raises:
        SourceUnavailable: locked, unreadable, damaged.
        SourceChanged: no SQLite database.
    """
    immutable = not state.has_log and _is_wal(state.path)
    mode = "immutable=1" if immutable else "mode=ro"
    name = f"file:{quote(os.fsencode(state.path))}?{mode}"
    with _explained(state.path):
        db = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        with _explained(state.path):
            db.set_busy_timeout(BUSY_TIMEOUT_MS)
            db.pragma("query_only", 1)
            db.pragma("trusted_schema", 0)
            db.pragma("cache_size", -CACHE_KIB)
        yield Database(state, db, immutable=immutable)
    finally:
        db.close()


def _is_wal(path: str) -> bool:
    """Whether a database's header says that it is written through a log.

    Read through SQLite: closing a file that one opened oneself gives up this process's locks on it.
    """
    with _explained(path):
        file = apsw.VFSFile(apsw.vfs_names()[0], path, [_HEADER_FLAGS, 0])
        try:
            header = file.xRead(_HEADER_BYTES, 0)
        finally:
            file.xClose()
    return len(header) == _HEADER_BYTES and header[_READ_VERSION_AT] == _WAL_VERSION


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as e:
        raise SourceUnavailable(f"{path} is locked by another program; it is tried again") from e
    except apsw.NotADBError as e:
        raise SourceChanged(f"{path} is no SQLite database, or is encrypted", CHANGED_HINT) from e
    except apsw.CorruptError as e:
        raise SourceUnavailable(f"{path} is damaged: {e}", "the tool itself may be able to repair it") from e
    except apsw.SQLError as e:
        raise SourceChanged(f"{path}: {e}", CHANGED_HINT) from e
    except UnicodeDecodeError as e:
        raise SourceChanged(f"{path} holds a name that is no UTF-8", CHANGED_HINT) from e
    except apsw.Error as e:
        raise SourceUnavailable(f"{path} cannot be read: {e}") from e


class Batch(msgspec.Struct, frozen=True):
    """Some records, and what the provider must remember once they are stored."""

    records: list[Record]
    state: bytes
    share: float = 1.0
    """How much of the database is read after it, between 0 and 1: for the progress line."""
    problems: list[str] = []
    """Rows that could not be read, each in words without the row's own text."""


Reader = Callable[[Database, bytes], Iterator[Batch]]
"""A database and the state of its cursor (empty at first) -> what is new in it."""


def plan(paths: Sequence[str], cursors: Cursors) -> Plan:
    """How much there is to read in these databases, by stats alone."""
    todo = [s.todo(c) for p in paths if (s := stat(p)) is not None and not s.is_read(c := cursors.get(p))]
    return Plan(files=len(todo), bytes_to_read=sum(todo))


def read(
    paths: Sequence[str], cursors: Cursors, changed: Collection[str] | None, reader: Reader
) -> Iterator[Chunk]:
    """Everything new in these databases.

    One that cannot be read costs only itself and is told as a problem.

    Raises:
        SourceError: none of them could be read, in the words of the first; after all chunks.
    """
    gone = [p for p in cursors if p.endswith(SUFFIXES) and p not in paths and _is_gone(p)]
    if gone:
        yield Chunk(gone=gone)
    failures: list[tuple[str, SourceError]] = []
    found = 0
    for path in paths:
        state = stat(path)
        found += state is not None
        cursor = cursors.get(path)
        if state is None:
            if cursor is not None and _is_gone(path):
                yield Chunk(gone=[path])
        elif not state.is_read(cursor) and is_touched(path, changed):
            try:
                yield from _read(state, cursor, reader)
            except SourceError as e:
                failures.append((path, e))
    if not failures:
        return
    told = failures if len(failures) < found else failures[1:]
    if told:
        yield Chunk(problems=[Problem.of(e, path) for path, e in told])
    if len(failures) == found:
        raise failures[0][1]


def _read(state: DatabaseState, cursor: FileCursor | None, reader: Reader) -> Iterator[Chunk]:
    known = b"" if cursor is None else cursor.state
    size, told = state.todo(cursor), 0
    held: Chunk | None = None
    try:
        with opened(state) as db:
            for batch in () if db.is_empty else reader(db, known):
                db.check()
                if held is not None:
                    yield held
                known = batch.state
                done = min(size, round(size * batch.share))
                held = Chunk(
                    records=batch.records,
                    cursors=[state.cursor(known, whole=False)],
                    problems=[Problem(path=state.path, what=what) for what in batch.problems],
                    bytes_read=max(0, done - told),
                )
                told = max(told, done)
    except SourceError:
        if held is not None:
            yield held
        raise
    last = Chunk() if held is None else held
    yield msgspec.structs.replace(
        last, cursors=[state.cursor(known)], bytes_read=size - told + last.bytes_read
    )


def _is_gone(path: str) -> bool:
    """Whether a file is certainly gone, and not only out of reach: its folder is still there."""
    try:
        Path(path).stat()
    except FileNotFoundError:
        return Path(path).parent.is_dir()
    except OSError:
        return False
    return False


class Databases(msgspec.Struct, frozen=True):
    """The database of one name in each flat root of an account."""

    name: str
    batches: Callable[[Account, Env, Database, bytes], Iterator[Batch]]
    """What is new in one of them since the state of its cursor, empty at first."""

    def plan(self, account: Account, cursors: Cursors, env: Env) -> Plan:
        """How much there is to read."""
        return plan(self._paths(account), cursors)

    def read(
        self, account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
    ) -> Iterator[Chunk]:
        """Everything new since `cursors`, as in the contract."""
        reader = partial(self.batches, account, env)
        yield from read(self._paths(account), cursors, changed, reader)

    def among(self, folders: Iterable[Path]) -> list[str]:
        """The folders that have one."""
        return [str(folder) for folder in folders if (folder / self.name).is_file()]

    def _paths(self, account: Account) -> list[str]:
        return [f"{root}/{self.name}" for root in account.flat_roots]
