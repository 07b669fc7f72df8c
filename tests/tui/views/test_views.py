"""The views on the screen, with keys and mouse."""

from __future__ import annotations

import pytest

from openusage.settings import Dashboard, DashboardProvider, Settings
from openusage.tui.detail import cards
from openusage.tui.detail.screen import DetailScreen
from openusage.tui.fleet.screen import FleetScreen
from openusage.tui.screens import OverviewScreen
from openusage.tui.views.beside import NameColumn, TabLine
from openusage.tui.views.wall import Wall
from tests.tui.fleet.sample import FakeFleet, pane
from tests.tui.pilots import KeptSettings, running, screen_text, until
from tests.tui.sample import CLAUDE, FLEET, LOCAL, FakeSource, key_of, on

KEYS = [key_of(a) for a in LOCAL]


def looking(view: str) -> Settings:
    return Settings(dashboard=Dashboard(view=view))  # type: ignore[arg-type]


async def test_v_goes_through_the_views_and_remembers_the_last() -> None:
    kept = KeptSettings()
    async with running(FakeSource(LOCAL), save=kept.save) as (app, pilot):
        shown = []
        for key in ("v", "v", "v", "v", "v", "V"):
            await pilot.press(key)
            await pilot.pause()
            wall = app.screen.query_one(Wall)
            shown.append((wall.layout_shown, len(wall.shown)))
        assert shown == [
            ("stacked", 4),
            ("tabs", 1),
            ("split", 1),
            ("compare", 2),
            ("grid", 4),
            ("compare", 2),
        ]
        assert [s.dashboard.view for s in kept.saved] == [layout for layout, _ in shown]
        assert "compare" in screen_text(app).splitlines()[0]


SIZES = [(30, 8), (40, 10), (60, 16), (80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("view", ["stacked", "tabs", "split", "compare"])
async def test_every_view_shows_the_selected_account_at_every_size(view: str) -> None:
    async with running(FakeSource(LOCAL), size=(120, 40), settings=looking(view)) as (app, pilot):
        wall = app.screen.query_one(Wall)
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            wall.select(KEYS[0])
            await pilot.pause()
            assert "Claude Code" in screen_text(app)
            await pilot.press("down" if wall.layout_shown in ("split", "stacked") else "right")
            await pilot.pause()
            assert app.board.selected == KEYS[1]
            assert KEYS[1] in wall.shown
            text = screen_text(app)
            assert "OpenAI Codex CLI" in text
            assert {len(line) for line in text.splitlines()} == {size[0]}


async def test_a_narrow_terminal_falls_back_and_comes_back() -> None:
    async with running(FakeSource(LOCAL), size=(120, 40), settings=looking("split")) as (app, pilot):
        names = app.screen.query_one(NameColumn)
        seen = []
        for width, has_tabs in ((120, False), (60, True), (120, False)):
            await pilot.resize_terminal(width, 40)
            await until(pilot, lambda has=has_tabs: ("tabs (auto)" in screen_text(app)) is has)  # type: ignore[misc]
            seen.append(names.display)
        assert seen == [True, False, True]
        assert app.settings.dashboard.view == "split"


async def test_tabs_change_with_the_arrows_and_the_mouse() -> None:
    async with running(FakeSource(LOCAL), size=(80, 24), settings=looking("tabs")) as (app, pilot):
        await pilot.press("right")
        await pilot.pause()
        assert "[● OpenAI Codex CLI]" in screen_text(app)
        await pilot.click(TabLine, offset=(50, 0))
        await until(pilot, lambda: app.board.selected == KEYS[3])
        assert "[● OpenRouter]" in screen_text(app)
        await pilot.press("enter")
        assert isinstance(app.screen, DetailScreen)


async def test_a_single_tile_scrolls_and_the_next_one_begins_at_its_top() -> None:
    async with running(FakeSource(LOCAL), size=(80, 24), settings=looking("tabs")) as (app, pilot):
        wall = app.screen.query_one(Wall)
        await pilot.press("down", "j", "pagedown")
        assert wall.scroll_y > 2
        await pilot.press("end")
        assert wall.scroll_y == wall.max_scroll_y > 0
        assert app.board.chosen() is app.board.visible()[0]
        await pilot.press("l")
        assert wall.scroll_y == 0


async def test_names_beside_the_tile_change_with_the_arrows_and_the_mouse() -> None:
    async with running(FakeSource(LOCAL), size=(120, 40), settings=looking("split")) as (app, pilot):
        await pilot.press("j")
        await pilot.pause()
        assert "▌● OpenAI Codex CLI" in screen_text(app)
        await pilot.click(NameColumn, offset=(5, 7))
        await until(pilot, lambda: app.board.selected == KEYS[3])
        assert "$7.02 left" in screen_text(app)


async def test_the_selected_name_is_in_sight_in_a_long_column() -> None:
    many = [on(CLAUDE, f"m{i:02}") for i in range(40)]
    async with running(FakeSource(many, hub=True), size=(120, 40), settings=looking("split")) as (app, pilot):
        names = app.screen.query_one(NameColumn)
        for _ in range(25):
            await pilot.press("down")
        await pilot.pause()
        assert 0 < names.scroll_y <= 50 <= names.scroll_y + names.size.height - 2
        assert "▌● Claude Code  m25" in screen_text(app)


async def test_comparing_moves_the_selection_first_and_then_the_pair() -> None:
    async with running(FakeSource(LOCAL), size=(120, 40), settings=looking("compare")) as (app, pilot):
        wall = app.screen.query_one(Wall)
        pairs = [wall.shown]
        for _ in range(3):
            await pilot.press("right")
            pairs.append(wall.shown)
        assert pairs == [KEYS[0:2], KEYS[0:2], KEYS[1:3], KEYS[2:4]]


async def test_space_keeps_an_account_beside_the_others() -> None:
    async with running(FakeSource(LOCAL), size=(120, 40), settings=looking("compare")) as (app, pilot):
        wall = app.screen.query_one(Wall)
        await pilot.press("space")
        await pilot.pause()
        assert "▸ Claude Code stays, Space lets it go." in screen_text(app)
        await pilot.press("right", "right")
        assert wall.shown == [KEYS[0], KEYS[2]]
        await pilot.press("right")
        assert wall.shown == [KEYS[0], KEYS[3]]
        await pilot.press("space")  # another one is kept now
        await pilot.press("left")
        assert wall.shown == [KEYS[3], KEYS[2]]
        await pilot.press("right", "space")  # and now none
        assert wall.shown == [KEYS[2], KEYS[3]]
        await pilot.pause()
        assert "▸ No account stays." in screen_text(app)


async def test_space_says_where_it_is_seen() -> None:
    async with running(FakeSource(LOCAL)) as (app, pilot):
        await pilot.press("right", "space")
        await pilot.pause()
        said = "OpenAI Codex CLI stays, Space lets it go. It is seen in the view compare (v)."
        assert said in screen_text(app)
        await pilot.press("V")
        assert app.screen.query_one(Wall).shown == [KEYS[1], KEYS[2]]


async def test_the_view_is_named_only_where_there_are_tiles() -> None:
    async with running(FakeSource(LOCAL), settings=looking("stacked")) as (app, pilot):
        assert "stacked" in screen_text(app).splitlines()[0]
        await pilot.press("enter")
        await pilot.pause()
        assert "stacked" not in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "stacked" in screen_text(app).splitlines()[0]


async def test_whole_tiles_and_back() -> None:
    async with running(FakeSource(LOCAL), size=(80, 24)) as (app, pilot):
        wall = app.screen.query_one(Wall)
        assert " more " in screen_text(app)
        await pilot.press("ctrl+o")
        await pilot.pause()
        assert wall.grid.height > wall.size.height
        assert not any(" more ━" in line for line in screen_text(app).splitlines())
        await pilot.press("ctrl+o")
        await pilot.pause()
        assert " more " in screen_text(app)


async def test_the_order_and_the_accounts_of_the_settings() -> None:
    providers = [
        DashboardProvider(account_id="openrouter"),
        DashboardProvider(account_id="codex-cli", enabled=False),
    ]
    settings = Settings(dashboard=Dashboard(providers=providers))
    async with running(FakeSource(LOCAL), settings=settings) as (app, _):
        wall = app.screen.query_one(Wall)
        assert wall.shown == [KEYS[3], KEYS[0], KEYS[2]]
        assert "OpenAI Codex CLI" not in screen_text(app)


async def test_when_all_accounts_are_switched_off_it_says_how_to_get_them_back() -> None:
    off = [DashboardProvider(account_id=a.account_id, enabled=False) for a in LOCAL]
    settings = Settings(dashboard=Dashboard(providers=off))
    async with running(FakeSource(LOCAL), settings=settings) as (app, _):
        text = screen_text(app)
        assert "All accounts are switched off." in text
        assert "Press , to switch them on in the settings." in text
        assert "TODAY" not in text


async def test_a_hub_shows_its_fleet_first_and_v_opens_the_tiles() -> None:
    source = FakeFleet(pane())
    source.accounts = FLEET
    async with running(source, size=(120, 40)) as (app, pilot):
        assert isinstance(app.screen, FleetScreen)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen) and bool(app.board.accounts))
        await pilot.press("v")
        await pilot.pause()
        assert app.screen.query_one(Wall).layout_shown == "stacked"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        assert "stacked" not in screen_text(app)


