"""How far limits were used, out of a real store: readings, resets between them, and what is no limit."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from openusage.read_model import limit_history as module
from openusage.read_model.limit_history import limit_histories
from openusage.read_model.windows import from_us
from openusage.wire.events import QuotaReading
from openusage.wire.rollups import Filter, Window
from openusage.wire.sessions import MOST_POINTS, LimitPoint
from tests.store.samples import HOUR_US, NOW_US, open_store, reading

CODEX = Filter(providers=("codex",))
DAY = Window("1d", NOW_US - 24 * HOUR_US)


def at(hours: float, used: float, **more: Any) -> QuotaReading:
    return reading(NOW_US + round(hours * HOUR_US), used, **more)


def told(*readings: QuotaReading, window: Window = DAY, where: Filter = CODEX) -> dict[str, list[Any]]:
    store = open_store()
    store.add(readings)
    found = limit_histories(store.reader(), window, where, from_us(NOW_US))
    return {
        history.key: [((p.at_us - NOW_US) / HOUR_US, p.used_pct) for p in history.points] for history in found
    }


def test_a_share_holds_until_the_next_reading_and_the_last_one_before_the_window_is_there() -> None:
    found = told(at(-40, 5.0), at(-30, 10.0), at(-6, 40.0), at(-2, 55.0))
    assert found == {"rate_limit_primary": [(-30, 10.0), (-6, 40.0), (-2, 55.0)]}


def test_a_reset_that_no_reading_came_before_is_a_point() -> None:
    first, second = (at(h, 80.0, resets_at_us=NOW_US + (h + 2) * HOUR_US) for h in (-9, -3))
    assert told(first, at(-8, 90.0, resets_at_us=first.resets_at_us), second) == {
        "rate_limit_primary": [(-9, 80.0), (-8, 90.0), (-7, 0.0), (-3, 80.0), (-1, 0.0)]
    }


def test_a_limit_that_goes_on_is_not_reset() -> None:
    assert told(at(-1, 30.0, resets_at_us=NOW_US + HOUR_US)) == {"rate_limit_primary": [(-1, 30.0)]}


def test_what_is_no_limit_or_of_others_is_left_out() -> None:
    balance = at(-1, 3.0, key="credit_balance", unit="USD", limit=None)
    other = at(-1, 3.0, provider="claude_code", account="claude-code", key="usage_five_hour")
    assert told(balance, other) == {}
    assert list(told(balance, other, where=Filter())) == ["usage_five_hour"]


def test_a_window_that_has_ended_holds_nothing_of_later() -> None:
    ended = Window("custom", NOW_US - 24 * HOUR_US, NOW_US - 5 * HOUR_US)
    assert told(at(-6, 40.0), at(-2, 55.0), window=ended) == {"rate_limit_primary": [(-6, 40.0)]}
    assert told(at(-2, 55.0), window=ended) == {}


@pytest.mark.parametrize("count", [MOST_POINTS + 1, 2 * MOST_POINTS, 7 * MOST_POINTS + 3])
def test_of_many_points_the_highest_and_the_last_stay(count: int) -> None:
    chance = Random(count)
    shares = [chance.uniform(0, 100) for _ in range(count)]
    points = [LimitPoint(n * 1_000_000, share) for n, share in enumerate(shares)]
    found = module._thinned(points, 0)
    assert len(found) <= MOST_POINTS + 4
    assert found[-1] == points[-1]
    assert max(p.used_pct for p in found) == max(shares)
    assert [p.at_us for p in found] == sorted({p.at_us for p in found})
