"""The days of the window: one line in a tile, a chart of bars in the detail."""

from __future__ import annotations

import datetime as dt
import enum

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.bars import column, last_days, sparkline
from openusage.tui.lines import Part, cells, left, right, strip
from openusage.tui.sections.ranking import LABEL_WIDTH
from openusage.tui.view import View
from openusage.wire.sections import Sections

_MOST_DAYS = 30


class Measure(enum.StrEnum):
    """What a day's bar counts."""

    COST = "cost"
    TOKENS = "tokens"
    REQUESTS = "requests"


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


def figure(value: float | None, measure: Measure) -> str:
    return fmt.money(value) if measure is Measure.COST else fmt.count(value)


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
    """`DAILY     ▂▃▅▇▆▃▅   cache hit 95.9 %`; with more rows the bars are higher."""
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
    if cells(tail) + 3 > room - 7:
        tail = []
    space = room - (cells(tail) + 3 if tail else 0)
    days = days_of(account, min(space, _MOST_DAYS), view, found[0])
    values = [value for _, value in last_days(series(account, found[0]), days, view.today)]
    label: Part = (left("DAILY", LABEL_WIDTH), palette.dim)
    end: list[Part] = [("   ", palette.dim), *tail] if tail else []
    if rows == 1:
        return [strip([label, *sparkline(values, palette), *end], width)]
    top = max(value or 0.0 for value in values) or 1.0
    columns = [column((value or 0.0) / top, rows) for value in values]
    bars = ["".join(cell[row] for cell in columns) for row in range(rows)]
    indent: Part = (" " * LABEL_WIDTH, palette.dim)
    drawn = [strip([indent, (bar, palette.fill)], width) for bar in bars[:-1]]
    return [*drawn, strip([label, (bars[-1], palette.fill), *end], width)]


def chart(account: Sections, width: int, height: int, view: View, measure: Measure) -> list[Strip]:
    """Bars by day with an axis; the last day is today."""
    palette = view.palette
    axis_width = 8
    room = width - axis_width - 2
    days = days_of(account, max(room // 2, 1), view, measure)
    points = last_days(series(account, measure), days, view.today)
    top = max((value or 0.0 for _, value in points), default=0.0)
    if room < 2 or not points or top <= 0:
        return []
    step = min(room // days, 9)
    bar = max(1, step - (1 if step < 5 else 2))
    columns = [column((value or 0.0) / top, height) for _, value in points]
    lines = []
    for row in range(height):
        mark = {
            0: figure(top, measure),
            height // 2: figure(top * (1 - (height // 2) / height), measure),
        }.get(row, "")
        body = "".join((cell[row] * bar).ljust(step) for cell in columns)
        tick = "┤" if mark else "│"
        lines.append(
            strip(
                [(right(mark, axis_width), palette.dim), (f" {tick}", palette.faint), (body, palette.fill)],
                width,
            )
        )
    lines.append(
        strip([(right("0", axis_width), palette.dim), (" └" + "─" * (step * days), palette.faint)], width)
    )
    lines.append(
        strip(
            [(" " * (axis_width + 2), palette.dim), (_day_axis([d for d, _ in points], step), palette.dim)],
            width,
        )
    )
    return lines


def _day_axis(dates: list[str], step: int) -> str:
    """Day names under the bars at even distances, counted back from the last one that has room."""
    labels = [fmt.day_label(date) for date in dates]
    longest = max(map(len, labels))
    every = -(-(longest + 3) // step)
    last = max((i for i in range(len(dates)) if i * step + longest <= len(dates) * step), default=-1)
    axis = ""
    for index in range(last % every if last >= 0 else 0, last + 1, every):
        axis = axis.ljust(index * step) + labels[index]
    return axis
