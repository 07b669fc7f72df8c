"""The first tab of a detail: how much over time, when, and all sections of the snapshot below. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import cuts, heat, panels, rank
from openusage.tui.detail import cards
from openusage.tui.detail.laid import Laid, Room
from openusage.tui.detail.questions import Told
from openusage.tui.detail.ranked import indented, said
from openusage.tui.lines import Part, blank, cells, left, right, strip
from openusage.tui.sections.daily import Measure
from openusage.tui.spans import Span
from openusage.tui.view import View
from openusage.wire.rollups import By, Rollup
from openusage.wire.sections import Sections

_CHART = 13
_SHORT_CHART = 9
_LABEL = 16
_WEEK_WIDTH = 5 + 2 * 24


def laid(
    account: Sections, told: Told, span: Span, measure: Measure, room: Room, view: View, note: str, card: int
) -> Laid:
    """A page: chart and figures, heat maps and cards, in the order of the settings."""
    width = room.width - 1
    stack = cuts.stacked(told.cut, measure)
    height = _CHART if room.height >= 24 else _SHORT_CHART
    chart = panels.chart(stack, room.left - 2, height, view, note=note)
    beside = room.is_split and bool(chart)
    right_width = room.right - 2 if beside else width - 2
    figures = _figures(told, span, measure, right_width, view, account)
    if beside:
        trends = indented(panels.beside(chart, figures, (room.left - 2, right_width)), width)
    else:
        trends = [*indented(chart, width), *indented(figures, width)]
    calendar = indented(when(told.days, told.hours, measure, width - 3, view), width)
    blocks = {"trends": trends, "activity_heatmap": calendar}
    is_said = span.name == account.totals.window  # below, of the same window
    shown = cards.draw(account, width, view, measure, card, blocks=blocks, caveats=not is_said)
    counted = Measure.COST if view.shows_cost(account) else measure  # costs are among the figures
    return Laid(page=shown.lines, starts=shown.starts, below=said(told, counted, width, view))


def _figures(
    told: Told, span: Span, measure: Measure, width: int, view: View, account: Sections
) -> list[Strip]:
    """The window against the one before it, and who used it."""
    total, earlier = told.cut.total, told.cut.total_before
    lines = [strip([(span.words.upper(), view.palette.dim)], width)]
    money = view.shows_cost(account)
    before = None if earlier is None or not earlier.events else earlier
    if money:
        lines.append(
            _row("cost", rank.money_cells([total])[0], _trend(total, before, Measure.COST), width, view)
        )
    rows = [
        ("tokens", fmt.count(total.total_tokens), _trend(total, before, Measure.TOKENS)),
        ("requests", fmt.count(total.requests), _trend(total, before, Measure.REQUESTS)),
        ("cache hit", fmt.percent(cuts.cache_hit_pct(total), 1), ""),
    ]
    if money:
        rows.append(("$ per 1M tokens", fmt.money(cuts.usd_per_mtok(total)), ""))
    lines += [_row(*row, width, view) for row in rows]
    ranked = cuts.ranking(told.cut, measure, cuts.stacked(told.cut, measure))
    if len(ranked) > 1:
        sheet = rank.sheet(ranked, str(told.cut.by).upper(), measure, width + 2, plain=True, money=money)
        drawn = [sheet.line(n, view, selected=False, focused=False) for n in range(min(len(sheet), 5))]
        lines += [blank(width), *(line.crop(2) for line in (sheet.head(view), *drawn))]
    return lines


def _trend(total: Rollup, before: Rollup | None, measure: Measure) -> str:
    if before is None:
        return ""
    pct = cuts.trend_pct(cuts.value(total, measure), cuts.value(before, measure))
    return "" if pct is None else rank.trend_cell(pct)


def _row(label: str, figure: str, trend: str, width: int, view: View) -> Strip:
    parts: list[Part] = [(left(label, _LABEL), view.palette.dim), (right(figure, 9), view.palette.strong)]
    if trend and cells(parts) + 10 <= width:
        parts.append((right(trend, 10), view.palette.dim))
    return strip(parts, width)


def when(
    days: Sequence[Rollup], hours: Sequence[Rollup], measure: Measure, width: int, view: View
) -> list[Strip]:
    """A calendar by day and a week by hour; beside each other where both have room."""
    palette = view.palette
    local = view.local_now
    by_day = {row.key[By.DAY] or "": cuts.value(row, measure) or 0.0 for row in days if row.requests}
    by_hour = heat.by_weekday(
        {row.key[By.HOUR] or "": cuts.value(row, measure) or 0.0 for row in hours if row.requests}
    )
    is_wide = width >= _WEEK_WIDTH + panels.GAP + 5 + 2 * 13
    room = width - _WEEK_WIDTH - panels.GAP if is_wide else width
    months = heat.calendar(by_day, local.date(), _first(by_day), room, palette)
    if months:
        note = heat.legend(max(by_day.values()), measure.figure, palette)
        months = [heat.titled("CALENDAR", note, room, palette), *months]
    week = heat.week(by_hour, (local.weekday(), local.hour), _WEEK_WIDTH if is_wide else width, palette)
    if week:
        used = min(_WEEK_WIDTH, width)
        note = heat.legend(max(by_hour.values()), measure.figure, palette)
        title = heat.titled("LAST 7 DAYS BY HOUR", note, used, palette)
        week = [title.adjust_cell_length(week[0].cell_length), *week]
    if is_wide and months and week:
        return panels.beside(months, week, (room, _WEEK_WIDTH))
    gap = [blank(width)] if months and week else []
    return [*(line.adjust_cell_length(width) for line in (*months, *gap, *week))]


def _first(by_day: dict[str, float]) -> dt.date | None:
    try:
        return dt.date.fromisoformat(min(by_day)) if by_day else None
    except ValueError:
        return None
