"""MCP servers by calls."""

from __future__ import annotations

from textual.strip import Strip

from openusage.tui.sections import ranking
from openusage.tui.view import View
from openusage.wire.sections import Sections


def rows(account: Sections, view: View) -> int:
    return 1 if account.mcp else 0


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    cost = view.shows_cost(account)
    return ranking.in_tile(
        "MCP", account.mcp, ranking.by_requests, width, rows, view, cost=cost, counted="CALLS"
    )


def most_rows(account: Sections, view: View) -> int:
    return ranking.table_rows(account.mcp)
