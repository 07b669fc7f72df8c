"""Spans of time that a person asks about: the dashboard's windows, and any days typed as a range. Pure.

A span has a window for sums, the same length before it to compare with, and labels to draw it over: local
days or hours, the present one last. Days are whole: the first bar is no stump; sums are exactly the window's.
"""

from __future__ import annotations

import datetime as dt
import re

import msgspec

from openusage import format as fmt
from openusage.errors import UsageError
from openusage.wire.rollups import By, Window
from openusage.zone import day_bounds_us

NAMES = ("1d", "3d", "7d", "30d", "all")
_ROLLING = {"3d": 3, "7d": 7, "30d": 30}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_US = dt.timedelta(microseconds=1)
_MINUTE_US, _HOUR_US, _DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000
_MOST_DAYS = 366 * 20
_RANGE = re.compile(r"\s*(\d{4}-\d{2}(?:-\d{2})?)?\s*(\.\.)?\s*(\d{4}-\d{2}(?:-\d{2})?)?\s*")


class Span(msgspec.Struct, frozen=True):
    """A window's name, or local days from `first` to `last`, both counted."""

    name: str
    first: dt.date | None = None
    last: dt.date | None = None

    @property
    def words(self) -> str:
        """In a heading: `last 7 days`, `1 Oct – 31 Oct 2026`."""
        if self.first is None or self.last is None:
            return fmt.window_words(self.name)
        if self.first == self.last:
            return _date(self.first)
        year = "" if self.first.year == self.last.year else f" {self.first.year}"
        return f"{self.first.day} {self.first:%b}{year} – {_date(self.last)}"


def _date(day: dt.date) -> str:
    return f"{day.day} {day:%b} {day.year}"


class Moment(msgspec.Struct, frozen=True):
    """The present, to the whole minute, so that equal questions have equal answers; and the viewer's zone."""

    at: dt.datetime
    tz: dt.tzinfo
    tz_name: str

    @property
    def now_us(self) -> int:
        return us(self.at) // _MINUTE_US * _MINUTE_US

    @property
    def today(self) -> dt.date:
        return self.at.astimezone(self.tz).date()

    def bounds_us(self, day: dt.date) -> tuple[int, int]:
        """First moment of a local day, and of the next one."""
        return day_bounds_us(day, self.tz)


