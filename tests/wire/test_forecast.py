"""Where a limit will be at its reset."""

from __future__ import annotations

import datetime as dt

import pytest

from openusage.wire.forecast import forecast
from openusage.wire.sections import Gauge

NOW = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)


def gauge(used_pct: float, *, window_s: int | None = 18_000, left: dt.timedelta | None = None) -> Gauge:
    return Gauge(
        key="g",
        label="5 h",
        used_pct=used_pct,
        window_s=window_s,
        resets_at=None if left is None else NOW + left,
    )


def test_thirty_percent_after_one_hour_of_five_is_full_in_2_h_20() -> None:
    ahead = forecast(gauge(30, left=dt.timedelta(hours=4)), NOW)
    assert ahead is not None
    assert ahead.at_reset_pct == pytest.approx(150)
    assert ahead.full_in_s == pytest.approx(8400)


def test_a_rate_that_ends_below_full_names_no_time() -> None:
    ahead = forecast(gauge(30, left=dt.timedelta(hours=2, minutes=30)), NOW)
    assert ahead is not None
    assert ahead.at_reset_pct == pytest.approx(60)
    assert ahead.full_in_s is None


@pytest.mark.parametrize(
    "found",
    [
        gauge(30),
        gauge(30, window_s=None, left=dt.timedelta(hours=1)),
        gauge(0, left=dt.timedelta(hours=1)),
        gauge(100, left=dt.timedelta(hours=1)),
        gauge(30, left=dt.timedelta(seconds=-1)),
        gauge(30, left=dt.timedelta(hours=4, minutes=59)),
        gauge(30, left=dt.timedelta(hours=9)),
    ],
    ids=["no reset", "no window", "unused", "full", "reset due", "just begun", "longer than its window"],
)
def test_what_says_nothing_is_not_forecast(found: Gauge) -> None:
    assert forecast(found, NOW) is None
