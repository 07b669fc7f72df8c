"""What the Go program of the same name (0.24) writes otherwise than it means, put right before decoding."""

from __future__ import annotations

import msgspec

from openusage.wire import keys
from openusage.wire.keys import Family, metric
from openusage.wire.snapshot import Metric, ModelUsage, UsageSnapshot

_CACHED_INSIDE = frozenset({"codex"})
"""Tools whose input holds the cached tokens, and whose output the reasoning, in its figures."""


def is_go(snapshot: UsageSnapshot) -> bool:
    """Whether it comes from that program, which marks what it made of stored events."""
    return snapshot.attributes.get("telemetry_view") == "canonical"


def as_meant(snapshot: UsageSnapshot) -> UsageSnapshot:
    """Without costs of 0 that are no costs, and with token buckets that do not overlap."""
    snapshot = _without_zero_costs(snapshot)
    return _disjoint(snapshot) if snapshot.provider_id in _CACHED_INSIDE else snapshot


def _without_zero_costs(snapshot: UsageSnapshot) -> UsageSnapshot:
    """Its sums cannot tell no price from free."""
    series = {
        k: s for k, s in snapshot.daily_series.items() if k not in keys.SERIES_COST or any(p.value for p in s)
    }
    return msgspec.structs.replace(
        snapshot,
        metrics={
            k: m
            for k, m in snapshot.metrics.items()
            if m.used != 0 or keys.parse(k).field not in ("cost_usd", "cost", keys.WINDOW_COST)
        },
        model_usage=[msgspec.structs.replace(m, cost_usd=m.cost_usd or None) for m in snapshot.model_usage],
        daily_series=series,
    )


def _disjoint(snapshot: UsageSnapshot) -> UsageSnapshot:
    metrics = dict(snapshot.metrics)
    thought = 0.0
    for name in {p.name for p in map(keys.parse, metrics) if p.family is Family.MODEL}:
        _take(metrics, metric(Family.MODEL, name, "input_tokens"), _used(metrics, name, "cache_read_tokens"))
        reasoning = _used(metrics, name, "reasoning_tokens")
        _take(metrics, metric(Family.MODEL, name, "output_tokens"), reasoning)
        thought += reasoning
    cached = metrics.get(keys.WINDOW_CACHE_READ)
    _take(metrics, keys.WINDOW_TOKENS, thought + ((cached.used or 0.0) if cached else 0.0))
    return msgspec.structs.replace(
        snapshot, metrics=metrics, model_usage=[_row(row) for row in snapshot.model_usage]
    )


def _used(metrics: dict[str, Metric], model: str, field: str) -> float:
    found = metrics.get(metric(Family.MODEL, model, field))
    return (found.used or 0.0) if found else 0.0


def _take(metrics: dict[str, Metric], key: str, part: float) -> None:
    """Take a part out of a figure that holds it, if it does."""
    found = metrics.get(key)
    if found is not None and found.used is not None and part <= found.used:
        metrics[key] = msgspec.structs.replace(found, used=found.used - part)


def _row(row: ModelUsage) -> ModelUsage:
    fresh, said = row.input_tokens, row.output_tokens
    cached, thought = row.cached_tokens or 0.0, row.reasoning_tokens or 0.0
    return msgspec.structs.replace(
        row,
        input_tokens=fresh - cached if fresh is not None and cached <= fresh else fresh,
        output_tokens=said - thought if said is not None and thought <= said else said,
    )
