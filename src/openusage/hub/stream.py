"""`GET /v1/stream`: tells listeners what has changed, so that they ask only then, and only for that.

A change is noted where it happens, in any thread, and costs a pushing machine a microsecond. Four times a
second, while anybody listens, what is new is written once and sent to all. Of several changes of one thing
only the newest is kept: that bounds what is remembered, and whoever was away is told each thing once. Who was
away for too long, reads too slowly, or comes from another process, is told to ask everything anew.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import OrderedDict
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from openusage.hub.auth import Gate
from openusage.hub.board import Board, Change
from openusage.hub.history import History
from openusage.hub.http import NOT_GET, Receive, Scope, Send, error, refuse
from openusage.wire.stream import (
    CONTENT_TYPE,
    HEARTBEAT,
    Happened,
    Hello,
    MachineChanged,
    Reset,
    SnapshotsChanged,
    StreamEvent,
    UsageChanged,
    write,
)

TICK_S = 0.25
HEARTBEAT_S = 15.0
CHECK_EVERY_TICKS = 4
"""A token that is not good any more ends its streams within so many."""
MAX_LISTENERS = 1000
"""Half of the connections that the server holds."""
MAX_CHANGES = 1024
MAX_NEWS_BYTES = 131_072
"""What one listener is told at once: beyond it, asking anew is cheaper than being told."""
RETRY_MS = 1000
LAST_ID = "last_event_id"
"""The parameter, for those who cannot set the header."""
_MAX_QUERY = 4096

_FULL = error(503, "too many listeners", headers=[(b"retry-after", b"30")])
_START: dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),  # nginx would hold events back
    ],
}
_END: dict[str, Any] = {"type": "http.response.body", "body": b""}


class Feed:
    """The newest changes in order, at most one a thing, numbered. Any thread may call."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._process = secrets.token_hex(6)
        """Numbers start anew with every process; ids must not."""
        self._lock = threading.Lock()
        self._changes: OrderedDict[object, tuple[int, StreamEvent]] = OrderedDict()
        """What it is about -> (number, event), by number."""
        self._last = 0
        self._forgotten = 0
        """The highest number of a change that is not told any more."""

    @property
    def last(self) -> int:
        """The number of the newest change."""
        return self._last

    def note(self, event: StreamEvent) -> None:
        """`event` has happened, and replaces what there was about the same thing."""
        about: object = event.name if isinstance(event, MachineChanged) else type(event)
        with self._lock:
            self._last += 1
            self._changes[about] = self._last, event
            self._changes.move_to_end(about)
            if len(self._changes) > self._most:
                self._forgotten = self._changes.popitem(last=False)[1][0]

    def between(self, after: int, upto: int) -> list[tuple[int, StreamEvent]] | None:
        """Changes with a number in `(after, upto]`; `None`: some of them are forgotten.

        One that was replaced by a change after `upto` is left out: its successor is still to be told.
        """
        found = []
        with self._lock:
            if after < self._forgotten:
                return None
            for number, event in reversed(self._changes.values()):
                if number <= after:
                    break
                if number <= upto:
                    found.append((number, event))
        return found[::-1]

    def id(self, number: int) -> str:
        return f"{self._process}-{number}"

    def number(self, id: str) -> int | None:
        """The number of an id that was given out here; `None`: it was not."""
        process, _, text = id.rpartition("-")
        if process != self._process or not (text.isascii() and text.isdigit() and len(text) < 20):
            return None
        return number if (number := int(text)) <= self._last else None


