"""Records into a hub in the largest batches, as a machine with a history sends them the first time."""

from __future__ import annotations

import datetime as dt
import gzip
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import uvloop

from bench.load import at_once
from bench.process import cpu_s, real_hub
from bench.table import Row, render
from openusage.wire.events import EventKind, TokenCounts, UsageEvent
from openusage.wire.records import MAX_RECORDS, RecordBatch

BATCHES = 40
_A_SECOND = 100_000


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


def run() -> list[Row]:
    """New ones, and the same again. A rate is that of one core: records by the hub's CPU time for them."""
    rows = []
    sent = list(records(999, BATCHES * MAX_RECORDS))
    with tempfile.TemporaryDirectory() as folder, real_hub(Path(folder)) as hub:
        for name in ("new", "repeated"):
            before_s, began_s = cpu_s(hub.process), time.perf_counter()
            uvloop.run(at_once(hub.port, iter(sent)))
            used_s, took_s = cpu_s(hub.process) - before_s, time.perf_counter() - began_s
            rate = BATCHES * MAX_RECORDS / used_s
            is_new = name == "new"
            rows += [
                Row(
                    name=f"records, {name}, of one core",
                    value=rate,
                    unit="/s",
                    target=f">= {_A_SECOND:,}" if is_new else "",
                    met=rate >= _A_SECOND if is_new else None,
                ),
                Row(name=f"records, {name}", value=BATCHES * MAX_RECORDS / took_s, unit="/s"),
            ]
    return rows


if __name__ == "__main__":
    print(render(run()))
