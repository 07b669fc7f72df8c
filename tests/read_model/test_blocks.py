"""5-hour blocks out of messages in time order."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.read_model.blocks import BLOCK_US, HOUR_US, active_block, blocks, settles_start
from openusage.read_model.windows import to_us
from openusage.wire.rollups import Moment


def us(time: str) -> int:
    """`09:40` of one day, or `+1 09:40` of the next."""
    days, _, clock = time.rpartition(" ")
    at = dt.datetime.fromisoformat(f"2026-03-02T{clock}Z") + dt.timedelta(days=int(days or 0))
    return to_us(at)


def moment(time: str, tokens: int = 10, cost_nano: int = 10**9) -> Moment:
    return Moment(us(time), tokens, tokens, 0, 0, 0, cost_nano if tokens else 0)


def test_a_block_opens_at_the_full_hour_and_holds_what_comes_within_five() -> None:
    found = blocks([moment("09:40"), moment("11:00"), moment("13:59")])
    assert [(b.start_us, b.end_us, b.messages, b.cost_nano) for b in found] == [
        (us("09:00"), us("14:00"), 3, 3 * 10**9)
    ]


def test_a_message_after_the_end_opens_the_next_block() -> None:
    assert [b.start_us for b in blocks([moment("09:40"), moment("14:10"), moment("15:00")])] == [
        us("09:00"),
        us("14:00"),
    ]


def test_a_pause_of_more_than_five_hours_opens_the_next_block() -> None:
    assert [b.start_us for b in blocks([moment("09:00"), moment("19:30")])] == [us("09:00"), us("19:00")]


def test_a_message_without_tokens_opens_nothing() -> None:
    """An interrupted call must not start a block an hour too early."""
    assert [b.start_us for b in blocks([moment("04:50", tokens=0), moment("05:10")])] == [us("05:00")]


@pytest.mark.parametrize(
    ("now", "start"), [("10:30", "09:00"), ("13:59", "09:00"), ("14:00", None), ("14:30", None)]
)
def test_a_block_is_active_until_its_end(now: str, start: str | None) -> None:
    block = active_block([moment("09:40")], us(now))
    assert (block and block.start_us) == (start and us(start))


def test_the_vendors_reset_is_the_truth_for_the_end() -> None:
    """Used on another machine at 08:20: the window began before our first message, and holds more of ours."""
    moments = [moment("08:50"), moment("09:40"), moment("13:10")]
    block = active_block(moments, us("13:15"), us("13:20"))
    assert block is not None
    assert (block.start_us, block.end_us, block.messages) == (us("08:20"), us("13:20"), 3)


def test_what_came_before_a_reset_that_passed_belongs_to_no_running_block() -> None:
    moments = [moment("09:40"), moment("10:30")]
    assert active_block(moments, us("10:20"), us("10:00")) is None
    block = active_block(moments, us("10:40"), us("10:00"))
    assert block is not None
    assert (block.start_us, block.messages) == (us("10:00"), 1)


def test_burn_rate_is_cost_an_hour_since_the_block_began() -> None:
    block = active_block([moment("09:40", cost_nano=3 * 10**9)], us("10:30"))
    assert block is not None
    assert block.burn_usd_per_h(us("10:30")) == pytest.approx(2.0)
    assert block.progress_pct(us("10:30")) == pytest.approx(30.0)


def test_no_burn_rate_in_the_first_minute_nor_without_cost() -> None:
    fresh = active_block([moment("09:00")], us("09:01"))
    free = active_block([moment("09:00", cost_nano=0)], us("11:00"))
    assert fresh is not None
    assert free is not None
    assert fresh.burn_usd_per_h(us("09:01")) is None
    assert fresh.burn_usd_per_h(us("09:02")) is not None
    assert free.burn_usd_per_h(us("11:00")) is None


_times = st.lists(st.integers(0, 40 * HOUR_US), min_size=1, max_size=12).map(sorted)


@given(_times)
@settings(max_examples=60)
def test_blocks_hold_every_message_once_and_do_not_overlap(times: list[int]) -> None:
    found = blocks(Moment(t, 1, 1, 0, 0, 0, 1) for t in times)
    assert sum(b.messages for b in found) == len(times)
    for b in found:
        assert any(b.start_us <= t < b.end_us for t in times)
        assert b.start_us % HOUR_US == 0
    for a, b in itertools.pairwise(found):
        assert b.start_us >= a.end_us


@given(_times, _times)
@settings(max_examples=60)
def test_after_a_pause_earlier_messages_change_nothing(earlier: list[int], times: list[int]) -> None:
    """Then it is enough to look back to the pause."""
    later = [Moment(50 * HOUR_US + t, 1, 1, 0, 0, 0, 1) for t in times]
    before = [Moment(t, 1, 1, 0, 0, 0, 1) for t in earlier]
    if settles_start(later):
        assert active_block(before + later, later[-1].at_us) == active_block(later, later[-1].at_us)


def test_a_chain_without_a_pause_is_not_settled() -> None:
    assert not settles_start([moment("09:00"), moment("13:00"), moment("17:00")])
    assert settles_start([moment("09:00"), moment("14:00", tokens=0), moment("14:30")])
    assert BLOCK_US == 5 * HOUR_US
