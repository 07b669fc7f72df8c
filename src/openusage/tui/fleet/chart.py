"""The chart of a fleet: its days or hours, stacked by what the rows stand for. Pure."""

from __future__ import annotations

from textual.strip import Strip

from openusage.tui import days, plot
from openusage.tui.days import Stack, ranked
from openusage.tui.fleet.words import label_of
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.pane import Pane

LEAST_ROWS, _MOST_ROWS = 8, 18
_LEAST_WIDTH = 80


def rows(spare: int, width: int) -> int:
    """How many lines of `spare` ones the chart takes."""
    return min(spare, _MOST_ROWS) if spare >= LEAST_ROWS and width >= _LEAST_WIDTH else 0


def draw(pane: Pane, width: int, rows: int, view: View, measure: Measure) -> list[Strip]:
    """Exactly `rows` lines; nothing when nothing was used."""
    stack = stacked(pane, measure, width)
    if stack is None or rows < LEAST_ROWS:
        return []
    return days.draw(stack, width, rows, view, unit="hour" if pane.window == "1d" else "day")


def stacked(pane: Pane, measure: Measure, width: int) -> Stack | None:
    """The rows' points, the last ones of as many as fit."""
    shown = pane.labels[-plot.most_days(width - 40) :]
    sums: dict[str, list[float]] = {}
    totals: dict[str, float] = {}
    for row in pane.rows:
        points = row.costs if measure is Measure.COST else row.tokens
        values = [max(value or 0.0, 0.0) for value in points[-len(shown) :]]
        if any(values):
            name = label_of(row, pane.group)
            known = sums.setdefault(name, [0.0] * len(shown))
            sums[name] = [a + b for a, b in zip(known, values, strict=True)]
            used = row.window.cost_usd if measure is Measure.COST else row.window.tokens
            # Figures over another window do not belong beside those of this one.
            totals[name] = totals.get(name, 0.0) + (sum(values) if row.own_window else used or 0.0)
    return ranked(measure, str(pane.group), shown, sums, totals) if sums else None
