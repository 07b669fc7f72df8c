"""The widgets: fixed lines, a scrolled page of lines, and the wall of tiles. They draw strips, nothing else.

A widget that is given the lines it already shows draws nothing; changed lines are drawn alone, so that a
ticking age does not repaint the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from openusage.tui import detail, tile
from openusage.tui.board import Account
from openusage.tui.chrome import centred
from openusage.tui.grid import Box, Grid, arrange
from openusage.tui.lines import blank
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.sections import Sections

_ALONE_WIDTH, _ALONE_HEIGHT = 100, 28


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


class Wall(ScrollView, can_focus=True):
    """All tiles. Only those in sight are drawn, each once per change."""

    DEFAULT_CSS = "Wall { width: 1fr; height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move('up')", "move", key_display="↑↓←→ hjkl", tooltip="to the tile beside"),
        Binding("down,j", "move('down')", show=False),
        Binding("left,h", "move('left')", show=False),
        Binding("right,l", "move('right')", show=False),
        Binding("home,g", "edge('first')", "first tile", key_display="Home g", show=False),
        Binding("end,G", "edge('last')", "last tile", key_display="End G", show=False),
        Binding("pageup", "page(-1)", "page up", key_display="PgUp", show=False),
        Binding("pagedown", "page(1)", "page down", key_display="PgDn", show=False),
    ]

    class Selected(Message):
        """Another tile is selected."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Opened(Message):
        """A tile was asked for with the mouse."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, view: Callable[[], View], *, id: str) -> None:
        super().__init__(id=id)
        self._view = view
        self._accounts: list[Account] = []
        self._selected = ""
        self._sizes = tile.Sizes()
        self._grid = Grid([], 1, 0)
        self._drawn: dict[int, list[Strip]] = {}
        self._said: list[str] = []
        self._single = False
        self._empty: list[Strip] = []

    @property
    def grid(self) -> Grid:
        """Where the tiles stand."""
        return self._grid

    @property
    def selected(self) -> str:
        """The key of the selected tile."""
        return self._selected

    def show(
        self, accounts: Sequence[Account], selected: str, said: list[str], *, alone: bool = False
    ) -> None:
        """Take over new accounts; what is in sight and differs is drawn.

        `said` stands where there are none. `alone`: there is one account and no other that a filter hides.
        """
        self._accounts, self._selected, self._said = list(accounts), selected, said
        self._single = alone
        view = self._view()
        region = self.container_size
        grid = self._arranged(view)
        empty = [] if accounts else centred(said, region.width, region.height, view.palette)
        if grid != self._grid or empty != self._empty:
            self._grid, self._empty = grid, empty
            self._drawn.clear()
            self.virtual_size = Size(region.width, grid.height)
            self.refresh()
        else:
            self.tick()

    def _arranged(self, view: View) -> Grid:
        region = self.container_size
        bar = self.styles.scrollbar_size_vertical
        if self._alone:
            lines = len(self._page(region.width - bar))
            return Grid([Box(0, 0, region.width - bar, lines)], 1, lines)
        tiles = self._sizes.of([a.sections for a in self._accounts], view)
        grid = arrange(tiles, region.width, region.height)
        if grid.height > region.height:
            grid = arrange(tiles, region.width - bar, region.height)
        return grid

    def needs(self, accounts: Sequence[Sections], width: int, height: int) -> int:
        """How many lines of an area tiles would take without growing beyond what is good."""
        return arrange(self._sizes.of(accounts, self._view()), width, height, grow=False).height

    @property
    def _alone(self) -> bool:
        """One account on a large screen is drawn as its detail: there is room for everything."""
        width, height = self.container_size
        return self._single and len(self._accounts) == 1 and width >= _ALONE_WIDTH and height >= _ALONE_HEIGHT

    def _page(self, width: int) -> list[Strip]:
        account, view = self._accounts[0].sections, self._view()
        sheet = detail.draw(account, width, view, Measure.COST)
        return [*detail.heading(account, width, view), *sheet.lines]

    def on_resize(self) -> None:
        self.show(self._accounts, self._selected, self._said, alone=self._single)

    def tick(self) -> None:
        """Draw the tiles in sight anew and put the lines that differ on the screen."""
        old, self._drawn = self._drawn, {}
        top = round(self.scroll_y)
        for index, strips in old.items():
            box = self._grid.boxes[index]
            if box.y + box.height <= top or box.y >= top + self.size.height:
                continue
            for y, (was, now) in enumerate(zip(strips, self._tile(index), strict=False)):
                if was != now:
                    self.refresh(Region(box.x, box.y + y - top, box.width, 1))

    def show_theme(self) -> None:
        """Draw everything anew."""
        self._drawn.clear()
        self.refresh()

    def _tile(self, index: int) -> list[Strip]:
        strips = self._drawn.get(index)
        if strips is None and self._alone:
            strips = self._drawn[index] = self._page(self._grid.boxes[0].width)
        if strips is None:
            box, account = self._grid.boxes[index], self._accounts[index]
            strips = tile.draw(
                account.sections, box.width, box.height, self._view(), selected=account.key == self._selected
            )
            self._drawn[index] = strips
        return strips

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        line = self._line(y).adjust_cell_length(width)
        return line.apply_style(self.rich_style)

    def _line(self, y: int) -> Strip:
        if self._empty:
            return self._empty[y] if y < len(self._empty) else blank(1)
        y += round(self.scroll_y)
        found: list[Strip] = []
        x = 0
        for index in self._grid.across(y):
            box = self._grid.boxes[index]
            if box.x > x:
                found.append(blank(box.x - x))
            found.append(self._tile(index)[y - box.y])
            x = box.x + box.width
        return Strip.join(found) if found else blank(1)

    @property
    def _index(self) -> int:
        return next((i for i, a in enumerate(self._accounts) if a.key == self._selected), 0)

    def _select(self, index: int) -> None:
        if not self._accounts:
            return
        self._selected = self._accounts[index].key
        self.tick()
        box = self._grid.boxes[index]
        self.scroll_to_region(Region(0, box.y, 1, box.height), animate=False, force=True)
        self.post_message(self.Selected(self._selected))

    def action_move(self, direction: str) -> None:
        """To the neighbouring tile; a single one that is higher than the screen scrolls."""
        if self._alone:
            self.scroll_relative(y={"up": -1, "down": 1}.get(direction, 0), animate=False)
        elif self._accounts:
            self._select(self._grid.moved(self._index, direction))

    def action_edge(self, which: str) -> None:
        """To the first or last tile."""
        if self._alone:
            self.scroll_to(y=0 if which == "first" else self.max_scroll_y, animate=False)
            return
        self._select(0 if which == "first" else len(self._accounts) - 1)

    def action_page(self, pages: int) -> None:
        """A screenful of tiles up or down."""
        if self._alone:
            self.scroll_relative(y=pages * self.size.height, animate=False)
            return
        if not self._accounts:
            return
        box = self._grid.boxes[self._index]
        rows = max(1, self.size.height // box.height)
        index = self._index
        for _ in range(rows):
            index = self._grid.moved(index, "down" if pages > 0 else "up")
        self._select(index)

    def on_click(self, event: events.Click) -> None:
        """One click selects, two open."""
        index = self._grid.at(event.x, event.y + round(self.scroll_y))
        if index is None or self._empty:
            return
        self._select(index)
        if event.chain >= 2:
            self.post_message(self.Opened(self._accounts[index].key))
