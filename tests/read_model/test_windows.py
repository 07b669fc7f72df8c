"""Windows and local days, also where clocks change."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.read_model import window
from openusage.read_model.windows import before, cut, day_start, from_us, local_date, series_window, to_us
from openusage.wire.rollups import Window

NOW = dt.datetime(2026, 11, 22, 7, 30, tzinfo=dt.UTC)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("1d", dt.datetime(2026, 11, 21, 23, tzinfo=dt.UTC)),
        ("3d", NOW - dt.timedelta(days=3)),
        ("7d", NOW - dt.timedelta(days=7)),
        ("30d", NOW - dt.timedelta(days=30)),
    ],
)
def test_windows_of_the_dashboard(name: str, start: dt.datetime) -> None:
    """Today is since midnight of the viewer's zone, the others roll; a clock may be fast until tomorrow."""
    end = dt.datetime(2026, 11, 23, 23, tzinfo=dt.UTC)
    assert window(name, NOW, "Europe/Berlin") == Window(name, to_us(start), to_us(end))


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("1d", dt.datetime(2026, 11, 20, 23, tzinfo=dt.UTC), NOW - dt.timedelta(days=1)),
        ("3d", NOW - dt.timedelta(days=6), NOW - dt.timedelta(days=3)),
        ("30d", NOW - dt.timedelta(days=60), NOW - dt.timedelta(days=30)),
    ],
)
def test_what_a_window_is_compared_with(name: str, start: dt.datetime, end: dt.datetime) -> None:
    found = before(window(name, NOW, "Europe/Berlin"), NOW, "Europe/Berlin")
    assert found == Window("custom", to_us(start), to_us(end))


def test_all_time_has_nothing_before_it() -> None:
    assert before(window("all", NOW, "UTC"), NOW, "UTC") is None


def test_just_after_midnight_of_a_day_behind_one_of_23_hours_nothing_of_yesterday_counts() -> None:
    now = dt.datetime(2026, 3, 29, 22, 10, tzinfo=dt.UTC)  # 00:10 in Berlin, the day after the clock change
    found = before(window("1d", now, "Europe/Berlin"), now, "Europe/Berlin")
    assert found is not None
    assert found.from_us == found.to_us


def test_all_is_open() -> None:
    assert window("all", NOW, "UTC") == Window("all", None, None)


def test_an_unknown_window_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'5d'"):
        window("5d", NOW, "UTC")


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00Z"),
        ("2026-03-30", "Europe/Berlin", "2026-03-29T22:00Z"),
        ("2026-10-26", "Europe/Berlin", "2026-10-25T23:00Z"),
        (
            "2018-11-04",
            "America/Sao_Paulo",
            "2018-11-04T03:00Z",
        ),  # 00:00 does not exist, the day begins at 01:00
        ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00Z"),  # the day before does not exist at all
    ],
)
def test_days_begin_at_local_midnight(day: str, zone: str, start: str) -> None:
    assert day_start(dt.date.fromisoformat(day), zone) == dt.datetime.fromisoformat(start)


@given(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2035, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001
@settings(max_examples=60, deadline=None)
def test_the_start_of_a_day_is_its_first_instant(at: dt.datetime, zone: str) -> None:
    """One microsecond before, a clock in the zone shows another date."""
    now = at.replace(tzinfo=dt.UTC)
    day = local_date(now, zone)
    start = day_start(day, zone)
    assert start <= now
    assert local_date(start, zone) == day
    assert local_date(start - dt.timedelta(microseconds=1), zone) < day


@given(st.integers(-(10**16), 10**17))
@settings(deadline=None)
def test_microseconds_are_exact(at_us: int) -> None:
    assert to_us(from_us(at_us)) == at_us


@pytest.mark.parametrize(
    ("name", "first_day"), [("1d", "2026-11-15"), ("7d", "2026-11-15"), ("30d", "2026-10-23")]
)
def test_series_cover_whole_days_and_at_least_seven(name: str, first_day: str) -> None:
    series = series_window(window(name, NOW, "Europe/Berlin"), NOW, "Europe/Berlin")
    assert series.from_us is not None
    first = from_us(series.from_us).astimezone(ZoneInfo("Europe/Berlin"))
    assert (first.date().isoformat(), first.time()) == (first_day, dt.time())
    assert series_window(Window("all"), NOW, "UTC").from_us is None


_edge = st.none() | st.integers(0, 8)


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(_edge, _edge), min_size=1), st.integers(-1, 9))
@settings(deadline=None)
def test_a_moment_is_in_one_piece_that_names_the_periods_it_is_in(
    bounds: dict[str, tuple[int | None, int | None]], at: int
) -> None:
    periods = {name: Window(name, *b) for name, b in bounds.items()}

    def holds(w: Window) -> bool:
        return (w.from_us is None or w.from_us <= at) and (w.to_us is None or at < w.to_us)

    expected = {name for name, w in periods.items() if holds(w)}
    pieces = [names for w, names in cut(periods) if holds(w)]
    assert pieces == ([expected] if expected else [])
