"""The top zone of a fleet: how much, how fast, what is near its limit. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.lines import Part, clean
from openusage.tui.overview import Block, laid, limit_block, money_block, with_trend
from openusage.tui.view import Costs, View
from openusage.wire.pane import Pane, PaneTotals, Used


def draw(pane: Pane, width: int, rows: int, view: View) -> list[Strip]:
    """Three lines of figures; with a fourth one what the sums do not hold."""
    return laid(_blocks(pane, width, view), note(pane, view), width, rows, view) if rows >= 3 else []


def note(pane: Pane, view: View) -> str:
    """What a reader should know of the sums."""
    totals = pane.totals
    parts = []
    if totals.unpriced_requests:
        parts.append(f"{fmt.count(totals.unpriced_requests)} requests unpriced")
    if totals.estimated_requests:
        parts.append(f"{fmt.count(totals.estimated_requests)} requests est.")
    flat = sorted({clean(a.name) for a in pane.accounts if a.flat_plan})
    if flat and view.costs is not Costs.HIDE:
        parts.append(f"{', '.join(flat)}: flat plan, costs are API-equivalent")
    if totals.partial_since is not None:
        since = totals.partial_since.astimezone(view.tz)
        parts.append(f"partial: our data begin {since.day} {since:%b %H:%M}")
    return " · ".join(parts)


def trend_pct(now: Used, before: Used | None) -> float | None:
    """How much more than before: of cost, else of tokens."""
    if before is None:
        return None
    if now.cost_usd is not None and before.cost_usd:
        return 100 * (now.cost_usd - before.cost_usd) / before.cost_usd
    return 100 * (now.tokens - before.tokens) / before.tokens if before.tokens else None


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
    block = money_block(heading, now.cost_usd, now.tokens, view.costs is not Costs.HIDE, view)
    with_trend(block, trend_pct(now, before), width, view)
    return block


def _burn(pane: Pane, totals: PaneTotals, view: View) -> list[list[Part]]:
    palette = view.palette
    shown: Sequence[Part] = [(fmt.rate(totals.burn_usd_per_h), palette.strong)]
    if view.costs is Costs.HIDE:
        shown = [(fmt.MISSING, palette.dim)]
    return [
        [("BURN NOW", palette.dim)],
        list(shown),
        [(f"{pane.active} of {pane.machines} active", palette.dim)],
    ]
