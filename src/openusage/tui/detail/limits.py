"""The limits of an account and their history, credits, 5-hour blocks, the running one projected. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import rank, table
from openusage.tui.bars import fill
from openusage.tui.detail import limit_chart
from openusage.tui.detail.laid import Laid, Room
from openusage.tui.detail.questions import Limited
from openusage.tui.detail.sessions import at
from openusage.tui.lines import Part, blank, packed, strip
from openusage.tui.sections import credits, gauges
from openusage.tui.spans import moment_of, us
from openusage.tui.view import View
from openusage.wire.sections import Sections
from openusage.wire.sessions import BlockList, BlockRow

BLOCK_S = 18_000
_BAR = 40
_MOST_TABLE = 120
"""Cells beyond which figures would stand too far from what they are of."""


def has_blocks(account: Sections) -> bool:
    """Whether its plan counts in 5-hour blocks."""
    return account.totals.block_cost_usd is not None or any(g.window_s == BLOCK_S for g in account.gauges)


def laid(account: Sections, told: Limited | None, room: Room, view: View, said: str) -> Laid:
    """A page. `said`: why there is no history."""
    width = room.width - 4
    page: list[Strip] = []
    if account.gauges:
        page += _titled("LIMITS", gauges.lines(account.gauges, width, view), width, view)
    blocks = told.blocks if told is not None else None
    if told is not None:
        history = limit_chart.draw(account.gauges, told.blocks.limits, told.window, width, view)
        page += _titled("USED OVER TIME", history, width, view) if history else []
    if account.credits:
        lines = [credits.line(credit, width, view) for credit in account.credits]
        page += _titled("CREDITS", lines, width, view)
    if blocks is not None and blocks.blocks:
        page += _blocks(blocks, width, view, money=view.shows_cost(account))
    elif said and has_blocks(account):
        page += _titled("5-HOUR BLOCKS", [strip([(said, view.palette.dim)], width)], width, view)
    if not page:
        page = [strip([(text, view.palette.dim)], width) for text in _NOTHING]
    return Laid(page=[Strip.join([blank(2), line, blank(1)]) for line in page])


_NOTHING = (
    "Nothing tells of a limit of this account.",
    "Limits come from the vendor, where it tells of them.",
)


def _titled(title: str, lines: Sequence[Strip], width: int, view: View) -> list[Strip]:
    fitted = [line.adjust_cell_length(width) for line in lines]
    return [strip([(title, view.palette.dim)], width), *fitted, blank(width)]


def _blocks(found: BlockList, width: int, view: View, *, money: bool) -> list[Strip]:
    """The running one in words, then all of them."""
    lines: list[Strip] = []
    for block in found.blocks:
        if block.running:
            lines += _titled("RUNNING BLOCK", _running(block, width, view, money=money), width, view)
    title = "5-HOUR BLOCKS" if len(found.blocks) > 1 or not lines else ""
    return [
        *lines,
        *(
            _titled(title, _table(found.blocks, min(width, _MOST_TABLE), view, money=money), width, view)
            if title
            else []
        ),
    ]


def _running(block: BlockRow, width: int, view: View, *, money: bool) -> list[Strip]:
    """How much of its time is over, what it used, and what it will have used at its end."""
    palette = view.palette
    now_us = us(view.now)
    share = min(max((now_us - block.start_us) / max(block.end_us - block.start_us, 1), 0.0), 1.0)
    bar = max(min(_BAR, width - 40), 6)
    used = fill(share, bar)
    ends = fmt.clock(moment_of(block.end_us), view.tz)
    first: list[Part] = [
        (f"{fmt.clock(moment_of(block.start_us), view.tz)}  ", palette.text),
        (used, palette.fill),
        ("░" * (bar - len(used)), palette.faint),
        (f"  {ends}", palette.text),
        (f"  {fmt.duration((block.end_us - now_us) / 1e6)} left", palette.dim),
    ]
    so_far = [f"{fmt.count(block.used.total_tokens)} tokens"]
    ahead = []
    if money:
        so_far.insert(0, rank.money_cells([block.used])[0])
        if block.projected_nano is not None:
            ahead.append(fmt.money(block.projected_nano / 1e9))
    if block.projected_tokens is not None:
        ahead.append(f"{fmt.count(block.projected_tokens)} tokens")
    second: list[list[Part]] = [[(", ".join(so_far), palette.strong), (" so far", palette.dim)]]
    if ahead:
        figures = (", ".join(ahead), palette.strong)
        second.append([("· at this rate ", palette.dim), figures, (f" by {ends}", palette.dim)])
    if money and block.burn_nano_per_h is not None:
        second.append([(f"· {fmt.rate(block.burn_nano_per_h / 1e9)}", palette.dim)])
    return [strip(first, width), strip(packed(second, width, gap=1), width)]


def _table(blocks: Sequence[BlockRow], width: int, view: View, *, money: bool) -> list[Strip]:
    names = [f"{at(b.start_us, view)} – {fmt.clock(moment_of(b.end_us), view.tz)}{_mark(b)}" for b in blocks]
    used = [b.used for b in blocks]
    weights = [
        float(u.cost_nano if money and any(x.cost_nano for x in used) else u.total_tokens) for u in used
    ]
    top = max(weights, default=0.0) or 1.0
    columns = [
        table.Column(title="REQ", cells=[fmt.count(u.requests) for u in used], priority=3),
        table.Column(title="IN", cells=[fmt.count(u.input) for u in used], priority=5),
        table.Column(title="OUT", cells=[fmt.count(u.output) for u in used], priority=4),
        table.Column(title="TOKENS", cells=[fmt.count(u.total_tokens) for u in used], priority=1),
    ]
    if money:
        columns.append(table.Column(title="COST", cells=rank.money_cells(used), priority=0, strong=True))
    shares = [w / top for w in weights]
    return table.draw("BLOCK", names, columns, width, view.palette, least_name=24, shares=shares)


def _mark(block: BlockRow) -> str:
    if block.running:
        return "  runs"
    return "  partial" if block.cut else ""
