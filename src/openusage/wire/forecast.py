"""Where a limit will be at its reset, at the present rate: said alike by terminal and web page. Pure."""

from __future__ import annotations

import datetime as dt

import msgspec

from openusage.wire.sections import Gauge

_LEAST_SHARE = 0.02
"""Below this part of the window a rate says nothing yet."""


class Forecast(msgspec.Struct, frozen=True):
    """Where a gauge will be at its reset, at the rate since the window began."""

    at_reset_pct: float
    full_in_s: float | None
    """Seconds until 100 %, when that is before the reset."""


def forecast(gauge: Gauge, now: dt.datetime) -> Forecast | None:
    """`None` when the window is unknown, over, or too young to say anything."""
    if gauge.resets_at is None or not gauge.window_s or gauge.used_pct <= 0 or gauge.used_pct >= 100:
        return None
    left_s = (gauge.resets_at - now).total_seconds()
    elapsed_s = gauge.window_s - left_s
    if left_s <= 0 or elapsed_s < _LEAST_SHARE * gauge.window_s:
        return None
    at_reset_pct = gauge.used_pct * gauge.window_s / elapsed_s
    # Only then: a rate near 0 would have to be divided by.
    full_in_s = (100 - gauge.used_pct) * elapsed_s / gauge.used_pct if at_reset_pct > 100 else None
    return Forecast(at_reset_pct, full_in_s)
