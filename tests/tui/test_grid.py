"""Where tiles stand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.tui.grid import GAP, arrange
from openusage.tui.tile import LEAST_HEIGHT, Heights

HEIGHTS = st.lists(st.integers(LEAST_HEIGHT, 30), min_size=1, max_size=70)


def like(heights: list[int], least: int = 0, most: int = 0) -> list[Heights]:
    """Tiles that are good with these heights, and with so many lines less or more."""
    return [Heights(max(h - least, LEAST_HEIGHT), h, h + most) for h in heights]


@given(HEIGHTS, st.integers(20, 240), st.integers(6, 80))
@settings(max_examples=60)
def test_tiles_never_overlap_and_never_leave_the_width(heights: list[int], width: int, height: int) -> None:
    grid = arrange(like(heights, 3, 9), width, height)
    assert len(grid.boxes) == len(heights)
    for box in grid.boxes:
        assert box.x >= 0
        assert box.x + box.width <= width
        assert 1 <= box.height <= max(height, LEAST_HEIGHT)
    for index, one in enumerate(grid.boxes):
        for two in grid.boxes[index + 1 :]:
            beside = one.x + one.width + GAP <= two.x or two.x + two.width + GAP <= one.x
            assert beside or one.y + one.height <= two.y or two.y + two.height <= one.y


@given(HEIGHTS, st.integers(20, 240), st.integers(6, 80))
@settings(max_examples=60)
def test_every_tile_is_found_where_it_stands(heights: list[int], width: int, height: int) -> None:
    grid = arrange(like(heights, 3, 9), width, height)
    for index, box in enumerate(grid.boxes):
        assert grid.at(box.x, box.y) == index
        assert grid.at(box.x + box.width - 1, box.y + box.height - 1) == index
    assert grid.at(width + 1, 0) is None


@given(HEIGHTS, st.integers(40, 240), st.data())
@settings(max_examples=40)
def test_every_tile_can_be_reached_with_the_arrows(
    heights: list[int], width: int, data: st.DataObject
) -> None:
    grid = arrange(like(heights), width, 30)
    seen, todo = {0}, [0]
    while todo:
        here = todo.pop()
        for direction in ("up", "down", "left", "right"):
            there = grid.moved(here, direction)
            if there not in seen:
                seen.add(there)
                todo.append(there)
    assert seen == set(range(len(heights)))


@pytest.mark.parametrize(
    ("count", "width", "height", "columns", "scrolls"),
    [
        (2, 80, 18, 2, False),
        (4, 80, 18, 2, False),
        (12, 80, 18, 1, True),
        (6, 120, 33, 3, False),
        (6, 200, 53, 3, False),
        (60, 200, 53, 3, True),
        (1, 200, 53, 1, False),
    ],
)
def test_the_three_sizes(count: int, width: int, height: int, columns: int, scrolls: bool) -> None:
    grid = arrange(like([18] * count, 3), width, height)
    assert grid.columns == columns
    assert (grid.height > height) is scrolls


def test_a_tile_stays_in_its_column_when_others_grow() -> None:
    before, after = arrange(like([8, 8, 8, 8]), 120, 33), arrange(like([14, 8, 8, 8]), 120, 33)
    assert [box.x for box in before.boxes] == [box.x for box in after.boxes]


def test_spare_room_goes_only_to_tiles_that_can_use_it() -> None:
    tiles = [Heights(8, 8, 11), Heights(8, 8, 8)]
    assert [box.height for box in arrange(tiles, 60, 40).boxes] == [11, 8]
    assert [box.height for box in arrange(tiles, 60, 40, grow=False).boxes] == [8, 8]


def test_tiles_give_up_blank_lines_before_one_of_them_scrolls() -> None:
    """Two tiles side by side that are one line too high are not put under each other."""
    tiles = [Heights(15, 19, 30), Heights(17, 19, 30)]
    assert [(box.x, box.height) for box in arrange(tiles, 80, 18).boxes] == [(0, 18), (41, 18)]


def test_who_needs_its_lines_keeps_them() -> None:
    tiles = [Heights(20, 20, 20), Heights(10, 16, 16)]
    assert [box.height for box in arrange(tiles, 60, 32).boxes] == [20, 12]


def test_no_tiles() -> None:
    assert arrange([], 80, 24).boxes == []
