"""The sessions of an account as rows: when, where, with what, how much. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

import msgspec
from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import rank
from openusage.tui.cuts import UNNAMED
from openusage.tui.lines import Part, clean, left, right, shortened, strip
from openusage.tui.spans import moment_of
from openusage.tui.view import View
from openusage.wire.sessions import SessionOrder, SessionPage, SessionRow

_EDGE, _GAP = 2, 2
_LEAST_NAME, _LONGEST = 12, 28
_SHORT_ID = 12


class Sort(enum.StrEnum):
    """What sessions are ordered by, the greatest first."""

    NEWEST = "newest"
    COST = "cost"
    TOKENS = "tokens"
    REQUESTS = "requests"
    LENGTH = "length"

    @property
    def asked(self) -> SessionOrder:
        """Which of them are asked for, where there are more than come at once."""
        return SessionOrder.COST if self is Sort.COST else SessionOrder.NEWEST


_WEIGHTS: dict[Sort, Callable[[SessionRow], int]] = {
    Sort.NEWEST: lambda r: r.last_us,
    Sort.COST: lambda r: r.used.cost_nano,
    Sort.TOKENS: lambda r: r.used.total_tokens,
    Sort.REQUESTS: lambda r: r.used.requests,
    Sort.LENGTH: lambda r: r.last_us - r.first_us,
}


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column."""

    title: str
    cells: list[str]
    priority: int
    is_left: bool = False
    strong: bool = False
    sort: Sort | None = None
    most: int = _LONGEST

    @property
    def width(self) -> int:
        widest = max(map(cell_len, (self.title, *self.cells)))
        return min(widest, max(self.most, cell_len(self.title))) if self.is_left else widest


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All sessions, ready to be drawn: `fleet.rows.Drawn`."""

    rows: list[SessionRow]
    columns: list[Column]
    widths: list[int]
    """Of the columns: found once, over all rows."""
    sort: Sort
    width: int

    def __len__(self) -> int:
        return len(self.rows)

    def key(self, index: int) -> str:
        row = self.rows[index]
        return "\0".join((row.provider, row.session))

    def head(self, view: View) -> Strip:
        """The titles; a sign shows what the rows are ordered by."""
        parts: list[Part] = [(" " * _EDGE, view.palette.dim)]
        for place, (column, wide) in enumerate(zip(self.columns, self.widths, strict=True)):
            title = column.title
            style = view.palette.dim
            if column.sort is self.sort:
                title, style = (f"{title}▼" if column.is_left else f"▼{title}"), view.palette.text
            room = wide + (_GAP if place else 0)
            if column.is_left:  # the sign may stand in the gap behind it
                parts.append((left(" " * (room - wide) + title, room), style))
            else:
                parts.append((right(title, room), style))
        return strip(parts, self.width)

    def line(self, index: int, view: View, *, selected: bool, focused: bool) -> Strip:
        """One session."""
        palette = view.palette
        parts: list[Part] = [("▌ " if selected else "  ", palette.accent if focused else palette.dim)]
        for place, (column, wide) in enumerate(zip(self.columns, self.widths, strict=True)):
            cell = column.cells[index]
            style = palette.strong if column.strong else palette.text
            if cell in (fmt.MISSING, UNNAMED, "unpriced") or column.priority >= 7:
                style = palette.dim
            text = shortened(cell, wide)
            padded = left(text, wide) if column.is_left else right(text, wide)
            parts += [(" " * _GAP if place else "", palette.text), (padded, style)]
        return strip(parts, self.width)

    def sort_at(self, x: int) -> Sort | None:
        """The order that a click on the head asks for."""
        edge = _EDGE
        for place, (column, wide) in enumerate(zip(self.columns, self.widths, strict=True)):
            edge += wide + (_GAP if place else 0)
            if x < edge:
                return column.sort
        return None


def sheet(page: SessionPage, sort: Sort, width: int, view: View, *, money: bool) -> Sheet:
    """Rows in their order with all columns that fit."""
    rows = sorted(page.rows, key=lambda r: (-_WEIGHTS[sort](r), -r.last_us, r.session))
    possible = [c for c in _columns(rows, view, money=money) if c is not None]
    sizes = [c.width for c in possible]
    kept = sorted(range(len(possible)), key=lambda n: possible[n].priority)
    while len(kept) > 1 and sum(sizes[n] + _GAP for n in kept) + _EDGE - _GAP > width:
        kept.pop()
    shown = sorted(kept)
    return Sheet(
        rows=rows,
        columns=[possible[n] for n in shown],
        widths=[sizes[n] for n in shown],
        sort=sort,
        width=width,
    )


def _columns(rows: Sequence[SessionRow], view: View, *, money: bool) -> list[Column | None]:
    models = [_models(row) for row in rows]
    machines = [", ".join(clean(m.name) for m in row.machines) for row in rows]
    used = [row.used for row in rows]
    return [
        Column(
            title="LAST",
            cells=[at(row.last_us, view) for row in rows],
            priority=1,
            is_left=True,
            sort=Sort.NEWEST,
        ),
        Column(
            title="PROJECT", cells=[clean(r.project or "") or UNNAMED for r in rows], priority=2, is_left=True
        ),
        Column(title="MODEL", cells=models, priority=4, is_left=True),
        _told("CLIENT", [clean(r.client or "") for r in rows], 8),
        _told("MACHINE", machines if any("," in m for m in machines) else [], 7),
        Column(
            title="SESSION",
            cells=[shortened(clean(r.session), _SHORT_ID) for r in rows],
            priority=9,
            is_left=True,
        ),
        Column(
            title="LENGTH",
            cells=[fmt.duration((r.last_us - r.first_us) / 1e6) for r in rows],
            priority=6,
            sort=Sort.LENGTH,
        ),
        Column(title="REQ", cells=[fmt.count(r.requests) for r in used], priority=5, sort=Sort.REQUESTS),
        Column(title="TOKENS", cells=[fmt.count(r.total_tokens) for r in used], priority=3, sort=Sort.TOKENS),
        Column(title="COST", cells=rank.money_cells(used), priority=0, strong=True, sort=Sort.COST)
        if money
        else None,
    ]


def _told(title: str, cells: list[str], priority: int) -> Column | None:
    """A column that some row has something for."""
    if not any(cells):
        return None
    return Column(
        title=title, cells=[c or fmt.MISSING for c in cells], priority=priority, is_left=True, most=16
    )


def _models(row: SessionRow) -> str:
    """The greatest, and how many more."""
    if not row.models:
        return fmt.MISSING
    more = f" +{len(row.models) - 1}" if len(row.models) > 1 else ""
    return fmt.short_model(clean(row.models[0])) + more


def at(at_us: int, view: View) -> str:
    """`12:41` of today, `Sat 21 Nov 12:41` of this year, else the whole date."""
    local, now = moment_of(at_us).astimezone(view.tz), view.local_now
    if local.date() == now.date():
        return f"{local:%H:%M}"
    if local.year == now.year:
        return f"{local:%a} {local.day} {local:%b %H:%M}"
    return f"{local.day} {local:%b %Y %H:%M}"


def said(page: SessionPage, search: str, view: View, *, money: bool) -> str:
    """How many, what they used, and what is in none of them."""
    total = f"{page.total:,} session{'' if page.total == 1 else 's'}"
    parts = [f"{total} with “{clean(search)}”" if search else total]
    if money and page.used.cost_nano:
        parts.append(fmt.money(page.used.cost_nano / 1e9))
    parts.append(f"{fmt.count(page.used.total_tokens)} tokens")
    if len(page.rows) < page.total:
        parts.append(f"shown are {len(page.rows):,} of them")
    if page.outside.requests:
        parts.append(f"{fmt.count(page.outside.requests)} requests belong to no session")
    if page.raw_from_us:
        since = moment_of(page.raw_from_us).astimezone(view.tz)
        parts.append(f"turns are kept since {since.day} {since:%b %Y}")
    return " · ".join(parts)
