"""The hub on an address: uvicorn in this thread or beside a screen, joined with all that guards it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn

from openusage.errors import ListenError
from openusage.hub.app import MAX_BODIES_BYTES, HubApp
from openusage.hub.auth import Gate
from openusage.hub.board import Board
from openusage.hub.connection import MAX_CONNECTIONS, DeadlineProtocol, Patience
from openusage.hub.history import History
from openusage.hub.http import Handler
from openusage.hub.limits import Door, raise_file_limit
from openusage.hub.listen import BACKLOG, bind, is_loopback, show
from openusage.hub.machines import Roll
from openusage.hub.meters import Meters, Summary
from openusage.hub.ops import Operations
from openusage.hub.policy import Policy
from openusage.hub.routes import history_routes
from openusage.hub.stream import Stream
from openusage.hub.tls import HANDSHAKE_S, Tls
from openusage.hub.tokens import TokenBook
from openusage.hub.web.desk import Look
from openusage.lineage import Lineages

if TYPE_CHECKING:
    from uvicorn.config import Config

_SPARE_FILES = 100
"""Files that are no connections: database, logs, libraries."""
_STOP_S = 0.5
"""Requests under way get so long at the end."""
_TURN_S = 0.0005
"""So long a thread that stores or sums may keep the loop waiting, several times a request. With Python's 5 ms
the slowest pushes of a large fleet wait eight times as long, at the same cost."""
_FOLLOW_TICKS = 20
"""A renewed certificate, and what is kept now and then, is looked at so often: every two seconds."""


class _Listener(NamedTuple):
    """A bound socket, and whether TLS is spoken there."""

    socket: socket.socket
    tls: Tls | None


class _Server(uvicorn.Server):
    """uvicorn that says when it serves, ends within a second, and leaves signals to their owner."""

    def __init__(self, config: Config, hub: HubServer, listeners: list[_Listener], most: int) -> None:
        super().__init__(config)
        self.signal: int | None = None
        self._hub = hub
        self._listeners = listeners
        self._most = most
        self._behind: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens itself: uvicorn's own way has no deadline for TLS, and its connections know no door."""
        await super().startup([])
        loop = asyncio.get_running_loop()
        for sock, tls in self._listeners:
            server = await loop.create_server(
                self._connection,
                sock=sock,
                ssl=tls.context if tls else None,
                ssl_handshake_timeout=HANDSHAKE_S if tls else None,
                backlog=BACKLOG,
            )
            self.servers.append(server)
        self._hub.ready.set()

    def _connection(self) -> DeadlineProtocol:
        return DeadlineProtocol(
            self.config,
            self.server_state,
            self.lifespan.state,
            door=self._hub.door,
            meters=self._hub.meters,
            most=self._most,
        )

    async def on_tick(self, counter: int) -> bool:
        if counter % 5 == 0:
            self._hub.board.version()  # machines fall silent though nobody asks
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, DeadlineProtocol) and connection.is_overdue(
                    now, self._hub.patience
                ):
                    connection.transport.abort()
        if counter % _FOLLOW_TICKS == 0 and (self._behind is None or self._behind.done()):
            self._behind = asyncio.ensure_future(asyncio.to_thread(self._hub.follow))
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.begin_end()
        end = asyncio.get_running_loop().call_later(_STOP_S, self._end_all)
        try:
            await super().shutdown(sockets)
        finally:
            end.cancel()
            await asyncio.to_thread(self._hub.follow, at_once=True)

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
        history: History | None = None,
        tokens: TokenBook | None = None,
        tls: Tls | None = None,
        policy: Policy | None = None,
        routes: Mapping[str, Handler] | None = None,
        look: Look | None = None,
        lineages: Lineages | None = None,
        links: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        max_bodies: int = MAX_BODIES_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """With a `history` it takes records, answers questions about them (models grouped by `lineages`) and
        has a web page, which looks as `look` says; the caller closes it after `stop`. `routes`: see `HubApp`.
        """
        self.policy = policy or Policy()
        self.patience = patience or Patience()
        self.board = board
        self.meters = Meters()
        self.gate = Gate(token, tokens, monotonic=monotonic)
        self.door = self._make_door(host, monotonic)
        roll = Roll(board)
        self.operations = self._make_operations(history, roll, tls, monotonic)
        self._stream: Stream | None = None
        remembered: dict[str, Handler] = {}
        if history is not None:
            self._stream = stream = Stream(board, history, self.gate)
            more = (look, lineages, links)
            remembered = history_routes(
                history, board, self.gate, roll, self.meters, stream, *more, monotonic=monotonic
            )
        self.app = self._make_app({**self.operations.routes(), **remembered, **(routes or {})}, max_bodies)
        self.ready = threading.Event()
        """It serves."""
        self._tls = tls
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._own_socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._summary = Summary(self.meters, self.policy.summary_s, monotonic)

    def _make_door(self, host: str, monotonic: Callable[[], float]) -> Door:
        return Door(
            self.policy.limits,
            hosts=self.policy.hosts if is_loopback(host) else None,
            trusted_proxies=self.policy.trusted_proxies,
            exempts_this_machine=self.policy.exempts_this_machine,
            monotonic=monotonic,
        )

    def _make_operations(
        self, history: History | None, roll: Roll, tls: Tls | None, monotonic: Callable[[], float]
    ) -> Operations:
        return Operations(
            self.board,
            history,
            roll,
            gate=self.gate,
            door=self.door,
            meters=self.meters,
            tls=tls,
            metrics_public=self.policy.metrics_public,
            monotonic=monotonic,
        )

    def _make_app(self, routes: Mapping[str, Handler], max_bodies: int) -> Handler:
        return HubApp(
            self.board,
            self.gate,
            door=self.door,
            meters=self.meters,
            healthz_machines=self.policy.healthz_machines,
            routes=routes,
            max_bodies=max_bodies,
        )

    @property
    def address(self) -> str:
        """`host:port`, with the real port once bound."""
        return show(self._host, self._port)

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"{'https' if self._tls else 'http'}://{show(host, self._port)}"

    @property
    def own_url(self) -> str:
        """Where this process itself reaches it, once bound, with the token `gate.own`.

        With TLS that is a port of its own on loopback: a certificate names the hub, not 127.0.0.1.
        """
        if self._own_socket is None:
            return self.url
        return f"http://127.0.0.1:{self._own_socket.getsockname()[1]}"

    @property
    def port(self) -> int:
        return self._port

    def bind(self) -> None:
        """Takes the address now, so that a failure is the caller's to show. Raises `ListenError`."""
        if self._socket is None:
            self._socket = bind(self._host, self._port)
            self._port = self._socket.getsockname()[1]
            self._own_socket = bind("127.0.0.1", 0) if self._tls else None

    def serve(self) -> int | None:
        """Serves in the calling thread until `stop()` or a signal; the signal's number is returned."""
        server = self._make()
        try:
            server.run()
        finally:
            self._close_sockets()
        return server.signal

    def start(self) -> None:
        """Serves in a thread of its own, beside a screen; returns when it serves. Raises `ListenError`."""
        server = self._make()
        self._thread = threading.Thread(target=server.run, name="openusage-hub", daemon=True)
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
            self._close_sockets()

    def wait_ready(self, timeout_s: float) -> bool:
        """Whether it serves, waiting for it up to `timeout_s`."""
        return self.ready.wait(timeout_s)

    def begin_end(self) -> None:
        """It is not ready for anybody new, and streams end in order."""
        self.operations.is_ending = True
        if self._stream is not None:
            self._stream.end()

    def follow(self, *, at_once: bool = False) -> None:
        """What is looked at now and then, in a thread: files that change, what is kept, the log's line."""
        if self._tls is not None:
            self._tls.follow()
        self.gate.write_used(at_once=at_once)
        self._summary.tell()

    def _close_sockets(self) -> None:
        for sock in (self._socket, self._own_socket):
            if sock is not None:
                sock.close()
        self._socket = self._own_socket = None

    def _make(self) -> _Server:
        self.bind()
        self.ready.clear()
        self.operations.is_ending = False
        config = uvicorn.Config(
            self.app,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level="critical",  # the app logs its own failures; a scanner's garbage is not one
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=self.patience.keep_alive_s,
        )
        config.load()
        files = raise_file_limit(2 * MAX_CONNECTIONS + _SPARE_FILES)
        listeners = [
            _Listener(s, tls) for s, tls in ((self._socket, self._tls), (self._own_socket, None)) if s
        ]
        gc.collect()
        gc.freeze()  # what is loaded by now stays: collections need not look at it again
        sys.setswitchinterval(_TURN_S)
        self._server = _Server(config, self, listeners, min(MAX_CONNECTIONS, files - _SPARE_FILES))
        return self._server

    def __enter__(self) -> HubServer:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()
