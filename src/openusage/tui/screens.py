"""The three screens: all accounts, one account, the keys.

They place widgets; what is drawn is made elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from openusage.tui import chrome, days, detail, overview
from openusage.tui.canvas import Lines, Page, Wall
from openusage.tui.sections import daily
from openusage.tui.view import View
from openusage.wire.sections import Sections

if TYPE_CHECKING:
    from openusage.tui.app import DashboardApp

_LEAST_WIDTH, _LEAST_HEIGHT = 30, 8


class _Framed(Screen[None]):
    """A screen with the title bar above and the keys below."""

    DEFAULT_CSS = """
    _Framed { layout: vertical; background: $background; }
    _Framed #tiny { display: none; }
    _Framed.-tiny > * { display: none; }
    _Framed.-tiny #tiny { display: block; }
    """

    @property
    def dashboard(self) -> DashboardApp:
        """The app, by its own type."""
        return cast("DashboardApp", self.app)

    def draw(self) -> None:
        """Show the state as it is now."""
        width, height = self.size
        self.set_class(width < _LEAST_WIDTH or height < _LEAST_HEIGHT, "-tiny")
        app = self.dashboard
        view = app.view()
        text = [f"{width}×{height} is too small.", f"It needs {_LEAST_WIDTH}×{_LEAST_HEIGHT}."]
        self.query_one("#tiny", Lines).show(chrome.centred(text, width, height, view.palette))
        self.query_one("#bar", Lines).show(chrome.bar(app.board, width, view))
        hints = list(_hints(cast("Screen[object]", self)))
        self.query_one("#keys", Lines).show([chrome.keys(hints, width, view.palette)])

    def tick(self) -> None:
        """Show what changes with time alone."""
        self.draw()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.draw)


class OverviewScreen(_Framed):
    """All accounts as tiles."""

    DEFAULT_CSS = """
    OverviewScreen #filter { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    OverviewScreen #filter.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", key_display="⏎", tooltip="open the account"),
        Binding(
            "slash", "filter", "filter", key_display="/", tooltip="filter: account, tool, machine, status"
        ),
        Binding("escape", "clear", "all accounts again", key_display="Esc", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Lines(id="tiny")
        yield Lines(id="bar")
        yield Lines(id="top")
        yield Wall(self.dashboard.view, id="wall")
        yield Lines(id="days")
        yield Input(placeholder="account, tool, machine or status", id="filter", compact=True)
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.query_one(Wall).focus()
        self.draw()

    def on_descendant_focus(self) -> None:
        if self.is_mounted:
            self.draw()

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
            alone=len(board.accounts) == 1,
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

    def action_filter(self) -> None:
        """Type a part of an account, tool, machine or status."""
        box = self.query_one("#filter", Input)
        box.add_class("-open")
        box.value = self.dashboard.board.filter
        box.focus()

    def action_clear(self) -> None:
        """All accounts again; with nothing to clear, back to the fleet."""
        box = self.query_one("#filter", Input)
        if not (box.value or box.has_class("-open")) and len(self.app.screen_stack) > 1:
            self.dashboard.board.machine = ""
            self.app.pop_screen()
            return
        box.value = ""
        self.dashboard.board.filter = ""
        self._close_filter()

    def _close_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.set_class(bool(box.value), "-open")
        self.query_one(Wall).focus()
        self.draw()

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        self.dashboard.board.filter = event.value
        self.draw()

    @on(Input.Submitted, "#filter")
    def _kept(self) -> None:
        self._close_filter()

    @on(Wall.Selected)
    def _selected(self, event: Wall.Selected) -> None:
        self.dashboard.board.selected = event.key

    @on(Wall.Opened)
    def _opened(self, event: Wall.Opened) -> None:
        self.dashboard.board.selected = event.key
        self.action_open()


class DetailScreen(_Framed):
    """One account."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "back", key_display="Esc"),
        Binding("tab", "card(1)", "next card", key_display="Tab", tooltip="to the next card"),
        Binding("shift+tab", "card(-1)", "card before", key_display="Shift+Tab", show=False),
        Binding("m", "measure", "cost/tokens/requests", tooltip="days by cost, tokens or requests"),
    ]

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key
        self._measure = daily.Measure.COST
        self._card = -1
        self._starts: list[int] = []

    def compose(self) -> ComposeResult:
        yield Lines(id="tiny")
        yield Lines(id="bar")
        yield Lines(id="top")
        yield Page(id="page")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.query_one(Page).focus()
        self.draw()

    def draw(self) -> None:
        super().draw()
        app = self.dashboard
        view = app.view()
        account = next((a for a in app.board.accounts if a.key == self._key), None)
        width = self.size.width
        page = self.query_one(Page)
        if account is None:
            gone = ["This account is not reported any more.", "Esc goes back."]
            size = page.container_size
            page.show(chrome.centred(gone, size.width, size.height, view.palette))
            return
        rule = chrome.rule(width, view.palette)
        self.query_one("#top", Lines).show([rule, *detail.heading(account.sections, width, view)])
        sheet = detail.draw(account.sections, max(width - 1, 20), view, self._measure, self._card)
        self._starts = sheet.starts
        page.show(sheet.lines)

    def action_back(self) -> None:
        """To all accounts."""
        self.app.pop_screen()

    def action_card(self, step: int) -> None:
        """To the next card, or the one before; after the last comes the first."""
        if not self._starts:
            return
        self._card = (max(self._card, -1 if step > 0 else 0) + step) % len(self._starts)
        self.draw()
        self.query_one(Page).scroll_to(y=self._starts[self._card], animate=False)

    def action_measure(self) -> None:
        """What the days' bars count."""
        account = next((a for a in self.dashboard.board.accounts if a.key == self._key), None)
        possible = daily.measures(account.sections, self.dashboard.view()) if account else []
        if possible:
            at = possible.index(self._measure) if self._measure in possible else 0
            self._measure = possible[(at + 1) % len(possible)]
            self.draw()


class HelpScreen(ModalScreen[None]):
    """All keys of the screen below it; any key closes it."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen > Vertical {
        width: auto; height: auto; max-height: 100%; padding: 1 3; border: round $primary;
        background: $background;
        overflow-y: auto;
    }
    HelpScreen Lines { width: auto; }
    """

    def __init__(self, below: Screen[object]) -> None:
        super().__init__()
        self._groups = list(groups(below))

    def compose(self) -> ComposeResult:
        app = cast("DashboardApp", self.app)
        page = Lines(id="help")
        page.show(chrome.help_page(self._groups, app.view().palette))
        page.styles.width = max(line.cell_length for line in page.lines)
        yield Vertical(page)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss()

    def on_click(self) -> None:
        self.dismiss()


def groups(screen: Screen[object]) -> Iterable[tuple[str, list[tuple[str, str]]]]:
    """(where, [(key, act)]) of what works on this screen, from the bindings themselves."""
    owners = [("Move", screen.focused), ("Here", screen), ("Everywhere", screen.app)]
    for title, owner in owners:
        rows: dict[str, str] = {}
        for key, act in _rows(owner) if owner is not None else ():
            rows[act] = f"{rows[act]} {key}" if act in rows else key
        if rows:
            yield title, [(key, act) for act, key in rows.items()]


_SHOWN = {
    "escape": "Esc",
    "enter": "⏎",
    "slash": "/",
    "question_mark": "?",
    "pageup": "PgUp",
    "pagedown": "PgDn",
}


def _rows(owner: object) -> Iterable[tuple[str, str]]:
    listed = vars(type(owner)).get("BINDINGS", [])
    for binding in listed:
        if isinstance(binding, Binding) and binding.description:
            key = binding.key_display or " ".join(_SHOWN.get(k, k) for k in binding.key.split(","))
            yield key, binding.tooltip or binding.description


def _hints(screen: Screen[object]) -> Iterable[tuple[str, str]]:
    """The shown bindings for the line at the bottom."""
    if isinstance(screen.focused, Input):
        yield from (("⏎", "keep"), ("Esc", "all accounts"))
        return
    for owner in (screen.focused, screen, screen.app):
        for binding in vars(type(owner)).get("BINDINGS", []) if owner is not None else []:
            if isinstance(binding, Binding) and binding.show and binding.description:
                yield binding.key_display or binding.key, binding.description
