"""The turns of one session as rows: numbers, never a text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import table
from openusage.tui.cuts import UNNAMED
from openusage.tui.detail.questions import Turned
from openusage.tui.lines import Part, clean, left, right, shortened, strip
from openusage.tui.spans import moment_of
from openusage.tui.view import View
from openusage.wire.events import EventKind, Outcome, TokenCounts
from openusage.wire.sessions import CostKnown, SessionRow, Turn

_EDGE, _GAP = 2, 2
_LEAST_NAME = 16
_APART = 4
"""Cells between the longest name and the figures, where there is more room than that."""

_ENDS = {Outcome.OK: "", Outcome.ERROR: "  failed", Outcome.ABORTED: "  cancelled", None: ""}


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All turns, ready to be drawn: `fleet.rows.Drawn`."""

    turns: list[Turn]
    times: list[str]
    names: list[str]
    columns: list[table.Column]
    widths: list[int]
    """Of the columns: found once, over all rows."""
    time_width: int
    name_width: int
    width: int

    def __len__(self) -> int:
        return len(self.turns)

    def key(self, index: int) -> str:
        turn = self.turns[index]
        return f"{turn.at_us}\0{turn.kind}\0{self.names[index]}\0{turn.tokens.total}"

    def head(self, view: View) -> Strip:
        """The titles."""
        parts: list[Part] = [(" " * _EDGE + left("TIME", self.time_width + _GAP), view.palette.dim)]
        parts.append((left("MODEL", self.name_width), view.palette.dim))
        parts += [
            (" " * c.gap + right(c.title, wide), view.palette.dim)
            for c, wide in zip(self.columns, self.widths, strict=True)
        ]
        return strip(parts, self.width)

    def line(self, index: int, view: View, *, selected: bool, focused: bool) -> Strip:
        """One turn; what is no answer of a model is dim."""
        palette, turn = view.palette, self.turns[index]
        is_message = turn.kind is EventKind.MESSAGE
        parts: list[Part] = [("▌ " if selected else "  ", palette.accent if focused else palette.dim)]
        parts.append((left(self.times[index], self.time_width + _GAP), palette.dim))
        name = shortened(self.names[index], self.name_width)
        parts.append((left(name, self.name_width), palette.text if is_message else palette.dim))
        for column, wide in zip(self.columns, self.widths, strict=True):
            cell = column.cells[index]
            known = any(map(str.isdigit, cell))
            style = palette.dim if not known else palette.strong if column.strong else palette.text
            parts.append((" " * column.gap + right(cell, wide), style))
        return strip(parts, self.width)


def sheet(turns: Sequence[Turn], width: int, view: View, *, money: bool) -> Sheet:
    """The newest first, with all columns that fit."""
    days = {moment_of(t.at_us).astimezone(view.tz).date() for t in turns}
    form = "%H:%M:%S" if len(days) <= 1 else "%d %b %H:%M:%S"
    times = [f"{moment_of(t.at_us).astimezone(view.tz):{form}}" for t in turns]
    names = [name(turn) for turn in turns]
    time = max(map(len, times), default=4)
    longest = min(max(map(len, ("MODEL", *names))), 40)
    room = width - _EDGE - time - _GAP
    kept = table.chosen(_columns(turns, money=money), room - min(longest, _LEAST_NAME, room // 2))
    return Sheet(
        turns=list(turns),
        times=times,
        names=names,
        columns=kept,
        widths=[c.width for c in kept],
        time_width=time,
        name_width=max(min(room - sum(c.width + c.gap for c in kept), longest + _APART), 1),
        width=width,
    )


def name(turn: Turn) -> str:
    """The model; of other events what they were."""
    if turn.kind is EventKind.TOOL:
        return f"· {clean(turn.tool or '') or UNNAMED}{_ENDS[turn.outcome]}"
    if turn.kind is EventKind.TURN:
        return "› request"
    agent = f"  ({clean(turn.agent)})" if turn.agent else ""
    return (clean(turn.model or "") or UNNAMED) + agent


_KINDS: tuple[tuple[str, Callable[[TokenCounts], int | None], int], ...] = (
    ("IN", lambda t: t.input, 3),
    ("OUT", lambda t: t.output, 2),
    ("CACHE R", lambda t: t.cache_read, 4),
    ("CACHE W", lambda t: _written(t), 5),
    ("REASON", lambda t: t.reasoning, 6),
)


def _written(tokens: TokenCounts) -> int | None:
    known = [n for n in (tokens.cache_write_5m, tokens.cache_write_1h) if n is not None]
    return sum(known) if known else None


def _columns(turns: Sequence[Turn], *, money: bool) -> list[table.Column]:
    found = []
    for title, figure, priority in _KINDS:
        values = [figure(t.tokens) if t.kind is EventKind.MESSAGE else None for t in turns]
        if any(v is not None for v in values):
            cells = [_count(v, t) for v, t in zip(values, turns, strict=True)]
            found.append(table.Column(title=title, cells=cells, priority=priority))
    totals = [_count(t.tokens.total, t) for t in turns]
    found.append(table.Column(title="TOKENS", cells=totals, priority=1))
    marks = [_mark(t) for t in turns]
    if money:
        costs = [_cost(t) for t in turns]
        found.append(table.Column(title="COST", cells=costs, priority=0, strong=True))
    if any(marks):
        width = max(map(len, marks))
        found.append(table.Column(title="", cells=[left(m, width) for m in marks], priority=2))
    return found


def _count(value: int | None, turn: Turn) -> str:
    return fmt.count(value) if turn.kind is EventKind.MESSAGE else ""


def _cost(turn: Turn) -> str:
    """Four digits behind the point: a turn costs little."""
    if turn.kind is not EventKind.MESSAGE:
        return ""
    return "unpriced" if turn.cost_nano is None else fmt.exact_usd(turn.cost_nano, 4)


def _mark(turn: Turn) -> str:
    """What is odd about the figures."""
    marks = ["est."] if turn.estimated or (turn.price is not None and turn.price.estimated) else []
    return " ".join([*marks, *(["rep."] if turn.known is CostKnown.REPORTED else [])])


def said(session: SessionRow, told: Turned, shown: int, view: View) -> list[str]:
    """How much of the session there is."""
    kept = told.total - told.pruned
    parts = [f"{shown:,} of {kept:,} events"]
    if told.pruned:
        since = moment_of(told.raw_from_us).astimezone(view.tz) if told.raw_from_us else None
        before = f" of before {since.day} {since:%b %Y}" if since is not None else ""
        parts.append(f"{told.pruned:,}{before} are not kept any more, only their sums")
    if len(session.machines) > 1:
        parts.append("used on " + ", ".join(clean(m.name) for m in session.machines))
    return parts
