"""Which layout the tiles have: what a person chose, or what fits when the terminal is narrow. Pure."""

from __future__ import annotations

import enum

import msgspec

from openusage.tui.grid import GAP
from openusage.tui.tile import LEAST_WIDTH

LEAST_SPLIT = 70
"""Below it the names leave a tile too little room."""
LEAST_PAIR = 2 * LEAST_WIDTH + GAP


class Layout(enum.StrEnum):
    """By the names of the settings."""

    GRID = "grid"
    STACKED = "stacked"
    TABS = "tabs"
    SPLIT = "split"
    COMPARE = "compare"

    @classmethod
    def of(cls, name: str) -> Layout:
        """By a name of the settings, which has an old word for one."""
        return cls.SPLIT if name == "list" else cls(name)

    def next(self, step: int) -> Layout:
        """The one after it, or before it."""
        order = list(Layout)
        return order[(order.index(self) + step) % len(order)]

    @property
    def shows_one(self) -> bool:
        """The selected account stands alone, or beside one other."""
        return self in (Layout.TABS, Layout.SPLIT, Layout.COMPARE)


ABOUT = {
    Layout.GRID: "as many columns as fit, all accounts at once where there is room",
    Layout.STACKED: "one column, every tile whole",
    Layout.TABS: "one account at a time",
    Layout.SPLIT: "names at the left, one account at the right",
    Layout.COMPARE: "two accounts side by side",
}


class Fitted(msgspec.Struct, frozen=True):
    """The layout on the screen."""

    layout: Layout
    word: str = ""
    """What the title bar says of it: `tabs`, `tabs (auto)`; nothing of a grid."""


def fitted(wanted: Layout, width: int, accounts: int) -> Fitted:
    """The wanted layout, or what stands in for it at this width.

    A grid that has one column is called a stack, but its tiles leave out what does not fit, as in a grid.
    """
    if accounts < 2:
        return Fitted(Layout.GRID)
    if (wanted is Layout.SPLIT and width < LEAST_SPLIT) or (wanted is Layout.COMPARE and width < LEAST_PAIR):
        return Fitted(Layout.TABS, f"{Layout.TABS} (auto)")
    if wanted is Layout.GRID:
        return Fitted(Layout.GRID, f"{Layout.STACKED} (auto)" if width < LEAST_PAIR else "")
    return Fitted(wanted, str(wanted))
