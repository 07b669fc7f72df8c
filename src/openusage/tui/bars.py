"""Bars in eighths of a cell: gauges with their forecast, sparklines, columns of a chart. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from rich.style import Style

from openusage.tui.lines import Part
from openusage.tui.palette import Palette
from openusage.wire.forecast import Forecast
from openusage.wire.sections import Gauge

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"


def fill(share: float, width: int) -> str:
    """A bar of `share` (0..1) of `width` cells, without padding. Above 0 it is never empty."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    if share > 0:
        eighths = max(eighths, 1)
    if share < 1:
        eighths = min(eighths, max(width * 8 - 1, 0))
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def thin(share: float, width: int) -> str:
    """A light bar for a table's row: rows under each other do not run together. Above 0 it is never empty."""
    halves = round(min(max(share, 0.0), 1.0) * width * 2)
    halves = max(halves, 1) if share > 0 else 0
    return "━" * (halves // 2) + "╸" * (halves % 2)


def gauge_bar(
    gauge: Gauge, width: int, expected: Forecast | None, palette: Palette, levels: tuple[float, float]
) -> list[Part]:
    """`█████▊──┤░░`: what is used, and a thin mark where it will be at the reset."""
    used = fill(gauge.used_pct / 100, width)
    track = "░" * (width - len(used))
    parts = [(used, palette.level(gauge.used_pct, *levels))]
    if expected is None:
        return [*parts, (track, palette.faint)]
    end = min(round(min(expected.at_reset_pct, 100) / 100 * width), width)
    if (reach := end - len(used)) > 0:
        style = palette.level(min(expected.at_reset_pct, 100), *levels)
        style = palette.dim if style is palette.fill else style
        parts.append(("─" * (reach - 1) + "┤", style))
        track = track[reach:]
    return [*parts, (track, palette.faint)]


def thin_gauge(
    gauge: Gauge, width: int, expected: Forecast | None, palette: Palette, levels: tuple[float, float]
) -> list[Part]:
    """`━━━━━╸──┤`: the same as a light line, for gauges under each other."""
    used = thin(gauge.used_pct / 100, width)
    parts: list[Part] = [(used, palette.level(gauge.used_pct, *levels))]
    end = len(used) if expected is None else round(min(expected.at_reset_pct, 100) / 100 * width)
    reach = min(end, width) - len(used)
    if reach > 0:
        parts.append(("─" * (reach - 1) + "┤", palette.dim))
    return [*parts, ("─" * (width - len(used) - max(reach, 0)), palette.faint)]


def sparkline(
    values: Sequence[float | None], rows: int, bar: int, palette: Palette, *, apart: bool = False
) -> list[list[Part]]:
    """`▂▃__▇█`: bars of `bar` cells on a baseline, by share of the largest, the last one brighter.

    Bars of more than one cell stand apart. `rows` lines, the top one first. `apart`: the largest does not
    touch the line above.
    """
    top = max((v for v in values if v), default=0.0) or 1.0
    if apart:
        top *= 8 / 7
    gap = " " if bar > 1 else ""
    lines: list[list[Part]] = []
    for row in reversed(range(rows)):
        parts: list[Part] = []
        for index, value in enumerate(values):
            used = bool(value and value > 0)
            level = _level(value or 0.0, top, rows) - 8 * row if used else 0
            mark, style = (" ", palette.fill) if row else ("_", palette.faint)
            if level > 0:
                mark = _LEVELS[min(level, 8) - 1]
                style = palette.text if index == len(values) - 1 else palette.fill
            parts.append((mark * bar + (gap if index < len(values) - 1 else ""), style))
        lines.append(_merged(parts))
    return lines


def area(
    shares: Sequence[float | None], rows: int, style: Callable[[float], Style], palette: Palette
) -> list[list[Part]]:
    """`▂▅█▁▃`: a cell for each share (0..1) of the whole height, in its own style; `None` is not known.

    `rows` lines, the top one first.
    """
    lines: list[list[Part]] = []
    for row in reversed(range(rows)):
        parts: list[Part] = []
        for share in shares:
            level = _level(min(share, 1.0), 1.0, rows) - 8 * row if share else 0
            if share is not None and level > 0:
                parts.append((_LEVELS[min(level, 8) - 1], style(share)))
            else:
                parts.append((" " if row or share is None else "_", palette.faint))
        lines.append(_merged(parts))
    return lines


def _level(value: float, top: float, rows: int) -> int:
    """Eighths of a bar: above 0 it is never empty."""
    return max(1, round(value / top * rows * 8))


def _merged(parts: Sequence[Part]) -> list[Part]:
    merged: list[Part] = []
    for text, style in parts:
        if merged and merged[-1][1] is style:
            merged[-1] = (merged[-1][0] + text, style)
        else:
            merged.append((text, style))
    return merged


def last_days(series: Sequence[tuple[str, float]], days: int, today: str) -> list[tuple[str, float | None]]:
    """The last `days` days up to `today`, oldest first; a day that is not in the series is `None`."""
    try:
        end = dt.date.fromisoformat(today)
    except ValueError:
        return []
    known = dict(series)
    dates = [(end - dt.timedelta(days=back)).isoformat() for back in reversed(range(days))]
    return [(date, known.get(date)) for date in dates]
