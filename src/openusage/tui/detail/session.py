"""One session: its turns as rows, and below them why the selected one cost what it did."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import chrome, rank
from openusage.tui.asking import AskingScreen
from openusage.tui.canvas import Lines
from openusage.tui.cuts import UNNAMED, cache_hit_pct
from openusage.tui.detail import extracts, price, questions, turns
from openusage.tui.detail.questions import Turned
from openusage.tui.detail.sessions import at
from openusage.tui.export import Extract
from openusage.tui.fleet.rows import Rows
from openusage.tui.frame import leave
from openusage.tui.lines import Part, blank, clean, packed, strip, wrapped
from openusage.tui.view import View
from openusage.wire.events import EventKind
from openusage.wire.keys import provider_name
from openusage.wire.sections import Sections
from openusage.wire.sessions import SessionRow

_WHY_ROWS = 11
_WHY_FROM = 24
"""Lines of a screen from which on the explanation is there without being asked for."""
_LEAST_ROWS = 4


class SessionScreen(AskingScreen):
    """The turns of a session."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "why", "why this cost", key_display="⏎", tooltip="show or hide why a turn cost so much"
        ),
        Binding(
            "a", "all", "all events", tooltip="also calls of tools and requests, or answers of models only"
        ),
        Binding("escape,backspace", "back", "back", key_display="Esc"),
    ]

    def __init__(self, session: SessionRow, account: Sections) -> None:
        super().__init__()
        self._session, self._account = session, account
        self._shows_all = False
        self._why: bool | None = None
        """`None`: as there is room."""
        self._drawn: turns.Sheet | None = None
        self._made_of: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield Lines(id="tiny")
        yield Lines(id="bar")
        yield Lines(id="top")
        yield Rows(self.dashboard.view, id="rows")
        yield Lines(id="why")
        yield Lines(id="said")
        yield self.filter_box("")
        yield self.days_box()
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.focus_rows()
        self.draw()

    def focus_rows(self) -> None:
        self.set_focus(self.query_one(Rows))

    def narrow(self, text: str) -> None:
        """Turns have no text to look for."""

    def narrowed(self) -> str:
        return ""

    @property
    def _has_money(self) -> bool:
        """Whether costs are shown."""
        return self.dashboard.view().shows_cost(self._account)

    def draw(self) -> None:
        super().draw()
        source, view = self.history, self.dashboard.view()
        width, height = self.size
        top = [chrome.rule(width, view.palette), *self._heading(width, view), blank(width)]
        self.query_one("#top", Lines).show(top)
        room = height - len(top) - len(self.query_one("#bar", Lines).lines) - 1
        session = self._session
        told = None
        if source is not None:
            key = ("turns", session.provider, session.session)
            told = self.want(key, lambda: questions.turns(source, session), Turned)
        if told is None or not told.turns:
            self._draw_nothing(told, room)
            return
        made_of = (told, self._shows_all, width, self._has_money)
        if self._drawn is None or made_of != self._made_of:
            shown = [t for t in told.turns if self._shows_all or t.kind is EventKind.MESSAGE] or told.turns
            self._drawn = turns.sheet(shown, width - 2, view, money=self._has_money)
            self._made_of = made_of
        parts = turns.said(session, told, len(self._drawn), view)
        said = " · ".join([*parts, self.trouble()] if self.trouble() else parts)
        below = [strip([(f"  {line}", view.palette.dim)], width) for line in wrapped(said, width - 4, 2)]
        self.query_one("#said", Lines).show(below)
        why = self._why_rows(room - len(below))
        self.query_one(Rows).show(self._drawn, [], max(room - len(below) - why, 1))
        self._draw_why(why)

    def _why_rows(self, room: int) -> int:
        """Lines of the explanation."""
        wanted = self.size.height >= _WHY_FROM if self._why is None else self._why
        return max(min(_WHY_ROWS + 1, room - _LEAST_ROWS), 0) if wanted and self._has_money else 0

    def _draw_why(self, rows: int) -> None:
        width = self.size.width
        chosen = self.query_one(Rows).chosen
        lines: list[Strip] = []
        if rows and chosen is not None and self._drawn is not None:
            said = price.lines(self._drawn.turns[chosen], width - 4, self.dashboard.view())
            lines = [blank(width), *(Strip.join([blank(2), line, blank(2)]) for line in said)]
            lines = (lines + [blank(width)] * rows)[:rows]
        self.query_one("#why", Lines).show(lines)

    def _draw_nothing(self, told: Turned | None, room: int) -> None:
        said = [self.waiting() or "…"]
        if self.history is None:
            said = ["This source keeps no turns of sessions."]
        elif told is not None:
            said = _nothing(told)
        self.query_one("#why", Lines).show([])
        self.query_one("#said", Lines).show([])
        self.query_one(Rows).show(None, said, max(room, 1))

    def _heading(self, width: int, view: View) -> list[Strip]:
        """Whose session it is, and what it used in the window."""
        session, palette = self._session, view.palette
        used = session.used
        name = clean(session.project or "") or UNNAMED
        first: list[list[Part]] = [
            [(name, palette.strong)],
            [(provider_name(session.provider), palette.text)],
            *([[(clean(session.client), palette.dim)]] if session.client else []),
            [(f"session {clean(session.session)}", palette.dim)],
        ]
        length = fmt.duration((session.last_us - session.first_us) / 1e6)
        when = f"{at(session.first_us, view)} – {at(session.last_us, view)} ({length})"
        figures = [(rank.money_cells([used])[0], "")] if self._has_money else []
        figures += [(fmt.count(used.total_tokens), "tokens"), (fmt.count(used.requests), "requests")]
        if cache_hit_pct(used) is not None:
            figures.append((fmt.percent(cache_hit_pct(used), 1), "cache hit"))
        second: list[list[Part]] = [[(when, palette.dim)]]
        second += [
            [(figure, palette.strong), (f" {word}" if word else "", palette.dim)] for figure, word in figures
        ]
        return [strip([(" ", palette.text), *packed(groups, width - 2)], width) for groups in (first, second)]

    def extract(self) -> Extract | None:
        if self._drawn is None:
            return None
        return extracts.of_turns(self._session, self._drawn.turns, money=self._has_money)

    def chosen_row(self) -> int | None:
        return self.query_one(Rows).chosen

    @on(Rows.Moved)
    def _moved(self) -> None:
        self._draw_why(len(self.query_one("#why", Lines).lines))

    @on(Rows.Opened)
    def _opened(self) -> None:
        self.action_why()

    def action_why(self) -> None:
        """Show or hide the explanation."""
        self._why = not bool(self.query_one("#why", Lines).lines)
        self.draw()

    def action_all(self) -> None:
        """All events, or answers of models only."""
        self._shows_all = not self._shows_all
        self.draw()

    def action_back(self) -> None:
        """To the sessions."""
        leave(self)


def _nothing(told: Turned) -> list[str]:
    """Why there are no turns."""
    if told.pruned:
        return ["The turns of this session are not kept any more, only their sums.", "Esc goes back."]
    return ["Nothing is known of the turns of this session.", "Esc goes back."]
