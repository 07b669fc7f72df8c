"""Colour schemes: a theme with all that is drawn in it, and the list of those that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from textual.theme import Theme

from openusage.tui.palette import DARK, LIGHT, PALETTES, THEMES, Palette


class Scheme(msgspec.Struct, frozen=True):
    """One theme."""

    name: str
    """As people choose it, and as settings.json has it."""
    palette: Palette
    theme: Theme
    """For Textual's own parts; it has the scheme's name."""
    icon: str = ""


OWN = tuple(Scheme(theme.name, PALETTES[theme.name], theme) for theme in THEMES)
"""The two that this program is at home in, dark and light."""


class Schemes:
    """All schemes: the own ones, the built-in ones, and those of the person. A later one of a name wins.

    `few_colours`: the terminal has 16.
    """

    def __init__(self, more: Iterable[Scheme] = (), *, few_colours: bool = False) -> None:
        found: dict[str, Scheme] = {}
        for scheme in (*OWN, *more):
            palette = scheme.palette.in_few_colours() if few_colours else scheme.palette
            found[scheme.name.casefold()] = msgspec.structs.replace(scheme, palette=palette)
        own = [found.pop(scheme.name.casefold()) for scheme in OWN]
        self._all = (*own, *sorted(found.values(), key=lambda scheme: scheme.name.casefold()))
        self._of = {scheme.name.casefold(): scheme for scheme in self._all}

    def __iter__(self) -> Iterator[Scheme]:
        return iter(self._all)

    @property
    def names(self) -> Sequence[str]:
        """The own ones first, the others by name."""
        return [scheme.name for scheme in self._all]

    def find(self, name: str) -> Scheme | None:
        """The scheme of a name, however it is written; `dark` and `light` are the own ones."""
        wanted = {"": DARK, "dark": DARK, "light": LIGHT}.get(name.strip().casefold(), name.strip())
        return self._of.get(wanted.casefold())

    def get(self, name: str) -> Scheme:
        """The same; the dark one where there is none."""
        return self.find(name) or self._all[0]

    def after(self, name: str, step: int = 1) -> Scheme:
        """The next one of the list, or the one before."""
        return self._all[(self._all.index(self.get(name)) + step) % len(self._all)]
