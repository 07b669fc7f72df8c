"""What a Go program sent and what ours says of the same tool are drawn with the same sections.

The Go program's snapshots are those that one really pushed; ours are the demo's.
"""

from __future__ import annotations

import datetime as dt

import pytest

from openusage.tui import tile
from openusage.tui.palette import DARK, PALETTES
from openusage.tui.view import View
from openusage.wire.decode import decode
from openusage.wire.sections import Sections
from tests.tui.shows.world import NOW, World, go_push

VIEW = View(palette=PALETTES[DARK], now=NOW, tz=dt.UTC)
UNSAID = {
    "claude_code": {"gauges": "usage_", "notice": ""},
    "codex": {"code": "composer_lines", "languages": "lang_", "mcp": "mcp_"},
}
"""Section -> what its metrics begin with. That machine had not asked the vendor, and its Codex had touched no
files and no MCP servers."""
LABELS = ("MODEL", "PROJECTS", "TOOLS", "MCP", "LANGUAGES", "CODE", "DAILY")


def drawn(account: Sections) -> list[str]:
    """Sections of a tile that has all the room it wants, from the top down."""
    return [name for name, rows in tile.wanted(account, VIEW).items() if rows]


def labels(account: Sections) -> list[str]:
    """What stands at the head of its lines."""
    lines = [line.text[2:] for line in tile.draw(account, 100, 80, VIEW, selected=False)]
    return [label for line in lines for label in LABELS if line.startswith(label)]


@pytest.mark.parametrize("provider", ["claude_code", "codex"])
def test_a_tile_has_the_same_sections(invented: World, provider: str) -> None:
    said = next(s for s in go_push("studio").snapshots if s.provider_id == provider)
    answered = invented.local.fetch("7d").snapshots.values()
    theirs = decode(said, now=NOW)
    ours = next(decode(s, now=NOW) for s in answered if s.provider_id == provider)
    unsaid = UNSAID[provider]
    assert drawn(theirs) == [name for name in drawn(ours) if name not in unsaid]
    assert not [key for key in said.metrics for start in unsaid.values() if start and key.startswith(start)]
    shown = labels(theirs)
    assert shown == [label for label in labels(ours) if label in shown]
    assert {"MODEL", "PROJECTS", "TOOLS", "DAILY"} <= {*shown}
