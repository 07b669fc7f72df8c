"""One connection: uvicorn's, with deadlines for slow clients, a bounded head and a place for so many.

uvicorn has none for a request that never ends: a head or a body that trickles would hold its connection for
hours. `server` looks at all connections, twice a second, and closes what made no progress.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from openusage.hub.limits import Door
from openusage.hub.meters import Meters

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

MAX_HEAD_BYTES = 65_536
MAX_CONNECTIONS = 2000
_RETRY_S = 5


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds a client may take."""

    head_s: float = 5.0
    """From the first byte, or the connection, to the end of the head."""
    idle_body_s: float = 10.0
    """Without a byte of the body."""
    body_s: float = 120.0
    """For the whole body."""
    unread_answer_s: float = 30.0
    """Without taking a byte of the answer."""
    keep_alive_s: int = 75
    """Between requests. Above the exporter's minute, so that its connection lives from push to push."""


class DeadlineProtocol(HttpToolsProtocol):
    """Remembers since when it waits for what; `Server` looks at it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        door: Door,
        meters: Meters,
        most: int = MAX_CONNECTIONS,
    ) -> None:
        """`most`: connections in all, this one among them."""
        super().__init__(config, server_state, app_state)
        self._door = door
        self._meters = meters
        self._most = most
        self._address = ""
        """Counted at the door under this; empty: not counted."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.head_since: float | None = self.loop.time()
        self.body_since: float | None = None
        self.body_last = 0.0
        self.unsent = 0
        self.unsent_since = 0.0
        self._head_bytes = 0
        self._open: list[RequestResponseCycle] = []
        self._meters.connections += 1
        address = self.client[0].removeprefix("::ffff:") if self.client else ""
        if len(self.connections) > self._most:
            self._meters.crowded_out += 1
            self._end(503)
        elif not address or self._door.connect(address):
            self._address = address
        else:
            self._end(429)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # Of several requests in one connection uvicorn tells the last only, and the first may be a stream.
        for cycle in self._open:
            cycle.disconnected = not cycle.response_complete
            cycle.message_event.set()
        self._meters.connections -= 1
        if self._address:
            self._door.disconnect(self._address)

    def data_received(self, data: bytes) -> None:
        self._meters.received_bytes += len(data)
        if self.body_since is not None:
            self.body_last = self.loop.time()
        elif self.head_since is None:
            self.head_since = self.loop.time()
        super().data_received(data)
        if self.head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._end(431)

    def on_headers_complete(self) -> None:
        self.head_since = None
        self._head_bytes = 0
        self.body_since = self.body_last = self.loop.time()
        super().on_headers_complete()
        if len(self.connections) > self._most // 2:
            # 20,000 machines that each hold a connection from minute to minute would fill all places.
            self.cycle.keep_alive = False
        self._open = [c for c in self._open if not c.response_complete]
        self._open.append(self.cycle)

    def on_message_complete(self) -> None:
        self.body_since = None
        super().on_message_complete()
        if (
            self.cycle.response_complete
            and self.timeout_keep_alive_task is None
            and not self.transport.is_closing()
        ):
            # The answer went out before the body was here, and the body stopped uvicorn's own timer.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def is_overdue(self, now: float, patience: Patience) -> bool:
        """`now` and all times here are the loop's."""
        if self.head_since is not None and now - self.head_since > patience.head_s:
            return True
        if self.body_since is not None:
            if self.flow.read_paused:  # it waits for us
                self.body_last = now
            elif now - self.body_last > patience.idle_body_s or now - self.body_since > patience.body_s:
                return True
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self.unsent:  # more of it, as in a stream, is nothing that was taken
            self.unsent_since = now
        self.unsent = unsent
        return unsent > 0 and now - self.unsent_since > patience.unread_answer_s

    def _end(self, status: int) -> None:
        """Says why in one line, unless an answer is on its way already, and closes."""
        answers = bool(self.cycle) and not self.cycle.response_complete
        if not (answers or self.transport.is_closing()):
            retry = b"" if status == 431 else b"retry-after: %d\r\n" % _RETRY_S
            self.transport.write(
                b"HTTP/1.1 %d %b\r\n%bcontent-length: 0\r\nconnection: close\r\n\r\n"
                % (status, HTTPStatus(status).phrase.encode(), retry)
            )
        self.transport.close()
