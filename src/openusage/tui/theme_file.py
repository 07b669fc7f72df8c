"""A theme's file: JSON with a name and colours, in the format that the Go program reads, too.

`name`, `base`, `text`, `accent`, `green`, `yellow` and `red` are required; every other colour has a value
that follows from them. Whatever a file says, text stays readable: a colour with too little contrast on `base`
is made lighter or darker until it has enough.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
from rich.style import Style
from textual.color import BLACK, WHITE, Color, ColorParseError
from textual.theme import Theme

from openusage.tui import colours
from openusage.tui.palette import Palette
from openusage.tui.scheme import Scheme

_MAX_NAME = 60
_FAINT_CONTRAST = 1.5
"""Borders and tracks are seen, and are no text."""
_SERIES = ("blue", "teal", "mauve", "sapphire", "peach")
_SERIES_DARK = (0.50, 0.28, 0.38, 0.17, 0.22, 0.08)
_SERIES_LIGHT = (0.11, 0.34, 0.19, 0.42, 0.26, 0.52)
"""Luminance of a chart's parts, so that neighbours differ in shades of grey as well."""


class ThemeFault(ValueError):
    """The file cannot be used; the message says why."""


class ThemeFile(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in it. Unknown fields are somebody else's."""

    name: str
    base: str
    text: str
    accent: str
    green: str
    yellow: str
    red: str
    icon: str = ""
    subtext: str = ""
    dim: str = ""
    surface0: str = ""
    surface2: str = ""
    blue: str = ""
    sapphire: str = ""
    peach: str = ""
    teal: str = ""
    mauve: str = ""


def read_theme(data: bytes) -> Scheme:
    """The scheme that a file describes. Raises `ThemeFault`."""
    try:
        file = msgspec.json.decode(data, type=ThemeFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise ThemeFault(str(e)) from e
    name = " ".join(file.name.split())
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise ThemeFault(f"`name` must be 1 to {_MAX_NAME} printable characters")
    return _scheme(name, file.icon, _Colours(file))


@cache
def built_in() -> tuple[Scheme, ...]:
    """The themes that come with the program, by name."""
    folder = files("openusage.tui").joinpath("themes")
    found = [read_theme(f.read_bytes()) for f in folder.iterdir() if f.name.endswith(".json")]
    return tuple(sorted(found, key=lambda scheme: scheme.name.casefold()))


class _Colours:
    """The file's colours, and what follows for those that it leaves out."""

    def __init__(self, file: ThemeFile) -> None:
        self._file = file
        self.base, self.text = self._required("base"), self._required("text")
        self.accent = self._required("accent")
        self.green, self.yellow, self.red = (self._required(n) for n in ("green", "yellow", "red"))
        self.subtext = self._or("subtext", self.text.blend(self.base, 0.2))
        self.dim = self._or("dim", self.text.blend(self.base, 0.45))
        self.surface0 = self._or("surface0", self.text.blend(self.base, 0.92))
        self.surface2 = self._or("surface2", self.text.blend(self.base, 0.75))
        self.blue = self._or("blue", self.accent)
        self.sapphire = self._or("sapphire", self.blue.blend(self.green, 0.35))
        self.teal = self._or("teal", self.green.blend(self.blue, 0.4))
        self.mauve = self._or("mauve", self.red.blend(self.blue, 0.5))
        self.peach = self._or("peach", self.yellow.blend(self.red, 0.4))

    def _required(self, name: str) -> Color:
        return _parsed(name, getattr(self._file, name))

    def _or(self, name: str, otherwise: Color) -> Color:
        text = getattr(self._file, name)
        return _parsed(name, text) if text else otherwise


def _parsed(name: str, text: str) -> Color:
    try:
        colour = Color.parse(text.strip())
    except ColorParseError:
        raise ThemeFault(f'`{name}` is "{text[:30]}", which is no colour such as #a080ff') from None
    if colour.a != 1 or colour.ansi is not None:
        raise ThemeFault(f'`{name}` is "{text[:30]}": a colour must be whole, such as #a080ff')
    return colour


def _scheme(name: str, icon: str, c: _Colours) -> Scheme:
    is_dark = colours.is_dark(c.base)
    neutral = c.subtext.blend(c.blue, 0.35)
    levels = _SERIES_DARK if is_dark else _SERIES_LIGHT
    hues = [*(getattr(c, name) for name in _SERIES), c.surface2]
    series = [colours.at_luminance(hue, level) for hue, level in zip(hues, levels, strict=True)]
    text, accent, good, warn, crit, dim, fill = (
        colours.readable(colour, c.base)
        for colour in (c.text, c.accent, c.green, c.yellow, c.red, c.dim, neutral)
    )
    palette = Palette(
        text=_style(text),
        strong=_style(colours.readable(text.blend(WHITE if is_dark else BLACK, 0.5), c.base), bold=True),
        dim=_style(dim),
        faint=_style(colours.readable(c.surface2, c.base, _FAINT_CONTRAST)),
        fill=_style(fill),
        bar=_style(fill.blend(c.base, 0.5)),
        accent=_style(accent),
        good=_style(good),
        warn=_style(warn),
        crit=_style(crit, bold=True),
        series=tuple(map(_style, series)),
        dark=is_dark,
    )
    theme = Theme(
        name=name,
        primary=accent.hex6,
        accent=accent.hex6,
        success=good.hex6,
        warning=warn.hex6,
        error=crit.hex6,
        foreground=text.hex6,
        background=c.base.hex6,
        surface=c.base.hex6,
        panel=c.surface0.hex6,
        dark=is_dark,
    )
    return Scheme(name=name, icon=icon, palette=palette, theme=theme)


def _style(colour: Color, bold: bool = False) -> Style:
    return Style(color=colour.hex6.lower(), bold=bold or None)
