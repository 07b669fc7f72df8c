"""The screen of snapshots: accounts as tiles. It places widgets; what is drawn is made elsewhere."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from openusage.tui import chrome, days, overview
from openusage.tui.canvas import Lines, Wall
from openusage.tui.detail.screen import DetailScreen
from openusage.tui.frame import Filtered
from openusage.tui.view import View
from openusage.wire.sections import Sections


class OverviewScreen(Filtered):
    """Accounts as tiles: all that a source knows, or what was chosen of a fleet."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", key_display="⏎", tooltip="open the account"),
        Binding(
            "slash", "filter", "filter", key_display="/", tooltip="filter: account, tool, machine, status"
        ),
        Binding("A,tab", "app.analytics", "analytics", key_display="A", tooltip="all accounts over any days"),
        Binding("escape", "back", "all accounts, then the fleet", key_display="Esc", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Lines(id="tiny")
        yield Lines(id="bar")
        yield Lines(id="top")
        yield Wall(self.dashboard.view, id="wall")
        yield Lines(id="days")
        yield self.filter_box("account, tool, machine or status")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.focus_rows()
        self.draw()

    def narrow(self, text: str) -> None:
        self.dashboard.board.filter = text

    def narrowed(self) -> str:
        return self.dashboard.board.filter

    def focus_rows(self) -> None:
        self.query_one(Wall).focus()

    def draw(self) -> None:
        super().draw()
        app = self.dashboard
        board, view = app.board, app.view()
        self._draw_top()
        shown = board.visible()
        self._draw_days([a.sections for a in shown], view)
        wall = self.query_one(Wall)
        chosen = board.chosen()
        wall.show(
            shown,
            chosen.key if chosen else "",
            board.nothing(view.now, view.tz),
            alone=len(board.in_scope()) == 1,
        )

    def _draw_top(self) -> None:
        app = self.dashboard
        view = app.view()
        width, height = self.size
        rows = overview.rows(width, height) if app.board.accounts else 0
        sums = overview.summed([a.sections for a in app.board.visible()], view)
        top = [chrome.rule(width, view.palette), *overview.draw(sums, width, rows, view)]
        self.query_one("#top", Lines).show(top)

    def _draw_days(self, accounts: list[Sections], view: View) -> None:
        """The chart by day in the room that the tiles leave."""
        width, height = self.size
        above = len(self.query_one("#bar", Lines).lines) + len(self.query_one("#top", Lines).lines)
        below = 1 + self.query_one("#filter", Input).has_class("-open")
        room = height - above - below
        drawn = []
        if len(accounts) > 1 and room > days.LEAST_ROWS:
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

    @on(Wall.Selected)
    def _selected(self, event: Wall.Selected) -> None:
        self.dashboard.board.selected = event.key

    @on(Wall.Opened)
    def _opened(self, event: Wall.Opened) -> None:
        self.dashboard.board.selected = event.key
        self.action_open()
