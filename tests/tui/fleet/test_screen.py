"""The fleet screen with keys and mouse, on a hub whose answers the test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from openusage.errors import PeerUnreachable
from openusage.tui.app import DashboardApp
from openusage.tui.fleet.rows import Rows
from openusage.tui.fleet.screen import FleetScreen
from openusage.tui.screens import OverviewScreen
from openusage.wire.pane import GROUPS, PaneTotals, Used
from openusage.wire.rollups import By
from tests.tui.fleet.sample import FakeFleet, account, crowd, pane, row
from tests.tui.pilots import app_for, screen_text
from tests.tui.sample import NOW, later


@asynccontextmanager
async def running(
    hub: FakeFleet, size: tuple[int, int] = (120, 40), **options: object
) -> AsyncIterator[tuple[DashboardApp, Pilot[None]]]:
    app = app_for(hub, **options)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.board.pane is not None or app.board.error is not None)
        yield app, pilot


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    while not condition():
        await pilot.pause(0.005)
    await pilot.pause()


def rows(app: DashboardApp, which: str = "#rows") -> Rows:
    return app.screen.query_one(which, Rows)


def selected(app: DashboardApp, which: str = "#rows") -> str:
    """The name on the marked line of the rows, or of the accounts."""
    widget = rows(app, which)
    lines = [widget.render_line(y).text for y in range(widget.size.height)]
    marked = [line for line in lines if line.startswith("▌")]
    return marked[0].lstrip("▌ ●◐○").split("  ")[0].strip() if marked else ""


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
            assert f"g group: {group}" in screen_text(app)


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
        await pilot.press("h", "h", "S")
        assert "MACHINE▼" in screen_text(app)
        assert "s sort: name ▼" in screen_text(app)
        await pilot.press("home")
        assert selected(app) == "new"
        asked = len(hub.asked)
        await pilot.press("r")
        await until(pilot, lambda: len(hub.asked) > asked)
        assert "MACHINE▼" in screen_text(app)


async def test_a_refresh_leaves_a_long_table_where_it_was_scrolled_to() -> None:
    hub = FakeFleet(crowd(200))
    async with running(hub, size=(80, 24)) as (app, pilot):
        await pilot.press("pagedown", "pagedown", "up")
        before, name = rows(app).scroll_y, selected(app)
        assert before > 0
        hub.said = msgspec.structs.replace(crowd(200), snapshots=999)
        await pilot.press("r")
        await until(pilot, lambda: "999 machine snapshots" in screen_text(app))
        assert (rows(app).scroll_y, selected(app)) == (before, name)


async def test_keys_that_order_move_no_line() -> None:
    """What was chosen is told where the keys are; nothing pushes the rows away under the eyes."""
    async with running(FakeFleet(pane())) as (app, pilot):
        before = rows(app).region
        for key in ("s", "S", "h", "l", "m", "m"):
            await pilot.press(key)
            assert rows(app).region == before


async def test_an_order_that_models_do_not_have_waits_for_the_machines() -> None:
    hub = FakeFleet(pane())
    async with running(hub) as (app, pilot):
        await pilot.press("s")
        assert "s sort: limit ▼" in screen_text(app)
        await pilot.press("g")
        await until(pilot, lambda: app.board.pane is not None and app.board.pane.group is By.PROVIDER)
        assert "s sort: 30 days ▼" in screen_text(app)
        for _ in GROUPS[1:]:
            await pilot.press("g")
        await until(pilot, lambda: app.board.pane is not None and app.board.pane.group is By.MACHINE)
        assert "s sort: limit ▼" in screen_text(app)


async def test_keys_that_come_at_once_reach_what_they_are_for() -> None:
    """As from a terminal's buffer: nothing happens between them."""
    async with running(FakeFleet(pane())) as (app, _):
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        screen.action_accounts()
        assert screen.focused is rows(app, "#accounts")
        screen.action_accounts()
        assert screen.focused is rows(app)


async def test_a_click_on_the_head_orders_and_a_second_one_turns_round() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        x = rows(app).render_line(0).text.index("TODAY") + 2
        await pilot.click("#rows", offset=(x, 0))
        assert "▼TODAY" in screen_text(app)
        await pilot.click("#rows", offset=(x, 0))
        assert "▲TODAY" in screen_text(app)
        share = rows(app).render_line(0).text.index("SHARE")
        await pilot.click("#rows", offset=(share, 0))
        assert "▲TODAY" in screen_text(app)


