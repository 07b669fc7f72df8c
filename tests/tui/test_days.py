"""The zone below the tiles: whose days are added up, under which names and colours."""

from __future__ import annotations

import msgspec
import pytest

from openusage.tui import days
from openusage.tui.sections.daily import Measure
from openusage.tui.view import Costs
from openusage.wire.sections import Sections, Totals
from tests.tui.sample import BROKEN, CLAUDE, CODEX, FLEET, GEMINI, LOCAL, VIEW, on

SHOWN = msgspec.structs.replace(VIEW, costs=Costs.SHOW)


def priced(machine: str, name: str, *cost: tuple[str, float], window: str = "7d") -> Sections:
    total = Totals(window=window, window_cost_usd=sum(value for _, value in cost) + 0.5)
    return on(CLAUDE, machine, name=name, daily_cost=list(cost), totals=total)


ACCOUNTS = [
    priced("b", "Claude Code", ("2026-11-21", 1.0), ("2026-11-22", 2.0)),
    priced("a", "Claude Code", ("2026-11-22", 4.0)),
    priced("a", "Codex", ("2026-11-21", 8.0)),
]


def stacked(accounts: list[Sections]) -> days.Stack:
    found = days.stacked(accounts, VIEW)
    assert found is not None
    return found


def test_several_machines_are_added_up_by_machine_the_largest_first() -> None:
    found = stacked(ACCOUNTS)
    assert (found.by, found.names, found.measure) == ("machine", ["a", "b"], Measure.COST)
    assert [day.parts for day in found.days][-2:] == [(8.0, 1.0), (4.0, 2.0)]
    assert len(found.days) == 7


def test_one_machine_is_added_up_by_account() -> None:
    found = stacked(ACCOUNTS[1:])
    assert (found.by, found.names) == ("account", ["Codex", "Claude Code"])


def test_the_legend_says_what_the_tiles_say() -> None:
    """The window's own figures, which may hold a part of a day that the chart does not begin with."""
    assert stacked(ACCOUNTS).totals == [13.0, 3.5]
    unknown = msgspec.structs.replace(ACCOUNTS[0], totals=Totals(window="7d"))
    assert stacked([unknown, *ACCOUNTS[1:]]).totals == [12.0, 3.0]


def test_the_legend_is_in_the_order_of_its_figures() -> None:
    """The window may hold a part of a day that has no bar."""
    stack = days.ranked(
        Measure.COST, "account", ["2026-11-22"], {"a": [2.0], "b": [3.0]}, {"a": 4.0, "b": 3.0}
    )
    assert (stack.names, stack.totals) == (["a", "b"], [4.0, 3.0])


def test_a_name_keeps_its_colour_when_the_order_changes() -> None:
    more = priced("b", "Claude Code", ("2026-11-22", 99.0))
    before, after = stacked(ACCOUNTS), stacked([more, *ACCOUNTS[1:]])
    assert before.names != after.names
    assert dict(zip(before.names, before.colours, strict=True)) == dict(
        zip(after.names, after.colours, strict=True)
    )


def test_many_machines_share_the_last_colour() -> None:
    many = [priced(f"m{n}", "Codex", ("2026-11-22", 1.0 + n)) for n in range(9)]
    found = stacked(many)
    assert found.names == ["m8", "m7", "m6", "m5", "5 others"]
    assert len(set(found.colours)) == 5
    assert found.days[-1].whole == pytest.approx(45)


def test_tokens_where_no_cost_is_shown() -> None:
    assert stacked([CODEX, on(CODEX, "b")]).measure is Measure.TOKENS
    assert days.stacked([BROKEN], VIEW) is None


def test_a_day_that_is_not_reported_is_no_negative_bar() -> None:
    odd = priced("a", "Codex", ("2026-11-22", -3.0), ("2026-11-20", 1.0))
    assert [day.whole for day in stacked([odd]).days][-3:] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("spare", "width", "rows"), [(8, 200, 0), (9, 200, 9), (40, 200, 15), (40, 79, 0), (12, 80, 12)]
)
def test_the_zone_needs_room(spare: int, width: int, rows: int) -> None:
    assert days.rows(spare, width) == rows


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("accounts", [FLEET, LOCAL, [GEMINI], ACCOUNTS], ids=["fleet", "local", "one", "two"])
def test_the_zone_is_exactly_as_large_as_asked(accounts: list[Sections], width: int) -> None:
    found = days.stacked(accounts, SHOWN)
    assert found is not None
    for rows in (9, 12, 15):
        lines = days.draw(found, width, rows, SHOWN)
        assert len(lines) == rows
        assert {line.cell_length for line in lines} == {width}


def test_the_zone_reads_as_heading_legend_and_days() -> None:
    text = [line.text.rstrip() for line in days.draw(stacked(ACCOUNTS), 100, 11, VIEW)]
    assert text[1] == "  COST BY DAY"
    assert any(line.endswith("■ a  $13.00  79 %") for line in text)
    assert any(line.endswith("■ b   $3.50  21 %") for line in text)
    assert text[-2].endswith("today")
