"""Limits: used share, figure, reset, and where it will be then at the present rate."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage import words
from openusage.tui.bars import gauge_bar
from openusage.tui.lines import Part, clean, left, right, strip
from openusage.tui.view import View
from openusage.wire.forecast import Forecast, forecast
from openusage.wire.sections import Gauge, Sections

_LEAST_BAR = 8
_MOST_BAR = 40
_MOST_LABEL = 14


def rows(account: Sections, view: View) -> int:
    return len(account.gauges)


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    return lines(account.gauges[:rows], width, view)


def lines(gauges: Sequence[Gauge], width: int, view: View) -> list[Strip]:
    """One line a gauge; labels, bars, figures and notes stand under each other."""
    if not gauges:
        return []
    expected = [forecast(gauge, view.now) for gauge in gauges]
    label_width = min(max(cell_len(clean(g.label)) for g in gauges), _MOST_LABEL)
    figures = [_figure(g, view) for g in gauges]
    figure_width = max(map(cell_len, figures))
    notes, bar_width = _notes(gauges, expected, width - label_width - figure_width - 4, view)
    drawn = []
    for gauge, ahead, figure, note in zip(gauges, expected, figures, notes, strict=True):
        level = view.palette.level(gauge.used_pct, view.warn_pct, view.crit_pct)
        plain = level is view.palette.fill
        parts: list[Part] = [(left(clean(gauge.label), label_width) + "  ", view.palette.text)]
        parts += gauge_bar(gauge, bar_width, ahead, view.palette, (view.warn_pct, view.crit_pct))
        parts.append(("  " + right(figure, figure_width), view.palette.strong if plain else level))
        if note:
            parts.append(("  " + note, view.palette.dim))
        drawn.append(strip(parts, width))
    return drawn


def level_sign(used_pct: float, view: View) -> str:
    """The level in a sign that survives without colour."""
    return words.LEVEL_SIGNS[words.level(used_pct, view.warn_pct, view.crit_pct)] or " "


def _figure(gauge: Gauge, view: View) -> str:
    """`83 % ▲`."""
    return f"{fmt.percent(gauge.used_pct)} {level_sign(gauge.used_pct, view)}"


def _notes(
    gauges: Sequence[Gauge], expected: Sequence[Forecast | None], room: int, view: View
) -> tuple[list[str], int]:
    """The longest wording that leaves all bars long enough, and how long they are then."""
    for wording in (_whole, _reset, _short):
        notes = [wording(g, f, view) for g, f in zip(gauges, expected, strict=True)]
        longest = max(map(cell_len, notes))
        bar = room - (longest + 2 if longest else 0)
        enough = 12 if wording is _whole else _LEAST_BAR
        if bar >= enough:
            return notes, min(bar, _MOST_BAR)
    return [""] * len(gauges), max(1, min(room, _MOST_BAR))


def _whole(gauge: Gauge, expected: Forecast | None, view: View) -> str:
    note = fmt.resets(gauge.resets_at, view.now)
    if expected is None:
        return note or words.left_over(gauge, clean(gauge.unit))
    return f"{note} · {words.outlook(expected)}"


def _reset(gauge: Gauge, expected: Forecast | None, view: View) -> str:
    return fmt.resets(gauge.resets_at, view.now)


def _short(gauge: Gauge, expected: Forecast | None, view: View) -> str:
    seconds = fmt.seconds_until(gauge.resets_at, view.now)
    return "" if seconds is None else fmt.duration(seconds) if seconds > 0 else "due"
