"""A copy of a database while another process writes it: one moment of it, in one file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import apsw

from openusage.errors import StoreError
from openusage.files import sync_dir
from openusage.store.connection import explained, open_reader
from openusage.store.schema import version_of

_PAGES = 4_000
"""Copied at once, 16 MB; then progress is told."""


def backup(source: Path, target: Path, *, on_progress: Callable[[float], None] | None = None) -> int:
    """Copies `source` to `target`, which must not be there yet (0600); how many bytes it has.

    The copy is of the moment at which it begins; the writer is not held up. It is looked through before it
    gets its name: what bears the name is whole. `on_progress` hears the share that is copied.

    Raises:
        StoreError: there is no such store, it cannot be read, or `target` is there or cannot be written.
    """
    if not source.exists():
        raise StoreError(f"there is no database at {source}", "A hub makes it when it first starts.")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        _refuse_taken(target)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with explained(source):
            db = open_reader(source)
            try:
                version_of(db, str(source))
                db.execute("BEGIN")
                db.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # from here on it is one moment
                _copy(db, part, on_progress or (lambda share: None))
            finally:
                db.close()
        try:
            target.hardlink_to(part)  # never over another file, as a rename would be
        except FileExistsError:
            _refuse_taken(target)
        sync_dir(target.parent)
        return target.stat().st_size
    except OSError as e:
        raise StoreError(f"{target} cannot be written: {e.strerror or e}", "Name another file.") from e
    finally:
        for end in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                Path(f"{part}{end}").unlink()


def _copy(db: apsw.Connection, part: Path, on_progress: Callable[[float], None]) -> None:
    with explained(part):
        copy = apsw.Connection(str(part))
        try:
            with copy.backup("main", db, "main") as run:
                while not run.done:
                    run.step(_PAGES)
                    on_progress(1 - run.remaining / max(1, run.page_count))
            copy.pragma("journal_mode", "delete")  # one file, nothing beside it
            found = copy.pragma("quick_check", 1)
        finally:
            copy.close()
    if found != "ok":
        raise StoreError(f"the copy is damaged, as its source must be: {found}", "Restart the hub.")
    with part.open("rb") as file:
        os.fsync(file.fileno())


def _refuse_taken(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} is there already", "Nothing is written over: name another file.")
