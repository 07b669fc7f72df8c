"""Figures as people read them."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage import format as fmt

NOW = dt.datetime(2026, 11, 22, 12, 41, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (0, "0"),
        (0.2, "<1"),
        (0.5, "<1"),
        (1, "1"),
        (812, "812"),
        (999.4, "999"),
        (999.5, "1.0k"),
        (1000, "1.0k"),
        (3_300, "3.3k"),
        (999_949, "999.9k"),
        (999_951, "1.0M"),
        (18_200_000, "18.2M"),
        (4_321_000_000, "4.3B"),
        (7.7e12, "7.7T"),
        (9.9e14, "990.0T"),
        (1e300, "1.0e+300"),
        (-1_500, "-1.5k"),
    ],
)
def test_count(value: float | None, text: str) -> None:
    assert fmt.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (7, "7"),
        (2.5, "2.5"),
        (0.04, "0.04"),
        (0.001, "<0.01"),
        (120.5, "120"),
        (1234, "1.2k"),
    ],
)
def test_amount_keeps_small_parts(value: float | None, text: str) -> None:
    assert fmt.amount(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0, "$0.00"),
        (0.000001, "<$0.01"),
        (0.004, "<$0.01"),
        (0.005, "$0.01"),
        (41.87, "$41.87"),
        (999.99, "$999.99"),
        (999.996, "$1.0k"),
        (1234.5, "$1.2k"),
        (2_500_000, "$2.5M"),
        (-3.2, "-$3.20"),
    ],
)
def test_money(value: float | None, text: str) -> None:
    assert fmt.money(value) == text


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([], []),
        ([71.04, 9.0, None, 0.001, 0], ["$71.04", "$9.00", "–", "<$0.01", "$0.00"]),
        ([1234.5, 2], ["$1234.50", "$2.00"]),
        ([12_345.6, 2.4, 0.5], ["$12346", "$2", "<$1"]),
        ([2e9, 1], ["$2.0B", "$1.00"]),
    ],
)
def test_a_column_of_money_has_one_precision(values: list[float | None], texts: list[str]) -> None:
    assert fmt.money_column(values) == texts


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (None, 0, "–"),
        (0, 0, "0 %"),
        (0.3, 0, "<1 %"),
        (0.5, 0, "<1 %"),
        (0.04, 1, "<0.1 %"),
        (83.2, 0, "83 %"),
        (99.7, 0, "99 %"),
        (99.97, 1, "99.9 %"),
        (100, 0, "100 %"),
        (100 * 29.605700055 / 29.60570005500001, 0, "100 %"),
        (98.7, 1, "98.7 %"),
        (140, 0, "140 %"),
        (3e9, 0, "3e+09 %"),
    ],
)
def test_percent_below_100_never_reads_100(value: float | None, digits: int, text: str) -> None:
    assert fmt.percent(value, digits) == text


@pytest.mark.parametrize(
    ("seconds", "text", "words"),
    [
        (-5, "0 s", "0 seconds"),
        (1, "1 s", "1 second"),
        (4.9, "4 s", "4 seconds"),
        (60, "1 m", "1 minute"),
        (359, "5 m", "5 minutes"),
        (7200, "2 h", "2 hours"),
        (3 * 86_400, "3 d", "3 days"),
    ],
)
def test_age(seconds: float, text: str, words: str) -> None:
    assert fmt.age(seconds) == text
    assert fmt.age_words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "said"), [(240, "4 m ago"), (0, "0 s ago"), (-299, "0 s ago"), (-301, "in the future")]
)
def test_how_long_ago_or_that_a_clock_is_wrong(seconds: float, said: str) -> None:
    now = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    assert fmt.ago(now - dt.timedelta(seconds=seconds), now) == said


def test_an_unknown_age_is_missing() -> None:
    assert fmt.age(None) == fmt.duration(None) == fmt.size_bytes(None) == fmt.rate(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (42, "42 s"),
        (48 * 60 + 59, "48 m"),
        (3600, "1 h"),
        (78 * 60, "1 h 18 m"),
        (2 * 86_400 + 3 * 3600, "2 d 3 h"),
        (200 * 86_400 + 3600, "200 d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert fmt.duration(seconds) == text


def test_resets() -> None:
    assert fmt.resets(NOW + dt.timedelta(minutes=78), NOW) == "resets in 1 h 18 m"
    assert fmt.resets(NOW - dt.timedelta(seconds=1), NOW) == "reset due"
    assert fmt.resets(None, NOW) == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (612e6, "612 MB"),
        (999.6e6, "1.0 GB"),
        (1.04e9, "1.0 GB"),
        (2.5e12, "2.5 TB"),
    ],
)
def test_size(size: float, text: str) -> None:
    assert fmt.size_bytes(size) == text


@pytest.mark.parametrize(
    ("window", "short", "words"),
    [
        ("1d", "today", "today"),
        ("7d", "7 d", "last 7 days"),
        ("30d", "30 d", "last 30 days"),
        ("5h", "5 h", "5h"),
        ("all", "all time", "all time"),
        ("billing-cycle", "billing-cycle", "billing-cycle"),
        ("", "", "window"),
    ],
)
def test_names_of_windows(window: str, short: str, words: str) -> None:
    assert fmt.window_short(window) == short
    assert fmt.window_words(window) == words


def test_clock_is_the_viewers() -> None:
    assert fmt.clock(NOW, dt.timezone(dt.timedelta(hours=9))) == "21:41"


def test_a_day_that_is_no_date_stays_as_it_is() -> None:
    assert fmt.day_label("2026-11-02") == "2 Nov"
    assert fmt.day_label("week 3") == "week 3"


@given(st.floats(allow_nan=True, allow_infinity=True))
@settings(max_examples=60)
def test_every_number_stays_short_and_what_is_not_zero_never_reads_zero(value: float) -> None:
    """A peer may send any number; columns must not burst, and 0 means zero."""
    for text in (fmt.count(value), fmt.money(value), fmt.percent(value), fmt.amount(value)):
        assert 0 < len(text) <= 12
    if value > 0 and math.isfinite(value):
        assert fmt.count(value) != "0"
        assert fmt.money(value) != "$0.00"
        assert fmt.percent(value) != "0 %"
        assert fmt.money_column([value, 20_000.0])[0] != "$0"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain ◐ ümläut.jsonl", "plain ◐ ümläut.jsonl"),
        ("a\nb\t\x1b[31m", r"a\nb\t\x1b[31m"),
        ("\udcff\u202e\u2028", r"\udcff\u202e\u2028"),
    ],
)
def test_what_others_wrote_stays_on_its_line(name: str, shown: str) -> None:
    assert fmt.printable(name) == shown
