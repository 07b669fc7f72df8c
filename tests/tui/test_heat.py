"""Heat maps: every level has a shade of its own, absence is told from nothing."""

from __future__ import annotations

import datetime as dt

from openusage.tui import heat
from openusage.tui.palette import DARK, PALETTES
from openusage.tui.plain import plain

PALETTE = PALETTES[DARK]
TODAY = dt.date(2026, 11, 22)


def test_levels_are_quarters_of_roots_and_what_is_above_0_is_seen() -> None:
    assert [heat.level(v, 16.0) for v in (0, 0.0001, 1, 1.01, 4, 4.01, 9, 9.01, 16, 20)] == [
        0, 1, 1, 2, 2, 3, 3, 4, 4, 4,
    ]  # fmt: skip
    assert heat.level(1.0, 0.0) == 0


def test_a_calendar_has_a_line_a_weekday_and_ends_with_today() -> None:
    days = {"2026-11-22": 1.0, "2026-11-16": 4.0, "2026-10-01": 16.0}
    lines = heat.calendar(days, TODAY, dt.date(2026, 9, 28), 5 + 2 * 13, PALETTE)
    texts = [line.text for line in lines]
    assert len(texts) == 1 + 7
    assert texts[0].split() == ["Sep", "Oct", "Nov"]
    assert texts[1].startswith("Mon")
    assert texts[1].endswith("▒▒")
    assert texts[7].endswith("░░")
    assert "██" in texts[4]
    assert {line.cell_length for line in lines} == {31}


def test_before_our_data_is_blank_and_a_day_without_use_is_not() -> None:
    lines = heat.calendar({"2026-11-20": 1.0}, TODAY, dt.date(2026, 11, 19), 5 + 2 * 13, PALETTE)
    thursday, wednesday, saturday = lines[4].text, lines[3].text, lines[6].text
    assert thursday.rstrip().endswith("··")
    assert wednesday.strip() == "Wed"
    assert saturday.rstrip().endswith("··")


def test_tomorrow_is_blank() -> None:
    monday = dt.date(2026, 11, 16)
    lines = heat.calendar({"2026-11-16": 1.0}, monday, dt.date(2026, 1, 1), 40, PALETTE)
    assert lines[1].text.rstrip().endswith("██")
    assert lines[2].text.rstrip().endswith("··")
    assert len(lines[2].text.rstrip()) < len(lines[1].text.rstrip())


def test_a_calendar_is_as_long_as_our_data_and_at_most_a_year() -> None:
    def weeks(first: dt.date | None) -> int:
        lines = heat.calendar({"2026-11-22": 1.0}, TODAY, first, 200, PALETTE)
        return (len(lines[7].text.rstrip()) - 5) // 2

    assert weeks(dt.date(2026, 11, 1)) == 13
    assert weeks(dt.date(2026, 5, 1)) == 31
    assert weeks(dt.date(2020, 1, 1)) == weeks(None) == 53


def test_every_level_has_a_shade_of_its_own_also_in_ascii() -> None:
    assert len({plain(shade) for shade in heat.SHADES}) == len(heat.SHADES)


def test_nothing_to_see_or_no_room_is_nothing() -> None:
    assert heat.calendar({}, TODAY, None, 80, PALETTE) == []
    assert heat.calendar({"2026-11-22": 1.0}, TODAY, None, 12, PALETTE) == []
    assert heat.week({}, None, 80, PALETTE) == []
    assert heat.week({(0, 0): 1.0}, None, 20, PALETTE) == []


def test_a_week_has_an_hour_a_column_in_two_cells_or_one() -> None:
    hours = heat.by_weekday(
        {"2026-11-16T00": 1.0, "2026-11-16T23": 1.0, "2026-11-09T00": 3.0, "nonsense": 9.0}
    )
    assert hours == {(0, 0): 4.0, (0, 23): 1.0}
    wide = [line.text for line in heat.week(hours, None, 60, PALETTE)]
    assert wide[1][5:7] == "██"
    assert wide[1][5 + 46 : 5 + 48] == "▒▒"
    narrow = [line.text for line in heat.week(hours, None, 40, PALETTE)]
    assert narrow[1][5] == "█"
    assert narrow[1][5 + 23] == "▒"
    assert "18" in narrow[0]
