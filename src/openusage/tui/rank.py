"""Rankings that a person moves in: models, projects, tools, clients with their figures. Pure.

A row has the colour of its part of the chart. Columns drop out by priority when the width is short; numbers
are never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import table
from openusage.tui.bars import thin
from openusage.tui.cuts import Ranked, cache_hit_pct, cost_usd, usd_per_mtok, value
from openusage.tui.lines import Part, left, right, shortened, strip
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.rollups import Rollup

_MARK, _COLOUR = 2, 2
"""Cells of the mark of the selected row, and of the colour of its part of the chart."""
_PLAIN = 4
"""Priority of the last column of a ranking without the kinds of tokens."""
_GAP = 2
_LEAST_NAME, _LONGEST_NAME = 10, 40
_LEAST_BAR, _MOST_BAR = 6, 32
_MOST_TREND = 999.0
PARTED = "■"


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All rows, ready to be drawn: `fleet.rows.Drawn`."""

    rows: list[Ranked]
    title: str
    columns: list[table.Column]
    widths: list[int]
    """Of the columns: found once, over all rows."""
    name_width: int
    bar: int
    """Cells of a bar behind the name; 0: there is none."""
    shares: list[float]
    parted: bool
    """Its rows are parts of a chart, and have their colours."""
    width: int

    def __len__(self) -> int:
        return len(self.rows)

    def key(self, index: int) -> str:
        label = self.rows[index].label
        return "\0" if label is None else label

    @property
    def _sized(self) -> Iterable[tuple[table.Column, int]]:
        return zip(self.columns, self.widths, strict=True)

    def head(self, view: View) -> Strip:
        """The titles."""
        gap = _GAP + self.bar if self.bar else 0
        edge = _MARK + _COLOUR * self.parted
        parts: list[Part] = [(" " * edge + left(self.title, self.name_width) + " " * gap, view.palette.dim)]
        parts += [(" " * c.gap + right(c.title, wide), view.palette.dim) for c, wide in self._sized]
        return strip(parts, self.width)

    def line(self, index: int, view: View, *, selected: bool, focused: bool) -> Strip:
        """One row."""
        palette, row = view.palette, self.rows[index]
        mark = palette.accent if focused else palette.dim
        parts: list[Part] = [("▌ " if selected else "  ", mark)]
        if self.parted:
            colour = palette.series[row.colour] if row.colour is not None else palette.series[-1]
            parts.append((f"{PARTED} ", colour))
        style = palette.strong if selected and focused else palette.text
        parts.append((left(shortened(row.name, self.name_width), self.name_width), style))
        if self.bar:
            drawn = thin(self.shares[index], self.bar)
            parts += [(" " * _GAP + drawn, palette.bar), (" " * (self.bar - len(drawn)), palette.text)]
        for column, wide in self._sized:
            cell = column.cells[index]
            known = any(map(str.isdigit, cell))
            style = palette.dim if not known else palette.strong if column.strong else palette.text
            parts.append((" " * column.gap + right(cell, wide), style))
        return strip(parts, self.width)


