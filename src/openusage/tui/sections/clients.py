"""Clients: where the tool was used from (terminal, IDE, desktop)."""

from __future__ import annotations

from textual.strip import Strip

from openusage.tui.sections import ranking
from openusage.tui.view import View
from openusage.wire.sections import Sections


def rows(account: Sections, view: View) -> int:
    return 1 if len(account.clients) > 1 else 0  # a single one tells nothing


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    cost = view.shows_cost(account)
    return ranking.in_tile("CLIENTS", account.clients, ranking.by_share, width, rows, view, cost=cost)


def most_rows(account: Sections, view: View) -> int:
    return ranking.table_rows(account.clients)
