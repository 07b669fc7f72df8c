"""The hub against its floors: push, `GET /v1/snapshots`, 304, memory with 200 machines; and its history.

A floor is another ASGI application on the very same server class: one that answers at once, one that reads
the body and decodes it, one that sends the same bytes from a constant. Every server is a process of its own,
floor and hub take turns, and a row compares the medians. Rates on a busy machine vary; the CPU time a request
costs varies less, so both are shown. Only 127.0.0.1, a bounded time, 16 connections.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import http.client
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import psutil
import uvloop

from bench.table import Row, render
from openusage.hub import Board, History, HubServer
from openusage.hub.http import Receive, Scope, Send, answer, reply
from openusage.hub.ingest import read_push
from openusage.pricing import PriceBook
from openusage.wire.envelope import PeerEnvelope, RemoteEnvelope
from openusage.wire.events import EventKind, TokenCounts, UsageEvent
from openusage.wire.records import MAX_RECORDS, RecordBatch
from openusage.wire.snapshot import DayValue, Metric, ModelUsage, UsageSnapshot

CONNECTIONS = 16
MACHINES = 200
MANY = 7
ROUNDS = 3
_SPARE_S = 10.0
"""After the time of a run; then something hangs, and the run fails."""
_NOW = dt.datetime(2026, 11, 22, 7, 31, 53, tzinfo=dt.UTC)
_OK = answer(200, b'{"ok":true}')


class Load(NamedTuple):
    """What a server did under load."""

    rate: float
    """Requests a second."""
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """CPU time of the server for one request."""


# -- what is sent --------------------------------------------------------------------------------


def snapshot(account: str) -> UsageSnapshot:
    """One account with 60 metrics, 15 models and 10 series: 20 KB."""
    window, days = "30d", [(_NOW - dt.timedelta(days=d)).date().isoformat() for d in range(30)]
    models = [f"claude-sonnet-4-{i}-20250929" for i in range(15)]
    return UsageSnapshot(
        provider_id="claude_code",
        account_id=account,
        timestamp=_NOW,
        status="OK",
        metrics={
            f"model_{m}_{kind}": Metric(used=i * 1234.5678 + len(kind), unit="tokens", window=window)
            for i, m in enumerate(models)
            for kind in ("input_tokens", "output_tokens", "cached_tokens", "cost_usd")
        },
        resets={"usage_five_hour": _NOW, "usage_seven_day": _NOW},
        attributes={"plan": "max", "cli_version": "2.0.44"}
        | {f"project_{i}": f"/src/{account}/{i}" for i in range(20)},
        model_usage=[
            ModelUsage(
                raw_model_id=m, raw_source="jsonl", window=window, input_tokens=i * 1e4, cost_usd=i / 3
            )
            for i, m in enumerate(models)
        ],
        daily_series={
            f"usage_model_{m}": [DayValue(d, i * 7.25) for d in days] for i, m in enumerate(models[:10])
        },
        message="costs are API-equivalent estimates",
    )


def envelope(machine: str, accounts: int) -> bytes:
    """A push: 1 account is about 20 KB, `MANY` are about 142 KB."""
    sent = RemoteEnvelope(
        machine=machine,
        sent_at=_NOW,
        snapshots=[snapshot(f"account-{i}") for i in range(accounts)],
        machine_id=f"id-of-{machine}",
        version="0",
    )
    return msgspec.json.encode(sent)


def full_board(accounts: int) -> Board:
    board = Board()
    for i in range(MACHINES):
        board.put(read_push(envelope(f"machine-{i:03}", accounts)))
    return board


# -- servers -------------------------------------------------------------------------------------


async def _empty(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, _OK)


async def _decoding(scope: Scope, receive: Receive, send: Send) -> None:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message["body"])
        if not message.get("more_body"):
            break
    body = b"".join(chunks)
    _decode(zlib.decompress(body, wbits=31) if body.startswith(b"\x1f\x8b") else body)
    await reply(send, _OK)


_decode = msgspec.json.Decoder(PeerEnvelope).decode


def serve(kind: str, accounts: int) -> None:
    """One server of `kind` until its parent ends it. Prints the port once it serves."""
    board = full_board(accounts) if kind in ("view", "constant") else Board()
    history = None
    if kind == "history":
        folder = tempfile.TemporaryDirectory()
        history = History.open(
            Path(folder.name) / "hub.db", now=lambda: dt.datetime.now(dt.UTC), price=PriceBook.load().price
        )
    server = HubServer(board, "127.0.0.1", 0, history=history)
    if kind == "constant":
        constant = answer(200, board.body()[1])

        async def serve_constant(scope: Scope, receive: Receive, send: Send) -> None:
            await reply(send, constant)

        server.app = serve_constant
    elif kind not in ("view", "hub", "history"):
        server.app = {"empty": _empty, "decode": _decoding}[kind]
    server.bind()
    print(server.port, flush=True)
    server.serve()
    if history is not None:
        history.close()


class Running(NamedTuple):
    port: int
    process: psutil.Process


@contextmanager
def running(kind: str, accounts: int = 1) -> Iterator[Running]:
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.hub", "serve", kind, str(accounts)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        yield Running(int(child.stdout.readline()), psutil.Process(child.pid))
    finally:
        child.terminate()
        child.wait(10)
        if child.stdout is not None:
            child.stdout.close()


# -- load ----------------------------------------------------------------------------------------


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
    before, started = server.process.cpu_times(), time.perf_counter()
    took = uvloop.run(_load(server.port, request, seconds, status))
    after, elapsed = server.process.cpu_times(), time.perf_counter() - started
    cpu_s = after.user + after.system - before.user - before.system
    quantiles = statistics.quantiles(took, n=100)
    return Load(len(took) / elapsed, quantiles[49] * 1e3, quantiles[98] * 1e3, cpu_s / len(took) * 1e6)


def push(machine: str, accounts: int) -> bytes:
    body = envelope(machine, accounts)
    return b"POST /v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def get(*headers: str) -> bytes:
    return "\r\n".join(("GET /v1/snapshots HTTP/1.1", "Host: localhost", *headers, "", "")).encode()


def etag(server: Running) -> str:
    """The hub's present tag."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("HEAD", "/v1/snapshots")
    tag = connection.getresponse().headers["ETag"]
    connection.close()
    assert tag is not None
    return tag


