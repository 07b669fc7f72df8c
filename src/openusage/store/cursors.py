"""How far each source was read: stored in the transaction that stores what was read."""

from __future__ import annotations

import os
from collections.abc import Iterable

import apsw

from openusage.wire.cursors import FileCursor

_WRAP = 1 << 64


def load(db: apsw.Connection, provider: str, account: str) -> dict[str, FileCursor]:
    """The cursors of one account by path. O(its files)."""
    found = db.execute(
        "SELECT path, inode, size, mtime_ns, offset, state FROM cursor WHERE provider = ? AND account = ?",
        (provider, account),
    )
    cursors = (
        FileCursor(
            path=os.fsdecode(path),
            inode=inode % _WRAP,
            size=size,
            mtime_ns=mtime_ns,
            offset=offset,
            state=state,
        )
        for path, inode, size, mtime_ns, offset, state in found
    )
    return {cursor.path: cursor for cursor in cursors}


def save(
    db: apsw.Connection, provider: str, account: str, cursors: Iterable[FileCursor], gone: Iterable[str]
) -> None:
    """Forgets the `gone`, keeps the others."""
    db.executemany(
        "DELETE FROM cursor WHERE provider = ? AND account = ? AND path = ?",
        [(provider, account, os.fsencode(path)) for path in gone],
    )
    db.executemany(
        "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (provider, account, os.fsencode(c.path), _signed(c.inode), c.size, c.mtime_ns, c.offset, c.state)
            for c in cursors
        ],
    )


def _signed(inode: int) -> int:
    """Some file systems use all 64 bits, SQLite's integers are signed."""
    return inode - _WRAP if inode >= _WRAP >> 1 else inode
