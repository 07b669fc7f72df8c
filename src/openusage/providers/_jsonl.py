"""Reading append-only JSON-lines files: whole lines only, from where we stopped, however long they are.

Tools append while we read, cut files, replace them and pack them (`.zst`). A line counts once its newline
is there. Lines of tens of MB occur (pasted images); only one beyond `MAX_LINE_BYTES` is skipped, and said so.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

import msgspec
import zstandard

from openusage.errors import SourceUnavailable
from openusage.wire.cursors import FileCursor

BLOCK_BYTES = 1 << 20
"""Read size: large enough to hide the call, small enough to stay in the processor's cache."""
MAX_LINE_BYTES = 256 << 20
MARK_BYTES = 64
PACKED = ".zst"


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """What stood just before an offset: tells a file that grew from one that was written anew."""

    size: int
    """Bytes looked at, ending at the offset."""
    crc: int


class Block(msgspec.Struct, frozen=True):
    """Some whole lines of a file."""

    data: bytes
    """The lines with their newlines; may end in the beginning of the next line."""
    size: int
    """How much of `data` is whole lines."""
    start: int
    """Offset of `data` in the file."""
    skipped: int = 0
    """Bytes of an over-long line that ended just before `start`."""

    @property
    def end(self) -> int:
        """Offset after the last newline: where to go on."""
        return self.start + self.size

    @property
    def lines(self) -> list[bytes]:
        """Without their newlines, empty ones included: `sum(len + 1)` leads from `start` to `end`."""
        lines = self.data.split(b"\n")
        lines.pop()
        return lines

    def views(self) -> Iterator[tuple[int, memoryview]]:
        """Offset in the file and content of every line, not copied: a third faster than `lines`."""
        find, view, start = self.data.find, memoryview(self.data), self.start
        at = 0
        while (newline := find(b"\n", at)) >= 0:
            yield start + at, view[at:newline]
            at = newline + 1

    @property
    def mark(self) -> Mark:
        """Of what ends at `end`; keep it to ask `is_continued` before going on from there."""
        size = min(MARK_BYTES, self.size)
        return Mark(size, zlib.crc32(self.data[self.size - size : self.size]))


class FileState(msgspec.Struct, frozen=True, gc=False):
    """What a stat tells; decides if there is anything to read, and from where."""

    path: str
    inode: int
    size: int
    mtime_ns: int

    @property
    def is_packed(self) -> bool:
        """Its offsets are those of what is packed in it, its size is not."""
        return self.path.endswith(PACKED)

    def start(self, cursor: FileCursor | None) -> int | None:
        """Offset to read from, 0 for a file that is new or was written anew, `None` when nothing changed."""
        if cursor is None or cursor.inode != self.inode:
            return 0
        if self.is_packed:
            is_same = (cursor.size, cursor.mtime_ns) == (self.size, self.mtime_ns)
            return None if is_same else cursor.offset
        if self.size < cursor.offset:
            return 0
        if cursor.size == self.size:
            # Written, and not longer: nothing was appended, so it was written anew in place.
            return None if cursor.mtime_ns == self.mtime_ns else 0
        return cursor.offset

    def cursor(self, offset: int, state: bytes = b"", *, whole: bool = True) -> FileCursor:
        """`whole`: read to its end. Otherwise the size is the offset, so that the file counts as changed."""
        return FileCursor(
            path=self.path,
            inode=self.inode,
            size=self.size if whole else offset,
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
            if str(path).endswith(PACKED):
                with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as unpacked:
                    _skip(unpacked, offset)
                    yield from _blocks(unpacked, offset)
            else:
                raw.seek(offset)
                yield from _blocks(raw, offset)
    except (OSError, zstandard.ZstdError) as e:
        raise SourceUnavailable(f"{path}: {getattr(e, 'strerror', None) or e}") from e


def _blocks(file: BinaryIO | zstandard.ZstdDecompressionReader, offset: int) -> Iterator[Block]:
    parts: list[bytes] = []
    held = skipped = 0
    while data := file.read(BLOCK_BYTES):
        size = data.rfind(b"\n") + 1
        if not size:
            parts.append(data)
            held += len(data)
            if skipped or held > MAX_LINE_BYTES:
                parts, held, skipped = [], 0, skipped + held
            continue
        rest = data[size:]
        if skipped:
            first = data.find(b"\n") + 1
            data, size, skipped = data[first:], size - first, skipped + first
        elif parts:
            data, size = b"".join((*parts, data)), size + held
        block = Block(data, size, offset + skipped, skipped)
        yield block
        offset, skipped = block.end, 0
        parts, held = [rest] if rest else [], len(rest)


def _skip(file: zstandard.ZstdDecompressionReader, count: int) -> None:
    while count > 0 and (data := file.read(min(count, BLOCK_BYTES))):
        count -= len(data)


def is_continued(path: str | Path, offset: int, mark: Mark | None) -> bool:
    """Does the file still hold before `offset` what it held then? A file may be replaced by a longer one,
    under the same inode. `None`, or a file that cannot be read: taken as continued, reading will tell. So is
    a packed one: it is written once."""
    if mark is None or str(path).endswith(PACKED):
        return True
    try:
        with Path(path).open("rb", buffering=0) as file:
            file.seek(offset - mark.size)
            return zlib.crc32(file.read(mark.size)) == mark.crc
    except (OSError, ValueError):
        return True


def stat(path: str | Path) -> FileState | None:
    """The file's state, `None` when it is gone, cannot be looked at, or is no file: a pipe is never opened,
    it would keep us waiting for ever."""
    try:
        s = Path(path).stat()
    except OSError:
        return None
    if not S_ISREG(s.st_mode):
        return None
    return FileState(str(path), s.st_ino, s.st_size, s.st_mtime_ns)
