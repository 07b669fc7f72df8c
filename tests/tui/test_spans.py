"""Windows and typed ranges as spans of time, in any zone."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from openusage.errors import UsageError
from openusage.tui.spans import Moment, Span, before, moment_of, parse_range, slots, us, window
from openusage.wire.rollups import By

NOW = dt.datetime(2026, 11, 22, 12, 41, 30, tzinfo=dt.UTC)
UTC = Moment(NOW, dt.UTC, "UTC")
TODAY = NOW.date()
BERLIN = ZoneInfo("Europe/Berlin")


def at(moment: Moment, text: str) -> int:
    return us(dt.datetime.fromisoformat(text).replace(tzinfo=moment.tz))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-10-01..2026-10-31", "2026-10-01", "2026-10-31"),
        (" 2026-10-05 ", "2026-10-05", "2026-10-05"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-08..2026-10", "2026-08-01", "2026-10-31"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-11-01..", "2026-11-01", "2026-11-22"),
        ("2026-12-24..", "2026-12-24", "2026-12-24"),
    ],
)
def test_what_is_understood_as_a_range(text: str, first: str, last: str) -> None:
    span = parse_range(text, TODAY)
    assert (span.first, span.last) == (dt.date.fromisoformat(first), dt.date.fromisoformat(last))
    assert parse_range(span.name, TODAY) == span


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no range"),
        ("last week", "is no range"),
        ("..2026-10-31", "is no range"),
        ("2026-10-01 2026-10-31", "is no range"),
        ("2026-02-31", "does not exist"),
        ("2026-13", "does not exist"),
        ("2026-10-31..2026-10-01", "is before"),
        ("1900-01-01..2026-10-01", "at most 20 years"),
    ],
)
def test_what_is_none_says_what_is_understood(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        parse_range(text, TODAY)
    assert "2026-10-01..2026-10-31" in error.value.hint


def test_words_of_spans() -> None:
    assert Span("7d").words == "last 7 days"
    assert parse_range("2026-10", TODAY).words == "1 Oct – 31 Oct 2026"
    assert parse_range("2025-12-30..2026-01-02", TODAY).words == "30 Dec 2025 – 2 Jan 2026"
    assert parse_range("2026-10-05", TODAY).words == "5 Oct 2026"


def test_windows_begin_at_whole_minutes_and_end_with_tomorrow() -> None:
    today, week = window(Span("1d"), UTC), window(Span("7d"), UTC)
    assert today.from_us == at(UTC, "2026-11-22T00:00")
    assert week.from_us == at(UTC, "2026-11-15T12:41")
    assert today.to_us == week.to_us == at(UTC, "2026-11-24T00:00")
    assert window(Span("all"), UTC).from_us is None


def test_a_range_is_whole_local_days_also_where_one_has_25_hours() -> None:
    berlin = Moment(NOW, BERLIN, "Europe/Berlin")
    asked = window(parse_range("2026-10-25", TODAY), berlin)
    assert asked.name == "custom"
    assert (asked.to_us or 0) - (asked.from_us or 0) == 25 * 3_600_000_000


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("1d", "2026-11-21T00:00", "2026-11-21T12:41"),
        ("3d", "2026-11-16T12:41", "2026-11-19T12:41"),
        ("30d", "2026-09-23T12:41", "2026-10-23T12:41"),
    ],
)
def test_windows_are_compared_with_as_long_before(name: str, start: str, end: str) -> None:
    found = before(Span(name), UTC)
    assert found is not None
    assert (found.from_us, found.to_us) == (at(UTC, start), at(UTC, end))


def test_a_range_is_compared_with_as_many_days_before() -> None:
    found = before(parse_range("2026-10-01..2026-10-31", TODAY), UTC)
    assert found is not None
    assert (found.from_us, found.to_us) == (at(UTC, "2026-08-31T00:00"), at(UTC, "2026-10-01T00:00"))


def test_a_range_that_is_not_over_is_compared_with_as_much_as_has_passed() -> None:
    month = before(parse_range("2026-11", TODAY), UTC)
    assert month is not None
    assert (month.from_us, month.to_us) == (at(UTC, "2026-10-02T00:00"), at(UTC, "2026-10-23T12:41"))


def test_all_has_nothing_before() -> None:
    assert before(Span("all"), UTC) is None


def test_days_are_whole_and_end_today() -> None:
    week = slots(Span("7d"), UTC)
    assert week.unit is By.DAY
    assert (week.labels[0], week.labels[-1], len(week.labels)) == ("2026-11-15", "2026-11-22", 8)
    assert week.window.from_us == at(UTC, "2026-11-15T00:00")


def test_a_single_day_is_drawn_by_hours_up_to_now() -> None:
    today = slots(Span("1d"), UTC)
    assert today.unit is By.HOUR
    assert (today.labels[0], today.labels[-1]) == ("2026-11-22T00", "2026-11-22T12")
    past = slots(parse_range("2026-10-05", TODAY), UTC)
    assert len(past.labels) == 24


def test_hours_of_a_day_with_a_clock_change_have_each_label_once() -> None:
    berlin = Moment(NOW, BERLIN, "Europe/Berlin")
    back = slots(parse_range("2026-10-25", TODAY), berlin)
    forward = slots(parse_range("2026-03-29", TODAY), berlin)
    assert len(back.labels) == 24
    assert len(set(back.labels)) == 24
    assert len(forward.labels) == 23


def test_a_range_that_lies_ahead_in_part_is_drawn_up_to_today() -> None:
    month = slots(parse_range("2026-11", TODAY), UTC)
    assert month.labels[-1] == "2026-11-22"
    old = slots(parse_range("2026-10", TODAY), UTC)
    assert (len(old.labels), old.labels[-1]) == (31, "2026-10-31")


def test_all_time_begins_where_our_data_do() -> None:
    ever = slots(Span("all"), UTC)
    assert ever.filled([], UTC) == ()
    assert ever.filled(["2026-11-20", "2026-11-19"], UTC) == (
        "2026-11-19",
        "2026-11-20",
        "2026-11-21",
        "2026-11-22",
    )


def test_hours_of_several_days() -> None:
    found = slots(Span("3d"), UTC, hours=True)
    assert found.unit is By.HOUR
    assert (found.labels[0], found.labels[-1]) == ("2026-11-19T00", "2026-11-22T12")


def test_moments_are_exact() -> None:
    assert moment_of(us(NOW)) == NOW
