"""The widget of a fleet's table: scrolled, one row selected; what is in sight is drawn, once a change."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from openusage.tui.chrome import centred
from openusage.tui.fleet import table
from openusage.tui.fleet.table import Sheet
from openusage.tui.lines import blank
from openusage.tui.view import View
from openusage.wire.pane import PaneRow

_HEAD = 1


class Rows(ScrollView, can_focus=True):
    """Rows under a head that stays. What is selected stays selected when the rows move."""

    DEFAULT_CSS = "Rows { width: 1fr; height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }"
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

    def __init__(self, view: Callable[[], View], *, id: str) -> None:
        super().__init__(id=id)
        self._view = view
        self._sheet: Sheet | None = None
        self._drawn: dict[int, Strip] = {}
        self._selected: str | None = None
        self._has_selected = False
        self._said: list[Strip] = []

    @property
    def chosen(self) -> PaneRow | None:
        """The selected row, or the first."""
        made = self._sheet
        return made.rows[self._index] if made is not None and made.rows else None

    def show(self, made: Sheet | None, said: list[str]) -> None:
        """Draw what differs. `said` stands where there are no rows."""
        old = self._drawn
        self._sheet, self._drawn = made, {}
        count = len(made.rows) if made is not None else 0
        size = self.container_size
        self._said = [] if count else centred(said, size.width, size.height, self._view().palette)
        wanted = Size(size.width, count + _HEAD)
        if wanted != self.virtual_size or not count:
            self.virtual_size = wanted
            self.refresh()
            return
        for y in range(self.size.height):
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
        made = self._sheet
        if made is None or at >= len(made.rows):
            return blank(1)
        strip = self._drawn.get(at)
        if strip is None:
            view = self._view()
            chosen = at == self._index
            strip = table.head(made, view) if at < 0 else table.line(made, at, view, selected=chosen)
            self._drawn[at] = strip
        return strip

    @property
    def _index(self) -> int:
        rows = self._sheet.rows if self._sheet is not None else []
        return next((i for i, row in enumerate(rows) if self._is_selected(row)), 0)

    def _is_selected(self, row: PaneRow) -> bool:
        return self._has_selected and row.label == self._selected and not row.others

    def _select(self, index: int) -> None:
        made = self._sheet
        if made is None or not made.rows:
            return
        index = min(max(index, 0), len(made.rows) - 1)
        self._selected, self._has_selected = made.rows[index].label, True
        self._drawn = {}
        room = max(self.size.height - _HEAD, 1)
        top = round(self.scroll_y)
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + room:
            self.scroll_to(y=index - room + 1, animate=False, force=True)
        self.refresh()

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
        """One click selects, two open."""
        at = self._at(event.y)
        if self._said or at < 0 or self._sheet is None or at >= len(self._sheet.rows):
            return
        self._select(at)
        if event.chain >= 2:
            self.post_message(self.Opened())
