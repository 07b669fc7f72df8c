"""A real daemon on its socket, and a real hub on its port, with an invented history that ends at `NOW`.

What was used is the demo's. Prices are the tests' own, so that a new edition of ours changes no picture.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from openusage.client import DaemonClient, HubClient
from openusage.daemon.config import Config
from openusage.daemon.run import Daemon
from openusage.demo import MACHINES, InventedTool
from openusage.hub import Board, History, HubServer
from openusage.machine import Machine
from openusage.settings import Dashboard, Settings
from openusage.store import Store
from openusage.tui.app import DashboardApp
from openusage.wire.envelope import RemoteEnvelope
from openusage.wire.events import UsageEvent
from openusage.wire.sessions import Part, PriceNote, price_parts
from tests.support.processes import PATIENCE_S, until
from tests.tui.sample import NOW
from tools.genfleet import Invented, send

DAYS = 75
"""Of history: two windows of thirty days and something more."""
SHOWN_COSTS = Settings(dashboard=Dashboard(hide_costs=False))
UNPRICED = "claude-haiku-4-5"
_RATES = {"claude-opus-4-6": (5, 25), "claude-sonnet-4-5": (3, 15)}
"""USD for a million tokens read and written."""


class Price(msgspec.Struct, frozen=True):
    """As a price book has it."""

    nano: int
    version: str


def note(event: UsageEvent) -> PriceNote | None:
    """Why a message costs what it does; one model has no price."""
    model = event.model or ""
    if model.startswith(UNPRICED):
        return None
    read, written = _RATES.get(model, (1, 10))
    tokens, pico = event.tokens, 1_000_000
    parts = price_parts(
        [
            (Part.INPUT, tokens.input or 0, read * pico),
            (Part.OUTPUT, tokens.output or 0, written * pico),
            (Part.CACHE_READ, tokens.cache_read or 0, read * pico // 10),
            (Part.CACHE_WRITE_5M, tokens.cache_write_5m or 0, read * pico * 5 // 4),
            (Part.CACHE_WRITE_1H, tokens.cache_write_1h or 0, read * pico * 2),
            (Part.REASONING, tokens.reasoning or 0, written * pico),
        ]
    )
    return PriceNote(
        vendor="anthropic",
        model=model,
        match="exact",
        estimated=False,
        version="tests/1",
        since="2026-02-05",
        prompt_tokens=tokens.prompt,
        parts=parts,
    )


def price(event: UsageEvent) -> Price | None:
    """What `note` explains."""
    why = note(event)
    return None if why is None else Price(why.cost_nano, why.version)


def _tools(root: Path, machine: int) -> list[InventedTool]:
    chosen = MACHINES[machine]
    found = []
    for use in chosen.uses:
        folder = root / chosen.name / use.account
        folder.mkdir(parents=True)
        found.append(InventedTool(chosen, use, NOW, dt.UTC, root=folder, days=DAYS))
    return found


@contextlib.contextmanager
def daemon_of(
    path: Path, tools: list[InventedTool], *, now: dt.datetime = NOW, days: int = DAYS, window: str = "30d"
) -> Iterator[DaemonClient]:
    """The first machine's daemon with these tools, once it has read everything."""
    database, socket = path / "d.db", path / "d.sock"
    identity = Machine(MACHINES[0].id, MACHINES[0].name)
    store = Store.open(database, machine=identity, price=price, now=lambda: int(now.timestamp() * 1e6))
    config = Config(
        home=path,
        environ={},
        socket=socket,
        database=database,
        machine=identity.name,
        tz="UTC",
        retention_days=days + 10,
        window=window,
        offline=True,
        spool=path / "hook-spool",
    )
    providers: list[Any] = list(tools)
    running = Daemon(config, store, providers, now=lambda: now, explain=note)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        assert running.wait_serving(PATIENCE_S)
        with contextlib.closing(DaemonClient(socket, now=lambda: now, timeout_s=PATIENCE_S)) as client:
            until(lambda: client.status().first_read_done, "the first read is through")
            yield client
    finally:
        running.stop()
        thread.join(PATIENCE_S)


