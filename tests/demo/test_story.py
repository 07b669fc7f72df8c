"""What the invented machines did: the same for everyone who asks, and nothing that could not be."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from openusage.demo.cast import MACHINES, Machine, Use
from openusage.demo.story import Story
from openusage.pricing import PriceBook
from openusage.wire.events import EventKind, UsageEvent

BEGUN = dt.datetime(2026, 3, 4, 15, 30, tzinfo=dt.UTC)
DAYS = 20
EACH = [pytest.param(m, u, id=f"{m.name}-{u.account}") for m in MACHINES for u in m.uses]


def events(machine: Machine, use: Use, begun: dt.datetime = BEGUN, zone: str = "UTC") -> list[UsageEvent]:
    return Story(machine, use, begun, ZoneInfo(zone), days=DAYS).events()


@pytest.mark.parametrize(("machine", "use"), EACH)
def test_the_same_moment_tells_the_same_story(machine: Machine, use: Use) -> None:
    told = events(machine, use)
    assert told == events(machine, use)
    assert [e.at_us for e in told] == sorted(e.at_us for e in told)
    assert len({e.event_key for e in told}) == len(told)


@pytest.mark.parametrize(("machine", "use"), EACH)
def test_every_message_has_tokens_and_a_price(machine: Machine, use: Use) -> None:
    price = PriceBook.load(None).price
    messages = [e for e in events(machine, use) if e.kind is EventKind.MESSAGE]
    assert messages
    for message in messages:
        assert message.tokens.total > 0
        assert price(message) is not None, message.model


@pytest.mark.parametrize(("machine", "use"), EACH)
def test_only_messages_have_tokens_and_only_calls_have_tools(machine: Machine, use: Use) -> None:
    for event in events(machine, use):
        assert (event.kind is EventKind.MESSAGE) == (event.model is not None)
        assert (event.kind is EventKind.TOOL) == (event.tool is not None)
        assert event.session
        assert event.project in machine.projects


def test_past_days_stay_as_they_were_when_one_asks_a_day_later() -> None:
    machine, use = MACHINES[1], MACHINES[1].uses[0]
    midnight_us = int(BEGUN.replace(hour=0, minute=0).timestamp() * 1e6)
    oldest_us = midnight_us - (DAYS - 1) * 86_400_000_000

    def past(begun: dt.datetime) -> list[UsageEvent]:
        told = events(machine, use, begun)
        return [
            e for e in told if oldest_us <= e.at_us < midnight_us and not (e.session or "").endswith("now")
        ]

    assert past(BEGUN) == past(BEGUN + dt.timedelta(days=1))


def test_somebody_works_where_the_demo_begins_and_goes_on() -> None:
    now_us = int(BEGUN.timestamp() * 1e6)
    active = [m for m in MACHINES if m.active]
    assert active
    for machine in active:
        times = [e.at_us for e in events(machine, machine.uses[0])]
        assert any(now_us - 600_000_000 < t <= now_us for t in times)
        assert sum(now_us < t < now_us + 3_600_000_000 for t in times) > 50


def test_people_work_by_day_where_they_live() -> None:
    machine = MACHINES[2]
    zone = ZoneInfo("Asia/Tokyo")
    hours = {
        dt.datetime.fromtimestamp(e.at_us / 1e6, zone).hour
        for e in events(machine, machine.uses[0], zone="Asia/Tokyo")
    }
    assert not hours & {3, 4, 5, 6, 7}


def test_what_is_copied_is_old_and_a_part_of_what_there_is() -> None:
    machine = MACHINES[0]
    story = Story(machine, machine.uses[0], BEGUN, dt.UTC, days=DAYS)
    copied, told = story.copied(), story.events()
    assert 0 < len(copied) < len(told) / 4
    assert {e.event_key for e in copied} < {e.event_key for e in told}
    assert max(e.at_us for e in copied) < int((BEGUN - dt.timedelta(days=2)).timestamp() * 1e6)
