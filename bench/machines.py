"""The machines' side of `bench.fleet`: a process of its own that is as many machines as it is told.

It drives one hub at the true rate of a fleet and no faster: every machine pushes its snapshots once a minute
and sends its records as they come, packed as our exporter packs them. Each request comes from an address and
over a connection of its own, which stays open as an exporter's does. All of them are ready before the clock
starts, so that this process takes as little of the machine as it can. It ends by itself: after its time, when
the hub does not keep up, or with its parent.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import gzip
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import msgspec
import psutil
import uvloop

from bench.hub import envelope
from bench.load import at_once
from bench.process import cpu_s
from openusage.wire.events import NO_TOKENS, EventKind, Outcome, TokenCounts, UsageEvent
from openusage.wire.records import RecordBatch

EVENTS_AN_HOUR = 200
"""Of one machine."""
INTERVAL_S = 60.0
"""Between two pushes of one machine, and between two batches of its records."""
MOST_UNDER_WAY = 4000
"""Requests without an answer: beyond it, the hub has lost."""
_SPARE_S = 60.0
_WARM_CONNECTIONS = 200
_NAME, _ID = "machine-#####", "#" * 32
_MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5")
_TOOLS = ("Read", "Edit", "Bash", "Grep", "Write", "Task")


class Plan(msgspec.Struct, frozen=True):
    """What is to be done, told on the command line."""

    port: int
    pid: int
    """The hub's process."""
    machines: int
    seconds: float
    records: bool = True
    """It keeps records, and has a stream."""


class Seen(msgspec.Struct, frozen=True):
    """What one slice of time showed."""

    pushes: int
    batches: int
    share_pct: float
    """CPU time of the hub, of one core at the true rate."""
    rss_mb: float
    push_p50_ms: float
    push_p99_ms: float
    """From the begin of the connection to the last byte of the answer, by this process's clock."""
    batch_p99_ms: float
    heard_p50_s: float
    heard_most_s: float
    """From the begin of a push to the listener on `/v1/stream` that hears of it."""
    own_pct: float
    """CPU time of this process."""


# -- what is sent --------------------------------------------------------------------------------


def name_of(machine: int) -> str:
    return f"machine-{machine:05}"


def pushes(machines: Iterable[int], minute: int, *, packed: bool = True) -> Iterator[bytes]:
    """A request for each machine: 20 KB, equal but for the machine and the minute."""
    body = envelope(_NAME, 1).replace(f"id-of-{_NAME}".encode(), _ID.encode())
    body = body.replace(b'"used":', b'"used":%d' % (minute + 1))  # another figure every minute
    template = body.replace(b"%", b"%%").replace(_NAME.encode(), b"%b").replace(_ID.encode(), b"%b")
    for machine in machines:
        sent = template % (name_of(machine).encode(), b"%032x" % machine)
        if packed:
            sent = gzip.compress(sent, 3)
            yield _head("/v1/push", len(sent), "Content-Encoding: gzip") + sent
        else:
            yield _head("/v1/push", len(sent)) + sent


def batches(machines: Iterable[int], minute: int, now_us: int) -> Iterator[bytes]:
    """A request for each machine with the records of a minute: three or four."""
    for machine in machines:
        r = random.Random(f"{machine} {minute}")
        before = _numbered(machine, minute)
        events = [_event(r, machine, now_us) for _ in range(before, _numbered(machine, minute + 1))]
        batch = RecordBatch(
            machine=name_of(machine),
            machine_id=f"{machine:032x}",
            store_id="5" * 32,
            sent_at=dt.datetime.fromtimestamp(now_us / 1e6, dt.UTC),
            after=before,
            upto=before + len(events),
            records=list(events),
        )
        body = gzip.compress(msgspec.json.encode(batch), 3)
        yield _head("/v1/records", len(body), "Content-Encoding: gzip") + body


def _numbered(machine: int, minute: int) -> int:
    """How many records a machine has had before this minute: 200 an hour, one machine a little earlier."""
    return (minute * EVENTS_AN_HOUR + machine % 60) // 60


def _event(r: random.Random, machine: int, now_us: int) -> UsageEvent:
    """A message or a call of a tool in the last minute, in one of few projects."""
    is_message = r.random() < 0.4
    tokens = TokenCounts(r.randrange(100), r.randrange(900), r.randrange(10**5), r.randrange(4000))
    return UsageEvent(
        provider="claude_code",
        account="claude-code",
        event_key=r.randbytes(16),
        at_us=now_us - r.randrange(60_000_000),
        project=f"project-{machine % 400}",
        session=f"{machine:08x}-0000-4000-8000-000000000000",
        client="CLI",
        upstream="anthropic",
        kind=EventKind.MESSAGE if is_message else EventKind.TOOL,
        tokens=tokens if is_message else NO_TOKENS,
        model=r.choice(_MODELS) if is_message else None,
        tool=None if is_message else r.choice(_TOOLS),
        outcome=None if is_message else Outcome.OK,
    )


def _head(path: str, size: int, *headers: str) -> bytes:
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", *headers, f"Content-Length: {size}")
    return "\r\n".join((*lines, "", "")).encode()


# -- how it is sent ------------------------------------------------------------------------------


class _Sender(asyncio.Protocol):
    """One request over a connection of its own, which stays open until the hub closes it."""

    def __init__(self, request: bytes, answered: Callable[[bytes], None]) -> None:
        self._request = request
        self._answered = answered
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        """All answers end so; the head may come alone."""
        self._answer += data
        if self._answer.endswith(b"}"):
            self._answered(self._answer)
            self._answer = b""


