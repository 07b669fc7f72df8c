"""A real hub on a real port, with a clock that tests turn."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest

from openusage.hub import Board, HubServer
from tests.support.processes import PATIENCE_S

TOKEN = "s3cret"
NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


class Clock:
    """Monotonic seconds and a wall clock, both moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> dt.datetime:
        return NOON + dt.timedelta(seconds=self.seconds - 1000.0)


class Hub:
    """A running hub with clients for it."""

    def __init__(self, server: HubServer, clock: Clock, token: str) -> None:
        self.server = server
        self.clock = clock
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=server.url, headers=headers, timeout=PATIENCE_S)

    def push(self, body: bytes | str, **headers: str) -> httpx.Response:
        return self.http.post(
            "/v1/push", content=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def snapshots(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/v1/snapshots").json()
        return found

    def raw(self, sent: bytes, timeout_s: float = PATIENCE_S) -> bytes:
        """Everything the hub answers to these bytes until it closes the connection."""
        with closing(self.connect(timeout_s)) as sock:
            sock.sendall(sent)
            return read_to_end(sock)

    def connect(self, timeout_s: float = PATIENCE_S) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=timeout_s)


def read_to_end(sock: socket.socket) -> bytes:
    got = b""
    try:
        while part := sock.recv(65_536):
            got += part
    except ConnectionResetError:
        pass  # an abort closes a connection as well as a FIN does
    return got


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(monotonic=clock.monotonic, now=clock.now)


@contextmanager
def running(token: str = TOKEN, **options: Any) -> Iterator[Hub]:
    """A hub of its own; options are those of `HubServer`."""
    clock = Clock()
    board = Board(monotonic=clock.monotonic, now=clock.now)
    server = HubServer(board, "127.0.0.1", 0, token, monotonic=clock.monotonic, **options)
    with server:
        hub = Hub(server, clock, token)
        yield hub
        hub.http.close()


@pytest.fixture(scope="module")
def shared_hub() -> Iterator[Hub]:
    with running() as hub:
        yield hub


@pytest.fixture
def hub(shared_hub: Hub) -> Hub:
    """A hub with nothing in it: what earlier tests pushed has just gone stale."""
    shared_hub.clock.seconds += 301.0
    return shared_hub