# -- rows ----------------------------------------------------------------------------------------


def compare(floor: Callable[[], Load], hub: Callable[[], Load]) -> tuple[Load, Load]:
    """Medians of both, taken in turns."""
    pairs = [(floor(), hub()) for _ in range(ROUNDS)]
    return _median([f for f, _ in pairs]), _median([h for _, h in pairs])


def _median(loads: list[Load]) -> Load:
    return Load(*(statistics.median(column) for column in zip(*loads, strict=True)))


def rows_of(name: str, floor: Load, hub: Load, share: float) -> list[Row]:
    """The rate as a share of the floor's, what a request costs, and how long the slowest wait."""
    return [
        Row(
            name=name,
            value=hub.rate,
            unit="/s",
            floor=floor.rate,
            target=f">= {share:.0%} of the floor",
            met=hub.rate >= share * floor.rate,
        ),
        Row(name=f"{name}, CPU", value=hub.cpu_us, unit="µs", floor=floor.cpu_us),
        Row(name=f"{name}, p50", value=hub.p50_ms, unit="ms", floor=floor.p50_ms),
        Row(
            name=f"{name}, p99",
            value=hub.p99_ms,
            unit="ms",
            floor=floor.p99_ms,
            target="<= 2x the floor",
            met=hub.p99_ms <= 2 * floor.p99_ms,
        ),
    ]


def push_rows(seconds: float) -> list[Row]:
    """Against an application that reads the body and decodes it."""
    rows = []
    with running("decode") as floor, running("hub") as hub:
        for accounts in (1, MANY):
            request = push("laptop", accounts)
            found = compare(partial(load, floor, request, seconds), partial(load, hub, request, seconds))
            rows += rows_of(f"push {len(request) / 1000:.0f} KB", *found, 0.70)
    return rows


def get_rows(seconds: float) -> list[Row]:
    """The body against the same bytes from a constant, 304 against an empty application."""
    with running("constant") as constant, running("empty") as empty, running("view") as hub:
        whole = compare(partial(load, constant, get(), seconds), partial(load, hub, get(), seconds))
        known = get(f"If-None-Match: {etag(hub)}")
        same = compare(
            partial(load, empty, known, seconds), partial(load, hub, known, seconds, status=b"304")
        )
    return [*rows_of(f"GET {MACHINES} machines", *whole, 0.60), *rows_of("GET unchanged (304)", *same, 0.85)]


