"""What every screen has: title bar above, keys below, a word when the terminal is too small; and help.

Keys and their words come from the bindings themselves.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from openusage.tui import chrome
from openusage.tui.canvas import Lines
from openusage.tui.export import Extract

if TYPE_CHECKING:
    from openusage.tui.app import DashboardApp

_LEAST_WIDTH, _LEAST_HEIGHT = 30, 8


def leave(screen: Screen[None]) -> None:
    """Back to the screen below. A second key that came before the first one was through does nothing."""
    if screen.app.screen is screen:
        screen.app.pop_screen()


class Framed(Screen[None]):
    """A screen with the title bar above and the keys below."""

    DEFAULT_CSS = """
    Framed { layout: vertical; background: $background; }
    Framed #tiny { display: none; }
    Framed.-tiny > * { display: none; }
    Framed.-tiny #tiny { display: block; }
    """

    @property
    def dashboard(self) -> DashboardApp:
        """The app, by its own type."""
        return cast("DashboardApp", self.app)

    @property
    def is_whole(self) -> bool:
        """It has all its widgets: not while it is being made, and not any more while the application ends."""
        return self.is_mounted and bool(self.query("#keys"))

    def draw(self) -> None:
        """Show the state as it is now."""
        width, height = self.size
        self.set_class(width < _LEAST_WIDTH or height < _LEAST_HEIGHT, "-tiny")
        app = self.dashboard
        view = app.view()
        text = [f"{width}×{height} is too small.", f"It needs {_LEAST_WIDTH}×{_LEAST_HEIGHT}."]
        self.query_one("#tiny", Lines).show(chrome.centred(text, width, height, view.palette))
        self.query_one("#bar", Lines).show(chrome.bar(app.board, width, view, self.shown_window()))
        hints = list(self.hints())
        self.query_one("#keys", Lines).show([chrome.keys(hints, width, view.palette)])

    def shown_window(self) -> str | None:
        """The window of what is on the screen; `None`: the board's."""
        return None

    def tick(self) -> None:
        """Show what changes with time alone."""
        self.draw()

    def extract(self) -> Extract | None:
        """The table that is shown, for elsewhere; `None`: there is none."""
        return None

    def chosen_row(self) -> int | None:
        """Which of its rows is chosen."""
        return None

    def hints(self) -> Iterable[tuple[str, str]]:
        """(key, act) of the line at the bottom, the most important first."""
        return shown_keys(cast("Screen[object]", self))

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.redraw)

    def on_screen_resume(self) -> None:
        """What came while another screen was above it."""
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Show the state as it is now, when there is something to show it with."""
        if self.is_whole:
            self.draw()


class Filtered(Framed):
    """A screen whose rows `/` narrows: while typing; `⏎` keeps what was typed, `Esc` shows all again."""

    DEFAULT_CSS = """
    Filtered #filter { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    Filtered #filter.-open { display: block; }
    """

    def filter_box(self, fields: str) -> Input:
        """The line to type into; `fields` says what is looked at."""
        return Input(placeholder=fields, id="filter", compact=True)

    @abstractmethod
    def narrow(self, text: str) -> None:
        """Show only what matches from now on."""

    @abstractmethod
    def narrowed(self) -> str:
        """What is filtered by."""

    @abstractmethod
    def focus_rows(self) -> None:
        """Give the keys back to what is filtered."""

    @property
    def is_filtering(self) -> bool:
        """The line to type into is on the screen."""
        return self.query_one("#filter", Input).has_class("-open")

    def on_descendant_focus(self) -> None:
        if self.is_mounted:
            self.draw()

    def action_filter(self) -> None:
        """Type a part of what is to be seen."""
        box = self.query_one("#filter", Input)
        box.add_class("-open")
        box.value = self.narrowed()
        box.focus()

    def show_all(self) -> None:
        """Without a filter again."""
        self.query_one("#filter", Input).value = ""
        self.narrow("")
        self._close()

    def _close(self) -> None:
        box = self.query_one("#filter", Input)
        box.set_class(bool(box.value), "-open")
        self.focus_rows()
        self.draw()

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        self.narrow(event.value)
        self.draw()

    @on(Input.Submitted, "#filter")
    def _kept(self) -> None:
        self._close()


_SCROLLS: dict[str, Callable[[Vertical], None]] = {
    "up": lambda page: page.scroll_up(animate=False),
    "k": lambda page: page.scroll_up(animate=False),
    "down": lambda page: page.scroll_down(animate=False),
    "j": lambda page: page.scroll_down(animate=False),
    "pageup": lambda page: page.scroll_page_up(animate=False),
    "pagedown": lambda page: page.scroll_page_down(animate=False),
    "home": lambda page: page.scroll_home(animate=False),
    "end": lambda page: page.scroll_end(animate=False),
}
"""Keys that move a long page."""


class HelpScreen(ModalScreen[None]):
    """All keys of the screen below it; any key closes it, but those that scroll where it is too long."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen > Vertical {
        width: auto; height: auto; max-height: 100%; padding: 1 3; border: round $primary;
        background: $background;
        overflow-y: auto; scrollbar-size-vertical: 1;
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
        page.styles.width = max(line.cell_length for line in page.lines) + 1  # apart from a scroll bar
        yield Vertical(page)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        page = self.query_one(Vertical)
        scroll = _SCROLLS.get(event.key)
        if scroll is None or not page.max_scroll_y:
            leave(self)
        else:
            scroll(page)

    def on_click(self) -> None:
        leave(self)


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


def shown_keys(screen: Screen[object]) -> Iterable[tuple[str, str]]:
    """The shown bindings for the line at the bottom."""
    if isinstance(screen.focused, Input):
        yield from (("⏎", "keep"), ("Esc", "clear"))
        return
    for owner in (screen.focused, screen, screen.app):
        for binding in vars(type(owner)).get("BINDINGS", []) if owner is not None else []:
            if isinstance(binding, Binding) and binding.show and binding.description:
                yield binding.key_display or binding.key, binding.description
