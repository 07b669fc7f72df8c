"""The table of a fleet, by its exact characters."""

from __future__ import annotations

import msgspec
import pytest

from openusage.tui.fleet import table
from openusage.tui.fleet.table import Look, Sort, matches, ordered
from openusage.tui.sections.daily import Measure
from openusage.wire.pane import Used
from openusage.wire.rollups import By
from tests.tui.fleet.sample import crowd, limit, pane, row
from tests.tui.sample import VIEW

PLAIN = Look()


def drawn(width: int, look: Look = PLAIN, **more: object) -> list[str]:
    made = table.sheet(pane(**more), look, width, VIEW, 0.0)
    lines = [table.head(made, VIEW)]
    lines += [table.line(made, n, VIEW, selected=n == 0) for n in range(len(made.rows))]
    assert {line.cell_length for line in lines} == {width}
    return [line.text.rstrip() for line in lines]


def test_wide_enough_it_says_everything() -> None:
    assert drawn(170) == [
        "    MACHINE      STATE   TODAY  LAST 7 DAYS         SHARE  TOP MODEL        "
        "        NEAREST LIMIT  8 DAYS    SEEN",
        "▌ ● work-laptop  live   $18.20       $96.10  ━━╸     45 %  claude-opus-4-6  "
        "Claude Code 5 h  83 %  ▇▇▇▇▇▇▇▇   4 s",
        "  ● desktop      live   $12.90       $61.75  ━╸      29 %  gpt-5.1-codex    "
        "Codex 5 h        31 %  ▇▇▇▇▇▇▇▇   9 s",
        "  ◐ build-1      stale   $8.41       $38.02  ━       18 %  claude-opus-4-6  "
        "                    –  ▇▇▇▇▇▇▇▇   6 m  clock 6 m ahead, 1.2k records wait",
        "  ● home         live    $2.36       $16.53  ╸        8 %  claude-opus-4-6  "
        "Claude Code 5 h  83 %  ▇▇▇▇▇▇▇▇  21 s  figures of last 30 days, sends snapshots only",
        "  ○ ci           gone    $0.00        $0.00           0 %  –                "
        "                    –             3 d",
    ]


@pytest.mark.parametrize(
    ("width", "kept", "gone"),
    [
        (120, ["TOP MODEL", "8 DAYS", "SEEN", "SHARE"], ["clock"]),
        (110, ["TOP MODEL", "SHARE"], ["8 DAYS"]),
        (90, ["SHARE", "NEAREST LIMIT"], ["TOP MODEL"]),
        (62, ["TODAY", "LAST 7 DAYS", "NEAREST LIMIT"], ["SHARE", "STATE"]),
        (40, ["TODAY", "LAST 7 DAYS"], ["NEAREST LIMIT"]),
        (30, ["LAST 7 DAYS"], ["TODAY"]),
    ],
)
def test_columns_drop_out_by_priority_and_no_number_is_cut(
    width: int, kept: list[str], gone: list[str]
) -> None:
    head, first, *_ = drawn(width)
    for title in kept:
        assert title in head
    for title in gone:
        assert title not in head
    assert "$96.10" in first


def test_tokens_take_the_place_of_money() -> None:
    assert "9.0M" in drawn(80, Look(measure=Measure.TOKENS))[1]
    assert "$" not in "".join(drawn(170, Look(measure=Measure.TOKENS)))


def test_rows_of_models_have_no_state_and_say_their_machine() -> None:
    head, first, *_ = drawn(120, group=By.MODEL, known={}, rows=[row("opus", 1.0, 2.0, top="work-laptop")])
    assert "STATE" not in head
    assert "SEEN" not in head
    assert "TOP MACHINE" in head
    assert first.startswith("▌   opus")


ORDERS = [
    (Sort.WINDOW, ["b", "a", "c"]),
    (Sort.TODAY, ["c", "a", "b"]),
    (Sort.NAME, ["a", "b", "c"]),
    (Sort.LIMIT, ["a", "c", "b"]),
]


@pytest.mark.parametrize(("sort", "names"), ORDERS)
def test_rows_are_ordered_as_asked_and_the_others_stay_last(sort: Sort, names: list[str]) -> None:
    rows = [
        row("a", 2.0, 5.0, limit=limit(90)),
        row("b", 1.0, 9.0),
        row("c", 3.0, 1.0, limit=limit(10)),
        row(None, 9.0, 99.0, others=7),
    ]
    found = ordered(rows, By.MACHINE, Look(sort=sort))
    assert [r.label for r in found] == [*names, None]
    back = ordered(rows, By.MACHINE, Look(sort=sort, reverse=True))
    assert [r.label for r in back] == [*reversed(names), None]


def test_machines_heard_last_come_first() -> None:
    assert [r.label for r in ordered(pane().rows, By.MACHINE, Look(sort=Sort.SEEN))] == [
        "work-laptop",
        "desktop",
        "home",
        "build-1",
        "ci",
    ]


def test_without_any_cost_the_tokens_decide() -> None:
    few, many = (
        msgspec.structs.replace(row(name, None, None), window=Used(tokens=tokens))
        for name, tokens in (("few", 10.0), ("many", 20.0))
    )
    assert [r.label for r in ordered([few, many], By.MACHINE, Look())] == ["many", "few"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("stale", ["build-1"]), ("GPT desk", ["desktop"]), ("codex-cli gone", ["ci"]), ("nothing", [])],
)
def test_a_filter_looks_at_name_state_model_and_tools(text: str, found: list[str]) -> None:
    assert [r.label for r in pane().rows if matches(r, By.MACHINE, text)] == found


def test_a_hostile_name_moves_nothing() -> None:
    evil = "\x1b[31mred\u202e\n" + "x" * 300
    lines = drawn(80, known={}, rows=[row(evil, 1.0, 2.0, top=evil)])
    assert "\x1b" not in "".join(lines)
    assert "$2.00" in lines[1]


def test_every_row_of_a_large_fleet_has_its_line() -> None:
    made = table.sheet(crowd(500), Look(), 120, VIEW, 0.0)
    assert len(made.rows) == 500
    assert "machine-499" in table.line(made, 0, VIEW, selected=False).text


def test_looks_are_values() -> None:
    assert msgspec.structs.replace(Look(), sort=Sort.SEEN.next()) == Look(sort=Sort.WINDOW)
