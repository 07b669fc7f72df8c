"""The screens as pictures, compared by their SVG: the three sizes that must look good, and one detail.

After a wanted change: `pytest tests/tui/test_pictures.py --snapshot-update`, then look at them.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from openusage.settings import Dashboard, Settings
from openusage.tui.app import DashboardApp
from tests.tui.fleet.sample import FakeFleet, pane
from tests.tui.sample import FLEET, LOCAL, NOW, FakeSource


@pytest.fixture(scope="session")
def picture_folder() -> str:
    """Where the plugin puts what it compares, as it told before any test changed the environment."""
    return os.environ["TEXTUAL_SNAPSHOT_TEMPDIR"]


@pytest.fixture(autouse=True)
def _kept_folder(picture_folder: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The empty environment of every test takes the plugin's variable away too."""
    monkeypatch.setenv("TEXTUAL_SNAPSHOT_TEMPDIR", picture_folder)


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


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])
@pytest.mark.parametrize("view", ["stacked", "tabs", "split", "compare"])
def test_view(snap_compare: Any, view: str, size: tuple[int, int]) -> None:
    """The second account, of this machine or of a hub."""
    is_hub = size != (80, 24)
    source = FakeSource(FLEET if is_hub else LOCAL, hub=is_hub)
    key = "down" if view in ("split", "stacked") else "right"
    assert snap_compare(dashboard(source, view), terminal_size=size, run_before=settled(key))


@pytest.mark.parametrize(("size", "tab"), [((80, 24), "1"), ((120, 40), "2"), ((200, 60), "6")])
def test_settings(snap_compare: Any, size: tuple[int, int], tab: str) -> None:
    keys = ("comma", tab, "down")
    assert snap_compare(dashboard(FakeSource(LOCAL)), terminal_size=size, run_before=settled(*keys))
