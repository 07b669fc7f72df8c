"""Gauges and credits of a snapshot: which metrics are limits, how much of each is used, until when.

Used share (the contract's rule): `context_window` is never a gauge; unit `%`: `used` itself; else
(limit - remaining) / limit; else used / limit; else not known. A limit whose reset has passed is 0 % used.
"""

from __future__ import annotations

import datetime as dt
import math
import re

from openusage.wire import keys
from openusage.wire.keys import Family
from openusage.wire.sections import Credit, Gauge
from openusage.wire.snapshot import ZERO_TIME, Metric, UsageSnapshot

_NOT_LIMITS = frozenset(
    {
        *(keys.CONTEXT_WINDOW, keys.CACHE_HIT_RATIO, keys.TOOL_SUCCESS),
        *("composer_context_pct", "ai_code_percentage", "block_progress_pct"),
    }
)
_PERCENT_LIMIT = re.compile(r"^(usage|rate_limit|quota|plan|premium|chat|completions)_|percent_used$|_quota$")

_ALIASES = {
    "plan_auto_percent_used": "rate_limit_primary",
    "plan_api_percent_used": "rate_limit_secondary",
    "plan_percent_used": "rate_limit_primary",
}
"""Second names of one limit: not drawn beside the first."""

_CREDITS = (
    "available_balance",
    "credit_balance",
    "credits",
    "total_balance",
    "cash_balance",
    "voucher_balance",
    "spend_limit",
    "plan_spend",
    "individual_spend",
    "plan_total_spend_usd",
    "monthly_budget",
    "monthly_spend",
    "daily_spend",
    "total_spend",
    "codex_credit_limit",
    keys.WINDOW_CREDIT_SPEND,
)

_LENGTHS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_NAMED_LENGTHS = {
    "today": 86400,
    "daily": 86400,
    "weekly": 604800,
    "hour": 3600,
    "day": 86400,
    "week": 604800,
}
_NUMBERS = {"one": 1, "five": 5, "seven": 7, "thirty": 30}
_UNIT_WORDS = {"minute": "m", "hour": "h", "day": "d", "week": "w"}


def used_pct(key: str, metric: Metric) -> float | None:
    """Used share of a limit in percent, above 100 when overdrawn; None when it cannot be known."""
    if key == keys.CONTEXT_WINDOW:
        return None
    if metric.unit == "%":
        if metric.used is not None:
            return metric.used
        return None if metric.remaining is None else 100.0 - metric.remaining
    if not metric.limit or metric.limit <= 0:
        return None
    used = metric.used if metric.remaining is None else metric.limit - metric.remaining
    pct = None if used is None else 100.0 * used / metric.limit
    return pct if pct is not None and math.isfinite(pct) else None


def window_length_s(window: str) -> int | None:
    """Length in seconds of a window by its name, None when the name does not tell.

    >>> window_length_s("5h"), window_length_s("7d-opus"), window_length_s("month")
    (18000, 604800, None)
    """
    found = re.search(r"(?<![a-z0-9])(\d+)\s?([mhdw])(?![a-z0-9])", window.lower())
    if found:
        return int(found[1]) * _LENGTHS[found[2]]
    return _NAMED_LENGTHS.get(window.lower())


def is_limit(key: str, metric: Metric) -> bool:
    """Whether a metric is a limit that can run out."""
    if key in _NOT_LIMITS or keys.parse(key).family is not Family.PLAIN or used_pct(key, metric) is None:
        return False
    return bool(metric.limit) or (metric.unit == "%" and _PERCENT_LIMIT.search(key) is not None)


def reset_of(snapshot: UsageSnapshot, key: str) -> dt.datetime | None:
    """When the limit `key` starts anew."""
    found = snapshot.resets.get(key) or snapshot.resets.get(f"{key}_reset")
    return None if found is None or found == ZERO_TIME else found


def gauges(snapshot: UsageSnapshot, now: dt.datetime) -> list[Gauge]:
    """All limits, the worst first."""
    found = []
    for key, metric in snapshot.metrics.items():
        if not is_limit(key, metric) or _ALIASES.get(key) in snapshot.metrics:
            continue
        pct = used_pct(key, metric)
        used, remaining, resets_at = metric.used, metric.remaining, reset_of(snapshot, key)
        if resets_at is not None and resets_at <= now:
            pct, used, remaining, resets_at = 0.0, 0.0, metric.limit, None
        found.append(
            Gauge(
                key=key,
                label=label(key, metric),
                used_pct=pct or 0.0,
                used=used,
                limit=metric.limit,
                remaining=remaining,
                unit=metric.unit,
                window=metric.window,
                window_s=window_length_s(metric.window),
                resets_at=resets_at,
            )
        )
    return sorted(found, key=lambda g: -g.used_pct)


def label(key: str, metric: Metric) -> str:
    """Short words for a limit: `5 h`, `7 d opus`, `rpm`."""
    spoken = re.match(r"usage_(one|five|seven|thirty)_(minute|hour|day|week)(?:_(.+))?$", key)
    if spoken:
        parts = [f"{_NUMBERS[spoken[1]]} {_UNIT_WORDS[spoken[2]]}", spoken[3] or ""]
    elif ranked := re.match(r"rate_limit_(?:(.+)_)?(primary|secondary)$", key):
        parts = [_spaced(metric.window) or ranked[2], ranked[1] or ""]
    else:
        parts = [re.sub(r"^(usage|rate_limit)_|_percent_used$", "", key)]
    return " ".join(p for p in parts if p).replace("_", " ")


def _spaced(window: str) -> str:
    return re.sub(r"^(\d+)([mhdw])\b", r"\1 \2", window)


def credits(snapshot: UsageSnapshot) -> list[Credit]:
    """Money and credits the vendor keeps for the account."""
    found = []
    for key in _CREDITS:
        metric = snapshot.metrics.get(key)
        if metric is None or (metric.used is None and metric.remaining is None and metric.limit is None):
            continue
        found.append(
            Credit(
                key=key,
                label=key.removeprefix("codex_").replace("_", " "),
                remaining=metric.remaining,
                used=metric.used,
                limit=metric.limit,
                unit=metric.unit or "USD",
            )
        )
    return found
