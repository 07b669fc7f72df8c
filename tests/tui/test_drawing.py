"""A screen as SVG: text as text, blocks and frames as shapes."""

from __future__ import annotations

from xml.etree import ElementTree

from rich.segment import Segment
from rich.style import Style

from openusage.tui import drawing

RED = Style(color="#ff0000")
SVG = "{http://www.w3.org/2000/svg}"


def drawn(*segments: Segment) -> list[ElementTree.Element]:
    """What is inside the window of a picture of one line."""
    root = ElementTree.fromstring(drawing.svg([segments], 20, "title", "#000000"))
    return list(root)[6:]


def test_text_is_text_in_pieces_as_wide_as_their_cells() -> None:
    texts = drawn(Segment("ab  <c>", RED))
    assert [(t.text, t.get("textLength"), t.get("x")) for t in texts] == [
        ("ab", "16.8", "14.0"),
        ("<c>", "25.2", "47.6"),
    ]


def test_blocks_and_frames_are_shapes() -> None:
    kinds = [shape.tag.removeprefix(SVG) for shape in drawn(Segment("█▄▎░━╭", RED))]
    assert kinds == ["rect"] * 5 + ["path"]


def test_a_low_line_is_a_letter_in_a_word_and_a_baseline_alone() -> None:
    assert [shape.tag.removeprefix(SVG) for shape in drawn(Segment("a_b", RED), Segment("__", RED))] == [
        "text",
        "rect",
        "rect",
    ]


def test_a_cell_of_two_colours_has_a_ground() -> None:
    (ground, block) = drawn(Segment("▄", Style(color="#ff0000", bgcolor="#0000ff")))
    assert (ground.get("fill"), block.get("fill")) == ("#0000ff", "#ff0000")
