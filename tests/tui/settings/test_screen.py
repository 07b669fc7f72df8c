"""The settings on the screen: keys, mouse, and what stands in the file afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from openusage.settings import Change, Settings, load, update
from openusage.tui.app import DashboardApp
from openusage.tui.canvas import Lines, Page
from openusage.tui.detail.screen import DetailScreen
from openusage.tui.palette import LIGHT
from openusage.tui.screens import OverviewScreen
from openusage.tui.settings.screen import Outside, SettingsScreen
from openusage.tui.views.wall import Wall
from tests.tui.pilots import running, screen_text, until
from tests.tui.sample import LOCAL, FakeSource, key_of
from tests.tui.settings.sample import KEYS, Hook


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of settings with something in it that we do not know."""
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"theirs": {"kept": True}, "dashboard": {"odd": 1}}))
    return path


def is_open(app: DashboardApp) -> bool:
    return isinstance(app.screen, SettingsScreen)


def view_of(app: DashboardApp) -> str:
    return app.settings.dashboard.view


def tree_of(path: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(path.read_text())
    return tree


def saving(path: Path) -> Callable[[Change], Settings]:
    return lambda change: update(path, change).settings


async def test_comma_opens_and_escape_closes_without_a_change(file: Path) -> None:
    before = tree_of(file)
    async with running(FakeSource(LOCAL), save=saving(file)) as (app, pilot):
        for opens, closes in (("comma", "escape"), ("S", "q"), ("comma", "comma"), ("S", "backspace")):
            await pilot.press(opens)
            assert is_open(app)
            assert "[1 Accounts]" in screen_text(app)
            await pilot.press(closes)
            assert not is_open(app)
            assert app.is_running
    assert tree_of(file) == before


async def test_each_change_is_saved_at_once_and_seen_behind(file: Path) -> None:
    async with running(FakeSource(LOCAL), save=saving(file)) as (app, pilot):
        await pilot.press("comma", "down", "down", "space")
        await pilot.pause()
        assert "[ ] codex-cli" in screen_text(app)
        saved = load(file).dashboard.providers
        assert [(p.account_id, p.enabled) for p in saved][:2] == [("claude-code", True), ("codex-cli", False)]
        await pilot.press("down", "K", "K")
        await pilot.pause()
        assert "▌ [x] gemini-cli" in screen_text(app)  # the cursor goes along
        await pilot.press("escape")
        await pilot.pause()
        wall = app.screen.query_one(Wall)
        assert wall.shown == [key_of(LOCAL[2]), key_of(LOCAL[0]), key_of(LOCAL[3])]
    tree = tree_of(file)
    assert (tree["theirs"], tree["dashboard"]["odd"]) == ({"kept": True}, 1)


async def test_tabs_by_key_by_digit_and_by_mouse(file: Path) -> None:
    async with running(FakeSource(LOCAL), save=saving(file)) as (app, pilot):
        await pilot.press("comma")
        seen = []
        for key in ("tab", "right", "right_square_bracket", "left", "shift+tab", "6", "7"):
            await pilot.press(key)
            await pilot.pause()
            line = app.screen.query_one("#tabs", Lines).lines[0].text
            seen.append(line[line.index("[") + 1 : line.index("]")])
        assert seen == ["2 Sections", "3 Theme", "4 View", "3 Theme", "2 Sections", "6 Data", "6 Data"]
        at = app.screen.query_one("#tabs", Lines).lines[0].text.index("4 View")
        await pilot.click("#tabs", offset=(at + 2, 0))
        await pilot.pause()
        assert "[4 View]" in screen_text(app)


async def test_theme_view_and_window_take_effect_at_once(file: Path) -> None:
    source = FakeSource(LOCAL)
    async with running(source, save=saving(file)) as (app, pilot):
        await pilot.press("comma", "3", "down", "enter")
        await pilot.pause()
        assert app.theme == LIGHT
        await pilot.press("4", "down", "down", "space")
        await pilot.press("6", "down", "down", "space")
        await until(pilot, lambda: "7d" in source.windows)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen.query_one(Wall).layout_shown == "tabs"
        assert "[7d]" in screen_text(app)
    saved = load(file)
    assert (saved.theme, saved.dashboard.view, saved.data.time_window) == (LIGHT, "tabs", "7d")


async def test_sections_have_a_tile_beside_them_that_follows(file: Path) -> None:
    async with running(FakeSource(LOCAL), save=saving(file)) as (app, pilot):
        await pilot.press("comma", "2")
        await pilot.pause()
        assert "claude-opus-4-6" in screen_text(app)
        await pilot.press("down", "down", "space")
        await pilot.pause()
        assert "[ ] Models" in screen_text(app)
        assert "claude-opus-4-6" not in screen_text(app)
        await pilot.press("less_than_sign")
        await pilot.pause()
        assert "Credits and other metrics" in screen_text(app)


async def test_the_mouse_selects_and_then_chooses(file: Path) -> None:
    async with running(FakeSource(LOCAL), save=saving(file)) as (app, pilot):
        await pilot.press("comma", "4")
        await pilot.pause()
        rows = [line.text for line in app.screen.query_one(Page).lines]
        y = next(n for n, text in enumerate(rows) if "compare" in text)
        await pilot.click("#page", offset=(6, y))
        await pilot.pause()
        assert view_of(app) == "grid"
        await pilot.click("#page", offset=(6, y))
        await pilot.pause()
        assert view_of(app) == "compare"
        await pilot.click("#page", offset=(6, 0))
        assert view_of(app) == "compare"


async def test_keys_are_looked_for_once_and_never_shown(file: Path) -> None:
    asked: list[int] = []

    def keys() -> list[object]:
        asked.append(1)
        return list(KEYS)

    outside = Outside(keys=keys)  # type: ignore[arg-type]
    async with running(FakeSource(LOCAL), save=saving(file), outside=outside) as (app, pilot):
        assert not asked
        await pilot.press("comma", "5")
        await until(pilot, lambda: "MISS" in screen_text(app))
        for words in ("openai", "ENV", "sk-p…9xyz in OPENAI_API_KEY", "set ZAI_API_KEY"):
            assert words in screen_text(app)
        assert len(asked) == 1


async def test_integrations_have_a_tab_when_there_are_any(file: Path) -> None:
    hooks = [Hook("Claude Code hooks", "not installed"), Hook("Codex", "outdated", fails="Codex is running.")]
    outside = Outside(integrations=lambda: hooks)
    async with running(FakeSource(LOCAL), save=saving(file), outside=outside) as (app, pilot):
        await pilot.press("comma", "7", "space")
        await pilot.pause()
        assert "Claude Code hooks is installed." in screen_text(app)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "Codex is running. Close the tool first." in screen_text(app)
        await pilot.press("up", "x")
        await pilot.pause()
        assert hooks[0].state() == "not installed"


@pytest.fixture
def broken(file: Path) -> Path:
    """A file that somebody has put a mistake into meanwhile."""
    file.write_text(json.dumps({"export": {"interval_seconds": "soon"}}))
    return file


async def test_what_cannot_be_saved_is_said_and_does_not_happen(broken: Path) -> None:
    async with running(FakeSource(LOCAL), save=saving(broken)) as (app, pilot):
        await pilot.press("comma", "4", "down", "space")
        await pilot.pause()
        said = " ".join(line.text.strip() for line in app.screen.query_one("#foot", Lines).lines)
        assert said == (
            f'Not saved: {broken}: export.interval_seconds must be a number from 1 to 86400, found "soon"'
        )
        assert view_of(app) == "grid"


async def test_it_is_there_from_everywhere_and_at_every_size(file: Path) -> None:
    async with running(FakeSource(LOCAL), save=saving(file)) as (app, pilot):
        await pilot.press("enter")
        assert isinstance(app.screen, DetailScreen)
        await pilot.press("comma")
        for size in ((30, 8), (40, 10), (80, 24), (200, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            for tab in "123456":
                await pilot.press(tab, "down", "down")
                await pilot.pause()
                text = screen_text(app)
                assert "▌" in text or tab == "5"
                assert {len(line) for line in text.splitlines()} == {size[0]}
        await pilot.press("escape")
        assert isinstance(app.screen, DetailScreen)


async def test_a_comma_that_is_typed_into_the_filter_opens_nothing(file: Path) -> None:
    async with running(FakeSource(LOCAL), save=saving(file)) as (app, pilot):
        await pilot.press("slash", "comma", "S")
        assert isinstance(app.screen, OverviewScreen)
        assert app.screen.query_one("#filter", Input).value == ",S"
