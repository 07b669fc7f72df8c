"""The little ASGI that push, snapshots and healthz need: ready answers, bounded bodies.

A framework costs these three paths a fifth of their rate; other paths may use one.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application for one path."""
Header = tuple[bytes, bytes]

_SMALL_REST = 65_536
"""An unread body up to here does not cost its sender the connection."""
_GZIP_LEVEL = 4
CLOSE: Header = (b"connection", b"close")
_LINGER_S = 1.0
"""So long a refused sender's further bytes are thrown away, that it may read the answer before the end."""


class Answer(msgspec.Struct, frozen=True):
    """A whole response, made once and sent many times."""

    start: dict[str, Any]
    body: dict[str, Any]
    before: tuple[dict[str, Any], ...] = ()
    """What is sent of a body in parts, before `body`, which is the last."""

    def plus(self, *headers: Header) -> Answer:
        """The same with further headers."""
        return Answer({**self.start, "headers": [*self.start["headers"], *headers]}, self.body, self.before)


def answer(status: int, body: bytes, headers: Iterable[Header] = ()) -> Answer:
    """`body` as JSON."""
    return answer_in_parts(status, (body,), headers)


def answer_in_parts(status: int, parts: Sequence[bytes], headers: Iterable[Header] = ()) -> Answer:
    """JSON that is too large to be in one piece; there is at least one part."""
    return Answer(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(sum(map(len, parts))).encode()),
                *headers,
            ],
        },
        {"type": "http.response.body", "body": parts[-1]},
        tuple({"type": "http.response.body", "body": part, "more_body": True} for part in parts[:-1]),
    )


def error(status: int, text: str, detail: str = "", headers: Iterable[Header] = ()) -> Answer:
    """`{"error": text}`, and the place when there is one to name."""
    said = {"error": text, "detail": detail} if detail else {"error": text}
    return answer(status, msgspec.json.encode(said), headers)


NOT_POST = error(405, "method not allowed", headers=[(b"allow", b"POST")])
NOT_GET = error(405, "method not allowed", headers=[(b"allow", b"GET, HEAD")])


def body_headers(scope: Scope) -> tuple[int, bytes]:
    """(declared length or 0, codings in lower case) of a request's body."""
    declared, coding = 0, b""
    for name, value in scope["headers"]:
        if name == b"content-length":
            declared = int(value)
        elif name == b"content-encoding":
            coding = (coding + b"," + value if coding else value).strip().lower()
    return declared, coding


def asked_for(scope: Scope) -> tuple[bytes, bool]:
    """(tags the client knows, whether it takes gzip)."""
    known = b""
    takes_gzip = False
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            known = known + b"," + value if known else value
        elif name == b"accept-encoding":
            takes_gzip = takes_gzip or accepts_gzip(value)
    return known, takes_gzip


def match_tag(known: bytes, tags: Sequence[bytes]) -> bytes:
    """The first of `tags` among those the client knows; empty when there is none."""
    if known in tags:
        return known
    for tag in known.split(b","):
        tag = tag.strip().removeprefix(b"W/")
        if tag in tags:
            return tag
        if tag == b"*":
            return tags[0]
    return b""


def not_modified(headers: Iterable[Header]) -> Answer:
    return Answer(
        {"type": "http.response.start", "status": 304, "headers": list(headers)},
        {"type": "http.response.body", "body": b""},
    )


def accepts_gzip(value: bytes) -> bool:
    """Whether an `Accept-Encoding` allows gzip: named or by `*`, and not with q=0."""
    if value == b"gzip":
        return True
    weights: dict[bytes, bool] = {}
    for offer in value.lower().split(b","):
        coding, _, parameter = offer.partition(b";")
        q = parameter.replace(b" ", b"")
        weights[coding.strip()] = not (q.startswith(b"q=0") and not q.strip(b"q=0."))
    return weights.get(b"gzip", weights.get(b"*", False))


def zipped(*parts: bytes) -> bytes:
    """A body as gzip."""
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return b"".join([*map(packer.compress, parts), packer.flush()])


async def refuse(what: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """An answer that does not care for the body; a large one ends the connection."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and int(value) > _SMALL_REST):
            return await reply_unread(receive, send, what)
    await reply(send, what)


async def reply(send: Send, what: Answer) -> None:
    await send(what.start)
    for part in what.before:
        await send(part)
    await send(what.body)


async def reply_unread(receive: Receive, send: Send, what: Answer) -> None:
    """`what` to a sender whose body is not read to its end: it gets the answer, then the connection closes.

    Closing at once would reset the connection and could take the answer with it.
    """
    await send(what.plus(CLOSE).start)
    for part in what.before:
        await send(part)
    await send({**what.body, "more_body": True})
    try:
        async with asyncio.timeout(_LINGER_S):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass  # it is still sending: it had its time to read
    await send({"type": "http.response.body", "body": b""})


class TooLarge(Exception):
    """The body outgrew its limit; the rest of it is unread."""


class Crowded(Exception):
    """All bodies under way together outgrew the budget; the rest of this one is unread."""


class Budget:
    """Bytes of request bodies that are held at the same time, by all requests together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0

    def take(self, size: int) -> None:
        if self._held + size > self._limit:
            raise Crowded
        self._held += size

    def give(self, size: int) -> None:
        self._held -= size

    async def read(self, receive: Receive, limit: int) -> bytes | None:
        """The whole body, up to `limit` bytes; None: the sender left. The caller gives its length back."""
        chunks: list[bytes] = []
        size = 0
        whole = False
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                chunk: bytes = message.get("body", b"")
                if size + len(chunk) > limit:
                    raise TooLarge
                self.take(len(chunk))
                size += len(chunk)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    whole = True
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        finally:
            if not whole:
                self.give(size)


_PACKED = (b"gzip", b"x-gzip")
TAKES_GZIP: Header = (b"accept-encoding", b"gzip")
_TOO_LARGE = error(413, "request body too large", headers=[TAKES_GZIP])
_UNKNOWN_CODING = error(415, "unsupported content encoding", headers=[TAKES_GZIP])


class Packable:
    """Takes bodies that may be packed with gzip, and refuses what is too much.

    `held`: bytes of all bodies under way together; `most`, `most_packed`: of one. `crowded` is said when more
    would be held, or while `is_busy`.
    """

    def __init__(
        self,
        held: int,
        *,
        most: int,
        most_packed: int,
        crowded: Answer,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._budget = Budget(held)
        self._most = most
        self._most_packed = most_packed
        self._crowded = crowded
        self._is_busy = is_busy

    async def respond(
        self, scope: Scope, receive: Receive, send: Send, take: Callable[[bytes, bool], Awaitable[Answer]]
    ) -> None:
        """Answers what `take` makes of a body, given with whether it is packed."""
        declared, coding = body_headers(scope)
        if coding not in (b"", b"identity", *_PACKED):
            return await reply_unread(receive, send, _UNKNOWN_CODING)
        packed = coding in _PACKED
        most = self._most_packed if packed else self._most
        if declared > most:
            return await reply_unread(receive, send, _TOO_LARGE)
        if self._is_busy():
            return await reply_unread(receive, send, self._crowded)
        try:
            body = await self._budget.read(receive, most)
        except TooLarge:
            return await reply_unread(receive, send, _TOO_LARGE)
        except Crowded:
            return await reply_unread(receive, send, self._crowded)
        if body is None:
            return None
        try:
            outcome = await take(body, packed)
        finally:
            self._budget.give(len(body))
        await reply(send, outcome)
