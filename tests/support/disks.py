"""What other programs and disks do to a database below its owner."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import apsw

from tests.support.processes import PATIENCE_S


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program writes, for as long as the block lasts."""
    other = apsw.Connection(str(path))
    other.set_busy_timeout(round(PATIENCE_S * 1000))
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def fill(disk: Path) -> Path:
    """A file that takes all the room there is; remove it to make room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(b"x" * 4096):
            pass
    return ballast
