"""Parts of the screens of a history: a chart under its heading, pieces of a page side by side. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from openusage.tui import days, plot
from openusage.tui.cuts import fitted
from openusage.tui.lines import Part, blank, cells, strip
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View

GAP = 3
LEAST_CHART = 7
"""Lines, its heading included."""


def heading(title: str, note: str, width: int, view: View) -> Strip:
    """`COST BY DAY          m: [cost] / tokens / requests`."""
    start: list[Part] = [(title.upper(), view.palette.dim)]
    room = width - cells(start) - 2
    if note and len(note) <= room:
        start.append((" " * (width - cells(start) - len(note)) + note, view.palette.dim))
    return strip(start, width)


def measures_note(shown: Measure, possible: Sequence[Measure]) -> str:
    """Which key changes what is counted, and the choice."""
    if len(possible) < 2:
        return ""
    return f"m: {' / '.join(f'[{m}]' if m is shown else str(m) for m in possible)}"


def chart(
    stack: days.Stack | None,
    width: int,
    height: int,
    view: View,
    *,
    noun: str = "",
    note: str = "",
) -> list[Strip]:
    """A heading and the bars, `height` lines; nothing when there is nothing to see or no room for it.

    `noun`: what is counted, when that is not the stack's measure.
    """
    if stack is None or height < LEAST_CHART:
        return []
    palette = view.palette
    bars = fitted(stack, width, view.local_now.date())
    styles = [palette.series[colour] for colour in stack.colours] if len(stack.names) > 1 else [palette.fill]
    local = view.local_now
    present = f"{local:%Y-%m-%dT%H}" if "T" in bars.days[-1].date else view.today
    drawn = plot.draw(
        bars.days,
        styles,
        plot.used(len(bars.days), width),
        height - 1,
        palette,
        stack.measure.figure,
        today=present,
        newest=bars.newest,
    )
    title = f"{noun or stack.measure} by {bars.unit}"
    lines = [line.adjust_cell_length(width) for line in drawn]
    return [heading(title, note, width, view), *lines] if drawn else []


def beside(first: Sequence[Strip], second: Sequence[Strip], widths: tuple[int, int]) -> list[Strip]:
    """Two columns, the shorter one filled up."""
    rows = max(len(first), len(second))
    one = [*first, *[blank(widths[0])] * (rows - len(first))]
    two = [*second, *[blank(widths[1])] * (rows - len(second))]
    return [Strip.join([a, blank(GAP), b]) for a, b in zip(one, two, strict=True)]


def halves(width: int) -> tuple[int, int]:
    """Left two thirds, right third, with the gap between them."""
    right = max((width - GAP) // 3, 38)
    return width - GAP - right, right


def packed_columns(panels: Sequence[Sequence[Strip]], count: int, width: int) -> list[Strip]:
    """Panels in `count` columns of equal width; the next one goes below the shortest."""
    columns: list[list[Strip]] = [[] for _ in range(count)]
    for panel in panels:
        if panel:
            column = min(columns, key=len)
            column += [blank(width), *panel] if column else panel
    used = [column for column in columns if column]
    rows = max(map(len, used), default=0)
    padded = [[*column, *[blank(width)] * (rows - len(column))] for column in used]
    lines = []
    for row in zip(*padded, strict=True):
        parts: list[Strip] = []
        for piece in row:
            parts += [blank(GAP), piece] if parts else [piece]
        lines.append(Strip.join(parts))
    return lines
