"""One account in a frame: which sections it shows in how many lines, for any height. Pure.

The room is given out in steps of importance: state and name are in the border, then money, worst gauge, top
model, daily line; then more of each. Sections keep their order on screen whatever was left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from types import ModuleType
from typing import cast

import msgspec
from rich.style import Style
from textual.strip import Strip

from openusage.tui import choice
from openusage.tui.lines import Part, blank, cells, left, strip
from openusage.tui.sections import (
    Ranking,
    Section,
    clients,
    code,
    credits,
    daily,
    gauges,
    header,
    languages,
    mcp,
    models,
    money,
    notice,
    projects,
    tools,
    upstreams,
)
from openusage.tui.sections.ranking import LABEL_WIDTH
from openusage.tui.view import View
from openusage.wire.sections import Sections

LEAST_WIDTH = 36
LEAST_HEIGHT = 6
_FLOOR = 4
"""Of an account that has little more to say than what is wrong with it."""
_LEAST_TABLE = 4
_ENDLESS = 1000

_MODULES: dict[str, ModuleType] = {
    "notice": notice,
    "money": money,
    "gauges": gauges,
    "models": models,
    "credits": credits,
    "clients": clients,
    "projects": projects,
    "tools": tools,
    "mcp": mcp,
    "languages": languages,
    "upstreams": upstreams,
    "code": code,
    "daily": daily,
}

_LABELS = {
    "gauges": "LIMITS",
    "models": "MODELS",
    "credits": "CREDITS",
    "clients": "CLIENTS",
    "projects": "PROJECTS",
    "tools": "TOOLS",
    "mcp": "MCP",
    "languages": "LANGUAGES",
    "upstreams": "UPSTREAM",
    "code": "CODE",
    "daily": "DAILY",
}
"""Names of sections that have nothing to show, where even those are wanted."""

_STEPS = (
    ("money", 1),
    ("gauges", 1),
    ("models", 2),
    ("daily", 1),
    ("credits", 1),
    ("gauges", 3),
    ("models", 4),
    ("notice", 1),
    ("projects", 1),
    ("tools", 1),
    ("mcp", 1),
    ("clients", 1),
    ("languages", 1),
    ("upstreams", 1),
    ("code", 1),
    ("credits", 3),
    ("gauges", 6),
    ("models", 6),
)
"""Who gets lines next, and up to how many."""

_FIRST = {"models": 2}
"""Lines of a section in the first round, when a person has put the sections into an order: one, or these."""

_STRETCH = (("models", 12), ("gauges", 20), ("credits", 12), ("models", 60))
"""Where room goes that the steps above did not need."""

_TABLES = ("projects", "tools", "mcp", "languages", "clients")
"""Which rankings become tables when there is still room, and in which order."""

_DAILY_ROWS = 2
"""Height of the days' bars where nothing had to be left out."""

_GROUPS = ({"notice", "money"}, {"gauges"}, {"models"})
"""A blank line goes below each of these when there is room."""


def _section(name: str) -> Section:
    return cast(Section, _MODULES[name])


def wanted(account: Sections, view: View) -> dict[str, int]:
    """Lines that each section would like, from the top down."""
    found: dict[str, int] = {}
    for name in view.tile_sections:
        if rows := _section(name).rows(account, view) or (name in _LABELS and not view.hides_empty):
            found[name] = int(rows)
    return found


