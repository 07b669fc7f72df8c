"""Which tiles a layout shows, where they stand, and where the arrows lead. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from openusage.tui.grid import COMFORTABLE_WIDTH, GAP, WIDEST, Box, Grid, arrange, column
from openusage.tui.tile import LEAST_HEIGHT, Heights
from openusage.tui.views.layout import Layout


class Scene(msgspec.Struct, frozen=True):
    """Boxes, and the index of the account in each of them."""

    grid: Grid
    shown: list[int]

    def at(self, x: int, y: int) -> int | None:
        """Which account's tile is under a cell."""
        box = self.grid.at(x, y)
        return None if box is None else self.shown[box]

    def box_of(self, account: int) -> Box | None:
        """Where an account's tile stands; `None` while it is not drawn."""
        return self.grid.boxes[self.shown.index(account)] if account in self.shown else None


EMPTY = Scene(Grid([], 1, 0), [])


def shown(
    layout: Layout, count: int, selected: int, kept: int | None = None, before: Sequence[int] = ()
) -> list[int]:
    """The accounts whose tiles are drawn: all, the selected one, or two.

    Two are neighbours in their order, those of `before` while the selected one is among them; or the `kept`
    one and whichever is selected.
    """
    if layout is not Layout.COMPARE or count < 2:
        return [selected] if layout.shows_one and count else list(range(count))
    if kept is not None and kept != selected:
        return [kept, selected]
    first = selected
    if len(before) == 2 and before[1] == before[0] + 1 and before[0] < selected:
        first = before[0] if selected == before[1] else selected - 1
    first = min(first, count - 2)
    return [first, first + 1]


def place(
    layout: Layout, tiles: Sequence[Heights], width: int, height: int, *, is_whole: bool = False
) -> Grid:
    """Boxes for the tiles that are drawn, on an area of `width` × `height` cells.

    `is_whole`: tiles leave nothing out, and the area scrolls.
    """
    if layout.shows_one and tiles:
        return _beside(tiles, width)
    if layout is Layout.STACKED and tiles:
        return column(tiles, 1, width, height, is_whole=is_whole)
    if is_whole and tiles:
        columns = max(1, (width + GAP) // (COMFORTABLE_WIDTH + GAP))
        return column(tiles, min(columns, len(tiles)), width, height, is_whole=True)
    return arrange(tiles, width, height)


def _beside(tiles: Sequence[Heights], width: int) -> Grid:
    """Tiles beside each other, as high as the one that can use most lines."""
    each = min((width - GAP * (len(tiles) - 1)) // len(tiles), WIDEST)
    lines = max(LEAST_HEIGHT, *(tile.most for tile in tiles))
    boxes = [Box(n * (each + GAP), 0, each, lines) for n in range(len(tiles))]
    return Grid(boxes, len(tiles), lines)


def moved(layout: Layout, grid: Grid, selected: int, direction: str, count: int) -> int | None:
    """The account that an arrow leads to; `None`: it scrolls."""
    if not layout.shows_one:
        return grid.moved(selected, direction)
    along = ("up", "down") if layout is Layout.SPLIT else ("left", "right")
    if direction not in along:
        return None
    return min(max(selected + (1 if direction == along[1] else -1), 0), count - 1)
