"""A pause that ends by itself, by a word, or with the daemon; and less haste on battery."""

from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace

import psutil
import pytest

from openusage.daemon.quiet import BATTERY_FACTOR, Quiet, on_battery
from openusage.daemon.schedule import Job, Schedule

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> dt.datetime:
        return self.at


def quiet(clock: Clock | None = None, *, battery: bool = False) -> Quiet:
    return Quiet((clock or Clock()).now, lambda: battery)


def test_a_pause_ends_by_the_clock() -> None:
    clock = Clock()
    one = quiet(clock)
    one.pause(3600)
    assert one.until == NOON + dt.timedelta(hours=1)
    assert "Reading is paused until" in one.note()
    clock.at += dt.timedelta(hours=1)
    assert one.note() == ""


def test_one_without_an_end_ends_by_a_word() -> None:
    one = quiet()
    one.pause(None)
    assert one.note() == "Reading is paused. To go on: openusage telemetry daemon resume"
    one.resume()
    assert one.note() == ""


async def test_who_waits_goes_on_when_it_is_resumed_or_the_daemon_ends() -> None:
    for ends in ("resume", "stop"):
        one, stop = quiet(), asyncio.Event()
        one.pause(None)
        waiting = asyncio.create_task(one.over(stop))
        await asyncio.sleep(0)
        assert not waiting.done()
        one.resume() if ends == "resume" else stop.set()
        assert await asyncio.wait_for(waiting, 30)


async def test_who_waits_goes_on_when_the_time_is_over() -> None:
    one = Quiet(lambda: dt.datetime.now(dt.UTC), lambda: False)
    one.pause(0.05)
    assert await asyncio.wait_for(one.over(asyncio.Event()), 30)
    assert not one.is_paused


async def test_without_a_pause_nobody_waits() -> None:
    assert not await quiet().over(asyncio.Event())


def test_on_battery_sweeps_and_polls_are_rarer_and_nothing_else() -> None:
    plugged = Schedule(0.0, collect_s=30.0, poll_s=300.0, factor=quiet().factor)
    portable = quiet(battery=True)
    rare = Schedule(0.0, collect_s=30.0, poll_s=300.0, factor=portable.factor)
    for schedule in (plugged, rare):
        schedule.collected(0.0, found=True)
        schedule.done(Job.POLL, 0.0)
        schedule.done(Job.CHECKPOINT, 0.0)
        schedule.done(Job.PRUNE, 0.0)
    assert portable.is_on_battery
    assert Job.COLLECT in plugged.due(30.0)
    assert Job.COLLECT not in rare.due(30.0 * BATTERY_FACTOR - 1)
    assert Job.COLLECT in rare.due(30.0 * BATTERY_FACTOR)
    assert Job.POLL not in rare.due(300.0 * BATTERY_FACTOR - 1)
    assert Job.CHECKPOINT in rare.due(60.0)


def test_a_change_is_read_at_once_also_on_battery() -> None:
    schedule = Schedule(0.0, collect_s=30.0, factor=quiet(battery=True).factor)
    schedule.collected(0.0, found=True)
    schedule.wake(1.0)
    assert Job.COLLECT in schedule.due(1.0)


@pytest.mark.parametrize(
    ("battery", "expected"),
    [
        (None, False),
        (SimpleNamespace(power_plugged=True), False),
        (SimpleNamespace(power_plugged=False), True),
        (SimpleNamespace(power_plugged=None), False),
    ],
)
def test_whether_it_runs_on_battery(battery: object, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert on_battery() is expected


def test_where_that_cannot_be_told_it_is_not_on_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_battery", raising=False)
    assert not on_battery()
