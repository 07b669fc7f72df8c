"""One pass over the files of a tool, collected into chunks across file borders.

A tool hands in its files and a parser for each; what is new since the cursors comes out as chunks of records
with the cursors that are true once these are stored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from openusage.errors import SourceUnavailable
from openusage.providers import _documents, _jsonl
from openusage.providers._contract import Chunk, Cursors
from openusage.providers._figures import facts
from openusage.providers._jsonl import Block, FileState, Mark
from openusage.providers._loose import Unreadable
from openusage.providers._values import json_object
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, Record, UsageEvent
from openusage.wire.problems import Problem

CHUNK_BYTES = 8 << 20
CHUNK_RECORDS = 5000
SHOWN_PROBLEMS = 20
"""Of one file and read; the rest is only counted."""

M = TypeVar("M", bound=msgspec.Struct)


class Parser(Protocol[M]):
    """Understands one file of a tool. `memory` is what it must know to go on later."""

    memory: M

    def feed(self, data: bytes | memoryview) -> Iterable[Record]:
        """Records of a line, or of a whole document.

        Raises:
            Unreadable: there is nothing in it to use.
        """
        ...


class Settles(Parser[M], Protocol[M]):
    """A parser that holds something back which later lines may tell better."""

    def settle(self) -> Iterable[Record]:
        """What was held back; nothing the second time."""
        ...


class _Kept(msgspec.Struct, omit_defaults=True):
    """What a log's cursor remembers, as JSON."""

    memory: msgspec.Raw = msgspec.Raw(b"null")
    mark: Mark | None = None


class Remembers(Generic[M]):
    """A tool's memory as JSON and back."""

    def __init__(self, memory: type[M]) -> None:
        self._empty = memory
        self._decoder = msgspec.json.Decoder(memory)

    def load(self, data: msgspec.Raw) -> M | None:
        """What was remembered; `None` when nothing was, or by another version of this program."""
        try:
            return self._decoder.decode(data)
        except msgspec.MsgspecError:
            return None

    def empty(self) -> M:
        return self._empty()


