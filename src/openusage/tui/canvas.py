"""The widgets that draw strips, nothing else: fixed lines, and a scrolled page of lines.

A widget that is given the lines it already shows draws nothing; changed lines are drawn alone, so that a
ticking age does not repaint the screen.
"""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from openusage.tui.lines import blank


class Lines(Widget):
    """A few lines of fixed content; as high as they are many."""

    DEFAULT_CSS = "Lines { height: auto; width: 1fr; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: list[Strip] = []

    @property
    def lines(self) -> list[Strip]:
        """What it shows."""
        return self._lines

    def show(self, lines: list[Strip]) -> None:
        """Draw what differs."""
        if len(lines) != len(self._lines):
            self._lines = lines
            self.refresh(layout=True)
            return
        changed = [y for y, pair in enumerate(zip(lines, self._lines, strict=True)) if pair[0] != pair[1]]
        self._lines = lines
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        line = self._lines[y] if y < len(self._lines) else blank(self.size.width)
        return line.apply_style(self.rich_style)


class Page(ScrollView, can_focus=True):
    """Many lines under each other, scrolled."""

    DEFAULT_CSS = "Page { width: 1fr; height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "scroll_end", "bottom", show=False),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: list[Strip] = []

    @property
    def lines(self) -> list[Strip]:
        """What it shows, also what is scrolled out of sight."""
        return self._lines

    def show(self, lines: list[Strip]) -> None:
        """Draw what differs; the scroll position stays."""
        old, self._lines = self._lines, lines
        size = Size(self.scrollable_content_region.width, len(lines))
        if size != self.virtual_size:
            self.virtual_size = size
            self.refresh()
            return
        top = round(self.scroll_y)
        for y in range(top, min(top + self.size.height, len(lines))):
            if lines[y] != old[y]:
                self.refresh(Region(0, y - top, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        y += round(self.scroll_y)
        line = self._lines[y] if y < len(self._lines) else blank(self.size.width)
        return line.adjust_cell_length(self.size.width).apply_style(self.rich_style)
