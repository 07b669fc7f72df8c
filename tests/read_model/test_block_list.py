"""All 5-hour blocks of a window: their sums, their bounds, the running one's projection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.errors import UsageError
from openusage.read_model import block_list as module
from openusage.read_model.block_list import block_list
from openusage.read_model.blocks import BLOCK_US, running_block
from openusage.read_model.windows import from_us, to_us
from openusage.store import Store
from openusage.wire.events import EventKind, TokenCounts, UsageEvent, event_key
from openusage.wire.fleet import AccountMember, AccountState, Quota
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window, add
from openusage.wire.sessions import BlockList, BlockRow
from tests.store.samples import open_store

DAY = to_us(dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
MINUTE_US = 60_000_000
ALL = Window("all")
MESSAGES = Filter(providers=("claude_code",), kinds=(EventKind.MESSAGE,))


def us(clock: str) -> int:
    return to_us(dt.datetime.fromisoformat(f"2026-03-02T{clock}Z"))


def event(n: int, at_us: int, tokens: int | None = 10, **more: Any) -> UsageEvent:
    fields: dict[str, Any] = {"provider": "claude_code", "account": "claude-code", "model": "opus"} | more
    return UsageEvent(
        at_us=at_us,
        kind=EventKind.MESSAGE,
        event_key=event_key("test", n),
        tokens=TokenCounts(tokens),
        **fields,
    )


def used(*clocks: str) -> Store:
    store = open_store()
    store.add([event(n, us(clock)) for n, clock in enumerate(clocks)])
    return store


def account(resets_at_us: int | None = None, machines: Sequence[str] = ("laptop",)) -> AccountState:
    """An account of machines whose ids in a store are `m-<name>`."""
    resets_at = None if resets_at_us is None else from_us(resets_at_us)
    limit = Quota(
        key="usage_five_hour",
        unit="%",
        window="5h",
        used=1.0,
        limit=100.0,
        remaining=99.0,
        resets_at=resets_at,
        read_at=from_us(DAY),
        behaviour="cap",
        scope="account",
        machine=machines[0],
    )
    return AccountState(
        provider="claude_code",
        account="claude-code",
        account_key=None,
        machines=list(machines),
        members=[AccountMember(machine=m, machine_id=f"m-{m}", account="claude-code") for m in machines],
        facts={},
        quotas=[limit],
    )


def blocks(
    store: Store,
    now: str = "23:59",
    window: Window = ALL,
    where: Filter = ANY,
    accounts: Sequence[AccountState] = (),
) -> BlockList:
    return block_list(store, window, where, accounts, from_us(us(now)))


def spans(found: BlockList) -> list[tuple[str, str, int]]:
    """(start, end, messages), the oldest first."""
    return [
        (f"{from_us(b.start_us):%H:%M}", f"{from_us(b.end_us):%H:%M}", b.used.events)
        for b in reversed(found.blocks)
    ]


def test_the_example_of_the_rule() -> None:
    """$1 at 10:20, $2 at 11:10, $1 at 15:05: two blocks, $3 and $1."""
    found = blocks(used("10:20", "11:10", "15:05"), now="11:30")
    assert spans(found) == [("10:00", "15:00", 2), ("15:00", "20:00", 1)]
    assert [b.running for b in found.blocks] == [False, True]


def test_the_running_block_is_projected_at_the_rate_since_it_began() -> None:
    (block,) = blocks(used("10:20", "11:10"), now="11:30").blocks
    cost_nano = block.used.cost_nano
    assert block.burn_nano_per_h == pytest.approx(cost_nano / 1.5, abs=1)
    assert block.projected_tokens == 20 * 300 // 90
    assert block.projected_nano == cost_nano * 300 // 90
    (ended,) = blocks(used("10:20", "11:10"), now="15:00").blocks
    assert (ended.running, ended.burn_nano_per_h, ended.projected_tokens) == (False, None, None)


def test_nothing_is_projected_in_the_first_minute_nor_money_without_cost() -> None:
    (early,) = blocks(used("10:00"), now="10:01").blocks
    assert (early.running, early.projected_tokens) == (True, None)
    store = open_store()
    store.add([event(1, us("10:00"), model="unknown")])
    (free,) = blocks(store, now="11:00").blocks
    assert (free.burn_nano_per_h, free.projected_nano, free.projected_tokens) == (None, None, 50)


def test_a_window_cuts_a_block_and_its_projection_is_of_the_whole() -> None:
    store = used("10:20", "11:10", "15:05")
    window = Window("custom", us("11:00"), us("12:00"))
    (block,) = blocks(store, now="11:30", window=window).blocks
    assert (block.used.events, block.cut, block.running) == (1, True, True)
    assert block.projected_tokens == 20 * 300 // 90


def test_the_hours_before_a_window_decide_where_its_first_block_begins() -> None:
    store = used("06:10", "09:40", "11:20")
    found = blocks(store, window=Window("custom", us("09:00"), None))
    assert spans(found) == [("06:00", "11:00", 1), ("11:00", "16:00", 1)]
    assert [b.cut for b in found.blocks] == [False, True]


def test_a_filter_does_not_move_the_blocks_of_an_account() -> None:
    store = open_store()
    store.add([event(1, us("06:10"), project="a"), event(2, us("09:40"), project="b")])
    found = blocks(store, where=Filter(projects=("b",)))
    assert spans(found) == [("06:00", "11:00", 1)]


def test_machines_that_share_an_account_share_its_blocks() -> None:
    store = open_store()
    store.add([event(1, us("06:10"))], machine="m-laptop")
    store.add([event(2, us("09:40"))], machine="m-desktop")
    shared = blocks(store, accounts=[account(machines=("desktop", "laptop"))])
    assert spans(shared) == [("06:00", "11:00", 2)]
    assert shared.blocks[0].machines == ["desktop", "laptop"]
    own = blocks(store, accounts=[account(machines=("desktop",)), account(machines=("laptop",))])
    assert spans(own) == [("06:00", "11:00", 1), ("09:00", "14:00", 1)]


def test_only_plans_with_such_limits_are_told_unless_others_are_asked_for() -> None:
    store = open_store()
    store.add([event(1, us("06:10")), event(2, us("07:10"), provider="codex")])
    assert [b.provider for b in blocks(store).blocks] == ["claude_code"]
    assert [b.provider for b in blocks(store, where=Filter(providers=("codex",))).blocks] == ["codex"]


def test_the_vendors_word_ends_the_block_before() -> None:
    """Its block began at 11:20, in the middle of an hour that was used before and after."""
    store = used("09:10", "11:10", "11:30", "12:00")
    found = blocks(store, now="12:30", accounts=[account(us("16:20"))])
    assert spans(found) == [("09:00", "11:20", 2), ("11:20", "16:20", 2)]
    assert [b.running for b in found.blocks] == [True, False]


def test_after_a_reset_that_passed_the_hours_tell_again() -> None:
    store = used("09:10", "10:10", "10:30", "15:20")
    found = blocks(store, now="15:30", accounts=[account(us("10:20"))])
    assert spans(found) == [("09:00", "10:20", 2), ("10:20", "15:00", 1), ("15:00", "20:00", 1)]


def test_what_used_nothing_lies_outside() -> None:
    store = open_store()
    store.add([event(1, us("04:50"), tokens=0), event(2, us("06:10")), event(3, us("06:20"), tokens=None)])
    found = blocks(store)
    assert spans(found) == [("06:00", "11:00", 2)]
    assert found.outside.events == 1


def test_too_many_blocks_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BLOCKS", 1)
    with pytest.raises(UsageError, match="more than 1 blocks"):
        blocks(used("01:00", "09:00"))


_minutes = st.lists(
    st.tuples(st.integers(0, 80 * 60), st.sampled_from([0, 7, 1000])), max_size=25, unique_by=lambda m: m[0]
)
_ends = st.none() | st.integers(0, 80 * 60)


@given(_minutes, st.tuples(_ends, _ends), st.integers(0, 85 * 60), st.none() | st.integers(-600, 400))
@settings(max_examples=80, deadline=None)
def test_blocks_add_up_share_nothing_and_have_the_running_one_among_them(
    minutes: list[tuple[int, int]], ends: tuple[int | None, int | None], now: int, resets_in: int | None
) -> None:
    store = open_store()
    store.add([event(n, DAY + m * MINUTE_US, tokens) for n, (m, tokens) in enumerate(minutes)])
    start_us, end_us = (None if end is None else DAY + end * MINUTE_US for end in ends)
    window, now_us = Window("custom", start_us, end_us), DAY + now * MINUTE_US
    resets_at_us = None if resets_in is None else now_us + resets_in * MINUTE_US
    found = block_list(store, window, ANY, [account(resets_at_us)], from_us(now_us))

    both = add([*(b.used for b in found.blocks), found.outside])
    days = add(store.usage(window, (By.DAY,), MESSAGES))
    assert (both.events, both.input, both.cost_nano) == (days.events, days.input, days.cost_nano)
    assert (found.outside.total_tokens, found.outside.cost_nano) == (0, 0)
    ordered = found.blocks[::-1]
    for block, later in pairwise(ordered):
        assert block.end_us <= later.start_us
    for block in ordered:
        assert block.start_us < block.end_us <= block.start_us + BLOCK_US
        assert block.start_us <= block.used.first_us <= block.used.last_us < block.end_us
        assert block.running == (block.start_us <= now_us < block.end_us)
    if window == Window("custom"):
        check_running(store, found.blocks, now_us, resets_at_us)
    store.close()


def check_running(store: Store, rows: list[BlockRow], now_us: int, resets_at_us: int | None) -> None:
    """The running block is that of tiles, unless events of the future are in the store."""
    later: Rollup = add(store.usage(Window("custom", now_us + 1), (), MESSAGES))
    block = running_block(store, MESSAGES, now_us, resets_at_us)
    mine = [row for row in rows if row.running]
    if later.events or (block is not None and not block.used.events):
        return
    assert [(r.start_us, msgspec.structs.replace(r.used, key={})) for r in mine] == (
        [] if block is None else [(block.start_us, block.used)]
    )
