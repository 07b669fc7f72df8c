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


def weights(shares: Sequence[Share]) -> list[float]:
    """What the rows are compared by: cost, else tokens, else requests, whichever is reported first."""
    for field in ("cost_usd", "tokens", "requests", "sessions"):
        found = [getattr(share, field) or 0.0 for share in shares]
        if sum(found) > 0:
            return found
    return [0.0] * len(shares)


def by_share(shares: Sequence[Share]) -> list[str]:
    """`62 %` of all, per row."""
    found = weights(shares)
    whole = sum(found)
    return [fmt.percent(100 * weight / whole) if whole else fmt.MISSING for weight in found]


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
    if end and cell_len(end) + 2 < room // 2:
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


def rows_table(title: str, shares: Sequence[Share], width: int, view: View, cost: bool) -> list[Strip]:
    """All rows with bars and every figure that is reported."""
    if not shares:
        return []
    columns = [table.Column(title="SHARE", cells=by_share(shares), priority=1)]
    for heading, field, priority in (
        ("REQ", "requests", 2),
        ("SESSIONS", "sessions", 4),
        ("TOKENS", "tokens", 3),
    ):
        if any(getattr(s, field) is not None for s in shares):
            cells = [fmt.count(getattr(s, field)) for s in shares]
            columns.append(table.Column(title=heading, cells=cells, priority=priority))
    if cost and any(s.cost_usd is not None for s in shares):
        cells = fmt.money_column(s.cost_usd for s in shares)
        columns.append(table.Column(title="COST", cells=cells, priority=0, strong=True))
    found = weights(shares)
    top = max(found) or 1.0
    names = [clean(share.name) or "unknown" for share in shares]
    return table.draw(title, names, columns, width, view.palette, shares=[weight / top for weight in found])
