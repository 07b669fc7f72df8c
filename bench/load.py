"""Clients of a server under test: one request again and again, or many as fast as they are answered."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple, cast

import uvloop

from bench.process import Running, cpu_s

CONNECTIONS = 16
_SPARE_S = 10.0
"""After the time of a run; then something hangs, and the run fails."""


class Load(NamedTuple):
    """What a server did under load."""

    rate: float
    """Requests a second."""
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """CPU time of the server for one request."""


class _Client(asyncio.Protocol):
    """Sends the same request again and again, notes how long each answer took."""

    def __init__(self, request: bytes, until: float, took: list[float], status: bytes) -> None:
        self._request = request
        self._until = until
        self._took = took
        self._status = status
        self._size = 0
        self._got = 0
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._send()

    def _send(self) -> None:
        self._got = 0
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._got == 0 and not data.startswith(b"HTTP/1.1 " + self._status):
            self.done.set_exception(RuntimeError(f"unexpected answer {data[:80]!r}"))
            self._transport.abort()
            return
        if self._size == 0:
            self._size = _answer_size(data)
        self._got += len(data)
        if self._got < self._size:
            return
        now = time.perf_counter()
        self._took.append(now - self._sent_at)
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def _answer_size(data: bytes) -> int:
    """Bytes of the whole answer, from its first piece. All answers of a run have the same size."""
    head, _, _ = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(head) + 4 + int(line.split(b":")[1])
    return len(head) + 4


async def _load(port: int, request: bytes, seconds: float, status: bytes) -> list[float]:
    took: list[float] = []
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(CONNECTIONS):
        _, client = await loop.create_connection(
            lambda: _Client(request, until, took, status), "127.0.0.1", port
        )
        clients.append(client)
    async with asyncio.timeout(seconds + _SPARE_S):
        await asyncio.gather(*(c.done for c in clients))
    return took


def load(server: Running, request: bytes, seconds: float, status: bytes = b"200") -> Load:
    before_s, started = cpu_s(server.process), time.perf_counter()
    took = uvloop.run(_load(server.port, request, seconds, status))
    used_s, elapsed_s = cpu_s(server.process) - before_s, time.perf_counter() - started
    quantiles = statistics.quantiles(took, n=100)
    return Load(len(took) / elapsed_s, quantiles[49] * 1e3, quantiles[98] * 1e3, used_s / len(took) * 1e6)


async def at_once(port: int, requests: Iterator[bytes], connections: int = 1) -> None:
    """All requests as fast as they are answered, in their order when there is one connection."""

    async def some() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"unexpected answer {head[:200]!r}")
            await reader.readexactly(_answer_size(head) - len(head))
        writer.close()
        await writer.wait_closed()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(some())
