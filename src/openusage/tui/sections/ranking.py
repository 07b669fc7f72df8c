"""Rankings: clients, projects, tools, MCP servers, languages. One line in a tile, a table in the detail."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import table
from openusage.tui.lines import Part, clean, fit, left, right, strip
from openusage.tui.view import View
from openusage.wire.sections import Share

LABEL_WIDTH = 10
_LONGEST_NAME = 18


def _weighed(shares: Sequence[Share]) -> tuple[str, float]:
    """What the rows are compared by and its sum: cost, else tokens, else requests, the first one reported."""
    for field in ("cost_usd", "tokens", "requests", "sessions"):
        whole = sum(getattr(share, field) or 0.0 for share in shares)
        if whole > 0:
            return field, whole
    return "", 0.0


def by_share(shares: Sequence[Share]) -> list[str]:
    """`62 %` of all, per row."""
    field, whole = _weighed(shares)
    if not field:
        return [fmt.MISSING] * len(shares)
    return [fmt.percent(100 * (getattr(share, field) or 0.0) / whole) for share in shares]


def by_requests(shares: Sequence[Share]) -> list[str]:
    """Calls, per row."""
    return [fmt.count(share.requests) for share in shares]


def one_line(
    label: str,
    shares: Sequence[Share],
    figures: Callable[[Sequence[Share]], list[str]],
    width: int,
    view: View,
    end: str = "",
) -> Strip:
    """`PROJECTS  openusage 62 %  site 21 %  +4`: as many as fit, the others counted."""
    palette = view.palette
    parts: list[Part] = [(left(label, LABEL_WIDTH), palette.dim)]
    room = width - LABEL_WIDTH
    first = min(cell_len(clean(shares[0].name) or "unknown"), _LONGEST_NAME) + 1 + len(figures(shares)[0])
    first += 3 + len(str(len(shares) - 1)) if len(shares) > 1 else 0
    if end and cell_len(end) + 2 + first <= room:
        room -= cell_len(end) + 2
    else:
        end = ""
    drawn = 0
    for share, figure in zip(shares, figures(shares), strict=True):
        name = fit(clean(share.name) or "unknown", _LONGEST_NAME)
        rest = len(shares) - drawn - 1
        tail = 2 + len(f"+{rest}") if rest else 0
        size = cell_len(name) + 1 + len(figure) + (2 if drawn else 0)
        if size + tail > room:
            break
        parts += [("  " if drawn else "", palette.text), (name, palette.text), (f" {figure}", palette.dim)]
        room -= size
        drawn += 1
    if rest := len(shares) - drawn:
        parts.append((f"{'  ' if drawn else ''}+{rest}", palette.dim))
        room -= len(f"+{rest}") + (2 if drawn else 0)
    if end:
        parts.append((right(end, room + cell_len(end) + 2), palette.dim))
    return strip(parts, width)


TABLE_ROWS = 3
"""From this many rows on, head included, a ranking is worth a table."""
_MOST_TABLE_ROWS = 7


def table_rows(shares: Sequence[Share]) -> int:
    """How many lines a ranking can use in a tile with much room; 1 when its line says all."""
    return min(len(shares) + 1, _MOST_TABLE_ROWS) if len(shares) >= TABLE_ROWS else 1


def in_tile(
    label: str,
    shares: Sequence[Share],
    figures: Callable[[Sequence[Share]], list[str]],
    width: int,
    rows: int,
    view: View,
    *,
    cost: bool = False,
    end: str = "",
    counted: str = "REQ",
) -> list[Strip]:
    """One line; with more rows a table of the first ones."""
    if rows < TABLE_ROWS:
        return [one_line(label, shares, figures, width, view, end)][:rows]
    left_out = len(shares) - (rows - 1)
    title = "  ".join(filter(None, (label, f"+{left_out}" if left_out > 0 else "", end)))
    return rows_table(
        title, shares[: rows - 1], width, view, cost, whole=shares, parts=False, counted=counted
    )


def rows_table(
    title: str,
    shares: Sequence[Share],
    width: int,
    view: View,
    cost: bool,
    *,
    whole: Sequence[Share] = (),
    parts: bool = True,
    counted: str = "REQ",
) -> list[Strip]:
    """Rows with bars and every figure that is reported; parts of a row below it, not added twice.

    `whole`: what the shares are shares of, when not all rows are drawn. `counted`: what their requests are.
    """
    if not shares:
        return []
    rows = [row for share in shares for row in (share, *(share.parts if parts else ()))]
    inner = [part for share in shares for part in (False, *(True for _ in (share.parts if parts else ())))]
    field, sum_ = _weighed(whole or shares)
    found = [(getattr(row, field) or 0.0) if field else 0.0 for row in rows]
    percents = [fmt.percent(100 * weight / sum_) if sum_ else fmt.MISSING for weight in found]
    columns = [table.Column(title="SHARE", cells=percents, priority=1)]
    for heading, name, priority in (
        (counted, "requests", 2),
        ("SESSIONS", "sessions", 4),
        ("TOKENS", "tokens", 3),
    ):
        if any(getattr(row, name) is not None for row in rows):
            figures = [fmt.count(getattr(row, name)) for row in rows]
            columns.append(table.Column(title=heading, cells=figures, priority=priority))
    if cost and any(row.cost_usd is not None for row in rows):
        figures = fmt.money_column(row.cost_usd for row in rows)
        columns.append(table.Column(title="COST", cells=figures, priority=0, strong=True))
    top = max(found) or 1.0
    names = [
        ("  " if part else "") + (clean(row.name) or "unknown") for row, part in zip(rows, inner, strict=True)
    ]
    return table.draw(title, names, columns, width, view.palette, shares=[weight / top for weight in found])
