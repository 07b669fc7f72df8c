"""A tile at any height: importance first, exact sizes, nothing cut."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.settings import DashboardSection
from openusage.tui import choice, tile
from openusage.tui.view import Costs, View
from openusage.wire.sections import Gauge, ModelRow, Sections, Share, Totals
from tests.tui.sample import BROKEN, CLAUDE, CODEX, FLEET, GEMINI, OPENROUTER, VIEW, later, on


def text(account: Sections, width: int, height: int, selected: bool = False) -> str:
    return "\n".join(line.text for line in tile.draw(account, width, height, VIEW, selected))


def test_the_tile_of_the_sketch() -> None:
    assert (
        text(CLAUDE, 58, 18)
        == """\
╭─ ● ▎Claude Code ───────────────────────────────── 4 s ─╮
│ $18.20 today   $402.77 in 30 d   $2.40/h now           │
│ 5 h       █████████████▎─┤  83 % ▲  resets in 1 h 18 m │
│ 7 d       █████████▊───┤░░  61 %    resets in 2 d 3 h  │
│ 7 d opus  ███▉─┤░░░░░░░░░░  24 %    resets in 2 d 3 h  │
│ MODEL                IN    OUT CACHE R CACHE W    COST │
│ claude-opus-4-6    3.3k   1.4M   77.0M    3.2M $271.04 │
│ claude-sonnet-4-5  2.0k 900.0k   38.1M    2.1M $109.01 │
│ claude-haiku-4-5   2.9k   1.2M   61.2M    2.9M  $22.72 │
│                                                        │
│ CLIENTS   cli 93 %  vscode 7 %                         │
│ PROJECTS  openusage 62 %  site 21 %  infra 9 %  +2     │
│ TOOLS     Edit 812  Bash 640  Read 511  +2   98.7 % ok │
│ MCP       github 214  context7 88                      │
│ LANGUAGES Python 67 %  TypeScript 23 %  Markdown 10 %  │
│ CODE      +12.0k −3.1k lines  412 files  377 prompts   │
│ DAILY     ▅▃__▁▂▄▆▇_█▇▅▃▁▁▁_▄▆▇██_▅   cache hit 95.9 % │
╰────────────────────────────────────────────────────────╯"""
    )


def test_a_small_tile_keeps_state_money_worst_gauge_top_model_and_days() -> None:
    assert (
        text(on(CLAUDE, "work-laptop"), 38, 7, selected=True)
        == """\
┏━ ● ▎Claude Code ━━━━━ work-laptop ━┓
┃ $18.20 today   $402.77 in 30 d     ┃
┃ 5 h  █████████▏┤  83 % ▲  1 h 18 m ┃
┃ MODEL  +2          TOKENS     COST ┃
┃ claude-opus-4-6     81.6M  $271.04 ┃
┃ DAILY     ▃__▁▂▄▆▇_█▇▅▃▁▁▁_▄▆▇██_▅ ┃
┗━━━━━━━━━━━━━━━━━━━━━━━━━━ 10 more ━┛"""
    )


def test_what_is_wrong_comes_before_all_figures() -> None:
    assert (
        text(on(BROKEN, "ビルド機"), 60, 6)
        == """\
╭─ ! ▎Cursor IDE ─ login needed ────────── ビルド機 ─ 3 h ─╮
│ The Cursor session has expired. Log in again in the IDE. │
│                                                          │
│                                                          │
│                                                          │
╰──────────────────────────────────────────────────────────╯"""
    )


def test_an_account_near_its_limit() -> None:
    assert (
        text(on(GEMINI, "home"), 60, 9)
        == """\
