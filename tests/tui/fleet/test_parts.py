"""Figures, chart and accounts of a fleet."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from openusage.tui.fleet import accounts, chart, figures
from openusage.tui.fleet.figures import trend_pct
from openusage.tui.sections.daily import Measure
from openusage.tui.view import Costs
from openusage.wire.pane import Used
from tests.tui.fleet.sample import ACCOUNTS, account, pane, row
from tests.tui.sample import NOW, VIEW


def texts(lines: object) -> list[str]:
    return [line.text.rstrip() for line in lines]  # type: ignore[attr-defined]


def test_four_figures_and_what_they_do_not_hold() -> None:
    assert texts(figures.draw(pane(), 120, 4, VIEW)) == [
        "  TODAY                LAST 7 DAYS          BURN NOW          NEAREST LIMIT  Claude Code, 5 h",
        "  $41.87  ▲ 12 %       $212.40  ▼ 6 %       $3.10/h           "
        "█████████████████████████████████▎─────┤  83 %",
        "  18.2M tokens         45.0M tokens         3 of 5 active     "
        "full in 45 m, resets in 1 h 18 m, 2 machines share it",
        "  Claude Code: flat plan, costs are API-equivalent",
    ]


def test_hidden_costs_leave_tokens() -> None:
    hidden = msgspec.structs.replace(VIEW, costs=Costs.HIDE)
    assert "$" not in "".join(texts(figures.draw(pane(), 120, 4, hidden)))
    assert "$" not in "".join(texts(accounts.draw(ACCOUNTS, 120, 9, hidden)))


@pytest.mark.parametrize(
    ("now", "before", "pct"),
    [
        (Used(cost_usd=3.0), Used(cost_usd=2.0), 50.0),
        (Used(cost_usd=1.0), Used(cost_usd=2.0), -50.0),
        (Used(tokens=4), Used(tokens=1), 300.0),
        (Used(cost_usd=3.0), None, None),
        (Used(cost_usd=3.0), Used(), None),
    ],
)
def test_the_trend_is_of_cost_else_of_tokens(now: Used, before: Used | None, pct: float | None) -> None:
    assert trend_pct(now, before) == pct


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_figures_fit_any_width(width: int) -> None:
    assert {line.cell_length for line in figures.draw(pane(), width, 4, VIEW)} == {width}


def test_the_chart_stacks_rows_with_their_sums() -> None:
    lines = texts(chart.draw(pane(), 120, 10, VIEW, Measure.COST))
    assert len(lines) == 10
    assert "COST BY DAY" in lines[1]
    assert "■ work-laptop  $96.10  45 %" in lines[2]
    assert "today" in lines[8]


def test_hours_are_named_so() -> None:
    hours = [f"2026-03-04T{hour:02}" for hour in range(8)]
    lines = texts(chart.draw(pane(window="1d", labels=hours), 120, 10, VIEW, Measure.TOKENS))
    assert "TOKENS BY HOUR" in lines[1]
    assert "06 h" in lines[8]
    assert "now" in lines[8]


def test_without_use_there_is_no_chart() -> None:
    nothing = [row("ci", 0.0, 0.0, costs=[None] * 8, tokens=[0] * 8)]
    assert chart.draw(pane(rows=nothing), 120, 12, VIEW, Measure.COST) == []


def test_a_shared_account_stands_once_with_its_machines() -> None:
    assert texts(accounts.draw(ACCOUNTS, 120, 9, VIEW)) == [
        "  ACCOUNTS",
        "  Claude Code max   5 h ━━━━━━━━━━━━━╸─┤  83 % 1 h 18 m    work-laptop, home",
        "  Codex plus        5 h ━━━━━─┤─────────  31 % 1 h 18 m    desktop",
        "  OpenRouter        credit balance $7.02 left   ci",
    ]


def test_what_has_no_room_is_counted_and_an_old_reading_says_so() -> None:
    old = account("Old", 5.0, "a", read_at=NOW - dt.timedelta(hours=2))
    lines = texts(accounts.draw([old, *ACCOUNTS], 120, 3, VIEW))
    assert "read 2 h ago" in lines[1]
    assert lines[2] == "  3 more accounts"
    assert accounts.draw(ACCOUNTS, 120, 1, VIEW) == []
