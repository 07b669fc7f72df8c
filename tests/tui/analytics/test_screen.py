"""The analytics with keys, on a real daemon and real hubs."""

from __future__ import annotations

import pytest

from openusage.client import DaemonClient, HubClient
from openusage.settings import Dashboard, Settings
from openusage.tui.analytics.screen import AnalyticsScreen
from openusage.tui.canvas import Page
from openusage.tui.fleet.screen import FleetScreen
from openusage.tui.screens import OverviewScreen
from openusage.wire.rollups import By, Window, add
from tests.tui.world import on, sees, shown, text, wait

pytestmark = pytest.mark.timeout(90)

HIDDEN_COSTS = Settings(dashboard=Dashboard(hide_costs=True))


async def test_it_opens_from_the_tiles_and_escape_goes_back(local: DaemonClient) -> None:
    for key in ("A", "tab"):
        async with shown(local, key) as pilot:
            await sees(pilot, "WHAT CHANGED MOST")
            assert on(pilot, AnalyticsScreen)
            await pilot.press("escape")
            await pilot.pause()
            assert on(pilot, OverviewScreen)


async def test_the_sums_are_those_of_the_history(local: DaemonClient) -> None:
    whole = add(local.usage(Window("all"), (By.PROVIDER,)))
    async with shown(local, "A", window="all") as pilot:
        found = await sees(pilot, "PEAK HOURS")
        assert f"${whole.cost_nano / 1e9:.2f}" in found
        assert "before" not in found.splitlines()[4]


async def test_a_fleet_is_ranked_by_machine_too_and_compared_with_before(fleet: HubClient) -> None:
    async with shown(fleet, "A", size=(200, 60)) as pilot:
        found = await sees(pilot, "PEAK HOURS")
        for words in (
            "SPENT",
            "before $",
            "MACHINES",
            "work-laptop",
            "desktop",
            "TOOLS",
            "EFFICIENCY",
            "busiest:",
        ):
            assert words in found
        assert "(machine)" in found
        await pilot.press("escape")
        await pilot.pause()
        assert on(pilot, FleetScreen)


async def test_g_stacks_by_the_next_label_and_m_counts_something_else(fleet: HubClient) -> None:
    async with shown(fleet, "A") as pilot:
        await sees(pilot, "g: by models")
        for title in ("projects", "clients", "accounts", "machines", "tools", "models"):
            await pilot.press("g")
            await sees(pilot, f"g: by {title}")
        await pilot.press("m")
        await sees(pilot, "TOKENS BY DAY")


async def test_windows_and_any_days(local: DaemonClient) -> None:
    async with shown(local, "A") as pilot:
        await sees(pilot, "COST BY DAY")
        for name, words in (("all", "COST BY"), ("1d", "COST BY HOUR"), ("3d", "COST BY DAY")):
            await pilot.press("w")
            await sees(pilot, f"[{name}]")
            await sees(pilot, words)
        await pilot.press("d", *"2026-11-01..2026-11-15", "enter")
        await sees(pilot, "[1 Nov – 15 Nov 2026]")
        await sees(pilot, "of 15 days")


async def test_names_are_filtered_in_all_rankings(fleet: HubClient) -> None:
    async with shown(fleet, "A") as pilot:
        await sees(pilot, "PEAK HOURS") if "PEAK" in text(pilot.app) else await sees(pilot, "PROJECTS")
        await pilot.press("slash", *"opus", "enter")
        await wait(pilot, lambda: "sonnet" not in text(pilot.app))
        assert "opus" in text(pilot.app)
        await pilot.press("escape")
        await sees(pilot, "sonnet")


async def test_days_without_use_say_so(local: DaemonClient) -> None:
    async with shown(local, "A") as pilot:
        await sees(pilot, "COST BY DAY")
        await pilot.press("d", *"2025-01", "enter")
        await sees(pilot, "Nothing was used: 1 Jan – 31 Jan 2025.")


async def test_a_hub_without_a_history_says_so(plain_hub: HubClient) -> None:
    async with shown(plain_hub, "A") as pilot:
        await sees(pilot, "keeps no history")
        await pilot.press("escape")
        await pilot.pause()
        assert on(pilot, FleetScreen)


async def test_hidden_costs_stay_hidden(local: DaemonClient) -> None:
    async with shown(local, "A", settings=HIDDEN_COSTS) as pilot:
        found = await sees(pilot, "TOKENS BY DAY")
        await wait(pilot, lambda: "PEAK" in "\n".join(r.text for r in pilot.app.screen.query_one(Page).lines))
        assert "$" not in found
        assert "$" not in "\n".join(r.text for r in pilot.app.screen.query_one(Page).lines)


@pytest.mark.parametrize("size", [(40, 10), (60, 16), (80, 24), (110, 30), (200, 60)])
async def test_no_line_is_wider_than_the_screen(fleet: HubClient, size: tuple[int, int]) -> None:
    async with shown(fleet, "A", size=size) as pilot:
        page = pilot.app.screen.query_one(Page)
        await wait(pilot, lambda: any("PEAK HOURS" in line.text for line in page.lines))
        assert {line.cell_length for line in page.lines} == {size[0] - 1}
