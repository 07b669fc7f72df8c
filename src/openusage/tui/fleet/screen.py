"""The fleet screen: places figures, chart, table and accounts, and answers their keys."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widgets import Input

from openusage.tui import chrome, overview
from openusage.tui.canvas import Lines
from openusage.tui.fleet import accounts, chart, figures, table
from openusage.tui.fleet.rows import Rows
from openusage.tui.fleet.table import Look, Sheet
from openusage.tui.lines import blank, strip
from openusage.tui.screens import OverviewScreen, _Framed
from openusage.tui.sections.daily import Measure
from openusage.tui.view import Costs, View
from openusage.wire.pane import GROUPS, Pane
from openusage.wire.rollups import By

_LEAST_TABLE = 7
"""Lines of the table that chart and accounts leave it at least."""
_MOST_ACCOUNTS = 6


class FleetScreen(_Framed):
    """All machines of a hub."""

    DEFAULT_CSS = """
    FleetScreen #filter { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    FleetScreen #filter.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", key_display="⏎", tooltip="the tiles of the machine, or of all"),
        Binding("g", "group", "group", tooltip="rows by machine, provider, account, model, project, client"),
        Binding("s", "sort", "sort", tooltip="sort by window, today, name, limit, seen"),
        Binding("S", "reverse", "the other way round", show=False),
        Binding("slash", "filter", "filter", key_display="/", tooltip="filter: name, state, model, tool"),
        Binding("m", "measure", "cost/tokens", tooltip="count cost or tokens"),
        Binding("v", "tiles", "tiles", tooltip="the tiles of all machines"),
        Binding("escape", "clear", "all rows again", key_display="Esc", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._look = Look()

    def compose(self) -> ComposeResult:
        yield Lines(id="tiny")
        yield Lines(id="bar")
        yield Lines(id="top")
        yield Lines(id="chart")
        yield Rows(self.dashboard.view, id="rows")
        yield Lines(id="accounts")
        yield Input(placeholder="name, state, model or tool", id="filter", compact=True)
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.query_one(Rows).focus()
        self.draw()

    def on_screen_resume(self) -> None:
        self.dashboard.watch_fleet(True)

    def on_screen_suspend(self) -> None:
        self.dashboard.watch_fleet(False)

    def draw(self) -> None:
        super().draw()
        board, view = self.dashboard.board, self.dashboard.view()
        pane = board.pane
        width, height = self.size
        if pane is None:
            for zone in ("#top", "#chart", "#accounts"):
                self.query_one(zone, Lines).show([])
            self.query_one(Rows).show(None, board.nothing_of_fleet(view.now, view.tz))
            return
        measure = self._measure(view)
        top_rows = overview.rows(width, height) if pane.rows else 0
        top = [chrome.rule(width, view.palette), *figures.draw(pane, width, top_rows, view)]
        made = table.sheet(
            pane,
            msgspec.structs.replace(self._look, measure=measure),
            width - 1,
            view,
            board.elapsed_s(view.now),
        )
        self.query_one("#top", Lines).show(top)
        above = len(self.query_one("#bar", Lines).lines) + len(top)
        spare = height - above - 1 - self.query_one("#filter", Input).has_class("-open")
        self._share_out(pane, made, spare, view, measure)

    def _share_out(self, pane: Pane, made: Sheet, spare: int, view: View, measure: Measure) -> None:
        """Chart, table and accounts in `spare` lines: the table has what it needs, up to half of them."""
        width = self.size.width
        below = self._below(pane, spare, view)
        wanted = len(made.rows) + 1 if made.rows else _LEAST_TABLE
        least = min(wanted, max(_LEAST_TABLE, spare // 2))
        chart_rows = chart.rows(spare - len(below) - least, width)
        drawn = chart.draw(pane, width, chart_rows, view, measure) or [blank(width)]
        rows = self.query_one(Rows)
        rows.styles.height = min(wanted, spare - len(below) - len(drawn))
        rest = spare - len(below) - len(drawn) - min(wanted, spare - len(below) - len(drawn))
        self.query_one("#chart", Lines).show(drawn)
        self.query_one("#accounts", Lines).show([*below, *[blank(width)] * rest])
        rows.show(made if made.rows else None, self._nothing(pane))

    def _measure(self, view: View) -> Measure:
        """Tokens when money is not to be seen."""
        return Measure.TOKENS if view.costs is Costs.HIDE else self._look.measure

    def _below(self, pane: Pane, spare: int, view: View) -> list[Strip]:
        """Accounts, and how often something was counted once, as far as there is room."""
        width = self.size.width
        room = min(_MOST_ACCOUNTS, spare - _LEAST_TABLE - 1)
        lines = accounts.draw(pane.accounts, width, room, view)
        said = _once(pane)
        if said and spare - len(lines) > _LEAST_TABLE + 3:
            lines.append(strip([(f"  {said}", view.palette.dim)], width))
        return [blank(width), *lines] if lines else []

    def _nothing(self, pane: Pane) -> list[str]:
        if pane.rows:
            return [f"No row matches “{self._look.filter}”.", "Esc clears the filter."]
        return [line for line in self.dashboard.board.empty_text.splitlines() if line]

    def action_open(self) -> None:
        """The tiles of the selected machine; of another group, those of all machines."""
        row = self.query_one(Rows).chosen
        pane = self.dashboard.board.pane
        if row is None or pane is None:
            return
        self._open_tiles((row.label or "") if pane.group is By.MACHINE else "")

    def action_tiles(self) -> None:
        """The tiles of all machines."""
        self._open_tiles("")

    def _open_tiles(self, machine: str) -> None:
        self.dashboard.board.machine = machine
        self.app.push_screen(OverviewScreen())

    def action_group(self) -> None:
        """What rows stand for: machine, provider, account, model, project, client."""
        board = self.dashboard.board
        board.group = GROUPS[(GROUPS.index(board.group) + 1) % len(GROUPS)]
        board.say(f"Rows by {board.group}.", self.dashboard.view().now)
        self.dashboard.ask_for_fleet()

    def action_sort(self) -> None:
        """By the next column."""
        self._look = msgspec.structs.replace(self._look, sort=self._look.sort.next(), reverse=False)
        self._say_order()

    def action_reverse(self) -> None:
        """The other way round."""
        self._look = msgspec.structs.replace(self._look, reverse=not self._look.reverse)
        self._say_order()

    def _say_order(self) -> None:
        order = f"Sorted by {self._look.sort}{', reversed' if self._look.reverse else ''}."
        self.dashboard.board.say(order, self.dashboard.view().now)
        self.draw()

    def action_measure(self) -> None:
        """Cost or tokens."""
        other = Measure.TOKENS if self._look.measure is Measure.COST else Measure.COST
        self._look = msgspec.structs.replace(self._look, measure=other)
        self.draw()

    def action_filter(self) -> None:
        """Type a part of a name, state, model or tool."""
        box = self.query_one("#filter", Input)
        box.add_class("-open")
        box.value = self._look.filter
        box.focus()

    def action_clear(self) -> None:
        """All rows again."""
        self.query_one("#filter", Input).value = ""
        self._look = msgspec.structs.replace(self._look, filter="")
        self._close_filter()

    def _close_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.set_class(bool(box.value), "-open")
        self.query_one(Rows).focus()
        self.draw()

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        self._look = msgspec.structs.replace(self._look, filter=event.value)
        self.draw()

    @on(Input.Submitted, "#filter")
    def _kept(self) -> None:
        self._close_filter()

    @on(Rows.Opened)
    def _opened(self) -> None:
        self.action_open()


def _once(pane: Pane) -> str:
    """What was on several machines."""
    if not pane.history:
        return "This hub keeps no history: each machine's figures are of its own window, as it last sent them"
    if not pane.copies:
        return ""
    were = "1 event was" if pane.copies == 1 else f"{pane.copies:,} events were"
    return f"{were} on more than one machine and {'is' if pane.copies == 1 else 'are'} counted once"
