"""How the lines of the fleet's screen are shared out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.tui.fleet.layout import Zones, shared_out


def zones(room: int, width: int = 120, *, rows: int = 6, accounts: int = 4, said: int = 3) -> Zones:
    return shared_out(room, width, rows=rows, accounts=accounts, said=said, has_chart=True)


@pytest.mark.parametrize(
    ("room", "width", "found"),
    [
        (7, 40, Zones(top=1, chart=0, rows=6, accounts=0, said=0, gap=0)),
        (21, 80, Zones(top=3, chart=0, rows=6, accounts=4, said=3, gap=1)),
        (31, 120, Zones(top=3, chart=11, rows=6, accounts=4, said=3, gap=1)),
        (57, 200, Zones(top=3, chart=30, rows=6, accounts=4, said=3, gap=1)),
    ],
    ids=["40x10", "80x24", "120x34", "200x60"],
)
def test_five_machines_at_the_sizes_that_must_look_good(room: int, width: int, found: Zones) -> None:
    assert zones(room, width) == found


def test_very_many_machines_leave_the_chart_and_the_accounts_their_place() -> None:
    found = zones(37, rows=501, accounts=31)
    assert (found.top, found.chart, found.accounts) == (3, 9, 4)
    assert found.rows >= 12
    assert found.used == 36  # a blank line stays below


def test_who_looks_at_the_accounts_sees_more_of_them() -> None:
    usual = shared_out(21, 80, rows=501, accounts=31, said=2, has_chart=True)
    looking = shared_out(21, 80, rows=501, accounts=31, said=2, has_chart=True, on_accounts=True)
    assert looking.accounts > usual.accounts
    assert looking.rows >= 3


def test_without_chart_and_accounts_the_rows_have_all_the_room() -> None:
    found = shared_out(30, 120, rows=100, accounts=0, said=0, has_chart=False)
    assert found == Zones(top=3, chart=0, rows=25, accounts=0, said=0, gap=1)


@given(
    st.integers(4, 200),
    st.integers(30, 250),
    st.integers(2, 600),
    st.integers(0, 60),
    st.integers(0, 6),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=300)
def test_no_line_is_given_out_twice(
    room: int, width: int, rows: int, accounts: int, said: int, has_chart: bool, on_accounts: bool
) -> None:
    accounts = 0 if accounts < 2 else accounts
    found = shared_out(
        room, width, rows=rows, accounts=accounts, said=said, has_chart=has_chart, on_accounts=on_accounts
    )
    assert found.used <= room
    assert found.rows >= min(rows, 2)
    assert found.rows <= rows
    assert found.accounts == 0 or 2 <= found.accounts <= accounts
    assert found.said <= said
    assert found.chart == 0 or found.chart >= 8