async def test_new_figures_are_on_the_screen_and_old_ones_are_not_drawn_again() -> None:
    source = FakeSource(LOCAL)
    async with running(source) as (app, pilot):
        wall = app.screen.query_one(Wall)
        before = wall._tile(1)
        source.accounts = [on(CLAUDE, "", message="x", status="ERROR"), *LOCAL[1:]]
        await pilot.press("r")
        await until(pilot, lambda: app.board.accounts[0].sections.status == "ERROR")
        assert "error" in screen_text(app)
        after = wall._tile(1)
        assert [a is b for a, b in zip(before, after, strict=True)][1:-1] == [True] * (len(after) - 2)


async def test_a_page_of_one_account_has_its_tabs_too_on_a_large_screen() -> None:
    async with running(FakeSource(LOCAL), size=(200, 60), settings=looking("tabs")) as (app, pilot):
        assert "Cost by day" in screen_text(app)
        await pilot.press("right")
        await pilot.pause()
        assert "[● OpenAI Codex CLI]" in screen_text(app)
        assert "Tokens by day" in screen_text(app)


async def test_cards_are_drawn_again_only_when_something_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    real = cards.draw

    def counted(*args: object, **more: object) -> object:
        drawn.append(1)
        return real(*args, **more)  # type: ignore[arg-type]

    source = FakeSource(LOCAL)
    async with running(source, size=(200, 60), settings=looking("tabs")) as (app, pilot):
        monkeypatch.setattr(cards, "draw", counted)
        for _ in range(3):
            app.tick()
            await pilot.pause()
        assert drawn == []
        source.accounts = [on(CLAUDE, "", message="a new word"), *LOCAL[1:]]
        await pilot.press("r")
        await until(pilot, lambda: "a new word" in screen_text(app))
        assert len(drawn) == 1
