"""What changed most, and what may not be told as a change."""

from __future__ import annotations

from openusage.tui.analytics.changes import changes
from openusage.tui.cuts import Cut
from openusage.tui.sections.daily import Measure
from openusage.wire.rollups import By, Rollup


def row(name: str, usd: float, **more: int) -> Rollup:
    return Rollup(key={"model": name}, events=1, output=10, cost_nano=round(usd * 1e9), **more)


def cut(now: list[Rollup], before: list[Rollup] | None) -> Cut:
    return Cut(by=By.MODEL, unit=By.DAY, labels=(), drawn=[], sums=now, before=before)


def found(now: list[Rollup], before: list[Rollup] | None) -> list[tuple[str, float]]:
    return [(c.name, round(c.more, 2)) for c in changes([cut(now, before)], Measure.COST, 3)]


def test_the_greatest_difference_comes_first_also_of_what_is_gone_or_new() -> None:
    now = [row("same", 5), row("more", 9), row("new", 3), row("bit", 1.1)]
    before = [row("same", 5), row("more", 2), row("gone", 4), row("bit", 1)]
    assert found(now, before) == [("more", 7.0), ("gone", -4.0), ("new", 3.0)]


def test_what_is_unpriced_is_no_change_of_cost() -> None:
    assert found([row("a", 0, unpriced_events=1), row("b", 2)], [row("a", 5), row("b", 1)]) == [("b", 1.0)]


def test_a_single_label_says_nothing_that_the_sums_do_not() -> None:
    assert found([row("only", 5)], [row("only", 1)]) == []


def test_without_a_time_before_there_are_no_changes() -> None:
    assert found([row("a", 5), row("b", 1)], None) == []
