"""Every tab of an account, a session and the analytics, as characters, at the sizes that must look good.

After a wanted change: `pytest tests/tui/test_history_pictures.py --snapshot-update`, then read the changes.
"""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from openusage.client import DaemonClient, HubClient
from openusage.tui.asking import AskingScreen
from openusage.tui.canvas import Page
from openusage.tui.detail.screen import DetailScreen
from openusage.tui.detail.tabs import Tab
from tests.tui.world import picked, sees, shown, wait

pytestmark = pytest.mark.timeout(120)

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])
TABS = {
    "1": "[1 Overview]",
    "2": "[2 Models]",
    "3": "[3 Projects]",
    "5": "[5 Tools]",
    "6": "USED OVER TIME",
    "7": "provider_id",
    "4": "LAST▼",
}
"""Key of each tab, and what is on the screen when it is there; the last one is gone on from."""


async def answered(pilot: Pilot[None]) -> None:
    """Wait until the screen has the answer to what it asks."""

    def is_there() -> bool:
        screen = pilot.app.screen
        if isinstance(screen, DetailScreen):
            is_raw = screen._look.tab is Tab.RAW
            return screen._shown_tab is screen._look.tab and (is_raw or screen.answer() is not None)
        return not isinstance(screen, AskingScreen) or screen.answer() is not None

    await wait(pilot, is_there)


async def settled(pilot: Pilot[None], words: str) -> str:
    """The screen, once the words are on it, its answer is there, and nothing moves any more."""
    await sees(pilot, words)
    await answered(pilot)
    before: list[str] = []
    while before != (now := picked(pilot.app)):
        before = now
        await pilot.pause(0.1)
    return "\n".join(now)


@SIZES
async def test_an_account_and_a_session(local: DaemonClient, snapshot: Any, size: tuple[int, int]) -> None:
    async with shown(local, "enter", size=size) as pilot:
        for key, words in TABS.items():
            await pilot.press(key)
            if key == "7":  # all metrics there are would tell of every new one
                await sees(pilot, words)
                await pilot.press("slash", *"5h_block", "enter")
                words = "5h_block_cost"
            assert await settled(pilot, words) == snapshot(name=f"tab {key}")
            assert {strip.cell_length for strip in pilot.app.screen._compositor.render_strips()} == {size[0]}
        await pilot.press("enter")
        assert await settled(pilot, "WHY THIS COST") == snapshot(name="session")


@SIZES
async def test_the_analytics_of_a_fleet(fleet: HubClient, snapshot: Any, size: tuple[int, int]) -> None:
    async with shown(fleet, "A", size=size) as pilot:
        page = pilot.app.screen.query_one(Page)
        await wait(pilot, lambda: any("PEAK HOURS" in line.text for line in page.lines))
        whole = [
            *(await settled(pilot, "SPENT")).splitlines()[:6],
            *(line.text.rstrip() for line in page.lines),
        ]
        assert "\n".join(whole) == snapshot(name="analytics")
