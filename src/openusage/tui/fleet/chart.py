"""The chart of a fleet: its days or hours, stacked by what the rows stand for. Pure."""

from __future__ import annotations

import datetime as dt

import msgspec
from textual.strip import Strip

from openusage.tui import days, plot
from openusage.tui.days import Stack, ranked
from openusage.tui.fleet.words import labels_of
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.pane import Pane

LEAST_ROWS, MOST_ROWS = 8, 30
_LEAST_WIDTH = 80


def rows(spare: int, width: int) -> int:
    """How many lines of `spare` ones the chart takes."""
    return min(spare, MOST_ROWS) if spare >= LEAST_ROWS and width >= _LEAST_WIDTH else 0


def draw(stack: Stack, width: int, rows: int, view: View) -> list[Strip]:
    """Exactly `rows` lines, the first one blank. More days than have room are drawn as weeks."""
    if rows < LEAST_ROWS:
        return []
    if "T" in stack.days[-1].date:
        return days.draw(stack, width, rows + 1, view, unit="hour")[:rows]
    if len(stack.days) > days.most(stack, width, view):
        return days.draw(weekly(stack), width, rows + 1, view, unit="week", newest="this week")[:rows]
    return days.draw(stack, width, rows + 1, view)[:rows]


def stacked(pane: Pane, measure: Measure) -> Stack | None:
    """The rows' points by what they are called. `None`: there is nothing to see."""
    sums: dict[str, list[float]] = {}
    totals: dict[str, float] = {}
    for row, name in zip(pane.rows, labels_of(pane.rows, pane.group), strict=True):
        points = row.costs if measure is Measure.COST else row.tokens
        values = [max(value or 0.0, 0.0) for value in points]
        if any(values):
            known = sums.setdefault(name, [0.0] * len(pane.labels))
            sums[name] = [a + b for a, b in zip(known, values, strict=True)]
            used = row.window.cost_usd if measure is Measure.COST else row.window.tokens
            # Figures over another window do not belong beside those of this one.
            totals[name] = totals.get(name, 0.0) + (sum(values) if row.own_window else used or 0.0)
    return ranked(measure, str(pane.group), pane.labels, sums, totals) if sums else None


def weekly(stack: Stack) -> Stack:
    """The same by week, from Monday on; each has the date of its first day."""
    weeks: dict[str, list[plot.Day]] = {}
    for day in stack.days:
        date = dt.date.fromisoformat(day.date)
        weeks.setdefault((date - dt.timedelta(days=date.weekday())).isoformat(), []).append(day)
    bars = [
        plot.Day(monday, tuple(map(sum, zip(*(day.parts for day in members), strict=True))))
        for monday, members in weeks.items()
    ]
    return msgspec.structs.replace(stack, days=bars)
