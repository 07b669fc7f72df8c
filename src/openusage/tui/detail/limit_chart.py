"""How far each limit of an account was used over time: a small area a limit, under each other. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.bars import area
from openusage.tui.lines import blank, clean, fit, left, strip
from openusage.tui.spans import moment_of, us
from openusage.tui.view import View
from openusage.wire.rollups import Window
from openusage.wire.sections import Gauge
from openusage.wire.sessions import LimitHistory, LimitPoint

_ROWS = 3
_LEAST_WIDTH = 20
_MOST_LABEL = 14
_NOTE = len("  up to 100 %")


def draw(
    gauges: Sequence[Gauge], told: Sequence[LimitHistory], window: Window, width: int, view: View
) -> list[Strip]:
    """All limits that readings tell of, on one axis of time; nothing where there is none, or no room."""
    points = {history.key: history.points for history in told}
    shown = [gauge for gauge in gauges if len(points.get(gauge.key, ())) > 1]
    if not shown:
        return []
    label = min(max(cell_len(clean(g.label)) for g in shown), _MOST_LABEL)
    room = width - label - 2 - _NOTE
    to_us = min(us(view.now), window.to_us or us(view.now))
    from_us = max(window.from_us or 0, min(points[g.key][0].at_us for g in shown))
    if room < _LEAST_WIDTH or from_us >= to_us:
        return []
    lines: list[Strip] = []
    for gauge in shown:
        shares = columns(points[gauge.key], from_us, to_us, room)
        most = max((share for share in shares if share is not None), default=0.0)
        drawn = area([s and s / 100 for s in shares], _ROWS, lambda s: _level(100 * s, view), view.palette)
        for row, parts in enumerate(drawn):
            first = left(fit(clean(gauge.label), label), label) if row == _ROWS - 1 else " " * label
            note = f"  up to {fmt.percent(most)}" if row == _ROWS - 1 else ""
            ends = [(first + "  ", view.palette.text), *parts, (note, view.palette.dim)]
            lines.append(strip(ends, width))
        lines.append(blank(width))
    return [*lines[:-1], _axis(label + 2, room, from_us, to_us, width, view)]


def _level(used_pct: float, view: View) -> Style:
    return view.palette.level(used_pct, view.warn_pct, view.crit_pct)


def columns(points: Sequence[LimitPoint], from_us: int, to_us: int, count: int) -> list[float | None]:
    """The highest share in each of `count` equal parts of the time; `None` before the first reading."""
    found: list[float | None] = []
    held: float | None = None
    at = 0
    for column in range(1, count + 1):
        end_us = from_us + (to_us - from_us) * column // count
        within = [] if held is None else [held]
        while at < len(points) and points[at].at_us < end_us:
            held = points[at].used_pct
            within = [*within, held] if points[at].at_us >= from_us else [held]
            at += 1
        found.append(max(within, default=None))
    return found


def _axis(indent: int, room: int, from_us: int, to_us: int, width: int, view: View) -> Strip:
    """When it begins and ends."""
    begins = _said(moment_of(from_us), view)
    ends = "now" if to_us >= us(view.now) else _said(moment_of(to_us), view)
    gap = " " * max(room - len(begins) - len(ends), 1)
    return strip([(" " * indent + begins + gap + ends, view.palette.dim)], width)


def _said(at: dt.datetime, view: View) -> str:
    local = at.astimezone(view.tz)
    return f"{local.day} {local:%b %H:%M}"