@lru_cache(maxsize=64)
def _steps(order: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """By importance; where a person chose an order, that one comes first."""
    usual = tuple(name for name in choice.DRAWN if name in order)
    if order == usual:
        return _STEPS
    return (*((name, _FIRST.get(name, 1)) for name in order), *_STEPS)


def shares(
    wants: dict[str, int], room: int, *, order: tuple[str, ...] = choice.DRAWN, stretch: bool = False
) -> dict[str, int]:
    """Lines that each section gets of `room`; `order` is what the person asked for."""
    given: dict[str, int] = {}
    first = (("notice", 1),) if wants.get("notice", 0) > 1 else ()
    last = (("notice", 2), *(_STRETCH if stretch else ()))
    for name, most in (*first, *_steps(order), *last):
        have = given.get(name, 0)
        more = min(wants.get(name, 0), most) - have
        least = 2 if name == "models" and not have else 1
        if more > 0 and room >= least:
            given[name] = have + min(more, room)
            room -= min(more, room)
    return given


class Heights(msgspec.Struct, frozen=True):
    """How many lines a tile would like, its border included."""

    least: int
    """Nothing of the steps is left out; no blank lines."""
    good: int
    """Comfortable to read: blank lines between groups, higher bars."""
    most: int
    """Up to here it makes good use of room that is left."""


def heights(account: Sections, view: View) -> Heights:
    """Depends on the account's data and on whether its costs are shown."""
    wants = wanted(account, view)
    given = shares(wants, _ENDLESS, order=view.tile_sections)
    least = sum(given.values()) + 2
    good = least + _taller(given, account, view) + len(_gaps(n for n in view.tile_sections if n in given))
    most = _used(_fitted(account, wants, _ENDLESS, view)) + 2
    return Heights(max(_FLOOR, least), max(_FLOOR, good), max(_FLOOR, most))


class Sizes:
    """The heights of accounts, worked out once for the same data drawn in the same way."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Sections, tuple[object, ...], Heights]] = {}

    def of(self, accounts: Sequence[Sections], view: View) -> list[Heights]:
        known: dict[int, tuple[Sections, tuple[object, ...], Heights]] = {}
        for account in accounts:
            how = (view.costs_of(account), view.tile_sections, view.hides_empty)
            found = self._known.get(id(account))
            if found is None or found[1] != how:  # the account is held here, so its id is its own
                found = (account, how, heights(account, view))
            known[id(account)] = found
        self._known = known
        return [known[id(account)][2] for account in accounts]


def _table_rows(name: str, account: Sections, view: View) -> int:
    return cast(Ranking, _MODULES[name]).most_rows(account, view)


def _taller(given: dict[str, int], account: Sections, view: View) -> int:
    return _DAILY_ROWS - 1 if "daily" in given and daily.measures(account, view) else 0


def _gaps(order: Iterable[str]) -> list[str]:
    """Sections after which a blank line may stand: the last of each group that is not the last of all."""
    names = list(order)
    ends = [max((n for n in group if n in names), key=names.index, default="") for group in _GROUPS]
    return [name for name in names[:-1] if name in ends]


class _Fitted(msgspec.Struct):
    """What a body of some height holds."""

    given: dict[str, int]
    """Lines of each section."""
    order: tuple[str, ...]
    """Names of all sections from the top down."""
    gaps: list[str] = []
    """Sections after which a blank line stands."""
    tables: list[str] = []
    """Rankings that are tables; a blank line sets each apart."""


def _fitted(account: Sections, wants: dict[str, int], room: int, view: View) -> _Fitted:
    order = view.tile_sections
    given = shares(wants, room, order=order)
    found = _Fitted(given, order, _gaps(name for name in order if name in given))
    if sum(given.values()) + len(found.gaps) > room:
        spare = room - sum(given.values())
        found.gaps = found.gaps[len(found.gaps) - spare :] if spare > 0 else []
        return found
    found.given = given = shares(wants, room - len(found.gaps), order=order, stretch=True)
    if _used(found) < room and _taller(given, account, view):
        given["daily"] = _DAILY_ROWS
    for name in _TABLES:
        rows = _table_rows(name, account, view) if name in given else 0
        found.tables.append(name)
        while rows >= _LEAST_TABLE:
            given[name] = rows
            if _used(found) <= room:
                break
            rows -= 1
        else:
            found.tables.remove(name)
            given.update({name: 1} if name in given else {})
    return found


def _used(found: _Fitted) -> int:
    return sum(found.given.get(name, 1) for name in _sequence(found))


def _sequence(found: _Fitted) -> list[str]:
    """Names of sections from top to bottom; empty ones are blank lines."""
    names: list[str] = []
    for name in filter(found.given.__contains__, found.order):
        apart = name in found.tables or (names and names[-1] in found.tables)
        if apart and names and names[-1]:
            names.append("")
        names.append(name)
        if name in found.gaps:
            names.append("")
    return names


def body(account: Sections, width: int, room: int, view: View) -> list[Strip]:
    """Exactly `room` lines."""
    found = _fitted(account, wanted(account, view), room, view)
    lines: list[Strip] = []
    for name in _sequence(found):
        if name:
            lines += _drawn(name, account, width, found.given[name], view)
        else:
            lines.append(blank(width))
    return (lines + [blank(width)] * room)[:room]


def _drawn(name: str, account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    section = _section(name)
    if view.hides_empty or section.rows(account, view):
        return section.draw(account, width, rows, view)
    return [strip([(f"{left(_LABELS[name], LABEL_WIDTH)}–", view.palette.dim)], width)]


def hidden(account: Sections, room: int, view: View) -> int:
    """Lines of data that a body of `room` lines does not show."""
    wants = wanted(account, view)
    return sum(wants.values()) - sum(shares(wants, room, order=view.tile_sections, stretch=True).values())


def below(account: Sections, width: int, height: int, view: View, selected: bool) -> list[Strip]:
    """All of a tile of `height` lines but the uppermost: it changes with the data, and seldom with the time.

    The lower edge says how many lines of data are left out.
    """
    edge, side = _edge(view, selected), "┃" if selected else "│"
    line, corners = _glyphs(selected)
    sides = strip([(f"{side} ", edge)], 2), strip([(f" {side}", edge)], 2)
    rows = [Strip.join([sides[0], row, sides[1]]) for row in body(account, width - 4, height - 2, view)]
    more = hidden(account, height - 2, view)
    hint: list[list[Part]] = [[(f"{more} more", view.palette.dim)]] if more else []
    return [*rows, _border([], hint, width, (corners[2], line, corners[3]), edge)]


def top(account: Sections, width: int, view: View, selected: bool) -> Strip:
    """The upper edge: who it is, and how old."""
    line, corners = _glyphs(selected)
    start, end = header.title(account, view), header.place(account, view)
    return _border(start, end, width, (corners[0], line, corners[1]), _edge(view, selected))


def _glyphs(selected: bool) -> tuple[str, str]:
    """The line of the edge, and its four corners."""
    return ("━", "┏┓┗┛") if selected else ("─", "╭╮╰╯")


def _edge(view: View, selected: bool) -> Style:
    return view.palette.accent if selected else view.palette.faint


def draw(account: Sections, width: int, height: int, view: View, selected: bool) -> list[Strip]:
    """The whole tile, `height` lines of `width` cells."""
    return [top(account, width, view, selected), *below(account, width, height, view, selected)]


def _border(
    start: list[list[Part]], end: list[list[Part]], width: int, glyphs: tuple[str, str, str], edge: Style
) -> Strip:
    """A horizontal border with groups of text in it; groups that do not fit are left out, the last first."""
    first, line, last = glyphs
    room = width - 4
    left_groups, right_groups = list(start), list(end)
    before, behind = _joined(left_groups, line, edge), _joined(right_groups, line, edge)
    while (gap := room - cells(before) - cells(behind)) < 1:
        if len(left_groups) > 1:
            left_groups.pop()
        elif right_groups:
            right_groups.pop()
        else:
            break
        before, behind = _joined(left_groups, line, edge), _joined(right_groups, line, edge)
    fill = line * max(0, gap)
    return strip([(first + line, edge), *before, (fill, edge), *behind, (line + last, edge)], width)


def _joined(groups: list[list[Part]], line: str, edge: Style) -> list[Part]:
    """` a ── b ` between pieces of border."""
    parts: list[Part] = []
    for group in groups:
        parts += [(f"{line} " if parts else " ", edge), *group, (" ", edge)]
    return parts
