"""The page of the settings: tabs above, rows in columns, a preview beside them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from openusage.tui.lines import Part, blank, cells, fit, left, shortened, strip, wrapped
from openusage.tui.palette import Palette
from openusage.tui.settings.tab import Mood, Row

_GAP = 2
_LONGEST_NAME = 30
PREVIEW_FROM = 92
"""Cells of the page from which on there is a preview beside the rows."""


class Head(msgspec.Struct, frozen=True):
    """The line of tabs, and which cells belong to which."""

    line: Strip
    spans: list[tuple[int, int]]

    def at(self, x: int) -> int | None:
        """The tab under a cell."""
        return next((n for n, (start, end) in enumerate(self.spans) if start <= x < end), None)


def head(titles: Sequence[str], chosen: int, width: int, palette: Palette) -> Head:
    """`SETTINGS  [1 Accounts]  2 Sections …`; where it is narrow only the chosen title is said."""
    for labels, start in (
        ([f"{n + 1} {title}" for n, title in enumerate(titles)], "SETTINGS  "),
        ([f"{n + 1} {title}" for n, title in enumerate(titles)], ""),
        ([f"{n + 1} {title}" if n == chosen else str(n + 1) for n, title in enumerate(titles)], ""),
    ):
        if sum(len(label) + 2 for label in labels) + len(start) <= width:
            break
    parts: list[Part] = [(start, palette.dim)] if start else []
    spans = []
    for n, label in enumerate(labels):
        x = cells(parts)
        is_chosen = n == chosen
        text = f"[{label}]" if is_chosen else f" {label} "
        parts.append((text, palette.accent if is_chosen else palette.dim))
        spans.append((x, x + cell_len(text)))
    return Head(strip(parts, width), spans)


def about(text: str, width: int, palette: Palette) -> list[Strip]:
    """The sentence above the rows, and a blank line."""
    return [*(strip([(line, palette.dim)], width) for line in wrapped(text, width, 3)), blank(width)]


def rows(found: Sequence[Row], chosen: int, width: int, palette: Palette) -> list[Strip]:
    """One line a row; names, values and notes stand under each other."""
    if not found:
        return []
    mark = max(cell_len(row.mark) for row in found)
    name = min(max(cell_len(row.name) for row in found), _LONGEST_NAME, max(width - mark - 6, 8))
    value = max(cell_len(row.value) for row in found)
    used = 2 + (mark + 1 if mark else 0) + name + (value + _GAP if value else 0)
    if used > width:
        value = 0
        used = 2 + (mark + 1 if mark else 0) + name
    lines = []
    for at, row in enumerate(found):
        is_chosen = at == chosen
        parts: list[Part] = [("▌ " if is_chosen else "  ", palette.accent)]
        if mark:
            parts.append((left(row.mark, mark) + " ", palette.accent if is_chosen else palette.text))
        style = palette.strong if is_chosen else palette.text
        parts.append((left(shortened(row.name, name), name), style))
        if value:
            parts.append((" " * _GAP + left(row.value, value), _style(row.mood, palette)))
        if row.note and width - used - _GAP >= 4:
            parts.append((" " * _GAP + fit(row.note, width - used - _GAP), palette.dim))
        lines.append(strip(parts, width))
    return lines


def _style(mood: Mood, palette: Palette) -> Style:
    return {
        Mood.PLAIN: palette.text,
        Mood.GOOD: palette.good,
        Mood.WARN: palette.warn,
        Mood.DIM: palette.dim,
    }[mood]


def beside(one: Sequence[Strip], two: Sequence[Strip], width: int, other: int) -> list[Strip]:
    """Two columns of lines, the first `width` cells wide, the second `other`."""
    tall = max(len(one), len(two))
    first = [*one, *[blank(width)] * (tall - len(one))]
    second = [*two, *[blank(other)] * (tall - len(two))]
    return [Strip.join([a, b]) for a, b in zip(first, second, strict=True)]
