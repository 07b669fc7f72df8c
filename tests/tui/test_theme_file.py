"""Theme files: ours, the Go program's and a person's; readable whatever they say."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from rich.style import Style
from textual.color import Color

from openusage.tui.colours import READABLE, contrast, luminance
from openusage.tui.scheme import Scheme, Schemes
from openusage.tui.theme_file import ThemeFault, built_in, read_theme

GO = json.loads(
    '{"name":"Demo Night","icon":"🌙","base":"#101018","mantle":"#0c0c12","surface0":"#1a1a26",'
    '"surface1":"#242434","surface2":"#303044","overlay":"#50506a","text":"#e0e0f0","subtext":"#b0b0c8",'
    '"dim":"#707088","accent":"#a080ff","blue":"#60a0ff","sapphire":"#50c0e0","green":"#70d080",'
    '"yellow":"#e8c860","red":"#f06070","peach":"#f0a060","teal":"#50d0c0","flamingo":"#e0a0a0",'
    '"rosewater":"#f0d0c8","lavender":"#b0b0ff","sky":"#70d0f0","maroon":"#d07080","mauve":"#c090f0"}'
)
REQUIRED = ("base", "text", "accent", "green", "yellow", "red")
LEAST = {"name": "Least"} | {name: GO[name] for name in REQUIRED}
ALL = [*Schemes(built_in())]
TEXTS = ("text", "strong", "dim", "fill", "accent", "good", "warn", "crit")
"""Roles that figures and words are written in."""


def theme(**given: Any) -> Scheme:
    return read_theme(json.dumps({k: v for k, v in given.items() if v is not None}).encode())


def colour(style: Style) -> Color:
    assert style.color is not None
    return Color.parse(style.color.name)


def test_the_go_programs_themes_are_all_there() -> None:
    names = {scheme.name for scheme in ALL}
    assert names > {
        "Ayu Dark", "Catppuccin Frappé", "Catppuccin Mocha", "Deep Space", "Dracula", "Everforest",
        "Grayscale", "Gruvbox", "Kanagawa", "Midnight Iris", "Monokai", "Neon Dusk", "Nightfox", "Nord",
        "One Dark", "Rose Pine", "Solarized Dark", "Synthwave '84", "Tokyo Night",
    }  # fmt: skip
    assert names > {"openusage-light", "Solarized Light", "High Contrast", "High Contrast Light"}


@pytest.mark.parametrize("scheme", ALL, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("role", TEXTS)
def test_text_of_every_theme_can_be_read(scheme: Scheme, role: str) -> None:
    base = Color.parse(scheme.theme.background)
    assert contrast(colour(getattr(scheme.palette, role)), base) >= READABLE


@pytest.mark.parametrize("scheme", ALL, ids=lambda scheme: scheme.name)
def test_what_is_no_text_is_seen_at_least(scheme: Scheme) -> None:
    base = Color.parse(scheme.theme.background)
    assert contrast(colour(scheme.palette.faint), base) >= 1.5
    assert contrast(colour(scheme.palette.bar), base) >= 1.5


@pytest.mark.parametrize("scheme", built_in(), ids=lambda scheme: scheme.name)
def test_parts_of_a_chart_differ_in_shades_of_grey(scheme: Scheme) -> None:
    levels = sorted(luminance(colour(style)) for style in scheme.palette.series)
    assert all(b - a > 0.03 for a, b in pairwise(levels))


@pytest.mark.parametrize("scheme", ALL, ids=lambda scheme: scheme.name)
def test_textuals_own_parts_have_the_same_colours(scheme: Scheme) -> None:
    assert scheme.theme.name == scheme.name
    assert scheme.theme.dark is scheme.palette.dark
    assert scheme.theme.accent is not None
    assert Color.parse(scheme.theme.accent) == colour(scheme.palette.accent)


def test_a_file_of_the_go_program_is_read() -> None:
    scheme = theme(**GO)
    assert (scheme.name, scheme.icon) == ("Demo Night", "🌙")
    assert colour(scheme.palette.text) == Color.parse("#e0e0f0")


def test_six_colours_are_enough() -> None:
    assert len(theme(**LEAST).palette.series) == 6


@pytest.mark.parametrize("name", ["name", *REQUIRED])
def test_what_is_required_is_named_when_it_is_not_there(name: str) -> None:
    with pytest.raises(ThemeFault, match=f"`{name}`"):
        theme(**LEAST | {name: None})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"base": "midnight"}, '`base` is "midnight", which is no colour such as #a080ff'),
        ({"text": "#ffffff80"}, "a colour must be whole"),
        ({"red": "ansi_red"}, "a colour must be whole"),
        ({"blue": "#12"}, "`blue` is"),
        ({"name": "  "}, "`name` must be"),
        ({"name": "x" * 61}, "`name` must be"),
        ({"name": "a\x1b[31mb"}, "`name` must be"),
        ({"name": 5}, "Expected `str`"),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ThemeFault, match=said.replace("[", r"\[")):
        theme(**LEAST | given)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"\xff{}", b"[" * 100_000])
def test_what_is_no_theme_at_all_is_a_fault_too(data: bytes) -> None:
    with pytest.raises(ThemeFault):
        read_theme(data)


def test_a_person_that_chooses_grey_on_grey_can_read_it_all_the_same() -> None:
    scheme = theme(**LEAST | {"base": "#808080", "text": "#858585", "accent": "#7f7f7f"})
    base = Color.parse(scheme.theme.background)
    assert all(contrast(colour(getattr(scheme.palette, role)), base) >= READABLE for role in TEXTS)
