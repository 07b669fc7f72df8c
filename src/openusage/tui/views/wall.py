"""The widget of the tiles: whichever of them a layout shows, scrolled, one selected.

Only tiles in sight are drawn, each once a change; lines that differ are put on the screen, no others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from openusage.tui import tile
from openusage.tui.board import Account
from openusage.tui.chrome import centred
from openusage.tui.detail import cards
from openusage.tui.grid import Box, Grid, arrange
from openusage.tui.lines import blank
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.tui.views.layout import LEAST_PAIR, Layout
from openusage.tui.views.scene import EMPTY, Scene, moved, place, shown
from openusage.wire.sections import Sections

_ALONE_WIDTH, _ALONE_HEIGHT = 100, 28
_BEAT_S = 10
"""A tile is drawn anew so often while its data stay, but for its age: countdowns go on in minutes."""
_SOON_S = 180
"""A reset that is so near is counted down every second."""


class _Made(NamedTuple):
    """Lines of an account, and what they were made of."""

    account: Sections
    look: tuple[object, ...]
    lines: list[Strip]


def _look(account: Sections, view: View) -> tuple[object, ...]:
    """What a drawing depends on besides the account: while it is the same, the drawing can be used again."""
    soon = any(g.resets_at is not None and _is_soon(g.resets_at, view.now) for g in account.gauges)
    beat = view.now if soon else int(view.now.timestamp() // _BEAT_S)
    return beat, view.palette, view.costs_of(account), view.tile_sections, view.hides_empty


def _is_soon(at: dt.datetime, now: dt.datetime) -> bool:
    return abs((at - now).total_seconds()) < _SOON_S


class Wall(ScrollView, can_focus=True):
    """The tiles."""

    DEFAULT_CSS = "Wall { width: 1fr; height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move('up')", "move", key_display="↑↓←→ hjkl", tooltip="to the tile beside"),
        Binding("down,j", "move('down')", show=False),
        Binding("left,h", "move('left')", show=False),
        Binding("right,l", "move('right')", show=False),
        Binding("home,g", "edge('first')", "first tile, or top", key_display="Home g", show=False),
        Binding("end,G", "edge('last')", "last tile, or bottom", key_display="End G", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "page up", key_display="PgUp Ctrl+U", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "page down", key_display="PgDn Ctrl+D", show=False),
        Binding("ctrl+o", "whole", "whole tiles, or all at once", key_display="Ctrl+O", show=False),
        Binding("space", "keep", "compare: keep this account", key_display="Space", show=False),
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

    class Kept(Message):
        """From now on this account stays beside those that are selected; an empty key: none does."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, view: Callable[[], View], *, id: str) -> None:
        super().__init__(id=id)
        self._view = view
        self._accounts: list[Account] = []
        self._selected = ""
        self._layout = Layout.GRID
        self._kept = ""
        """Key of the account that stays on the screen while others are compared with it."""
        self._whole = False
        self._sizes = tile.Sizes()
        self._scene = EMPTY
        self._drawn: dict[int, list[Strip]] = {}
        """By box."""
        self._below: dict[str, _Made] = {}
        """By account: tiles without their uppermost line, to be used again."""
        self._cards: _Made | None = None
        """The same of the account that is drawn as its detail."""
        self._said: list[str] = []
        self._single = False
        self._empty: list[Strip] = []

    @property
    def grid(self) -> Grid:
        """Where the tiles stand."""
        return self._scene.grid

    @property
    def shown(self) -> list[str]:
        """Keys of the accounts whose tiles there are, in the order of the boxes."""
        return [self._accounts[index].key for index in self._scene.shown]

    @property
    def layout_shown(self) -> Layout:
        """How the tiles are laid out."""
        return self._layout

    @property
    def selected(self) -> str:
        """The key of the selected tile."""
        return self._selected

    def show(
        self,
        accounts: Sequence[Account],
        selected: str,
        said: list[str],
        *,
        layout: Layout = Layout.GRID,
        alone: bool = False,
    ) -> None:
        """Take over new accounts; what is in sight and differs is drawn.

        `said` stands where there are none. `alone`: there is one account and no other that a filter hides.
        """
        self._accounts, self._selected, self._said = list(accounts), selected, said
        self._layout, self._single = layout, alone
        if len(self._below) > 2 * len(self._accounts):
            self._below.clear()
        view = self._view()
        region = self.container_size
        scene = self._arranged(view)
        empty = [] if accounts else centred(said, region.width, region.height, view.palette)
        if scene != self._scene or empty != self._empty:
            self._scene, self._empty = scene, empty
            self._drawn.clear()
            self.virtual_size = Size(region.width, scene.grid.height)
            self.refresh()
        else:
            self.tick()

    def _arranged(self, view: View) -> Scene:
        width, height = self.container_size
        bar = self.styles.scrollbar_size_vertical
        kept = next((i for i, a in enumerate(self._accounts) if a.key == self._kept), None)
        found = shown(self._layout, len(self._accounts), self._index, kept, self._scene.shown)
        if self._layout is Layout.COMPARE and width < LEAST_PAIR - bar:  # until another layout is chosen
            found = [self._index]
        if self._is_page(found):
            lines = len(self._page(found[0], width - bar))
            return Scene(Grid([Box(0, 0, width - bar, lines)], 1, lines), found)
        tiles = self._sizes.of([self._accounts[i].sections for i in found], view)
        grid = place(self._layout, tiles, width, height, is_whole=self._whole)
        if grid.height > height:
            grid = place(self._layout, tiles, width - bar, height, is_whole=self._whole)
        return Scene(grid, found)

    def needs(self, accounts: Sequence[Sections], width: int, height: int) -> int:
        """How many lines of an area a grid would take without growing beyond what is good."""
        return arrange(self._sizes.of(accounts, self._view()), width, height, grow=False).height

    def _is_page(self, found: Sequence[int]) -> bool:
        """One account on a large screen is drawn as its detail: there is room for everything."""
        width, height = self.container_size
        is_one = len(found) == 1 and (self._single or self._layout.shows_one)
        return is_one and width >= _ALONE_WIDTH and height >= _ALONE_HEIGHT

    @property
    def _scrolls(self) -> bool:
        """What is on the screen is one thing: keys that would go from tile to tile scroll it."""
        return self._layout.shows_one or self._is_page(self._scene.shown)

    def _page(self, index: int, width: int) -> list[Strip]:
        """The detail of an account; its cards are drawn again when data, look or time ask for it."""
        account, view = self._accounts[index].sections, self._view()
        look = (*_look(account, view), view.detail_sections, width)
        if self._cards is None or self._cards.account is not account or self._cards.look != look:
            lines = cards.draw(account, width, view, Measure.COST).lines
            self._cards = _Made(account, look, lines)
        return [*cards.heading(account, width, view), *self._cards.lines]

    def on_resize(self) -> None:
        self._again()

    def _again(self) -> None:
        self.show(self._accounts, self._selected, self._said, layout=self._layout, alone=self._single)

    def tick(self) -> None:
        """Draw the tiles in sight anew and put the lines that differ on the screen."""
        old, self._drawn = self._drawn, {}
        view, top = self._view(), round(self.scroll_y)
        for at, strips in old.items():
            box = self.grid.boxes[at]
            if box.y + box.height <= top or box.y >= top + self.size.height:
                continue
            lines = enumerate(zip(strips, self._tile(at, view), strict=False))
            changed = [y for y, (was, now) in lines if was is not now and was != now]
            if changed:
                self.refresh(*(Region(box.x, box.y + y - top, box.width, 1) for y in changed))

    def _tile(self, at: int, view: View | None = None) -> list[Strip]:
        """The lines of a box, as it was drawn last, or drawn now."""
        strips = self._drawn.get(at)
        if strips is None:
            index, box = self._scene.shown[at], self.grid.boxes[at]
            if self._is_page(self._scene.shown):
                strips = self._page(index, box.width)
            else:
                strips = self._framed(self._accounts[index], box, view or self._view())
            self._drawn[at] = strips
        return strips

    def _framed(self, account: Account, box: Box, view: View) -> list[Strip]:
        """A tile. All but its age is drawn anew when the data, the look or the time ask for it."""
        sections, selected = account.sections, account.key == self._selected
        look = (*_look(sections, view), box.width, box.height, selected)
        made = self._below.get(account.key)
        if made is None or made.account is not sections or made.look != look:
            lines = tile.below(sections, box.width, box.height, view, selected)
            made = self._below[account.key] = _Made(sections, look, lines)
        return [tile.top(sections, box.width, view, selected), *made.lines]

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
        for at in self.grid.across(y):
            box = self.grid.boxes[at]
            if box.x > x:
                found.append(blank(box.x - x))
            found.append(self._tile(at)[y - box.y])
            x = box.x + box.width
        return Strip.join(found) if found else blank(1)

    @property
    def _index(self) -> int:
        return next((i for i, a in enumerate(self._accounts) if a.key == self._selected), 0)

    def select(self, key: str) -> None:
        """Select an account by its key, wherever the selection came from."""
        self._select(next((i for i, a in enumerate(self._accounts) if a.key == key), self._index))

    def _select(self, index: int) -> None:
        if not self._accounts:
            return
        self._selected = self._accounts[index].key
        if self._layout.shows_one:
            self._again()
            self.scroll_to(y=0, animate=False)
        else:
            self.tick()
            if (box := self._scene.box_of(index)) is not None:
                self.scroll_to_region(Region(0, box.y, 1, box.height), animate=False, force=True)
        self.post_message(self.Selected(self._selected))

    def action_move(self, direction: str) -> None:
        """To the neighbouring account; what has none in that direction scrolls."""
        if not self._accounts:
            return
        to = moved(self._layout, self.grid, self._index, direction, len(self._accounts))
        if to is None or (self._is_page(self._scene.shown) and not self._layout.shows_one):
            self.scroll_relative(y={"up": -1, "down": 1}.get(direction, 0), animate=False)
        else:
            self._select(to)

    def action_edge(self, which: str) -> None:
        """To the first or last tile; to the top or bottom of a single one."""
        if self._scrolls:
            self.scroll_to(y=0 if which == "first" else self.max_scroll_y, animate=False)
            return
        self._select(0 if which == "first" else len(self._accounts) - 1)

    def action_page(self, pages: int) -> None:
        """A screenful up or down."""
        if self._scrolls:
            self.scroll_relative(y=pages * self.size.height, animate=False)
            return
        if not self._accounts:
            return
        index = self._index
        for _ in range(max(1, self.size.height // self.grid.boxes[index].height)):
            index = self.grid.moved(index, "down" if pages > 0 else "up")
        self._select(index)

    def action_whole(self) -> None:
        """Every tile with all its lines, scrolled; or as many as possible at once."""
        self._whole = not self._whole
        self._again()
        if (box := self._scene.box_of(self._index)) is not None:
            self.scroll_to_region(Region(0, box.y, 1, box.height), animate=False, force=True)

    def action_keep(self) -> None:
        """The selected account stays beside those that are selected next; again: it does not."""
        self._kept = "" if self._kept == self._selected else self._selected
        self._again()
        self.post_message(self.Kept(self._kept))

    def on_click(self, event: events.Click) -> None:
        """One click selects, two open."""
        index = self._scene.at(event.x, event.y + round(self.scroll_y))
        if index is None or self._empty:
            return
        self._select(index)
        if event.chain >= 2:
            self.post_message(self.Opened(self._accounts[index].key))