class Reading:
    """Reads files one after the other; each method yields the chunks that became full on the way."""

    def __init__(
        self,
        account: Account,
        cursors: Cursors,
        changed: Collection[str] | None = None,
    ) -> None:
        self._account = account
        self._old = cursors
        self._changed = changed
        self._latest: dict[str, FileCursor] = {}
        """All cursors of this pass, also those of chunks that are out."""
        self._reset()

    def _reset(self) -> None:
        self._events: list[Record] = []
        self._newest: dict[tuple[type, str], Record] = {}
        self._cursors: dict[str, FileCursor] = {}
        self._problems: list[Problem] = []
        self._bytes = 0

    def log(
        self, state: FileState, remembers: Remembers[M], parser: Callable[[M], Parser[M]]
    ) -> Iterator[Chunk]:
        """What was appended to a file of JSON lines."""
        cursor = self._old.get(state.path)
        start = state.start(cursor)
        if start is None:
            return
        kept = _decoded(cursor) if start and cursor is not None else None
        memory = None if kept is None else remembers.load(kept.memory)
        if kept is None or memory is None or not _jsonl.is_continued(state.path, start, kept.mark):
            start, memory = 0, remembers.empty()
        parses, told, mark = parser(memory), _Told(state.path), None if kept is None else kept.mark
        offset, whole = start, True
        try:
            for block in _jsonl.blocks(state.path, start):
                self._block(block, parses, told)
                self._bytes += 0 if state.is_packed else block.end - offset
                offset, mark = block.end, block.mark
                if self._is_full():
                    kept = _Kept(_encoded(parses.memory), mark)
                    self._set(state.cursor(offset, _encode(kept), whole=False))
                    yield self._chunk()
        except SourceUnavailable as e:
            whole = False
            self._problems.append(Problem.of(e, state.path, offset))
        self._problems += told.all()
        self._bytes += state.size if state.is_packed else 0
        if whole or offset > start:
            kept = _Kept(_encoded(parses.memory), mark)
            self._set(state.cursor(offset, _encode(kept), whole=whole))

    def document(
        self,
        state: FileState,
        remembers: Remembers[M],
        parser: Callable[[M], Parser[M]],
        cursor: FileCursor | None = None,
    ) -> Iterator[Chunk]:
        """A document that changed. `cursor`: of this document at another place, when it has none here."""
        if state.start(self._old.get(state.path)) is None:
            return

        def parse(data: bytes, kept: msgspec.Raw) -> tuple[Iterable[Record], msgspec.Raw]:
            parses = parser(remembers.load(kept) or remembers.empty())
            records = list(parses.feed(data))
            return records, _encoded(parses.memory)

        try:
            found = _documents.read(state, self._old.get(state.path) or cursor, parse)
        except SourceUnavailable as e:
            self._problems.append(Problem.of(e, state.path))
            return
        self.put(found.records)
        self._bytes += found.bytes_read
        if found.problem is not None:
            self._problems.append(found.problem)
        if found.cursor is not None:
            self._set(found.cursor)
        if self._is_full():
            yield self._chunk()

    @property
    def paths(self) -> set[str]:
        """All files that something is known of."""
        return {*self._old, *self._latest}

    def cursor(self, path: str) -> FileCursor | None:
        """How far a file was read by now."""
        return self._latest.get(path) or self._old.get(path)

    def is_read(self, state: FileState) -> bool:
        """Whether all of a file is known."""
        return state.start(self.cursor(state.path)) is None

    def memory(self, path: str, remembers: Remembers[M]) -> M | None:
        """What is remembered of a log by now."""
        cursor = self.cursor(path)
        kept = None if cursor is None else _decoded(cursor)
        return None if kept is None else remembers.load(kept.memory)

    def settle(self, state: FileState, remembers: Remembers[M], parser: Callable[[M], Settles[M]]) -> None:
        """What the parser of a log held back, now that nobody writes to it."""
        cursor = self.cursor(state.path)
        if cursor is None or not self.is_read(state):
            return
        kept, memory = _decoded(cursor), self.memory(state.path, remembers)
        if kept is None or memory is None:
            return
        parses = parser(memory)
        held = list(parses.settle())
        if held or parses.memory != self.memory(state.path, remembers):
            self.put(held)
            kept = _Kept(_encoded(parses.memory), kept.mark)
            self._set(state.cursor(cursor.offset, _encode(kept)))

    def facts(self, path: Path, facts_in: Callable[[Mapping[str, object]], Mapping[str, str | None]]) -> None:
        """What a small file of settings tells of the account, when it changed."""
        state = _jsonl.stat(path)
        if state is None or state.start(self._old.get(state.path)) is None:
            return
        if self._changed is not None and os.path.realpath(path) not in self._changed:
            return
        try:
            found = json_object(_documents.content(path))
        except SourceUnavailable as e:
            self._problems.append(Problem.of(e, state.path))
            return
        self._set(state.cursor(state.size))
        account, at_us = self._account, state.mtime_ns // 1000
        self.put(facts(account.provider, account.id, facts_in(found), at_us))

    def put(self, records: Iterable[Record]) -> None:
        """Add records. Of readings and facts only the newest of each kind is kept."""
        for record in records:
            if isinstance(record, UsageEvent):
                self._events.append(record)
                continue
            known = self._newest.get((type(record), record.key))
            if known is None or known.at_us <= record.at_us:
                self._newest[type(record), record.key] = record

    def rest(self, gone: list[str], problems: Iterable[Problem] = ()) -> Iterator[Chunk]:
        """The last chunk, when there is anything in it."""
        self._problems += problems
        chunk = self._chunk(gone)
        if chunk != Chunk():
            yield chunk

    def _block(self, block: Block, parses: Parser[M], told: _Told) -> None:
        if block.skipped:
            told.add(block.start - block.skipped, "a line too long to be read")
        for offset, view in block.views():
            if len(view) <= 1 and not bytes(view).strip():
                continue  # an empty line, also one of Windows
            try:
                self.put(parses.feed(view))
            except Unreadable as e:
                told.add(offset, e.what)

    def _set(self, cursor: FileCursor) -> None:
        self._cursors[cursor.path] = self._latest[cursor.path] = cursor

    def _is_full(self) -> bool:
        return self._bytes >= CHUNK_BYTES or len(self._events) >= CHUNK_RECORDS

    def _chunk(self, gone: list[str] | None = None) -> Chunk:
        chunk = Chunk(
            records=[*self._events, *self._newest.values()],
            cursors=list(self._cursors.values()),
            gone=gone or [],
            problems=self._problems,
            bytes_read=self._bytes,
        )
        self._reset()
        return chunk


class _Told:
    """The problems of one file in one read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._shown: list[Problem] = []
        self._more = 0

    def add(self, offset: int, what: str) -> None:
        if len(self._shown) < SHOWN_PROBLEMS:
            self._shown.append(Problem(path=self._path, offset=offset, what=what))
        else:
            self._more += 1

    def all(self) -> list[Problem]:
        if not self._more:
            return self._shown
        more = f"{self._more} more lines cannot be read"
        return [*self._shown, Problem(path=self._path, what=more)]


def _decoded(cursor: FileCursor) -> _Kept | None:
    try:
        return _decode(cursor.state)
    except msgspec.MsgspecError:
        return None


def _encoded(memory: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(_encode(memory))


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Kept).decode
