"""`GET /metrics`: how the hub is, for Prometheus. The client library makes the text, in a thread.

Series are bounded: a few a path, provider and machine (1,000 at most), none a project, session, model or
account. What is summed from the history is about a minute old: asking costs the same whatever the hub
keeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from openusage import __version__
from openusage.errors import StoreError
from openusage.format import printable
from openusage.hub.board import free_name
from openusage.hub.history import History, Unavailable
from openusage.hub.machines import NOTHING, Kept, Roll, ask_kept
from openusage.hub.meters import Traffic
from openusage.store import Answers
from openusage.wire.events import EventKind
from openusage.wire.fleet import MachineState, State
from openusage.wire.rollups import By, Filter, Rollup, Window

if TYPE_CHECKING:
    from prometheus_client import Metric

MOST_MACHINES = 1000
"""Machines with series of their own: those heard last."""
DEAREST = 200
"""Machines whose cost has a series."""
MOST_PROVIDERS = 50
FIGURES_S = 60.0
"""So old may be what is summed from the history."""
_NAME_LENGTH = 100


class Figures(NamedTuple):
    """What is summed from the history."""

    kept: Kept
    names: dict[str, str]
    """Id in the store -> name as shown."""
    by_provider: Sequence[Rollup]
    by_machine: Sequence[Rollup]


class Fleet:
    """The figures, asked from the history when they are asked for and old. Belongs to one event loop."""

    def __init__(self, history: History | None, roll: Roll, monotonic: Callable[[], float]) -> None:
        self._history = history
        self._roll = roll
        self._monotonic = monotonic
        self._figures = Figures(NOTHING, {}, (), ())
        self._state = ""
        self._asked_s = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def figures(self) -> Figures:
        """Those there are; old ones are renewed behind the answer. The first time it waits for them."""
        history = self._history
        if history is None:
            return self._figures
        is_due = self._monotonic() - self._asked_s >= FIGURES_S and history.state() != self._state
        if is_due and self._asking is None:
            self._asking = asyncio.create_task(self._renew(history))
        if not self._state and self._asking is not None:
            await asyncio.shield(self._asking)
        return self._figures

    async def _renew(self, history: History) -> None:
        self._asked_s = self._monotonic()
        state = history.state()
        try:
            self._figures = await history.ask(self._ask)
            self._state = state
        except (Unavailable, StoreError):
            pass  # `openusage_hub_history_writable` and /readyz tell; the last figures stay
        finally:
            self._asking = None

    def _ask(self, ask: Answers) -> Figures:
        messages = Filter(kinds=(EventKind.MESSAGE,))
        kept = ask_kept(ask)
        return Figures(
            kept,
            self._roll.names(kept),
            ask.usage(Window("all"), (By.PROVIDER,), messages),
            ask.usage(Window("all"), (By.MACHINE,), messages),
        )


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is told, taken at one moment."""

    traffic: Traffic
    turned_away: dict[str, int]
    """By which limit."""
    auth_failures: dict[str, int]
    machines: list[MachineState]
    figures: Figures
    store_bytes: dict[str, int]
    writable: bool
    queued_writes: int
    started_at_s: float
    certificate_ends_s: float | None = None


def render(seen: Seen, accept: str) -> tuple[bytes, str]:
    """(body, content type), by the client library. For 1,000 machines some ten milliseconds."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(seen))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Told:
    """A collector, as the client library wants one."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        yield from _of_requests(self._seen)
        yield from _of_machines(self._seen)
        yield from _of_usage(self._seen)
        yield from _of_store(self._seen)


def _of_requests(seen: Seen) -> Iterator[Metric]:
    from prometheus_client.core import HistogramMetricFamily

    traffic = seen.traffic
    yield _counter(
        "requests",
        "Requests by path and HTTP status; 499: the sender left before the answer.",
        {(path, str(status)): n for (path, status), n in traffic.requests.items()},
        ("path", "code"),
    )
    yield _counter("pushes", "Pushes of snapshots, by what became of them.", traffic.pushes, ("result",))
    yield _counter(
        "record_batches", "Batches of records, by what became of them.", traffic.batches, ("result",)
    )
    yield _counter("records", "Records in batches that were taken.", traffic.records)
    latencies = HistogramMetricFamily(
        _NAMESPACE + "request_seconds", "Until an answer began, by path.", labels=("path",)
    )
    for path, (buckets, total_s) in sorted(traffic.latencies.items()):
        latencies.add_metric((path,), buckets, total_s)
    yield latencies
    yield _gauge(
        "requests_in_progress", "Requests under way, streams among them.", traffic.under_way, ("path",)
    )
    yield _counter("received_bytes", "Bytes received on all connections.", traffic.received_bytes)
    yield _counter("sent_bytes", "Bytes of the bodies of answers.", traffic.sent_bytes)
    yield _gauge("connections", "Open connections.", traffic.connections)
    over = seen.turned_away | {"all_connections": traffic.crowded_out}
    yield _counter("turned_away", "Requests and connections over a limit, by which.", over, ("limit",))
    yield _counter("auth_failures", "Requests that were not let in, by why.", seen.auth_failures, ("reason",))


