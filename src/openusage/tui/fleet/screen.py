"""The fleet screen: places figures, chart, table, accounts and sentences, and answers their keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip

from openusage.client import PaneFrame
from openusage.tui import chrome, extracts
from openusage.tui.board import Scope
from openusage.tui.canvas import Lines
from openusage.tui.days import Stack
from openusage.tui.export import Extract
from openusage.tui.fleet import accounts, chart, figures, layout, table, words
from openusage.tui.fleet.layout import Zones
from openusage.tui.fleet.order import Look, Sort, fitting
from openusage.tui.fleet.rows import Rows
from openusage.tui.frame import Filtered
from openusage.tui.lines import blank, clean, strip
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.pane import GROUPS, Pane
from openusage.wire.rollups import By

_HINTS = ("keep", "clear", "open", "group", "window", "sort", "filter", "row", "accounts", "tiles")
"""What is told first where not all keys have room."""
_A_SENTENCE = 8
"""Lines of the screen for each line of sentences."""
_NOTHING_ROWS = 6
"""Lines for the sentences where rows would be."""


class FleetScreen(Filtered):
    """All machines of a hub."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", key_display="⏎", tooltip="the tiles of the row, or of the account"),
        Binding("g", "group", "group", tooltip="rows by machine, provider, account, model, project, client"),
        Binding("s", "sort(1)", "sort", tooltip="by the next column; S or a click on its head: backwards"),
        Binding("S", "reverse", "the other way round", show=False),
        Binding("left,h", "sort(-1)", "sort by the column at the left", key_display="← h", show=False),
        Binding("right,l", "sort(1)", "sort by the column at the right", key_display="→ l", show=False),
        Binding("slash", "filter", "filter", key_display="/", tooltip="filter: name, state, model, tool"),
        Binding("a", "accounts", "accounts", tooltip="to the accounts, and back to the rows"),
        Binding("v", "tiles", "tiles", tooltip="the tiles of all machines"),
        Binding("A,tab", "app.analytics", "analytics", key_display="A", tooltip="all machines over any days"),
        Binding("m", "measure", "cost/tokens", tooltip="count cost or tokens"),
        Binding("escape", "back", "all rows again", key_display="Esc", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._look = Look()
        self._made: table.Sheet | None = None
        self._stack: Stack | None = None
        self._made_of: tuple[Pane, Look, int] | None = None
        self._shared: accounts.Sheet | None = None

    def compose(self) -> ComposeResult:
        yield Lines(id="tiny")
        yield Lines(id="bar")
        yield Lines(id="top")
        yield Lines(id="chart")
        yield Rows(self.dashboard.view, id="rows")
        yield Lines(id="gap")
        yield Rows(self.dashboard.view, id="accounts")
        yield Lines(id="said")
        yield self.filter_box("name, state, model or tool")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.focus_rows()
        self.draw()

    def narrow(self, text: str) -> None:
        self._look = msgspec.structs.replace(self._look, filter=text)

    def narrowed(self) -> str:
        return self._look.filter

    def focus_rows(self) -> None:
        self.set_focus(self._rows)  # at once: the next key is for it

    @property
    def _rows(self) -> Rows:
        return self.query_one("#rows", Rows)

    @property
    def _accounts(self) -> Rows:
        return self.query_one("#accounts", Rows)

    @property
    def _on_accounts(self) -> bool:
        """The keys are for the accounts."""
        return self.focused is self._accounts

    def hints(self) -> Iterable[tuple[str, str]]:
        """The keys, with what `g` and `s` have chosen."""
        board = self.dashboard.board
        look = fitting(self._look, board.pane) if board.pane is not None else self._look
        column = words.window_title(board.window).lower() if look.sort is Sort.WINDOW else str(look.sort)
        chosen = {
            "group": f"group: {board.group}",
            "sort": f"sort: {column} {'▼' if look.falls else '▲'}",
            "accounts": "rows" if self._on_accounts else "accounts",
        }
        known = {act: key for key, act in super().hints()}
        first = [act for act in _HINTS if act in known]
        for act in [*first, *(act for act in known if act not in first)]:
            yield known[act], chosen.get(act, act)

    # -- what is drawn ------------------------------------------------------------------------------

    def draw(self) -> None:
        super().draw()
        board, view = self.dashboard.board, self.dashboard.view()
        frame = board.pane_frame
        width, height = self.size
        room = height - len(self.query_one("#bar", Lines).lines) - 2 - self.is_filtering
        if frame is None or not (frame.pane.rows or frame.pane.machines):
            self._draw_nothing(max(room, 1), board.nothing_of_fleet(view.now, view.tz))
            return
        pane, measure = frame.pane, self._measure(frame.pane, view)
        made, stack = self._prepared(pane, measure, width - 1)
        shared = accounts.sheet(pane.accounts, width - 2)
        if not len(shared) and self._on_accounts:
            self.focus_rows()
        said = self._said(pane, room // _A_SENTENCE, view)
        zones = layout.shared_out(
            room,
            width,
            rows=len(made) + 1 if len(made) else _NOTHING_ROWS,
            accounts=len(shared) + 1 if len(shared) else 0,
            said=len(said),
            has_chart=stack is not None,
            on_accounts=self._on_accounts,
        )
        self._draw_top(frame, zones.top, view)
        drawn = chart.draw(stack, width, zones.chart, view) if stack is not None else []
        self.query_one("#chart", Lines).show([*drawn, *[blank(width)] * zones.gap])
        self._shared = shared
        self._rows.show(made, self._nothing(pane), max(zones.rows, 1))
        self._draw_below(zones, said[: zones.said], max(room - zones.used, 0))

    def _prepared(self, pane: Pane, measure: Measure, width: int) -> tuple[table.Sheet, Stack | None]:
        """Table and chart, made anew when anything about them has changed."""
        look = msgspec.structs.replace(fitting(self._look, pane), measure=measure)
        known, made = self._made_of, self._made
        if known is None or made is None or known[0] is not pane or known[1:] != (look, width):
            heard_at = self.dashboard.board.pane_heard_at or pane.now
            made = self._made = table.sheet(pane, heard_at, look, width)
            self._stack = chart.stacked(pane, measure)
            self._made_of = pane, look, width
        return made, self._stack

    def tick(self) -> None:
        """Ages and countdowns: no zone changes its size."""
        frame = self.dashboard.board.pane_frame
        top = self.query_one("#top", Lines)
        if frame is None or self._rows.chosen is None:
            self.draw()
            return
        bar = len(self.query_one("#bar", Lines).lines)
        super().draw()
        if len(self.query_one("#bar", Lines).lines) != bar:
            self.draw()
            return
        self._draw_top(frame, len(top.lines) - 1, self.dashboard.view())
        self._rows.tick()
        self._accounts.tick()

    def _draw_top(self, frame: PaneFrame, rows: int, view: View) -> None:
        width = self.size.width
        top = [chrome.rule(width, view.palette), *figures.draw(frame.pane, width, rows, view)]
        self.query_one("#top", Lines).show(top)

    def _said(self, pane: Pane, most: int, view: View) -> list[Strip]:
        """Warnings, and what a reader should know of the figures."""
        width, palette = self.size.width, view.palette
        wrong = [strip([(f"  ▸ {text}", palette.warn)], width) for text in words.warnings(pane)]
        plain = words.packed(words.sentences(pane, view), width - 4, rows=most)
        return [*wrong, *(strip([(f"  {text}", palette.dim)], width) for text in plain)]

    def _draw_below(self, zones: Zones, said: list[Strip], rest: int) -> None:
        width = self.size.width
        empty: list[Strip] = [blank(width)] * zones.gap
        self.query_one("#gap", Lines).show(empty if zones.accounts else [])
        self._accounts.display = bool(zones.accounts)
        self._accounts.show(self._shared, [], max(zones.accounts, 1))
        filled = [blank(width)] * rest
        self.query_one("#said", Lines).show([*empty, *said, *filled] if said else filled)

    def _draw_nothing(self, room: int, said: list[str]) -> None:
        """Sentences in the middle of the screen."""
        view = self.dashboard.view()
        self.query_one("#top", Lines).show([chrome.rule(self.size.width, view.palette)])
        for zone in ("#chart", "#gap", "#said"):
            self.query_one(zone, Lines).show([])
        self._accounts.display = False
        self._rows.show(None, said, room)

    def _measure(self, pane: Pane, view: View) -> Measure:
        """Tokens when money is not to be seen, or none is known."""
        totals = pane.totals
        costs = totals.window.cost_usd is not None or totals.today.cost_usd is not None
        return self._look.measure if view.shows_money and costs else Measure.TOKENS

    def _nothing(self, pane: Pane) -> list[str]:
        """What to say where rows would be, of a hub that has machines."""
        if pane.rows:
            return [f"No {pane.group} matches “{clean(self._look.filter)}”.", "Esc clears the filter."]
        return [f"Nothing was used: {words.window_title(pane.window).lower()}.", "w asks for another window."]

    def extract(self) -> Extract | None:
        board, made, shared = self.dashboard.board, self._made, self._shared
        if board.pane is None or made is None:
            return None
        if self._on_accounts and shared is not None:
            return extracts.of_accounts(board.pane, shared.accounts, shared.names, board.label)
        return extracts.of_rows(board.pane, made.rows, made.names, board.label)

    def chosen_row(self) -> int | None:
        if not self._on_accounts:
            return self._rows.chosen
        at, shared = self._accounts.chosen, self._shared
        if at is None or shared is None:
            return None
        return sum(len(account.gauges) for account in shared.accounts[:at])

    # -- what a person does -------------------------------------------------------------------------

    def action_open(self) -> None:
        """The tiles of the selected row, or of the selected account."""
        pane = self.dashboard.board.pane
        if pane is None:
            return
        scope = self._account_scope() if self._on_accounts else self._row_scope(pane.group)
        if scope is not None:
            self.dashboard.show_tiles(scope)

    def _row_scope(self, group: By) -> Scope | None:
        at = self._rows.chosen
        if at is None or self._made is None:
            return None
        row = self._made.rows[at]
        if row.label is None:
            said = "This line is a sum: it has no tiles of its own."
            self.dashboard.board.say(said, self.dashboard.view().now)
            self.draw()
            return None
        return Scope(by=group, label=self._made.names[at], key=row.label, models=tuple(row.models))

    def _account_scope(self) -> Scope | None:
        at = self._accounts.chosen
        if at is None or self._shared is None:
            return None
        account = self._shared.accounts[at]
        return Scope(
            by=By.ACCOUNT,
            label=self._shared.names[at],
            key=account.account,
            provider=account.provider,
            machines=tuple(account.machines),
        )

    def action_tiles(self) -> None:
        """The tiles of all machines."""
        self.dashboard.show_tiles(None)

    def action_group(self) -> None:
        """What rows stand for: machine, provider, account, model, project, client."""
        board = self.dashboard.board
        board.group = GROUPS[(GROUPS.index(board.group) + 1) % len(GROUPS)]
        self.dashboard.ask_for_fleet()

    def action_sort(self, step: int = 1) -> None:
        """By the next column."""
        if self._made is not None:
            sorts = self._made.sorts
            self._order(sorts[(sorts.index(self._made.look.sort) + step) % len(sorts)])

    def action_reverse(self) -> None:
        """The other way round."""
        if self._made is not None:
            self._order(self._made.look.sort, reverse=not self._made.look.reverse)

    def _order(self, sort: Sort, *, reverse: bool = False) -> None:
        self._look = msgspec.structs.replace(self._look, sort=sort, reverse=reverse)
        self.draw()

    def action_measure(self) -> None:
        """Cost or tokens."""
        other = Measure.TOKENS if self._look.measure is Measure.COST else Measure.COST
        self._look = msgspec.structs.replace(self._look, measure=other)
        self.draw()

    def action_accounts(self) -> None:
        """To the accounts, and back to the rows."""
        if self._on_accounts:
            self.focus_rows()
        elif self.dashboard.board.pane is not None and self.dashboard.board.pane.accounts:
            self._accounts.display = True
            self.set_focus(self._accounts)

    def action_back(self) -> None:
        """From the accounts to the rows; then all rows again."""
        if self._on_accounts:
            self.focus_rows()
        else:
            self.show_all()

    @on(Rows.Opened)
    def _opened(self) -> None:
        self.action_open()

    @on(Rows.HeadClicked, "#rows")
    def _head_clicked(self, event: Rows.HeadClicked) -> None:
        if self._made is not None and (sort := self._made.sort_at(event.x)) is not None:
            look = self._made.look
            self._order(sort, reverse=sort is look.sort and not look.reverse)
