"""A hub over HTTP that the exporter sends to, and a sender that was told to begin."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from openusage.exporter import Target
from openusage.exporter.records import RecordSender
from openusage.exporter.target import client
from openusage.store import Run, Store
from openusage.wire.records import MAX_PACKED_BYTES, MAX_RECORDS, RecordBatch, RecordsReply
from openusage.wire.rollups import Window
from openusage.wire.snapshot import Metric, UsageSnapshot
from tests.store.samples import NOW_US, Name, open_store
from tests.support.processes import PATIENCE_S

NOW = dt.datetime.fromtimestamp(NOW_US / 1e6, dt.UTC)
ME = "ab" * 16
ALL = Window("all")
Answering = Callable[[RecordBatch], Response | None]


class Hub:
    """A hub that keeps records, as the contract says; `instead` may answer in its place."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/")
        self.store = open_store(machine=Name("hub", "hub"))
        self.batches: list[RecordBatch] = []
        self.instead: list[Answering] = []
        self.always: Answering = lambda _: None
        server.expect_request("/v1/records", method="POST").respond_with_handler(self._answer)
        server.expect_request("/v1/push", method="POST").respond_with_json({"ok": True})

    def _answer(self, request: Request) -> Response:
        assert request.headers["Authorization"] == "Bearer s3cret"
        assert request.headers["Content-Encoding"] == "gzip"
        assert len(request.data) <= MAX_PACKED_BYTES
        batch = msgspec.json.decode(gzip.decompress(request.data), type=RecordBatch)
        assert len(batch.records) <= MAX_RECORDS
        self.batches.append(batch)
        answer = self.instead.pop(0)(batch) if self.instead else self.always(batch)
        return self.take(batch) if answer is None else answer

    def take(self, batch: RecordBatch) -> Response:
        run = Run(batch.store_id, batch.after, batch.upto)
        heard = self.store.add(batch.records, machine=batch.machine_id, run=run).heard
        assert heard is not None
        return said(200 if heard >= batch.upto else 409, heard)

    def lose_answer(self, batch: RecordBatch) -> Response:
        """Stores it, and nobody hears of it."""
        self.take(batch)
        return Response("", 502)

    def forget(self) -> None:
        """The hub's database is another one from now on."""
        self.store.close()
        self.store = open_store(machine=Name("hub", "hub"))

    def events(self) -> int:
        return self.store.usage(ALL)[0].events

    def numbers(self) -> list[tuple[int, int]]:
        """Of batches that held something."""
        return [(b.after, b.upto) for b in self.batches if b.records]


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def said(status: int, stored: int, error: str = "", **headers: str) -> Response:
    return Response(msgspec.json.encode(RecordsReply(stored=stored, error=error)), status, headers)


def answers(status: int, body: str = "", **headers: str) -> Answering:
    return lambda _: Response(body, status, {k.replace("_", "-"): v for k, v in headers.items()})


def target(url: str, **changes: object) -> Target:
    made = Target(url=url, token="s3cret", machine="laptop", machine_id=ME, interval_s=0.05, records="full")
    return msgspec.structs.replace(made, **changes)


def snapshot(**changes: object) -> UsageSnapshot:
    base = UsageSnapshot(
        provider_id="claude_code",
        account_id="claude-code",
        timestamp=NOW,
        status="OK",
        metrics={"window_cost": Metric(used=1.5, unit="USD", window="30d")},
        attributes={"plan_type": "max", "account_email": "ann@example.com"},
        raw={"header": "secret"},
    )
    return msgspec.structs.replace(base, **changes)


@asynccontextmanager
async def sending(
    hub: Hub, store: Store, monotonic: Callable[[], float] | None = None, **changes: object
) -> AsyncIterator[RecordSender]:
    """A sender that was told that there is something to send."""
    to = target(hub.url, **changes)
    clock = {} if monotonic is None else {"monotonic": monotonic}
    sender = RecordSender(to, store, now=lambda: NOW, **clock)
    stop = asyncio.Event()
    sender.wake()
    async with client(to) as http:
        task = asyncio.create_task(sender.run(http, stop))
        try:
            yield sender
        finally:
            stop.set()
            await asyncio.wait_for(task, PATIENCE_S)


async def until(true: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.005)
