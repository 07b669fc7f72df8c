"""The tabs of theme and view."""

from __future__ import annotations

import pytest

from openusage.settings import Dashboard, Settings
from openusage.tui.palette import DARK, LIGHT
from openusage.tui.settings.looks import ThemeTab, ViewTab
from openusage.tui.settings.tab import Deed
from openusage.tui.views.layout import Layout
from tests.tui.sample import VIEW
from tests.tui.settings.sample import state


def test_the_theme_that_is_seen_is_marked_and_another_can_be_chosen() -> None:
    assert [(r.mark, r.name) for r in ThemeTab().rows(state())] == [("(●)", DARK), ("( )", LIGHT)]
    assert ThemeTab().act(Deed.PICK, state(), LIGHT) == {"theme": LIGHT}
    assert ThemeTab().act(Deed.UP, state(), LIGHT) is None


@pytest.mark.parametrize(("name", "chosen"), [("grid", Layout.GRID), ("list", Layout.SPLIT)])
def test_the_view_of_the_settings_is_marked_also_by_its_old_name(name: str, chosen: Layout) -> None:
    settings = Settings(dashboard=Dashboard(view=name))  # type: ignore[arg-type]
    rows = ViewTab().rows(state(settings))
    assert [r.key for r in rows] == list(Layout)
    assert [r.key for r in rows if r.mark == "(●)"] == [chosen]


def test_choosing_a_view() -> None:
    assert ViewTab().act(Deed.PICK, state(), "tabs") == {"dashboard.view": "tabs"}
    assert ViewTab().act(Deed.COSTS, state(), "tabs") is None


def test_a_tile_wears_the_theme_that_is_looked_at() -> None:
    dark, light = (ThemeTab().preview(state(), name, 60, 20, VIEW) for name in (DARK, LIGHT))
    assert [line.text for line in dark] == [line.text for line in light]
    grounds = []
    for lines in (dark, light):
        assert {line.cell_length for line in lines} == {60}
        grounds.append({s.style.bgcolor.name for line in lines for s in line if s.style and s.style.bgcolor})
    assert [len(ground) for ground in grounds] == [1, 1]
    assert grounds[0] != grounds[1]
    assert ThemeTab().preview(state(), DARK, 30, 20, VIEW) == []
    assert ThemeTab().preview(state(accounts=[]), DARK, 60, 20, VIEW) == []
