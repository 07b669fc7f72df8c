"""Gauges, sparklines."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.tui import bars
from openusage.wire.forecast import forecast
from openusage.wire.sections import Gauge
from tests.tui.sample import NOW, VIEW

LEVELS = (80.0, 95.0)


def gauge(used_pct: float, *, window_s: int | None = 18_000, left: dt.timedelta | None = None) -> Gauge:
    return Gauge(
        key="g",
        label="5 h",
        used_pct=used_pct,
        window_s=window_s,
        resets_at=None if left is None else NOW + left,
    )


def text(found: Gauge, width: int) -> str:
    parts = bars.gauge_bar(found, width, forecast(found, NOW), VIEW.palette, LEVELS)
    return "".join(part for part, _ in parts)


@pytest.mark.parametrize(
    ("found", "bar"),
    [
        (gauge(0), "░░░░░░░░░░"),
        (gauge(0.1), "▏░░░░░░░░░"),
        (gauge(50), "█████░░░░░"),
        (gauge(83), "████████▎░"),
        (gauge(99.9), "█████████▉"),
        (gauge(100), "██████████"),
        (gauge(140), "██████████"),
        (gauge(30, left=dt.timedelta(hours=2, minutes=30)), "███──┤░░░░"),
        (gauge(30, left=dt.timedelta(hours=4)), "███──────┤"),
    ],
)
def test_a_gauge(found: Gauge, bar: str) -> None:
    assert text(found, 10) == bar


@given(st.floats(0, 1e6), st.integers(1, 60), st.integers(-100, 20_000))
@settings(max_examples=60)
def test_a_gauge_is_exactly_as_wide_as_asked(used_pct: float, width: int, left_s: int) -> None:
    assert len(text(gauge(used_pct, left=dt.timedelta(seconds=left_s)), width)) == width


def test_a_gauge_is_neutral_amber_red_by_thresholds() -> None:
    palette = VIEW.palette
    styles = [bars.gauge_bar(gauge(pct), 10, None, palette, LEVELS)[0][1] for pct in (79.9, 80, 95)]
    assert styles == [palette.fill, palette.warn, palette.crit]


def spark(values: list[float | None], rows: int, bar: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in bars.sparkline(values, rows, bar, VIEW.palette)]


@pytest.mark.parametrize(
    ("rows", "bar", "lines"),
    [
        (1, 1, ["__▁▄█"]),
        (2, 1, ["    █", "__▁██"]),
        (1, 2, ["__ __ ▁▁ ▄▄ ██"]),
    ],
)
def test_a_sparkline_stands_on_its_baseline_and_tells_nothing_from_little(
    rows: int, bar: int, lines: list[str]
) -> None:
    assert spark([None, 0, 0.01, 4, 8], rows, bar) == lines


def test_the_last_bar_of_a_sparkline_is_the_bright_one() -> None:
    (line,) = bars.sparkline([4, 8, 8], 1, 1, VIEW.palette)
    assert line == [("▄█", VIEW.palette.fill), ("█", VIEW.palette.text)]


@given(st.lists(st.none() | st.floats(0, 1e9), min_size=1, max_size=40), st.integers(1, 2), st.integers(1, 2))
@settings(max_examples=60)
def test_a_sparkline_is_as_wide_as_its_bars(values: list[float | None], rows: int, bar: int) -> None:
    lines = spark(values, rows, bar)
    assert len(lines) == rows
    assert {len(line) for line in lines} == {len(values) * bar + (len(values) - 1) * (bar - 1)}


@pytest.mark.parametrize(
    ("share", "bar"),
    [(0, ""), (0.001, "╸"), (0.5, "━━"), (0.55, "━━"), (0.6, "━━╸"), (1, "━━━━"), (7, "━━━━")],
)
def test_a_thin_bar(share: float, bar: str) -> None:
    assert bars.thin(share, 4) == bar


def test_the_last_days_end_today_and_name_missing_ones() -> None:
    series = [("2026-11-20", 3.0), ("2026-11-22", 5.0), ("2026-10-01", 9.0)]
    assert bars.last_days(series, 3, "2026-11-22") == [
        ("2026-11-20", 3.0),
        ("2026-11-21", None),
        ("2026-11-22", 5.0),
    ]


def test_an_area_has_a_cell_a_share_of_a_fixed_height() -> None:
    lines = bars.area([None, 0.0, 0.25, 0.5, 1.0], 2, lambda _: VIEW.palette.fill, VIEW.palette)
    assert ["".join(text for text, _ in line) for line in lines] == ["    █", " _▄██"]
