"""One account: tabs over its snapshot and its history. Places what tabs have laid out, and answers keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.strip import Strip

from openusage.tui import chrome
from openusage.tui.asking import AskingScreen
from openusage.tui.board import Account
from openusage.tui.canvas import Lines, Page
from openusage.tui.detail import cards, content, extracts, sessions, tabs
from openusage.tui.detail.content import Look
from openusage.tui.detail.laid import Laid, Room
from openusage.tui.detail.session import SessionScreen
from openusage.tui.detail.sessions import Sort
from openusage.tui.detail.tabs import Tab, TabBar
from openusage.tui.export import Extract
from openusage.tui.fleet.rows import Rows
from openusage.tui.frame import leave
from openusage.tui.lines import strip, wrapped
from openusage.tui.panels import GAP
from openusage.tui.rank import Sheet
from openusage.tui.spans import Span
from openusage.tui.view import View
from openusage.wire.rollups import By

_LOW = 16
"""Lines below which what can be left out is."""
_A_SENTENCE = 6
"""Lines of the screen for each line of sentences below."""
_WINDOWS = ("1d", "3d", "7d", "30d", "all")


class DetailScreen(AskingScreen):
    """One account."""

    DEFAULT_CSS = """
    DetailScreen #body { height: 1fr; layout: vertical; }
    DetailScreen #body.-split { layout: horizontal; }
    DetailScreen #left { height: 1fr; }
    DetailScreen #left.-short { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", key_display="⏎", tooltip="what a row is made of: sessions, turns"),
        Binding(
            "tab,right_square_bracket", "beside(1)", "tab", key_display="Tab ]", tooltip="to the next tab"
        ),
        Binding(
            "shift+tab,left_square_bracket", "beside(-1)", "tab before", key_display="Shift+Tab [", show=False
        ),
        *(Binding(str(n), f"tab({n})", "to that tab", show=False) for n in range(1, len(Tab) + 1)),
        Binding("right,l", "card(1)", "next card", key_display="→ l", show=False),
        Binding("left,h", "card(-1)", "card before", key_display="← h", show=False),
        Binding("m", "measure", "measure", tooltip="count cost, tokens or requests"),
        Binding("u", "unit", "hours", tooltip="draw by hour or by day"),
        Binding("d", "days", "dates", tooltip="any days: 2026-10-01..2026-10-31"),
        Binding("w", "window", "window", tooltip="next time window: 1d, 3d, 7d, 30d, all", show=False),
        Binding("s", "sort", "sort", tooltip="sessions by the next column", show=False),
        Binding(
            "slash", "filter", "search", key_display="/", tooltip="sessions by name or project; raw by text"
        ),
        Binding("escape,backspace", "back", "back", key_display="Esc"),
    ]

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key
        self._look = Look()
        self._own_window = ""
        """Of a hub, whose snapshots are over what their machines chose."""
        self._shown_tab: Tab | None = None
        """What the widgets hold."""
        self._starts: list[int] = []
        self._made: tuple[object, object, Laid] | None = None
        """Of what, from which answer, and the tab: it is laid out anew when anything differs."""

    def compose(self) -> ComposeResult:
        yield Lines(id="tiny")
        yield Lines(id="bar")
        yield Lines(id="top")
        yield TabBar(id="tabs")
        with Container(id="body"):
            with Vertical(id="left"):
                yield Lines(id="chart")
                yield Page(id="page")
            yield Rows(self.dashboard.view, id="rows")
        yield Lines(id="below")
        yield self.filter_box("session, project; of Raw any text")
        yield self.days_box()
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.query_one(Rows).display = False
        self.focus_rows()
        self.draw()

    # -- what is on the screen ----------------------------------------------------------------------

    @property
    def account(self) -> Account | None:
        """The account, as its newest snapshot has it; `None`: it is not reported any more."""
        return next((a for a in self.dashboard.board.accounts if a.key == self._key), None)

    @property
    def span(self) -> Span:
        """What time the figures are of."""
        if self.range is not None:
            return self.range
        board = self.dashboard.board
        return Span((self._own_window or self._usual_window()) if board.is_hub else board.window)

    def _usual_window(self) -> str:
        account, window = self.account, self.dashboard.board.window
        told = account.sections.totals.window if account is not None else ""
        return told if told in _WINDOWS else window

    def shown_window(self) -> str | None:
        return None if self.history is None else self.span.words if self.range else self.span.name

    def hints(self) -> Iterable[tuple[str, str]]:
        """The keys that do something on this tab."""
        hidden = set() if self._look.tab in (Tab.SESSIONS, Tab.RAW) else {"search"}
        can_open = self.query_one(Rows).display and self._look.tab is not Tab.TOOLS
        hidden |= set() if can_open else {"open"}
        if self._look.tab in (Tab.SESSIONS, Tab.LIMITS, Tab.RAW):
            hidden |= {"measure", "hours"}
        hidden |= {"measure"} if self._look.tab is Tab.TOOLS else set()
        for key, act in super().hints():
            if act not in hidden:
                yield key, {"hours": "days" if self._look.hours else "hours"}.get(act, act)

    def draw(self) -> None:
        super().draw()
        account, view = self.account, self.dashboard.view()
        width, height = self.size
        if account is None:
            self._say(["This account is not reported any more.", "Esc goes back."], view)
            return
        rule, heading = chrome.rule(width, view.palette), cards.heading(account.sections, width, view)
        is_low = height < _LOW
        self.query_one("#top", Lines).show([rule, *(heading[:1] if is_low else heading)])
        note = content.note(self._look, self.span)
        line = tabs.line(self._look.tab, note, width, view)
        self.query_one("#tabs", Lines).show([line] if is_low else [line, rule])
        fixed = sum(len(self.query_one(f"#{name}", Lines).lines) for name in ("bar", "top", "tabs"))
        room = Room(width, max(height - fixed - 1 - self.is_filtering - self.is_choosing_days, 1))
        found = self._laid(account, room, view)
        if isinstance(found, Laid):
            self._place(found, room)
            self._shown_tab = self._look.tab
        elif found:
            self._say(found, view)

    def _laid(self, account: Account, room: Room, view: View) -> Laid | list[str]:
        """The tab, or sentences instead; no sentence: an answer is under way, all stays as it is."""
        source = self.history
        if self._look.tab is Tab.RAW:
            return self._from_answer(account, account.snapshot, room, view)
        if source is None:
            return content.of_snapshot(account, self._look, room, view, "")
        key, job = content.question(source, account, self._look, self.span, self.moment())
        told = self.want(key, job, object)
        if told is not None:
            return self._from_answer(account, told, room, view)
        said = self.waiting()
        return content.of_snapshot(account, self._look, room, view, said) if said else []

    def _from_answer(self, account: Account, told: object, room: Room, view: View) -> Laid | list[str]:
        """The answer laid out; what no clock changes is kept."""
        minute = view.now.replace(second=0, microsecond=0)
        costs = view.shows_cost(account.sections)
        made_of = (self._look, self.span, room, view.palette, costs, minute)
        known = self._made
        if known is not None and known[0] == made_of and known[1] is told:
            return known[2]
        found = content.of_history(account, told, self._look, self.span, room, view)
        is_still = isinstance(found, Laid) and self._look.tab not in (Tab.OVERVIEW, Tab.LIMITS)
        self._made = (made_of, told, found) if is_still and isinstance(found, Laid) else None
        return found

    def _place(self, found: Laid, room: Room) -> None:
        body, left, rows = self.query_one("#body"), self.query_one("#left"), self.query_one(Rows)
        has_rows = found.rows is not None
        is_split = has_rows and room.is_split and bool(found.chart)
        body.set_class(is_split, "-split")
        left.set_class(has_rows and not is_split, "-short")
        left.styles.width = room.left + GAP if is_split else "1fr"
        rows.styles.width = room.right if is_split else "1fr"
        self.query_one("#chart", Lines).show(found.chart)
        page = self.query_one(Page)
        page.display = not has_rows or is_split
        page.show(found.page)
        rows.display = has_rows
        self._starts = found.starts
        below = [*self._troubles(room), *found.below][: room.height // _A_SENTENCE]
        self.query_one("#below", Lines).show(below)
        height = room.height - len(below)
        if has_rows:
            rows.show(found.rows, [], max(height if is_split else height - len(found.chart), 1))
        if not self.is_filtering and not self.is_choosing_days:
            self.focus_rows()

    def _troubles(self, room: Room) -> list[Strip]:
        """Why what is shown is not of now."""
        said, palette = self.trouble(), self.dashboard.view().palette
        rows = wrapped(said, room.width - 4, 2)
        return [strip([(f"  {row}", palette.warn)], room.width) for row in rows]

    def _say(self, said: list[str], view: View) -> None:
        """Sentences in the middle."""
        page = self.query_one(Page)
        self.query_one(Rows).display = False
        self.query_one("#body").remove_class("-split")
        left = self.query_one("#left")
        left.remove_class("-short")
        left.styles.width = "1fr"
        page.display = True
        self.query_one("#chart", Lines).show([])
        self.query_one("#below", Lines).show([])
        size = page.container_size
        lines: list[Strip] = chrome.centred(said, self.size.width, max(size.height, 1), view.palette)
        page.show(lines)
        self._shown_tab = self._look.tab

    def narrow(self, text: str) -> None:
        self._change(search=text)

    def narrowed(self) -> str:
        return self._look.search

    def focus_rows(self) -> None:
        rows, page = self.query_one(Rows), self.query_one(Page)
        wanted = rows if rows.display else page
        if self.focused is not wanted:
            self.set_focus(wanted)

    def extract(self) -> Extract | None:
        rows, account = self.query_one(Rows), self.account
        if not rows.display or account is None or self._shown_tab is not self._look.tab:
            return None
        where, money = self.dashboard.board.label, self.dashboard.view().shows_cost(account.sections)
        if isinstance(rows.rows, sessions.Sheet):
            return extracts.of_sessions(rows.rows.rows, self.span, where, money=money)
        if isinstance(rows.rows, Sheet):
            by = str(tabs.STACKED_BY[self._look.tab])
            return extracts.of_ranked(rows.rows.rows, by, self.span, where, money=money)
        return None

    def chosen_row(self) -> int | None:
        return self.query_one(Rows).chosen

    # -- what a person does -------------------------------------------------------------------------

    def _change(self, **changes: object) -> None:
        self._look = msgspec.structs.replace(self._look, **changes)

    def _show(self, tab: Tab) -> None:
        if tab is not self._look.tab:
            self.query_one(Page).scroll_to(y=0, animate=False, force=True)
            if self.is_filtering:
                self.show_all()
            self._change(tab=tab, of=None, search="", card=-1)
            self.draw()

    def action_tab(self, number: int) -> None:
        """To that tab."""
        self._show(list(Tab)[number - 1])

    def action_beside(self, step: int) -> None:
        """To the next tab, or the one before."""
        self._show(self._look.tab.beside(step))

    @on(TabBar.Clicked)
    def _tab_clicked(self, event: TabBar.Clicked) -> None:
        tab = tabs.at(event.x, self._look.tab, self.size.width, self.dashboard.view())
        if tab is not None:
            self._show(tab)

    def action_window(self) -> None:
        """The next time window."""
        had_range, self.range = self.range is not None, None
        if self.history is None or not self.dashboard.board.is_hub:
            if had_range:
                self.draw()
            else:
                self.dashboard.action_window()
            return
        if not had_range:
            self._own_window = _WINDOWS[(_WINDOWS.index(self.span.name) + 1) % len(_WINDOWS)]
        self.draw()

    def action_measure(self) -> None:
        """Cost, tokens or requests."""
        account = self.account
        if account is not None:
            told = self.answer()
            possible = content.measures(account, told, self._look.tab, self.dashboard.view())
            if possible:
                at = possible.index(self._look.measure) if self._look.measure in possible else 0
                self._change(measure=possible[(at + 1) % len(possible)])
                self.draw()

    def action_unit(self) -> None:
        """By hour or by day."""
        self._change(hours=not self._look.hours)
        self.draw()

    def action_card(self, step: int) -> None:
        """To the next card of the page, or the one before; after the last comes the first."""
        if self._starts:
            first = -1 if step > 0 else 0
            card = (max(self._look.card, first) + step) % len(self._starts)
            self._change(card=card)
            self.draw()
            self.query_one(Page).scroll_to(y=self._starts[card], animate=False)

    def action_sort(self) -> None:
        """Sessions by the next column."""
        if self._look.tab is Tab.SESSIONS:
            order = list(Sort)
            self._change(sort=order[(order.index(self._look.sort) + 1) % len(order)])
            self.draw()

    @on(Rows.HeadClicked)
    def _head_clicked(self, event: Rows.HeadClicked) -> None:
        drawn = event.rows.rows
        sort = drawn.sort_at(event.x) if isinstance(drawn, sessions.Sheet) else None
        if sort is not None:
            self._change(sort=sort)
            self.draw()

    @on(Rows.Opened)
    def _opened(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """A model's or project's sessions; a session's turns."""
        rows = self.query_one(Rows)
        drawn, at = rows.rows, rows.chosen
        account = self.account
        if self._shown_tab is not self._look.tab or not rows.display or at is None or account is None:
            return
        if isinstance(drawn, sessions.Sheet):
            self.app.push_screen(SessionScreen(drawn.rows[at], account.sections))
        elif isinstance(drawn, Sheet):
            self._open_ranked(drawn, at)

    def _open_ranked(self, drawn: Sheet, at: int) -> None:
        by = tabs.STACKED_BY[self._look.tab]
        row = drawn.rows[at]
        if by is By.TOOL:
            self.dashboard.board.say(
                "Calls of a tool are in the turns of a session.", self.dashboard.view().now
            )
        else:
            of = content.Of(by=by, label=row.label, name=row.name, tab=self._look.tab)
            self._change(tab=Tab.SESSIONS, of=of, search="")
        self.draw()

    def action_filter(self) -> None:
        """Search sessions, or the snapshot."""
        if self._look.tab in (Tab.SESSIONS, Tab.RAW):
            super().action_filter()

    def action_back(self) -> None:
        """A step back: what was typed, what was opened, then all accounts."""
        if self.is_choosing_days:
            self.close_days()
        elif self.is_filtering:
            self.show_all()
        elif self._look.of is not None:
            self._change(tab=self._look.of.tab, of=None)
            self.draw()
        else:
            leave(self)
