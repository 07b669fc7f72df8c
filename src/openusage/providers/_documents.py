"""Reading whole JSON documents that their tool writes anew as a session goes on.

An unchanged document is not opened. A changed one is read whole, and its records have keys that make reading
it again harmless. One that cannot be read was most likely caught while it was written: it is tried again at
the next look, and only what is then still the same is told as a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from openusage.errors import SourceUnavailable
from openusage.providers._jsonl import FileState
from openusage.providers._loose import Unreadable
from openusage.providers._values import json_object
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Record
from openusage.wire.problems import Problem

MAX_DOCUMENT_BYTES = 64 << 20
"""A document is in memory as a whole, once: larger ones are told, and not read."""


class Kept(msgspec.Struct, omit_defaults=True):
    """What a document's cursor remembers, as JSON."""

    memory: msgspec.Raw = msgspec.Raw(b"null")
    """The tool's own, such as the totals seen last."""
    tried: tuple[int, int] | None = None
    """Size and mtime when it could not be read."""


class Read(msgspec.Struct, frozen=True):
    """What came of one look at a document."""

    records: list[Record] = []
    cursor: FileCursor | None = None
    """`None`: nothing is known, it is looked at again."""
    problem: Problem | None = None
    bytes_read: int = 0


Parse = Callable[[bytes, msgspec.Raw], tuple[Iterable[Record], msgspec.Raw]]
"""(document, what was remembered) -> (its records, what to remember). Raises `Unreadable`."""


def read(state: FileState, cursor: FileCursor | None, parse: Parse) -> Read:
    """Read a document that changed since `cursor`, which is of this document, wherever it lay then.

    Raises:
        SourceUnavailable: it cannot be opened or read.
    """
    kept = kept_of(cursor)
    if state.size > MAX_DOCUMENT_BYTES:
        what = f"a document of {state.size >> 20} MB is too large to be read"
        return _failed(state, kept, what, 0)
    data = content(state.path)
    try:
        records, memory = parse(data, kept.memory)
        made = list(records)
    except Unreadable as e:
        if kept.tried == (state.size, state.mtime_ns):
            return _failed(state, kept, e.what, min(e.at, max(0, state.size - 1)), len(data))
        trying = Kept(kept.memory, (state.size, state.mtime_ns))
        return Read([], state.cursor(0, _encode(trying), whole=False), None, len(data))
    return Read(made, state.cursor(state.size, _encode(Kept(memory))), None, len(data))


def kept_of(cursor: FileCursor | None) -> Kept:
    """What a cursor remembers; nothing, when it was written by another version of this program."""
    if cursor is None or not cursor.state:
        return Kept()
    try:
        return _decode(cursor.state)
    except msgspec.MsgspecError:
        return Kept()


def content(path: str | Path) -> bytes:
    """A file's bytes.

    Raises:
        SourceUnavailable: it cannot be opened or read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as e:
        raise SourceUnavailable(f"{path}: {e.strerror or e}") from e


def object_in(path: str | Path) -> dict[str, Any]:
    """The JSON object in a small file, `{}` when there is none that can be read."""
    try:
        return json_object(content(path))
    except SourceUnavailable:
        return {}


def _failed(state: FileState, kept: Kept, what: str, at: int, bytes_read: int = 0) -> Read:
    """Told once, and not looked at again until it changes."""
    cursor = state.cursor(state.size, _encode(Kept(kept.memory)))
    return Read([], cursor, Problem(path=state.path, offset=at, what=what), bytes_read)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Kept).decode
