"""What rows of a fleet are ordered and filtered by."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from openusage.tui.fleet.order import Look, Sort, fitting, matches, ordered
from openusage.tui.sections.daily import Measure
from openusage.wire.pane import Used
from openusage.wire.rollups import By
from tests.tui.fleet.sample import limit, pane, row

ORDERS = [
    (Sort.WINDOW, ["b", "a", "c"]),
    (Sort.TODAY, ["c", "a", "b"]),
    (Sort.NAME, ["a", "b", "c"]),
]


@pytest.mark.parametrize(("sort", "names"), ORDERS)
def test_rows_are_ordered_as_asked_and_the_others_stay_last(sort: Sort, names: list[str]) -> None:
    rows = [row("a", 2.0, 5.0), row("b", 1.0, 9.0), row("c", 3.0, 1.0), row(None, 9.0, 99.0, others=7)]
    found = ordered(rows, By.MACHINE, Look(sort=sort))
    assert [r.label for r in found] == [*names, None]
    back = ordered(rows, By.MACHINE, Look(sort=sort, reverse=True))
    assert [r.label for r in back] == [*reversed(names), None]


@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_not_known_is_last_either_way(reverse: bool) -> None:
    rows = [row("none", None, None), row("a", 1.0, 2.0, limit=limit(90)), row("b", 3.0, 1.0, limit=limit(10))]
    for sort in (Sort.WINDOW, Sort.TODAY, Sort.LIMIT):
        assert ordered(rows, By.MACHINE, Look(sort=sort, reverse=reverse))[-1].label == "none"
    unnamed = [row(None, 1.0, 2.0), row("a", 1.0, 2.0)]
    assert ordered(unnamed, By.MODEL, Look(sort=Sort.NAME, reverse=reverse))[-1].label is None


def test_the_nearest_limit_comes_first() -> None:
    rows = [row("a", 1.0, 2.0, limit=limit(10)), row("b", 1.0, 2.0, limit=limit(90)), row("c", 1.0, 2.0)]
    assert [r.label for r in ordered(rows, By.MACHINE, Look(sort=Sort.LIMIT))] == ["b", "a", "c"]


def test_machines_heard_last_come_first() -> None:
    assert [r.label for r in ordered(pane().rows, By.MACHINE, Look(sort=Sort.SEEN))] == [
        "work-laptop",
        "desktop",
        "home",
        "build-1",
        "ci",
    ]


@pytest.mark.parametrize(
    ("more", "sort", "found"),
    [
        ({}, Sort.LIMIT, Sort.LIMIT),
        ({"group": By.MODEL}, Sort.LIMIT, Sort.WINDOW),
        ({"group": By.MODEL}, Sort.SEEN, Sort.WINDOW),
        ({"group": By.MODEL}, Sort.TODAY, Sort.TODAY),
        ({"window": "1d"}, Sort.TODAY, Sort.WINDOW),
    ],
)
def test_what_rows_do_not_have_they_are_not_ordered_by(more: dict[str, Any], sort: Sort, found: Sort) -> None:
    """The choice is kept for the rows that have it."""
    assert fitting(Look(sort=sort, reverse=True), pane(**more)).sort is found


def test_by_tokens_where_tokens_are_shown() -> None:
    few, many = (
        msgspec.structs.replace(row(name, 1.0, cost), window=Used(cost_usd=cost, tokens=tokens))
        for name, cost, tokens in (("few", 9.0, 10.0), ("many", 1.0, 20.0))
    )
    assert [r.label for r in ordered([few, many], By.MACHINE, Look())] == ["few", "many"]
    tokens = Look(measure=Measure.TOKENS)
    assert [r.label for r in ordered([few, many], By.MACHINE, tokens)] == ["many", "few"]


def test_equal_rows_stay_as_they_came() -> None:
    rows = [row(name, 1.0, 2.0) for name in ("z", "a", "m")]
    for reverse in (False, True):
        found = ordered(rows, By.MACHINE, Look(reverse=reverse))
        assert [r.label for r in found] == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("stale", ["build-1"]), ("GPT desk", ["desktop"]), ("codex-cli gone", ["ci"]), ("nothing", [])],
)
def test_a_filter_looks_at_name_state_model_and_tools(text: str, found: list[str]) -> None:
    assert [r.label for r in pane().rows if matches(r, By.MACHINE, text)] == found
