"""Contrast by WCAG, and shades that have enough of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import BLACK, WHITE, Color

from openusage.tui import colours

part = st.integers(0, 255)
any_colour = st.builds(Color, part, part, part)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#0000ff", "#ffffff", 8.59),
        ("#abc", "#abc", 1.0),
    ],
)
def test_contrast_is_that_of_the_standard(one: str, other: str, expected: float) -> None:
    """Figures of the W3C's own examples and of its formula."""
    assert colours.contrast(Color.parse(one), Color.parse(other)) == pytest.approx(expected, abs=0.01)


@given(any_colour, any_colour)
def test_contrast_has_no_order(one: Color, other: Color) -> None:
    assert colours.contrast(one, other) == colours.contrast(other, one) >= 1


@given(any_colour, any_colour)
def test_any_colour_becomes_readable_on_any_base(colour: Color, base: Color) -> None:
    found = colours.readable(colour, base)
    assert colours.contrast(found, base) >= colours.READABLE
    assert colours.readable(found, base) == found


@given(any_colour)
def test_what_is_readable_stays_as_it_is(colour: Color) -> None:
    base = BLACK if colours.contrast(colour, BLACK) >= colours.READABLE else WHITE
    assert colours.readable(colour, base) == colour


@given(any_colour, st.floats(0.02, 0.95))
def test_a_colour_of_a_wanted_lightness(colour: Color, wanted: float) -> None:
    assert colours.luminance(colours.at_luminance(colour, wanted)) == pytest.approx(wanted, abs=0.02)