async def test_enter_opens_the_machines_tiles_and_escape_comes_back() -> None:
    hub = FakeFleet(pane())
    async with running(hub) as (app, pilot):
        await pilot.press("down", "enter")
        await until(pilot, lambda: type(app.screen) is OverviewScreen)
        await until(pilot, lambda: bool(app.board.accounts))
        assert {a.sections.machine for a in app.board.visible()} == {"desktop"}
        assert "openusage › desktop" in screen_text(app)
        asked, fetched = len(hub.asked), len(hub.windows)
        await pilot.press("r")
        await until(pilot, lambda: len(hub.windows) > fetched)
        assert len(hub.asked) == asked  # what is not on the screen is not asked for
        await pilot.press("escape")
        await until(pilot, lambda: type(app.screen) is FleetScreen)
        await until(pilot, lambda: len(hub.asked) > asked)
        assert selected(app) == "desktop"
        await pilot.press("v")
        await until(pilot, lambda: type(app.screen) is OverviewScreen)
        await until(pilot, lambda: len(app.board.visible()) == len(hub.accounts))


async def test_escape_clears_the_filter_of_tiles_before_it_goes_back() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: bool(app.board.accounts))
        await pilot.press("slash", *"codex", "enter", "escape")
        assert type(app.screen) is OverviewScreen
        assert app.board.filter == ""
        await pilot.press("escape")
        await until(pilot, lambda: type(app.screen) is FleetScreen)


async def test_a_model_opens_the_tiles_that_used_it() -> None:
    models = [row("gpt-5.1-codex", 1.0, 9.0), row("claude-opus-4-6", 1.0, 2.0), row(None, 1.0, 1.0)]
    hub = FakeFleet(pane(rows=models, known={}))
    async with running(hub) as (app, pilot):
        for _ in range(3):
            await pilot.press("g")
        await until(pilot, lambda: app.board.pane is not None and app.board.pane.group is By.MODEL)
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.board.visible()))
        assert {a.sections.provider_id for a in app.board.visible()} == {"codex"}
        await pilot.press("escape")
        await until(pilot, lambda: type(app.screen) is FleetScreen)
        await pilot.press("end", "enter")
        assert isinstance(app.screen, FleetScreen)
        assert "This line is a sum: it has no tiles of its own." in screen_text(app)


async def test_a_machine_that_is_gone_has_no_tiles_and_says_since_when() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.press("end", "enter")
        await until(pilot, lambda: bool(app.board.accounts))
        assert "ci was last heard 3 days ago: its tiles have left." in screen_text(app)


async def test_a_goes_to_the_accounts_and_enter_opens_their_tiles() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.press("a", "j")
        assert selected(app, "#accounts") == "Codex plus"
        assert "a rows" in screen_text(app)
        await pilot.press("home", "enter")
        await until(pilot, lambda: bool(app.board.accounts))
        shown = {(a.sections.machine, a.sections.provider_id) for a in app.board.visible()}
        assert shown == {("work-laptop", "claude_code")}
        assert "openusage › Claude Code max" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        await until(pilot, lambda: app.focused is rows(app, "#accounts"))
        await pilot.press("escape")
        assert app.focused is rows(app)
        await pilot.press("a", "a")
        assert app.focused is rows(app)


async def test_many_accounts_scroll_and_have_more_room_while_they_have_the_keys() -> None:
    many = [account(f"Tool {n:02}", float(99 - n), f"m{n}", account=f"t{n}") for n in range(40)]
    async with running(FakeFleet(pane(accounts=many)), size=(80, 24)) as (app, pilot):
        usual = rows(app, "#accounts").size.height
        await pilot.press("a")
        await until(pilot, lambda: rows(app, "#accounts").size.height > usual)
        await pilot.press("end")
        assert selected(app, "#accounts").startswith("Tool 39")
        await pilot.press("a")
        await until(pilot, lambda: rows(app, "#accounts").size.height == usual)


async def test_accounts_that_vanish_give_the_keys_back() -> None:
    hub = FakeFleet(pane())
    async with running(hub) as (app, pilot):
        await pilot.press("a")
        hub.said = pane(accounts=[])
        await pilot.press("r")
        await until(pilot, lambda: "ACCOUNTS" not in screen_text(app))
        await pilot.press("down")
        assert selected(app) == "desktop"
        await pilot.press("a")
        assert app.focused is rows(app)


async def test_help_over_the_fleet_asks_for_no_snapshots() -> None:
    hub = FakeFleet(pane())
    async with running(hub) as (app, pilot):
        await pilot.press("question_mark")
        asked = len(hub.asked)
        app.action_refresh()
        await until(pilot, lambda: len(hub.asked) > asked)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        assert hub.windows == []


async def test_a_filter_narrows_the_rows() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.press("slash", *"stale")
        assert "build-1" in screen_text(app)
        assert "● desktop" not in screen_text(app)
        await pilot.press("x", "enter")
        assert "No machine matches “stalex”." in screen_text(app)
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
        await pilot.press("c")
        assert "costs:" not in screen_text(app)
        assert "$18.20" in screen_text(app)
        assert "is a flat plan: costs are what the API" in screen_text(app)


async def test_without_any_cost_tokens_are_shown() -> None:
    unpriced = [row("a", None, None, costs=[None] * 8)]
    totals = PaneTotals(today=Used(tokens=5), window=Used(tokens=9))
    async with running(FakeFleet(pane(rows=unpriced, totals=totals))) as (app, _):
        assert "TOKENS BY DAY" in screen_text(app)
        assert "9.0M" in screen_text(app)


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


