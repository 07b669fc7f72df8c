"""The analytics screen: places figures and page, and answers their keys."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip

from openusage.tui import chrome, cuts, panels
from openusage.tui.analytics import figures, page
from openusage.tui.analytics.questions import Analysis, analyse, labels
from openusage.tui.asking import AskingScreen
from openusage.tui.canvas import Lines, Page
from openusage.tui.detail import extracts
from openusage.tui.detail.laid import Room
from openusage.tui.detail.ranked import measures, shown_measure
from openusage.tui.export import Extract
from openusage.tui.lines import clean, strip, wrapped
from openusage.tui.sections.daily import Measure
from openusage.tui.spans import NAMES, Span
from openusage.tui.view import View
from openusage.wire.rollups import By


class _Page(Page):
    """`g` groups, as on the fleet's screen; Home goes to the top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "screen.group", show=False),
        Binding("G", "scroll_end", "bottom", key_display="End G", show=False),
        Binding("home", "scroll_home", "top", key_display="Home", show=False),
    ]


class AnalyticsScreen(AskingScreen):
    """All accounts and machines over any days."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "group", "group", tooltip="the chart by tool, model, project, client, account, machine"),
        Binding("m", "measure", "measure", tooltip="count cost, tokens or requests"),
        Binding("u", "unit", "hours", tooltip="draw by hour or by day"),
        Binding("d", "days", "dates", tooltip="any days: 2026-10-01..2026-10-31"),
        Binding("w", "window", "window", tooltip="next time window: 1d, 3d, 7d, 30d, all", show=False),
        Binding("slash", "filter", "filter", key_display="/", tooltip="filter: names in all rankings"),
        Binding("tab,shift+tab,A", "back", "back", key_display="Tab A", show=False),
        Binding("escape,backspace", "back", "back", key_display="Esc"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._group = By.MODEL
        self._measure = Measure.COST
        self._hours = False
        self._search = ""
        self._window = ""
        """Its own one; empty: the dashboard's."""
        self._made: tuple[Analysis, object, list[Strip]] | None = None
        """The page, and what it was made of: it is made anew when anything differs."""

    def compose(self) -> ComposeResult:
        yield Lines(id="tiny")
        yield Lines(id="bar")
        yield Lines(id="top")
        yield _Page(id="page")
        yield Lines(id="said")
        yield self.filter_box("model, project, tool, client, account or machine")
        yield self.days_box()
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.focus_rows()
        self.draw()

    def narrow(self, text: str) -> None:
        self._search = text

    def narrowed(self) -> str:
        return self._search

    def focus_rows(self) -> None:
        self.set_focus(self.query_one(Page))

    @property
    def span(self) -> Span:
        """What time the figures are of."""
        return self.range or Span(self._window or self.dashboard.board.window)

    def shown_window(self) -> str | None:
        return self.span.words if self.range is not None else self.span.name

    def draw(self) -> None:
        super().draw()
        view, source = self.dashboard.view(), self.history
        width, height = self.size
        if source is None:
            self._say(["This source keeps no history.", "Esc goes back."], view)
            return
        span, moment, group, hours = self.span, self.moment(), self._group, self._hours
        key = (span, group, hours)
        found = self.want(key, lambda: analyse(source, span, moment, group, hours), Analysis)
        if found is None:
            if said := self.waiting():
                self._say([said, "Esc goes back."], view)
            return
        if not found.total.requests:
            self._say(
                [f"Nothing was used: {span.words}.", "w asks for another window, d for any days."], view
            )
            return
        possible = measures(found.total, money=view.shows_money)
        measure = shown_measure(self._measure, possible)
        self._draw_top(found, view, money=Measure.COST in possible)
        caveats = [*cuts.caveats(found.total, measure, found.since, view.tz), *self._flat(view)]
        text = " · ".join(filter(None, [self.trouble(), *caveats]))
        below = [strip([(f"  {row}", view.palette.dim)], width) for row in wrapped(text, width - 4, 2)]
        self.query_one("#said", Lines).show(below)
        note = f"g: by {page.TITLES[group].lower()}   {panels.measures_note(measure, possible)}"
        room = Room(width, height - 6)
        money = Measure.COST in possible
        made_of = (
            measure,
            money,
            room,
            view.palette,
            self._search,
            view.now.replace(second=0, microsecond=0),
        )
        if self._made is None or self._made[0] is not found or self._made[1] != made_of:
            lines = page.draw(
                found, group, measure, room, view, search=self._search, note=note.strip(), money=money
            )
            self._made = found, made_of, lines
        self.query_one(Page).show(self._made[2])

    def _draw_top(self, found: Analysis, view: View, *, money: bool) -> None:
        width, height = self.size
        rows = figures.ROWS if height >= 14 else 1 if height >= 10 else 0
        top = [chrome.rule(width, view.palette), *figures.draw(found, width, rows, view, money=money)]
        self.query_one("#top", Lines).show([*top, chrome.rule(width, view.palette)] if rows else top)

    def _flat(self, view: View) -> list[str]:
        """Whose costs are what the API would have charged."""
        board = self.dashboard.board
        if board.is_fleet:
            names = {a.name for a in board.pane.accounts if a.flat_plan} if board.pane is not None else set()
        else:
            names = {a.sections.name for a in board.accounts if a.sections.flat_plan}
        flat = sorted(map(clean, names))
        if not flat or not view.shows_money:
            return []
        are = "is a flat plan" if len(flat) == 1 else "are flat plans"
        return [f"{', '.join(flat)} {are}: costs are what the API would have charged"]

    def _say(self, said: list[str], view: View) -> None:
        """Sentences in the middle."""
        box = self.query_one(Page)
        self.query_one("#top", Lines).show([chrome.rule(self.size.width, view.palette)])
        self.query_one("#said", Lines).show([])
        box.show(chrome.centred(said, self.size.width, max(self.size.height - 4, 1), view.palette))

    def extract(self) -> Extract | None:
        found = self.answer()
        if not isinstance(found, Analysis) or self._group not in found.cuts:
            return None
        money = self.dashboard.view().shows_money
        ranked = cuts.ranking(found.cuts[self._group], self._measure if money else Measure.TOKENS)
        where = self.dashboard.board.label
        return extracts.of_ranked(ranked, str(self._group), self.span, where, money=money)

    # -- what a person does -------------------------------------------------------------------------

    def action_group(self) -> None:
        """The chart by the next label."""
        if self.history is not None:
            order = list(labels(self.history))
            self._group = order[(order.index(self._group) + 1) % len(order)]
            self.draw()

    def action_measure(self) -> None:
        """Cost, tokens or requests."""
        found = self.answer()
        if isinstance(found, Analysis):
            possible = measures(found.total, money=self.dashboard.view().shows_money)
            at = possible.index(self._measure) if self._measure in possible else 0
            self._measure = possible[(at + 1) % len(possible)]
            self.draw()

    def action_unit(self) -> None:
        """By hour or by day."""
        self._hours = not self._hours
        self.draw()

    def action_window(self) -> None:
        """The next time window."""
        if self.range is not None:
            self.range = None
        else:
            name = self.span.name
            self._window = NAMES[(NAMES.index(name) + 1) % len(NAMES)] if name in NAMES else NAMES[0]
        self.draw()

    def action_back(self) -> None:
        """A step back: what was typed, then to where this was opened."""
        if self.is_choosing_days:
            self.close_days()
        elif self.is_filtering:
            self.show_all()
        else:
            self.app.pop_screen()
