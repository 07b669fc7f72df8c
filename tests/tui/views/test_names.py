"""Accounts as names: tabs above, a column beside."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.tui.board import Account
from openusage.tui.views import names
from openusage.wire.sections import Sections
from tests.tui.sample import BROKEN, CLAUDE, FLEET, LOCAL, VIEW, key_of, on, snapshot


def accounts(found: list[Sections]) -> list[Account]:
    return [Account(key_of(a), snapshot(a), a) for a in found]


def tabs(found: list[Sections], selected: int, width: int) -> str:
    return names.tabs(accounts(found), selected, width, VIEW).line.text.rstrip()


def column(found: list[Sections], selected: int, width: int) -> str:
    return "\n".join(line.text.rstrip() for line in names.column(accounts(found), selected, width, VIEW))


def test_all_tabs_where_there_is_room() -> None:
    assert tabs(LOCAL, 1, 80) == "  ● Claude Code [● OpenAI Codex CLI] ◐ Gemini CLI  ● OpenRouter"


def test_tabs_that_do_not_fit_are_counted_at_both_ends() -> None:
    assert tabs(FLEET, 3, 60) == "‹ 3   [◐ Gemini CLI home] ◐ OpenAI Codex CLI build-1  2 ›"


def test_a_tab_that_is_wider_than_the_line_says_less() -> None:
    assert tabs(FLEET, 1, 40) == "‹ 1   [● OpenAI Codex CLI] 5 ›"


@given(st.integers(20, 160), st.integers(0, 29))
@settings(max_examples=60)
def test_the_selected_tab_is_always_whole_and_every_cell_is_its_own(width: int, selected: int) -> None:
    many = accounts([on(CLAUDE, f"machine-{n:02}") for n in range(30)])
    found = names.tabs(many, selected, width, VIEW)
    assert found.line.cell_length == width
    start, end = next((s, e) for s, e, index in found.spans if index == selected)
    assert end <= width
    text = found.line.text[start:end]
    assert text.startswith("[● ")
    assert text.endswith("]")
    assert [found.at(x) for x in range(start, end)] == [selected] * (end - start)
    before, shown, behind = found.spans[0][2], len(found.spans), 29 - found.spans[-1][2]
    assert before + shown + behind == 30
    assert (f"‹ {before}" in found.line.text) is (before > 0)
    assert (f"{behind} ›" in found.line.text) is (behind > 0)


def test_a_cell_beside_the_tabs_is_nobodys() -> None:
    assert names.tabs(accounts(LOCAL), 0, 120, VIEW).at(119) is None


def test_the_column_says_state_money_and_the_worst_limit() -> None:
    assert (
        column([*LOCAL, BROKEN], 0, 34)
        == """\
▌● Claude Code
▌  $18.20 today  5 h 83 % ▲
 ● OpenAI Codex CLI
   387.9k tokens today  7 d 31 %
 ◐ Gemini CLI
   near limit  $2.36 today
 ● OpenRouter
   <$0.01 today
 ! Cursor IDE
   login needed"""
    )


@pytest.mark.parametrize("width", [28, 33, 40, 66])
def test_the_column_is_exactly_as_wide_as_asked(width: int) -> None:
    lines = names.column(accounts(FLEET), 2, width, VIEW)
    assert len(lines) == names.ROWS * len(FLEET)
    assert {line.cell_length for line in lines} == {width}


def test_the_column_takes_a_third_at_most_and_no_more_than_the_names_need() -> None:
    assert names.width_of(accounts(LOCAL), 200) == 28
    long = [on(CLAUDE, "a-machine-with-a-very-long-name-that-nobody-can-remember-in-full")]
    assert names.width_of(accounts(long), 120) == 40
