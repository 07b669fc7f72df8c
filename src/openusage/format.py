"""Figures as people read them: `18.2M`, `$41.87`, `1 h 18 m`.

Pure; terminal, web page and reports say it alike.

Missing (`None`, or a number that is no number) is `–`; zero is `0`. A figure is never rounded to a claim
that is not true: what is above 0 never reads 0, what is below 100 % never reads 100 %.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Sequence

MISSING = "–"
"""Not reported. Zero is `0`."""

_HUGE = 1e15
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
AHEAD_S = 300.0
"""Two clocks may be so far apart without anybody having to care."""


def count(value: float | None) -> str:
    """Tokens, requests, lines: `812`, `3.3k`, `18.2M`. Whole below a thousand, else one decimal."""
    if value is None or not math.isfinite(value):
        return MISSING
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size >= _HUGE:
        return f"{value:.1e}"
    if 0 < size <= 0.5:
        return "<1"
    if size < 999.5:
        return f"{sign}{size:.0f}"
    power = next((p for p in (1, 2, 3) if size < 999.95 * 1000**p), 4)
    return f"{sign}{size / 1000**power:.1f}{' kMBT'[power]}"


def amount(value: float | None) -> str:
    """A figure that may have parts, such as credits: `7`, `2.5`, `0.04`, `1.2k`."""
    if value is None or not math.isfinite(value) or abs(value) >= 100 or value == int(value):
        return count(value)
    if 0 < abs(value) < 0.01:
        return "<0.01"
    return f"{value:.2f}".rstrip("0").rstrip(".")


def money(value_usd: float | None) -> str:
    """USD alone: `$41.87`, `$1.2k`, `<$0.01`, `$0.00`."""
    if value_usd is None or not math.isfinite(value_usd):
        return MISSING
    sign, size = ("-" if value_usd < 0 else ""), abs(value_usd)
    if 0 < size < 0.005:
        return "<$0.01"
    if size < 999.995:
        return f"{sign}${size:.2f}"
    return f"{sign}${count(size)}"


def money_column(values_usd: Iterable[float | None]) -> list[str]:
    """USD under each other, all with the same precision: cents, or whole dollars from $10,000 on."""
    values = list(values_usd)
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    if largest < 9_999.995:
        return [_dollars(v, 2) for v in values]
    return [_dollars(v, 0) for v in values] if largest < 1e9 else [money(v) for v in values]


def _dollars(value: float | None, digits: int) -> str:
    if value is None or not math.isfinite(value):
        return MISSING
    if 0 < abs(value) <= 0.5 * 10**-digits:
        return "<$0.01" if digits else "<$1"
    return f"{'-' if value < 0 else ''}${abs(value):.{digits}f}"


def exact_usd(nano: int | None, digits: int = 6) -> str:
    """Nano-dollars to the part of a cent, for a sum that a reader goes over: `$0.012345`."""
    if nano is None:
        return MISSING
    unit = 10 ** (9 - digits)
    whole, rest = divmod((abs(nano) + unit // 2) // unit, 10**digits)
    if nano and not whole and not rest:
        return f"<$0.{'1':0>{digits}}"
    return f"{'-' if nano < 0 else ''}${whole}.{rest:0{digits}}"


def rate(usd_per_h: float | None) -> str:
    """`$3.10/h`."""
    return MISSING if usd_per_h is None or not math.isfinite(usd_per_h) else f"{money(usd_per_h)}/h"


def percent(value: float | None, digits: int = 0) -> str:
    """`83 %`, `98.7 %`, `<1 %`. Below 100 it never reads 100, but for what division leaves of a whole."""
    if value is None or not math.isfinite(value):
        return MISSING
    if abs(value) >= 1e6:
        return f"{value:.0e} %"
    step = 10**-digits
    if 0 < value <= step / 2:
        return f"<{step:.{digits}f} %"
    text = f"{value:.{digits}f}"
    if value < 100 - 1e-9 and float(text) >= 100:
        text = f"{100 - step:.{digits}f}"
    return f"{text} %"


def age(seconds: float | None) -> str:
    """How old, in one unit: `4 s`, `6 m`, `2 h`, `3 d`. A clock that runs ahead gives `0 s`."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    for unit, length in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def ago(moment: dt.datetime, now: dt.datetime) -> str:
    """`4 m ago`; of what is later than a clock that is a little off could make it: `in the future`."""
    seconds = (now - moment).total_seconds()
    return "in the future" if seconds < -AHEAD_S else f"{age(seconds)} ago"


