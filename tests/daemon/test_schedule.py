"""The clock's decisions, by hand-moved time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.daemon.schedule import MAX_POLL_PAUSE_S, RETRY_S, Job, Progress, Schedule


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


def test_a_vendor_that_refuses_is_asked_ever_more_rarely_and_never_before_it_said() -> None:
    schedule = Schedule(0.0, collect_s=30, poll_s=300)
    schedule.polled(0.0, failed=True)
    assert _until(schedule, Job.POLL) == 600
    schedule.polled(0.0, failed=True, retry_after_s=5000)
    assert _until(schedule, Job.POLL) == 5000
    for _ in range(20):
        schedule.polled(0.0, failed=True)
    assert _until(schedule, Job.POLL) == MAX_POLL_PAUSE_S
    schedule.polled(0.0)
    assert _until(schedule, Job.POLL) == 300


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
    schedule.polled(start)
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
