"""The application under a test's hand: started, waited for, read as characters."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from openusage.settings import Change, Settings, applied
from openusage.tui.app import DashboardApp
from tests.tui.sample import NOW, FakeSource


class KeptSettings:
    """What was saved, in memory."""

    def __init__(self) -> None:
        self.saved: list[Settings] = []

    def save(self, change: Change) -> Settings:
        self.saved.append(applied(self.saved[-1] if self.saved else Settings(), change))
        return self.saved[-1]


def app_for(source: FakeSource, **options: object) -> DashboardApp:
    given: dict[str, object] = {"now": lambda: NOW, "tz": dt.UTC, "decode": source.decode, "refresh_s": 60}
    return DashboardApp(source, **(given | options))  # type: ignore[arg-type]


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Wait until it is so; the test's time limit ends what never comes."""
    while not condition():
        await pilot.pause(0.005)
    await pilot.pause()


@asynccontextmanager
async def running(
    source: FakeSource, size: tuple[int, int] = (120, 40), **options: object
) -> AsyncIterator[tuple[DashboardApp, Pilot[None]]]:
    """The app after its first answer."""
    app = app_for(source, **options)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: any((app.board.frame, app.board.pane, app.board.error)))
        yield app, pilot


def screen_text(app: DashboardApp) -> str:
    """The screen as characters."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