async def test_a_window_without_use_says_so() -> None:
    async with running(FakeFleet(pane(rows=[])), window="3d") as (app, _):
        assert "Nothing was used: 3 days." in screen_text(app)
        assert "w asks for another window." in screen_text(app)


async def test_ages_go_on_without_an_answer() -> None:
    moment = [NOW]
    async with running(FakeFleet(pane()), now=lambda: moment[0]) as (app, pilot):
        assert "  4 s" in screen_text(app)
        moment[0] = later(seconds=31)
        app.tick()
        await pilot.pause()
        found = screen_text(app)
        assert " 35 s" in found
        assert "7 machine snapshots · 31 s ago" in found
        assert "resets in 1 h 17 m" in found


async def test_an_answer_that_says_nothing_new_is_as_old_as_the_one_before() -> None:
    hub = FakeFleet(pane())
    moment = [NOW]
    hub.now = lambda: moment[0]
    async with running(hub, now=lambda: moment[0], window="7d") as (app, pilot):
        hub.repeats = app.board.pane
        moment[0] = later(seconds=50)
        asked = len(hub.asked)
        await pilot.press("r")
        await until(pilot, lambda: len(hub.asked) > asked and "· 0 s ago" in screen_text(app))
        assert " 54 s" in screen_text(app)


@pytest.mark.parametrize("size", [(30, 8), (40, 10), (60, 16), (80, 24), (120, 40), (200, 60), (300, 12)])
async def test_any_size_and_back(size: tuple[int, int]) -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: app.screen.size == size and "● desktop" in screen_text(app))
        await until(pilot, lambda: "q quit" in screen_text(app).splitlines()[-1])
        assert {strip.cell_length for strip in app.screen._compositor.render_strips()} == {size[0]}
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "COST BY DAY" in screen_text(app))


async def test_five_hundred_machines_scroll_to_the_selected_one() -> None:
    async with running(FakeFleet(crowd(500))) as (app, pilot):
        await pilot.press("end")
        assert selected(app) == "machine-000"
        await pilot.press("pageup", "home")
        assert selected(app) == "machine-499"
        await pilot.click("#rows", offset=(5, 3))
        assert selected(app) == "machine-497"
        await pilot.click("#rows", offset=(5, 3), times=2)
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))


async def test_a_lower_terminal_keeps_the_selected_row_in_sight() -> None:
    async with running(FakeFleet(crowd(500)), size=(120, 60)) as (app, pilot):
        await pilot.press(*["down"] * 12)
        await pilot.resize_terminal(80, 16)
        await until(pilot, lambda: app.screen.size == (80, 16) and selected(app) == "machine-487")


async def test_the_wheel_scrolls_without_selecting() -> None:
    async with running(FakeFleet(crowd(500)), size=(80, 24)) as (app, pilot):
        await pilot._post_mouse_events([events.MouseScrollDown], "#rows", (5, 3))
        await until(pilot, lambda: rows(app).scroll_y > 0)
        assert "machine-499" not in screen_text(app)


async def test_only_lines_that_differ_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(FakeFleet(crowd(500))) as (app, pilot):
        painted: list[int] = []
        real = rows(app).render_line

        def recorded(y: int) -> Strip:
            painted.append(y)
            return real(y)

        monkeypatch.setattr(rows(app), "render_line", recorded)
        while True:  # what the start still had to paint
            painted.clear()
            app.tick()
            await pilot.pause()
            if not painted:
                break
        await pilot.press("down")
        await until(pilot, lambda: len(painted) >= 2)
        assert sorted(set(painted)) == [1, 2]


async def test_a_clock_that_ticks_while_the_application_ends_does_no_harm() -> None:
    async with running(FakeFleet(pane())) as (app, pilot):
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        await screen.query_one("#keys").remove()  # as widgets leave one after the other
        assert not screen.is_whole
        app.tick()
        await pilot.pause()


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
        for text in ("by the next column", "rows by machine", "tiles of all machines", "to the accounts"):
            assert text in found


async def test_state_survives_without_colour_and_on_light_ground(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(FakeFleet(pane())) as (app, pilot):
        await pilot.press("t")
        await pilot.pause()
        assert not app.view().palette.dark
        found = screen_text(app)
        for sign in ("● work-laptop", "◐ build-1", "○ ci", "83 % ▲"):
            assert sign in found


async def test_the_command_palette_offers_what_the_keys_do() -> None:
    async with running(FakeFleet(pane())) as (app, _):
        names = {command.title for command in app.get_system_commands(app.screen)}
        assert names >= {"Open", "Filter", "Group", "Sort", "Accounts", "Tiles"}


def test_a_pane_is_a_value() -> None:
    assert msgspec.json.decode(msgspec.json.encode(pane()), type=type(pane())) == pane()
