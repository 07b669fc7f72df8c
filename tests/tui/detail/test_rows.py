"""Sessions, turns and blocks as rows: columns give way, figures stay whole, absence is said."""

from __future__ import annotations

from typing import Any

import pytest

from openusage.tui.detail import limits, sessions, turns
from openusage.tui.detail.laid import Room
from openusage.tui.detail.questions import Limited, Turned
from openusage.tui.detail.sessions import Sort
from openusage.tui.spans import us
from openusage.wire.events import EventKind, Outcome, TokenCounts
from openusage.wire.rollups import Rollup, Window
from openusage.wire.sessions import (
    BlockList,
    BlockRow,
    CostKnown,
    SessionMachine,
    SessionPage,
    SessionRow,
    Turn,
)
from tests.tui.sample import CLAUDE, NOW, OPENROUTER, VIEW

NOW_US = us(NOW)
HOUR_US = 3_600_000_000
LAPTOP, HOME = SessionMachine("a", "laptop"), SessionMachine("b", "home")


def used(usd: float, tokens: int, hours_ago: float, length_h: float = 1.0, **more: int) -> Rollup:
    last = NOW_US - round(hours_ago * HOUR_US)
    fields = {"events": 10, "output": tokens, "first_us": last - round(length_h * HOUR_US), "last_us": last}
    return Rollup(key={}, cost_nano=round(usd * 1e9), **(fields | more))


def session(name: str, row: Rollup, **more: Any) -> SessionRow:
    fields: dict[str, Any] = {
        "provider": "claude_code",
        "account": "claude-code",
        "machines": [LAPTOP],
        "project": "site",
        "client": "CLI",
        "models": ["claude-opus-4-6"],
    }
    return SessionRow(session=name, used=row, **(fields | more))


ROWS = [
    session("5e551011-aaaa-4000-8000-000000000001", used(1.5, 900_000, 0.5, 2)),
    session("b", used(12.25, 100_000, 30, 0.2), project=None, client=None, models=["m-1", "m-2", "m-3"]),
    session("c", used(0, 5_000_000, 24 * 400, 5, unpriced_events=10), machines=[LAPTOP, HOME]),
]
PAGE = SessionPage(rows=ROWS, total=3, used=used(13.75, 6_000_000, 0), outside=Rollup())


def lines(width: int, sort: Sort = Sort.NEWEST, *, money: bool = True) -> list[str]:
    sheet = sessions.sheet(PAGE, sort, width, VIEW, money=money)
    drawn = [sheet.head(VIEW), *(sheet.line(n, VIEW, selected=False, focused=False) for n in range(3))]
    assert {line.cell_length for line in drawn} == {width}
    return [line.text.rstrip() for line in drawn]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_costs_are_whole_at_every_width(width: int) -> None:
    assert [line.split()[-1] for line in lines(width)] == ["COST", "$1.50", "$12.25", "unpriced"]


def test_what_is_not_known_is_said_and_how_many_models_there_were() -> None:
    text = lines(200)
    assert "unknown" in text[2]
    assert "m-1 +2" in text[2]
    assert "laptop, home" in text[3]
    assert text[1].split()[0] == "12:11"
    assert "Sat 21 Nov 06:41" in text[2]
    assert "18 Oct 2025 12:41" in text[3]


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        (Sort.NEWEST, "$1.50"),
        (Sort.COST, "$12.25"),
        (Sort.TOKENS, "unpriced"),
        (Sort.LENGTH, "unpriced"),
    ],
)
def test_the_greatest_comes_first_and_the_head_says_of_what(sort: Sort, first: str) -> None:
    text = lines(120, sort)
    assert text[1].endswith(first)
    assert "▼" in text[0]


def test_without_money_there_is_no_cost() -> None:
    assert not any("$" in line or "COST" in line for line in lines(120, money=False))


def test_how_many_there_are_and_what_belongs_to_none() -> None:
    many = SessionPage(
        rows=ROWS, total=1234, used=used(99.0, 6_000_000, 0), outside=used(1, 1, 0), raw_from_us=NOW_US
    )
    assert sessions.said(many, "", VIEW, money=True) == (
        "1,234 sessions · $99.00 · 6.0M tokens · shown are 3 of them"
        " · 10 requests belong to no session · turns are kept since 22 Nov 2026"
    )
    assert sessions.said(PAGE, "si", VIEW, money=False) == "3 sessions with “si” · 6.0M tokens"


