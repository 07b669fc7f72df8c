"""The hub against its floors: push, `GET /v1/snapshots`, 304, memory with 200 machines.

A floor is another ASGI application on the very same server class: one that answers at once, one that reads
the body and decodes it, one that sends the same bytes from a constant. Every server is a process of its own,
floor and hub take turns, and a row compares the medians. Rates on a busy machine vary; the CPU time a request
costs varies less, so both are shown. Only 127.0.0.1, a bounded time, 16 connections.
"""

from __future__ import annotations

import datetime as dt
import http.client
import statistics
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import psutil
import uvloop

from bench.load import Load, at_once, load
from bench.process import Running, ended
from bench.table import Row, render
from openusage.hub import Board, History, HubServer
from openusage.hub.http import Receive, Scope, Send, answer, reply
from openusage.hub.ingest import read_push
from openusage.pricing import PriceBook
from openusage.wire.envelope import PeerEnvelope, RemoteEnvelope
from openusage.wire.snapshot import DayValue, Metric, ModelUsage, UsageSnapshot

MACHINES = 200
MANY = 7
ROUNDS = 3
_NOW = dt.datetime(2026, 11, 22, 7, 31, 53, tzinfo=dt.UTC)
_OK = answer(200, b'{"ok":true}')


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
        constant = answer(200, b"".join(board.body()[1]))

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


@contextmanager
def running(kind: str, accounts: int = 1) -> Iterator[Running]:
    command = [sys.executable, "-m", "bench.hub", "serve", kind, str(accounts)]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as child:
        assert child.stdout is not None
        yield Running(int(child.stdout.readline()), psutil.Process(child.pid))


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
        uvloop.run(at_once(hub.port, (push(f"machine-{i:03}", MANY) for i in range(MACHINES))))
        pushed = hub.process.memory_info().rss / 2**20
        etag(hub)
        read = hub.process.memory_info().rss / 2**20
    name = f"hub with {MACHINES} machines of {len(envelope('laptop', MANY)) / 1000:.0f} KB"
    return [
        Row(name=name, value=pushed, unit="MB", target="< 90 MB", met=pushed < 90),
        Row(name=f"{name}, after a GET", value=read, unit="MB", target="< 90 MB", met=read < 90),
    ]


def run(seconds: float = 2.0) -> list[Row]:
    """All rows; about 24 times `seconds`."""
    return [*push_rows(seconds), *get_rows(seconds), *memory_rows()]


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
        return
    print(render(run(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)))


if __name__ == "__main__":
    main()
