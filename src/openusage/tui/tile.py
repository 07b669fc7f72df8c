"""One account in a frame: which sections it shows in how many lines, for any height. Pure.

The room is given out in steps of importance: state and name are in the border, then money, worst gauge, top
model, daily line; then more of each. Sections keep their order on screen whatever was left out.
"""

from __future__ import annotations

from types import ModuleType
from typing import cast

from rich.style import Style
from textual.strip import Strip

from openusage.tui.lines import Part, blank, cells, strip
from openusage.tui.sections import (
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
from openusage.tui.view import View
from openusage.wire.sections import Sections

LEAST_WIDTH = 36
LEAST_HEIGHT = 6

_ORDER: dict[str, ModuleType] = {
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
"""Top to bottom on screen."""

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

_STRETCH = (("models", 12), ("gauges", 20), ("credits", 12), ("models", 60))
"""Where room goes that the steps above did not need."""

_DAILY_STRETCH = 3
"""Lines by which the bars of the days grow when there is room."""

_GROUPS = ({"notice", "money"}, {"gauges"}, {"models"})
"""A blank line goes below each of these when there is room."""


def _section(name: str) -> Section:
    return cast(Section, _ORDER[name])


def wanted(account: Sections, view: View) -> dict[str, int]:
    """Lines that each section would like."""
    return {name: rows for name in _ORDER if (rows := _section(name).rows(account, view))}


def shares(wants: dict[str, int], room: int, *, stretch: bool = False) -> dict[str, int]:
    """Lines that each section gets of `room`."""
    given: dict[str, int] = {}
    first = (("notice", 1),) if wants.get("notice", 0) > 1 else ()
    last = (("notice", 2), *(_STRETCH if stretch else ()))
    for name, most in (*first, *_STEPS, *last):
        have = given.get(name, 0)
        more = min(wants.get(name, 0), most) - have
        least = 2 if name == "models" and not have else 1
        if more > 0 and room >= least:
            given[name] = have + min(more, room)
            room -= min(more, room)
    return given


def height(account: Sections, view: View) -> int:
    """The height at which nothing of the steps is left out, border and blank lines included."""
    given = shares(wanted(account, view), 1000)
    return max(LEAST_HEIGHT, sum(given.values()) + len(_gaps(given)) + 2)


def most(account: Sections, view: View) -> int:
    """The height up to which a tile makes good use of room that is left."""
    return height(account, view) + (_DAILY_STRETCH if daily.measures(account, view) else 0)


def _gaps(given: dict[str, int]) -> list[int]:
    """Indexes into `_GROUPS` after which a blank line may stand: something before and something behind."""
    names = list(given)
    return [i for i, group in enumerate(_GROUPS) if group & set(names) and _behind(names, i)]


def _behind(names: list[str], group: int) -> bool:
    above = set().union(*_GROUPS[: group + 1])
    return any(name not in above for name in names)


def body(account: Sections, width: int, room: int, view: View) -> list[Strip]:
    """Exactly `room` lines."""
    wants = wanted(account, view)
    given = shares(wants, room)
    gaps = _gaps(given)
    spare = room - sum(given.values()) - len(gaps)
    if spare > 0:
        given = shares(wants, room - len(gaps), stretch=True)
    gaps = gaps[: max(0, room - sum(given.values()))]
    if "daily" in given:
        given["daily"] += min(_DAILY_STRETCH, max(0, room - sum(given.values()) - len(gaps)))
    lines: list[Strip] = []
    after = {max(list(_ORDER).index(n) for n in _GROUPS[i] if n in given) for i in gaps}
    for index, name in enumerate(_ORDER):
        if name in given:
            lines += _section(name).draw(account, width, given[name], view)
        if index in after:
            lines.append(blank(width))
    return (lines + [blank(width)] * room)[:room]


def hidden(account: Sections, room: int, view: View) -> int:
    """Lines of data that a body of `room` lines does not show."""
    wants = wanted(account, view)
    return sum(wants.values()) - sum(shares(wants, room, stretch=True).values())


def draw(account: Sections, width: int, height: int, view: View, selected: bool) -> list[Strip]:
    """The whole tile, `height` lines of `width` cells."""
    palette = view.palette
    edge = palette.accent if selected else palette.faint
    line, side, corners = ("━", "┃", "┏┓┗┛") if selected else ("─", "│", "╭╮╰╯")
    inner = width - 4
    top = _border(
        header.title(account, view), header.place(account, view), width, (corners[0], line, corners[1]), edge
    )
    more = hidden(account, height - 2, view)
    hint: list[list[Part]] = [[(f"{more} more", palette.dim)]] if more else []
    bottom = _border([], hint, width, (corners[2], line, corners[3]), edge)
    sides = strip([(f"{side} ", edge)], 2), strip([(f" {side}", edge)], 2)
    rows = [Strip.join([sides[0], row, sides[1]]) for row in body(account, inner, height - 2, view)]
    return [top, *rows, bottom]


def _border(
    start: list[list[Part]], end: list[list[Part]], width: int, glyphs: tuple[str, str, str], edge: Style
) -> Strip:
    """A horizontal border with groups of text in it; groups that do not fit are left out, the last first."""
    first, line, last = glyphs
    room = width - 4
    left_groups, right_groups = list(start), list(end)
    while cells(_joined(left_groups, line, edge)) + cells(_joined(right_groups, line, edge)) > room - 1:
        if len(left_groups) > 1:
            left_groups.pop()
        elif right_groups:
            right_groups.pop()
        else:
            break
    before, behind = _joined(left_groups, line, edge), _joined(right_groups, line, edge)
    fill = line * max(0, room - cells(before) - cells(behind))
    return strip([(first + line, edge), *before, (fill, edge), *behind, (line + last, edge)], width)


def _joined(groups: list[list[Part]], line: str, edge: Style) -> list[Part]:
    """` a ── b ` between pieces of border."""
    parts: list[Part] = []
    for group in groups:
        parts += [(f"{line} " if parts else " ", edge), *group, (" ", edge)]
    return parts
