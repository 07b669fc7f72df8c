"""Text from outside, cleaned and measured in cells."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from openusage.tui import lines

PLAIN = Style.null()


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("claude-opus-4-6", "claude-opus-4-6"),
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("two\nlines\tand\rmore", "two lines and more"),
        ("bell\x07 null\x00 del\x7f", "bell null del"),
        ("rtl\u202egnp.exe", "rtlgnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("[bold red]markup[/]", "[bold red]markup[/]"),
        ("ビルド機", "ビルド機"),
        ("👩\u200d💻 dev", "👩💻 dev"),
        ("❤\ufe0f", "❤"),
        ("👍🏽", "👍"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301"),
        ("\ud800broken", "broken"),
    ],
)
def test_clean(raw: str, safe: str) -> None:
    assert lines.clean(raw) == safe


@given(st.text(max_size=60))
@settings(max_examples=60)
def test_no_control_character_survives(raw: str) -> None:
    safe = lines.clean(raw)
    assert all(unicodedata.category(char)[0] != "C" for char in safe)
    assert lines.clean(safe) == safe


@given(st.text(max_size=30), st.integers(1, 20))
@settings(max_examples=60)
def test_cutting_and_padding_are_exact_in_cells(raw: str, width: int) -> None:
    safe = lines.clean(raw)
    assert cell_len(lines.fit(safe, width)) <= width
    assert cell_len(lines.left(safe, width)) == width
    assert lines.strip([(safe, PLAIN)], width).cell_length == width


def test_wide_characters_keep_columns_aligned() -> None:
    for name in ("work-laptop", "ビルド機", "機械🚀"):
        assert cell_len(lines.left(name, 8) + "|") == 9


def test_a_number_is_never_cut_on_the_right() -> None:
    assert lines.right("1234.56", 4) == "1234.56"
    assert lines.right("5", 4) == "   5"


def test_packing_leaves_out_whole_groups() -> None:
    groups = [[("aaa", PLAIN)], [("bbbbbbbb", PLAIN)], [("cc", PLAIN)]]
    assert "".join(text for text, _ in lines.packed(groups, 9, gap=2)) == "aaa  cc"


def test_spread_drops_the_right_side_rather_than_overlap() -> None:
    assert lines.spread([("left", PLAIN)], [("right", PLAIN)], 11).text == "left  right"
    assert lines.spread([("left", PLAIN)], [("right", PLAIN)], 9).text == "left     "


def test_wrapping_says_when_there_was_more() -> None:
    assert lines.wrapped("one two three four", 9, 2) == ["one two", "three …"]
    assert lines.wrapped("one two", 9, 2) == ["one two"]
    assert lines.wrapped("unbreakable", 5, 2) == ["unbr…"]
    assert lines.wrapped("", 5, 2) == []


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("gpt-5.1-codex-max", 17, "gpt-5.1-codex-max"),
        ("gpt-5.1-codex-max", 14, "gpt-5.1-c…-max"),
        ("gpt-5.1-codex-mini", 14, "gpt-5.1-c…mini"),
        ("ビルド機のとても長い名前", 12, "ビルド機…前"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_a_name_is_cut_where_it_tells_least(text: str, width: int, short: str) -> None:
    assert lines.shortened(text, width) == short


@given(st.text(max_size=40), st.integers(0, 40))
@settings(max_examples=60)
def test_a_shortened_name_is_never_too_wide(text: str, width: int) -> None:
    assert cell_len(lines.shortened(lines.clean(text), width)) <= width
