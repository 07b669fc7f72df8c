"""The days of the window: one line in a tile, a chart of bars in the detail."""

from __future__ import annotations

import datetime as dt
import enum

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import plot
from openusage.tui.bars import last_days, sparkline
from openusage.tui.lines import Part, cells, left, strip
from openusage.tui.sections.ranking import LABEL_WIDTH
from openusage.tui.view import View
from openusage.wire.sections import Sections

_MOST_DAYS = 30
_ENOUGH_DAYS = 20
"""Fewer are not shown for the sake of the figure beside them."""
_WIDEST_BAR = 2


class Measure(enum.StrEnum):
    """What a day's bar counts."""

    COST = "cost"
    TOKENS = "tokens"
    REQUESTS = "requests"

    def figure(self, value: float | None) -> str:
        """As people read it."""
        return fmt.money(value) if self is Measure.COST else fmt.count(value)


def series(account: Sections, measure: Measure) -> list[tuple[str, float]]:
    """(day, value) as reported."""
    return {
        Measure.COST: account.daily_cost,
        Measure.TOKENS: account.daily_tokens,
        Measure.REQUESTS: account.daily_requests,
    }[measure]


def measures(account: Sections, view: View) -> list[Measure]:
    """What can be shown of this account, the best first."""
    order = list(Measure) if view.shows_cost(account) else [Measure.TOKENS, Measure.REQUESTS]
    return [m for m in order if any(value > 0 for _, value in series(account, m))]


def days_of(account: Sections, room: int, view: View, measure: Measure) -> int:
    """As many days as the window has, or as there are data for, or as fit."""
    name = account.totals.window
    days = int(name[:-1]) if name.endswith("d") and name[:-1].isdigit() else 0
    if days < 7:
        dates = [date for date, value in series(account, measure) if value > 0 and date <= view.today]
        days = max(7, _span(min(dates, default=view.today), view.today))
    return max(1, min(days, room))


def _span(first: str, last: str) -> int:
    """Days from first to last, both counted; 0 for what is no date."""
    try:
        return (dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days + 1
    except ValueError:
        return 0


def rows(account: Sections, view: View) -> int:
    return 1 if measures(account, view) or account.totals.cache_hit_pct is not None else 0


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    """`DAILY     ▂▃▅▇▆▃▅   cache hit 95.9 %`; with two rows the bars are twice as high. Today is brighter."""
    palette, hit = view.palette, account.totals.cache_hit_pct
    found = measures(account, view)
    tail: list[Part] = []
    if hit is not None:
        tail = [("cache hit ", palette.dim), (fmt.percent(hit, 1), palette.text)]
    if not found:
        return [strip([(left("CACHE", LABEL_WIDTH), palette.dim), *tail], width)][:rows]
    if not rows:
        return []
    room = width - LABEL_WIDTH
    wanted = days_of(account, min(room, _MOST_DAYS), view, found[0])
    if room - cells(tail) - 3 < min(wanted, _ENOUGH_DAYS):
        tail = []
    space = room - (cells(tail) + 3 if tail else 0)
    if space < 1:
        return []
    days = min(wanted, space)
    bar = max(1, min(space // days - 1, _WIDEST_BAR))
    values = [value for _, value in last_days(series(account, found[0]), days, view.today)]
    drawn = sparkline(values, min(rows, 2), bar, palette)
    end: list[Part] = [("   ", palette.dim), *tail] if tail else []
    lines = [strip([(" " * LABEL_WIDTH, palette.dim), *line], width) for line in drawn[:-1]]
    return [*lines, strip([(left("DAILY", LABEL_WIDTH), palette.dim), *drawn[-1], *end], width)]


def chart(account: Sections, width: int, height: int, view: View, measure: Measure) -> list[Strip]:
    """Bars by day with an axis; the last day is today."""
    days = days_of(account, plot.most_days(width), view, measure)
    points = [
        plot.Day(date, (value or 0.0,))
        for date, value in last_days(series(account, measure), days, view.today)
    ]
    return plot.draw(
        points, (view.palette.fill,), width, height, view.palette, measure.figure, today=view.today
    )
