"""Spans of time: the dashboard's windows, local days, and cutting overlapping spans into disjoint ones.

Days are local: a day begins at the first instant that a clock in the zone shows its date.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from openusage.wire.rollups import Window

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_US = dt.timedelta(microseconds=1)

ROLLING_DAYS = {"3d": 3, "7d": 7, "30d": 30}
DAY_US = 86_400_000_000
_MINUTE_US = 60_000_000


def to_us(time: dt.datetime) -> int:
    """Microseconds since 1970 of an aware time, exactly."""
    return (time - _EPOCH) // _US


def from_us(at_us: int) -> dt.datetime:
    """The aware UTC time of microseconds since 1970."""
    return _EPOCH + at_us * _US


def day_start(day: dt.date, tz: str) -> dt.datetime:
    """First instant of a local day, as UTC; also where a clock change skips midnight."""
    return dt.datetime.combine(day, dt.time(), ZoneInfo(tz)).astimezone(dt.UTC)


def local_date(time: dt.datetime, tz: str) -> dt.date:
    return time.astimezone(ZoneInfo(tz)).date()


def window(name: str, now: dt.datetime, tz: str) -> Window:
    """The dashboard's window: `1d` since local midnight, `3d`, `7d`, `30d` rolling, `all`.

    Raises `ValueError` for any other name.
    """
    if name == "all":
        return Window("all")
    if name == "1d":
        return today(now, tz)
    if name in ROLLING_DAYS:
        return rolling(name, ROLLING_DAYS[name], now, tz)
    raise ValueError(f"no such window: {name!r} (1d, 3d, 7d, 30d, all)")


def bounded(shown: Window, now: dt.datetime, tz: str) -> Window:
    """A window that may be known by its name alone, as it is now, from the last whole minute on."""
    if shown.name not in ("1d", *ROLLING_DAYS) or (shown.from_us, shown.to_us) != (None, None):
        return shown
    return window(shown.name, whole_minute(now), tz)


def whole_minute(now: dt.datetime) -> dt.datetime:
    """The last whole minute: what is asked within one has one answer."""
    return from_us(to_us(now) // _MINUTE_US * _MINUTE_US)


def today(now: dt.datetime, tz: str) -> Window:
    """Since local midnight, up to `end_us`."""
    return Window("1d", to_us(day_start(local_date(now, tz), tz)), end_us(now, tz))


def rolling(name: str, days: int, now: dt.datetime, tz: str) -> Window:
    """The last so many times 24 hours, up to `end_us`."""
    return Window(name, to_us(now) - days * DAY_US, end_us(now, tz))


def before(shown: Window, now: dt.datetime, tz: str) -> Window | None:
    """What a window is compared with: as long, just before it; of today yesterday up to this time of day.

    `None` for windows that have nothing before them.
    """
    if shown.name == "1d":
        start_us = to_us(day_start(local_date(now, tz) - dt.timedelta(days=1), tz))
        return Window("custom", start_us, max(start_us, to_us(now) - DAY_US))  # a day may have 23 hours
    days = ROLLING_DAYS.get(shown.name, 0)
    if not days or shown.from_us is None:
        return None
    return Window("custom", shown.from_us - days * DAY_US, shown.from_us)


def end_us(now: dt.datetime, tz: str) -> int:
    """Where windows end: with tomorrow.

    What a clock that runs a little fast dated in the future was used, too. What is dated later than that was
    written under a wrong date, and counts on that date only (and in `all`), not every day until then.
    """
    return to_us(day_start(local_date(now, tz) + dt.timedelta(days=2), tz))


def series_window(shown: Window, now: dt.datetime, tz: str) -> Window:
    """What daily series cover: whole local days from the window's first on, at least the last 7 days."""
    if shown.name == "all":
        return Window("series")
    week = to_us(now) - 7 * DAY_US
    first = week if shown.from_us is None else min(week, shown.from_us)
    return Window("series", to_us(day_start(local_date(from_us(first), tz), tz)), shown.to_us)


def cut(periods: Mapping[str, Window]) -> list[tuple[Window, frozenset[str]]]:
    """Disjoint windows that together are the given ones, each with the names of those it is a part of.

    What is asked once for every piece can be added up for every period.
    """
    edges: list[int | None] = [
        None,
        *sorted({e for w in periods.values() for e in (w.from_us, w.to_us) if e is not None}),
    ]
    pieces = []
    for i, start in enumerate(edges):
        end = edges[i + 1] if i + 1 < len(edges) else None
        names = frozenset(
            name
            for name, w in periods.items()
            if (w.from_us is None or (start is not None and start >= w.from_us))
            and (w.to_us is None or (end is not None and end <= w.to_us))
        )
        if names:
            pieces.append((Window("custom", start, end), names))
    return pieces
