"""What a hub counts while requests pass: plain numbers, about a microsecond a request.

`metrics` makes of them what Prometheus reads, `summary` the line that the log has every minute.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping

import msgspec

from openusage.hub.http import Message, Send

_log = logging.getLogger("openusage.hub")
_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LEFT = 499
"""The status of a request whose sender was gone before an answer."""
_REASONS = {
    200: "accepted",
    400: "invalid",
    401: "unauthorised",
    403: "forbidden",
    405: "method",
    409: "gap",
    413: "too_large",
    415: "coding",
    421: "host",
    429: "limited",
    LEFT: "left",
    503: "busy",
    507: "full",
}


class Latencies:
    """Seconds until an answer began, by how many took up to what."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(_BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """(bound, how many took up to it), as Prometheus has them."""
        found = []
        so_far = 0
        for bound, count in zip((*map(str, _BOUNDS_S), "+Inf"), self.counts, strict=True):
            so_far += count
            found.append((bound, float(so_far)))
        return found


class Tally:
    """One request: what goes out is seen on its way."""

    __slots__ = ("_send", "answered_s", "began_s", "sent", "status")

    def __init__(self, send: Send, began_s: float) -> None:
        self._send = send
        self.began_s = began_s
        self.answered_s = 0.0
        self.status = LEFT
        self.sent = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answered_s = time.perf_counter()
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)


class Meters:
    """Belongs to one event loop, but for `records`, which is the writing thread's."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        """(path, status) -> how many."""
        self.latencies: dict[str, Latencies] = {}
        self.under_way: dict[str, int] = {}
        """Requests by path, streams among them."""
        self.received_bytes = 0
        self.sent_bytes = 0
        self.records = 0
        """Taken in batches, new or known."""
        self.connections = 0
        self.crowded_out = 0
        """Connections closed because there were too many in all."""

    def begin(self, route: str, send: Send) -> Tally:
        """A request for this path; `end` must follow."""
        self.under_way[route] = self.under_way.get(route, 0) + 1
        return Tally(send, time.perf_counter())

    def end(self, route: str, tally: Tally) -> None:
        self.under_way[route] -= 1
        key = route, tally.status
        self.requests[key] = self.requests.get(key, 0) + 1
        self.sent_bytes += tally.sent
        if tally.answered_s:
            latencies = self.latencies.get(route)
            if latencies is None:
                latencies = self.latencies[route] = Latencies()
            latencies.add(tally.answered_s - tally.began_s)

    def traffic(self) -> Traffic:
        """All of it as it is now. From any thread: only copies are gone through."""
        requests = dict(self.requests)
        return Traffic(
            requests=requests,
            pushes=_by_reason(requests, "/v1/push"),
            batches=_by_reason(requests, "/v1/records"),
            latencies={
                path: (seconds.buckets(), seconds.total_s) for path, seconds in dict(self.latencies).items()
            },
            under_way=dict(self.under_way),
            received_bytes=self.received_bytes,
            sent_bytes=self.sent_bytes,
            records=self.records,
            connections=self.connections,
            crowded_out=self.crowded_out,
        )


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What a hub's `Meters` had counted at one moment, since the hub was started."""

    requests: dict[tuple[str, int], int] = {}
    pushes: dict[str, int] = {}
    """Reason -> how many."""
    batches: dict[str, int] = {}
    latencies: dict[str, tuple[list[tuple[str, float]], float]] = {}
    """Path -> (buckets, sum)."""
    under_way: dict[str, int] = {}
    received_bytes: int = 0
    sent_bytes: int = 0
    records: int = 0
    connections: int = 0
    crowded_out: int = 0


class Summary:
    """One line of the log now and then: what happened since the last one; none when nothing did."""

    def __init__(self, meters: Meters, every_s: float | None, monotonic: Callable[[], float]) -> None:
        """`every_s`: `None` for never."""
        self._meters = meters
        self._every_s = every_s
        self._monotonic = monotonic
        self._told_s = monotonic()
        self._before = Traffic()

    def tell(self) -> None:
        """Writes the line when it is due."""
        now_s = self._monotonic()
        if self._every_s is None or now_s - self._told_s < self._every_s:
            return
        self._told_s = now_s
        before, self._before = self._before, self._meters.traffic()
        if said := summary(before, self._before):
            _log.info("served %d requests", said.get("requests", 0), extra={"fields": said})


def summary(before: Traffic, now: Traffic) -> dict[str, object]:
    """What happened between two moments, for one line of the log; empty: nothing did."""
    found: dict[str, object] = {}
    for name, old, new in (
        ("requests", _sum(before.requests), _sum(now.requests)),
        ("records", before.records, now.records),
        ("received_bytes", before.received_bytes, now.received_bytes),
        ("sent_bytes", before.sent_bytes, now.sent_bytes),
    ):
        if new - old:
            found[name] = new - old
    for name, olds, news in (
        ("pushes", before.pushes, now.pushes),
        ("batches", before.batches, now.batches),
    ):
        if changed := {k: n - olds.get(k, 0) for k, n in news.items() if n - olds.get(k, 0)}:
            found[name] = changed
    if found:
        found["connections"] = now.connections
    return found


def _sum(counts: Mapping[tuple[str, int], int]) -> int:
    return sum(counts.values())


def _by_reason(requests: Mapping[tuple[str, int], int], route: str) -> dict[str, int]:
    """What became of the requests for a path, in words."""
    found: dict[str, int] = {}
    for (path, status), count in requests.items():
        if path == route:
            reason = _REASONS.get(status, "failed")
            found[reason] = found.get(reason, 0) + count
    return found
