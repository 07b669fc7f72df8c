"""The dashboard: one application for this machine, a hub and a hub's viewer.

It joins state, poller, settings and screens.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

import msgspec
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.message import Message
from textual.screen import Screen

from openusage.client import HistorySource, PaneSource, SnapshotSource
from openusage.errors import SettingsError
from openusage.settings import Change, Settings, applied
from openusage.tui import choice, drawing, export
from openusage.tui.analytics.screen import AnalyticsScreen
from openusage.tui.board import Board, Decode, Decoder, Outcome, Scope
from openusage.tui.fleet.screen import FleetScreen
from openusage.tui.frame import Framed, HelpScreen
from openusage.tui.listener import Changes, Listener
from openusage.tui.palette import DARK
from openusage.tui.plain import Plain
from openusage.tui.poller import Poller
from openusage.tui.scheme import Schemes
from openusage.tui.screens import OverviewScreen
from openusage.tui.settings import accounts
from openusage.tui.settings.screen import Outside, SettingsScreen
from openusage.tui.view import Costs, View, own_costs
from openusage.wire.decode import decode

DEFAULTS = Settings()
Keep = Callable[[str, bytes], str]
"""Name and content of a file -> where it is now. Raises `OSError`."""

LOCAL_REFRESH_S = 1.0
"""So that a new turn is on the screen within two seconds: reading and drawing it takes a part of them."""

EMPTY_LOCAL = "No coding tool found on this machine.\nTo look around: `openusage demo`."
EMPTY_HUB = (
    "No machine has pushed yet.\nSet export.target in ~/.config/openusage/settings.json of each machine."
)


class DashboardApp(App[None]):
    """Shows what a source knows; changes nothing but settings."""

    TITLE = "openusage"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "window", "window", tooltip="next time window: 1d, 3d, 7d, 30d, all"),
        Binding("c", "costs", "costs", tooltip="costs of the account: as its plan says, hidden, shown"),
        Binding("r", "refresh", "refresh", tooltip="ask for new data now"),
        Binding("t", "theme(1)", "theme", tooltip="next theme; T the one before", show=False),
        Binding("T", "theme(-1)", show=False),
        Binding("y", "copy", "copy", tooltip="copy the chosen row", show=False),
        Binding("e", "export('csv')", "export", tooltip="save the table as CSV; E as JSON", show=False),
        Binding("E", "export('json')", show=False),
        Binding("p", "picture", "picture", tooltip="save the screen as SVG", show=False),
        Binding("comma,S", "settings", "settings", key_display=",", tooltip="settings"),
        Binding("ctrl+p", "command_palette", "palette", key_display="Ctrl+P", tooltip="any act", show=False),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "quit", "quit", key_display="q"),
        Binding("ctrl+c", "quit", "quit", key_display="Ctrl+C", show=False, priority=True),
    ]

    class Polled(Message):
        """The poller brought something."""

        def __init__(self, outcome: Outcome) -> None:
            super().__init__()
            self.outcome = outcome

    class Broken(Message):
        """The poller met a defect of ours."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(
        self,
        source: SnapshotSource,
        *,
        settings: Settings = DEFAULTS,
        save: Callable[[Change], Settings] | None = None,
        window: str = "30d",
        refresh_s: float = 30,
        thresholds: tuple[float, float] = (80.0, 95.0),
        now: Callable[[], dt.datetime],
        tz: dt.tzinfo,
        tz_name: str = "UTC",
        history: HistorySource | None = None,
        changes: Changes | None = None,
        empty_text: str = "",
        waiting_text: str = "",
        outside: Outside | None = None,
        schemes: Schemes | None = None,
        keep: Keep | None = None,
        plain: bool = False,
        decode: Decode = decode,
    ) -> None:
        """`save` puts a change into the file of settings and gives what it holds then; without it, changes
        last as long as the application. `schemes` are the themes to choose from, `keep` writes a file for
        the person and says where it is; `plain` draws in ASCII."""
        super().__init__()
        self._now, self._tz, self.tz_name = now, tz, tz_name
        self.history = history or (source if isinstance(source, HistorySource) else None)
        """Who answers what snapshots do not hold; `None`: nobody."""
        self._thresholds = thresholds
        self._save = save
        self.settings = settings
        self._outside = outside or Outside()
        text = empty_text or (EMPTY_HUB if source.is_hub else EMPTY_LOCAL)
        self.board = Board(label=source.label, is_hub=source.is_hub, window=window, empty_text=text)
        self.board.arrange(settings.dashboard.providers)
        if waiting_text:
            self.board.waiting = waiting_text
        panes = source if source.is_hub and isinstance(source, PaneSource) else None
        self._poller = self._make_poller(source, panes, Decoder(decode, now), window, refresh_s)
        self._listener = Listener(changes, self._poller.hint) if changes is not None else None
        self._has_fleet = panes is not None
        self.board.is_fleet = self._has_fleet
        self._poller.watch_fleet(self.board.group if self._has_fleet else None)
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._ending = False
        self._keep = keep
        self.schemes = schemes or Schemes()
        for scheme in self.schemes:
            self.register_theme(scheme.theme)
        self.theme = self.schemes.get(settings.theme).name
        self._plain = [Plain()] if plain else []
        self._look = self._looked()

    def _make_poller(
        self,
        source: SnapshotSource,
        panes: PaneSource | None,
        decoder: Decoder,
        window: str,
        refresh_s: float,
    ) -> Poller:
        return Poller(
            source,
            decoder,
            panes=panes,
            tz_name=self.tz_name,
            window=window,
            every_s=refresh_s if source.is_hub else min(refresh_s, LOCAL_REFRESH_S),
            deliver=lambda outcome: self.post_message(self.Polled(outcome)),
            broken=lambda error: self.post_message(self.Broken(error)),
        )

    def _looked(self) -> View:
        """What the settings say of drawing."""
        warn, crit = self._thresholds
        dashboard = self.settings.dashboard
        return View(
            palette=self.schemes.get(DARK).palette,
            now=self._now(),
            tz=self._tz,
            warn_pct=warn,
            crit_pct=crit,
            costs=Costs.of(dashboard.hide_costs),
            own_costs=own_costs(self.settings),
            tile_sections=choice.drawn(dashboard.widget_sections),
            detail_sections=choice.detail_ids(dashboard.detail_sections),
            hides_empty=dashboard.hide_sections_with_no_data,
        )

    def view(self) -> View:
        """How to draw at this moment."""
        palette = self.schemes.get(self.theme).palette
        return msgspec.structs.replace(self._look, palette=palette, now=self._now())

    def change(self, change: Change) -> str:
        """Change settings: on the screen and, if there is one, in their file. The answer is what failed."""
        failed = ""
        try:
            self.settings = applied(self.settings, change) if self._save is None else self._save(change)
        except SettingsError as error:
            failed = f"Not saved: {error.message}"
            self.board.say(failed, self._now())
        else:
            if isinstance(change, Mapping):
                self._take_up(change)
        self.board.arrange(self.settings.dashboard.providers)
        self._look = self._looked()
        self._redraw()
        return failed

    def _take_up(self, change: Mapping[str, object]) -> None:
        """What was chosen is also what is shown now."""
        if "theme" in change:
            self.theme = self.schemes.get(self.settings.theme).name
        if "data.time_window" in change:
            self.board.window = self.settings.data.time_window
            self._poller.set_window(self.board.window)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What goes over everything that is drawn."""
        return [*super().get_line_filters(), *self._plain]

    def get_default_screen(self) -> Screen[None]:
        return FleetScreen() if self._has_fleet else OverviewScreen()

    def show_tiles(self, scope: Scope | None) -> None:
        """The tiles of a row of the fleet, or all of them; only snapshots are asked for meanwhile."""
        self.board.scope, self.board.is_fleet = scope, False
        self._poller.watch_fleet(None)
        self.push_screen(OverviewScreen())

    def show_fleet(self) -> None:
        """Back from tiles, where they were opened out of a fleet; snapshots are not asked for any more."""
        if self._has_fleet and not self.board.is_fleet:
            self.board.scope, self.board.is_fleet = None, True
            self._poller.watch_fleet(self.board.group)
            self.pop_screen()

    def ask_for_fleet(self) -> None:
        """The grouping has changed."""
        self._poller.watch_fleet(self.board.group)
        self._redraw()

    def on_mount(self) -> None:
        self._poller.start()
        if self._listener is not None:
            self._listener.start()
        self.set_interval(1.0, self.tick)
        self.theme_changed_signal.subscribe(self, lambda _: self._redraw())

    def on_ready(self) -> None:
        self._own_loop = asyncio.get_running_loop()
        if self._ending:
            self.exit()

    def on_unmount(self) -> None:
        self._poller.stop()
        if self._listener is not None:
            self._listener.stop()

    def ask_to_end(self) -> None:
        """Leave, and give the terminal back. Safe from signal handlers and other threads."""
        self._ending = True
        if self._own_loop is not None and not self._own_loop.is_closed():
            self._own_loop.call_soon_threadsafe(self.exit)

    def tick(self) -> None:
        """Ages and countdowns go on; nothing is decoded for that."""
        screen = next(reversed(self.screen_stack), None)  # none while the application ends
        if isinstance(screen, Framed) and screen.is_whole:
            screen.tick()

    def _redraw(self) -> None:
        """What is on the screen; help stands above it. Others are drawn when they come back."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Framed):
                screen.redraw()
                return

    def on_dashboard_app_polled(self, message: Polled) -> None:
        outcome = message.outcome
        board, pane = self.board, outcome.pane
        is_asked_for = outcome.window == board.window and (pane is None or pane.pane.group is board.group)
        if outcome.error is None and (not is_asked_for or (pane is not None) is not board.is_fleet):
            return
        if self.board.take(outcome, self._now()):
            self._redraw()
        else:
            self.tick()

    def on_dashboard_app_broken(self, message: Broken) -> None:
        raise message.error

    def action_window(self) -> None:
        """The next time window."""
        board = self.board
        if board.is_hub and not board.is_fleet:
            shown = board.shown_window()
            board.say("Each machine chose its own window" + (f": {shown}." if shown else "."), self._now())
        else:
            board.window = board.next_window()
            self._poller.set_window(board.window)
            if not board.is_hub:
                self.change({"data.time_window": board.window})
        self._redraw()

    def action_costs(self) -> None:
        """Costs of the account: as its plan says, hidden, shown; of a fleet hidden or not."""
        costs, account = self._look.costs, self.board.chosen()
        if self.board.is_fleet:
            self.change({"dashboard.hide_costs": (Costs.AUTO if costs is Costs.HIDE else Costs.HIDE).hide})
        elif account is not None:
            id_ = account.sections.account_id
            own = self._look.own_costs.get(id_, Costs.AUTO)
            self.change(accounts.with_fields(self.account_ids(), id_, hide_costs=own.next().hide))

    def account_ids(self) -> list[str]:
        """The accounts that the settings name and those that there are, each once, in the order of tiles."""
        named = [p.account_id for p in self.settings.dashboard.providers]
        return list(dict.fromkeys([*named, *(a.sections.account_id for a in self.board.accounts)]))

    def action_analytics(self) -> None:
        """All accounts and machines over any days."""
        if isinstance(self.screen, OverviewScreen | FleetScreen):
            self.push_screen(AnalyticsScreen())

    def action_refresh(self) -> None:
        """Ask the source now."""
        self._poller.ask_now()
        self._redraw()

    def action_theme(self, step: int = 1) -> None:
        """The next theme, or the one before."""
        scheme = self.schemes.after(self.theme, step)
        if not self.change({"theme": scheme.name}):
            self.say(f"Theme: {scheme.name}")

    def say(self, text: str) -> None:
        """A sentence in the bar, for a while."""
        self.board.say(text, self._now())
        self._redraw()

    def action_copy(self) -> None:
        """The chosen row, into the clipboard of the terminal."""
        extract = self.screen.extract() if isinstance(self.screen, Framed) else None
        at = self.screen.chosen_row() if isinstance(self.screen, Framed) else None
        if extract is None or at is None or at >= len(extract.rows):
            self.say("There is no row to copy here.")
            return
        self.copy_to_clipboard(export.as_text(extract.columns, extract.rows[at]))
        self.say(f"Copied: {extract.rows[at][0]}")

    def action_export(self, ending: str) -> None:
        """The shown table, as a file."""
        extract = self.screen.extract() if isinstance(self.screen, Framed) else None
        if extract is None or not extract.rows:
            self.say("There is no table to export here.")
            return
        self._save_file(extract.name, ending, export.WRITERS[ending](extract))

    def action_picture(self) -> None:
        """The screen, as a drawing."""
        lines = [list(strip) for strip in self.screen._compositor.render_strips()]
        background = str(self.current_theme.background)
        svg = drawing.svg(lines, self.size.width, f"openusage {self.board.label}", background)
        self._save_file("screen", "svg", svg.encode())

    def _save_file(self, what: str, ending: str, data: bytes) -> None:
        if self._keep is None:
            self.say("Nothing can be saved from here.")
            return
        name = export.file_name(what, self._now().astimezone(self._tz), ending)
        try:
            where = self._keep(name, data)
        except OSError as error:
            self.say(f"Cannot save {name}: {error.strerror or error}")
        else:
            self.say(f"Saved {where}")

    def action_settings(self) -> None:
        """Accounts, sections, theme, view, keys, window, links."""
        self.push_screen(SettingsScreen(self._outside))

    def action_help(self) -> None:
        """The keys that work here."""
        self.push_screen(HelpScreen(self.screen))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette offers what the keys do."""
        acts = [
            ("Window", self.action_window),
            ("Costs", self.action_costs),
            ("Refresh", self.action_refresh),
        ]
        acts += [("Theme", self.action_theme), ("Settings", self.action_settings), ("Help", self.action_help)]
        if isinstance(screen, OverviewScreen | FleetScreen):
            acts += [("Analytics", self.action_analytics)]
            acts += [("Open", screen.action_open), ("Filter", screen.action_filter)]
        if isinstance(screen, OverviewScreen):
            acts += [("View", screen.action_layout)]
        if isinstance(screen, FleetScreen):
            acts += [("Group", screen.action_group), ("Sort", screen.action_sort)]
            acts += [("Accounts", screen.action_accounts), ("Tiles", screen.action_tiles)]
        for title, act in acts:
            yield SystemCommand(title, act.__doc__ or "", act)
        yield SystemCommand("Quit", "Leave the dashboard", self.action_quit)