def turn(**more: Any) -> Turn:
    fields: dict[str, Any] = {
        "at_us": NOW_US,
        "kind": EventKind.MESSAGE,
        "model": "claude-opus-4-6",
        "account": "claude-code",
        "machine": LAPTOP,
        "tokens": TokenCounts(input=4, output=473),
        "cost_nano": 73_968_400,
        "known": CostKnown.COMPUTED,
    }
    return Turn(**(fields | more))


TURNS = [
    turn(),
    turn(agent="Explore", tokens=TokenCounts(input=9, output=1, cache_read=5), estimated=True),
    turn(known=CostKnown.UNPRICED, cost_nano=None, model=None),
    turn(known=CostKnown.REPORTED, cost_nano=0),
    turn(kind=EventKind.TOOL, tool="Bash", outcome=Outcome.ERROR, cost_nano=None, known=None),
    turn(kind=EventKind.TURN, cost_nano=None, known=None),
]


def turn_lines(width: int) -> list[str]:
    sheet = turns.sheet(TURNS, width, VIEW, money=True)
    drawn = [
        sheet.head(VIEW),
        *(sheet.line(n, VIEW, selected=False, focused=False) for n in range(len(sheet))),
    ]
    assert {line.cell_length for line in drawn} == {width}
    return [line.text.rstrip() for line in drawn]


def test_turns_are_numbers_and_what_they_are() -> None:
    text = turn_lines(100)
    assert text[0].split() == ["TIME", "MODEL", "IN", "OUT", "CACHE", "R", "TOKENS", "COST"]
    assert text[1].split() == ["12:41:30", "claude-opus-4-6", "4", "473", "–", "477", "$0.0740"]
    assert text[2].split()[1:3] == ["claude-opus-4-6", "(Explore)"]
    assert text[2].endswith("est.")
    assert text[3].split()[1:] == ["unknown", "4", "473", "–", "477", "unpriced"]
    assert text[4].endswith("$0.0000  rep.")
    assert text[5].split() == ["12:41:30", "·", "Bash", "failed"]
    assert text[6].split() == ["12:41:30", "›", "request"]


@pytest.mark.parametrize("width", [36, 50, 80, 160])
def test_the_cost_of_a_turn_is_never_cut(width: int) -> None:
    assert "$0.0740" in turn_lines(width)[1]


def test_what_is_not_kept_any_more_is_counted() -> None:
    told = Turned(turns=TURNS, total=50, pruned=44, raw_from_us=NOW_US, is_whole=True)
    assert turns.said(ROWS[2], told, 4, VIEW) == [
        "4 of 6 events",
        "44 of before 22 Nov 2026 are not kept any more, only their sums",
        "used on laptop, home",
    ]


def block(start_h: float, **more: Any) -> BlockRow:
    start = NOW_US - round(start_h * HOUR_US)
    fields: dict[str, Any] = {
        "provider": "claude_code",
        "account": "claude-code",
        "machines": ["laptop"],
        "start_us": start,
        "end_us": start + 5 * HOUR_US,
        "used": used(4.0, 2_000_000, 0),
    }
    return BlockRow(**(fields | more))


def limit_text(blocks: BlockList | None, width: int = 120, said: str = "") -> str:
    told = None if blocks is None else Limited(window=Window("all"), blocks=blocks)
    page = limits.laid(CLAUDE, told, Room(width, 40), VIEW, said).page
    assert {line.cell_length for line in page} == {width - 1}
    return "\n".join(line.text.rstrip() for line in page)


def test_the_running_block_is_projected() -> None:
    running = block(
        2,
        running=True,
        burn_nano_per_h=2_000_000_000,
        projected_nano=10_000_000_000,
        projected_tokens=5_000_000,
    )
    text = limit_text(BlockList(blocks=[running, block(30), block(60, cut=True)]))
    assert "3 h left" in text
    assert "$4.00, 2.0M tokens so far · at this rate $10.00, 5.0M tokens by 15:41 · $2.00/h" in text
    assert "10:41 – 15:41  runs" in text
    assert "partial" in text


def test_a_running_block_that_is_too_young_is_not_projected() -> None:
    assert "at this rate" not in limit_text(BlockList(blocks=[block(0.1, running=True)]))


def test_why_there_are_no_blocks_is_said_where_a_plan_has_them() -> None:
    assert "keeps no history" in limit_text(None, said="hub.lan keeps no history.")
    assert limits.has_blocks(CLAUDE)
    assert not limits.has_blocks(OPENROUTER)


def test_an_account_without_limits_says_so() -> None:
    page = limits.laid(OPENROUTER, None, Room(80, 24), VIEW, "").page
    assert "CREDITS" in page[0].text