def memory_rows() -> list[Row]:
    """Pushed over HTTP, as machines do; then read once, so that the joined body is in memory too."""
    with running("hub") as hub:
        uvloop.run(_send_each(hub.port, (push(f"machine-{i:03}", MANY) for i in range(MACHINES))))
        pushed = hub.process.memory_info().rss / 2**20
        etag(hub)
        read = hub.process.memory_info().rss / 2**20
    name = f"hub with {MACHINES} machines of {len(envelope('laptop', MANY)) / 1000:.0f} KB"
    return [
        Row(name=name, value=pushed, unit="MB", target="< 90 MB", met=pushed < 90),
        Row(name=f"{name}, after a GET", value=read, unit="MB", target="< 90 MB", met=read < 90),
    ]


async def _send_each(port: int, requests: Iterator[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_answer_size(head) - len(head))
    writer.close()
    await writer.wait_closed()


def session(r: random.Random) -> Iterator[UsageEvent]:
    """40 messages of one hour of the last 30 days, in one project and with one model."""
    start_us = time.time_ns() // 1000 - r.randrange(30 * 86_400) * 1_000_000
    project, name = f"p{r.randrange(4)}", r.randbytes(8).hex()
    model = r.choice(("claude-opus-4-5", "claude-sonnet-4-5"))
    for n in range(40):
        yield UsageEvent(
            provider="claude_code",
            account="claude-code",
            kind=EventKind.MESSAGE,
            event_key=r.randbytes(16),
            at_us=start_us + n * 90_000_000,
            tokens=TokenCounts(r.randrange(1000), r.randrange(1000), r.randrange(10**5), r.randrange(5000)),
            project=project,
            session=name,
            model=model,
        )


def records(machine: int, count: int) -> Iterator[bytes]:
    """Requests with all records of a machine, in the largest batches."""
    r = random.Random(machine)
    events = [event for _ in range(count // 40) for event in session(r)]
    for after in range(0, count, MAX_RECORDS):
        part = events[after : after + MAX_RECORDS]
        batch = RecordBatch(
            machine=f"machine-{machine:03}",
            machine_id=f"{machine:032x}",
            store_id="5" * 32,
            sent_at=dt.datetime.now(dt.UTC),
            after=after,
            upto=after + len(part),
            records=list(part),
        )
        body = gzip.compress(msgspec.json.encode(batch), 3)
        lines = (
            "POST /v1/records HTTP/1.1",
            "Host: localhost",
            "Content-Encoding: gzip",
            f"Content-Length: {len(body)}",
        )
        yield "\r\n".join((*lines, "", "")).encode() + body


def history_rows() -> list[Row]:
    """100,000 records, new and again; then usage of 50 more machines with 2,000 each, not asked before."""
    rows = []
    sent = list(records(999, 20 * MAX_RECORDS))
    with running("history") as hub:
        for name, target in (("new", 100_000), ("repeated", 0)):
            began = time.perf_counter()
            uvloop.run(_send_each(hub.port, iter(sent)))
            rate = 20 * MAX_RECORDS / (time.perf_counter() - began)
            target_text, met = (f">= {target}", rate >= target) if target else ("", None)
            rows.append(Row(name=f"records, {name}", value=rate, unit="/s", target=target_text, met=met))
        for machine in range(50):
            uvloop.run(_send_each(hub.port, records(machine, 2000)))
        for by in ("machine", "model", "day,machine"):
            took_ms = _once_ms(hub.port, f"/v1/usage?window=30d&by={by}")
            name = f"GET usage by {by}"
            rows.append(Row(name=name, value=took_ms, unit="ms", target="<= 150", met=took_ms <= 150))
    return rows


def _once_ms(port: int, path: str) -> float:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    found = connection.getresponse()
    found.read()
    connection.close()
    assert found.status == 200
    return (time.perf_counter() - began) * 1e3


def run(seconds: float = 2.0) -> list[Row]:
    """All rows; about 24 times `seconds`."""
    return [*push_rows(seconds), *get_rows(seconds), *memory_rows(), *history_rows()]


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
        return
    print(render(run(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)))


if __name__ == "__main__":
    main()
