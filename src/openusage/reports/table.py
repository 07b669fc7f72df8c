"""What every report is before it is rendered: lines of tokens and cost under a heading. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from openusage.wire.local import Unassigned
from openusage.wire.rollups import By, Rollup, add

UNNAMED = "unknown"
"""A model that the tool did not name."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row: tokens in disjoint buckets (`output` without `reasoning`), money in nano-dollars."""

    key: str
    label: str
    models: list[str] = []
    """As the tools name them, or the models that are meant by that; sorted."""
    lineage: str = ""
    """Of a line of one model as a tool names it: the model that is meant."""
    provider: str | None = None
    """The tool, when all of the line comes from one."""
    requests: int = 0
    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cost_nano: int | None = 0
    """`None`: nothing in the line has a price."""
    unpriced_requests: int = 0
    """Not in the cost."""
    estimated_requests: int = 0
    breakdown: list[Line] = []
    """The same by model, dearest first."""

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def total_tokens(self) -> int:
        return self.input + self.output + self.reasoning + self.cache_read + self.cache_write


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A report."""

    kind: str
    """`daily`, …: also the heading of the first column."""
    timezone: str
    """The zone in which days begin."""
    rows: list[Line]
    totals: Line
    unpriced_models: list[str] = []
    by_model: bool = False
    """Rows have a breakdown."""
    unassigned: list[Unassigned] = []
    """What of it no account is known to pay for."""


LineageOf = Callable[[str], str]
"""A model as a tool names it -> the model that is meant."""


class ModelNames(msgspec.Struct, frozen=True):
    """How models are named in a report."""

    lineage_of: LineageOf | None = None
    """`None`: what is meant is not told."""
    raw: bool = True
    """As the tools do; else several names of one model are one."""

    def of(self, row: Rollup) -> str:
        """The model of a row grouped by it."""
        name = model_of(row)
        return name if self.raw or self.lineage_of is None else self.lineage_of(name)

    def lineage(self, name: str) -> str:
        """What is meant by a name of ours; empty where that is not told, or the name tells it."""
        return self.lineage_of(name) if self.raw and self.lineage_of is not None else ""


RAW = ModelNames()


def line(key: str, label: str, rows: Sequence[Rollup], names: ModelNames = RAW) -> Line:
    """The sum of some rollups, grouped at least by model and provider."""
    total = add(rows)
    providers = {row.key.get(By.PROVIDER) for row in rows}
    all_unpriced = total.unpriced_events > 0 and total.unpriced_events >= total.events
    return Line(
        key=key,
        label=label,
        models=sorted({names.of(row) for row in rows}),
        provider=providers.pop() if len(providers) == 1 else None,
        requests=total.events,
        input=total.input,
        output=total.output,
        reasoning=total.reasoning,
        cache_read=total.cache_read,
        cache_write_5m=total.cache_write_5m,
        cache_write_1h=total.cache_write_1h,
        cost_nano=None if all_unpriced else total.cost_nano,
        unpriced_requests=total.unpriced_events,
        estimated_requests=total.estimated_events,
    )


def by_model(rows: Sequence[Rollup], top: int = 0, names: ModelNames = RAW) -> list[Line]:
    """One line a model, dearest first, then by tokens; beyond `top` (0: all) one line for the others."""
    groups: dict[str, list[Rollup]] = {}
    for row in rows:
        groups.setdefault(names.of(row), []).append(row)
    lines = sorted((of_model(name, group, names) for name, group in groups.items()), key=dearest_first)
    if not top or len(lines) <= top:
        return lines
    rest = [row for rest_line in lines[top:] for row in groups[rest_line.key]]
    return [*lines[:top], line("others", f"{len(lines) - top} more", rest, names)]


def of_model(name: str, rows: Sequence[Rollup], names: ModelNames) -> Line:
    """The line of one model."""
    return msgspec.structs.replace(line(name, name, rows, names), lineage=names.lineage(name))


def model_of(row: Rollup) -> str:
    """The model of a row grouped by it."""
    return row.key.get(By.MODEL) or UNNAMED


def unpriced_models(rows: Iterable[Rollup]) -> list[str]:
    """Models some of whose messages have no price, sorted."""
    return sorted({model_of(row) for row in rows if row.unpriced_events})


def dearest_first(line: Line) -> tuple[int, int, str]:
    """Order of lines: cost, then tokens, both falling, then the name."""
    return -(line.cost_nano or 0), -line.total_tokens, line.key
