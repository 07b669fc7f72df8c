"""The figures of a fleet."""

from __future__ import annotations

import msgspec
import pytest

from openusage.tui.fleet import figures
from openusage.tui.view import Costs
from openusage.wire.pane import PaneTotals, Used
from tests.tui.fleet.sample import pane, texts
from tests.tui.sample import VIEW

HIDDEN = msgspec.structs.replace(VIEW, costs=Costs.HIDE)


def test_four_figures_with_what_was_before_them() -> None:
    assert texts(figures.draw(pane(), 120, 3, VIEW)) == [
        "  TODAY                LAST 7 DAYS          BURN NOW          NEAREST LIMIT  Claude Code, 5 h",
        "  $41.87  ▲ 12 %       $212.40  ▼ 6 %       $3.10/h           "
        "█████████████████████████████████▎─────┤  83 %",
        "  18.2M tokens         45.0M tokens         3 of 5 active     "
        "full in 45 m, resets in 1 h 18 m, 2 machines share it",
    ]


def test_on_a_low_screen_they_are_one_line() -> None:
    assert texts(figures.draw(pane(), 60, 1, VIEW)) == ["  $41.87 today  $212.40 7 d  Claude Code 5 h 83 %"]
    assert texts(figures.draw(pane(), 40, 1, VIEW)) == ["  $41.87 today  $212.40 7 d"]
    assert texts(figures.draw(pane(window="1d"), 40, 1, VIEW)) == ["  $212.40 today  Claude Code 5 h 83 %"]
    assert figures.draw(pane(), 60, 0, VIEW) == []


@pytest.mark.parametrize("rows", [1, 3])
def test_hidden_costs_leave_tokens_and_their_trend(rows: int) -> None:
    found = "\n".join(texts(figures.draw(pane(), 120, rows, HIDDEN)))
    assert "$" not in found
    assert "18.2M tokens" in found


def test_a_fleet_that_began_yesterday_has_no_trend() -> None:
    totals = PaneTotals(today=Used(cost_usd=1.0, tokens=5), window=Used(cost_usd=2.0, tokens=9))
    lines = texts(figures.draw(pane(totals=totals), 120, 3, VIEW))
    assert lines[1].split()[:3] == ["$1.00", "$2.00", "–"]


def test_a_window_of_one_day_is_today_once() -> None:
    assert texts(figures.draw(pane(window="1d"), 120, 3, VIEW))[0].count("TODAY") == 1


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 200])
def test_figures_fit_any_width(width: int, rows: int) -> None:
    assert {line.cell_length for line in figures.draw(pane(), width, rows, VIEW)} == {width}
