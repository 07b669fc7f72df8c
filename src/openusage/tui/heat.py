"""Heat maps: days over months as a calendar, and the hours of the days of a week. Pure.

A cell is two characters of a shade, which tells its level also without colour: `··` is nothing used, blank is
before our data.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence

from rich.style import Style
from textual.strip import Strip

from openusage.tui.lines import Part, cells, left, strip
from openusage.tui.palette import Palette

SHADES = ("··", "░░", "▒▒", "▓▓", "██")
_LABEL = 5
"""`Mon  `."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LEAST_WEEKS, _USUAL_WEEKS, _MOST_WEEKS = 4, 13, 53
_HOURS = 24


def level(value: float, top: float) -> int:
    """0: nothing; 1 to 4: quarters of the greatest, on a scale of roots so that small days are told apart."""
    if value <= 0 or top <= 0:
        return 0
    return min(4, max(1, math.ceil(4 * math.sqrt(min(value / top, 1.0)))))


def weeks_in(width: int) -> int:
    """How many weeks a calendar of that width has; 0: too few to be one."""
    found = (width - _LABEL) // 2
    return found if found >= _LEAST_WEEKS else 0


def calendar(
    days: Mapping[str, float], today: dt.date, first: dt.date | None, width: int, palette: Palette
) -> list[Strip]:
    """Months above, a line a weekday, a column a week up to now. `first`: our data begin then."""
    weeks = min(weeks_in(width), _weeks_since(first, today))
    if not weeks or not any(v > 0 for v in days.values()):
        return []
    monday = today - dt.timedelta(days=today.weekday(), weeks=weeks - 1)
    shown = [monday + dt.timedelta(days=n) for n in range(7 * weeks)]
    top = max((days.get(day.isoformat(), 0.0) for day in shown), default=0.0)
    lines = [strip([(" " * _LABEL + _months(monday, weeks), palette.dim)], width)]
    for weekday in range(7):
        parts: list[Part] = [(left(WEEKDAYS[weekday] if weekday % 2 == 0 else "", _LABEL), palette.dim)]
        for day in shown[weekday::7]:
            if day > today or (first is not None and day < first):
                parts.append(("  ", palette.faint))
            else:
                parts.append(_cell(days.get(day.isoformat(), 0.0), top, palette, bright=day == today))
        lines.append(strip(_joined(parts), width))
    return lines


def _weeks_since(first: dt.date | None, today: dt.date) -> int:
    """Weeks from our first data on: a quarter of a year at least, a year at most."""
    since = _MOST_WEEKS if first is None else (today - first).days // 7 + 2
    return min(max(since, _USUAL_WEEKS), _MOST_WEEKS)


def _months(monday: dt.date, weeks: int) -> str:
    """The names of months above the weeks that they begin in."""
    line = ""
    for week in range(weeks):
        start = monday + dt.timedelta(weeks=week)
        end = start + dt.timedelta(days=6)
        begins = end.day <= 7
        if begins and len(line) <= 2 * week and 2 * week + 3 <= 2 * weeks:
            line = line.ljust(2 * week) + f"{end:%b} "
    return line.rstrip()


def week(
    hours: Mapping[tuple[int, int], float], now: tuple[int, int] | None, width: int, palette: Palette
) -> list[Strip]:
    """A line a weekday, a column an hour; (weekday, hour) -> value. `now`: the present one."""
    size = 2 if width >= _LABEL + 2 * _HOURS else 1
    if width < _LABEL + _HOURS or not any(v > 0 for v in hours.values()):
        return []
    top = max(hours.values())
    marks = "".join(left(f"{hour:02}" if hour % 6 == 0 else "", size * 6) for hour in range(0, _HOURS, 6))
    lines = [strip([(" " * _LABEL + marks, palette.dim)], width)]
    for weekday in range(7):
        parts: list[Part] = [(left(WEEKDAYS[weekday], _LABEL), palette.dim)]
        for hour in range(_HOURS):
            text, style = _cell(hours.get((weekday, hour), 0.0), top, palette, bright=(weekday, hour) == now)
            parts.append((text[:size], style))
        lines.append(strip(_joined(parts), width))
    return lines


def legend(top: float, figure: Callable[[float], str], palette: Palette) -> list[Part]:
    """`·· 0  ░░▒▒▓▓██ up to $18.20`."""
    parts: list[Part] = [(SHADES[0], palette.faint), (" none  ", palette.dim)]
    parts += [(SHADES[n], _style(n, palette)) for n in range(1, 5)]
    return [*parts, (f" up to {figure(top)}", palette.dim)]


def _cell(value: float, top: float, palette: Palette, *, bright: bool) -> Part:
    at = level(value, top)
    return SHADES[at], palette.accent if bright and at else _style(at, palette)


def _style(at: int, palette: Palette) -> Style:
    return (palette.faint, palette.bar, palette.bar, palette.fill, palette.fill)[at]


def _joined(parts: Sequence[Part]) -> list[Part]:
    found: list[Part] = []
    for text, style in parts:
        if found and found[-1][1] is style:
            found[-1] = (found[-1][0] + text, style)
        else:
            found.append((text, style))
    return found


def by_weekday(hours: Mapping[str, float]) -> dict[tuple[int, int], float]:
    """`2026-11-22T14` -> value, added up by (weekday, hour)."""
    found: dict[tuple[int, int], float] = {}
    for label, value in hours.items():
        day, _, hour = label.partition("T")
        try:
            key = dt.date.fromisoformat(day).weekday(), int(hour)
        except ValueError:
            continue
        found[key] = found.get(key, 0.0) + value
    return found


def titled(title: str, note: Sequence[Part], width: int, palette: Palette) -> Strip:
    """A heading with a legend behind it, where there is room."""
    apart: Part = ("   ", palette.dim)
    fits = len(title) + 3 + cells(note) <= width
    return strip([(title, palette.dim), *([apart, *note] if fits else [])], width)
