"""The hub on an address: uvicorn in this thread or beside a screen, with deadlines for slow clients.

uvicorn has none for a request that never ends: a head or a body that trickles would hold its connection for
hours. One look at all connections, twice a second, closes what made no progress.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from openusage.errors import ListenError
from openusage.hub.app import MAX_BODIES_BYTES, HubApp
from openusage.hub.auth import Gate
from openusage.hub.board import Board
from openusage.hub.history import History
from openusage.hub.http import Handler
from openusage.hub.listen import bind, show
from openusage.hub.routes import history_routes
from openusage.hub.stream import Stream

if TYPE_CHECKING:
    from uvicorn.config import Config

_MAX_HEAD_BYTES = 65_536
_MAX_CONNECTIONS = 2000
_STOP_S = 0.5
"""Requests under way get so long at the end."""


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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.head_since: float | None = self.loop.time()
        self.body_since: float | None = None
        self.body_last = 0.0
        self.unsent = 0
        self.unsent_since = 0.0
        self._head_bytes = 0
        self._open: list[RequestResponseCycle] = []
        if len(self.connections) > _MAX_CONNECTIONS:
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self.body_since is not None:
            self.body_last = self.loop.time()
        elif self.head_since is None:
            self.head_since = self.loop.time()
        super().data_received(data)
        if self.head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                self.transport.close()

    def on_headers_complete(self) -> None:
        self.head_since = None
        self._head_bytes = 0
        self.body_since = self.body_last = self.loop.time()
        super().on_headers_complete()
        self._open = [c for c in self._open if not c.response_complete]
        self._open.append(self.cycle)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # Of several requests in one connection uvicorn tells the last only, and the first may be a stream.
        for cycle in self._open:
            cycle.disconnected = not cycle.response_complete
            cycle.message_event.set()

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


class _Server(uvicorn.Server):
    """uvicorn that says when it serves, ends within a second, and leaves signals to their owner."""

    def __init__(
        self,
        config: Config,
        board: Board,
        patience: Patience,
        ready: threading.Event,
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self.signal: int | None = None
        self._board = board
        self._patience = patience
        self._ready = ready
        self._on_end = on_end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    async def on_tick(self, counter: int) -> bool:
        if counter % 5 == 0:
            self._board.version()  # machines fall silent though nobody asks
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, DeadlineProtocol) and connection.is_overdue(now, self._patience):
                    connection.transport.abort()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end = asyncio.get_running_loop().call_later(_STOP_S, self._end_all)
        self._on_end()
        try:
            await super().shutdown(sockets)
        finally:
            end.cancel()

    def _end_all(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the server in order; they are not raised once more after it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.signal = sig
        self.should_exit = True


class HubServer:
    """A board on an address. `bind()`, then either `serve()`, or `start()` and `stop()`."""

    def __init__(
        self,
        board: Board,
        host: str = "127.0.0.1",
        port: int = 9190,
        token: str = "",
        *,
        healthz_machines: bool = True,
        history: History | None = None,
        routes: Mapping[str, Handler] | None = None,
        patience: Patience | None = None,
        max_bodies: int = MAX_BODIES_BYTES,
    ) -> None:
        """With a `history` it takes records and answers questions about them; the caller closes it, after
        `stop`. `routes`: see `HubApp`."""
        self.board = board
        gate = Gate(token)
        self._stream = Stream(board, history, gate) if history is not None else None
        remembered = history_routes(history, board, gate, self._stream) if history and self._stream else {}
        self.app: Handler = HubApp(
            board,
            gate,
            healthz_machines=healthz_machines,
            routes={**remembered, **(routes or {})},
            max_bodies=max_bodies,
        )
        self._host = host
        self._port = port
        self._patience = patience or Patience()
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()

    @property
    def address(self) -> str:
        """`host:port`, with the real port once bound."""
        return show(self._host, self._port)

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"http://{show(host, self._port)}"

    @property
    def port(self) -> int:
        return self._port

    def bind(self) -> None:
        """Takes the address now, so that a failure is the caller's to show. Raises `ListenError`."""
        if self._socket is None:
            self._socket = bind(self._host, self._port)
            self._port = self._socket.getsockname()[1]

    def serve(self) -> int | None:
        """Serves in the calling thread until `stop()` or a signal; the signal's number is returned."""
        server = self._make()
        try:
            server.run(sockets=self._sockets())
        finally:
            self._socket = None
        return server.signal

    def start(self) -> None:
        """Serves in a thread of its own, beside a screen; returns when it serves. Raises `ListenError`."""
        server = self._make()
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": self._sockets()}, name="openusage-hub", daemon=True
        )
        self._thread.start()
        if not self.wait_ready(10.0):
            raise ListenError(f"hub: did not start to serve on {self.address} within 10 s.")

    def stop(self, timeout_s: float = 2.0) -> None:
        """Ends `serve()` or the thread of `start()`; requests under way get half a second."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._thread = None
            self._socket = None

    def wait_ready(self, timeout_s: float) -> bool:
        """Whether it serves, waiting for it up to `timeout_s`."""
        return self._ready.wait(timeout_s)

    def _sockets(self) -> list[socket.socket]:
        assert self._socket is not None
        return [self._socket]

    def _make(self) -> _Server:
        self.bind()
        self._ready.clear()
        config = uvicorn.Config(
            self.app,
            http=DeadlineProtocol,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level="critical",  # the app logs its own failures; a scanner's garbage is not one
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=self._patience.keep_alive_s,
        )
        gc.collect()
        gc.freeze()  # what is loaded by now stays: collections need not look at it again
        self._server = _Server(config, self.board, self._patience, self._ready, self._end_streams)
        return self._server

    def _end_streams(self) -> None:
        if self._stream is not None:
            self._stream.end()

    def __enter__(self) -> HubServer:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()
