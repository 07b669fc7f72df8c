"""Where tiles stand: columns, heights, neighbours. Pure.

As many columns as give tiles a comfortable width; more and narrower ones when that shows everything at once.
A tile's column depends only on its place in the order, so that a refresh never moves it to another one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from openusage.tui.tile import LEAST_HEIGHT, LEAST_WIDTH, Heights

GAP = 1
COMFORTABLE_WIDTH = 56
WIDEST = 110
_SCROLLED_HEIGHT = 10
"""About how high a tile is when not all can be seen at once."""
_LEAST_FITTED = 8
"""Rather scroll than make the tiles of a column lower than this on average."""


class Box(msgspec.Struct, frozen=True):
    """A tile's place, in cells of the scrolled area."""

    x: int
    y: int
    width: int
    height: int


class Grid(msgspec.Struct, frozen=True):
    """The place of every tile, in their order: tile `i` is in column `i % columns`."""

    boxes: list[Box]
    columns: int
    height: int

    def at(self, x: int, y: int) -> int | None:
        """Which tile is under a cell."""
        return next(
            (i for i in self.across(y) if self.boxes[i].x <= x < self.boxes[i].x + self.boxes[i].width), None
        )

    def across(self, y: int) -> list[int]:
        """The tiles that a line goes through, from left to right. O(columns · log tiles)."""
        found = []
        for column in range(self.columns):
            stack = range(column, len(self.boxes), self.columns)
            at = bisect_right(stack, y, key=lambda i: self.boxes[i].y) - 1
            if at >= 0 and y < self.boxes[stack[at]].y + self.boxes[stack[at]].height:
                found.append(stack[at])
        return found

    def moved(self, index: int, direction: str) -> int:
        """The neighbour in a direction; at an edge the tile itself."""
        if direction in ("up", "down"):
            to = index + (self.columns if direction == "down" else -self.columns)
            return to if 0 <= to < len(self.boxes) else index
        column = index % self.columns + (1 if direction == "right" else -1)
        beside = range(column, len(self.boxes), self.columns) if 0 <= column < self.columns else ()
        here = self.boxes[index]
        return min(beside, key=lambda i: (abs(self.boxes[i].y - here.y), i), default=index)


def arrange(tiles: Sequence[Heights], width: int, height: int, *, grow: bool = True) -> Grid:
    """Places for tiles on a screen area of `width` × `height` cells.

    All are shown at once when they fit with their least lines. Room that is left makes them higher, without
    `grow` no higher than is good.
    """
    count = len(tiles)
    if not count:
        return Grid([], 1, 0)
    narrow = max(1, min(count, (width + GAP) // (LEAST_WIDTH + GAP)))
    comfortable = max(1, min(count, (width + GAP) // (COMFORTABLE_WIDTH + GAP)))
    for columns in range(comfortable, narrow + 1):
        stacks = [tiles[column::columns] for column in range(columns)]
        if max(sum(tile.least for tile in stack) for stack in stacks) <= height:
            return _placed([_fitted(stack, height, grow) for stack in stacks], count, width)
    for columns in (comfortable, narrow):
        if height // -(-count // columns) >= _LEAST_FITTED:
            stacks = [tiles[column::columns] for column in range(columns)]
            return _placed([_fitted(stack, height, grow=False) for stack in stacks], count, width)
    pages = max(1, round(height / _SCROLLED_HEIGHT))
    cap = max(min(LEAST_HEIGHT, height), height // pages)
    return _placed([[cap] * len(tiles[c::comfortable]) for c in range(comfortable)], count, width)


def column(
    tiles: Sequence[Heights], columns: int, width: int, height: int, *, is_whole: bool = False
) -> Grid:
    """Tiles in so many columns that leave nothing out, and scroll; when all fit, they use the room.

    `is_whole`: each with all the lines it can use.
    """
    stacks = [tiles[at::columns] for at in range(columns)]
    lines = [[tile.most if is_whole else tile.good for tile in stack] for stack in stacks]
    if not is_whole:
        tallest = [[tile.most for tile in stack] for stack in stacks]
        lines = [_grown(stack, most, height) for stack, most in zip(lines, tallest, strict=True)]
    return _placed(lines, len(tiles), width)


def _fitted(stack: Sequence[Heights], height: int, grow: bool) -> list[int]:
    """Lines for tiles under each other: less than is good when they must, more when they can."""
    lines = _shrunk([tile.good for tile in stack], height, [tile.least for tile in stack])
    return _grown(lines, [tile.most for tile in stack], height) if grow else lines


def _shrunk(stack: list[int], height: int, least: Sequence[int]) -> list[int]:
    """The highest give up lines until all fit; first what they have above their `least`."""
    while sum(stack) > height and max(stack) > 1:
        ready = [i for i, floor in enumerate(least) if stack[i] > floor] or range(len(stack))
        stack[max(ready, key=stack.__getitem__)] -= 1
    return stack


def _grown(stack: list[int], most: list[int], height: int) -> list[int]:
    """Room that is left goes to tiles that can use it, a line at a time from the top."""
    spare = height - sum(stack)
    while spare > 0 and any(have < limit for have, limit in zip(stack, most, strict=True)):
        for index, limit in enumerate(most):
            if spare > 0 and stack[index] < limit:
                stack[index] += 1
                spare -= 1
    return stack


def _placed(stacks: list[list[int]], count: int, width: int) -> Grid:
    columns = len(stacks)
    inner = min(width - GAP * (columns - 1), WIDEST * columns)
    base, extra = divmod(inner, columns)
    widths = [base + (1 if column < extra else 0) for column in range(columns)]
    boxes = []
    for index in range(count):
        row, column = divmod(index, columns)
        x = sum(widths[:column]) + GAP * column
        boxes.append(Box(x, sum(stacks[column][:row]), widths[column], stacks[column][row]))
    return Grid(boxes, columns, max(map(sum, stacks)))
