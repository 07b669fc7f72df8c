"""Where tiles stand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.tui.grid import GAP, arrange
from openusage.tui.tile import LEAST_HEIGHT

HEIGHTS = st.lists(st.integers(LEAST_HEIGHT, 30), min_size=1, max_size=70)


@given(HEIGHTS, st.integers(20, 240), st.integers(6, 80))
@settings(max_examples=60)
def test_tiles_never_overlap_and_never_leave_the_width(heights: list[int], width: int, height: int) -> None:
    grid = arrange(heights, width, height)
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
    grid = arrange(heights, width, height)
    for index, box in enumerate(grid.boxes):
        assert grid.at(box.x, box.y) == index
        assert grid.at(box.x + box.width - 1, box.y + box.height - 1) == index
    assert grid.at(width + 1, 0) is None


@given(HEIGHTS, st.integers(40, 240), st.data())
@settings(max_examples=40)
def test_every_tile_can_be_reached_with_the_arrows(
    heights: list[int], width: int, data: st.DataObject
) -> None:
    grid = arrange(heights, width, 30)
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
        (6, 120, 33, 2, False),
        (6, 200, 53, 3, False),
        (60, 200, 53, 3, True),
        (1, 200, 53, 1, False),
    ],
)
def test_the_three_sizes(count: int, width: int, height: int, columns: int, scrolls: bool) -> None:
    grid = arrange([18] * count, width, height)
    assert grid.columns == columns
    assert (grid.height > height) is scrolls


def test_a_tile_stays_in_its_column_when_others_grow() -> None:
    before, after = arrange([8, 8, 8, 8], 120, 33), arrange([14, 8, 8, 8], 120, 33)
    assert [box.x for box in before.boxes] == [box.x for box in after.boxes]


def test_spare_room_goes_only_to_tiles_that_can_use_it() -> None:
    grid = arrange([8, 8], 60, 40, [11, 8])
    assert [box.height for box in grid.boxes] == [11, 8]


def test_no_tiles() -> None:
    assert arrange([], 80, 24).boxes == []
