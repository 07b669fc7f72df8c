"""One line of a screen: cleaned text, measured in cells, as a Textual strip of an exact width.

All text that came from outside passes `clean` before it is drawn: it cannot move the cursor, change colours
or break the columns. Markup is never interpreted, because nothing here parses any.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Part = tuple[str, Style]
"""A piece of text and how it looks."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC with what they carry
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
_MAX_CHARS = 400


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """Outside text, safe and of a width that terminals agree on.

    Escape sequences, control and format characters (bidi overrides, joiners, variation selectors,
    skin tones) go; any white
    space is one blank; at most two combining marks stay on a character.
    """
    text = text[:_MAX_CHARS]
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    marks = 0
    for char in _ESCAPES.sub("", text):
        category = unicodedata.category(char)
        if char.isspace():
            kept.append(" ")
        elif category[0] == "M":
            marks += 1
            if marks > 2 or 0xFE00 <= ord(char) <= 0xFE0F:
                continue
            kept.append(char)
            continue
        elif category[0] != "C" and not 0x1F3FB <= ord(char) <= 0x1F3FF:
            kept.append(char)
        marks = 0
    return " ".join("".join(kept).split())


def fit(text: str, width: int) -> str:
    """The text, cut to `width` cells with an ellipsis when it is longer."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"[:width]


def shortened(text: str, width: int) -> str:
    """A name, cut in its middle when it is longer: what tells `…-max` from `…-mini` stands at the end."""
    if cell_len(text) <= width:
        return text
    tail = text
    while cell_len(tail) > max(width - 1, 0) // 3:
        tail = tail[1:]
    head = set_cell_size(text, max(width - 1 - cell_len(tail), 0)).rstrip()
    return fit(f"{head}…{tail}", width)


def left(text: str, width: int) -> str:
    """Cut or padded on the right to exactly `width` cells."""
    text = fit(text, width)
    return text + " " * (width - cell_len(text))


def right(text: str, width: int) -> str:
    """Padded on the left to `width` cells; a longer text stays whole, numbers are not cut."""
    return " " * (width - cell_len(text)) + text


def cells(parts: Iterable[Part]) -> int:
    """How wide the parts are together."""
    return sum(cell_len(text) for text, _ in parts)


def strip(parts: Sequence[Part], width: int) -> Strip:
    """A line of exactly `width` cells."""
    used = cells(parts)
    segments = [Segment(text, style) for text, style in parts if text]
    if used < width:
        segments.append(Segment(" " * (width - used)))
        used = width
    line = Strip(segments, used)
    return line if used == width else line.adjust_cell_length(width)


def blank(width: int) -> Strip:
    """An empty line."""
    return Strip([Segment(" " * width)], width)


def spread(start: Sequence[Part], end: Sequence[Part], width: int) -> Strip:
    """Left and right parts with room between; the right ones give way when both do not fit."""
    gap = width - cells(start) - cells(end)
    if gap < 1:
        return strip(start, width)
    return strip([*start, (" " * gap, Style.null()), *end], width)


def packed(groups: Sequence[Sequence[Part]], width: int, gap: int = 3) -> list[Part]:
    """As many groups as fit into one line, in order; one that does not fit is left out whole."""
    line: list[Part] = []
    used = 0
    for group in groups:
        size = cells(group)
        room = gap if line else 0
        if size and used + room + size <= width:
            line += [(" " * room, Style.null())] if room else []
            line += group
            used += room + size
    return line


def wrapped(text: str, width: int, rows: int) -> list[str]:
    """Words over at most `rows` lines; the last one ends in an ellipsis when there was more."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if cell_len(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = fit(word, width)
    lines.append(line)
    if len(lines) > rows:
        lines = [*lines[: rows - 1], fit(f"{lines[rows - 1]} …", width)] if rows else []
    return [line for line in lines if line]
