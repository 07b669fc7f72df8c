"""The tab of sections."""

from __future__ import annotations

from pathlib import Path

import msgspec

from openusage.settings import Dashboard, DashboardSection, Settings
from openusage.tui import choice
from openusage.tui.settings.sections import SectionsTab
from openusage.tui.settings.tab import Deed
from tests.tui.sample import VIEW
from tests.tui.settings.sample import state, written


def test_all_sections_in_their_order_with_their_ids() -> None:
    rows = SectionsTab().rows(state())
    assert [(r.mark, r.note) for r in rows] == [("[x]", kind.id) for kind in choice.TILE]


def test_switching_off_and_moving_write_the_whole_order(tmp_path: Path) -> None:
    tab, file = SectionsTab(), tmp_path / "s.json"
    off = written(file, tab.act(Deed.PICK, state(), "model_burn"))["dashboard"]["widget_sections"]
    assert [s["id"] for s in off] == [kind.id for kind in choice.TILE]
    assert [s["id"] for s in off if not s["enabled"]] == ["model_burn"]
    listed = [DashboardSection(id=s["id"], enabled=s["enabled"]) for s in off]
    now = Settings(dashboard=Dashboard(widget_sections=listed))
    down = written(file, tab.act(Deed.DOWN, state(now), "header"))["dashboard"]["widget_sections"]
    assert [s["id"] for s in down[:3]] == ["top_usage_progress", "header", "model_burn"]
    assert not down[2]["enabled"]


def test_the_other_list_is_that_of_the_page(tmp_path: Path) -> None:
    tab = SectionsTab()
    assert tab.act(Deed.OTHER, state(), "header") is None
    assert [r.key for r in tab.rows(state())] == list(choice.DETAIL_IDS)
    tree = written(tmp_path / "s.json", tab.act(Deed.PICK, state(), "spending"))
    assert {s["id"]: s["enabled"] for s in tree["dashboard"]["detail_sections"]}["spending"] is False
    assert "widget_sections" not in tree["dashboard"]


def test_sections_without_data() -> None:
    tab = SectionsTab()
    assert "left out" in tab.about(state())
    assert tab.act(Deed.EMPTY, state(), "header") == {"dashboard.hide_sections_with_no_data": False}
    named = Settings(dashboard=Dashboard(hide_sections_with_no_data=False))
    assert "named" in tab.about(state(named))


def test_the_preview_is_a_tile_with_the_sections_of_now() -> None:
    off = [DashboardSection(id="tool_usage", enabled=False)]
    chosen = Settings(dashboard=Dashboard(widget_sections=off))
    lines = SectionsTab().preview(state(chosen), "header", 60, 40, VIEW)
    text = "\n".join(line.text for line in lines)
    assert "Claude Code" in text
    assert "PROJECTS" in text
    assert "TOOLS" not in text
    assert len(SectionsTab().preview(state(), "header", 60, 12, VIEW)) == 12


def test_there_is_no_preview_without_an_account_room_or_tile() -> None:
    tab = SectionsTab()
    assert tab.preview(state(accounts=[]), "header", 60, 20, VIEW) == []
    assert tab.preview(state(), "header", 30, 20, VIEW) == []
    tab.act(Deed.OTHER, state(), "header")
    assert tab.preview(state(), "header", 60, 20, msgspec.structs.replace(VIEW)) == []
