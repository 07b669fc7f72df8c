"""The dashboard: one application for this machine, a hub and a hub's viewer.

It joins state, poller and screens.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from openusage.client import HistorySource, PaneSource, SnapshotSource
from openusage.tui.analytics.screen import AnalyticsScreen
from openusage.tui.board import Board, Decode, Decoder, Outcome, Scope
from openusage.tui.fleet.screen import FleetScreen
from openusage.tui.frame import Framed, HelpScreen
from openusage.tui.listener import Changes, Listener
from openusage.tui.palette import DARK, LIGHT, PALETTES, THEMES
from openusage.tui.poller import Poller
from openusage.tui.screens import OverviewScreen
from openusage.tui.view import Costs, View
from openusage.wire.decode import decode

LOCAL_REFRESH_S = 1.0
"""So that a new turn is on the screen within two seconds: reading and drawing it takes a part of them."""

EMPTY_LOCAL = "No coding tool found on this machine.\nTo see the dashboard with invented data: make demo"
EMPTY_HUB = (
    "No machine has pushed yet.\nSet export.target in ~/.config/openusage/settings.json of each machine."
)


class DashboardApp(App[None]):
    """Shows what a source knows; changes nothing but the time window."""

    TITLE = "openusage"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "window", "window", tooltip="next time window: 1d, 3d, 7d, 30d, all"),
        Binding("c", "costs", "costs", tooltip="costs: as the plan says, hidden, shown"),
        Binding("r", "refresh", "refresh", tooltip="ask for new data now"),
        Binding("t", "theme", "theme", tooltip="dark or light", show=False),
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
        window: str = "30d",
        refresh_s: float = 30,
        thresholds: tuple[float, float] = (80.0, 95.0),
        hide_costs: bool | None = None,
        now: Callable[[], dt.datetime],
        tz: dt.tzinfo,
        tz_name: str = "UTC",
        history: HistorySource | None = None,
        changes: Changes | None = None,
        save_window: Callable[[str], None] | None = None,
        empty_text: str = "",
        decode: Decode = decode,
    ) -> None:
        super().__init__()
        self._now, self._tz, self.tz_name = now, tz, tz_name
        self.history = history or (source if isinstance(source, HistorySource) else None)
        """Who answers what snapshots do not hold; `None`: nobody."""
        self._thresholds = thresholds
        self._save_window = save_window
        self._costs = {None: Costs.AUTO, True: Costs.HIDE, False: Costs.SHOW}[hide_costs]
        text = empty_text or (EMPTY_HUB if source.is_hub else EMPTY_LOCAL)
        self.board = Board(label=source.label, is_hub=source.is_hub, window=window, empty_text=text)
        panes = source if source.is_hub and isinstance(source, PaneSource) else None
        self._poller = Poller(
            source,
            Decoder(decode, now),
            panes=panes,
            tz_name=tz_name,
            window=window,
            every_s=refresh_s if source.is_hub else min(refresh_s, LOCAL_REFRESH_S),
            deliver=lambda outcome: self.post_message(self.Polled(outcome)),
            broken=lambda error: self.post_message(self.Broken(error)),
        )
        self._listener = Listener(changes, self._poller.hint) if changes is not None else None
        self._has_fleet = panes is not None
        self.board.is_fleet = self._has_fleet
        self._poller.watch_fleet(self.board.group if self._has_fleet else None)
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._ending = False
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK

    def view(self) -> View:
        """How to draw at this moment."""
        warn, crit = self._thresholds
        palette = PALETTES.get(self.theme, PALETTES[DARK])
        return View(
            palette=palette, now=self._now(), tz=self._tz, warn_pct=warn, crit_pct=crit, costs=self._costs
        )

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
        if isinstance(self.screen, Framed) and self.screen.is_whole:
            self.screen.tick()

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
        self.board.take(outcome, self._now())
        self._redraw()

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
            if self._save_window is not None:
                self._save_window(board.window)
        self._redraw()

    def action_costs(self) -> None:
        """Costs: as the plan says, hidden, shown; of a fleet hidden or shown."""
        if self.board.is_fleet:
            self._costs = Costs.SHOW if self._costs is Costs.HIDE else Costs.HIDE
        else:
            self._costs = self._costs.next()
        self._redraw()

    def action_analytics(self) -> None:
        """All accounts and machines over any days."""
        if isinstance(self.screen, OverviewScreen | FleetScreen):
            self.push_screen(AnalyticsScreen())

    def action_refresh(self) -> None:
        """Ask the source now."""
        self._poller.ask_now()
        self._redraw()

    def action_theme(self) -> None:
        """Dark or light."""
        self.theme = LIGHT if self.theme == DARK else DARK

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
        acts += [("Dark or light", self.action_theme), ("Help", self.action_help)]
        if isinstance(screen, OverviewScreen | FleetScreen):
            acts += [("Analytics", self.action_analytics)]
            acts += [("Open", screen.action_open), ("Filter", screen.action_filter)]
        if isinstance(screen, FleetScreen):
            acts += [("Group", screen.action_group), ("Sort", screen.action_sort)]
            acts += [("Accounts", screen.action_accounts), ("Tiles", screen.action_tiles)]
        for title, act in acts:
            yield SystemCommand(title, act.__doc__ or "", act)
        yield SystemCommand("Quit", "Leave the dashboard", self.action_quit)