def us(at: dt.datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return (at - _EPOCH) // _US


def moment_of(at_us: int) -> dt.datetime:
    """The aware UTC time of microseconds since 1970."""
    return _EPOCH + at_us * _US


def parse_range(text: str, today: dt.date) -> Span:
    """`2026-10-01..2026-10-31`, `2026-10-01..` (up to today), `2026-10-05`, `2026-10`, `2026-08..2026-10`.

    Raises `UsageError` that says what is understood.
    """
    match = _RANGE.fullmatch(text)
    if match is None or match[1] is None or (match[3] and not match[2]):
        raise UsageError(f"“{text.strip()}” is no range of days.", _RANGE_HINT)
    try:
        first = _begin(match[1])
        last = _end(match[3]) if match[3] else max(today, first) if match[2] else _end(match[1])
    except ValueError as e:
        raise UsageError(f"“{text.strip()}” has a day that does not exist.", _RANGE_HINT) from e
    if last < first:
        raise UsageError(f"{last.isoformat()} is before {first.isoformat()}.", _RANGE_HINT)
    if (last - first).days >= _MOST_DAYS:
        raise UsageError("A range has at most 20 years.", _RANGE_HINT)
    return Span(f"{first.isoformat()}..{last.isoformat()}", first, last)


_RANGE_HINT = "Type 2026-10-01..2026-10-31, 2026-10-05, 2026-10 or 2026-10-01.."


def _begin(text: str) -> dt.date:
    return dt.date.fromisoformat(text if len(text) > 7 else f"{text}-01")


def _end(text: str) -> dt.date:
    if len(text) > 7:
        return dt.date.fromisoformat(text)
    first = dt.date.fromisoformat(f"{text}-01")
    return (first.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)


def window(span: Span, moment: Moment) -> Window:
    """What sums are asked over: `1d` is today, `7d` the last 7 times 24 hours, a range its whole days.

    Windows that reach the present end with tomorrow, for clocks that run a little fast.
    """
    if span.first is not None and span.last is not None:
        return Window("custom", moment.bounds_us(span.first)[0], moment.bounds_us(span.last)[1])
    if span.name == "all":
        return Window("all")
    end_us = moment.bounds_us(moment.today + dt.timedelta(days=1))[1]
    if span.name == "1d":
        return Window("1d", moment.bounds_us(moment.today)[0], end_us)
    return Window(span.name, moment.now_us - _ROLLING[span.name] * _DAY_US, end_us)


def before(span: Span, moment: Moment) -> Window | None:
    """As long, just before: of today yesterday up to this time of day. `None` of `all`.

    A range that is not over is compared with as much of the one before as has passed of it.
    """
    if span.first is not None and span.last is not None:
        days = (span.last - span.first).days + 1
        start = span.first - dt.timedelta(days=days)
        end_us = moment.bounds_us(span.first)[0]
        if span.first <= moment.today <= span.last:
            left_us = moment.bounds_us(span.last)[1] - moment.now_us
            end_us -= left_us
        return Window("custom", moment.bounds_us(start)[0], end_us)
    if span.name == "1d":
        start_us = moment.bounds_us(moment.today - dt.timedelta(days=1))[0]
        passed_us = moment.now_us - moment.bounds_us(moment.today)[0]
        return Window("custom", start_us, start_us + max(passed_us, _MINUTE_US))
    if span.name in _ROLLING:
        days_us = _ROLLING[span.name] * _DAY_US
        return Window("custom", moment.now_us - 2 * days_us, moment.now_us - days_us)
    return None


class Slots(msgspec.Struct, frozen=True):
    """What a chart is drawn over."""

    unit: By
    """`By.DAY` or `By.HOUR`."""
    window: Window
    """Whole days or hours."""
    labels: tuple[str, ...]
    """`2026-11-22` or `2026-11-22T14`; empty: from the first one that anything was used in."""

    def filled(self, used: list[str], moment: Moment) -> tuple[str, ...]:
        """The labels, with those of a span without a beginning from the first used one on."""
        if self.labels or not used:
            return self.labels
        first = dt.date.fromisoformat(min(used))
        last = max(moment.today, first)
        return tuple(
            (first + dt.timedelta(days=n)).isoformat()
            for n in range(min((last - first).days + 1, _MOST_DAYS))
        )


def slots(span: Span, moment: Moment, *, hours: bool = False) -> Slots:
    """Hours of a single day, else whole days; `hours`: also of longer spans."""
    if span.name == "all":
        return Slots(By.DAY, Window("all"), ())
    first, last = span.first, span.last
    is_present = first is None
    if first is None or last is None:
        last = moment.today
        days = _ROLLING.get(span.name, 0)
        first = moment_of(moment.now_us - days * _DAY_US).astimezone(moment.tz).date()
    start_us, end_us = moment.bounds_us(first)[0], moment.bounds_us(last)[1]
    if hours or first == last:
        until_us = min(end_us, moment.now_us + 1) if last >= moment.today else end_us
        labels = _hours(start_us, max(until_us, start_us + 1), moment)
        return Slots(By.HOUR, Window("custom", start_us, end_us), labels)
    until = min(last, moment.today) if is_present or first <= moment.today else last
    named = tuple((first + dt.timedelta(days=n)).isoformat() for n in range((until - first).days + 1))
    return Slots(By.DAY, Window("custom", start_us, end_us), named)


def _hours(start_us: int, until_us: int, moment: Moment) -> tuple[str, ...]:
    """Local hours; one that the clock repeats is one label."""
    at = range(start_us, until_us, _HOUR_US)
    return tuple(dict.fromkeys(f"{moment_of(n).astimezone(moment.tz):%Y-%m-%dT%H}" for n in at))
