"""A hub with a history, machines that send records to it, and records to send."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from openusage.hub import Board, History, HubServer
from openusage.read_model.windows import to_us
from openusage.wire.events import Record
from openusage.wire.records import RecordBatch
from tests.hub.conftest import TOKEN, Clock
from tests.store.samples import price
from tests.support.processes import PATIENCE_S

LAPTOP, DESKTOP, SERVER = "a" * 32, "b" * 32, "c" * 32
STORE, OTHER_STORE = "5" * 32, "6" * 32


class Fleet:
    """A running hub and its clock."""

    def __init__(self, server: HubServer, history: History, clock: Clock, token: str = TOKEN) -> None:
        self.server = server
        self.history = history
        self.clock = clock
        self.http = httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_S
        )

    @property
    def now_us(self) -> int:
        return to_us(self.clock.now())

    def batch(
        self, records: Sequence[Record], machine_id: str = LAPTOP, after: int = 0, **more: Any
    ) -> bytes:
        fields: dict[str, Any] = {
            "machine": "laptop",
            "store_id": STORE,
            "sent_at": self.clock.now(),
            "upto": after + len(records),
        }
        sent = RecordBatch(machine_id=machine_id, after=after, records=list(records), **(fields | more))
        return msgspec.json.encode(sent)

    def send(
        self, records: Sequence[Record], machine_id: str = LAPTOP, after: int = 0, **more: Any
    ) -> httpx.Response:
        return self.post(gzip.compress(self.batch(records, machine_id, after, **more)), "gzip")

    def post(self, body: bytes, coding: str = "identity") -> httpx.Response:
        return self.http.post("/v1/records", content=body, headers={"Content-Encoding": coding})

    def push(self, machine: str, machine_id: str = "", account: str = "codex") -> None:
        snapshot = {"provider_id": "codex", "account_id": account, "status": "OK", "metrics": {}}
        sent_at = self.clock.now().isoformat().replace("+00:00", "Z")
        pushed = self.http.post(
            "/v1/push",
            json={
                "machine": machine,
                "sent_at": sent_at,
                "snapshots": [snapshot],
                "machine_id": machine_id,
                "version": "9.9",
            },
        )
        assert pushed.status_code == 200

    def get(self, path: str, **params: Any) -> Any:
        found = self.http.get(path, params=params)
        assert found.status_code == 200, found.text
        return found.json()

    def machines(self) -> dict[str, Any]:
        return {m["name"]: m for m in self.get("/v1/machines")["machines"]}

    def totals(self, **params: Any) -> Any:
        return self.get("/v1/usage", **({"window": "all"} | params))["totals"]


@contextlib.contextmanager
def fleet(
    path: Path | None, clock: Clock | None = None, serves: dict[str, Any] | None = None, **options: Any
) -> Iterator[Fleet]:
    """A hub whose history is in `path`; options are those of `History`, `serves` those of `HubServer`."""
    clock = clock or Clock()
    more: dict[str, Any] = {"monotonic": clock.monotonic} | (serves or {})
    with (
        History(path, **{"now": clock.now, "price": price, **options}) as history,
        HubServer(
            Board(monotonic=clock.monotonic, now=clock.now), "127.0.0.1", 0, TOKEN, history=history, **more
        ) as server,
    ):
        running = Fleet(server, history, clock)
        yield running
        running.http.close()


def wait_for(holds: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
    """Until `holds()`; a test fails where it never does."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def rfc3339(at_us: int) -> str:
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=at_us)).isoformat()
