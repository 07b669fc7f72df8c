"""The vendor's own figures as metrics: limits with their resets, balances, and the status they make."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from openusage.read_model.windows import from_us
from openusage.wire.events import Behaviour, QuotaReading
from openusage.wire.limits import used_pct
from openusage.wire.snapshot import Metric, Status, UsageSnapshot

NEAR_PCT = 90.0
LIMITED_PCT = 100.0

_LIMIT_KEYS = ("usage_", "rate_limit_")


def newest(readings: Iterable[QuotaReading]) -> dict[str, QuotaReading]:
    """The newest reading per key."""
    found: dict[str, QuotaReading] = {}
    for r in readings:
        if r.key not in found or found[r.key].at_us < r.at_us:
            found[r.key] = r
    return found


def has_reset(reading: QuotaReading, now_us: int) -> bool:
    """Whether its period is over: then it says nothing of the present one but that it began at 0."""
    return (
        reading.resets_at_us is not None
        and reading.resets_at_us <= now_us
        and reading.behaviour is not Behaviour.BALANCE
    )


def metric(reading: QuotaReading, now_us: int) -> Metric:
    """A reading as it travels: percentages are of 100, what can be derived is filled in."""
    limit = 100.0 if reading.unit == "%" and reading.limit is None else reading.limit
    used, remaining = reading.used, reading.remaining
    if has_reset(reading, now_us):
        used, remaining = 0.0, limit
    elif limit is not None and remaining is None and used is not None:
        remaining = max(0.0, limit - used)
    elif limit is not None and used is None and remaining is not None:
        used = limit - remaining
    return Metric(limit=limit, remaining=remaining, used=used, unit=reading.unit, window=reading.window)


def codex_aliases(snapshot: UsageSnapshot) -> dict[str, Metric]:
    """The second names under which readers look for Codex's limits."""
    first, second = (snapshot.metrics.get(f"rate_limit_{n}") for n in ("primary", "secondary"))
    found = {"plan_auto_percent_used": first, "plan_api_percent_used": second}
    both = [m for m in (first, second) if m is not None]
    if both:
        found["plan_percent_used"] = max(both, key=lambda m: m.used or 0.0)
    return {k: m for k, m in found.items() if m is not None}


def status(metrics: dict[str, Metric], caps: Iterable[str], has_data: bool) -> Status:
    """LIMITED at 100 % of a limit, NEAR_LIMIT at 90 %. `caps`: keys that are limits by their behaviour."""
    limits = {k for k in metrics if k.startswith(_LIMIT_KEYS) or k == "codex_credit_percent_used"} | set(caps)
    worst = max((used_pct(k, metrics[k]) or 0.0 for k in limits if k in metrics), default=0.0)
    if worst >= LIMITED_PCT:
        return Status.LIMITED
    if worst >= NEAR_PCT:
        return Status.NEAR_LIMIT
    return Status.OK if has_data else Status.UNKNOWN


def lay(snapshot: UsageSnapshot, readings: Iterable[QuotaReading], now_us: int) -> UsageSnapshot:
    """The snapshot with the vendor's figures in it; they win over what was counted under the same name."""
    held = newest(readings)
    metrics = snapshot.metrics | {key: metric(r, now_us) for key, r in held.items()}
    resets = snapshot.resets | {
        key: from_us(r.resets_at_us)
        for key, r in held.items()
        if r.resets_at_us is not None and r.resets_at_us > now_us
    }
    return msgspec.structs.replace(snapshot, metrics=metrics, resets=resets)
