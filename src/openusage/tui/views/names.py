"""Accounts as names: a line of tabs, or a column beside the tile. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.board import Account
from openusage.tui.lines import Part, cells, clean, packed, shortened, strip
from openusage.tui.sections import header, money
from openusage.tui.sections.gauges import level_sign
from openusage.tui.view import View
from openusage.wire.sections import Sections

ROWS = 2
"""Lines of an account in the column."""
_LONGEST_TAB = 26
_MORE = 6
"""Room for `‹ 12` at one end of the tabs."""


class Tabs(msgspec.Struct, frozen=True):
    """The line, and which cells of it belong to which account."""

    line: Strip
    spans: list[tuple[int, int, int]] = []
    """(first cell, cell after the last, index of the account)."""

    def at(self, x: int) -> int | None:
        """The account under a cell."""
        return next((index for start, end, index in self.spans if start <= x < end), None)


def tabs(accounts: Sequence[Account], selected: int, width: int, view: View) -> Tabs:
    """As many tabs as fit around the selected one; at both ends how many more there are."""
    palette = view.palette
    room = max(width - 2 * _MORE - 2, 1)
    labels = [_tab(account.sections, room, view) for account in accounts]
    sizes = [cells(label) + 2 for label in labels]
    first, last = _around(sizes, selected, width)
    parts: list[Part] = [(f"‹ {first}".ljust(_MORE) if first else " ", palette.dim)]
    spans = []
    x = cells(parts)
    for index in range(first, last + 1):
        edges = ("[", "]") if index == selected else (" ", " ")
        style = palette.accent if index == selected else palette.dim
        parts += [(edges[0], style), *labels[index], (edges[1], style)]
        spans.append((x, x + sizes[index], index))
        x += sizes[index]
    if more := len(accounts) - 1 - last:
        parts.append((f" {more} ›", palette.dim))
    return Tabs(strip(parts, width), spans)


def _tab(account: Sections, room: int, view: View) -> list[Part]:
    """`● Claude Code work-laptop`; what goes beyond `room` cells is left out."""
    palette = view.palette
    found = header.state(account, view)
    name = clean(account.name) or clean(account.provider_id)
    label = header.account_label(account)
    rest = " ".join(filter(None, (label, clean(account.machine))))
    parts: list[Part] = [
        (f"{header.SIGNS[found]} ", header.sign_style(account, found, palette)),
        (shortened(name, min(_LONGEST_TAB, room - 2)), palette.text),
    ]
    rest = shortened(rest, _LONGEST_TAB)
    return (
        [*parts, (f" {rest}", palette.dim)] if rest and cells(parts) + 1 + cell_len(rest) <= room else parts
    )


def _around(sizes: Sequence[int], selected: int, width: int) -> tuple[int, int]:
    """First and last tab of a run that holds the selected one and fits, with room for what is left out."""
    if sum(sizes) + 1 <= width:
        return 0, len(sizes) - 1
    room = width - 2 * _MORE - sizes[selected]
    first = last = selected
    while True:
        if last + 1 < len(sizes) and sizes[last + 1] <= room:
            last += 1
            room -= sizes[last]
        elif first > 0 and sizes[first - 1] <= room:
            first -= 1
            room -= sizes[first]
        else:
            return first, last


def width_of(accounts: Sequence[Account], width: int) -> int:
    """Cells of the column on a screen of `width`: a third, no more than the longest name needs."""
    longest = max((_longest(a.sections) for a in accounts), default=0)
    return max(28, min(width // 3, longest + 6))


def _longest(account: Sections) -> int:
    return cell_len(clean(account.name) + clean(account.machine) + header.account_label(account)) + 4


def column(accounts: Sequence[Account], selected: int, width: int, view: View) -> list[Strip]:
    """`ROWS` lines an account: state and name, then money and the worst limit."""
    lines: list[Strip] = []
    for index, account in enumerate(accounts):
        lines += _entry(account.sections, width, view, selected=index == selected)
    return lines


def _entry(account: Sections, width: int, view: View, *, selected: bool) -> list[Strip]:
    palette = view.palette
    mark: Part = ("▌" if selected else " ", palette.accent)
    found = header.state(account, view)
    name = clean(account.name) or clean(account.provider_id)
    rest = "  ".join(filter(None, (header.account_label(account), clean(account.machine))))
    room = width - 5
    name = shortened(name, room)
    head: list[Part] = [
        mark,
        (f"{header.SIGNS[found]} ", header.sign_style(account, found, palette)),
        (name, palette.strong if selected else palette.text),
    ]
    left = room - cell_len(name) - 2
    if rest and left >= 4:
        head.append((f"  {shortened(rest, left)}", palette.dim))
    figures = [*money.groups(account, view)[:1]]
    if word := header.word(account):
        figures.insert(0, [(word, header.sign_style(account, found, palette))])
    if account.gauges:
        worst = account.gauges[0]
        level = palette.level(worst.used_pct, view.warn_pct, view.crit_pct)
        sign = level_sign(worst.used_pct, view)
        style = palette.text if level is palette.fill else level
        gauge: list[Part] = [
            (f"{clean(worst.label)} ", palette.dim),
            (f"{fmt.percent(worst.used_pct)} {sign}".rstrip(), style),
        ]
        figures.append(gauge)
    below: list[Part] = [mark, ("  ", palette.text), *packed(figures, width - 3, gap=2)]
    return [strip(head, width), strip(below, width)]
