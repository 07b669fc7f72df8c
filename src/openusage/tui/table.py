"""Columns under each other: they drop out by priority when the width is short. Pure.

Numbers are never cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from textual.strip import Strip

from openusage.tui.bars import thin
from openusage.tui.lines import Part, left, right, shortened, strip
from openusage.tui.palette import Palette

_GAP = 2
_LEAST_BAR, _MOST_BAR = 8, 48


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of figures."""

    title: str
    cells: list[str]
    priority: int
    """Lower drops out later."""
    strong: bool = False
    gap: int = _GAP

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.title, *self.cells)))


def chosen(columns: Sequence[Column], room: int) -> list[Column]:
    """The columns that fit into `room` cells, the least important dropped first, in their order."""
    kept = sorted(columns, key=lambda c: c.priority)
    while kept and sum(c.width + c.gap for c in kept) > room:
        kept.pop()
    return [c for c in columns if c in kept]


def draw(
    title: str,
    names: Sequence[str],
    columns: Sequence[Column],
    width: int,
    palette: Palette,
    *,
    least_name: int = 12,
    shares: Sequence[float] = (),
) -> list[Strip]:
    """Head and rows. Bars of `shares` (0..1) stand between name and figures when there is room for them."""
    longest = max(map(cell_len, (title, *names)))
    kept = chosen(columns, width - min(longest, least_name))
    sized = [(c, c.width) for c in kept]  # found once: a width is that of all rows
    figures = sum(wide + c.gap for c, wide in sized)
    bar_width = min(_MOST_BAR, width - figures - longest - 2 * _GAP) if len(shares) > 1 else 0
    if bar_width < _LEAST_BAR:
        bar_width = 0
    name_width = width - figures - bar_width - (_GAP if bar_width else 0)
    if bar_width:
        name_width = longest + _GAP
    gap = width - figures - name_width
    head: list[Part] = [(left(title, name_width + gap), palette.dim)]
    head += [(" " * c.gap + right(c.title, wide), palette.dim) for c, wide in sized]
    lines = [strip(head, width)]
    for row, name in enumerate(names):
        parts: list[Part] = [(left(shortened(name, name_width), name_width), palette.text)]
        if bar_width:
            bar = thin(shares[row], bar_width)
            parts += [(bar, palette.bar), (" " * (gap - len(bar)), palette.text)]
        for c, wide in sized:
            style = palette.strong if c.strong else palette.text
            cell = c.cells[row]
            known = any(map(str.isdigit, cell))
            parts.append((" " * c.gap + right(cell, wide), style if known else palette.dim))
        lines.append(strip(parts, width))
    return lines
