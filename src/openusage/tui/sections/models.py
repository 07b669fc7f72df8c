"""Models: tokens by kind and cost. The split gives way to one total when the width is short."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import table
from openusage.tui.lines import clean
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

_WHOLE_NAME = 22
"""Names up to here stay whole rather than that the split is shown."""


def rows(account: Sections, view: View) -> int:
    return len(account.models) + 1 if account.models else 0


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    """Head and the first models; what is left out is said in the head."""
    shown = account.models[: max(rows - 1, 0)]
    if not shown or rows < 1:
        return []
    left_out = len(account.models) - len(shown)
    title = "MODEL" if not left_out else f"MODEL  +{left_out}"
    names = fmt.model_names([clean(m.name) or "unknown" for m in shown])
    least = 20 if width >= 50 else 14
    found = columns(account, shown, width, view)
    weights = [m.cost_usd or 0.0 for m in shown] if view.shows_cost(account) else []
    if not any(weights):
        weights = [m.total_tokens for m in shown]
    shares = [weight / (max(weights) or 1.0) for weight in weights]
    return table.draw(title, names, found, width, view.palette, least_name=least, shares=shares)


def columns(account: Sections, shown: Sequence[ModelRow], width: int, view: View) -> list[table.Column]:
    """The split when it fits beside the names, else the total."""
    cost = []
    if view.shows_cost(account) and any(m.cost_usd is not None for m in account.models):
        cells = fmt.money_column(m.cost_usd for m in shown)
        unpriced = set(account.totals.unpriced_models)
        cells = [
            "unpriced" if m.cost_usd is None and not unpriced.isdisjoint((m.name, *m.raw_names)) else cell
            for m, cell in zip(shown, cells, strict=True)
        ]
        cost = [table.Column(title="COST", cells=cells, priority=0, strong=True)]
    split = [
        table.Column(title=title, cells=[fmt.count(getattr(m, field)) for m in shown], priority=priority)
        for title, field, priority in _KINDS
        if any(getattr(m, field) is not None for m in account.models)
    ]
    longest = max(len(m.name) for m in shown)
    room = width - min(longest, _WHOLE_NAME)
    whole = [c for c in (*split, *cost) if c.priority <= 5]
    for gap in (2, 1):
        if len(whole) > len(cost) and sum(c.width + gap for c in whole) <= room:
            return [msgspec.structs.replace(c, gap=gap) for c in (*split, *cost)]
    total = table.Column(title="TOKENS", cells=[fmt.count(m.total_tokens or None) for m in shown], priority=1)
    return [total, *cost]
