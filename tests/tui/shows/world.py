"""The invented fleet, stopped on a Thursday afternoon: what the pictures of the screens show.

Stores, read model, daemon and hub are the real ones, the story is the demo's; clock and prices are the tests'
own, so that nothing but a changed screen changes a picture.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from openusage.client import DaemonClient, HubClient
from openusage.daemon.answers import Answers
from openusage.demo import MACHINES, InventedTool, Machine
from openusage.hub import Board, History, HubServer
from openusage.hub.opener import OWN
from openusage.machine import Machine as Identity
from openusage.store import Met, Run, Store
from openusage.wire.envelope import RemoteEnvelope
from openusage.wire.snapshot import DayValue, UsageSnapshot
from tests.support.processes import PATIENCE_S
from tests.tui.world import daemon_of, note, price

NOW = dt.datetime(2026, 11, 19, 15, 20, 30, tzinfo=dt.UTC)
NOW_US = int(NOW.timestamp() * 1e6)
DAYS = 70
"""Of history: two windows of thirty days and something more."""
FIXTURES = Path(__file__).parents[2] / "fixtures" / "hub"


class World(NamedTuple):
    """Who can be asked."""

    local: DaemonClient
    """The first machine's daemon."""
    fleet: HubClient
    """A hub that all machines, and one with the Go program, have told everything."""


@contextlib.contextmanager
def world(path: Path) -> Iterator[World]:
    """All of it, until the block ends."""
    with contextlib.ExitStack() as stack:
        tools = {machine.name: _tools(machine, path) for machine in MACHINES}
        local = stack.enter_context(
            daemon_of(path, [make() for make in tools[MACHINES[0].name]], now=NOW, days=DAYS, window="7d")
        )
        fleet = stack.enter_context(_hub(path, tools))
        yield World(local, fleet)


def _tools(machine: Machine, path: Path) -> list[Callable[[], InventedTool]]:
    """How to make them: one that was read once is at its end."""

    def maker(number: int) -> Callable[[], InventedTool]:
        use = machine.uses[number]
        root = path / machine.name / use.account
        root.mkdir(parents=True)
        return lambda: InventedTool(machine, use, NOW, dt.UTC, root=root, days=DAYS)

    return [maker(number) for number in range(len(machine.uses))]


@contextlib.contextmanager
def _hub(path: Path, tools: dict[str, list[Callable[[], InventedTool]]]) -> Iterator[HubClient]:
    database = path / "h.db"
    with contextlib.closing(Store.open(database, machine=OWN, price=price, now=lambda: NOW_US)) as store:
        for machine in MACHINES:
            _tell(store, machine, tools[machine.name])
    with contextlib.ExitStack() as stack:
        history = stack.enter_context(
            History(database, now=lambda: NOW, price=price, explain=note, retention_days=DAYS + 10)
        )
        board = Board(monotonic=lambda: 1000.0, now=lambda: NOW)
        server = stack.enter_context(HubServer(board, "127.0.0.1", 0, "", history=history))
        http = stack.enter_context(httpx.Client(base_url=server.url, timeout=PATIENCE_S))
        for machine in MACHINES:
            if machine.silent_minutes is None:
                _push(http, machine, [make() for make in tools[machine.name]])
        _post(http, go_push("studio"))
        client = HubClient(server.url, token="", now=lambda: NOW, timeout_s=PATIENCE_S)
        client.label = "hub http://hub.lan:9190"
        yield stack.enter_context(contextlib.closing(client))


def _tell(hub: Store, machine: Machine, tools: list[Callable[[], InventedTool]]) -> None:
    """The machine's records until it was last heard."""
    heard_us = NOW_US - (machine.silent_minutes or 0) * 60_000_000
    records = [record for make in tools for record in make().due(heard_us)]
    hub.add(records, machine=machine.id, run=Run(machine.id, 0, len(records)))
    met = Met(id=machine.id, name=machine.name, version="1.0", heard_us=heard_us, skew_us=0, backlog=0)
    hub.meet(met)


def _push(http: httpx.Client, machine: Machine, tools: list[InventedTool]) -> None:
    """Its snapshots."""
    identity = Identity(machine.id, machine.name)
    with contextlib.closing(Store.open(None, machine=identity, price=price, now=lambda: NOW_US)) as store:
        store.add([record for tool in tools for record in tool.due(NOW_US)])
        accounts = [(tool.SPEC.id, use.account) for tool, use in zip(tools, machine.uses, strict=True)]
        answers = Answers(store, accounts=lambda: accounts, links={}, now=lambda: NOW, tz="UTC")
        snapshots = list(answers.snapshots("7d").values())
    envelope = RemoteEnvelope(
        machine=machine.name, machine_id=machine.id, version="1.0", sent_at=NOW, snapshots=snapshots
    )
    _post(http, envelope)


def go_push(machine: str) -> RemoteEnvelope:
    """What a Go program really sent, as if it had been at `NOW`."""
    sent = msgspec.json.decode((FIXTURES / "push-latest.body.json").read_bytes(), type=RemoteEnvelope)
    snapshots = [_moved(snapshot, NOW - sent.sent_at) for snapshot in sent.snapshots]
    return msgspec.structs.replace(sent, machine=machine, sent_at=NOW, snapshots=snapshots)


def _moved(snapshot: UsageSnapshot, passed: dt.timedelta) -> UsageSnapshot:
    """The same at another time."""
    days = dt.timedelta(days=round(passed / dt.timedelta(days=1)))

    def later(day: DayValue) -> DayValue:
        return DayValue((dt.date.fromisoformat(day.date) + days).isoformat(), day.value)

    return msgspec.structs.replace(
        snapshot,
        timestamp=snapshot.timestamp + passed,
        resets={key: at + passed for key, at in snapshot.resets.items()},
        daily_series={key: [*map(later, series)] for key, series in snapshot.daily_series.items()},
    )


def _post(http: httpx.Client, body: object) -> None:
    http.post("/v1/push", content=msgspec.json.encode(body)).raise_for_status()
