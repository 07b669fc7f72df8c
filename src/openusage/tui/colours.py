"""Colours that can be read: contrast as WCAG 2.1 defines it, and the nearest shade that has enough of it."""

from __future__ import annotations

from textual.color import BLACK, WHITE, Color

READABLE = 4.5
"""What WCAG asks of text (1.4.3, level AA)."""
_STEPS = 50


def luminance(colour: Color) -> float:
    """Relative luminance from 0 (black) to 1 (white)."""
    red, green, blue = (_linear(part / 255) for part in colour.rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def contrast(one: Color, other: Color) -> float:
    """From 1 (the same) to 21 (black on white).

    >>> contrast(BLACK, WHITE)
    21.0
    """
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def is_dark(colour: Color) -> bool:
    """Whether white is easier to read on it than black."""
    return contrast(WHITE, colour) >= contrast(BLACK, colour)


def readable(colour: Color, base: Color, least: float = READABLE) -> Color:
    """`colour`, or as little nearer to white or black as gives it that contrast on `base`."""
    far = WHITE if is_dark(base) else BLACK
    for step in range(_STEPS + 1):
        found = colour.blend(far, step / _STEPS)
        if contrast(found, base) >= least:
            return found
    return far


def at_luminance(colour: Color, wanted: float) -> Color:
    """The colour lighter or darker, so that its luminance is about `wanted`: its hue stays."""
    far = WHITE if luminance(colour) < wanted else BLACK
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        found = luminance(colour.blend(far, middle))
        if (found < wanted) is (far is WHITE):
            low = middle
        else:
            high = middle
    return colour.blend(far, high)
