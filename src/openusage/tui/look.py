"""How the dashboard looks: a theme with all that is drawn in it, and the list of those that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from textual.theme import Theme

from openusage.tui.palette import DARK, LIGHT, PALETTES, THEMES, Palette


class Look(msgspec.Struct, frozen=True):
    """One theme."""

    name: str
    """As people choose it, and as settings.json has it."""
    palette: Palette
    theme: Theme
    """For Textual's own parts; it has the look's name."""
    icon: str = ""


OWN = tuple(Look(theme.name, PALETTES[theme.name], theme) for theme in THEMES)
"""The two that this program is at home in, dark and light."""


class Looks:
    """All looks: the own ones, the built-in ones, and those of the person. A later one of a name wins."""

    def __init__(self, more: Iterable[Look] = ()) -> None:
        found: dict[str, Look] = {}
        for look in (*OWN, *more):
            found[look.name.casefold()] = look
        own = [found.pop(look.name.casefold()) for look in OWN]
        self._all = (*own, *sorted(found.values(), key=lambda look: look.name.casefold()))

    def __iter__(self) -> Iterator[Look]:
        return iter(self._all)

    @property
    def names(self) -> Sequence[str]:
        """The own ones first, the others by name."""
        return [look.name for look in self._all]

    def find(self, name: str) -> Look | None:
        """The look of a name, however it is written; `dark` and `light` are the own ones."""
        wanted = {"": DARK, "dark": DARK, "light": LIGHT}.get(name.strip().casefold(), name.strip())
        return next((look for look in self._all if look.name.casefold() == wanted.casefold()), None)

    def get(self, name: str) -> Look:
        """The same; the dark one where there is none."""
        return self.find(name) or self._all[0]

    def after(self, name: str, step: int = 1) -> Look:
        """The next one of the list, or the one before."""
        return self._all[(self._all.index(self.get(name)) + step) % len(self._all)]
