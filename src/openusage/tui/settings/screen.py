"""The settings on the screen: keys and mouse; each change is saved at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from openusage.errors import OpenUsageError
from openusage.tui import chrome
from openusage.tui.canvas import Lines, Page
from openusage.tui.lines import clean, strip, wrapped
from openusage.tui.settings import draw
from openusage.tui.settings.accounts import AccountsTab
from openusage.tui.settings.data import DataTab
from openusage.tui.settings.looks import ThemeTab, ViewTab
from openusage.tui.settings.outside import IntegrationsTab, KeysTab
from openusage.tui.settings.sections import SectionsTab
from openusage.tui.settings.tab import Deed, Do, Integration, KeyState, Row, State, Tab

if TYPE_CHECKING:
    from openusage.tui.app import DashboardApp
from openusage.tui.frame import leave

_WIDEST, _TALLEST = 124, 30
_EDGES = 7
"""Cells that border, padding and a scroll bar take at the sides."""
_MOST_SAID = 4
"""Lines of an answer, such as what could not be saved."""
_CLOSE: tuple[tuple[str, str], ...] = (("Tab", "next"), ("Esc", "close"))


class Outside:
    """What the settings tell of the world outside; both may take a moment."""

    def __init__(
        self,
        keys: Callable[[], Sequence[KeyState]] | None = None,
        integrations: Callable[[], Sequence[Integration]] | None = None,
    ) -> None:
        self.keys: Callable[[], Sequence[KeyState]] = keys or list
        self.integrations: Callable[[], Sequence[Integration]] = integrations or list


class _Rows(Page, can_focus=False):
    """The rows; the screen has the keys."""

    def on_click(self, event: events.Click) -> None:
        cast(SettingsScreen, self.screen).clicked(event.y + round(self.scroll_y))


class _Head(Lines):
    """The tabs."""

    def on_click(self, event: events.Click) -> None:
        cast(SettingsScreen, self.screen).tab_clicked(event.x)


class SettingsScreen(ModalScreen[None]):
    """Tabs of rows."""

    DEFAULT_CSS = """
    SettingsScreen { align: center middle; background: $background 60%; }
    SettingsScreen > Vertical {
        padding: 0 2; border: round $primary; background: $background;
    }
    SettingsScreen Page { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,backspace,comma,S", "close", "close", key_display="Esc q ,"),
        Binding("tab,right,right_square_bracket", "tab(1)", "next tab", key_display="Tab → ]"),
        Binding("shift+tab,left,left_square_bracket", "tab(-1)", "tab before", key_display="Shift+Tab ← ["),
        Binding("up,k", "move(-1)", "row", key_display="↑↓ jk"),
        Binding("down,j", "move(1)", show=False),
        Binding("space,enter", "do('pick')", "choose, on or off", key_display="Space ⏎"),
        Binding("K,shift+up,ctrl+up,alt+up", "do('up')", "further up", key_display="K Shift+↑"),
        Binding("J,shift+down,ctrl+down,alt+down", "do('down')", "further down", key_display="J Shift+↓"),
        Binding("c", "do('costs')", "costs", show=False),
        Binding("h", "do('empty')", "sections without data", show=False),
        Binding("x,d", "do('remove')", "remove", show=False),
        Binding("less_than_sign,greater_than_sign", "do('other')", "tile or page", show=False),
        *(Binding(str(n + 1), f"open({n})", show=False) for n in range(7)),
    ]

    def __init__(self, outside: Outside) -> None:
        super().__init__()
        self._outside = outside
        self._integrations = list(outside.integrations())
        self._tabs: list[Tab] = [
            AccountsTab(),
            SectionsTab(),
            ThemeTab(),
            ViewTab(),
            KeysTab(),
            DataTab(),
        ]
        if self._integrations:
            self._tabs.append(IntegrationsTab())
        self._at = 0
        self._row = ""
        """Key of the selected row; it stays selected when the rows move."""
        self._keys: Sequence[KeyState] | None = None
        self._said = ""
        self._above = 0
        """Lines above the first row."""
        self._head: draw.Head | None = None

    @property
    def _dashboard(self) -> DashboardApp:
        return cast("DashboardApp", self.app)

    @property
    def _tab(self) -> Tab:
        return self._tabs[self._at]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield _Head(id="tabs")
            yield _Rows(id="page")
            yield Lines(id="foot")

    def on_mount(self) -> None:
        self._look_for_keys()
        self.draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    @work(thread=True, exit_on_error=True)
    def _look_for_keys(self) -> None:
        """Reads files of shells and tools, so in a thread."""
        found = self._outside.keys()
        self.app.call_from_thread(self._found_keys, found)

    def _found_keys(self, found: Sequence[KeyState]) -> None:
        self._keys = found
        if self.is_mounted:
            self.draw()

    def _state(self) -> State:
        app = self._dashboard
        return State(
            settings=app.settings,
            accounts=app.board.accounts,
            ids=app.account_ids(),
            window=app.board.window,
            schemes=app.schemes,
            theme=app.theme,
            keys=self._keys,
            integrations=self._integrations,
        )

    def draw(self) -> None:
        """Show the tab as it is now."""
        state, view = self._state(), self._dashboard.view()
        width, height = min(self.size.width, _WIDEST), min(self.size.height, _TALLEST)
        frame = self.query_one(Vertical)
        frame.styles.width, frame.styles.height = width, height
        inner = max(width - _EDGES, 10)
        palette = view.palette
        self._head = draw.head([tab.title for tab in self._tabs], self._at, inner, palette)
        self.query_one("#tabs", Lines).show([self._head.line])
        found = self._tab.rows(state)
        at = self._index(found)
        room = max(height - 4, 1)
        half = inner // 2 - 1 if inner >= draw.PREVIEW_FROM else inner
        preview = self._tab.preview(state, self._row, inner - half - 2, room, view) if half < inner else []
        left = half if preview else inner
        above = draw.about(self._tab.about(state), left, palette)
        self._above = len(above)
        lines = [*above, *draw.rows(found, at, left, palette)]
        if preview:
            gap = [strip([], 2)] * len(preview)
            lines = draw.beside(lines, draw.beside(gap, preview, 2, inner - half - 2), left, inner - left)
        page = self.query_one(Page)
        page.show(lines)
        self._keep_in_sight(page, at + self._above, room)
        hints = [*self._tab.keys(self._row), *_CLOSE]
        foot = [chrome.keys(hints, inner, palette)]
        if self._said:
            foot = [strip([(line, palette.warn)], inner) for line in wrapped(self._said, inner, _MOST_SAID)]
        self.query_one("#foot", Lines).show(foot)

    def _keep_in_sight(self, page: Page, y: int, room: int) -> None:
        top = round(page.scroll_y)
        if y < top + self._above or y >= top + room:
            page.scroll_to(y=max(y - room // 2, 0), animate=False)

    def _index(self, found: Sequence[Row]) -> int:
        at = next((n for n, row in enumerate(found) if row.key == self._row), 0)
        self._row = found[at].key if found else ""
        return at

    def action_close(self) -> None:
        """Back to what is below."""
        leave(self)

    def action_tab(self, step: int) -> None:
        """To the tab beside."""
        self.action_open((self._at + step) % len(self._tabs))

    def action_open(self, at: int) -> None:
        """A tab by its number."""
        if at < len(self._tabs):
            self._at, self._row, self._said = at, "", ""
            self.query_one(Page).scroll_to(y=0, animate=False)
            self.draw()

    def action_move(self, step: int) -> None:
        """To the row above or below."""
        found = self._tab.rows(self._state())
        if found:
            at = min(max(self._index(found) + step, 0), len(found) - 1)
            self._row, self._said = found[at].key, ""
            self.draw()

    def action_do(self, deed: str) -> None:
        """What the key means for the selected row."""
        self._said = ""
        act = self._tab.act(Deed(deed), self._state(), self._row)
        if isinstance(act, Do):
            try:
                self._said = clean(act.run())
            except OpenUsageError as error:
                self._said = clean(" ".join(filter(None, (error.message, error.hint))))
        elif act is not None:
            self._said = clean(self._dashboard.change(act))
        self.draw()

    def clicked(self, y: int) -> None:
        """One click selects a row, a click on the selected one chooses it."""
        found = self._tab.rows(self._state())
        at = y - self._above
        if not 0 <= at < len(found):
            return
        if found[at].key == self._row:
            self.action_do("pick")
            return
        self._row = found[at].key
        self.draw()

    def tab_clicked(self, x: int) -> None:
        """The tab under the mouse."""
        at = self._head.at(x) if self._head is not None else None
        if at is not None:
            self.action_open(at)
