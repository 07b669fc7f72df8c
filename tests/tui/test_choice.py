"""Which sections are drawn, by the ids of settings.json."""

from __future__ import annotations

import msgspec

from openusage.settings import DashboardSection
from openusage.tui import choice, detail
from openusage.tui.sections.daily import Measure
from tests.tui.sample import CLAUDE, OPENROUTER, VIEW


def listed(*ids: str, off: tuple[str, ...] = ()) -> list[DashboardSection]:
    return [DashboardSection(id=id_, enabled=id_ not in off) for id_ in ids]


def test_without_a_choice_everything_is_drawn_in_our_order() -> None:
    assert choice.drawn([]) == choice.DRAWN
    assert choice.detail_ids([]) == choice.DETAIL_IDS


def test_what_is_listed_comes_first_and_the_rest_follows() -> None:
    found = choice.drawn(listed("daily_usage", "project_breakdown"))
    assert found[:3] == ("daily", "projects", "notice")
    assert sorted(found) == sorted(choice.DRAWN)


def test_what_is_switched_off_is_not_drawn() -> None:
    found = choice.drawn(listed("model_burn", "header", off=("header",)))
    assert "money" not in found
    assert "notice" not in found
    assert found[0] == "models"


def test_names_of_the_go_program_are_understood_and_strangers_ignored() -> None:
    go = listed("actual_tool_usage", "provider_burn", "made_up", off=("actual_tool_usage",))
    found = choice.ordered(choice.TILE, go)
    assert [(c.kind.id, c.enabled) for c in found[:2]] == [
        ("tool_usage", False),
        ("upstream_providers", True),
    ]
    assert "made_up" not in {c.kind.id for c in found}
    page = choice.detail_ids(listed("provider_burn", "activity_heatmap", "timers", off=("timers",)))
    assert page[:2] == ("upstream", "activity_heatmap")
    assert "usage" not in page


def test_of_an_id_that_is_listed_twice_the_first_counts() -> None:
    twice = [DashboardSection(id="mcp_usage", enabled=False), DashboardSection(id="mcp_usage")]
    assert "mcp" not in choice.drawn(twice)


def test_every_section_has_one_id_and_one_place() -> None:
    for kinds in (choice.TILE, choice.DETAIL):
        assert len({kind.id for kind in kinds}) == len(kinds)
        assert len({kind.title for kind in kinds}) == len(kinds)
    assert len(set(choice.DRAWN)) == len(choice.DRAWN)


def test_cards_of_a_page_stand_in_the_order_that_was_chosen() -> None:
    listed_ = listed("tools", "info", "spending", off=("spending",))
    view = msgspec.structs.replace(VIEW, detail_sections=choice.detail_ids(listed_))
    for width in (80, 140):
        sheet = detail.draw(CLAUDE, width, view, Measure.COST)
        text = [line.text for line in sheet.lines]
        titles = [text[start].split("─ ")[1].split(" ─")[0] for start in sheet.starts]
        assert titles[:5] == ["Tools", "Attributes", "Diagnostics", "Cost by day", "Limits"]
        assert "Spending" not in titles
        assert {line.cell_length for line in sheet.lines} == {width}


def test_every_section_of_a_page_can_be_left_out() -> None:
    full = msgspec.structs.replace(CLAUDE, credits=OPENROUTER.credits, upstreams=OPENROUTER.upstreams)
    page = detail.draw(full, 80, VIEW, Measure.COST)
    asked_for = {"activity_heatmap", "forecast"}  # of the history, which is asked apart
    for id_ in set(choice.DETAIL_IDS) - asked_for:
        without = tuple(other for other in choice.DETAIL_IDS if other != id_)
        view = msgspec.structs.replace(VIEW, detail_sections=without)
        assert len(detail.draw(full, 80, view, Measure.COST).starts) < len(page.starts), id_
    nothing = msgspec.structs.replace(VIEW, detail_sections=())
    assert detail.draw(full, 80, nothing, Measure.COST).lines == []
