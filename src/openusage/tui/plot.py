"""A chart of bars by day, stacked or not, with round marks on its axis. Pure.

A cell is eight eighths high. Where one series ends inside a cell and the next begins, the cell has the lower
one's colour as its foreground and the upper one's as its background.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec
from rich.style import Style
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.lines import Part, right, strip
from openusage.tui.palette import Palette

_LEVELS = " ▁▂▃▄▅▆▇█"
_ROUND = (1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""The half of each, which is marked too, is as round."""
_WIDEST_STEP = 22
_FIGURES_FROM = 8
"""Cells a day has when there is room for its figure above the bar."""
_AXIS = 6
_DAY_CHARS = len("2026-11-22")
LEAST_HEIGHT = 5
_LEAST = 1e-12
"""What is less is as good as nothing; near the smallest number there is, figures have no digits left."""


class Day(msgspec.Struct, frozen=True):
    """One bar: a date and its parts from the bottom up."""

    date: str
    parts: tuple[float, ...]

    @property
    def whole(self) -> float:
        return sum(self.parts)


def round_top(value: float) -> float:
    """The least round number that is not below the value: a chart's axis ends there."""
    if value < _LEAST or not math.isfinite(value):
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(n * unit for n in _ROUND if n * unit >= value * (1 - 1e-9))


