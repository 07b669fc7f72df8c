"""Models: tokens by kind and cost. The split gives way to one total when the width is short."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import table
from openusage.tui.lines import blank, clean, spread
from openusage.tui.view import View
from openusage.wire.sections import ModelRow, Sections

_KINDS = (
    ("IN", "input_tokens", 3),
    ("OUT", "output_tokens", 2),
    ("CACHE R", "cache_read_tokens", 4),
    ("CACHE W", "cache_write_tokens", 5),
    ("REASON", "reasoning_tokens", 6),
    ("REQ", "requests", 7),
)


def rows(account: Sections, view: View) -> int:
    return len(account.models) + 1 if account.models else 0


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    """Head and the first models; what is left out is said in the head."""
    shown = account.models[: max(rows - 1, 0)]
    if not shown or rows < 1:
        return []
    left_out = len(account.models) - len(shown)
    title = "MODEL" if not left_out else f"MODEL  +{left_out}"
    names = [clean(m.name) or "unknown" for m in shown]
    return table.draw(title, names, columns(account, shown, width, view), width, view.palette)


def columns(account: Sections, shown: Sequence[ModelRow], width: int, view: View) -> list[table.Column]:
    """The split when it fits beside the names, else the total."""
    cost = []
    if view.shows_cost(account) and any(m.cost_usd is not None for m in account.models):
        cells = fmt.money_column(m.cost_usd for m in shown)
        unpriced = set(account.totals.unpriced_models)
        cells = [
            "unpriced" if m.cost_usd is None and m.name in unpriced else cell
            for m, cell in zip(shown, cells, strict=True)
        ]
        cost = [table.Column(title="COST", cells=cells, priority=0, strong=True)]
    split = [
        table.Column(title=title, cells=[fmt.count(getattr(m, field)) for m in shown], priority=priority)
        for title, field, priority in _KINDS
        if any(getattr(m, field) is not None for m in account.models)
    ]
    longest = max(len(m.name) for m in shown)
    room = width - min(longest, 16)
    whole = [c for c in split if c.priority <= 5]
    if whole and sum(c.width + c.gap for c in (*whole, *cost)) <= room:
        return [*split, *cost]
    total = table.Column(title="TOKENS", cells=[fmt.count(m.total_tokens or None) for m in shown], priority=1)
    return [total, *cost]


def totals_line(account: Sections, width: int, view: View) -> Strip:
    """What the window's models have in common: sessions, cache hits."""
    totals, palette = account.totals, view.palette
    parts = []
    if totals.sessions is not None:
        parts.append((f"{fmt.count(totals.sessions)} sessions  ", palette.dim))
    if totals.cache_hit_pct is not None:
        parts.append((f"cache hit {fmt.percent(totals.cache_hit_pct, 1)}", palette.dim))
    return spread(parts, [], width) if parts else blank(width)