@contextlib.contextmanager
def daemon(path: Path) -> Iterator[DaemonClient]:
    """The first machine's daemon with what the demo's tools used there."""
    with daemon_of(path, _tools(path, 0)) as client:
        yield client


@contextlib.contextmanager
def hub(path: Path, *, with_history: bool = True) -> Iterator[HubClient]:
    """A hub that three machines told everything; `with_history=False`: it has their snapshots only."""
    with contextlib.ExitStack() as stack:
        history = None
        if with_history:
            history = stack.enter_context(
                History(path / "h.db", now=lambda: NOW, price=price, explain=note, retention_days=DAYS + 10)
            )
        board = Board(monotonic=lambda: 1000.0, now=lambda: NOW)
        server = stack.enter_context(HubServer(board, "127.0.0.1", 0, "", history=history))
        http = stack.enter_context(httpx.Client(base_url=server.url, timeout=PATIENCE_S))
        local = path / "local"
        local.mkdir()
        if with_history:
            for at, machine in enumerate(MACHINES[:3]):
                records = [r for tool in _tools(path, at) for r in tool.due(int(NOW.timestamp() * 1e6))]
                send(http, Invented(machine.name, machine.id, at), records, NOW)
        with daemon(local) as first:
            said = list(first.fetch("30d").snapshots.values())
        envelope = RemoteEnvelope(
            machine=MACHINES[0].name,
            machine_id=MACHINES[0].id,
            version="1.0",
            sent_at=NOW,
            snapshots=said,
        )
        http.post("/v1/push", content=msgspec.json.encode(envelope)).raise_for_status()
        client = HubClient(server.url, token="", now=lambda: NOW, timeout_s=PATIENCE_S)
        yield stack.enter_context(contextlib.closing(client))


def picked(app: App[None]) -> list[str]:
    """The lines of the screen as characters."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def text(app: App[None]) -> str:
    return "\n".join(picked(app))


async def wait(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Until it is so; the test's time limit ends what never comes."""
    while not condition():
        await pilot.pause(0.01)
    await pilot.pause()


async def sees(pilot: Pilot[None], words: str) -> str:
    """The screen, once the words are on it."""
    await wait(pilot, lambda: words in text(pilot.app))
    return text(pilot.app)


def on(pilot: Pilot[None], kind: type[Screen[None]]) -> bool:
    """Whether such a screen is on top."""
    return isinstance(pilot.app.screen, kind)


@contextlib.asynccontextmanager
async def shown(
    source: DaemonClient | HubClient, *keys: str, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[Pilot[None]]:
    """The application on a source that outlives it, after its first answer and these keys."""
    given: dict[str, Any] = {"window": "30d", "refresh_s": 600.0, "now": lambda: NOW, "tz": dt.UTC}
    given |= {"history": source, "settings": SHOWN_COSTS}
    app = DashboardApp(lent(source), **(given | options))
    async with app.run_test(size=size) as pilot:
        await wait(pilot, lambda: app.board.frame is not None or app.board.pane is not None)
        if keys:
            await pilot.press(*keys)
        yield pilot


class _Lent:
    """A source that the application may close."""

    def __init__(self, source: DaemonClient | HubClient) -> None:
        self.label = "hub http://hub.lan:9190" if source.is_hub else source.label
        self.is_hub = source.is_hub
        self.fetch = source.fetch

    def close(self) -> None:
        """Its owner does."""


def lent(source: DaemonClient | HubClient) -> _Lent:
    """What the application may close without ending the source."""
    return _LentHub(source) if isinstance(source, HubClient) else _Lent(source)


class _LentHub(_Lent):
    def __init__(self, source: DaemonClient | HubClient) -> None:
        super().__init__(source)
        self.pane = source.pane
