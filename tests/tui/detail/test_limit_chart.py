"""How far limits were used: exact columns, resets as falls, and no chart without readings."""

from __future__ import annotations

from openusage.tui.detail import limit_chart
from openusage.tui.spans import us
from openusage.wire.rollups import Window
from openusage.wire.sessions import LimitHistory, LimitPoint
from tests.tui.sample import CLAUDE, NOW, VIEW

NOW_US = us(NOW)
HOUR_US = 3_600_000_000
DAY = Window("custom", NOW_US - 24 * HOUR_US, None)


def told(key: str, *points: tuple[float, float]) -> LimitHistory:
    found = [LimitPoint(NOW_US - round(h * HOUR_US), pct) for h, pct in points]
    return LimitHistory(provider="claude_code", account="claude-code", key=key, points=found)


FIVE = told("usage_five_hour", (24, 10.0), (20, 97.0), (18, 0.0), (2, 50.0))


def text(*history: LimitHistory, width: int = 44) -> list[str]:
    lines = limit_chart.draw(CLAUDE.gauges, history, DAY, width, VIEW)
    assert {line.cell_length for line in lines} <= {width}
    return [line.text.rstrip() for line in lines]


def test_a_limit_rises_falls_at_its_reset_and_says_how_far_it_went() -> None:
    lines = text(FIVE)
    assert len(lines[0].strip()) == 3
    assert lines[2].startswith("5 h  ▂▂▂▂")
    assert lines[2].count("_") == 16
    assert lines[2].endswith("up to 97 %")
    assert lines[-1].split() == ["21", "Nov", "12:41", "now"]


def test_a_limit_has_the_colour_of_its_level_at_that_time() -> None:
    top = limit_chart.draw(CLAUDE.gauges, [FIVE], DAY, 44, VIEW)[0]
    assert [s.style for s in top if s.text.strip()] == [VIEW.palette.crit]


def test_limits_stand_under_each_other_on_one_axis_in_the_order_of_the_gauges() -> None:
    lines = text(told("usage_seven_day", (20, 30.0), (1, 61.0)), FIVE)
    assert [line.split()[0] for line in lines if "up to" in line] == ["5", "7"]
    assert sum("now" in line for line in lines) == 1


def test_without_readings_or_room_there_is_no_chart() -> None:
    assert text() == []
    assert text(told("usage_five_hour", (2, 10.0))) == []
    assert text(told("credits", (2, 10.0), (1, 10.0))) == []
    assert text(FIVE, width=30) == []


def test_a_column_is_the_highest_of_its_time_and_unknown_before_the_first_reading() -> None:
    points = told("usage_five_hour", (3, 20.0), (2.5, 80.0), (2, 0.0)).points
    assert limit_chart.columns(points, NOW_US - 4 * HOUR_US, NOW_US, 4) == [None, 80.0, 80.0, 0.0]
