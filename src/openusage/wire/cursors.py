"""How far a file was read: what providers yield with records, and the store keeps in the same transaction."""

from __future__ import annotations

import msgspec


class FileCursor(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far one file was read. Committed in one transaction with the records read so far."""

    path: str
    inode: int
    size: int
    """Size and mtime when it was read last: unchanged means nothing to do."""
    mtime_ns: int
    offset: int
    """End of the last whole line."""
    state: bytes = b""
    """What the parser must remember to go on, as it likes it (JSON)."""