class _Listener:
    """One stream that is being sent."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._called = asyncio.Event()
        self._ended = False

    def call(self) -> None:
        """There is something to send."""
        self._called.set()

    def end(self, *_: object) -> None:
        self._ended = True
        self._called.set()

    async def is_called(self) -> bool:
        """Waits; False: this was the end."""
        await self._called.wait()
        self._called.clear()
        return not self._ended


class _News(NamedTuple):
    after: int
    upto: int
    body: bytes | None
    """`None`: too much."""


class Stream:
    """The handler. Belongs to one event loop at a time."""

    def __init__(self, board: Board, history: History, gate: Gate) -> None:
        self._board = board
        self._history = history
        self._gate = gate
        self._feed = Feed(MAX_CHANGES)
        self._versions = board.version(), history.state()
        self._listeners: set[_Listener] = set()
        self._news = _News(0, 0, HEARTBEAT)
        """What the last tick told, the same for all who heard the one before."""
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._told_s = 0.0
        board.listeners.append(self._note)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            return await refuse(NOT_GET, scope, receive, send)
        if (refusal := self._gate.check(scope)) is not None:
            return await refuse(refusal, scope, receive, send)
        if len(self._listeners) >= MAX_LISTENERS:
            return await refuse(_FULL, scope, receive, send)
        if scope["method"] == "GET":
            await self._listen(_Listener(scope), receive, send)
        else:
            await send(_START)
            await send(_END)

    def end(self) -> None:
        """Ends all streams in order, so that the server can stop. In the event loop."""
        for listener in self._listeners:
            listener.end()

    async def _listen(self, listener: _Listener, receive: Receive, send: Send) -> None:
        self._enter(listener)
        gone = asyncio.ensure_future(_until_gone(receive))
        gone.add_done_callback(listener.end)
        try:
            await send(_START)
            told = self._news.upto
            await send(_part(b"retry: %d\n\n" % RETRY_MS + self._first(_last_id(listener.scope))))
            while await listener.is_called():
                news = self._since(told)
                told = self._news.upto
                # Waits while the listener does not read: what is new by then is written only then.
                await send(_part(self._reset() if news is None else news))
        finally:
            self._leave(listener)
            gone.cancel()
        await send(_END)

    def _first(self, last_id: str) -> bytes:
        """What a stream begins with."""
        if not last_id:
            return write(Hello(resumed=False), self._feed.id(self._news.upto))
        number = self._feed.number(last_id)
        missed = None if number is None else self._since(number)
        return self._reset() if missed is None else write(Hello(resumed=True), last_id) + missed

    def _reset(self) -> bytes:
        return write(Reset(), self._feed.id(self._news.upto))

    def _since(self, number: int) -> bytes | None:
        """News for whoever knows everything up to a number; `None`: too much of it."""
        news = self._news
        return news.body if number == news.after else self._write(number, news.upto)

    def _write(self, after: int, upto: int) -> bytes | None:
        changes = self._feed.between(after, upto)
        if changes is None:
            return None
        body = b"".join([write(event, self._feed.id(number)) for number, event in changes])
        return (body or HEARTBEAT) if len(body) <= MAX_NEWS_BYTES else None

    # -- listeners and the clock -----------------------------------------------------------------

    def _enter(self, listener: _Listener) -> None:
        if not self._listeners:
            self._publish()
            self._told_s = asyncio.get_running_loop().time()
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        self._listeners.add(listener)

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICK_S, self._tick)  # first, so that no failure is the last tick
        self._ticks += 1
        if self._ticks % CHECK_EVERY_TICKS == 0:
            self._turn_out()
        self._publish()
        if self._news.after < self._news.upto or loop.time() - self._told_s >= HEARTBEAT_S:
            self._told_s = loop.time()
            for listener in self._listeners:
                listener.call()

    def _turn_out(self) -> None:
        """Ends the streams of those who may not listen any more; asking again, they get the refusal."""
        for listener in self._listeners:
            if self._gate.check(listener.scope) is not None:
                listener.end()

    def _publish(self) -> None:
        """Everything up to now can be told."""
        after = self._news.upto
        self._look()
        upto = self._feed.last
        self._news = _News(after, upto, self._write(after, upto))

    def _look(self) -> None:
        """Notes what is seen by asking alone."""
        version, state = self._board.version(), self._history.state()
        if version != self._versions[0]:
            self._feed.note(SnapshotsChanged())
        if state != self._versions[1]:
            self._feed.note(UsageChanged())
        self._versions = version, state

    def _note(self, change: Change, label: str) -> None:
        self._feed.note(MachineChanged(name=label, happened=_SAID.get(change, Happened.HEARD)))


_SAID = {Change.WENT_STALE: Happened.STALE, Change.FORGOTTEN: Happened.FORGOTTEN}


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _last_id(scope: Scope) -> str:
    """What the client heard last; empty: nothing. The header is newer than the address it began with."""
    for name, value in scope["headers"]:
        if name == b"last-event-id" and value:
            return str(value, "latin-1")
    query: bytes = scope["query_string"][:_MAX_QUERY]
    return parse_qs(query.decode("latin-1")).get(LAST_ID, [""])[-1]


def _part(body: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": True}
