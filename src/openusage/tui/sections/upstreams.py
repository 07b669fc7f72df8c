"""Vendors behind a router."""

from __future__ import annotations

from textual.strip import Strip

from openusage.tui.sections import ranking
from openusage.tui.view import View
from openusage.wire.sections import Sections


def rows(account: Sections, view: View) -> int:
    return 1 if len(account.upstreams) > 1 else 0  # a single one tells nothing


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    return [ranking.one_line("UPSTREAM", account.upstreams, ranking.by_share, width, view)][:rows]