class Slice:
    """A slice of time at the true rate."""

    def __init__(self, plan: Plan) -> None:
        """Makes all requests."""
        self._plan = plan
        self._rate = plan.machines / INTERVAL_S
        count = min(plan.machines, round(self._rate * plan.seconds))
        others = ((n + plan.machines // 2) % plan.machines for n in range(count))
        now_us = time.time_ns() // 1000
        self._pushes = list(pushes(range(count), 1))
        self._batches = list(batches(others, 1, now_us)) if plan.records else []
        self._open: set[asyncio.Task[object]] = set()
        self._under_way = 0
        self._push_took: list[float] = []
        self._batch_took: list[float] = []
        self._began_s: dict[bytes, float] = {}
        self._heard: list[float] = []
        self._failed: list[Exception] = []

    async def warm_up(self) -> None:
        """Every machine once, as fast as the hub can: all are known then, with their labels."""
        machines = range(self._plan.machines)
        await at_once(self._plan.port, pushes(machines, 0, packed=False), _WARM_CONNECTIONS)
        if self._plan.records:
            earlier_us = time.time_ns() // 1000 - 60_000_000
            await at_once(self._plan.port, batches(machines, 0, earlier_us), _WARM_CONNECTIONS)

    async def run(self) -> Seen:
        """The slice."""
        hub, own = psutil.Process(self._plan.pid), psutil.Process()
        listening = asyncio.create_task(self._listen())
        await asyncio.sleep(1)
        hub_s, own_s, rss = cpu_s(hub), cpu_s(own), 0
        began_s = time.perf_counter()
        for n, push in enumerate(self._pushes):
            if n % 100 == 0:
                rss = max(rss, hub.memory_info().rss)
                self._check()
            await asyncio.sleep(max(0.0, began_s + n / self._rate - time.perf_counter()))
            self._began_s[name_of(n).encode()] = time.perf_counter()
            self._send(2 * n, push, self._push_took)
            if self._batches:
                self._send(2 * n + 1, self._batches[n], self._batch_took)
        await self._end()
        share = 100 / (len(self._pushes) / self._rate)
        share_pct, own_pct = share * (cpu_s(hub) - hub_s), share * (cpu_s(own) - own_s)
        listening.cancel()
        return Seen(
            pushes=len(self._pushes),
            batches=len(self._batches),
            share_pct=share_pct,
            rss_mb=rss / 2**20,
            push_p50_ms=statistics.median(self._push_took) * 1e3,
            push_p99_ms=p99(self._push_took) * 1e3,
            batch_p99_ms=p99(self._batch_took) * 1e3,
            heard_p50_s=statistics.median(self._heard or [0.0]),
            heard_most_s=max(self._heard, default=0.0),
            own_pct=own_pct,
        )

    async def _end(self) -> None:
        """Waits for all answers, and until the listener has heard of every push."""
        async with asyncio.timeout(_SPARE_S):
            while self._under_way or (self._batches and len(self._heard) < len(self._pushes)):
                self._check()
                await asyncio.sleep(0.05)

    def _send(self, number: int, request: bytes, took: list[float]) -> None:
        began_s = time.perf_counter()
        self._under_way += 1

        def answered(data: bytes) -> None:
            took.append(time.perf_counter() - began_s)
            self._under_way -= 1
            if not data.startswith(b"HTTP/1.1 200"):
                self._failed.append(RuntimeError(f"unexpected answer {data[:200]!r}"))

        address = f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"
        loop = asyncio.get_running_loop()
        opening: asyncio.Task[object] = loop.create_task(
            loop.create_connection(
                lambda: _Sender(request, answered), "127.0.0.1", self._plan.port, local_addr=(address, 0)
            )
        )
        self._open.add(opening)
        opening.add_done_callback(self._opened)

    def _opened(self, opening: asyncio.Task[object]) -> None:
        self._open.discard(opening)
        if not opening.cancelled() and isinstance(e := opening.exception(), Exception):
            self._failed.append(e)

    async def _listen(self) -> None:
        """Hears of every push, and of how old it is by then."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._plan.port, limit=1 << 20)
        writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            while line := await reader.readline():
                if line.startswith(_MACHINE):
                    began_s = self._began_s.get(line[len(_MACHINE) :].partition(b'"')[0])
                    if began_s is not None:
                        self._heard.append(time.perf_counter() - began_s)
        finally:
            writer.close()

    def _check(self) -> None:
        """Raises what failed."""
        if self._failed:
            raise self._failed[0]
        if self._under_way > MOST_UNDER_WAY:
            raise RuntimeError(f"the hub does not keep up: {self._under_way} requests without an answer")


def p99(took: list[float]) -> float:
    """The time within which 99 of 100 were done; 0: there are none."""
    return sorted(took)[len(took) * 99 // 100] if took else 0.0


async def _drive(plan: Plan) -> Seen:
    drive = Slice(plan)
    await drive.warm_up()
    return await drive.run()


def main() -> None:
    """`python -m bench.machines PLAN`, as JSON; prints `Seen` as JSON."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * MOST_UNDER_WAY + 2000), hard))
    gc.freeze()
    print(msgspec.json.encode(uvloop.run(_drive(plan))).decode())


_MACHINE = b'data: {"type":"machine","name":"'

if __name__ == "__main__":
    main()
