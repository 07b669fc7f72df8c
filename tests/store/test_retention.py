from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.store import retention
from openusage.wire.rollups import By, Window
from tests.store.samples import ALL, DAY_US, HOUR_US, NOW_US, many, message, open_store, tool

MIDNIGHT_US = NOW_US // DAY_US * DAY_US


def test_sums_stay_when_raw_events_go() -> None:
    store = open_store()
    store.add(many(300, days=60))
    before = [store.usage(ALL, by) for by in ((), (By.DAY, By.MODEL), (By.SESSION,), (By.HOUR, By.TOOL))]
    sessions = store.sessions(ALL)
    result = store.prune(NOW_US, 30)
    assert 100 < result.events < 200
    assert store.health().events == 300 - result.events
    after = [store.usage(ALL, by) for by in ((), (By.DAY, By.MODEL), (By.SESSION,), (By.HOUR, By.TOOL))]
    assert after == before
    assert store.sessions(ALL) == sessions
    store.close()


@given(days=st.lists(st.integers(1, 50), min_size=1, max_size=4), seed=st.integers(0, 20))
@settings(max_examples=15, deadline=None)
def test_logs_read_again_after_pruning_are_not_counted_twice(days: list[int], seed: int) -> None:
    """Whatever was pruned when, from any machine, with any time in the copy."""
    events = many(80, seed, days=60)
    store = open_store()
    store.add(events)
    for retention_days in days:
        store.prune(NOW_US, retention_days)
        assert store.add(events).inserted == 0
        assert store.add(events, machine="m2").inserted == 0
    total = store.usage(ALL)[0]
    assert (total.events, total.total_tokens) == (80, sum(e.tokens.total for e in events))
    store.close()


def test_a_copy_with_another_time_is_still_the_pruned_event() -> None:
    store = open_store()
    store.add([message("a", NOW_US - 40 * DAY_US)])
    assert store.prune(NOW_US, 30).events == 1
    assert store.add([message("a", NOW_US, output=5000)]).inserted == 0
    assert store.usage(ALL)[0].output == 100
    store.close()


def test_the_past_of_a_tool_that_joins_after_pruning_is_counted() -> None:
    """No floor in time: a machine that joins later brings its own past."""
    store = open_store()
    store.add([message("a", NOW_US - 40 * DAY_US)])
    store.prune(NOW_US, 30)
    assert store.add([message("b", NOW_US - 41 * DAY_US)], machine="m2").inserted == 1
    store.prune(NOW_US, 30)
    assert store.add([message("b", NOW_US - 41 * DAY_US)], machine="m2").inserted == 0
    assert store.usage(ALL)[0].events == 2
    assert store.oldest_us() == NOW_US - 41 * DAY_US
    store.close()


def test_a_window_that_cuts_a_pruned_slot_takes_it_whole_or_not() -> None:
    slot = MIDNIGHT_US - 60 * DAY_US
    store = open_store()
    store.add([message("a", slot + 60_000_000), message("b", slot + 600_000_000)])
    cut = slot + 300_000_000
    first, second = Window("custom", slot, cut), Window("custom", cut, cut + HOUR_US)
    assert [store.usage(w)[0].events for w in (first, second)] == [1, 1]
    store.prune(NOW_US, 30)
    assert [store.usage(w)[0].events for w in (first, second)] == [2, 0]
    store.close()


def test_whole_days_are_pruned() -> None:
    """The day that the retention cuts is kept, so that no slot is half raw."""
    store = open_store()
    edge = (NOW_US - 30 * DAY_US) // DAY_US * DAY_US
    store.add([message("a", edge - 1), message("b", edge + 1), message("c")])
    assert store.prune(NOW_US, 30).events == 1
    assert store.usage(Window("custom", edge + 1, edge + 2))[0].events == 1
    store.close()


def test_a_late_event_of_a_pruned_day_can_still_grow() -> None:
    store = open_store()
    day = NOW_US - 40 * DAY_US
    store.add([message("a", day)])
    store.prune(NOW_US, 30)
    store.add([message("late", day + 1, output=1)])
    store.add([message("late", day + 5, output=7)])
    (row,) = store.usage(ALL)
    assert (row.events, row.output, row.first_us) == (2, 107, day)
    assert row.last_us == day + 5
    store.close()


def test_much_is_pruned_in_several_calls() -> None:
    """One call is short, so that others can write; it says that more is left."""
    store = open_store()
    count = retention.BATCH * retention.MOST_BATCHES
    store.add([tool(n, NOW_US - 40 * DAY_US) for n in range(count + 10)])
    first = store.prune(NOW_US, 30)
    assert (first.events, first.backlog) == (count, True)
    second = store.prune(NOW_US, 30)
    assert (second.events, second.backlog) == (10, False)
    assert store.usage(ALL)[0].events == count + 10
    store.close()


def test_a_small_store_gives_no_backlog_and_no_change() -> None:
    store = open_store()
    store.add([message("a")])
    before = store.revision()
    result = store.prune(NOW_US, 30)
    assert (result.events, result.readings, result.backlog) == (0, 0, False)
    assert store.revision() == before
    store.close()
