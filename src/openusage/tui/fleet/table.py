"""The table of a fleet: one line a machine, model, project, …; sorted, filtered, fitted to the width. Pure.

Columns drop out by priority when the width is short; a number is never cut. The texts of all rows are made
once a pane, lines only of the rows in sight.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

import msgspec
from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.bars import sparkline, thin
from openusage.tui.fleet.words import SIGNS, label_of
from openusage.tui.lines import Part, cells, clean, left, right, shortened, strip
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.fleet import MachineState, State
from openusage.wire.pane import Pane, PaneRow, Used
from openusage.wire.rollups import By

LEAST_NAME, _LONGEST_NAME = 10, 28
_LONGEST_TOP = 20
_SHARE_BAR = 6
_SPARK = 14
_GAP = 2
SKEW_S = 60.0
"""A clock that is further off than this is said."""
_LAG_S = 30.0


class Sort(enum.StrEnum):
    """What rows are ordered by."""

    WINDOW = "window"
    TODAY = "today"
    NAME = "name"
    LIMIT = "limit"
    SEEN = "seen"

    def next(self) -> Sort:
        order = list(Sort)
        return order[(order.index(self) + 1) % len(order)]


class Look(msgspec.Struct, frozen=True):
    """How the table is asked for."""

    sort: Sort = Sort.WINDOW
    reverse: bool = False
    filter: str = ""
    measure: Measure = Measure.COST


class Column(msgspec.Struct, frozen=True):
    """One column: its cells as they are drawn, and the widest of them."""

    title: str
    parts: list[list[Part]]
    width: int
    priority: int
    """Lower drops out later."""
    is_left: bool = False


class Sheet(msgspec.Struct, frozen=True):
    """The rows in their order with all columns that fit."""

    rows: list[PaneRow]
    names: list[str]
    columns: list[Column]
    name_title: str
    name_width: int
    width: int


def sheet(pane: Pane, look: Look, width: int, view: View, elapsed_s: float) -> Sheet:
    """All rows, ready to be drawn. `elapsed_s`: since the hub said so."""
    rows = ordered([r for r in pane.rows if matches(r, pane.group, look.filter)], pane.group, look)
    names = [label_of(row, pane.group) for row in rows]
    title = str(pane.group).upper()
    columns = _columns(pane, rows, look.measure, view, elapsed_s)
    longest = min(max(map(cell_len, (title, *names))), _LONGEST_NAME)
    kept = sorted(columns, key=lambda c: c.priority)
    least = min(longest, LEAST_NAME) + 4
    while kept and sum(c.width + _GAP for c in kept) + least > width:
        kept.pop()
    shown = [c for c in columns if c in kept]
    room = width - 4 - sum(c.width + _GAP for c in shown)
    return Sheet(
        rows=rows,
        names=names,
        columns=shown,
        name_title=title,
        name_width=max(min(longest, room), 1),
        width=width,
    )


def head(made: Sheet, view: View) -> Strip:
    """The titles."""
    palette = view.palette
    parts: list[Part] = [("    " + left(made.name_title, made.name_width), palette.dim)]
    for column in made.columns:
        place = left if column.is_left else right
        parts.append((" " * _GAP + place(column.title, column.width), palette.dim))
    return strip(parts, made.width)


def line(made: Sheet, index: int, view: View, *, selected: bool) -> Strip:
    """One row."""
    palette = view.palette
    row, name = made.rows[index], shortened(made.names[index], made.name_width)
    parts: list[Part] = [("▌ " if selected else "  ", palette.accent), _sign(row, view)]
    parts.append((left(name, made.name_width), palette.strong if selected else palette.text))
    for column in made.columns:
        cell = column.parts[index]
        gap = column.width - cells(cell)
        before, after = (0, gap) if column.is_left else (gap, 0)
        parts += [(" " * (_GAP + before), palette.text), *cell, (" " * after, palette.text)]
    return strip(parts, made.width)


def ordered(rows: Sequence[PaneRow], group: By, look: Look) -> list[PaneRow]:
    """The greatest first; names from A on, machines heard last first. What sums up others stays last."""
    use = _by_measure(look.measure)
    keys: dict[Sort, Callable[[PaneRow], tuple[float | str, ...]]] = {
        Sort.WINDOW: lambda r: (-use(r.window), r.label or ""),
        Sort.TODAY: lambda r: (-use(r.today), -use(r.window), r.label or ""),
        Sort.NAME: lambda r: (label_of(r, group).casefold(),),
        Sort.LIMIT: lambda r: (-(r.limit.gauge.used_pct if r.limit else -1.0), r.label or ""),
        Sort.SEEN: lambda r: (-(r.machine.last_seen.timestamp() if r.machine else 0.0), r.label or ""),
    }
    found = sorted((r for r in rows if not r.others), key=keys[look.sort], reverse=look.reverse)
    return [*found, *(r for r in rows if r.others)]


def matches(row: PaneRow, group: By, text: str) -> bool:
    """Whether every word is part of the name, the state, the top model or the tools of a machine."""
    if not text:
        return True
    machine = row.machine
    fields = [label_of(row, group), row.top or ""]
    if machine is not None:
        fields += [SIGNS[machine.state][1], machine.version]
        fields += [part for a in machine.accounts for part in (a.provider, a.account)]
    known = " ".join(fields).casefold()
    return all(word in known for word in text.casefold().split())


def _by_measure(measure: Measure) -> Callable[[Used], float]:
    if measure is Measure.COST:
        return lambda used: (used.cost_usd or 0.0) + used.tokens * 1e-18  # without any cost: by tokens
    return lambda used: used.tokens


def _columns(
    pane: Pane, rows: Sequence[PaneRow], measure: Measure, view: View, elapsed_s: float
) -> list[Column]:
    """In their order on the screen."""
    palette = view.palette
    is_machines = pane.group is By.MACHINE
    top_title = "TOP MACHINE" if pane.group is By.MODEL else "TOP MODEL"
    found = [
        _column("TODAY", _figures([r.today for r in rows], measure, view), 2),
        _column(fmt.window_words(pane.window).upper(), _figures([r.window for r in rows], measure, view), 1),
        _column("SHARE", [_share(r.share_pct, view) for r in rows], 6),
        _column(top_title, [[(_top(r), palette.text)] for r in rows], 7, is_left=True),
    ]
    if pane.window == "1d":
        del found[0]
    if is_machines:
        ages = [_age(r.machine, pane, elapsed_s) for r in rows]
        words = [[(SIGNS[r.machine.state][1] if r.machine else "", palette.dim)] for r in rows]
        found.insert(0, _column("STATE", words, 5, is_left=True))
        found.append(_column("NEAREST LIMIT", _limits(rows, view), 3))
        found.append(_column("SEEN", [[(age, palette.dim)] for age in ages], 4))
    spark = [_spark(r, pane, measure, view) for r in rows]
    found.insert(len(found) - is_machines, _column(_spark_title(pane), spark, 8, is_left=True))
    notes = [[(_note(r), palette.dim)] for r in rows]
    if any(text for [(text, _)] in notes):
        found.append(_column("", notes, 9, is_left=True))
    return [c for c in found if any(text.strip() for cell in c.parts for text, _ in cell)]


def _column(title: str, parts: list[list[Part]], priority: int, *, is_left: bool = False) -> Column:
    width = max(cell_len(title), max(map(cells, parts), default=0))
    return Column(title, parts, width, priority, is_left)


def _figures(used: Sequence[Used], measure: Measure, view: View) -> list[list[Part]]:
    palette = view.palette
    if measure is Measure.COST:
        texts = fmt.money_column(u.cost_usd for u in used)
        known = [u.cost_usd is not None for u in used]
    else:
        texts = [fmt.count(u.tokens) for u in used]
        known = [True for _ in used]
    return [
        [(text, palette.text if is_known else palette.dim)]
        for text, is_known in zip(texts, known, strict=True)
    ]


def _share(pct: float | None, view: View) -> list[Part]:
    palette = view.palette
    figure = right(fmt.percent(pct), 5)
    bar = thin((pct or 0.0) / 100, _SHARE_BAR)
    return [(left(bar, _SHARE_BAR), palette.bar), (" " + figure, palette.dim)]


def _top(row: PaneRow) -> str:
    return shortened(fmt.short_model(clean(row.top)), _LONGEST_TOP) if row.top else fmt.MISSING


def _limits(rows: Sequence[PaneRow], view: View) -> list[list[Part]]:
    """`Claude Code 5 h   83 %`: names at the left, figures at the right."""
    palette = view.palette
    texts = [f"{clean(r.limit.name)} {clean(r.limit.gauge.label)}" if r.limit else "" for r in rows]
    figures = [fmt.percent(r.limit.gauge.used_pct) if r.limit else fmt.MISSING for r in rows]
    wide = min(max(map(cell_len, texts), default=0), _LONGEST_TOP)
    found: list[list[Part]] = []
    for row, text, figure in zip(rows, texts, figures, strict=True):
        style = palette.dim
        if row.limit is not None:
            level = palette.level(row.limit.gauge.used_pct, view.warn_pct, view.crit_pct)
            style = palette.text if level is palette.fill else level
        found.append([(left(shortened(text, wide), wide), palette.dim), (" " + right(figure, 5), style)])
    return found


def _spark(row: PaneRow, pane: Pane, measure: Measure, view: View) -> list[Part]:
    values = row.costs if measure is Measure.COST else row.tokens
    count = min(len(pane.labels), _SPARK)
    return sparkline(list(values[-count:]), 1, 1, view.palette, apart=True)[0] if any(values[-count:]) else []


def _spark_title(pane: Pane) -> str:
    count = min(len(pane.labels), _SPARK)
    return "HOURS" if pane.window == "1d" else f"{count} DAYS"


def _sign(row: PaneRow, view: View) -> Part:
    palette = view.palette
    if row.machine is None:
        return "  ", palette.dim
    style = {State.FRESH: palette.good, State.STALE: palette.warn, State.GONE: palette.dim}
    return SIGNS[row.machine.state][0] + " ", style[row.machine.state]


def _age(machine: MachineState | None, pane: Pane, elapsed_s: float) -> str:
    if machine is None:
        return ""
    return fmt.age((pane.now - machine.last_seen).total_seconds() + elapsed_s)


def _note(row: PaneRow) -> str:
    """What is odd about a row, in few words."""
    parts = [f"figures of {fmt.window_words(row.own_window)}"] if row.own_window else []
    machine = row.machine
    if machine is not None:
        if machine.clock_skew_s is not None and abs(machine.clock_skew_s) >= SKEW_S:
            way = "ahead" if machine.clock_skew_s > 0 else "behind"
            parts.append(f"clock {fmt.age(abs(machine.clock_skew_s))} {way}")
        if machine.lag_s is not None and machine.lag_s >= _LAG_S:
            parts.append(f"{fmt.age(machine.lag_s)} on its way")
        if machine.backlog:
            parts.append(f"{fmt.count(machine.backlog)} records wait")
        if not machine.records and (row.window.tokens or row.own_window):
            parts.append("sends snapshots only")
    return ", ".join(parts)
