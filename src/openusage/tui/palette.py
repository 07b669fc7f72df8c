"""Colours by role. Colour says state; a tool's own colour is only a small mark beside its name."""

from __future__ import annotations

from functools import lru_cache

import msgspec
from rich.style import Style
from textual.theme import Theme


class Palette(msgspec.Struct, frozen=True):
    """One style a role; every drawing function takes its styles from here."""

    text: Style
    strong: Style
    dim: Style
    """Units, labels, explanations."""
    faint: Style
    """Borders, tracks."""
    fill: Style
    """A gauge or a day's bar in the neutral state."""
    bar: Style
    """A row's share in a table: quieter, the figures are beside it."""
    accent: Style
    good: Style
    warn: Style
    crit: Style
    series: tuple[Style, ...]
    """Parts of a stacked chart, told apart also in shades of grey; the last one is for all the others."""
    dark: bool

    def level(self, used_pct: float, warn_pct: float, crit_pct: float) -> Style:
        """The style of a gauge's fill."""
        if used_pct >= crit_pct:
            return self.crit
        return self.warn if used_pct >= warn_pct else self.fill

    def in_few_colours(self) -> Palette:
        """For a terminal of 16 colours: there the parts of a chart would mostly become one and the same."""
        return msgspec.structs.replace(self, series=_FEW)

    def brand(self, provider_id: str) -> Style:
        """The small mark of a tool; neutral for tools without a colour."""
        colour = _BRANDS.get(provider_id)
        return _style(colour) if colour else self.dim


_BRANDS = {
    "claude_code": "#d97757",
    "anthropic": "#d97757",
    "codex": "#10a37f",
    "openai": "#10a37f",
    "gemini_cli": "#4285f4",
    "gemini_api": "#4285f4",
    "copilot": "#8957e5",
    "cursor": "#7d8590",
    "openrouter": "#6467f2",
    "opencode": "#cf8e3e",
    "ollama": "#8a8a8a",
    "amp": "#f34e3f",
    "zed": "#1f6feb",
    "qwen_cli": "#615ced",
    "kimi_cli": "#1783ff",
    "mistral": "#fa520f",
    "deepseek": "#4d6bfe",
}

DARK = "openusage-dark"
LIGHT = "openusage-light"


@lru_cache(maxsize=64)
def _style(colour: str, bold: bool = False) -> Style:
    return Style(color=colour, bold=bold or None)


_FEW = tuple(map(_style, ("#00aaaa", "#aa00aa", "#00aa00", "#5555ff", "#aa5500", "#555555")))
"""Of the 16: cyan, magenta, green, bright blue, yellow; grey for all the others."""

PALETTES = {
    DARK: Palette(
        text=_style("#d6dbe1"),
        strong=_style("#f2f5f8", bold=True),
        dim=_style("#8d97a3"),
        faint=_style("#414a55"),
        fill=_style("#8fa6bd"),
        bar=_style("#4c5f73"),
        accent=_style("#6cb6ff"),
        good=_style("#5fbf73"),
        warn=_style("#e3b341"),
        crit=_style("#f4695f", bold=True),
        series=tuple(map(_style, ("#a8c5e8", "#6b9e93", "#b48ead", "#6d7fae", "#8f7a5e", "#4a535f"))),
        dark=True,
    ),
    LIGHT: Palette(
        text=_style("#24292f"),
        strong=_style("#0b0e12", bold=True),
        dim=_style("#5c6570"),
        faint=_style("#c2c9d1"),
        fill=_style("#57708a"),
        bar=_style("#b4c2d0"),
        accent=_style("#0860ca"),
        good=_style("#1a7f37"),
        warn=_style("#8a5a00"),
        crit=_style("#c21f2b", bold=True),
        series=tuple(map(_style, ("#3b5f8a", "#6aa396", "#8c6a92", "#93a3cf", "#b39c7a", "#b9c1ca"))),
        dark=False,
    ),
}

THEMES = (
    Theme(
        name=DARK,
        primary="#6cb6ff",
        accent="#6cb6ff",
        success="#5fbf73",
        warning="#e3b341",
        error="#f4695f",
        foreground="#d6dbe1",
        background="#0e1116",
        surface="#0e1116",
        panel="#1a2028",
        dark=True,
    ),
    Theme(
        name=LIGHT,
        primary="#0860ca",
        accent="#0860ca",
        success="#1a7f37",
        warning="#8a5a00",
        error="#c21f2b",
        foreground="#24292f",
        background="#fcfcfa",
        surface="#fcfcfa",
        panel="#eceff2",
        dark=False,
    ),
)
