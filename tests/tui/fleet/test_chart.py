"""The chart of a fleet."""

from __future__ import annotations

import pytest

from openusage.tui.fleet import chart
from openusage.tui.sections.daily import Measure
from openusage.wire.pane import Pane
from openusage.wire.rollups import By
from openusage.wire.stranger import days_until
from tests.tui.fleet.sample import pane, row, texts
from tests.tui.sample import NOW, VIEW


def drawn(said: Pane, width: int = 120, rows: int = 10, measure: Measure = Measure.COST) -> list[str]:
    stack = chart.stacked(said, measure)
    assert stack is not None
    lines = chart.draw(stack, width, rows, VIEW)
    assert {line.cell_length for line in lines} <= {width}
    return texts(lines)


def long(days: int, **costs: list[float]) -> Pane:
    """A pane over many days."""
    rows = [row(name, 1.0, sum(c), costs=c, tokens=c) for name, c in costs.items()]
    return pane(window="all", labels=days_until(NOW.date(), days), rows=rows)


def test_rows_are_stacked_with_their_sums_beside() -> None:
    lines = drawn(pane())
    assert len(lines) == 10
    assert lines[:2] == ["", "  COST BY DAY"]
    assert "■ work-laptop  $96.10  45 %" in lines[2]
    assert "today" in lines[9]


def test_hours_are_named_so() -> None:
    hours = [f"2026-03-04T{hour:02}" for hour in range(8)]
    lines = drawn(pane(window="1d", labels=hours), measure=Measure.TOKENS)
    assert "TOKENS BY HOUR" in lines[1]
    assert "06 h" in lines[9]
    assert "now" in lines[9]


def test_without_use_there_is_no_chart() -> None:
    nothing = [row("ci", 0.0, 0.0, costs=[None] * 8, tokens=[0] * 8)]
    assert chart.stacked(pane(rows=nothing), Measure.COST) is None


def test_more_days_than_have_room_are_weeks_from_monday_on() -> None:
    said = long(70, a=[1.0] * 70, b=[2.0] * 70)
    lines = drawn(said, width=100)
    assert "COST BY WEEK" in lines[1]
    assert "this week" in lines[-1]
    assert "COST BY DAY" in drawn(said, width=200)[1]


def test_weeks_lose_nothing() -> None:
    stack = chart.stacked(long(45, a=[float(n) for n in range(45)], b=[1.0] * 45), Measure.COST)
    assert stack is not None
    weeks = chart.weekly(stack)
    assert sum(day.whole for day in weeks.days) == pytest.approx(sum(day.whole for day in stack.days))
    assert [day.date for day in weeks.days][-2:] == ["2026-11-09", "2026-11-16"]
    assert len(weeks.days) == 7


def test_two_releases_of_a_model_are_told_apart() -> None:
    rows = [row(name, 1.0, 2.0) for name in ("opus-20250101", "opus-20260101", "haiku-20250101")]
    stack = chart.stacked(pane(group=By.MODEL, rows=rows, known={}), Measure.COST)
    assert stack is not None
    assert set(stack.names) == {"opus-20250101", "opus-20260101", "haiku"}


def test_a_chart_that_is_too_low_is_not_drawn() -> None:
    stack = chart.stacked(pane(), Measure.COST)
    assert stack is not None
    assert chart.draw(stack, 120, chart.LEAST_ROWS - 1, VIEW) == []
    assert chart.rows(chart.LEAST_ROWS - 1, 120) == 0
    assert chart.rows(chart.LEAST_ROWS, 79) == 0
    assert chart.rows(99, 120) == chart.MOST_ROWS
