"""The widgets of names: a line of tabs above the tile, a column beside it. A click selects."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from openusage.tui.board import Account
from openusage.tui.canvas import Lines, Page
from openusage.tui.lines import strip
from openusage.tui.view import View
from openusage.tui.views import names


class Picked(Message):
    """An account was clicked."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


class TabLine(Lines):
    """The accounts beside each other, as far as they fit."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._keys: list[str] = []
        self._tabs = names.Tabs(strip([], 0))

    def offer(self, accounts: Sequence[Account], selected: int, width: int, view: View) -> None:
        """Show tabs of accounts; of none, no line at all."""
        self._keys = [account.key for account in accounts]
        if not accounts:
            self.show([])
            return
        self._tabs = names.tabs(accounts, selected, width, view)
        self.show([self._tabs.line])

    def on_click(self, event: events.Click) -> None:
        index = self._tabs.at(event.x)
        if index is not None:
            self.post_message(Picked(self._keys[index]))


class NameColumn(Page, can_focus=False):
    """The accounts under each other; the selected one is in sight."""

    DEFAULT_CSS = "NameColumn { width: 24; margin-right: 1; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._keys: list[str] = []

    def offer(self, accounts: Sequence[Account], selected: int, width: int, view: View) -> None:
        """Show names; of no accounts, nothing."""
        self._keys = [account.key for account in accounts]
        self.display = bool(accounts)
        if not accounts:
            return
        self.styles.width = width
        self.show(names.column(accounts, selected, width, view))
        top, rows = round(self.scroll_y), names.ROWS
        if self.size.height and not top <= selected * rows <= top + self.size.height - rows:
            middle = selected * rows - self.size.height // 2
            self.scroll_to(y=max(middle, 0), animate=False)

    def on_click(self, event: events.Click) -> None:
        index = (event.y + round(self.scroll_y)) // names.ROWS
        if index < len(self._keys):
            self.post_message(Picked(self._keys[index]))