╭─ ◐ ▎Gemini CLI ─ near limit ──────────────── home ─ 6 m ─╮
│ gemini-3-pro is at 97 % of its daily quota               │
│ $2.36 today   $16.53 in 30 d   9.1M tokens   12 unpriced │
│ 1 d pro  ███████████████████████▎  97 % !  resets in 5 h │
│ MODEL                               IN     OUT      COST │
│ gemini-3-pro                      2.1M  310.0k    $14.10 │
│ gemini-experimental             120.0k    9.1k  unpriced │
│ DAILY     ▂_▁▂▄▆▇__▇▅▃▁▁_▂▄▆▇██▆_▃▁▁▁▂_▆                 │
╰───────────────────────────────────────────────── 1 more ─╯"""
    )


@pytest.mark.parametrize("account", [*FLEET, OPENROUTER, CODEX], ids=lambda a: f"{a.machine}-{a.provider_id}")
@given(width=st.integers(tile.LEAST_WIDTH, 130), height=st.integers(tile.LEAST_HEIGHT, 40))
@settings(max_examples=15)
def test_a_tile_is_exactly_as_large_as_asked(account: Sections, width: int, height: int) -> None:
    lines = tile.draw(account, width, height, VIEW, False)
    assert len(lines) == height
    assert {line.cell_length for line in lines} == {width}
    assert {len(line.text) for line in lines if line.text.isascii()} <= {width}


@given(st.integers(tile.LEAST_WIDTH, 110), st.integers(tile.LEAST_HEIGHT, 30))
@settings(max_examples=40)
def test_figures_are_shown_whole_or_not_at_all(width: int, height: int) -> None:
    """No figure is cut: each money text on screen is one that the data really have."""
    allowed = {"$18.20", "$402.77", "$2.40/h", "$271.04", "$109.01", "$22.72"}
    allowed |= {"$249.70", "$84.60", "$36.20", "$20.10", "$12.20"}
    words = {word for word in text(CLAUDE, width, height).split() if word.startswith("$")}
    assert words <= allowed


def test_the_natural_height_hides_nothing_of_the_sample() -> None:
    height = tile.heights(CLAUDE, VIEW).good
    assert tile.hidden(CLAUDE, height - 2, VIEW) == 0
    assert "more" not in text(CLAUDE, 80, height)


def test_an_account_without_figures_draws_no_empty_section() -> None:
    bare = Sections(
        provider_id="x",
        account_id="x",
        machine="",
        name="X",
        status="OK",
        message="",
        timestamp=None,
        totals=Totals(),
    )
    lines = text(bare, 40, 6).splitlines()
    assert lines[0].startswith("╭─ ● ▎X ──")
    assert all(line.strip("│ ") == "" for line in lines[1:-1])


def test_costs_of_a_flat_plan_are_hidden_until_asked_for() -> None:
    flat = msgspec.structs.replace(CODEX, plan="plus")
    hidden = text(flat, 100, 20)
    assert "$" not in hidden
    assert "Costs hidden: ChatGPT Plus is a flat plan. Press c to show API-equivalent cost." in hidden
    shown = tile.draw(flat, 100, 20, msgspec.structs.replace(VIEW, costs=Costs.SHOW), False)
    assert "$161.75" in "".join(line.text for line in shown)


def test_hiding_costs_hides_them_everywhere() -> None:
    view = msgspec.structs.replace(VIEW, costs=Costs.HIDE)
    found = "".join(line.text for line in tile.draw(CLAUDE, 100, 30, view, False))
    assert "$" not in found
    assert "182.4M" in found


def test_names_from_outside_cannot_break_a_tile() -> None:
    evil = "\x1b[2J[red]\u202ex\n" * 20
    account = msgspec.structs.replace(
        CLAUDE,
        machine=evil,
        name=evil,
        plan=evil,
        status="ERROR",
        message=evil,
        models=[ModelRow(name=evil, cost_usd=1.0), ModelRow(name="日本語モデル" * 5, cost_usd=2.0)],
        projects=[Share(name=evil, requests=2.0), Share(name="プロジェクト", requests=1.0)],
        gauges=[Gauge(key="g", label=evil, used_pct=50.0)],
    )
    lines = tile.draw(account, 60, 20, VIEW, False)
    assert {line.cell_length for line in lines} == {60}
    assert all(char.isprintable() for line in lines for char in line.text)
    assert "[red]" in "".join(line.text for line in lines)


def with_sections(*ids: str, off: tuple[str, ...] = (), hides_empty: bool = True) -> View:
    listed = [DashboardSection(id=id_, enabled=id_ not in off) for id_ in ids]
    return msgspec.structs.replace(VIEW, tile_sections=choice.drawn(listed), hides_empty=hides_empty)


def lines(account: Sections, width: int, height: int, view: View) -> list[str]:
    return [line.text for line in tile.draw(account, width, height, view, False)]


def starts(found: list[str]) -> list[str]:
    """The first word of every line inside."""
    return [word.split()[0] for line in found[1:-1] if (word := line.strip("│ "))]


def test_sections_stand_in_the_order_that_was_chosen() -> None:
    view = with_sections("daily_usage", "code_stats", "header", "top_usage_progress")
    found = starts(lines(CLAUDE, 58, 20, view))
    places = [found.index(word) for word in ("DAILY", "CODE", "$18.20", "5", "MODEL", "TOOLS")]
    assert places == sorted(places)


def test_a_section_that_was_moved_up_is_in_the_smallest_tile() -> None:
    usual = starts(lines(CLAUDE, 58, 7, VIEW))
    assert "MCP" not in usual
    chosen = starts(lines(CLAUDE, 58, 7, with_sections("mcp_usage", "project_breakdown")))
    assert chosen[:2] == ["MCP", "PROJECTS"]


def test_what_is_switched_off_gives_its_room_to_others() -> None:
    off = with_sections("model_burn", off=("model_burn",))
    found = starts(lines(CLAUDE, 58, 12, off))
    assert "MODEL" not in found
    assert {"PROJECTS", "TOOLS", "MCP"} <= set(found)
    assert tile.heights(CLAUDE, off).most < tile.heights(CLAUDE, VIEW).most


def test_sections_without_data_are_named_when_that_is_wanted_and_there_is_room() -> None:
    named = with_sections(hides_empty=False)
    found = lines(OPENROUTER, 58, 20, named)
    assert any(line.startswith("│ PROJECTS  –  ") for line in found)
    assert starts(found).count("PROJECTS") == 1
    assert "PROJECTS" not in "".join(lines(OPENROUTER, 58, 20, VIEW))
    small = starts(lines(OPENROUTER, 58, 6, named))
    assert small[0] == "<$0.01"


def test_a_tile_without_any_section_still_says_who_it_is() -> None:
    every = tuple(kind.id for kind in choice.TILE)
    found = lines(CLAUDE, 58, 8, with_sections(*every, off=every))
    assert "Claude Code" in found[0]
    assert starts(found) == []


@given(
    st.permutations([kind.id for kind in choice.TILE]),
    st.sets(st.sampled_from([kind.id for kind in choice.TILE])),
    st.booleans(),
    st.integers(tile.LEAST_WIDTH, 110),
    st.integers(3, 50),
)
@settings(max_examples=40)
def test_every_choice_of_sections_fills_its_tile_exactly(
    order: list[str], off: set[str], hides_empty: bool, width: int, height: int
) -> None:
    view = with_sections(*order, off=tuple(off), hides_empty=hides_empty)
    for account in (CLAUDE, OPENROUTER, BROKEN):
        found = tile.draw(account, width, height, view, False)
        assert len(found) == height
        assert {line.cell_length for line in found} == {width}


def test_heights_are_worked_out_anew_when_the_way_of_drawing_changes() -> None:
    sizes = tile.Sizes()
    usual = sizes.of([CLAUDE, CODEX], VIEW)
    assert sizes.of([CLAUDE, CODEX], VIEW)[0] is usual[0]
    off = with_sections("model_burn", off=("model_burn",))
    assert sizes.of([CLAUDE, CODEX], off)[0].good < usual[0].good
    own = msgspec.structs.replace(VIEW, own_costs={"codex-cli": Costs.SHOW})
    assert sizes.of([CLAUDE, CODEX], own)[1] != usual[1]


def test_a_clock_that_runs_ahead_is_said_instead_of_the_age() -> None:
    early = on(CLAUDE, "build-1", timestamp=later(minutes=6, seconds=2))
    assert "build-1 ─ clock 6 m ahead" in lines(early, 80, 8, VIEW)[0]
    assert "build-1 ─ 0 s" in lines(on(CLAUDE, "build-1", timestamp=later(seconds=90)), 80, 8, VIEW)[0]
