"""A backup put in the place of a database; and a database without the room that it does not need."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

import apsw
import msgspec

from openusage.errors import StoreError
from openusage.files import sync_dir
from openusage.store.connection import WriterLock, explained, make_private, open_reader
from openusage.store.schema import version_of

_WAIT_MS = 30_000
_CHECKPOINT_S = 5.0


class Compacted(msgspec.Struct, frozen=True):
    """Bytes of the file before and after."""

    before: int
    after: int


def restore(backup: Path, database: Path) -> Path | None:
    """Puts a copy of `backup` where `database` is; where the old one went, if there was one.

    The backup is looked through first. The database is exchanged in one step: a crash leaves the old one or
    the new one. Whoever opens it next sees that it was exchanged, and tells its records under a new id: hubs
    and tools' logs are gone through again, and what came since the backup is found again where it still is.

    Raises:
        AlreadyRunning: a daemon or hub has the database open.
        StoreError: the backup cannot be used, or the database's place cannot be written.
    """
    if not backup.is_file():
        raise StoreError(f"there is no backup at {backup}", "Name the file that the backup was written to.")
    if database.exists() and backup.samefile(database):
        raise StoreError(f"{backup} is the database itself", "Name a backup.")
    _check(backup)
    make_private(database)
    lock = WriterLock(database)
    lock.take()
    part = database.with_name(f".{database.name}.{os.getpid()}.part")
    try:
        return _exchange(backup, database, part)
    except OSError as e:
        raise StoreError(f"{database} cannot be written: {e.strerror or e}", "Free some space.") from e
    finally:
        part.unlink(missing_ok=True)
        lock.release()


def _check(backup: Path) -> None:
    with explained(backup), contextlib.closing(open_reader(backup)) as db:
        if version_of(db, str(backup)) == 0:
            raise StoreError(f"{backup} is empty", "Name a backup.")
        found = db.pragma("integrity_check", 1)
    if found != "ok":
        raise StoreError(
            f"{backup} is damaged: {' '.join(str(found).split())[:200]}", "Take an older backup."
        )


def _exchange(backup: Path, database: Path, part: Path) -> Path | None:
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with backup.open("rb") as source, part.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
    aside = None
    if database.stat().st_size:
        aside = _free(database.with_name(f"{database.name}.before-restore"))
        _close_wal(database)
        aside.hardlink_to(database)
    # Before the exchange: the old one's log must never be taken for the new one's.
    log = Path(f"{database}-wal")
    if aside is not None and log.exists() and log.stat().st_size:
        log.rename(f"{aside}-wal")
    for end in ("-wal", "-shm"):
        Path(f"{database}{end}").unlink(missing_ok=True)
    part.replace(database)
    sync_dir(database.parent)
    return aside


def _close_wal(database: Path) -> None:
    """All of the old one into its one file. One that is damaged stays as it is."""
    with contextlib.suppress(apsw.Error):
        db = apsw.Connection(str(database))
        try:
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            db.close()


def _free(wanted: Path) -> Path:
    number, path = 1, wanted
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.name}{number}")
    return path


def compact(database: Path) -> Compacted:
    """Gives the room of what was dropped back to the disk. Beside a daemon, whose writes wait meanwhile.

    Raises:
        StoreError: there is none, it is of another program, or the disk has no room for a copy of it.
    """
    if not database.exists():
        raise StoreError(f"there is no database at {database}", "A daemon makes it when it first reads.")
    before = _size(database)
    with explained(database), contextlib.closing(apsw.Connection(str(database))) as db:
        db.set_busy_timeout(_WAIT_MS)
        version_of(db, str(database))
        db.execute("VACUUM")
        _bring_in(db)
    return Compacted(before, _size(database))


def _bring_in(db: apsw.Connection) -> None:
    """Empties the write-ahead log. SQLite does not wait for another who does the same."""
    deadline = time.monotonic() + _CHECKPOINT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(apsw.BusyError):
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            return
        time.sleep(0.05)
    # nothing is lost: the daemon brings it in later


def _size(database: Path) -> int:
    return sum(p.stat().st_size for p in (database, Path(f"{database}-wal")) if p.exists())
