"""Usage by any one label: machine, model, day, … Pure: rows that a `UsageSource` gave -> `Table`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from openusage.reports.table import (
    RAW,
    UNNAMED,
    Line,
    ModelNames,
    Table,
    by_model,
    dearest_first,
    line,
    of_model,
    unpriced_models,
)
from openusage.wire.rollups import By, Rollup

TIMES = (By.DAY, By.HOUR)
"""What is listed in its own order; everything else dearest first."""


def asked_by(by: By) -> tuple[By, ...]:
    """How the rows must be grouped for a table by `by`."""
    return tuple(dict.fromkeys((by, By.MODEL, By.PROVIDER)))


def build(
    rows: Sequence[Rollup],
    *,
    by: By,
    timezone: str,
    kind: str = "",
    breakdown: bool = False,
    top_models: int = 0,
    names: ModelNames = RAW,
) -> Table:
    """One line a label; labels without usage have none.

    `breakdown`: each line (and the totals) also by model, the `top_models` dearest and the rest as one.
    A line of a lineage is broken down by the names that tools give it, whatever `names` says of others.
    """
    parts = msgspec.structs.replace(names, raw=True) if by is By.LINEAGE else names
    groups: dict[str, list[Rollup]] = {}
    for row in rows:
        if row.events:
            groups.setdefault(row.key.get(by) or UNNAMED, []).append(row)

    def parted(made: Line, group: Sequence[Rollup]) -> Line:
        if breakdown and group:
            return msgspec.structs.replace(made, breakdown=by_model(group, top_models, parts))
        return made

    def made(label: str, group: Sequence[Rollup]) -> Line:
        return of_model(label, group, names) if by is By.MODEL else line(label, label, group, parts)

    lines = [parted(made(label, group), group) for label, group in groups.items()]
    used = [row for group in groups.values() for row in group]
    return Table(
        kind=kind or by.value,
        timezone=timezone,
        rows=sorted(lines, key=_in_time if by in TIMES else dearest_first),
        totals=parted(line("total", "TOTAL", used, parts), used),
        unpriced_models=unpriced_models(used),
        by_model=breakdown,
    )


def _in_time(line: Line) -> tuple[int, int, str]:
    return 0, 0, line.key
