"""`GET /v1/snapshots`: the board's body, conditional and compressed, made once for all who ask."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from openusage.hub.board import Board
from openusage.hub.http import (
    Answer,
    Header,
    Scope,
    answer,
    answer_in_parts,
    asked_for,
    match_tag,
    not_modified,
    zipped,
)

_INLINE_BYTES = 65_536
"""Bodies up to here are compressed at once, in under a millisecond; larger ones in a thread."""
_GZIP_EVERY_S = 1.0
_ALWAYS: tuple[Header, ...] = ((b"cache-control", b"private, no-cache"), (b"vary", b"accept-encoding"))


class SnapshotsView:
    """Belongs to one event loop."""

    def __init__(self, board: Board, monotonic: Callable[[], float]) -> None:
        self._board = board
        self._monotonic = monotonic
        self._process = secrets.token_hex(6)
        """Versions start anew with every process; tags must not."""
        self._version = -1
        self._plain: Answer | None = None
        self._zipped: Answer | None = None
        self._zipping: tuple[int, asyncio.Future[Answer]] | None = None
        """(version, its compressed answer) under way."""
        self._zipped_s = float("-inf")
        self._tag = self._zip_tag = b""

    async def respond(self, scope: Scope) -> Answer:
        """The answer to a GET or HEAD that may see the snapshots."""
        known, takes_gzip = asked_for(scope)
        self._renew(self._board.version())
        if known and (tag := match_tag(known, (self._tag, self._zip_tag))):
            return not_modified((*_ALWAYS, (b"etag", tag)))
        if takes_gzip and (packed := await self._gzipped()):
            return packed
        return self._whole()

    def _renew(self, version: int) -> None:
        """Forgets what was made of an older board."""
        if version != self._version:
            self._version = version
            self._tag = f'"{self._process}-{version}"'.encode()
            self._zip_tag = f'"{self._process}-{version}-gzip"'.encode()
            self._plain = self._zipped = None

    def _whole(self) -> Answer:
        if self._plain is None:
            version, parts = self._board.body()
            self._renew(version)  # a machine may have fallen silent since
            self._plain = answer_in_parts(200, parts, (*_ALWAYS, (b"etag", self._tag)))
        return self._plain

    async def _gzipped(self) -> Answer | None:
        """The compressed answer; None when it is not its turn yet, then the plain one serves."""
        if self._zipped is not None:
            return self._zipped
        plain = self._whole()
        parts = [message["body"] for message in (*plain.before, plain.body)]
        if sum(map(len, parts)) <= _INLINE_BYTES:
            self._zipped = self._zip_answer(zipped(*parts), self._zip_tag)
            return self._zipped
        if self._zipping is None and self._monotonic() - self._zipped_s >= _GZIP_EVERY_S:
            self._zipped_s = self._monotonic()
            under_way = self._zip_in_thread(parts, self._version, self._zip_tag)
            self._zipping = self._version, asyncio.ensure_future(under_way)
        if self._zipping is not None and self._zipping[0] == self._version:
            return await asyncio.shield(self._zipping[1])
        return None

    async def _zip_in_thread(self, parts: list[bytes], version: int, tag: bytes) -> Answer:
        """Serves those who asked for this version, even when the board has moved on meanwhile."""
        try:
            packed = self._zip_answer(await asyncio.to_thread(zipped, *parts), tag)
        finally:
            self._zipping = None
        if version == self._version:
            self._zipped = packed
        return packed

    @staticmethod
    def _zip_answer(packed: bytes, tag: bytes) -> Answer:
        return answer(200, packed, (*_ALWAYS, (b"content-encoding", b"gzip"), (b"etag", tag)))
