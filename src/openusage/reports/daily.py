"""Usage by local day. Pure: rows that a `UsageSource` gave for `BY` -> `Table`."""

from __future__ import annotations

from collections.abc import Sequence

from openusage.reports import grouped
from openusage.reports.table import RAW, ModelNames, Table
from openusage.wire.rollups import By, Rollup

BY = grouped.asked_by(By.DAY)
"""How the rows must be grouped; the day in the zone of the report."""


def build(
    rows: Sequence[Rollup],
    *,
    timezone: str,
    breakdown: bool = False,
    top_models: int = 0,
    names: ModelNames = RAW,
) -> Table:
    """One line a day, ascending; days without usage have none."""
    return grouped.build(
        rows,
        by=By.DAY,
        timezone=timezone,
        kind="daily",
        breakdown=breakdown,
        top_models=top_models,
        names=names,
    )