def age_words(seconds: float) -> str:
    """How old, in a sentence: `3 minutes`, `1 hour`."""
    for unit, length in (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE)):
        if seconds >= length:
            return _plural(int(seconds // length), unit)
    return _plural(max(0, int(seconds)), "second")


def _plural(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def duration(seconds: float | None) -> str:
    """How long, in at most two units: `42 s`, `48 m`, `1 h 18 m`, `2 d 3 h`."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    left = max(0, int(seconds))
    for unit, length, small, part in (("d", _DAY, "h", _HOUR), ("h", _HOUR, "m", _MINUTE)):
        if left >= length:
            rest = left % length // part
            whole = f"{left // length} {unit}"
            return f"{whole} {rest} {small}" if rest and left < 100 * _DAY else whole
    return f"{left // _MINUTE} m" if left >= _MINUTE else f"{left} s"


def seconds_until(moment: dt.datetime | None, now: dt.datetime) -> float | None:
    """Seconds from `now` to `moment`, negative when it has passed."""
    return None if moment is None else (moment - now).total_seconds()


def resets(resets_at: dt.datetime | None, now: dt.datetime) -> str:
    """`resets in 1 h 18 m`, `reset due` when the time has passed, empty when it is not known."""
    left = seconds_until(resets_at, now)
    if left is None:
        return ""
    return f"resets in {duration(left)}" if left > 0 else "reset due"


def printable(text: str) -> str:
    """Text of others, such as a file's name, for one line of a log or a screen: whatever would move the
    cursor, end the line or is no text at all is shown as its escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a plain table, its heading first; `(none)` when there is no row."""
    if not rows:
        return ["  (none)"]
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    return [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def size_bytes(value: float | None) -> str:
    """`612 MB`, `1.0 GB`: decimal units, one decimal from a gigabyte on."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = float(value)
    for unit in ("B", "kB", "MB"):
        if abs(size) < 999.5:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB" if abs(size) < 999.95 else f"{size / 1000:.1f} TB"


def window_short(window: str) -> str:
    """A window's name beside a figure: `7 d`, `5 h`, `all time`, `today`."""
    if window == "all":
        return "all time"
    if window == "1d":
        return "today"
    digits = len(window) - len(window.lstrip("0123456789"))
    unit = window[digits:]
    return f"{window[:digits]} {unit}" if digits and unit in ("m", "h", "d", "w") else window


def window_words(window: str) -> str:
    """A window's name in a heading: `last 7 days`, `today`, `all time`."""
    if window in ("all", "1d", ""):
        return {"all": "all time", "1d": "today"}.get(window, "window")
    number = window[:-1]
    return f"last {number} days" if window.endswith("d") and number.isdigit() else window


def clock(moment: dt.datetime, tz: dt.tzinfo) -> str:
    """`12:41` in the viewer's zone."""
    return moment.astimezone(tz).strftime("%H:%M")


def day_label(date: str) -> str:
    """`2026-11-22` -> `22 Nov`; what is no date stays as it is."""
    try:
        day = dt.date.fromisoformat(date)
    except ValueError:
        return date
    return f"{day.day} {day:%b}"


def short_model(name: str) -> str:
    """A model's name without the date of its release: `claude-sonnet-4-5-20250929` -> `claude-sonnet-4-5`."""
    return _RELEASE_DATE.sub("", name)


def model_names(names: Sequence[str]) -> list[str]:
    """Short names, but whole ones where two would look alike."""
    short = [short_model(name) for name in names]
    return [s if short.count(s) == 1 else name for s, name in zip(short, names, strict=True)]


_RELEASE_DATE = re.compile(r"[-@](?:20\d{6}|20\d\d-\d\d-\d\d)(?=$|[-:@])")
