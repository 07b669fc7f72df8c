"""The screen in ASCII: every sign of ours has a plain one of the same width."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

import openusage.tui
from openusage import format as fmt
from openusage.tui.plain import Plain, plain

SOURCES = [*Path(openusage.tui.__file__).parent.rglob("*.py"), Path(fmt.__file__)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.name)
def test_whatever_a_screen_may_draw_has_a_plain_sign(source: Path) -> None:
    if source.name == "plain.py":
        return
    for sign in {s for s in source.read_text() if not s.isascii()}:
        drawn = plain(sign)
        assert drawn.isascii(), f"{sign} in {source.name}"
        assert drawn != "?", f"{sign} in {source.name}"
        assert cell_len(drawn) == cell_len(sign) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("╭─ ● Claude Code ─╮", "+- * Claude Code -+"),
        ("███████▊──┤░░  83 %", "########--+::  83 %"),
        ("resets in 1 h · Zoë, 日本", "resets in 1 h . Zoë, 日本"),
        ("plain", "plain"),
        ("⣿🌙", "??"),
    ],
)
def test_names_stay_and_signs_are_exchanged(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_the_filter_keeps_styles_and_widths() -> None:
    style = Style(bold=True)
    (segment,) = Plain().apply([Segment("▅▃ 5 %", style)], Color(0, 0, 0))
    assert segment == Segment("#= 5 %", style)
