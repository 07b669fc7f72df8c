"""Which layout is on the screen."""

from __future__ import annotations

from typing import get_args

import pytest

from openusage.settings import View
from openusage.tui.views.layout import ABOUT, Fitted, Layout, fitted


@pytest.mark.parametrize("name", get_args(View))
def test_every_word_of_the_settings_is_a_layout(name: str) -> None:
    assert Layout.of(name) == ("split" if name == "list" else name)


def test_every_layout_can_be_chosen_and_is_explained() -> None:
    assert {str(one) for one in Layout} <= set(get_args(View))
    assert set(ABOUT) == set(Layout)


def test_v_goes_through_all_of_them_and_back() -> None:
    seen, now = [], Layout.GRID
    for _ in Layout:
        now = now.next(1)
        seen.append(now)
    assert seen[-1] is Layout.GRID
    assert set(seen) == set(Layout)
    assert all(one.next(1).next(-1) is one for one in Layout)


@pytest.mark.parametrize(
    ("wanted", "width", "layout", "word"),
    [
        (Layout.GRID, 120, Layout.GRID, ""),
        (Layout.GRID, 73, Layout.GRID, ""),
        (Layout.GRID, 72, Layout.GRID, "stacked (auto)"),
        (Layout.STACKED, 40, Layout.STACKED, "stacked"),
        (Layout.TABS, 40, Layout.TABS, "tabs"),
        (Layout.SPLIT, 70, Layout.SPLIT, "split"),
        (Layout.SPLIT, 69, Layout.TABS, "tabs (auto)"),
        (Layout.COMPARE, 73, Layout.COMPARE, "compare"),
        (Layout.COMPARE, 72, Layout.TABS, "tabs (auto)"),
    ],
)
def test_a_narrow_terminal_has_what_fits_and_says_so(
    wanted: Layout, width: int, layout: Layout, word: str
) -> None:
    assert fitted(wanted, width, 4) == Fitted(layout, word)


@pytest.mark.parametrize("wanted", Layout)
@pytest.mark.parametrize("accounts", [0, 1])
def test_a_single_account_needs_no_layout(wanted: Layout, accounts: int) -> None:
    assert fitted(wanted, 120, accounts) == Fitted(Layout.GRID)
