"""Tools by calls, and how many of all calls went well."""

from __future__ import annotations

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.lines import left, strip
from openusage.tui.sections import ranking
from openusage.tui.view import View
from openusage.wire.sections import Sections


def success(account: Sections) -> str:
    """`98.7 % ok`, empty when outcomes are not reported."""
    pct = account.tool_totals.success_pct
    return "" if pct is None else f"{fmt.percent(pct, 1)} ok"


def rows(account: Sections, view: View) -> int:
    return 1 if account.tools or account.tool_totals.calls else 0


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    if account.tools:
        end = success(account)
        return ranking.in_tile(
            "TOOLS", account.tools, ranking.by_requests, width, rows, view, end=end, counted="CALLS"
        )
    calls = f"{fmt.count(account.tool_totals.calls)} calls  {success(account)}".rstrip()
    label = (left("TOOLS", ranking.LABEL_WIDTH), view.palette.dim)
    return [strip([label, (calls, view.palette.text)], width)][:rows]


def most_rows(account: Sections, view: View) -> int:
    return ranking.table_rows(account.tools)
