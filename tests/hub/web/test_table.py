"""Columns, rows, order and filter of the table."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from openusage.hub.web import words
from openusage.hub.web.address import Address, Sort
from openusage.hub.web.chart import row_id
from openusage.hub.web.table import Table, table, whole_pct
from openusage.hub.web.words import Thresholds
from openusage.wire.fleet import State
from openusage.wire.pane import Pane, Used
from openusage.wire.rollups import By
from tests.hub.web.samples import NOON, limit, machine, pane, row


def made(said: Pane, of_cost: bool = True, **address: Any) -> Table:
    where = Address(**address)
    return table(said, words.row_names(said.rows, said.group), where, Thresholds(), of_cost=of_cost)


def shown(said: Pane, **address: Any) -> list[str]:
    return [r.name for r in made(said, **address).rows]


def test_a_machine_has_its_state_its_figures_and_its_nearest_limit() -> None:
    [drawn] = made(pane(row("work/laptop", 18.2, limit=limit(83.0)))).rows
    assert (drawn.name, drawn.href) == ("work/laptop", "/machines/work%2Flaptop")
    assert (drawn.sign, drawn.state, drawn.state_word) == ("●", "fresh", "live")
    assert (drawn.today, drawn.window, drawn.share, drawn.share_pct) == ("$1.82", "$18.20", "50 %", 50)
    assert (drawn.top, drawn.limit_name) == ("claude-opus-4-6", "Claude Code")
    assert drawn.limit is not None
    assert drawn.seen == NOON - dt.timedelta(seconds=4)


def test_money_under_each_other_has_one_precision() -> None:
    rows = made(pane(row("a", 12_000.4), row("b", 3.25), row("c", None))).rows
    assert [r.window for r in rows] == ["$12000", "$3", "–"]


def test_a_label_that_is_no_machine_leads_to_the_view_of_it_alone() -> None:
    by_project = pane(row("site", machine=None), row(None), row(None, others=9), group=By.PROJECT)
    drawn = made(by_project, group=By.PROJECT)
    assert [(r.name, r.href) for r in drawn.rows] == [
        ("site", "/?project=site"),
        ("unknown", ""),
        ("9 more", ""),
    ]
    assert [c.title for c in drawn.columns] == [
        *("Project", "Today", "7 d", "Share", "Requests", "Top model", "By day"),
    ]
    assert made(pane(row("vim"), group=By.CLIENT), group=By.CLIENT).rows[0].href == ""


def test_a_model_tells_the_names_that_tools_give_it() -> None:
    named = msgspec.structs.replace(row("gpt-4o", machine=None), models=["gpt-4o-2024-08-06", "azure/gpt-4o"])
    [drawn] = made(pane(named, group=By.MODEL), group=By.MODEL).rows
    assert (drawn.name, drawn.told) == ("gpt-4o", "gpt-4o-2024-08-06, azure/gpt-4o")


def test_today_is_one_column_when_it_is_the_window() -> None:
    hours = pane(row("laptop"), window="1d", labels=["2026-11-22T00"] * 3)
    assert [c.title for c in made(hours, window="1d").columns][2:4] == ["Today", "Share"]


@pytest.mark.parametrize(
    ("sort", "descends", "names"),
    [
        (Sort.WINDOW, True, ["b", "a", "C", "no"]),
        (Sort.WINDOW, False, ["C", "a", "b", "no"]),
        (Sort.NAME, False, ["a", "b", "C", "no"]),
        (Sort.NAME, True, ["no", "C", "b", "a"]),
        (Sort.STATE, False, ["C", "no", "b", "a"]),
        (Sort.SEEN, False, ["C", "no", "b", "a"]),
        (Sort.LIMIT, True, ["a", "b", "C", "no"]),
    ],
)
def test_rows_stand_in_the_order_of_a_column_and_what_has_no_value_last(
    sort: Sort, descends: bool, names: list[str]
) -> None:
    hour, day = NOON - dt.timedelta(hours=1), NOON - dt.timedelta(days=1)
    said = pane(
        row("a", 2.0, limit=limit(90.0), machine=machine("a", state=State.GONE, last_seen=day)),
        row("b", 3.0, limit=limit(10.0), machine=machine("b", state=State.STALE, last_seen=hour)),
        row("C", 1.0),
        row("no", None),
    )
    assert shown(said, sort=sort, descends=descends) == names


def test_what_sums_up_very_many_stays_last() -> None:
    said = pane(row("a", 1.0), row(None, 99.0, others=500))
    for descends in (True, False):
        assert shown(said, descends=descends) == ["a", "500 more"]


def test_the_column_in_charge_says_so_to_everybody() -> None:
    columns = {c.key: c for c in made(pane(row("a")), sort=Sort.TODAY).columns}
    assert columns["today"].aria_sort == "descending"
    assert columns["window"].aria_sort == ""
    assert columns["today"].href == "/?sort=today&dir=asc"


@pytest.mark.parametrize("text", ["LAP", "opus", "claude code", "live"])
def test_a_filter_looks_at_every_word_of_a_row(text: str) -> None:
    said = pane(
        row("laptop", limit=limit(5.0)), row("other", top="gpt", machine=machine("o", state=State.GONE))
    )
    drawn = made(said, q=text)
    assert [r.name for r in drawn.rows] == ["laptop"]
    assert drawn.count == "1 of 2 machines"


def test_an_empty_table_says_why() -> None:
    assert made(pane(row("laptop")), q="zz").empty == 'Nothing here has "zz" in it.'
    assert made(pane(machines=3), window="7d").empty == "Nothing was used: last 7 days."
    assert "export.target" in made(pane()).empty
    assert made(pane()).count == "0 machines"
    assert made(pane(row("a"))).count == "1 machine"


def test_a_window_of_its_own_is_said_beside_the_figure() -> None:
    assert made(pane(row("go-box", own_window="30d"))).rows[0].own_window == "30 d"


def test_a_row_keeps_its_id_whatever_its_figures_are() -> None:
    one, other = made(pane(row("a", 1.0))), made(pane(row("a", 9.0)))
    assert one.rows[0].id == other.rows[0].id == row_id(By.MACHINE, "a")
    assert len({row_id(By.MACHINE, "a"), row_id(By.MODEL, "a"), row_id(By.MACHINE, None)}) == 3


def test_a_row_changes_with_its_own_figures_only() -> None:
    """Its share is drawn in whole percents: the event of another machine leaves it as it is."""
    before = made(pane(row("a", 1.0, share_pct=33.33), row("b", 2.0)))
    after = made(pane(row("a", 1.0, share_pct=33.11), row("b", 2.1)))
    assert before.rows[1] == after.rows[1]
    assert before.rows[0] != after.rows[0]
    assert [whole_pct(p) for p in (None, -1.0, 0.0, 0.01, 0.6, 99.7, 140.0)] == [0, 0, 0, 1, 1, 100, 100]


def test_tokens_take_the_place_of_money() -> None:
    said = msgspec.structs.replace(pane(row("a", None, 1500.0)))
    [drawn] = made(said, of_cost=False).rows
    assert (drawn.today, drawn.window) == ("150", "1.5k")
    assert made(pane(row("a", window=Used(tokens=0.0))), of_cost=False).rows[0].window == "0"
