"""The fleet screen with keys and mouse, on a hub whose answers the test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from openusage.errors import PeerUnreachable
from openusage.tui.app import DashboardApp
from openusage.tui.fleet.rows import Rows
from openusage.tui.fleet.screen import FleetScreen
from openusage.tui.screens import OverviewScreen
from openusage.wire.pane import GROUPS
from openusage.wire.rollups import By
from tests.tui.fleet.sample import FakeFleet, crowd, pane, row
from tests.tui.test_app import app_for, screen_text


@asynccontextmanager
async def running(
    hub: FakeFleet, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[DashboardApp, Pilot[None]]]:
    app = app_for(hub)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.board.pane is not None or app.board.error is not None)
        yield app, pilot


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    while not condition():
        await pilot.pause(0.005)
    await pilot.pause()


def selected(app: DashboardApp) -> str:
    found = app.screen.query_one(Rows).chosen
    return (found.label or "") if found is not None else ""


async def test_a_hub_opens_on_its_fleet_and_nothing_else_is_fetched() -> None:
    hub = FakeFleet(pane())
    async with running(hub) as (app, _):
        found = screen_text(app)
        assert isinstance(app.screen, FleetScreen)
        for text in ("● work-laptop", "◐ build-1", "○ ci", "COST BY DAY", "ACCOUNTS", "$212.40"):
            assert text in found
        assert "hub http://hub.lan:9190 · 7 machine snapshots" in found
        assert "build-1's clock is 6 m ahead of the hub's." in found
        assert "412 events were on more than one machine and are counted once" in found
        assert hub.windows == []


async def test_windows_and_groups_are_asked_from_the_hub() -> None:
    hub = FakeFleet(pane(window="30d"))
    async with running(hub) as (app, pilot):
        await pilot.press("w")
        await until(pilot, lambda: hub.asked[-1][0] == "all")
        for group in [*GROUPS[1:], GROUPS[0]]:
            await pilot.press("g")
            await until(pilot, lambda group=group: hub.asked[-1][1] is group)  # type: ignore[misc]
            await until(pilot, lambda group=group: app.board.pane.group is group)  # type: ignore[misc, union-attr]
            assert f"Rows by {group}." in screen_text(app)


async def test_what_was_asked_before_the_last_key_is_not_shown() -> None:
    hub = FakeFleet(pane())
    async with running(hub) as (app, pilot):
        app.board.group = By.MODEL
        app.post_message(app.Polled(app._poller.poll()))
        await pilot.pause()
        assert app.board.pane is not None
        assert app.board.pane.group is By.MACHINE


async def test_selection_and_order_stay_over_a_refresh() -> None:
    hub = FakeFleet(pane())
    async with running(hub) as (app, pilot):
        await pilot.press("down", "j")
        assert selected(app) == "build-1"
        hub.said = pane(rows=[row("build-1", 90.0, 900.0), row("desktop", 1.0, 2.0), row("new", 3.0, 4.0)])
        await pilot.press("r")
        await until(pilot, lambda: "new" in screen_text(app))
        assert selected(app) == "build-1"
        await pilot.press("s", "s", "S")
        assert "Sorted by name, reversed." in screen_text(app)
        await pilot.press("home")
        assert selected(app) == "new"


async def test_enter_opens_the_machines_tiles_and_escape_comes_back() -> None:
    hub = FakeFleet(pane())
    async with running(hub) as (app, pilot):
        await pilot.press("down", "enter")
        await until(pilot, lambda: type(app.screen) is OverviewScreen)
        await until(pilot, lambda: bool(app.board.accounts))
        assert {a.sections.machine for a in app.board.visible()} == {"desktop"}
        await pilot.press("escape")
        await until(pilot, lambda: type(app.screen) is FleetScreen)
        assert selected(app) == "desktop"
        await pilot.press("v")
        await until(pilot, lambda: type(app.screen) is OverviewScreen)
        await until(pilot, lambda: len(app.board.visible()) == len(hub.accounts))


async def test_a_filter_narrows_the_rows() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.press("slash", *"stale")
        assert "build-1" in screen_text(app)
        assert "● desktop" not in screen_text(app)
        await pilot.press("x", "enter")
        assert "No row matches" in screen_text(app)
        await pilot.press("escape")
        assert app.screen.query_one("#filter", Input).value == ""
        assert "● desktop" in screen_text(app)


async def test_costs_give_way_to_tokens() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.press("m")
        assert "TOKENS BY DAY" in screen_text(app)
        await pilot.press("m", "c")
        assert "costs: hide" in screen_text(app)
        assert "$" not in screen_text(app)


async def test_a_hub_that_is_away_keeps_its_last_fleet_with_its_age() -> None:
    hub = FakeFleet(pane())
    async with running(hub) as (app, pilot):
        hub.error = PeerUnreachable("hub.lan:9190 does not answer (connection refused).")
        await pilot.press("r")
        await until(pilot, lambda: app.board.error is not None)
        found = screen_text(app)
        assert "! hub.lan:9190 does not answer (connection refused)." in found
        assert "old. Trying again in" in found
        assert "● work-laptop" in found
        hub.error = None
        await pilot.press("r")
        await until(pilot, lambda: app.board.error is None)
        assert "does not answer" not in screen_text(app)


@pytest.mark.parametrize("text", ["No machine has pushed yet.", "Set export.target"])
async def test_before_any_machine_it_says_what_to_do(text: str) -> None:
    async with running(FakeFleet(pane(rows=[], known={}, accounts=[]))) as (app, _):
        assert text in screen_text(app)


async def test_a_hub_without_history_says_so() -> None:
    async with running(FakeFleet(pane(history=False))) as (app, _):
        assert "This hub keeps no history" in screen_text(app)


@pytest.mark.parametrize("size", [(40, 10), (60, 16), (80, 24), (120, 40), (200, 60)])
async def test_any_size_and_back(size: tuple[int, int]) -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: app.screen.size == size)
        assert "● desktop" in screen_text(app)
        assert {strip.cell_length for strip in app.screen._compositor.render_strips()} == {size[0]}
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "COST BY DAY" in screen_text(app))


async def test_five_hundred_machines_scroll_to_the_selected_one() -> None:
    async with running(FakeFleet(crowd(500))) as (app, pilot):
        await pilot.press("end")
        assert selected(app) == "machine-000"
        assert "machine-000" in screen_text(app)
        await pilot.press("pageup", "home")
        assert selected(app) == "machine-499"
        rows = app.screen.query_one(Rows)
        await pilot.click(Rows, offset=(5, 3))
        assert selected(app) == "machine-497"
        await pilot.click(Rows, offset=(5, 3), times=2)
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        assert rows.chosen is not None


async def test_a_clock_that_ticks_while_a_screen_is_being_made_does_no_harm() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        app.push_screen(OverviewScreen())
        app.tick()
        await until(pilot, lambda: type(app.screen) is OverviewScreen and app.screen.is_mounted)
        app.tick()
        assert "openusage" in screen_text(app)


async def test_the_help_lists_the_keys_of_the_fleet() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.press("question_mark")
        found = screen_text(app)
        for text in ("sort by window", "rows by machine", "tiles of all machines", "cost or tokens"):
            assert text in found


def test_a_pane_is_a_value() -> None:
    assert msgspec.json.decode(msgspec.json.encode(pane()), type=type(pane())) == pane()
