"""What each model used, out of a snapshot's two tellings of it: flat metrics and rows with raw names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from openusage.wire.keys import Family, parse_series, slug
from openusage.wire.sections import ModelRow
from openusage.wire.snapshot import ModelUsage, UsageSnapshot

_NO_MODEL = frozenset({"<synthetic>", "synthetic"})
"""How a tool's own messages are named that no model wrote."""

_FLAT: dict[str, tuple[str, ...]] = {
    "input_tokens": ("input_tokens",),
    "output_tokens": ("output_tokens",),
    "cache_read_tokens": ("cache_read_tokens", "cached_tokens"),
    "cache_write_tokens": ("cache_write_tokens", "cache_creation_tokens"),
    "reasoning_tokens": ("reasoning_tokens",),
    "cost_usd": ("cost_usd", "cost"),
    "requests": ("requests",),
}
"""Field of a row -> names of its metric, best first."""


def model_rows(
    snapshot: UsageSnapshot, flat: Mapping[str, Mapping[str, float]], window: str
) -> list[ModelRow]:
    """Rows by cost, then tokens: one a model, under the lineage that the snapshot gives its raw name.

    `flat`: slug -> field -> figure, out of the metrics.

    A slug that one raw name stands behind: one row, figures of the metrics first. A slug that several raw
    names share: a row each, out of the raw rows alone (which tell reads and writes of a cache as one sum).
    """
    raw_by_slug: dict[str, list[ModelUsage]] = defaultdict(list)
    for row in _of_window(snapshot.model_usage, window):
        if row.raw_model_id not in {r.raw_model_id for r in raw_by_slug[slug(row.raw_model_id)]}:
            raw_by_slug[slug(row.raw_model_id)].append(row)
    daily = _daily(snapshot)
    rows = []
    for name in dict.fromkeys([*raw_by_slug, *flat]):
        raw = raw_by_slug.get(name, [])
        if len(raw) > 1:
            rows += [_row(r.raw_model_id, {}, r, daily.get(name, [])) for r in raw]
        elif raw:
            rows.append(_row(raw[0].raw_model_id, flat.get(name, {}), raw[0], daily.get(name, [])))
        else:
            rows.append(_row(name, flat[name], None, daily.get(name, [])))
    kept = [r for r in rows if r.name not in _NO_MODEL and _says_something(r)]
    lineages = {r.raw_model_id: r.canonical_lineage_id for r in snapshot.model_usage}
    groups: dict[str, list[ModelRow]] = defaultdict(list)
    for model in sorted(kept, key=_by_cost):
        groups[lineages.get(model.name) or model.name].append(model)
    return sorted((_joined(name, members) for name, members in groups.items()), key=_by_cost)


def _by_cost(row: ModelRow) -> tuple[float, float, float, str]:
    return -(row.cost_usd or 0.0), -row.total_tokens, -(row.requests or 0.0), row.name


def _joined(name: str, rows: Sequence[ModelRow]) -> ModelRow:
    """Rows of one model as one."""
    raw_names = [row.name for row in rows]
    if len(rows) == 1:
        return msgspec.structs.replace(rows[0], name=name, raw_names=raw_names)
    figures: dict[str, Any] = {field: _total(getattr(row, field) for row in rows) for field in _FLAT}
    days: dict[str, float] = defaultdict(float)
    series = {slug(row.name): row.daily for row in rows}  # names with one slug have one series
    for day, value in (point for points in series.values() for point in points):
        days[day] += value
    whole = msgspec.structs.replace(rows[0], name=name, raw_names=raw_names, **figures)
    return msgspec.structs.replace(whole, daily=sorted(days.items()))


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _of_window(rows: Sequence[ModelUsage], window: str) -> list[ModelUsage]:
    named = [r for r in rows if r.raw_model_id]
    return [r for r in named if r.window == window] or named


def _says_something(row: ModelRow) -> bool:
    figures = (row.requests, row.cost_usd, row.input_tokens, row.output_tokens, row.cache_read_tokens)
    return any(f is not None for f in figures)


def _row(
    name: str, flat: Mapping[str, float], raw: ModelUsage | None, daily: list[tuple[str, float]]
) -> ModelRow:
    found: dict[str, Any] = {}
    for field, names in _FLAT.items():
        found[field] = next((flat[n] for n in names if n in flat), None)
        if found[field] is None and raw is not None:
            found[field] = getattr(raw, field, None)
    if raw is not None and found["cache_read_tokens"] is None and found["cache_write_tokens"] is None:
        found["cache_read_tokens"] = raw.cached_tokens
    return ModelRow(name=name, daily=daily, **found)


def _daily(snapshot: UsageSnapshot) -> dict[str, list[tuple[str, float]]]:
    """Slug -> requests by day, or tokens by day where requests are not told."""
    kinds: dict[str, dict[str, list[tuple[str, float]]]] = {"tokens": {}, "usage": {}}
    for key, points in snapshot.daily_series.items():
        parsed = parse_series(key)
        if parsed.family is Family.MODEL:
            kinds[parsed.field][parsed.name] = sorted((p.date, p.value) for p in points)
    return kinds["tokens"] | kinds["usage"]
