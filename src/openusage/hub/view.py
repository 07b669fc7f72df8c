"""`GET /v1/snapshots`: the board's body, conditional and compressed, made once for all who ask."""

from __future__ import annotations

import asyncio
import secrets
import zlib
from collections.abc import Callable

from openusage.hub.board import Board
from openusage.hub.http import Answer, Header, Scope, answer

_INLINE_BYTES = 65_536
"""Bodies up to here are compressed at once, in under a millisecond; larger ones in a thread."""
_GZIP_EVERY_S = 1.0
_GZIP_LEVEL = 4
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
        known = b""
        accepts_gzip = False
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                known = known + b"," + value if known else value
            elif name == b"accept-encoding":
                accepts_gzip = accepts_gzip or _accepts_gzip(value)
        self._renew(self._board.version())
        if known and (tag := self._match(known)):
            return _not_modified(tag)
        if accepts_gzip and (zipped := await self._gzipped()):
            return zipped
        return self._whole()

    def _renew(self, version: int) -> None:
        """Forgets what was made of an older board."""
        if version != self._version:
            self._version = version
            self._tag = f'"{self._process}-{version}"'.encode()
            self._zip_tag = f'"{self._process}-{version}-gzip"'.encode()
            self._plain = self._zipped = None

    def _match(self, known: bytes) -> bytes:
        """The tag of ours among those the client knows; empty when there is none."""
        if known in (self._tag, self._zip_tag):
            return known
        for tag in known.split(b","):
            tag = tag.strip().removeprefix(b"W/")
            if tag in (self._tag, self._zip_tag):
                return tag
            if tag == b"*":
                return self._tag
        return b""

    def _whole(self) -> Answer:
        if self._plain is None:
            version, body = self._board.body()
            self._renew(version)  # a machine may have fallen silent since
            self._plain = answer(200, body, (*_ALWAYS, (b"etag", self._tag)))
        return self._plain

    async def _gzipped(self) -> Answer | None:
        """The compressed answer; None when it is not its turn yet, then the plain one serves."""
        if self._zipped is not None:
            return self._zipped
        body = self._whole().body["body"]
        if len(body) <= _INLINE_BYTES:
            self._zipped = self._zip_answer(_gzip(body), self._zip_tag)
            return self._zipped
        if self._zipping is None and self._monotonic() - self._zipped_s >= _GZIP_EVERY_S:
            self._zipped_s = self._monotonic()
            under_way = self._zip_in_thread(body, self._version, self._zip_tag)
            self._zipping = self._version, asyncio.ensure_future(under_way)
        if self._zipping is not None and self._zipping[0] == self._version:
            return await asyncio.shield(self._zipping[1])
        return None

    async def _zip_in_thread(self, body: bytes, version: int, tag: bytes) -> Answer:
        """Serves those who asked for this version, even when the board has moved on meanwhile."""
        try:
            zipped = self._zip_answer(await asyncio.to_thread(_gzip, body), tag)
        finally:
            self._zipping = None
        if version == self._version:
            self._zipped = zipped
        return zipped

    @staticmethod
    def _zip_answer(zipped: bytes, tag: bytes) -> Answer:
        return answer(200, zipped, (*_ALWAYS, (b"content-encoding", b"gzip"), (b"etag", tag)))


def _not_modified(tag: bytes) -> Answer:
    return Answer(
        {"type": "http.response.start", "status": 304, "headers": [*_ALWAYS, (b"etag", tag)]},
        {"type": "http.response.body", "body": b""},
    )


def _accepts_gzip(value: bytes) -> bool:
    """Whether an `Accept-Encoding` allows gzip: named or by `*`, and not with q=0."""
    if value == b"gzip":
        return True
    weights: dict[bytes, bool] = {}
    for offer in value.lower().split(b","):
        coding, _, parameter = offer.partition(b";")
        q = parameter.replace(b" ", b"")
        weights[coding.strip()] = not (q.startswith(b"q=0") and not q.strip(b"q=0."))
    return weights.get(b"gzip", weights.get(b"*", False))


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()
