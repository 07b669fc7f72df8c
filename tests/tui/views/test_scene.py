"""Which tiles there are, where they stand, where the arrows lead."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.tui.grid import GAP
from openusage.tui.tile import LEAST_WIDTH, Heights
from openusage.tui.views.layout import Layout
from openusage.tui.views.scene import Scene, moved, place, shown

TILES = st.lists(
    st.builds(lambda least, more, most: Heights(least, least + more, least + more + most),
              st.integers(4, 20), st.integers(0, 6), st.integers(0, 12)),
    min_size=1,
    max_size=40,
)  # fmt: skip


@given(TILES, st.sampled_from(Layout), st.integers(2 * LEAST_WIDTH + GAP, 240), st.integers(4, 70), st.data())
@settings(max_examples=120)
def test_tiles_of_every_layout_stay_inside_and_apart(
    tiles: list[Heights], layout: Layout, width: int, height: int, data: st.DataObject
) -> None:
    selected = data.draw(st.integers(0, len(tiles) - 1))
    found = shown(layout, len(tiles), selected)
    grid = place(layout, [tiles[i] for i in found], width, height, is_whole=data.draw(st.booleans()))
    assert len(grid.boxes) == len(found) == len(set(found))
    assert selected in found
    assert grid.height == max(box.y + box.height for box in grid.boxes)
    for index, one in enumerate(grid.boxes):
        assert one.x >= 0
        assert one.x + one.width <= width
        for two in grid.boxes[index + 1 :]:
            beside = one.x + one.width + GAP <= two.x or two.x + two.width + GAP <= one.x
            assert beside or one.y + one.height <= two.y or two.y + two.height <= one.y


def test_a_stack_leaves_nothing_out_and_scrolls() -> None:
    tiles = [Heights(8, 10, 20)] * 5
    grid = place(Layout.STACKED, tiles, 80, 18)
    assert [box.height for box in grid.boxes] == [10] * 5
    assert {box.x for box in grid.boxes} == {0}
    assert [box.height for box in place(Layout.STACKED, tiles, 80, 18, is_whole=True).boxes] == [20] * 5
    assert [box.height for box in place(Layout.STACKED, tiles[:1], 80, 18).boxes] == [18]


def test_whole_tiles_of_a_grid_stand_in_comfortable_columns() -> None:
    grid = place(Layout.GRID, [Heights(8, 10, 24)] * 6, 120, 30, is_whole=True)
    assert grid.columns == 2
    assert {box.height for box in grid.boxes} == {24}


def test_two_that_are_compared_are_equally_large() -> None:
    one, two = place(Layout.COMPARE, [Heights(6, 8, 9), Heights(6, 8, 30)], 101, 20).boxes
    assert (one.width, one.height) == (two.width, two.height) == (50, 30)
    assert two.x == 51


@pytest.mark.parametrize(
    ("selected", "kept", "before", "pair"),
    [
        (0, None, [], [0, 1]),
        (4, None, [], [3, 4]),
        (1, None, [0, 1], [0, 1]),
        (2, None, [0, 1], [1, 2]),
        (0, None, [1, 2], [0, 1]),
        (4, None, [3, 4], [3, 4]),
        (3, 0, [0, 1], [0, 3]),
        (0, 0, [0, 3], [0, 1]),
    ],
)
def test_who_is_compared(selected: int, kept: int | None, before: list[int], pair: list[int]) -> None:
    assert shown(Layout.COMPARE, 5, selected, kept, before) == pair


def test_one_account_is_compared_with_nobody() -> None:
    assert shown(Layout.COMPARE, 1, 0) == [0]


@pytest.mark.parametrize("layout", Layout)
def test_no_accounts(layout: Layout) -> None:
    assert shown(layout, 0, 0) == []
    assert place(layout, [], 80, 24).boxes == []


@pytest.mark.parametrize(
    ("layout", "moves"),
    [
        (Layout.TABS, {"left": 1, "right": 3, "up": None, "down": None}),
        (Layout.COMPARE, {"left": 1, "right": 3, "up": None, "down": None}),
        (Layout.SPLIT, {"left": None, "right": None, "up": 1, "down": 3}),
        (Layout.STACKED, {"left": 2, "right": 2, "up": 1, "down": 3}),
    ],
)
def test_where_the_arrows_lead(layout: Layout, moves: dict[str, int | None]) -> None:
    tiles = [Heights(8, 8, 8)] * 5
    grid = place(layout, [tiles[i] for i in shown(layout, 5, 2)], 120, 30)
    assert {way: moved(layout, grid, 2, way, 5) for way in moves} == moves


def test_the_arrows_stop_at_the_ends() -> None:
    grid = place(Layout.TABS, [Heights(8, 8, 8)], 120, 30)
    assert moved(Layout.TABS, grid, 0, "left", 3) == 0
    assert moved(Layout.TABS, grid, 2, "right", 3) == 2


def test_a_tile_is_found_by_its_cell_and_its_account() -> None:
    scene = Scene(place(Layout.COMPARE, [Heights(8, 8, 8)] * 2, 101, 30), [4, 7])
    assert (scene.at(0, 0), scene.at(60, 3), scene.at(50, 0)) == (4, 7, None)
    box = scene.box_of(7)
    assert box is not None
    assert box.x == 51
    assert scene.box_of(5) is None
