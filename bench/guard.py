"""What guards a hub, and what it costs the others: tokens, metrics, and a thousand clients that hang on."""

from __future__ import annotations

import hashlib
import http.client
import resource
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import msgspec
import uvloop

from bench.hub import push, running
from bench.load import at_once, load
from bench.process import Running
from bench.records import records
from bench.table import Row
from openusage.hub.auth import Gate
from openusage.hub.tokens import TokenBook

TOKENS = 10_000
MACHINES = 1_000
SLOW = 1_000
_SECONDS = 3.0
"""Below the deadline of a half-open head, so that all of them hang on to the end."""


def token_rows() -> list[Row]:
    """A push with one of very many tokens: who is it, and may it write for that machine."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub-tokens.json"
        names = [f"token-of-machine-{n}" for n in range(TOKENS)]
        kept = [
            {
                "id": str(n),
                "hash": hashlib.sha256(name.encode()).hexdigest(),
                "machine": f"m{n}",
                "role": "push",
                "created_at": "2026-01-01T00:00:00Z",
            }
            for n, name in enumerate(names)
        ]
        path.write_bytes(msgspec.json.encode({"version": 1, "tokens": kept}))
        gate = Gate("a-shared-token-of-32-characters.", TokenBook(path))
        took = [_check(gate, f"m{n}", name) for n, name in enumerate(names)]
    cost_us = statistics.median(took) * 1e6
    name = f"authorisation of a push, {TOKENS:,} tokens"
    return [Row(name=name, value=cost_us, unit="µs", target="< 10 µs", met=cost_us < 10)]


def _check(gate: Gate, machine: str, token: str) -> float:
    scope = {
        "method": "POST",
        "path": "/v1/push",
        "client": ("10.0.0.1", 1),
        "headers": [
            (b"host", b"hub.lan:9190"),
            (b"user-agent", b"openusage"),
            (b"content-length", b"20000"),
            (b"content-type", b"application/json"),
            (b"authorization", f"Bearer {token}".encode()),
        ],
    }
    began = time.perf_counter()
    refusal = gate.check(scope)
    gate.may_write(scope, machine, "")
    took = time.perf_counter() - began
    assert refusal is None
    return took


def metrics_rows() -> list[Row]:
    """As Prometheus asks, with a history of all those machines."""
    with running("history") as hub:
        for machine in range(MACHINES):
            uvloop.run(at_once(hub.port, records(machine, 80)))
        took, size = [], 0
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
        for _ in range(21):
            began = time.perf_counter()
            connection.request("GET", "/metrics")
            size = len(connection.getresponse().read())
            took.append(time.perf_counter() - began)
        connection.close()
    cost_ms = statistics.median(took) * 1e3
    name = f"/metrics, {MACHINES:,} machines, {size / 1000:.0f} KB"
    return [Row(name=name, value=cost_ms, unit="ms", target="< 20 ms", met=cost_ms < 20)]


def slow_rows() -> list[Row]:
    """Pushes as many as it takes, while others have sent half a head or half a body and hang on."""
    request = push("laptop", 1)
    with running("hub") as hub:
        alone = load(hub, request, _SECONDS)
        with hanging_on(hub):
            beside = load(hub, request, _SECONDS)
    return [
        Row(
            name=f"push 20 KB beside {SLOW:,} slow connections, p99",
            value=beside.p99_ms,
            unit="ms",
            floor=alone.p99_ms,
            target="< 50 ms",
            met=beside.p99_ms < 50,
        )
    ]


@contextmanager
def hanging_on(hub: Running) -> Iterator[None]:
    """A thousand of them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, SLOW + 500), hard))
    starts = (
        b"GET /healthz HTTP/1.1\r\nHost: local",
        b"POST /v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
    )
    with ExitStack() as stack:
        for number in range(SLOW):
            sock = stack.enter_context(closing(socket.create_connection(("127.0.0.1", hub.port), 10)))
            sock.sendall(starts[number % len(starts)])
        yield


def run() -> list[Row]:
    return [*token_rows(), *metrics_rows(), *slow_rows()]
