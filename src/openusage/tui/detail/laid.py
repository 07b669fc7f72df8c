"""What a tab puts on the screen: lines that stay, lines that scroll, rows to move in. Pure values."""

from __future__ import annotations

import msgspec
from textual.strip import Strip

from openusage.tui.fleet.rows import Drawn
from openusage.tui.panels import GAP, halves

SPLIT_FROM = 100
"""Columns from which on the ranking stands beside the chart."""


class Laid(msgspec.Struct, frozen=True, kw_only=True):
    """One tab, ready for the widgets."""

    chart: list[Strip] = []
    """Stays where it is."""
    page: list[Strip] = []
    """Is scrolled."""
    rows: Drawn | None = None
    """Can be moved in."""
    starts: list[int] = []
    """The line of the page that each card begins at."""
    below: list[Strip] = []
    """What a reader should know of the figures."""


class Room(msgspec.Struct, frozen=True):
    """Where a tab may draw."""

    width: int
    height: int

    @property
    def is_split(self) -> bool:
        """The ranking stands beside the chart, not below it."""
        return self.width >= SPLIT_FROM

    @property
    def left(self) -> int:
        """Cells of the chart."""
        return halves(self.width - 2)[0] if self.is_split else self.width - 2

    @property
    def right(self) -> int:
        """Cells of the ranking, its scroll bar included."""
        return self.width - self.left - GAP if self.is_split else self.width
