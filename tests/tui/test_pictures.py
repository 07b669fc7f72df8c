"""Screens of invented accounts that have everything at once: errors, wide names, unpriced models.

The screens of the demo are in `shows/`.

After a wanted change: `pytest tests/tui/test_pictures.py --snapshot-update`, then look at them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from openusage.settings import Dashboard, Settings
from openusage.tui.app import DashboardApp
from tests.tui.fleet.sample import FakeFleet, pane
from tests.tui.sample import FLEET, LOCAL, NOW, FakeSource


def settled(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Wait for the first answer, then press keys."""

    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, DashboardApp)
        while app.board.frame is None and app.board.pane is None:
            await pilot.pause(0.005)
        await pilot.press(*keys)
        await pilot.pause()

    return run


def dashboard(source: FakeSource, view: str = "grid") -> DashboardApp:
    settings = Settings(dashboard=Dashboard(view=view))  # type: ignore[arg-type]
    return DashboardApp(source, settings=settings, now=lambda: NOW, tz=dt.UTC, decode=source.decode)


@pytest.mark.parametrize(
    ("size", "hub"),
    [((80, 24), False), ((120, 40), True), ((200, 60), True)],
    ids=["80x24", "120x40", "200x60"],
)
def test_overview(snap_compare: Any, size: tuple[int, int], hub: bool) -> None:
    source = FakeSource(FLEET if hub else LOCAL, hub=hub)
    assert snap_compare(dashboard(source), terminal_size=size, run_before=settled())


@pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (200, 60), (60, 16)], ids=["80x24", "120x40", "200x60", "60x16"]
)
def test_fleet(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(FakeFleet(pane())), terminal_size=size, run_before=settled())


def test_detail(snap_compare: Any) -> None:
    assert snap_compare(dashboard(FakeSource(LOCAL)), terminal_size=(120, 40), run_before=settled("enter"))
