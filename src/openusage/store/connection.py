"""The file: who may write it, how it is opened, and what SQLite's errors mean for a person."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import apsw

from openusage.errors import AlreadyRunning, StoreError
from openusage.store.sums import DELTA

BUSY_TIMEOUT_MS = 5_000
WAL_LIMIT_BYTES = 64 << 20
WAL_CHECKPOINT_PAGES = 8_000
"""32 MB: a first read copies its pages back into the database few times."""

_FULL = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError)


class WriterLock:
    """The exclusive lock beside the database: one writer, and its pid for those who come second.

    Held by the open file, so it ends with the process, however it ends. The pid stays in the file when the
    writer did not close: then the database is looked at more closely. The second line is the mark that the
    last writer also left in the database: a database with another one was put there by somebody else.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._file: IO[str] | None = None
        self.was_left_open = False
        self.mark = ""

    def take(self) -> None:
        """Takes the lock.

        Raises:
            AlreadyRunning: another process has it.
            StoreError: the file cannot be made.
        """
        try:
            file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        except OSError as e:
            raise StoreError(f"{self._path} cannot be written: {e.strerror}", _ROOM_HINT) from e
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            holder = file.readline().strip() or "unknown"
            file.close()
            raise AlreadyRunning(
                f"the store {self._database} is in use by process {holder}",
                "only one daemon or hub can write it; ask that one, or stop it",
            ) from e
        except OSError as e:
            file.close()
            raise StoreError(f"{self._path} cannot be locked: {e.strerror}", _ROOM_HINT) from e
        self.was_left_open = bool(file.readline().strip())
        self.mark = file.readline().strip()
        self._file = file
        self._write(str(os.getpid()))

    def leave(self, mark: str) -> None:
        """Keeps the mark that the database has now."""
        self.mark = mark
        self._write(str(os.getpid()))

    def release(self) -> None:
        """Gives it back, after a clean end."""
        if self._file is not None:
            self._write("")
            self._file.close()
            self._file = None

    def abandon(self) -> None:
        """Gives it back and leaves the pid in it: the next one looks more closely."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, text: str) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # a full disk: the lock itself holds without the pid
            self._file.seek(0)
            self._file.truncate()
            self._file.write(f"{text}\n{self.mark}\n")
            self._file.flush()


def make_private(path: Path) -> None:
    """The folder 0700 when it is ours to make, the file 0600 before anything is in it.

    Raises:
        StoreError: the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as e:
        raise StoreError(f"{path} cannot be written: {e.strerror}", _ROOM_HINT) from e


def open_writer(path: Path | None) -> apsw.Connection:
    """The one connection that writes; `None` is a database in memory."""
    db = apsw.Connection(":memory:" if path is None else str(path))
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    if path is None or path.stat().st_size == 0:
        db.pragma("auto_vacuum", 2)
    if path is not None:
        db.pragma("journal_mode", "wal")
        db.pragma("journal_size_limit", WAL_LIMIT_BYTES)
        db.pragma("wal_autocheckpoint", WAL_CHECKPOINT_PAGES)
    db.pragma("synchronous", 1)
    db.pragma("cache_size", -16_384)
    db.pragma("temp_store", 2)
    db.pragma("trusted_schema", 0)
    db.execute(DELTA)
    return db


def open_reader(path: Path) -> apsw.Connection:
    """A connection that cannot write, beside a live writer."""
    name = urllib.parse.quote(str(path))
    db = apsw.Connection(f"file:{name}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    db.pragma("query_only", 1)
    db.pragma("cache_size", -4_096)
    db.pragma("temp_store", 2)
    return db


class ReaderPool:
    """Read-only connections, lent one question at a time: as many as there are questions at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[apsw.Connection] | None = []
        """`None`: closed."""
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def borrow(self) -> Iterator[apsw.Connection]:
        """One connection inside one read transaction: all its statements see one moment."""
        with explained(self._path):
            db = self._take()
            try:
                db.execute("BEGIN")
                yield db
            finally:
                self._give_back(db)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle or [], None
        for db in idle:
            db.close()

    def _take(self) -> apsw.Connection:
        with self._lock:
            if self._idle is None:
                raise StoreError(f"the store {self._path} is closed")
            if self._idle:
                return self._idle.pop()
        return open_reader(self._path)

    def _give_back(self, db: apsw.Connection) -> None:
        if db.in_transaction:
            db.execute("ROLLBACK")
        with self._lock:
            if self._idle is not None:
                self._idle.append(db)
                return
        db.close()


_ROOM_HINT = "Free some space or make it writable; reading goes on, writing is tried again."


@contextlib.contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Turns SQLite's errors into sentences.

    Raises:
        StoreError: the database cannot be read or written.
    """
    name = str(path or "the store in memory")
    try:
        yield
    except apsw.FullError as e:
        raise StoreError(f"{name} cannot grow: no space left", _ROOM_HINT) from e
    except apsw.ReadOnlyError as e:
        raise StoreError(f"{name} is read-only", _ROOM_HINT) from e
    except (apsw.IOError, apsw.CantOpenError) as e:
        raise StoreError(f"{name} cannot be read or written: {e}", _ROOM_HINT) from e
    except (apsw.CorruptError, apsw.NotADBError) as e:
        raise StoreError(
            f"{name} is damaged: {e}",
            "Restart openusage: it keeps the damaged file and saves what can be read.",
        ) from e
    except (apsw.BusyError, apsw.LockedError) as e:
        raise StoreError(f"{name} is locked by another program", "It is tried again.") from e
    except apsw.Error as e:
        raise StoreError(f"{name}: {e}") from e
