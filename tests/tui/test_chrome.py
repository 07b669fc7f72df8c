"""The lines around the content."""

from __future__ import annotations

from openusage.tui import chrome
from tests.tui.sample import VIEW

PALETTE = VIEW.palette
LOOKED = [
    "Nothing found. Looked for:",
    *(f"  tool {n}: ~/.tool{n}/*.jsonl" for n in range(30)),
    "To look around: make demo",
]


def text(sentences: list[str], width: int, height: int) -> list[str]:
    lines = chrome.centred(sentences, width, height, PALETTE)
    assert len(lines) == height
    assert {line.cell_length for line in lines} == {width}
    return [line.text.rstrip() for line in lines]


def test_a_list_keeps_its_indent_in_the_middle_of_the_screen() -> None:
    assert text(["Nothing. Looked for:", "  a: ~/.a", "make demo"], 40, 5) == [
        "",
        "          Nothing. Looked for:",
        "            a: ~/.a",
        "          make demo",
        "",
    ]


def test_a_list_that_is_too_long_still_ends_with_what_to_do() -> None:
    found = [line.strip() for line in text(LOOKED, 60, 10)]
    assert found[0] == "Nothing found. Looked for:"
    assert found[-2:] == ["… 23 more", "To look around: make demo"]


def test_key_hints_are_left_out_whole_and_how_to_leave_stays() -> None:
    hints = [("⏎", "open"), ("w", "window"), ("s", "sort"), ("?", "help"), ("q", "quit")]
    assert chrome.keys(hints, 50, PALETTE).text.rstrip() == " ⏎ open  w window  s sort  ? help  q quit"
    assert chrome.keys(hints, 33, PALETTE).text.rstrip() == " ⏎ open  s sort  ? help  q quit"
    assert chrome.keys(hints, 20, PALETTE).text.rstrip() == " ? help  q quit"
