"""The parts of the stack, and the small bars of a row."""

from __future__ import annotations

from openusage.hub.web.chart import by_tokens, chart, spark
from openusage.wire.pane import Used
from tests.hub.web.samples import pane, row


def names(count: int) -> list[str]:
    return [f"m{n}" for n in range(count)]


def test_a_part_has_its_values_for_the_bar_and_its_figures_for_the_table() -> None:
    made = chart(pane(row("laptop", 12.5), row("desktop", None)), ["laptop", "desktop"], of_cost=True)
    assert made is not None
    assert (made.title, made.unit, made.ticks) == ("Cost by day", "usd", ["20 Nov", "21 Nov", "22 Nov"])
    [laptop] = made.series
    assert (laptop.name, laptop.colour, laptop.total) == ("laptop", 1, "$12.50")
    assert laptop.values == [0.0, 12.5, 1.25]
    assert laptop.cells == ["–", "$12.50", "$1.25"]
    assert made.totals == ["–", "$12.50", "$1.25"]


def test_six_rows_have_a_colour_each() -> None:
    made = chart(pane(*(row(f"m{n}") for n in range(6))), names(6), of_cost=True)
    assert made is not None
    assert [s.colour for s in made.series] == [1, 2, 3, 4, 5, 6]


def test_of_more_rows_the_last_ones_are_one_part_and_nothing_is_lost() -> None:
    rows = [*(row(f"m{n}", 1.0) for n in range(8)), row(None, 1.0, others=40)]
    made = chart(pane(*rows), names(9), of_cost=True)
    assert made is not None
    assert [s.name for s in made.series] == ["m0", "m1", "m2", "m3", "m4", "43 others"]
    assert sum(s.values[1] for s in made.series) == 9.0
    assert made.totals[1] == "$9.00"
    assert made.series[-1].total == "$4.00"


def test_nothing_used_is_no_chart() -> None:
    assert chart(pane(row("laptop", 0.0, 0.0)), ["laptop"], of_cost=True) is None
    assert chart(pane(), [], of_cost=False) is None


def test_a_window_of_a_day_is_drawn_by_hours() -> None:
    made = chart(pane(row("laptop"), window="1d", labels=["2026-11-22T00"] * 3), ["laptop"], of_cost=False)
    assert made is not None
    assert (made.title, made.unit, made.days[0]) == ("Tokens by hour", "tokens", "00:00–00:59")


def test_small_bars_are_as_high_as_their_share_of_the_highest() -> None:
    assert spark(row("laptop", 10.0), of_cost=True) == "M0 20v-1h2v1zM3 20v-20h2v20zM6 20v-2h2v2z"
    assert spark(row("laptop", None, 0.0), of_cost=True) == ""


def test_by_tokens_the_order_and_the_shares_are_those_of_tokens() -> None:
    rows = [row("dear", 9.0, 100.0), row("cheap", 1.0, 300.0), row(None, 5.0, 600.0, others=3)]
    ordered = by_tokens(rows)
    assert [r.label for r in ordered] == ["cheap", "dear", None]
    assert [r.share_pct for r in ordered] == [30.0, 10.0, 60.0]
    assert by_tokens([row("idle", window=Used())])[0].share_pct is None
