"""The screen of snapshots: accounts as tiles. It places widgets; what is drawn is made elsewhere."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from openusage.tui import chrome, days, extracts, overview
from openusage.tui.board import Account
from openusage.tui.canvas import Lines
from openusage.tui.detail.screen import DetailScreen
from openusage.tui.export import Extract
from openusage.tui.frame import Filtered
from openusage.tui.lines import clean
from openusage.tui.view import View
from openusage.tui.views import names
from openusage.tui.views.beside import NameColumn, Picked, TabLine
from openusage.tui.views.layout import Fitted, Layout, fitted
from openusage.tui.views.wall import Wall
from openusage.wire.sections import Sections


class OverviewScreen(Filtered):
    """Accounts as tiles: all that a source knows, or what was chosen of a fleet."""

    DEFAULT_CSS = """
    OverviewScreen #middle { height: 1fr; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", key_display="⏎", tooltip="open the account"),
        Binding("v", "layout(1)", "view", tooltip="next view: grid, stacked, tabs, split, compare"),
        Binding("V", "layout(-1)", "view before", show=False),
        Binding(
            "slash", "filter", "filter", key_display="/", tooltip="filter: account, tool, machine, status"
        ),
        Binding("A,tab", "app.analytics", "analytics", key_display="A", tooltip="all accounts over any days"),
        Binding("escape", "back", "all accounts, then the fleet", key_display="Esc", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._sums = overview.Sums()

    def compose(self) -> ComposeResult:
        yield Lines(id="tiny")
        yield Lines(id="bar")
        yield Lines(id="top")
        yield TabLine(id="tabs")
        with Horizontal(id="middle"):
            yield NameColumn(id="names")
            yield Wall(self.dashboard.view, id="wall")
        yield Lines(id="days")
        yield self.filter_box("account, tool, machine or status")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.focus_rows()
        self.draw()

    def on_screen_suspend(self) -> None:
        """Another screen has no layout."""
        self.dashboard.board.layout_word = ""

    def narrow(self, text: str) -> None:
        self.dashboard.board.filter = text

    def narrowed(self) -> str:
        return self.dashboard.board.filter

    def focus_rows(self) -> None:
        self.query_one(Wall).focus()

    def draw(self) -> None:
        app = self.dashboard
        board, view = app.board, app.view()
        shown = board.visible()
        layout = fitted(Layout.of(app.settings.dashboard.view), self.size.width, len(shown))
        board.layout_word = layout.word
        super().draw()
        self._draw_top()
        self._draw_names(shown, layout, view)
        self._draw_days([a.sections for a in shown], layout, view)
        chosen = board.chosen()
        self.query_one(Wall).show(
            shown,
            chosen.key if chosen else "",
            board.nothing(view.now, view.tz),
            layout=layout.layout,
            alone=len(board.in_scope()) == 1,
        )

    def _draw_names(self, accounts: list[Account], layout: Fitted, view: View) -> None:
        """The names of all accounts around a single tile."""
        chosen = self.dashboard.board.chosen()
        at = next((i for i, a in enumerate(accounts) if chosen is not None and a.key == chosen.key), 0)
        width = self.size.width
        tabs = accounts if layout.layout is Layout.TABS else []
        self.query_one(TabLine).offer(tabs, at, width, view)
        column = accounts if layout.layout is Layout.SPLIT else []
        self.query_one(NameColumn).offer(column, at, names.width_of(column, width), view)

    def _draw_top(self) -> None:
        app = self.dashboard
        view = app.view()
        width, height = self.size
        rows = overview.rows(width, height) if app.board.in_scope() else 0
        sums = self._sums.of(app.board.visible(), view)
        top = [chrome.rule(width, view.palette), *overview.draw(sums, width, rows, view)]
        self.query_one("#top", Lines).show(top)

    def _draw_days(self, accounts: list[Sections], layout: Fitted, view: View) -> None:
        """The chart by day in the room that the tiles leave."""
        width, height = self.size
        above = len(self.query_one("#bar", Lines).lines) + len(self.query_one("#top", Lines).lines)
        below = 1 + self.query_one("#filter", Input).has_class("-open")
        room = height - above - below
        drawn = []
        if layout.layout is Layout.GRID and len(accounts) > 1 and room > days.LEAST_ROWS:
            used = self.query_one(Wall).needs(accounts, width, room)
            rows = days.rows(room - used, width)
            stack = days.stacked(accounts, view) if rows else None
            drawn = days.draw(stack, width, rows, view) if stack else []
        self.query_one("#days", Lines).show(drawn)

    def tick(self) -> None:
        """Ages and countdowns: no tile moves, so only those in sight are looked at."""
        if self.dashboard.board.visible():
            super().draw()
            self._draw_top()
            self.query_one(Wall).tick()
        else:
            self.draw()

    def extract(self) -> Extract | None:
        board = self.dashboard.board
        return extracts.of_tiles([a.sections for a in board.visible()], board.label, board.window)

    def chosen_row(self) -> int | None:
        chosen = self.dashboard.board.chosen()
        shown = [account.key for account in self.dashboard.board.visible()]
        return shown.index(chosen.key) if chosen is not None and chosen.key in shown else None

    def action_open(self) -> None:
        """The selected account on its own."""
        self.dashboard.board.selected = self.query_one(Wall).selected  # its message may be under way still
        if (account := self.dashboard.board.chosen()) is not None:
            self.app.push_screen(DetailScreen(account.key))

    def action_back(self) -> None:
        """All accounts again; with nothing to clear, back to the fleet."""
        if self.is_filtering:
            self.show_all()
        else:
            self.dashboard.show_fleet()

    def action_layout(self, step: int = 1) -> None:
        """The next view of the tiles, or the one before."""
        app = self.dashboard
        app.change({"dashboard.view": str(Layout.of(app.settings.dashboard.view).next(step))})

    @on(Wall.Selected)
    def _selected(self, event: Wall.Selected) -> None:
        self.dashboard.board.selected = event.key
        if self.query_one(Wall).layout_shown.shows_one:
            self.draw()

    @on(Picked)
    def _picked(self, event: Picked) -> None:
        self.query_one(Wall).select(event.key)

    @on(Wall.Kept)
    def _stays(self, event: Wall.Kept) -> None:
        """What Space has done, and where it is seen."""
        app = self.dashboard
        account = next((a.sections for a in app.board.accounts if a.key == event.key), None)
        name = "" if account is None else clean(account.name) or clean(account.provider_id)
        said = f"{name} stays, Space lets it go." if name else "No account stays."
        if self.query_one(Wall).layout_shown is not Layout.COMPARE:
            said += " It is seen in the view compare (v)."
        app.board.say(said, app.view().now)
        self.draw()

    @on(Wall.Opened)
    def _opened(self, event: Wall.Opened) -> None:
        self.dashboard.board.selected = event.key
        self.action_open()
