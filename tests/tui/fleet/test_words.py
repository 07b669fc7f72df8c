"""What is said about a fleet."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from openusage.tui.fleet import words
from openusage.tui.view import Costs
from openusage.wire.pane import PaneTotals, Used
from openusage.wire.rollups import By
from tests.tui.fleet.sample import machine, pane, row
from tests.tui.sample import NOW, VIEW

NOTHING: dict[str, Any] = {"accounts": [], "copies": 0}


def of(*rows: Any, **more: Any) -> list[str]:
    """Sentences about machines of these rows."""
    known = more.pop("known", {r.label: machine(r.label) for r in rows})
    return words.sentences(pane(rows=list(rows), known=known, **(NOTHING | more)), VIEW)


def test_the_whole_sample_says_everything_the_most_important_first() -> None:
    assert words.sentences(pane(), VIEW) == [
        "* of last 30 days: home sends snapshots only",
        "Claude Code is a flat plan: costs are what the API would have charged",
        "412 events were on more than one machine and are counted once",
        "1.2k records still to come from build-1",
    ]


def test_a_fleet_with_nothing_odd_has_nothing_to_say() -> None:
    assert of(row("a", 1.0, 2.0)) == []


def test_one_copy_is_one() -> None:
    assert of(row("a", 1.0, 2.0), copies=1) == ["1 event was on more than one machine and is counted once"]


def test_what_a_flat_plan_would_have_cost_is_said_only_of_costs_that_are_seen() -> None:
    hidden = msgspec.structs.replace(VIEW, costs=Costs.HIDE)
    assert not any("flat plan" in said for said in words.sentences(pane(), hidden))


def test_what_sums_do_not_hold() -> None:
    totals = PaneTotals(
        today=Used(),
        window=Used(),
        unpriced_requests=1200,
        estimated_requests=3,
        partial_since=NOW - dt.timedelta(days=2),
    )
    assert of(row("a", 1.0, 2.0), totals=totals) == [
        "partial: our data begin 20 Nov 12:41",
        "1.2k requests unpriced, not in any cost",
        "3 requests with estimated token counts",
    ]


def test_machines_that_send_snapshots_only_are_named() -> None:
    silent = {name: machine(name, records=0) for name in "abcde"}
    same = [row(name, 1.0, 2.0) for name in "abcde"]
    assert of(*same[:1], known=silent) == ["a sends snapshots only"]
    assert of(*same[:3], known=silent) == ["a, b and c send snapshots only"]
    assert of(*same, known=silent) == ["a, b and 3 others send snapshots only"]
    assert of(*same[:1], known={"a": machine("a", records=0, copies=7)}) == []
    own = [row("a", 1.0, 2.0, own_window="30d"), row("b", 1.0, 2.0, own_window="7d")]
    assert of(*own, known=silent) == ["* of their own windows: a and b send snapshots only"]


def test_models_of_such_machines_are_marked_too() -> None:
    rows = [row("opus", 1.0, 2.0, own_window="30d"), row("haiku", 1.0, 2.0)]
    assert of(*rows, known={}, group=By.MODEL) == ["* of machines that send snapshots only: last 30 days"]


def test_a_hub_without_history_says_it_once_for_all() -> None:
    [said] = of(row("a", 1.0, 2.0, own_window="30d"), history=False)
    assert said.startswith("This hub keeps no history: each machine's figures are of its own window")


def test_wrong_clocks_are_warned_of_and_the_rest_counted() -> None:
    skews = {"a": 360.0, "b": -7200.0, "c": 90.0, "e": 80.0, "d": 5.0}
    known = {name: machine(name, clock_skew_s=skew) for name, skew in skews.items()}
    said = words.warnings(pane(rows=[row(name, 1.0, 2.0) for name in skews], known=known))
    assert len(said) == 3
    assert "a's clock is 6 m ahead of the hub's." in said
    assert "b's clock is 2 h behind the hub's." in said
    assert said[-1] == "The clocks of 2 more machines are off."


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"clock_skew_s": -120.0}, "clock 2 m behind"),
        ({"lag_s": 45.0}, "45 s on its way"),
        ({"backlog": 1200}, "1.2k records to come"),
        ({"records": 0}, "sends snapshots only"),
        ({}, ""),
    ],
)
def test_a_row_says_what_is_odd_about_it(more: dict[str, Any], said: str) -> None:
    [found] = pane(rows=[row("a", 1.0, 2.0)], known={"a": machine("a", **more)}).rows
    assert words.note(found) == said


def test_sentences_share_lines_and_what_has_no_room_is_left_out_whole() -> None:
    said = ["aaaa", "bbbb", "cccc", "dddd"]
    assert words.packed(said, 100, 2) == ["aaaa · bbbb · cccc · dddd"]
    assert words.packed(said, 11, 2) == ["aaaa · bbbb", "cccc · dddd"]
    assert words.packed(said, 11, 1) == ["aaaa · bbbb"]
    assert words.packed(said, 100, 0) == []


def test_a_hostile_name_moves_nothing() -> None:
    evil = "\x1b[31mred\n"
    rows = [row(evil, 1.0, 2.0, own_window="30d")]
    said = pane(rows=rows, known={evil: machine(evil, records=0, clock_skew_s=999.0)})
    found = "".join([*words.sentences(said, VIEW), *words.warnings(said)])
    assert "red" in found
    assert "\x1b" not in found
    assert "\n" not in found
