"""The table of a fleet, by its exact characters."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from rich.cells import cell_len

from openusage.tui.fleet import table
from openusage.tui.fleet.order import Look, Sort
from openusage.tui.fleet.table import Sheet
from openusage.tui.sections.daily import Measure
from openusage.wire.pane import Pane
from openusage.wire.rollups import By
from openusage.wire.stranger import days_until
from tests.tui.fleet.sample import crowd, pane, row
from tests.tui.sample import NOW, VIEW

PLAIN = Look()


def sheet(said: Pane, width: int, look: Look = PLAIN) -> Sheet:
    return table.sheet(said, NOW, look, width)


def drawn(width: int, look: Look = PLAIN, **more: object) -> list[str]:
    made = sheet(pane(**more), width, look)
    lines = [made.head(VIEW)]
    lines += [made.line(n, VIEW, selected=n == 0, focused=True) for n in range(len(made))]
    assert {line.cell_length for line in lines} == {width}
    assert {cell_len(line.text) for line in lines} == {width}
    return [line.text.rstrip() for line in lines]


def test_wide_enough_it_says_everything() -> None:
    assert drawn(190) == [
        "    MACHINE      STATE   TODAY  ▼7 DAYS  SHARE                       TOKENS  REQUESTS  "
        "TOP MODEL        NEAREST LIMIT            BY DAY    SEEN",
        "▌ ● work-laptop  live   $18.20  $96.10   ━━━━━━━━━━━━━━━━━━━━  45 %    9.0M        90  "
        "claude-opus-4-6  Claude Code 5 h  83 % ▲  ▇▇▇▇▇▇▇▇   4 s",
        "  ● desktop      live   $12.90  $61.75   ━━━━━━━━━━━━━         29 %    9.0M        90  "
        "gpt-5.1-codex    Codex 5 h        31 %    ▇▇▇▇▇▇▇▇   9 s",
        "  ◐ build-1      stale   $8.41  $38.02   ━━━━━━━━              18 %    9.0M        90  "
        "claude-opus-4-6  –                        ▇▇▇▇▇▇▇▇   6 m  clock 6 m ahead, 1.2k records to come",
        "  ● home         live    $2.36  $16.53*  ━━━╸                   8 %    9.0M        90  "
        "claude-opus-4-6  Claude Code 5 h  83 % ▲  ▇▇▇▇▇▇▇▇  21 s  "
        "figures of last 30 days, sends snapshots only",
        "  ○ ci           gone    $0.00   $0.00                          0 %    9.0M        90  "
        "–                –                                   3 d",
    ]


@pytest.mark.parametrize(
    ("width", "kept", "gone"),
    [
        (119, ["TOP MODEL", "BY DAY", "SEEN", "SHARE"], ["REQUESTS"]),
        (100, ["TOP MODEL", "SHARE"], ["BY DAY"]),
        (79, ["STATE", "SHARE", "NEAREST LIMIT", "SEEN"], ["TOP MODEL"]),
        (62, ["TODAY", "7 DAYS", "NEAREST LIMIT"], ["SHARE", "STATE"]),
        (39, ["TODAY", "7 DAYS"], ["NEAREST LIMIT"]),
        (29, ["7 DAYS"], ["TODAY"]),
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


@pytest.mark.parametrize("width", range(29, 200, 7))
def test_bars_take_the_room_that_is_left_and_never_more(width: int) -> None:
    assert "$96.10" in drawn(width)[1]
    assert "$2.00" in drawn(width, group=By.MODEL, known={}, rows=[row("opus", 1.0, 2.0)])[1]


def test_the_head_shows_what_rows_are_ordered_by_and_which_way() -> None:
    assert "▼7 DAYS" in drawn(120)[0]
    assert "▲7 DAYS" in drawn(120, Look(reverse=True))[0]
    assert "MACHINE▲" in drawn(120, Look(sort=Sort.NAME))[0]
    assert "NEAREST LIMIT▼" in drawn(120, Look(sort=Sort.LIMIT))[0]


def test_another_order_moves_no_column() -> None:
    looks = [Look(), Look(reverse=True), Look(sort=Sort.NAME), Look(sort=Sort.LIMIT), Look(sort=Sort.SEEN)]
    places = set()
    for look in looks:
        [first] = [line for line in drawn(120, look) if "work-laptop" in line]
        places.add((first.index("$18.20"), first.index("claude-opus"), first.index("83 %")))
    assert len(places) == 1


def test_a_click_on_the_head_finds_its_column() -> None:
    made = sheet(pane(), 120)
    head = made.head(VIEW).text
    assert made.sort_at(head.index("MACHINE")) is Sort.NAME
    assert made.sort_at(head.index("TODAY") + 2) is Sort.TODAY
    assert made.sort_at(head.index("7 DAYS")) is Sort.WINDOW
    assert made.sort_at(head.index("NEAREST") + 4) is Sort.LIMIT
    assert made.sort_at(head.index("SEEN")) is Sort.SEEN
    assert made.sort_at(head.index("SHARE")) is None
    assert made.sort_at(120) is None


def test_orders_are_those_of_columns_that_there_are() -> None:
    assert sheet(pane(), 40).sorts == [Sort.NAME, Sort.TODAY, Sort.WINDOW, Sort.LIMIT, Sort.SEEN]
    assert sheet(pane(window="1d"), 120).sorts == [Sort.NAME, Sort.WINDOW, Sort.LIMIT, Sort.SEEN]
    models = pane(group=By.MODEL, known={}, rows=[row("opus", 1.0, 2.0)])
    assert sheet(models, 120).sorts == [Sort.NAME, Sort.TODAY, Sort.WINDOW]


def test_tokens_take_the_place_of_money() -> None:
    lines = drawn(190, Look(measure=Measure.TOKENS))
    assert "$" not in "".join(lines)
    assert "TOKENS" not in lines[0]
    assert "9.0M" in lines[1]
    assert "20 %" in lines[1]  # of the tokens


def test_rows_of_models_have_no_state_and_say_their_machine() -> None:
    head, first, *_ = drawn(120, group=By.MODEL, known={}, rows=[row("opus", 1.0, 2.0, top="work-laptop")])
    assert "STATE" not in head
    assert "SEEN" not in head
    assert "TOP MACHINE" in head
    assert first.startswith("▌   opus")


def test_today_is_the_window_of_one_day_and_stands_once() -> None:
    head = drawn(120, window="1d")[0]
    assert head.count("TODAY") == 1
    assert "BY HOUR" in head


def test_more_days_are_drawn_where_there_is_room() -> None:
    rows = [row("a", 1.0, 2.0, costs=[float(n + 1) for n in range(31)], tokens=[1.0] * 31)]
    more: dict[str, Any] = {"labels": days_until(NOW.date(), 31), "rows": rows}
    narrow, wide = (sum(c in "▁▂▃▄▅▆▇█" for c in drawn(width, **more)[1]) for width in (100, 190))
    assert (narrow < 12, wide) == (True, 31)


def test_the_age_of_the_last_word_is_the_hubs_and_goes_on_by_our_clock() -> None:
    """The two clocks need not agree."""
    later = msgspec.structs.replace(VIEW, now=NOW + dt.timedelta(seconds=50))
    ahead = pane(now=NOW + dt.timedelta(hours=5))
    assert " 5 h" in sheet(ahead, 120).line(0, later, selected=False, focused=False).text
    assert "54 s" in sheet(pane(), 120).line(0, later, selected=False, focused=False).text


def test_the_mark_is_quiet_while_the_keys_are_elsewhere() -> None:
    made = sheet(pane(), 80)
    here, elsewhere = (made.line(0, VIEW, selected=True, focused=focused) for focused in (True, False))
    assert here.text == elsewhere.text
    assert here != elsewhere


def test_a_hostile_name_moves_nothing() -> None:
    evil = "\x1b[31mred\u202e\n" + "x" * 300
    lines = drawn(80, known={}, rows=[row(evil, 1.0, 2.0, top=evil)])
    assert "\x1b" not in "".join(lines)
    assert "$2.00" in lines[1]


def test_wide_characters_keep_the_columns() -> None:
    lines = drawn(100, known={}, rows=[row("ビルド機" * 9, 1.0, 2.0), row("b", 3.0, 1.0)])
    assert "$2.00" in lines[1]


def test_every_row_of_a_large_fleet_has_its_line() -> None:
    made = sheet(crowd(500), 120)
    assert len(made) == 500
    assert "machine-499" in made.line(0, VIEW, selected=False, focused=False).text
