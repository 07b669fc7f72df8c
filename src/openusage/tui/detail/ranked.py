"""The tabs of a ranking with its chart: models, projects, tools. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import cuts, panels, rank, table
from openusage.tui.cuts import Ranked
from openusage.tui.detail.laid import Laid, Room
from openusage.tui.detail.questions import Told, Used
from openusage.tui.detail.tabs import STACKED_BY, Tab
from openusage.tui.lines import blank, strip
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.events import Outcome
from openusage.wire.rollups import By, Rollup

_MOST_CHART, _NARROW_CHART = 22, 12
_LEAST_ROWS = 5


def laid(tab: Tab, told: Used, measure: Measure, room: Room, view: View, note: str, *, money: bool) -> Laid:
    """The chart with its ranking; beside it, or below it where the screen is narrow."""
    is_tools = tab is Tab.TOOLS
    counted = Measure.REQUESTS if is_tools else measure
    stack = cuts.stacked(told.cut, counted)
    ranked = cuts.ranking(told.cut, counted, stack)
    title = str(STACKED_BY[tab]).upper()
    sheet = rank.sheet(ranked, title, counted, max(room.right - 2, 20), tools=is_tools, money=money)
    below = said(told, counted, room.width, view)
    height = _chart_rows(room, len(ranked), len(below))
    noun = "calls" if is_tools else ""
    drawn = indented(panels.chart(stack, room.left - 2, height, view, noun=noun, note=note), room.left)
    page = _page(tab, told, ranked, counted, room, view, money=money) if room.is_split else []
    return Laid(chart=drawn, page=page, rows=sheet, below=below)


def _chart_rows(room: Room, rows: int, below: int) -> int:
    """Lines of the chart; where it stands above the ranking, what that leaves."""
    if room.is_split:
        return min(max(room.height - 8, panels.LEAST_CHART), _MOST_CHART)
    spare = room.height - below - 1 - min(rows + 1, max(room.height // 3, _LEAST_ROWS))
    return min(spare, _NARROW_CHART)


def indented(lines: Sequence[Strip], width: int) -> list[Strip]:
    """Two cells from the edge, and a blank line below, as everything on a screen."""
    if not lines:
        return []
    return [*(Strip.join([blank(2), line]).adjust_cell_length(width) for line in lines), blank(width)]


def said(told: Told | Used, measure: Measure, width: int, view: View) -> list[Strip]:
    """What the figures do not hold, in one line."""
    text = " · ".join(cuts.caveats(told.cut.total, measure, told.since, view.tz))
    return [strip([(f"  {text}", view.palette.dim)], width)] if text else []


def _page(
    tab: Tab,
    told: Used,
    ranked: Sequence[Ranked],
    measure: Measure,
    room: Room,
    view: View,
    *,
    money: bool,
) -> list[Strip]:
    """Below the chart, where the ranking stands beside it: every figure of every row."""
    if tab is Tab.TOOLS:
        return indented(_outcomes(told, ranked, room.left - 2, view), room.left)
    title = str(STACKED_BY[tab]).upper()
    plain = [msgspec.structs.replace(row, earlier=None) for row in ranked]
    sheet = rank.sheet(plain, title, measure, room.left, money=money)
    lines = [sheet.line(n, view, selected=False, focused=False) for n in range(len(sheet))]
    return [sheet.head(view), *lines]


def _outcomes(told: Used, ranked: Sequence[Ranked], width: int, view: View) -> list[Strip]:
    """Tools by how their calls ended."""
    by_tool: dict[str | None, dict[str, int]] = {}
    for row in told.outcomes:
        found = by_tool.setdefault(row.key[By.TOOL], {})
        key = row.key[By.OUTCOME] or ""
        found[key] = found.get(key, 0) + row.tool_calls
    if not any(key for found in by_tool.values() for key in found):
        return []
    rows = [by_tool.get(r.label, {}) for r in ranked]
    columns = [
        table.Column(title=title, cells=[fmt.count(found.get(key, 0)) for found in rows], priority=place)
        for place, (key, title) in enumerate(_ENDS)
        if any(found.get(key) for found in rows)
    ]
    columns.append(table.Column(title="OK %", cells=[_success(found) for found in rows], priority=0))
    return table.draw("TOOL", [r.name for r in ranked], columns, width, view.palette)


_ENDS = (
    (str(Outcome.OK), "OK"),
    (str(Outcome.ERROR), "FAILED"),
    (str(Outcome.ABORTED), "CANCELLED"),
    ("", "NOT KNOWN"),
)


def _success(found: dict[str, int]) -> str:
    """Of the calls whose end is known."""
    known = sum(count for key, count in found.items() if key)
    return fmt.percent(100 * found.get(str(Outcome.OK), 0) / known, 1) if known else fmt.MISSING


def measures(total: Rollup, *, money: bool) -> list[Measure]:
    """What can be counted, the best first."""
    found = [Measure.COST] if money and total.cost_nano else []
    return [*found, *([Measure.TOKENS] if total.total_tokens else []), Measure.REQUESTS]


def shown_measure(wanted: Measure, possible: Sequence[Measure]) -> Measure:
    """What was asked for, or the best there is."""
    return wanted if wanted in possible else possible[0]
