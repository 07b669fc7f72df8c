"""The clock's decisions, by hand-moved time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.daemon.schedule import MAX_POLL_PAUSE_S, MAX_REST_S, RETRY_S, Job, Progress, Schedule


def test_at_the_start_reading_and_asking_are_due() -> None:
    assert Schedule(100.0, collect_s=30).due(100.0) == [Job.COLLECT, Job.POLL]


def test_sweeps_that_find_nothing_grow_apart_and_a_find_brings_them_back() -> None:
    schedule = Schedule(0.0, collect_s=30)
    waits = []
    for _ in range(8):
        schedule.collected(0.0, found=False)
        waits.append(_until(schedule, Job.COLLECT))
    assert waits == [30, 30, 30, 60, 120, 240, 240, 240]
    schedule.collected(0.0, found=True)
    assert _until(schedule, Job.COLLECT) == 30


def test_the_watcher_makes_reading_due_at_once() -> None:
    schedule = Schedule(0.0, collect_s=30)
    schedule.collected(0.0, found=True)
    assert Job.COLLECT not in schedule.due(5.0)
    schedule.wake(5.0)
    assert Job.COLLECT in schedule.due(5.0)


def test_another_pace_holds_at_once_where_it_is_quicker() -> None:
    schedule = Schedule(0.0, collect_s=30, poll_s=300)
    schedule.collected(0.0, found=True)
    schedule.done(Job.POLL, 0.0)
    schedule.pace(1.0, collect_s=5, poll_s=600)
    assert (_until(schedule, Job.COLLECT), _until(schedule, Job.POLL)) == (6, 300)
    schedule.collected(6.0, found=True)
    schedule.done(Job.POLL, 300.0)
    assert (_until(schedule, Job.COLLECT), _until(schedule, Job.POLL)) == (11, 900)


def test_a_look_that_is_long_is_followed_by_a_long_rest_unless_it_found_something() -> None:
    """A home of very many files must not cost a core."""
    schedule = Schedule(0.0, collect_s=30)
    schedule.collected(0.0, found=False, took_s=0.08)
    assert _until(schedule, Job.COLLECT) == 80
    schedule.collected(0.0, found=False, took_s=9.0)
    assert _until(schedule, Job.COLLECT) == MAX_REST_S
    schedule.collected(0.0, found=True, took_s=9.0)
    assert _until(schedule, Job.COLLECT) == 30


SICK, WELL = ("cursor", "cursor-ide"), ("codex", "codex-cli")


def test_a_vendor_that_refuses_is_asked_ever_more_rarely_and_never_before_it_said() -> None:
    schedule = Schedule(0.0, collect_s=30, poll_s=300)
    schedule.polled(SICK, 0.0, failed=True)
    assert not schedule.asks(SICK, 599.0)
    assert schedule.asks(SICK, 600.0)
    schedule.polled(SICK, 0.0, failed=True, retry_after_s=5000)
    assert not schedule.asks(SICK, 4999.0)
    assert schedule.asks(SICK, 5000.0)
    for _ in range(20):
        schedule.polled(SICK, 0.0, failed=True)
    assert not schedule.asks(SICK, MAX_POLL_PAUSE_S - 1)
    assert schedule.asks(SICK, MAX_POLL_PAUSE_S)
    schedule.polled(SICK, 0.0)
    assert schedule.asks(SICK, 0.0)
    schedule.polled(SICK, 0.0, failed=True)
    assert schedule.asks(SICK, 600.0)


def test_a_vendor_that_refuses_does_not_slow_the_others() -> None:
    schedule = Schedule(0.0, collect_s=30, poll_s=300)
    asked: dict[tuple[str, str], list[float]] = {SICK: [], WELL: []}
    now_s = 0.0
    while now_s <= 3600.0:
        if Job.POLL in schedule.due(now_s):
            schedule.done(Job.POLL, now_s)
            for source in filter(lambda s: schedule.asks(s, now_s), asked):
                asked[source].append(now_s)
                schedule.polled(source, now_s, failed=source == SICK)
        now_s += 10.0
    assert asked[WELL] == [300.0 * n for n in range(13)]
    assert asked[SICK] == [0.0, 600.0, 1800.0]


def test_a_backlog_is_pruned_on_in_a_minute() -> None:
    schedule = Schedule(0.0, collect_s=30)
    schedule.done(Job.PRUNE, 0.0, backlog=True)
    assert _until(schedule, Job.PRUNE) == 60
    schedule.done(Job.PRUNE, 0.0)
    assert _until(schedule, Job.PRUNE) == 6 * 3600


@given(st.floats(0, 1e6), st.floats(1, 3600))
def test_nothing_is_due_before_the_wait_is_over(start: float, collect_s: float) -> None:
    schedule = Schedule(start, collect_s=collect_s)
    schedule.collected(start, found=True)
    schedule.done(Job.POLL, start)
    wait = schedule.wait_s(start)
    assert schedule.due(start + wait * 0.99 - 1e-6) == []
    assert schedule.due(start + wait + 1e-6)


@pytest.mark.parametrize(
    ("done", "elapsed", "left"), [(0, 1.0, None), (100, 0.1, None), (250, 1.0, 3.0), (1000, 4.0, 0.0)]
)
def test_time_left_is_told_once_there_is_a_rate(done: int, elapsed: float, left: float | None) -> None:
    progress = Progress(provider="Codex", bytes_done=done, bytes_total=1000, elapsed_s=elapsed)
    assert progress.left_s == left


def _until(schedule: Schedule, job: Job) -> float:
    return schedule._due[job]


def test_what_could_not_be_stored_is_tried_again_soon_and_not_ever_more_rarely() -> None:
    schedule = Schedule(0.0, collect_s=30)
    for _ in range(8):
        schedule.collected(0.0, found=False)
    for _ in range(3):
        schedule.collected(0.0, found=False, failed=True)
        assert _until(schedule, Job.COLLECT) == RETRY_S
    hasty = Schedule(0.0, collect_s=1)
    hasty.collected(0.0, found=False, failed=True)
    assert _until(hasty, Job.COLLECT) == 1
