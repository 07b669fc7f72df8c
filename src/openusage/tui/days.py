"""The zone below the tiles: what each day cost, by machine or account, when there is room for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import plot
from openusage.tui.bars import last_days
from openusage.tui.lines import Part, blank, cells, clean, left, right, shortened, strip
from openusage.tui.sections import daily
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.sections import Sections

LEAST_ROWS, _MOST_ROWS = 9, 15
_LEAST_WIDTH = 80
_MOST_DAYS = 30
_MOST_SERIES = 5
_LONGEST_NAME = 24


class Stack(msgspec.Struct, frozen=True):
    """Days with their parts; the parts' names, colours and sums in the same order, the largest first."""

    measure: Measure
    by: str
    """`machine`, `account`, `model`, …"""
    names: list[str]
    colours: list[int]
    """Indexes into the palette's series; a name keeps its colour when the order changes."""
    days: list[plot.Day]
    totals: list[float]
    """Of the window, as the tiles say them; of the days where they do not."""


def rows(spare: int, width: int) -> int:
    """How many lines of `spare` ones the zone takes."""
    return min(spare, _MOST_ROWS) if spare >= LEAST_ROWS and width >= _LEAST_WIDTH else 0


def stacked(accounts: Sequence[Sections], view: View) -> Stack | None:
    """The accounts' days, added up by machine, or by account when there is one machine. `None`: no days."""
    priced = [a for a in accounts if Measure.COST in daily.measures(a, view)]
    measure = Measure.COST if priced else Measure.TOKENS
    shown = priced or [a for a in accounts if Measure.TOKENS in daily.measures(a, view)]
    if not shown:
        return None
    machines = len({a.machine for a in shown}) > 1
    days = max(daily.days_of(a, _MOST_DAYS, view, measure) for a in shown)
    sums: dict[str, list[float]] = {}
    for account in shown:
        parts = sums.setdefault(_name(account, machines), [0.0] * days)
        for at, (_, value) in enumerate(last_days(daily.series(account, measure), days, view.today)):
            parts[at] += max(value or 0.0, 0.0)
    totals = _totals(shown, measure, machines)
    dates = [date for date, _ in last_days([], days, view.today)]
    return ranked(measure, "machine" if machines else "account", dates, sums, totals)


def _totals(accounts: Sequence[Sections], measure: Measure, machines: bool) -> dict[str, float]:
    """The window's figure by name, which may begin within the first day; nothing when one is not told."""
    found: dict[str, float] = {}
    for account in accounts:
        total = account.totals.window_cost_usd if measure is Measure.COST else account.totals.window_tokens
        if total is None:
            return {}
        name = _name(account, machines)
        found[name] = found.get(name, 0.0) + total
    return found


def _name(account: Sections, machines: bool) -> str:
    return clean(account.machine if machines else account.name or account.provider_id)


def ranked(
    measure: Measure, by: str, dates: list[str], sums: dict[str, list[float]], totals: dict[str, float]
) -> Stack:
    """The largest first; when there are too many, the smaller ones as one part."""
    said = {name: totals.get(name, sum(values)) for name, values in sums.items()}
    ranked = sorted(sums, key=lambda name: (-said[name], name))
    many = len(ranked) > _MOST_SERIES
    kept, rest = (ranked[: _MOST_SERIES - 1], ranked[_MOST_SERIES - 1 :]) if many else (ranked, [])
    colour = {name: at for at, name in enumerate(sorted(kept))}
    columns = [sums[name] for name in kept]
    whole = [said[name] for name in kept]
    if rest:
        whole.append(sum(said[name] for name in rest))
        columns.append([sum(values) for values in zip(*(sums[name] for name in rest), strict=True)])
    return Stack(
        measure=measure,
        by=by,
        names=[*kept, *([f"{len(rest)} others"] if rest else [])],
        colours=[*(colour[name] for name in kept), *([_MOST_SERIES] if rest else [])],
        days=[plot.Day(date, parts) for date, parts in zip(dates, zip(*columns, strict=True), strict=True)],
        totals=whole,
    )


def most(stack: Stack, width: int, view: View) -> int:
    """How many bars have room beside the legend."""
    return plot.most_days(width - 4 - _beside(_legend(stack, view)))


def _beside(legend: Sequence[Sequence[Part]]) -> int:
    """Cells that the legend takes, with the gap before it."""
    return max(map(cells, legend)) + 4 if legend else 0


def draw(
    stack: Stack, width: int, rows: int, view: View, *, unit: str = "day", newest: str = ""
) -> list[Strip]:
    """Exactly `rows` lines: the heading and the chart with its legend at the right, between blank ones.

    The bars are days, hours or weeks; the last one is not over, and is called `newest`.
    """
    palette = view.palette
    series = palette.series
    styles = [series[colour] for colour in stack.colours] if len(stack.names) > 1 else [palette.fill]
    legend = _legend(stack, view)
    chart_width = plot.used(len(stack.days), width - 4 - _beside(legend))
    chart = plot.draw(
        stack.days,
        styles,
        chart_width,
        rows - 3,
        palette,
        stack.measure.figure,
        today=stack.days[-1].date,
        newest=newest,
    )
    title = f"{stack.measure} by {unit}".upper()
    lines = [blank(width), strip([("  ", palette.dim), (title, palette.dim)], width)]
    for at, line in enumerate(chart):
        entry = legend[at] if at < len(legend) else []
        lines.append(Strip.join([blank(2), line, blank(4), strip(entry, width - chart_width - 6)]))
    return (lines + [blank(width)] * rows)[:rows]


def _legend(stack: Stack, view: View) -> list[list[Part]]:
    """`■ work-laptop  $24.45  66 %` under each other; nothing for a single part."""
    if len(stack.names) < 2:
        return []
    palette = view.palette
    totals = stack.totals
    whole = sum(totals) or 1.0
    names = [shortened(name, _LONGEST_NAME) for name in stack.names]
    figures = fmt.money_column(totals) if stack.measure is Measure.COST else list(map(fmt.count, totals))
    shares = [fmt.percent(100 * total / whole) for total in totals]
    wide, figure_width, share_width = (max(map(cell_len, texts)) for texts in (names, figures, shares))
    lines: list[list[Part]] = []
    for name, figure, share, colour in zip(names, figures, shares, stack.colours, strict=True):
        lines.append(
            [
                ("■ ", palette.series[colour]),
                (left(name, wide), palette.text),
                ("  " + right(figure, figure_width), palette.strong),
                ("  " + right(share, share_width), palette.dim),
            ]
        )
    return lines
