"""The top zone of a fleet: how much, how fast, what is near its limit. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from textual.strip import Strip

from openusage import format as fmt
from openusage import words
from openusage.tui.lines import Part, clean, packed, strip
from openusage.tui.overview import Block, laid, limit_block, money_block, with_trend
from openusage.tui.view import View
from openusage.wire.pane import Pane, PaneTotals, Used


def draw(pane: Pane, width: int, rows: int, view: View) -> list[Strip]:
    """Three lines of figures, or the most important of them in one."""
    if rows >= 3:
        return laid(_blocks(pane, width, view), "", width, 3, view)
    return [_one_line(pane, width, view)][:rows]


def _one_line(pane: Pane, width: int, view: View) -> Strip:
    """`$41.87 today  $212.40 7 d  Claude Code 5 h 83 %`: as many as fit."""
    palette, totals, nearest = view.palette, pane.totals, pane.nearest
    groups: list[list[Part]] = []
    spans = [("today", totals.today), (fmt.window_short(pane.window), totals.window)]
    for name, used in spans[pane.window == "1d" :]:
        has_cost = view.shows_money and used.cost_usd is not None
        figure = fmt.money(used.cost_usd) if has_cost else f"{fmt.count(used.tokens)} tokens"
        groups.append([(figure, palette.strong), (f" {name}", palette.dim)])
    if nearest is not None:
        gauge = nearest.gauge
        level = palette.level(gauge.used_pct, view.warn_pct, view.crit_pct)
        figure = fmt.percent(gauge.used_pct)
        name = f"{clean(nearest.name)} {clean(gauge.label)} "
        groups.append([(name, palette.dim), (figure, palette.strong if level is palette.fill else level)])
    return strip([("  ", palette.dim), *packed(groups, width - 3, gap=2)], width)


def _blocks(pane: Pane, width: int, view: View) -> list[Block]:
    totals, narrow = pane.totals, width < 100
    column = 15 if narrow else 19
    blocks: list[Block] = []
    if pane.window != "1d":
        blocks.append((column, _used("TODAY", totals.today, totals.today_before, column, view)))
    heading = fmt.window_words(pane.window).upper()
    blocks.append((column, _used(heading, totals.window, totals.window_before, column, view)))
    if width >= 76:
        blocks.append((max(13, column - 3), _burn(pane, totals, view)))
    room = width - sum(size + 2 for size, _ in blocks) - 4
    nearest = pane.nearest
    if nearest is not None and room >= 20:
        sharers = len(nearest.machines)
        more = [f"{sharers} machines share it"] if sharers > 1 else [clean(m) for m in nearest.machines]
        where = f"{clean(nearest.name)}, {clean(nearest.gauge.label)}"
        blocks.append((room, limit_block(where, nearest.gauge, room, view, more)))
    return blocks


def _used(heading: str, now: Used, before: Used | None, width: int, view: View) -> list[list[Part]]:
    if not view.shows_money:
        now = msgspec.structs.replace(now, cost_usd=None)
    block = money_block(heading, now.cost_usd, now.tokens, view.shows_money, view)
    with_trend(block, words.trend_pct(now, before, of_cost=now.cost_usd is not None), width, view)
    return block


def _burn(pane: Pane, totals: PaneTotals, view: View) -> list[list[Part]]:
    palette = view.palette
    shown: Sequence[Part] = [(fmt.rate(totals.burn_usd_per_h), palette.strong)]
    if not view.shows_money:
        shown = [(fmt.MISSING, palette.dim)]
    return [
        [("BURN NOW", palette.dim)],
        list(shown),
        [(f"{pane.active} of {pane.machines} active", palette.dim)],
    ]
