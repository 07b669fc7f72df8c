"""Reading append-only JSON-lines files: whole lines only, from where we stopped, however long they are.

Tools append while we read, cut files, replace them and pack them (`.zst`). A line counts once its newline
is there. Lines of tens of MB occur (pasted images); only one beyond `MAX_LINE_BYTES` is skipped, and said so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard

from openusage.errors import SourceUnavailable
from openusage.providers._contract import FileCursor

BLOCK_BYTES = 4 << 20
"""Read size: large enough to hide the call, small enough to keep memory flat."""
MAX_LINE_BYTES = 256 << 20


class Block(msgspec.Struct, frozen=True):
    """Some whole lines of a file."""

    lines: list[bytes]
    """Without their newlines, empty ones included: `sum(len + 1)` leads from `start` to `end`."""
    start: int
    end: int
    """Offset after the last newline: where to go on."""
    skipped: int = 0
    """Bytes of an over-long line that ends in this block."""


class FileState(msgspec.Struct, frozen=True):
    """What a stat tells; decides if there is anything to read, and from where."""

    path: str
    inode: int
    size: int
    mtime_ns: int

    def start(self, cursor: FileCursor | None) -> int | None:
        """Offset to read from, 0 for a new, replaced or shortened file, `None` when nothing changed."""
        if cursor is None or cursor.inode != self.inode or self.size < cursor.offset:
            return 0
        if cursor.size == self.size and cursor.mtime_ns == self.mtime_ns:
            return None
        return cursor.offset

    def cursor(self, offset: int, state: bytes = b"") -> FileCursor:
        return FileCursor(
            path=self.path,
            inode=self.inode,
            size=self.size,
            mtime_ns=self.mtime_ns,
            offset=offset,
            state=state,
        )


def blocks(path: str | Path, offset: int = 0) -> Iterator[Block]:
    """Whole lines from `offset` on, a few MB at a time. A last line without newline is left for later.

    Raises:
        SourceUnavailable: the file cannot be opened or read (gone, no permission, broken archive).
    """
    try:
        with Path(path).open("rb") as raw:
            if str(path).endswith(".zst"):
                with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as unpacked:
                    _skip(unpacked, offset)
                    yield from _blocks(unpacked, offset)
            else:
                raw.seek(offset)
                yield from _blocks(raw, offset)
    except (OSError, zstandard.ZstdError) as e:
        raise SourceUnavailable(f"{path}: {getattr(e, 'strerror', None) or e}") from e


def _blocks(file: BinaryIO | zstandard.ZstdDecompressionReader, offset: int) -> Iterator[Block]:
    tail = b""
    skipped = 0
    while data := file.read(BLOCK_BYTES):
        cut = data.rfind(b"\n")
        if cut < 0:
            if skipped or len(tail) + len(data) > MAX_LINE_BYTES:
                skipped += len(tail) + len(data)
                tail = b""
            else:
                tail += data
            continue
        whole = data[:cut]
        if skipped:
            head, _, whole = data[: cut + 1].partition(b"\n")
            skipped += len(head) + 1
            whole = whole[:-1]
            lines = whole.split(b"\n") if whole or cut > len(head) else []
        else:
            lines = (tail + whole if tail else whole).split(b"\n")
        end = offset + skipped + sum(map(len, lines)) + len(lines)
        yield Block(lines, offset + skipped, end, skipped)
        offset, skipped, tail = end, 0, data[cut + 1 :]


def _skip(file: zstandard.ZstdDecompressionReader, count: int) -> None:
    while count > 0 and (data := file.read(min(count, BLOCK_BYTES))):
        count -= len(data)


def stat(path: str | Path) -> FileState | None:
    """The file's state, `None` when it is gone or cannot be looked at."""
    try:
        s = Path(path).stat()
    except OSError:
        return None
    return FileState(str(path), s.st_ino, s.st_size, s.st_mtime_ns)