def sheet(
    rows: Sequence[Ranked],
    title: str,
    measure: Measure,
    width: int,
    *,
    tools: bool = False,
    plain: bool = False,
    money: bool = True,
) -> Sheet:
    """Rows in their order with all columns that fit. `plain`: no kinds of tokens. `money`: with costs."""
    columns = _tool_columns(rows) if tools else _columns(rows, measure, money=money)
    columns = [c for c in columns if not plain or c.priority <= _PLAIN]
    parted = any(r.colour is not None for r in rows)
    edge = _MARK + _COLOUR * parted
    longest = min(max((cell_len(r.name) for r in rows), default=0), _LONGEST_NAME)
    longest = max(longest, cell_len(title))
    kept = table.chosen(columns, width - edge - min(longest, _LEAST_NAME + 8, width // 2))
    room = width - edge - sum(c.width + c.gap for c in kept)
    name_width = max(min(longest, room), 1)
    bar = min(room - name_width - _GAP, _MOST_BAR)
    values = [value(r.row, measure) or 0.0 for r in rows]
    top = max(values, default=0.0) or 1.0
    bar = bar if bar >= _LEAST_BAR and len(rows) > 1 else 0
    if not bar:
        name_width = max(room, 1)
    return Sheet(
        rows=list(rows),
        title=title,
        columns=kept,
        widths=[c.width for c in kept],
        name_width=name_width,
        bar=bar,
        shares=[v / top for v in values],
        parted=parted,
        width=width,
    )


def money_cells(rows: Sequence[Rollup]) -> list[str]:
    """Costs under each other; `unpriced` where no request has a price."""
    figures = fmt.money_column(map(cost_usd, rows))
    return [
        "unpriced" if row.requests and cost_usd(row) is None else cell
        for row, cell in zip(rows, figures, strict=True)
    ]


def trend_cell(pct: float | None) -> str:
    """`▲ 12 %`; beyond what says anything `▲ >999 %`."""
    if pct is None:
        return fmt.MISSING
    size = fmt.percent(abs(pct)) if abs(pct) < _MOST_TREND else f">{fmt.percent(_MOST_TREND)}"
    return f"{'▲' if pct >= 0 else '▼'} {size}"


def share_cells(values: Sequence[float | None]) -> list[str]:
    """`62 %` of all, per row."""
    whole = sum(v or 0.0 for v in values)
    return [fmt.percent(None if v is None or not whole else 100 * v / whole) for v in values]


def _columns(rows: Sequence[Ranked], measure: Measure, *, money: bool) -> list[table.Column]:
    """The measure's own figure first, then its share; the kinds of tokens where there is much room."""
    used = [r.row for r in rows]
    main = {
        Measure.COST: ("COST", money_cells(used)),
        Measure.TOKENS: ("TOKENS", [fmt.count(r.total_tokens) for r in used]),
        Measure.REQUESTS: ("REQ", [fmt.count(r.requests) for r in used]),
    }
    found = [table.Column(title="SHARE", cells=share_cells([value(r, measure) for r in used]), priority=1)]
    if any(r.earlier is not None for r in rows):
        found.append(
            table.Column(title="CHANGE", cells=[trend_cell(r.trend_pct(measure)) for r in rows], priority=4)
        )
    for title, figure, priority in _KINDS:
        if any(map(figure, used)):
            texts = [fmt.count(figure(r)) for r in used]
            found.append(table.Column(title=title, cells=texts, priority=priority))
    if any(cache_hit_pct(r) is not None for r in used):
        texts = [fmt.percent(cache_hit_pct(r)) for r in used]
        found.append(table.Column(title="CACHE", cells=texts, priority=11))
    others = [m for m in Measure if m is not measure and (money or m is not Measure.COST)]
    for place, other in enumerate(others):
        title, texts = main[other]
        found.append(table.Column(title=title, cells=texts, priority=2 + place))
    if measure is Measure.COST:
        texts = [fmt.money(usd_per_mtok(r)) for r in used]
        found.append(table.Column(title="$/1M", cells=texts, priority=10))
    title, texts = main[measure]
    found.append(table.Column(title=title, cells=texts, priority=0, strong=True))
    return found


_KINDS: tuple[tuple[str, Callable[[Rollup], int], int], ...] = (
    ("IN", lambda r: r.input, 6),
    ("OUT", lambda r: r.output, 5),
    ("CACHE R", lambda r: r.cache_read, 7),
    ("CACHE W", lambda r: r.cache_write, 8),
    ("REASON", lambda r: r.reasoning, 9),
)


def _tool_columns(rows: Sequence[Ranked]) -> list[table.Column]:
    """Calls, shares and what they changed."""
    used = [r.row for r in rows]
    calls = [float(r.tool_calls) for r in used]
    found = [table.Column(title="SHARE", cells=share_cells(calls), priority=1)]
    if any(r.earlier is not None for r in rows):
        texts = [trend_cell(r.trend_pct(Measure.REQUESTS)) for r in rows]
        found.append(table.Column(title="CHANGE", cells=texts, priority=3))
    if any(r.lines_added or r.lines_removed for r in used):
        texts = [f"+{fmt.count(r.lines_added)} −{fmt.count(r.lines_removed)}" for r in used]
        texts = [t if r.lines_added or r.lines_removed else "" for t, r in zip(texts, used, strict=True)]
        found.append(table.Column(title="LINES", cells=texts, priority=4))
    found.append(table.Column(title="CALLS", cells=[fmt.count(c) for c in calls], priority=0, strong=True))
    return found
