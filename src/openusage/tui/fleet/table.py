"""The table of a fleet: one line a machine, model, project, …, fitted to the width. Pure.

Columns drop out by priority when the width is short; a number is never cut. Lines are made only of the rows
in sight.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from textual.strip import Strip

from openusage.tui.fleet.columns import Column, columns
from openusage.tui.fleet.order import Look, Sort, matches, ordered
from openusage.tui.fleet.words import key_of, labels_of
from openusage.tui.lines import Part, cells, left, right, shortened, strip
from openusage.tui.view import View
from openusage.wire.fleet import State
from openusage.wire.pane import Pane, PaneRow
from openusage.words import STATES

LEAST_NAME, _LONGEST_NAME = 10, 40
_GAP = 2
_EDGE = 4
"""Mark of the selected row, and sign of its state."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The rows in their order with all columns that fit."""

    rows: list[PaneRow]
    names: list[str]
    columns: list[Column]
    title: str
    name_width: int
    width: int
    look: Look
    sorts: list[Sort]
    """What its rows can be ordered by, from left to right, also where there is no room for the column."""

    def __len__(self) -> int:
        return len(self.rows)

    def key(self, index: int) -> str:
        """What tells a row from the others, over refreshes."""
        return key_of(self.rows[index])

    def head(self, view: View) -> Strip:
        """The titles; a sign shows what the rows are ordered by, and which way."""
        title, style = self._title(self.title, Sort.NAME, view, is_left=True)
        parts: list[Part] = [(" " * _EDGE, view.palette.dim), (left(title, self.name_width), style)]
        for column in self.columns:
            title, style = self._title(column.title, column.sort, view, is_left=column.is_left)
            # The sign may stand in the gap: no column is wider for it.
            room = column.width + _GAP
            parts.append((left("  " + title, room) if column.is_left else right(title, room), style))
        return strip(parts, self.width)

    def line(self, index: int, view: View, *, selected: bool, focused: bool) -> Strip:
        """One row."""
        palette = view.palette
        row, name = self.rows[index], shortened(self.names[index], self.name_width)
        mark = palette.accent if focused else palette.dim
        parts: list[Part] = [("▌ " if selected else "  ", mark), _sign(row, view)]
        gone = row.machine is not None and row.machine.state is State.GONE
        style = palette.strong if selected else palette.dim if gone else palette.text
        parts.append((left(name, self.name_width), style))
        for column in self.columns:
            cell = column.cell(index, column.width, view)
            gap = column.width - cells(cell)
            before, after = (0, gap) if column.is_left else (gap, 0)
            parts += [(" " * (_GAP + before), palette.text), *cell, (" " * after, palette.text)]
        return strip(parts, self.width)

    def sort_at(self, x: int) -> Sort | None:
        """The order that a click on the head asks for."""
        edge = _EDGE + self.name_width
        if x < edge:
            return Sort.NAME
        for column in self.columns:
            edge += _GAP + column.width
            if x < edge:
                return column.sort
        return None

    def _title(self, title: str, sort: Sort | None, view: View, *, is_left: bool) -> Part:
        if sort is not self.look.sort:
            return title, view.palette.dim
        sign = "▼" if self.look.falls else "▲"
        return (f"{title}{sign}" if is_left else f"{sign}{title}"), view.palette.text


def sheet(pane: Pane, heard_at: dt.datetime, look: Look, width: int) -> Sheet:
    """All rows, ready to be drawn. `heard_at`: when the hub said so."""
    rows = ordered([r for r in pane.rows if matches(r, pane.group, look.filter)], pane.group, look)
    names = labels_of(rows, pane.group)
    title = str(pane.group).upper()
    longest = min(max(map(cell_len, (title + " ", *names))), _LONGEST_NAME)
    possible = columns(pane, heard_at, rows, look.measure)
    kept = sorted(possible, key=lambda c: c.priority)
    least = min(longest, LEAST_NAME) + _EDGE
    while kept and sum(c.width + _GAP for c in kept) + least > width:
        kept.pop()
    shown = [c for c in possible if c in kept]
    room = width - _EDGE - sum(c.width + _GAP for c in shown)
    name_width = max(min(longest, room), 1)
    return Sheet(
        rows=rows,
        names=names,
        columns=_grown(shown, room - name_width),
        title=title,
        name_width=name_width,
        width=width,
        look=look,
        sorts=[Sort.NAME, *(c.sort for c in possible if c.sort is not None)],
    )


def _grown(columns: Sequence[Column], spare: int) -> list[Column]:
    """Bars take what is left."""
    widths = [column.width for column in columns]
    for turn in range(max((len(column.grows) for column in columns), default=0)):
        for at, column in enumerate(columns):
            target = column.grows[turn] if turn < len(column.grows) else 0
            more = max(min(spare, target - widths[at]), 0)
            widths[at] += more
            spare -= more
    return [msgspec.structs.replace(c, width=width) for c, width in zip(columns, widths, strict=True)]


def _sign(row: PaneRow, view: View) -> Part:
    palette = view.palette
    if row.machine is None:
        return "  ", palette.dim
    style = {State.FRESH: palette.good, State.STALE: palette.warn, State.GONE: palette.dim}
    return STATES[row.machine.state][0] + " ", style[row.machine.state]
