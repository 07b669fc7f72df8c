"""Usage by local day. Pure: rows that a `UsageSource` gave for `BY` -> `Table`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from openusage.reports.table import Line, Table, by_model, line, unpriced_models
from openusage.wire.rollups import By, Rollup

BY = (By.DAY, By.MODEL, By.PROVIDER)
"""How the rows must be grouped; the day in the zone of the report."""


def build(rows: Sequence[Rollup], *, timezone: str, breakdown: bool = False, top_models: int = 0) -> Table:
    """One line a day, ascending; days without usage have none.

    `breakdown`: each line (and the totals) also by model, the `top_models` dearest and the rest as one.
    """
    days: dict[str, list[Rollup]] = {}
    for row in rows:
        if row.events:
            days.setdefault(row.key.get(By.DAY) or "", []).append(row)

    def made(key: str, label: str, group: Sequence[Rollup]) -> Line:
        made = line(key, label, group)
        if breakdown and group:
            return msgspec.structs.replace(made, breakdown=by_model(group, top_models))
        return made

    used = [row for group in days.values() for row in group]
    return Table(
        kind="daily",
        timezone=timezone,
        rows=[made(day, day, days[day]) for day in sorted(days)],
        totals=made("total", "TOTAL", used),
        unpriced_models=unpriced_models(used),
        by_model=breakdown,
    )
