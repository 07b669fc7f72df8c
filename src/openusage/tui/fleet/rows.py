"""The widget of a fleet's table and of its accounts: rows under a head that stays, scrolled, one selected.

What is in sight is drawn, once a change; what differs is put on the screen. What is selected is known by its
key, so that it stays selected when the rows move.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from openusage.tui.chrome import centred
from openusage.tui.lines import blank
from openusage.tui.view import View

_HEAD = 1


class Drawn(Protocol):
    """Rows, ready to be drawn: `table.Sheet`, `accounts.Sheet`."""

    def __len__(self) -> int: ...

    def key(self, index: int) -> str: ...

    def head(self, view: View) -> Strip: ...

    def line(self, index: int, view: View, *, selected: bool, focused: bool) -> Strip: ...


class Rows(ScrollView, can_focus=True):
    """Rows under a head that stays."""

    DEFAULT_CSS = "Rows { width: 1fr; height: 1; overflow-x: hidden; scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "row", key_display="↑↓", tooltip="to the row above or below"),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", "page up", key_display="PgUp", show=False),
        Binding("pagedown", "page(1)", "page down", key_display="PgDn", show=False),
        Binding("home", "edge('first')", "first row", key_display="Home", show=False),
        Binding("end,G", "edge('last')", "last row", key_display="End G", show=False),
    ]

    class Opened(Message):
        """A row was asked for with the mouse."""

    class Moved(Message):
        """Another row is selected."""

    class HeadClicked(Message):
        """The head was clicked, so many cells from the left."""

        def __init__(self, rows: Rows, x: int) -> None:
            super().__init__()
            self.rows, self.x = rows, x

        @property
        def control(self) -> Rows:
            """Whose head it was."""
            return self.rows

    def __init__(self, view: Callable[[], View], *, id: str) -> None:
        super().__init__(id=id)
        self._view = view
        self._rows: Drawn | None = None
        self._drawn: dict[int, Strip] = {}
        self._selected = ""
        self._index = 0
        self._said: list[Strip] = []
        self._height = 1

    @property
    def rows(self) -> Drawn | None:
        """What it shows."""
        return self._rows

    @property
    def chosen(self) -> int | None:
        """Which row is selected, the first one when the selected one is gone; `None`: there are none."""
        return self._index if self._rows is not None and len(self._rows) else None

    def show(self, rows: Drawn | None, said: list[str], height: int) -> None:
        """Take over new rows, in `height` lines. `said` stands where there are none."""
        self._rows = rows
        count = len(rows) if rows is not None else 0
        found = (i for i in range(count) if rows is not None and rows.key(i) == self._selected)
        self._index = next(found, 0)
        width = self.container_size.width
        empty = [] if count else centred(said, width, height, self._view().palette)
        size = Size(width, count + _HEAD)
        if size != self.virtual_size or empty != self._said or height != self._height:
            self._drawn.clear()
            self._said, self.virtual_size = empty, size
            self.styles.height = self._height = height
            self.refresh()
        else:
            self.tick()

    def tick(self) -> None:
        """Draw the lines in sight anew, and put those that differ on the screen."""
        old, self._drawn = self._drawn, {}
        for y in range(min(self.size.height, self.virtual_size.height)):
            at = self._at(y)
            if at in old and old[at] != self._line(at):
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        if self._said:
            line = self._said[y] if y < len(self._said) else blank(1)
        else:
            line = self._line(self._at(y))
        return line.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def _at(self, y: int) -> int:
        """Index of the row on a line of the screen; -1 is the head."""
        return -1 if y < _HEAD else y - _HEAD + round(self.scroll_y)

    def _line(self, at: int) -> Strip:
        rows = self._rows
        if rows is None or at >= len(rows):
            return blank(1)
        strip = self._drawn.get(at)
        if strip is None:
            view = self._view()
            if at < 0:
                strip = rows.head(view)
            else:
                strip = rows.line(at, view, selected=at == self._index, focused=self.has_focus)
            self._drawn[at] = strip
        return strip

    def on_focus(self) -> None:
        self.tick()

    def on_blur(self) -> None:
        self.tick()

    def _select(self, index: int) -> None:
        rows = self._rows
        if rows is None or not len(rows):
            return
        self._index = min(max(index, 0), len(rows) - 1)
        self._selected = rows.key(self._index)
        self._reveal()
        self.tick()
        self.post_message(self.Moved())

    def _reveal(self) -> None:
        """Scroll as far as needed to see the selected row."""
        room = max(self.size.height - _HEAD, 1)
        top = round(self.scroll_y)
        if self._index < top:
            self.scroll_to(y=self._index, animate=False, force=True)
        elif self._index >= top + room:
            self.scroll_to(y=self._index - room + 1, animate=False, force=True)

    def on_resize(self) -> None:
        if self._selected:
            self._reveal()

    def action_move(self, step: int) -> None:
        """To the row above or below."""
        self._select(self._index + step)

    def action_page(self, pages: int) -> None:
        """A screenful up or down."""
        self._select(self._index + pages * max(self.size.height - _HEAD, 1))

    def action_edge(self, which: str) -> None:
        """To the first or the last row."""
        self._select(0 if which == "first" else 1 << 30)

    def on_click(self, event: events.Click) -> None:
        """One click selects, two open; a click on the head orders."""
        at = self._at(event.y)
        if self._said or self._rows is None or at >= len(self._rows):
            return
        if at < 0:
            self.post_message(self.HeadClicked(self, event.x))
            return
        self._select(at)
        if event.chain >= 2:
            self.post_message(self.Opened())