def most_days(width: int) -> int:
    """How many bars fit: each has two cells at least."""
    return max((width - _AXIS - 2) // 2, 1)


def used(days: int, width: int) -> int:
    """How much of a width the bars of so many days take."""
    return min(_AXIS + 2 + days * min((width - _AXIS - 2) // max(days, 1), _WIDEST_STEP), width)


def draw(
    days: Sequence[Day],
    styles: Sequence[Style],
    width: int,
    height: int,
    palette: Palette,
    figure: Callable[[float], str],
    *,
    today: str,
    newest: str = "",
) -> list[Strip]:
    """`height` lines, two of them axis and dates; nothing when there is nothing to see or no room for it.

    `newest`: what the last bar is called, when it is no day and no hour.
    """
    room = width - _AXIS - 2
    if not days or len(days) * 2 > room or height < LEAST_HEIGHT or not any(day.whole > 0 for day in days):
        return []
    top = round_top(max(day.whole for day in days))
    step = min(room // len(days), _WIDEST_STEP)
    bar = max(1, step - (1 if step < 5 else 2 if step < 10 else step // 4 + 1))
    spoken = step >= _FIGURES_FROM and height >= LEAST_HEIGHT + 2
    rows = height - 2 - spoken
    rows -= rows % 2  # so that the mark in the middle is at the edge of a cell
    grid = [[(" ", palette.text)] * room for _ in range(height - 2)]
    for index, day in enumerate(days):
        alone = len(styles) == 1 and day.date == today
        cells = _column(day.parts, (palette.text,) if alone else styles, top, rows)
        for row, cell in enumerate(cells):
            for x in range(index * step, index * step + bar):
                grid[row][x] = cell
        if spoken and day.whole > 0:
            said = figure(day.whole)
            style = palette.text if day.date == today else palette.dim
            highest = max((row for row, (char, _) in enumerate(cells) if char != " "), default=0)
            start = index * step + max(0, (bar - len(said)) // 2)
            for x, char in enumerate(said[: step - 1]):
                grid[highest + 1][start + x] = (char, style)
    marks = {rows // 2 - 1: _mark(top / 2, figure), rows - 1: _mark(top, figure)}
    if marks[rows - 1] == marks[rows // 2 - 1]:  # `<$0.01` twice
        del marks[rows // 2 - 1]
    lines = [_line(marks.get(row, ""), grid[row], width, palette) for row in reversed(range(height - 2))]
    axis = "─" * (step * (len(days) - 1) + bar)
    lines.append(strip([(right("0", _AXIS), palette.dim), (" └" + axis, palette.faint)], width))
    several = len({day.date[:_DAY_CHARS] for day in days}) > 1
    labels = [_label(day.date, day.date == today, of_several=several) for day in days]
    if newest:
        labels[-1] = newest
    dates = _dates(labels, step, bar, room, palette, bright=days[-1].date == today)
    return [*lines, strip([(" " * (_AXIS + 2), palette.dim), *dates], width)]


def _mark(value: float, figure: Callable[[float], str]) -> str:
    """A round figure without the cents that it does not have."""
    return figure(value).removesuffix(".00")


def _line(mark: str, cells: Sequence[Part], width: int, palette: Palette) -> Strip:
    parts: list[Part] = [(right(mark, _AXIS), palette.dim), (" ┤" if mark else " │", palette.faint)]
    for char, style in cells:
        if parts[-1][1] is style:
            parts[-1] = (parts[-1][0] + char, style)
        else:
            parts.append((char, style))
    return strip(parts, width)


def _column(parts: Sequence[float], styles: Sequence[Style], top: float, rows: int) -> list[Part]:
    """The cells of one bar, lowest first. What is above 0 is seen."""
    ends: list[int] = []
    whole = 0.0
    for part in parts:
        whole += max(part, 0.0)
        ends.append(round(min(whole / top, 1.0) * rows * 8))
    if whole > 0 and ends[-1] == 0:
        ends = [1 if share > 0 else 0 for share in _running(parts)]
    return [_cell(ends, styles, 8 * row) for row in range(rows)]


def _running(parts: Sequence[float]) -> list[float]:
    return [sum(parts[: n + 1]) for n in range(len(parts))]


def _cell(ends: Sequence[int], styles: Sequence[Style], floor: int) -> Part:
    """The cell whose bottom is at `floor` eighths, in a stack whose parts end at `ends`."""
    height = min(ends[-1] - floor, 8)
    if height <= 0:
        return " ", styles[0]
    shown: list[tuple[int, int, Style]] = []
    """Each part's bottom and top inside the cell."""
    at = 0
    for end, style in zip(ends, styles, strict=True):
        level = min(end, floor + 8) - floor
        if level > at:
            shown.append((at, level, style))
            at = level
    if height < 8 or len(shown) == 1:  # the stack ends here: one colour, that of the part with most of it
        return _LEVELS[height], max(shown, key=lambda part: part[1] - part[0])[2]
    (_, level, lower), (_, _, upper) = shown[0], shown[1]
    return _LEVELS[level], _two(lower, upper)


@lru_cache(maxsize=256)
def _two(lower: Style, upper: Style) -> Style:
    """Foreground of one, background of the other."""
    return Style(color=lower.color, bgcolor=upper.color)


def _dates(
    labels: Sequence[str], step: int, bar: int, room: int, palette: Palette, *, bright: bool
) -> list[Part]:
    """Labels centred under the bars, as many as stand apart, the last one first; that one is `bright`."""
    line = [" "] * room
    free = room + 2
    last = (0, 0)
    for index in reversed(range(len(labels))):
        label = labels[index]
        start = index * step + (bar - len(label)) // 2
        start = max(min(start, room - len(label)), 0)
        if start + len(label) + 2 <= free:
            line[start : start + len(label)] = label
            free = start
            if index == len(labels) - 1:
                last = start, start + len(label)
    text, (begin, end) = "".join(line), last
    style = palette.text if bright else palette.dim
    return [(text[:begin], palette.dim), (text[begin:end], style), (text[end:], palette.dim)]


def _label(date: str, is_present: bool, *, of_several: bool) -> str:
    """`today`, `Mon 3`; of an hour `now`, `14 h`; of the first one of a day, of several, `3 Nov`."""
    if len(date) > _DAY_CHARS:
        if of_several and date[-2:] == "00":
            return fmt.day_label(date[:_DAY_CHARS])
        return "now" if is_present else f"{date[-2:]} h"
    return "today" if is_present else fmt.day_label(date)
