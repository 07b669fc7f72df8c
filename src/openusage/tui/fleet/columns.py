"""The columns of a fleet's table: what stands in them, how wide they are, which give way first. Pure.

Widths are found over all rows; a cell is made when its row is drawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import msgspec
from rich.cells import cell_len

from openusage import format as fmt
from openusage.tui.bars import sparkline, thin
from openusage.tui.fleet.order import Sort
from openusage.tui.fleet.words import OTHER_WINDOW, note, window_title
from openusage.tui.lines import Part, clean, left, right, shortened
from openusage.tui.sections.daily import Measure
from openusage.tui.sections.gauges import level_sign
from openusage.tui.view import View
from openusage.wire.pane import Pane, PaneRow, Used
from openusage.wire.rollups import By
from openusage.words import STATES

_LONGEST_TOP = 20
_BAR, _LONGEST_BAR = 6, 24
_SPARK, _LONGEST_SPARK = 8, 31
_PERCENT = len("100 %")
_AGE = len("59 m")

Cell = Callable[[int, int, View], list[Part]]
"""Place of the row, width of the column, how to draw."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column."""

    title: str
    cell: Cell
    width: int
    priority: int
    """Lower drops out later."""
    is_left: bool = False
    sort: Sort | None = None
    grows: tuple[int, ...] = ()
    """Up to which widths it can use room that is left, in rounds: all columns take what they can of a round
    before the next one."""


def columns(pane: Pane, heard_at: dt.datetime, rows: Sequence[PaneRow], measure: Measure) -> list[Column]:
    """In their order on the screen, without those that would be empty. `heard_at`: when the hub said so."""
    is_machines = pane.group is By.MACHINE
    found: list[Column | None] = []
    if is_machines:
        found.append(_state(rows))
    if pane.window != "1d":
        found.append(_used("TODAY", Sort.TODAY, 2, _figures([r.today for r in rows], measure)))
    figures = _marked(_figures([r.window for r in rows], measure), rows)
    found.append(_used(window_title(pane.window), Sort.WINDOW, 1, figures))
    found.append(_share(rows, measure))
    if measure is Measure.COST:
        found.append(_counted("TOKENS", [r.window.tokens for r in rows], 10))
    found.append(_counted("REQUESTS", [r.window.requests for r in rows], 11))
    found.append(_top("TOP MACHINE" if pane.group is By.MODEL else "TOP MODEL", rows))
    if is_machines:
        found.append(_limit(rows))
    found.append(_spark(rows, measure, len(pane.labels), "BY HOUR" if pane.window == "1d" else "BY DAY"))
    if is_machines:
        found.append(_seen(rows, pane.now, heard_at))
    found.append(_note(rows))
    return [column for column in found if column is not None]


def _widest(title: str, texts: Sequence[str]) -> int:
    return max(cell_len(title), max(map(cell_len, texts), default=0))


def _state(rows: Sequence[PaneRow]) -> Column:
    texts = [STATES[r.machine.state][1] if r.machine else "" for r in rows]
    return Column(
        title="STATE",
        cell=lambda i, width, view: [(texts[i], view.palette.dim)],
        width=_widest("STATE", texts),
        priority=5,
        is_left=True,
    )


def _figures(used: Sequence[Used], measure: Measure) -> list[str]:
    if measure is Measure.COST:
        return fmt.money_column(u.cost_usd for u in used)
    return [fmt.count(u.tokens) for u in used]


def _marked(texts: list[str], rows: Sequence[PaneRow]) -> list[str]:
    """With a mark behind figures of another window, and room for it behind the others."""
    if not any(row.own_window for row in rows):
        return texts
    return [text + (OTHER_WINDOW if row.own_window else " ") for text, row in zip(texts, rows, strict=True)]


def _used(title: str, sort: Sort, priority: int, texts: Sequence[str]) -> Column:
    def cell(index: int, width: int, view: View) -> list[Part]:
        text = texts[index]
        return [(text, view.palette.text if any(map(str.isdigit, text)) else view.palette.dim)]

    return Column(title=title, cell=cell, width=_widest(title, texts), priority=priority, sort=sort)


def _counted(title: str, values: Sequence[float], priority: int) -> Column | None:
    """Told where there is much room."""
    if not any(values):
        return None
    texts = [fmt.count(value) for value in values]
    return Column(
        title=title,
        cell=lambda i, width, view: [(texts[i], view.palette.dim)],
        width=_widest(title, texts),
        priority=priority,
    )


