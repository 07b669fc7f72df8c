"""What is drawn of one account, one file a section. All pure: section data + width + view -> lines.

A section module has `rows(account, view)`: how many lines it would like in a tile (0: it is not drawn), and
`draw(account, width, rows, view)`: at most `rows` lines of exactly `width` cells. A ranking has `most_rows`
besides: how many lines it can use as a table when there is much room.
"""

from __future__ import annotations

from typing import Protocol

from textual.strip import Strip

from openusage.tui.view import View
from openusage.wire.sections import Sections


class Section(Protocol):
    """What a section module offers."""

    def rows(self, account: Sections, view: View) -> int: ...

    def draw(self, account: Sections, width: int, rows: int, view: View) -> list[Strip]: ...


class Ranking(Section, Protocol):
    """A section that can be a table."""

    def most_rows(self, account: Sections, view: View) -> int: ...
