from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.errors import UsageError
from openusage.store.slots import (
    BASE,
    DAY_US,
    EVENT,
    SLOT_US,
    SLOTS_A_DAY,
    Grain,
    Piece,
    Unit,
    day_name,
    hour_name,
    pieces,
    segments,
)

HOURLY = (BASE[0], Unit("hourly", 4), BASE[-1])
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]
DAY_0 = 20_000


def span_us(piece: Piece) -> tuple[int, int]:
    unit = piece.slots * SLOT_US if piece.slots else 1
    assert (piece.table == EVENT) == (piece.slots == 0)
    return piece.start * unit, piece.end * unit


@given(
    start=st.integers(0, 400 * DAY_US),
    length=st.integers(0, 40 * DAY_US),
    grain=st.sampled_from(Grain),
    tz=st.sampled_from(ZONES),
    units=st.sampled_from([BASE, BASE[-1:], HOURLY, HOURLY[1:]]),
)
@settings(max_examples=60)
def test_pieces_cover_the_window_exactly_once_where_raw_events_are_kept(
    start: int, length: int, grain: Grain, tz: str, units: tuple[Unit, ...]
) -> None:
    """No microsecond is left out and none is counted twice, whatever the window, zone and grouping."""
    start += DAY_0 * DAY_US
    spans = sorted(span_us(p) for p in pieces(start, start + length, 0, grain, tz, units))
    at = start
    for begin, end in spans:
        assert begin == at
        assert end > begin
        at = end
    assert at == start + length if length else not spans


@given(cuts=st.lists(st.integers(0, 5 * DAY_US), min_size=3, max_size=3, unique=True))
@settings(max_examples=60)
def test_adjacent_windows_share_pruned_slots_without_overlap(cuts: list[int]) -> None:
    """Where raw events are gone a cut slot belongs, whole, to the window that it begins in."""
    a, b, c = sorted(cuts)
    never = 1 << 60

    def slots(start: int, end: int) -> list[int]:
        found = pieces(start, end, never, Grain.NONE, "UTC", BASE[-1:])
        return [slot for piece in found for slot in range(piece.start, piece.end)]

    assert slots(a, b) + slots(b, c) == slots(a, c)


def test_whole_utc_days_are_read_from_the_day_table() -> None:
    start = DAY_0 * DAY_US
    assert pieces(start, start + 3 * DAY_US, 0, Grain.NONE, "UTC") == [
        Piece("rollup_day", DAY_0, DAY_0 + 3, SLOTS_A_DAY)
    ]
    assert {p.table for p in pieces(start, start + 3 * DAY_US, 0, Grain.DAY, "Asia/Kolkata")} == {"rollup"}


def test_the_longest_spans_that_fit_are_read() -> None:
    """Local days of a zone that is whole hours away are made of hours, those of any other zone of slots."""
    start, end = DAY_0 * DAY_US + 1, (DAY_0 + 2) * DAY_US + 5 * SLOT_US
    assert [(p.table, p.end - p.start) for p in pieces(start, end, 0, Grain.NONE, "UTC", HOURLY)] == [
        ("event", SLOT_US - 1),
        ("rollup", 3),
        ("hourly", 23),
        ("rollup_day", 1),
        ("hourly", 1),
        ("rollup", 1),
    ]
    start = DAY_0 * DAY_US

    def tables(grain: Grain, tz: str) -> set[str]:
        return {p.table for p in pieces(start, start + 3 * DAY_US, 0, grain, tz, HOURLY)}

    assert tables(Grain.DAY, "Europe/Berlin") == tables(Grain.HOUR, "UTC") == {"hourly"}
    assert tables(Grain.DAY, "Asia/Kolkata") == tables(Grain.HOUR, "Asia/Kathmandu") == {"rollup"}


@pytest.mark.parametrize("tz", ZONES)
def test_days_of_slots_are_the_days_of_the_zone(tz: str) -> None:
    """Every slot of a year, also around summer time, falls on the day and hour that a calendar says."""
    zone = ZoneInfo(tz)
    start = DAY_0 * SLOTS_A_DAY
    at = start
    for begin, end, shift in segments(tz, start, start + 366 * SLOTS_A_DAY):
        assert begin == at
        at = end
        for slot in {begin, begin + 1, end - 1, *range(begin, end, 37)}:
            local = dt.datetime.fromtimestamp(slot * 900, zone)
            assert day_name((slot + shift) // SLOTS_A_DAY) == local.date().isoformat()
            assert hour_name((slot + shift) // 4) == local.strftime("%Y-%m-%dT%H")
    assert at == start + 366 * SLOTS_A_DAY


def test_an_unknown_zone_is_refused_with_its_name() -> None:
    with pytest.raises(UsageError, match="Mars/Olympus"):
        list(segments("Mars/Olympus", 0, 5))
    with pytest.raises(UsageError):
        list(segments("../etc/passwd", 0, 5))
