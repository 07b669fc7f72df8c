"""The screen in ASCII, for terminals and fonts that have nothing else: `ui.characters`.

Every sign becomes one of the same width, so that nothing moves. What is not known becomes `?`, but letters of
any language stay: names are not ours to change.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {
    "-": "─━╌╍┄┅╴╶╸╺–—−‐",
    "|": "│┃╎╏┆┇┊┋",
    "+": "┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┣┫┳┻╋",
    "#": "█▇▆▅▉▊▋▌■▐▪",
    "=": "▄▃▂",
    "_": "▁",
    ":": "▍▎▏░",
    "%": "▒",
    "&": "▓",
    "*": "●◉",
    "o": "◐◑◌○◇",
    ".": "·",
    "^": "▲↑",
    "v": "▼↓",
    ">": "▸→›»⏎",
    "<": "◂←‹«",
    "x": "×✗✕",
    "'": "‘’",
    '"': "“”",
    "~": "…≈",
}
_OF = {ord(sign): plain for plain, signs in _SIGNS.items() for sign in signs}
_BOXES = range(0x2500, 0x2600)
_BRAILLE = range(0x2800, 0x2900)
_BLOCKS = range(0x1FB00, 0x1FC00)


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """`text` without signs that a plain terminal lacks, cell by cell.

    >>> plain("╭─ ● Zoë ─ 83 %")
    '+- * Zoë - 83 %'
    """
    if text.isascii():
        return text
    return "".join(_plain(sign) for sign in text)


def _plain(sign: str) -> str:
    code = ord(sign)
    if code < 128:
        return sign
    if (found := _OF.get(code)) is not None:
        return found
    is_drawn = code in _BOXES or code in _BRAILLE or code in _BLOCKS
    return "?" if is_drawn or unicodedata.category(sign) == "So" else sign


class Plain(LineFilter):
    """Put over everything that is drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(plain(text), style, control) for text, style, control in segments]
