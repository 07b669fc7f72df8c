"""A terminal's screen as SVG: text as text, blocks and frames as shapes, so that bars have no seams.

Fonts draw block characters with gaps between the lines; terminals do not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

FONT_SIZE, WIDTH, HEIGHT = 14.0, 8.4, 18.0
_BASELINE = 13.6
_PAD = 14.0
_TITLE = 30.0
_EIGHTHS_UP = "▁▂▃▄▅▆▇█"
_EIGHTHS_LEFT = "▏▎▍▌▋▊▉█"
_SHADES = {"░": 0.55, "▒": 0.8, "▓": 0.75}
"""How much of the ground they hide; the third is drawn in a brighter colour than the second."""
_LIGHT, _HEAVY = 1.0, 2.2

# Which sides of a cell a frame's piece joins: left, right, up, down.
_PIECES = {
    "─": "lr", "╸": "l", "│": "ud", "┤": "lud", "├": "rud", "┬": "lrd", "┴": "lru", "┼": "lrud", "└": "ur",
    "┌": "rd", "┐": "ld", "┘": "lu", "━": "lr", "┃": "ud", "┏": "rd", "┓": "ld", "┗": "ur", "┛": "lu",
}  # fmt: skip
_ROUND = {"╭": (1, 1), "╮": (-1, 1), "╰": (1, -1), "╯": (-1, -1)}
_HEAVY_PIECES = "━╸┃┏┓┗┛"


def size(columns: int, rows: int) -> tuple[float, float]:
    """Width and height of a picture."""
    return columns * WIDTH + 2 * _PAD, rows * HEIGHT + _TITLE + _PAD


def svg(lines: Sequence[Sequence[Segment]], columns: int, title: str, background: str) -> str:
    """The whole picture: a window with a title and the screen's lines in it."""
    width, height = size(columns, len(lines))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="DejaVu Sans Mono, Menlo, monospace" '
        f'font-size="{FONT_SIZE:g}" xml:space="preserve">',
        f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{background}"/>',
        f'<rect x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="8" fill="none" '
        'stroke="#808080" stroke-opacity=".35"/>',
    ]
    for n, colour in enumerate(("#f4695f", "#e3b341", "#5fbf73")):
        parts.append(f'<circle cx="{20 + 18 * n}" cy="16" r="5.5" fill="{colour}"/>')
    parts.append(
        f'<text x="{width / 2:g}" y="20" fill="#8d97a3" text-anchor="middle" '
        f'font-family="DejaVu Sans, sans-serif" font-size="12">{escape(title)}</text>'
    )
    for row, line in enumerate(lines):
        y = _TITLE + row * HEIGHT
        x = _PAD
        for text, style, *_ in line:
            parts += _segment(text, style or Style.null(), x, y)
            x += cell_len(text) * WIDTH
    return "\n".join([*parts, "</svg>"])


def _segment(text: str, style: Style, x: float, y: float) -> list[str]:
    colour = style.color.triplet.hex if style.color and style.color.triplet else "#d6dbe1"
    behind = style.bgcolor.triplet.hex if style.bgcolor and style.bgcolor.triplet else ""
    if style.reverse and behind:
        colour, behind = behind, colour
    parts = [_rect(x, y, cell_len(text) * WIDTH, HEIGHT, behind)] if behind else []
    plain = ""
    start = x
    baseline = not text.strip("_ ")  # of bars; in a word it is a letter
    for char in text:
        shapes = _shape(char, x, y, colour) if char != "_" or baseline else None
        if shapes is not None:
            parts += _text(plain, style, colour, start, y)
            parts += shapes
            plain, start = "", x + cell_len(char) * WIDTH
        else:
            plain += char
        x += cell_len(char) * WIDTH
    return parts + _text(plain, style, colour, start, y)


def _text(text: str, style: Style, colour: str, x: float, y: float) -> list[str]:
    """Pieces between wider gaps, each as long as its cells: fonts need not be exactly as wide as ours."""
    weight = ' font-weight="bold"' if style.bold else ""
    drawn = []
    for piece in re.split("(  +)", text):
        bare = piece.strip()
        if bare:
            start = x + (len(piece) - len(piece.lstrip())) * WIDTH
            drawn.append(
                f'<text x="{start:.1f}" y="{y + _BASELINE:.1f}" fill="{colour}"{weight} '
                f'textLength="{cell_len(bare) * WIDTH:.1f}">{escape(bare)}</text>'
            )
        x += cell_len(piece) * WIDTH
    return drawn


def _shape(char: str, x: float, y: float, colour: str) -> list[str] | None:
    """What is drawn instead of a character; `None` for text."""
    if char in _EIGHTHS_UP:
        part = (_EIGHTHS_UP.index(char) + 1) / 8 * HEIGHT
        return [_rect(x, y + HEIGHT - part, WIDTH, part, colour)]
    if char in _EIGHTHS_LEFT:
        return [_rect(x, y, (_EIGHTHS_LEFT.index(char) + 1) / 8 * WIDTH, HEIGHT, colour)]
    if char in _SHADES:
        return [_rect(x, y, WIDTH, HEIGHT, colour, _SHADES[char])]
    if char == "■":
        return [_rect(x, y + 5, WIDTH, WIDTH, colour)]
    if char == "_":
        return [_rect(x, y + HEIGHT - 1.5, WIDTH, 1.5, colour)]
    if char in _ROUND:
        return [_corner(x + WIDTH / 2, y + HEIGHT / 2, *_ROUND[char], colour)]
    if char in _PIECES:
        return _piece(char, x, y, colour)
    return None


def _piece(char: str, x: float, y: float, colour: str) -> list[str]:
    thick = _HEAVY if char in _HEAVY_PIECES else _LIGHT
    middle_x, middle_y, half = x + WIDTH / 2, y + HEIGHT / 2, thick / 2
    sides = _PIECES[char]
    drawn = []
    if "l" in sides or "r" in sides:
        begin = x if "l" in sides else middle_x - half
        end = x + WIDTH if "r" in sides else middle_x + half
        drawn.append(_rect(begin, middle_y - half, end - begin, thick, colour))
    if "u" in sides or "d" in sides:
        begin = y if "u" in sides else middle_y - half
        end = y + HEIGHT if "d" in sides else middle_y + half
        drawn.append(_rect(middle_x - half, begin, thick, end - begin, colour))
    return drawn


def _corner(x: float, y: float, right: int, down: int, colour: str) -> str:
    """A quarter of a circle from the side to the top or bottom of the cell around (x, y)."""
    radius = WIDTH / 2
    return (
        f'<path d="M{x + right * radius:.1f} {y:.1f}Q{x:.1f} {y:.1f} {x:.1f} {y + down * radius:.1f}'
        f'V{y + down * HEIGHT / 2:.1f}" fill="none" stroke="{colour}" stroke-width="{_LIGHT:g}"/>'
    )


def _rect(x: float, y: float, width: float, height: float, colour: str, opacity: float = 1.0) -> str:
    seen = f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{colour}"{seen} '
        'shape-rendering="crispEdges"/>'
    )
