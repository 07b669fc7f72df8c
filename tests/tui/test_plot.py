"""The chart by day: exact characters, exact sizes, colours of stacked parts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage import format as fmt
from openusage.tui import plot
from openusage.tui.plot import Day
from tests.tui.sample import VIEW

PALETTE = VIEW.palette
ONE = (PALETTE.fill,)
TWO = PALETTE.series[:2]
DATES = [f"2026-11-{day:02}" for day in range(1, 31)]


def text(days: list[Day], width: int, height: int, today: str = "2026-11-03") -> str:
    styles = ONE if len(days[0].parts) == 1 else TWO
    lines = plot.draw(days, styles, width, height, PALETTE, fmt.money, today=today)
    return "\n".join(line.text.rstrip() for line in lines)


def test_a_chart_ends_at_a_round_figure_and_names_today() -> None:
    days = [Day(DATES[0], (7.19,)), Day(DATES[1], (0.0,)), Day(DATES[2], (2.0,))]
    assert text(days, 24, 6).splitlines() == [
        "    $8 ┤▅▅▅",
        "       │███",
        "    $4 ┤███",
        "       │███       ███",
        "     0 └─────────────",
        "        1 Nov    today",
    ]


def test_with_room_every_bar_says_its_figure() -> None:
    days = [Day(DATES[0], (7.19,)), Day(DATES[1], (0.0,)), Day(DATES[2], (2.0,))]
    found = text(days, 50, 9)
    assert "$7.19" in found
    assert "$2.00" in found
    assert "$0.00" not in found


@pytest.mark.parametrize(
    ("value", "top"),
    [
        (7.19, 8),
        (8, 8),
        (8.01, 10),
        (0.13, 0.16),
        (1, 1),
        (1.01, 1.2),
        (10.3, 12),
        (230, 240),
        (999, 1000),
        (4.2e6, 5e6),
        (0, 1),
        (float("inf"), 1),
    ],
)
def test_the_axis_ends_at_the_next_round_number(value: float, top: float) -> None:
    assert plot.round_top(value) == pytest.approx(top)


def test_two_parts_share_a_cell_by_foreground_and_background() -> None:
    """The lower part ends in the middle of a cell: its colour in front, the upper part's behind."""
    lines = plot.draw([Day(DATES[0], (1.5, 2.5))], TWO, 20, 6, PALETTE, fmt.money, today="")
    cells = {(segment.text.strip(), segment.style) for line in lines for segment in line}
    shared = [(text, style) for text, style in cells if style and style.bgcolor]
    assert [(text[0], style.color, style.bgcolor) for text, style in shared] == [
        ("▄", TWO[0].color, TWO[1].color)
    ]


def test_the_smallest_part_is_seen_when_it_is_alone() -> None:
    days = [Day(DATES[0], (1000.0,)), Day(DATES[1], (0.001,))]
    assert "▁" in text(days, 20, 6)


def test_nothing_to_see_is_no_chart() -> None:
    nothing = [Day(DATES[0], (0.0,))]
    assert text(nothing, 40, 8) == ""
    assert text([Day(DATES[0], (1.0,))], 9, 8) == ""
    assert text([Day(DATES[0], (1.0,))], 40, plot.LEAST_HEIGHT - 1) == ""


@given(
    st.lists(st.tuples(st.floats(0, 1e7), st.floats(0, 1e7)), min_size=1, max_size=30),
    st.integers(0, 220),
    st.integers(0, 30),
)
@settings(max_examples=60)
def test_a_chart_is_exactly_as_large_as_asked_or_not_there(
    values: list[tuple[float, float]], width: int, height: int
) -> None:
    days = [Day(date, value) for date, value in zip(DATES, values, strict=False)]
    lines = plot.draw(days, TWO, width, height, PALETTE, fmt.money, today=DATES[0])
    assert len(lines) in (0, height)
    assert {line.cell_length for line in lines} <= {width}
    assert {len(line.text) for line in lines} <= {width}


@given(st.integers(1, 30), st.integers(10, 240))
@settings(max_examples=40)
def test_what_a_chart_uses_is_within_its_width(count: int, width: int) -> None:
    assert plot.used(count, width) <= width


def test_marks_that_read_alike_are_said_once() -> None:
    assert text([Day(DATES[0], (0.003,))], 40, 9).count("<$0.01 ┤") == 1
