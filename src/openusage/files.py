"""Files that are replaced in one step, by one writer at a time. A reader meets the old one or the new one."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Held by one writer at a time; freed by the system when its process ends, however it ends.

    Raises:
        OSError: the lock beside `path` cannot be made.
    """
    fd = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _hand_over(fd, path.parent)
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """`path` holds `data` from now on, also after a power cut. The lock is held.

    So the temporary name is ours, and one left by a crash is written over.

    Raises:
        OSError: it cannot be written; the old file is as it was.
    """
    fresh = path.with_name(f".{path.name}.tmp")
    fresh.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            _hand_over(file.fileno(), path.parent)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:  # such as a full disk
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    sync_dir(path.parent)


def sync_dir(folder: Path) -> None:
    """Names made, moved or removed in `folder` outlive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _hand_over(fd: int, folder: Path) -> None:
    """What root writes into a service's folder is that service's: it could not read it otherwise."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(fd, owner.st_uid, owner.st_gid)