def _of_machines(seen: Seen) -> Iterator[Metric]:
    states: dict[str, int] = dict.fromkeys((str(s) for s in State), 0)
    for machine in seen.machines:
        states[machine.state] += 1
    yield _gauge("machines", "Machines by how long ago they were heard.", states, ("state",))
    waiting = sum(machine.backlog or 0 for machine in seen.machines)
    yield _gauge("backlog_records", "Records that wait on the machines, as they said last.", waiting)
    newest = sorted(seen.machines, key=lambda m: m.last_seen, reverse=True)[:MOST_MACHINES]
    labels = _labels([m.name for m in newest])
    yield _gauge(
        "machine_last_seen_timestamp_seconds",
        "When a machine was heard last; the 1,000 heard last.",
        {labels[m.name]: m.last_seen.timestamp() for m in newest},
        ("machine",),
    )
    names = seen.figures.names
    rows = {names.get(row.key[By.MACHINE] or "", ""): row for row in seen.figures.by_machine}
    costs = [(rows[m.name].cost_nano / 1e9, labels[m.name]) for m in newest if m.name in rows]
    yield _gauge(
        "machine_cost_dollars",
        "Cost of all messages that count for a machine; the 200 dearest of those heard last.",
        {label: cost for cost, label in sorted(costs, reverse=True)[:DEAREST]},
        ("machine",),
    )


def _of_usage(seen: Seen) -> Iterator[Metric]:
    rows = sorted(seen.figures.by_provider, key=lambda r: r.events, reverse=True)
    names = [row.key[By.PROVIDER] or "unknown" for row in rows[:MOST_PROVIDERS]]
    labels = _labels(names)
    tokens: dict[tuple[str, str], float] = {}
    sums: dict[str, list[float]] = {}
    for number, row in enumerate(rows):
        label = labels[names[number]] if number < MOST_PROVIDERS else "other"
        for kind in _TOKENS:
            tokens[label, kind] = tokens.get((label, kind), 0.0) + getattr(row, kind)
        so_far = sums.setdefault(label, [0.0, 0.0, 0.0])
        for place, value in enumerate((row.cost_nano / 1e9, row.events, row.unpriced_events)):
            so_far[place] += value
    yield _gauge("tokens", "Tokens of all messages.", tokens, ("provider", "kind"))
    for place, (name, text) in enumerate(
        (
            ("cost_dollars", "Cost of all messages that have a price."),
            ("messages", "Messages, each counted once."),
            ("unpriced_messages", "Messages without any price."),
        )
    ):
        yield _gauge(name, text, {label: found[place] for label, found in sums.items()}, ("provider",))


def _of_store(seen: Seen) -> Iterator[Metric]:
    events = sum(machine.events for machine in seen.figures.kept.machines.values())
    yield _gauge("history_events", "Events that are in the history or its sums.", events)
    yield _gauge("history_bytes", "Size of the database, by file.", seen.store_bytes, ("file",))
    yield _gauge("history_writable", "1 while records can be stored for good.", int(seen.writable))
    yield _gauge("history_queue", "Writes that wait.", seen.queued_writes)
    yield _gauge("start_time_seconds", "When this hub was started.", seen.started_at_s)
    yield _gauge("build_info", "Always 1; the label says what runs.", {__version__: 1}, ("version",))
    if seen.certificate_ends_s is not None:
        yield _gauge(
            "certificate_expiry_timestamp_seconds",
            "When the certificate ends.",
            seen.certificate_ends_s,
        )


_NAMESPACE = "openusage_hub_"
_TOKENS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning")
Values: TypeAlias = float | Mapping[str, float] | Mapping[tuple[str, str], float]
"""One without labels, or those of one or two labels."""


def _counter(name: str, text: str, values: Values, labels: Sequence[str] = ()) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(_NAMESPACE + name, text, labels=labels)
    for key, value in _pairs(values):
        family.add_metric(key, value)
    return family


def _gauge(name: str, text: str, values: Values, labels: Sequence[str] = ()) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(_NAMESPACE + name, text, labels=labels)
    for key, value in _pairs(values):
        family.add_metric(key, value)
    return family


def _pairs(values: Values) -> Iterator[tuple[tuple[str, ...], float]]:
    if not isinstance(values, Mapping):
        yield (), values
        return
    for key, value in values.items():
        yield (key,) if isinstance(key, str) else key, value


def _labels(names: Sequence[str]) -> dict[str, str]:
    """Names of peers as labels: printable, not endless, and still all different."""
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        if name not in labels:
            labels[name], _ = free_name(printable(name[:_NAME_LENGTH]), taken.__contains__)
            taken.add(labels[name])
    return labels