def _share(rows: Sequence[PaneRow], measure: Measure) -> Column:
    """Of what is shown: the figure, and before it a bar by the greatest where there is room for one."""
    if measure is Measure.COST:
        shares = [row.share_pct for row in rows]
    else:
        whole = sum(row.window.tokens for row in rows)
        shares = [100 * row.window.tokens / whole if whole else None for row in rows]
    top = max((pct for pct in shares if pct), default=100.0)

    def cell(index: int, width: int, view: View) -> list[Part]:
        pct, room = shares[index], width - _PERCENT - 1
        figure: Part = (right(fmt.percent(pct), _PERCENT), view.palette.dim)
        if room < _BAR:
            return [figure]
        return [(left(thin((pct or 0.0) / top, room), room) + " ", view.palette.bar), figure]

    return Column(
        title="SHARE",
        cell=cell,
        width=_PERCENT,
        priority=6,
        is_left=True,
        grows=tuple(bar + 1 + _PERCENT for bar in (_BAR, _BAR, _LONGEST_BAR)),
    )


def _top(title: str, rows: Sequence[PaneRow]) -> Column:
    texts = [shortened(fmt.short_model(clean(r.top)), _LONGEST_TOP) if r.top else fmt.MISSING for r in rows]

    def cell(index: int, width: int, view: View) -> list[Part]:
        return [(texts[index], view.palette.text if rows[index].top else view.palette.dim)]

    return Column(title=title, cell=cell, width=_widest(title, texts), priority=7, is_left=True)


def _limit(rows: Sequence[PaneRow]) -> Column | None:
    """`Claude Code 5 h   83 % ▲`: names at the left, figures at the right."""
    if not any(row.limit for row in rows):
        return None
    title = "NEAREST LIMIT"
    texts = [
        shortened(f"{clean(r.limit.name)} {clean(r.limit.gauge.label)}", _LONGEST_TOP) if r.limit else ""
        for r in rows
    ]
    wide = max(max(map(cell_len, texts)), len(title) - _PERCENT - 3)

    def cell(index: int, width: int, view: View) -> list[Part]:
        limit, palette = rows[index].limit, view.palette
        if limit is None:
            return [(left(fmt.MISSING, width), palette.dim)]
        pct = limit.gauge.used_pct
        level = palette.level(pct, view.warn_pct, view.crit_pct)
        figure = f" {right(fmt.percent(pct), _PERCENT)} {level_sign(pct, view)}"
        return [
            (left(texts[index], width - len(figure)), palette.dim),
            (figure, palette.text if level is palette.fill else level),
        ]

    return Column(
        title=title,
        cell=cell,
        width=wide + _PERCENT + 3,
        priority=3,
        is_left=True,
        sort=Sort.LIMIT,
    )


def _spark(rows: Sequence[PaneRow], measure: Measure, labels: int, title: str) -> Column | None:
    """The last days, or hours: as many as there is room for."""
    series = [r.costs if measure is Measure.COST else r.tokens for r in rows]
    if not any(map(any, series)):
        return None

    def cell(index: int, width: int, view: View) -> list[Part]:
        values = list(series[index][-width:])
        return sparkline(values, 1, 1, view.palette, apart=True)[0] if any(values) else []

    return Column(
        title=title,
        cell=cell,
        width=max(len(title), min(labels, _SPARK)),
        priority=8,
        is_left=True,
        grows=(0, min(labels, _LONGEST_SPARK)),
    )


def _seen(rows: Sequence[PaneRow], now: dt.datetime, heard_at: dt.datetime) -> Column:
    """How long ago a machine was heard, by the hub's clock, and since it said so by ours."""

    def age(index: int, elapsed_s: float) -> str:
        machine = rows[index].machine
        return fmt.age((now - machine.last_seen).total_seconds() + elapsed_s) if machine else ""

    def cell(index: int, width: int, view: View) -> list[Part]:
        elapsed_s = max((view.now - heard_at).total_seconds(), 0.0)
        return [(age(index, elapsed_s), view.palette.dim)]

    texts = [age(index, 0.0) for index in range(len(rows))]
    width = max(_AGE, _widest("SEEN", texts))
    return Column(title="SEEN", cell=cell, width=width, priority=4, sort=Sort.SEEN)


def _note(rows: Sequence[PaneRow]) -> Column | None:
    texts = [note(row) for row in rows]
    if not any(texts):
        return None
    return Column(
        title="",
        cell=lambda i, width, view: [(texts[i], view.palette.dim)],
        width=_widest("", texts),
        priority=9,
        is_left=True,
    )
