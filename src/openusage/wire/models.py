"""What each model used, out of a snapshot's two tellings of it: flat metrics and rows with raw names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

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
    """Rows by cost, then tokens. `flat`: slug -> field -> figure, out of the metrics.

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
    return sorted(kept, key=lambda r: (-(r.cost_usd or 0.0), -r.total_tokens, -(r.requests or 0.0), r.name))


def _of_window(rows: Sequence[ModelUsage], window: str) -> list[ModelUsage]:
    named = [r for r in rows if r.raw_model_id]
    return [r for r in named if r.window == window] or named


def _says_something(row: ModelRow) -> bool:
    figures = (row.requests, row.cost_usd, row.input_tokens, row.output_tokens, row.cache_read_tokens)
    return any(f is not None for f in figures)


def _row(
    name: str, flat: Mapping[str, float], raw: ModelUsage | None, daily: list[tuple[str, float]]
) -> ModelRow:
    found: dict[str, float | None] = {}
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
