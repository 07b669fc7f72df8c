"""5-hour blocks."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.read_model.blocks import BLOCK_US, HOUR_US, Block, block_starts, running_block
from openusage.read_model.windows import to_us
from openusage.wire.events import EventKind, TokenCounts, UsageEvent, event_key
from openusage.wire.rollups import ANY, Window
from tests.read_model.fake import FakeStore

DAY = to_us(dt.datetime(2026, 3, 2, tzinfo=dt.UTC))


def us(clock: str) -> int:
    """`09:40` of one day, as microseconds."""
    return to_us(dt.datetime.fromisoformat(f"2026-03-02T{clock}Z"))


def store(*moments: tuple[int, int]) -> FakeStore:
    """Messages at (time, tokens); a token costs 1000 nano-dollars."""
    return FakeStore(
        [
            UsageEvent(
                provider="claude_code",
                account="claude-code",
                at_us=at_us,
                kind=EventKind.MESSAGE,
                event_key=event_key("test", n),
                tokens=TokenCounts(tokens),
                model="m",
            )
            for n, (at_us, tokens) in enumerate(moments)
        ]
    )


def running(*clocks: str, now: str, resets_at: str | None = None, tokens: int = 10) -> tuple[int, int] | None:
    """(start, messages) of the running block."""
    asked = store(*((us(c), tokens) for c in clocks))
    block = running_block(asked, ANY, us(now), None if resets_at is None else us(resets_at))
    return None if block is None else (block.start_us, block.used.events)


def test_a_block_opens_at_the_full_hour_and_holds_what_comes_within_five() -> None:
    assert running("09:40", "11:00", "13:50", now="13:59") == (us("09:00"), 3)


def test_a_message_after_the_end_opens_the_next_block() -> None:
    assert running("09:40", "14:10", "15:00", now="15:30") == (us("14:00"), 2)


def test_the_hours_before_decide_where_a_block_begins() -> None:
    """With a message at 06:10 the block of 09:40 is another one than without."""
    assert running("06:10", "09:40", "11:20", now="11:30") == (us("11:00"), 1)
    assert running("09:40", "11:20", now="11:30") == (us("09:00"), 2)


@pytest.mark.parametrize(("now", "start"), [("10:30", "09:00"), ("13:59", "09:00"), ("14:00", None)])
def test_a_block_runs_until_its_end(now: str, start: str | None) -> None:
    assert running("09:40", now=now) == (start and (us(start), 1))


def test_a_message_without_tokens_opens_nothing() -> None:
    """An interrupted call must not start a block an hour too early."""
    asked = store((us("04:50"), 0), (us("05:10"), 10))
    block = running_block(asked, ANY, us("06:00"))
    assert block is not None
    assert block.start_us == us("05:00")
    assert running("04:50", now="05:00", tokens=0) is None


def test_the_vendors_reset_is_the_truth_for_the_end() -> None:
    """Used on another machine at 08:20: the window began before our first message, and holds more of ours."""
    assert running("08:50", "09:40", "13:10", now="13:15", resets_at="13:20") == (us("08:20"), 3)


def test_the_vendors_block_may_hold_nothing_of_ours() -> None:
    assert running("03:00", now="10:00", resets_at="12:00") == (us("07:00"), 0)


def test_what_came_before_a_reset_that_passed_belongs_to_no_running_block() -> None:
    assert running("09:40", "10:10", now="10:20", resets_at="10:15") is None
    assert running("09:40", "10:30", now="10:40", resets_at="10:15") == (us("10:15"), 1)


def test_a_reset_further_off_than_a_block_is_not_believed() -> None:
    assert running("09:40", now="10:00", resets_at="23:00") == (us("09:00"), 1)


def test_burn_rate_is_cost_an_hour_since_the_block_began() -> None:
    block = running_block(store((us("09:40"), 3_000_000)), ANY, us("10:30"))
    assert block is not None
    assert block.burn_usd_per_h(us("10:30")) == pytest.approx(2.0)
    assert block.progress_pct(us("10:30")) == pytest.approx(30.0)


def test_no_burn_rate_in_the_first_minute_nor_without_cost() -> None:
    (used,) = store((us("09:00"), 10)).usage(Window("all"))
    block = Block(start_us=us("09:00"), used=used)
    assert block.burn_usd_per_h(us("09:01")) is None
    assert block.burn_usd_per_h(us("09:02")) is not None
    (free,) = store().usage(Window("all"))
    assert Block(start_us=us("09:00"), used=free).burn_usd_per_h(us("11:00")) is None


def by_messages(times: list[int]) -> list[int]:
    """Starts of blocks as the rule says it, message by message."""
    starts: list[int] = []
    last = 0
    for t in times:
        if not starts or t >= starts[-1] + BLOCK_US or t - last > BLOCK_US:
            starts.append(t - t % HOUR_US)
        last = t
    return starts


@given(st.lists(st.integers(0, 60 * HOUR_US), min_size=1, max_size=25).map(sorted))
@settings(max_examples=60, deadline=None)
def test_used_hours_tell_the_same_blocks_as_the_messages_themselves(times: list[int]) -> None:
    assert block_starts(sorted({t - t % HOUR_US for t in times})) == by_messages(times)


@given(st.lists(st.integers(0, 60 * 60), min_size=1, max_size=25).map(sorted), st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_the_running_block_is_the_last_of_them_if_it_has_not_ended(minutes: list[int], later: int) -> None:
    times = [DAY + m * 60_000_000 for m in minutes]
    now_us = times[-1] + later * 60_000_000
    start = by_messages(times)[-1]
    block = running_block(store(*((t, 1) for t in times)), ANY, now_us)
    if now_us >= start + BLOCK_US:
        assert block is None
    else:
        assert block is not None
        assert (block.start_us, block.used.events) == (start, sum(t >= start for t in times))
