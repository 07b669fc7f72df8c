"""The page of the analytics: chart, leaders, what changed most, efficiency, peak hours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import cuts, heat, panels, rank, table
from openusage.tui.analytics.changes import Change, changes
from openusage.tui.analytics.questions import Analysis
from openusage.tui.cuts import Cut, Ranked
from openusage.tui.detail.laid import Room
from openusage.tui.detail.ranked import indented
from openusage.tui.lines import Part, fit, left, right, strip
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.rollups import By

TITLES = {
    By.PROVIDER: "TOOLS",
    By.MODEL: "MODELS",
    By.PROJECT: "PROJECTS",
    By.CLIENT: "CLIENTS",
    By.ACCOUNT: "ACCOUNTS",
    By.MACHINE: "MACHINES",
}
_MOST_LEADERS, _MOST_CHANGES = 8, 10
_CHART, _SHORT_CHART = 14, 9
_THREE_FROM, _TWO_FROM = 170, 100
_WEEK_WIDTH = 5 + 2 * 24


def draw(
    found: Analysis,
    group: By,
    measure: Measure,
    room: Room,
    view: View,
    *,
    search: str,
    note: str,
    money: bool,
) -> list[Strip]:
    """Everything below the figures, as long as it gets."""
    width = room.width - 1
    lines = _chart(found.cuts[group], measure, room, view, search, note, money=money)
    count = 3 if width >= _THREE_FROM else 2 if width >= _TWO_FROM else 1
    column = (width - 4 - (count - 1) * panels.GAP) // count
    shown = _told(found.cuts)
    others = [cut for by, cut in shown.items() if by is not group and _is_worth(cut)]
    parts = [_leaders(cut, measure, column, view, search, money=money) for cut in others]
    parts.append(_changed([*shown.values()], measure, column, view, search))
    if By.MODEL in found.cuts:
        parts.append(_efficiency(found.cuts[By.MODEL], column, view, search, money=money))
    parts.append(_peak(found, measure, column, view))
    packed = panels.packed_columns([part for part in parts if part], count, column)
    return [*lines, *indented(packed, width)]


def _told(found: Mapping[By, Cut]) -> dict[By, Cut]:
    """Without accounts where each tool has one: they would say everything twice."""
    tools, accounts = found.get(By.PROVIDER), found.get(By.ACCOUNT)
    twice = tools is not None and accounts is not None and len(tools.sums) == len(accounts.sums)
    return {by: cut for by, cut in found.items() if not (twice and by is By.ACCOUNT)}


def _is_worth(cut: Cut) -> bool:
    """A ranking of one row says nothing that the figures do not."""
    return len(cut.sums) > 1


def _matching(rows: Sequence[Ranked], search: str) -> list[Ranked]:
    words = search.casefold().split()
    return [row for row in rows if all(word in row.name.casefold() for word in words)]


def _chart(
    cut: Cut, measure: Measure, room: Room, view: View, search: str, note: str, *, money: bool
) -> list[Strip]:
    """The chart, and its ranking beside or below it."""
    width = room.width - 1
    stack = cuts.stacked(cut, measure)
    height = _CHART if room.height >= 24 else _SHORT_CHART
    drawn = panels.chart(stack, room.left - 2, height, view, note=note)
    right_width = room.right - 1 if room.is_split else width - 2
    rows = _matching(cuts.ranking(cut, measure, stack), search)
    most = height - 2 if room.is_split else _MOST_LEADERS
    ranked = _rows(rows, TITLES[cut.by], measure, right_width, view, most, money=money)
    if room.is_split:
        return indented(panels.beside(drawn, ranked, (room.left - 2, right_width)), width)
    return [*indented(drawn, width), *indented(ranked, width)]


def _rows(
    rows: Sequence[Ranked], title: str, measure: Measure, width: int, view: View, most: int, *, money: bool
) -> list[Strip]:
    """A ranking without a mark; what has no room is counted."""
    if not rows:
        return []
    sheet = rank.sheet(rows, title, measure, width, plain=True, money=money)
    lines = [sheet.line(n, view, selected=False, focused=False) for n in range(min(len(sheet), most))]
    head = sheet.head(view)
    more = len(rows) - most
    tail = [strip([(f"    {more} more", view.palette.dim)], width)] if more > 0 else []
    return [line.crop(2) for line in (head, *lines, *tail)]


def _leaders(cut: Cut, measure: Measure, width: int, view: View, search: str, *, money: bool) -> list[Strip]:
    rows = _matching(cuts.ranking(cut, measure), search)
    lines = _rows(rows, TITLES[cut.by], measure, width + 2, view, _MOST_LEADERS, money=money)
    return [line.adjust_cell_length(width) for line in lines]


def _changed(found: Sequence[Cut], measure: Measure, width: int, view: View, search: str) -> list[Strip]:
    """`▲ +$12.30  model claude-opus-4-6   $4.20 → $16.50`."""
    words = search.casefold().split()
    kept = [
        change
        for change in changes(found, measure, 500)
        if all(word in change.name.casefold() for word in words)
    ][:_MOST_CHANGES]
    if not kept:
        return []
    palette = view.palette
    more = [f"{'▲ +' if c.more > 0 else '▼ −'}{measure.figure(abs(c.more))}" for c in kept]
    spans = [f"{measure.figure(c.earlier)} → {measure.figure(c.now)}" for c in kept]
    first, last = max(map(len, more)), max(map(len, spans))
    lines = [strip([("WHAT CHANGED MOST", palette.dim)], width)]
    for change, figure, span in zip(kept, more, spans, strict=True):
        room = width - first - 2 - last - 2
        parts: list[Part] = [(left(figure, first) + "  ", palette.strong)]
        if room >= 12:
            parts += [
                (left(_called(change, room), room), palette.text),
                ("  " + right(span, last), palette.dim),
            ]
        else:
            parts.append((fit(_called(change, width), max(width - first - 2, 1)), palette.text))
        lines.append(strip(parts, width))
    return lines


def _called(change: Change, room: int) -> str:
    """With what it is, where there is room: two labels may have one name."""
    word = {By.PROVIDER: "tool"}.get(change.by, str(change.by))
    longer = f"{change.name} ({word})"
    return longer if len(longer) <= room else fit(change.name, room)


def _efficiency(cut: Cut, width: int, view: View, search: str, *, money: bool) -> list[Strip]:
    """Models by what a million tokens cost, and how much came from a cache."""
    rows = _matching(cuts.ranking(cut, Measure.COST if money else Measure.TOKENS), search)[:_MOST_LEADERS]
    if not rows:
        return []
    used = [r.row for r in rows]
    columns = [
        table.Column(
            title="CACHE HIT", cells=[fmt.percent(cuts.cache_hit_pct(r), 1) for r in used], priority=1
        ),
        table.Column(
            title="OUT/REQ",
            cells=[fmt.count(_each(r.output + r.reasoning, r.requests)) for r in used],
            priority=3,
        ),
    ]
    if money:
        each = [_each(cuts.cost_usd(r), r.requests - r.unpriced_events) for r in used]
        columns.append(table.Column(title="$/REQ", cells=list(map(fmt.money, each)), priority=2))
        rates = [fmt.money(cuts.usd_per_mtok(r)) for r in used]
        columns.append(table.Column(title="$/1M TOK", cells=rates, priority=0, strong=True))
    return table.draw("EFFICIENCY", [r.name for r in rows], columns, width, view.palette)


def _each(value: float | None, count: int) -> float | None:
    return None if value is None or count <= 0 else value / count


def _peak(found: Analysis, measure: Measure, width: int, view: View) -> list[Strip]:
    """A week of hours, all weeks of the span added up, and the busiest hour in words."""
    used = {row.key[By.HOUR] or "": cuts.value(row, measure) or 0.0 for row in found.hours}
    by_hour = heat.by_weekday(used)
    room = min(width, _WEEK_WIDTH)
    lines = heat.week(by_hour, None, room, view.palette)
    if not lines:
        return []
    top = max(by_hour, key=lambda key: by_hour[key])
    day = heat.WEEKDAYS[top[0]]
    note = heat.legend(by_hour[top], measure.figure, view.palette)
    said = f"busiest: {day} {top[1]:02}–{(top[1] + 1) % 24:02} h, {measure.figure(by_hour[top])}"
    head = heat.titled("PEAK HOURS", note, room, view.palette)
    tail = strip([(fit(said, room), view.palette.dim)], room)
    return [line.adjust_cell_length(width) for line in (head, *lines, tail)]
