"""The top zone of the analytics: the span's figures against those of as long before. Pure."""

from __future__ import annotations

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import cuts
from openusage.tui.analytics.questions import Analysis
from openusage.tui.cuts import cache_hit_pct, cost_usd, usd_per_mtok
from openusage.tui.lines import Part, packed, strip
from openusage.tui.overview import Block, laid, with_trend
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.rollups import By

_NARROW, _WIDE = 17, 21
ROWS = 3


def draw(found: Analysis, width: int, rows: int, view: View, *, money: bool) -> list[Strip]:
    """Three lines of figures, or the most important of them in one."""
    size = _WIDE if width >= 6 * (_WIDE + 2) else _NARROW
    blocks = _blocks(found, size, view, money=money)
    if rows >= ROWS:
        return laid(blocks[: max(width // (size + 2), 1)], "", width, ROWS, view)
    groups: list[list[Part]] = [[*block[1], (" ", view.palette.dim), *block[0]] for _, block in blocks]
    return [strip([("  ", view.palette.dim), *packed(groups, width - 3)], width)][:rows]


def _blocks(found: Analysis, size: int, view: View, *, money: bool) -> list[Block]:
    """The most important first."""
    total, before = found.total, found.total_before
    blocks: list[Block] = []
    if money:
        earlier = cost_usd(before) if before is not None else None
        blocks.append(_compared("SPENT", cost_usd(total), earlier, Measure.COST, size, view))
    for heading, measure in (("TOKENS", Measure.TOKENS), ("REQUESTS", Measure.REQUESTS)):
        now, was = cuts.value(total, measure), cuts.value(before, measure) if before is not None else None
        blocks.append(_compared(heading, now, was, measure, size, view))
    active, days = active_days(found)
    measure = Measure.COST if money else Measure.TOKENS
    if active:
        spent = cuts.value(total, measure)
        figure = measure.figure(None if spent is None else spent / active)
        blocks.append((size, _plain("PER ACTIVE DAY", figure, f"{active} of {days} days", view)))
    if money:
        was = usd_per_mtok(before) if before is not None else None
        blocks.append(_compared("PER 1M TOKENS", usd_per_mtok(total), was, Measure.COST, size, view))
    if cache_hit_pct(total) is not None:
        earlier_pct = cache_hit_pct(before) if before is not None else None
        said = "" if earlier_pct is None else f"before {fmt.percent(earlier_pct, 1)}"
        blocks.append((size, _plain("CACHE HIT", fmt.percent(cache_hit_pct(total), 1), said, view)))
    return blocks


def active_days(found: Analysis) -> tuple[int, int]:
    """Days with a request, and days at all; (0, 0) of a single day."""
    cut = found.first
    if cut.unit is not By.DAY or len(cut.labels) < 2:
        return 0, 0
    used = {row.key[By.DAY] for row in cut.drawn} & set(cut.labels)
    return len(used), len(cut.labels)


def _compared(
    heading: str, now: float | None, earlier: float | None, measure: Measure, size: int, view: View
) -> Block:
    said = "" if earlier is None else f"before {measure.figure(earlier)}"
    block = _plain(heading, measure.figure(now), said, view)
    with_trend(block, cuts.trend_pct(now, earlier), size, view)
    return size, block


def _plain(heading: str, figure: str, said: str, view: View) -> list[list[Part]]:
    palette = view.palette
    return [[(heading, palette.dim)], [(figure, palette.strong)], [(said, palette.dim)]]
