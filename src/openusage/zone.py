"""Time zones: the name of this machine's zone, and zones by name."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Mapping
from pathlib import Path

from openusage.errors import UsageError

_FIXED = re.compile(r"(?:<[^>]+>|[A-Za-z]{3,})([+-]?)(\d{1,2})")
"""A POSIX zone of whole hours without summer time (`<+03>-3`, `CET-1`); its sign is that of `Etc/GMT±N`."""


def local_zone_name(environ: Mapping[str, str], etc: Path = Path("/etc")) -> str:
    """IANA name of this machine's zone: `$TZ`, else the system's setting, else `UTC`."""
    tz = environ.get("TZ", "").removeprefix(":")
    for name in (_from_path(Path(tz)) if tz.startswith("/") else tz, _posix(tz)):
        if name and is_zone(name):
            return name
    localtime = etc / "localtime"
    for name in (_from_path(localtime), _from_path(_resolved(localtime)), _first_line(etc / "timezone")):
        if name and is_zone(name):
            return name
    return "UTC"


def is_zone(name: str) -> bool:
    """Whether `load_zone` knows it."""
    if name == "UTC":
        return True
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def load_zone(name: str) -> dt.tzinfo:
    """The zone of that name. Raises `UsageError` that suggests near names."""
    if name == "UTC":  # must work on a system without zone files, too
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as e:
        raise UsageError(f'There is no time zone "{name}".', _suggestion(name)) from e


def day_bounds_us(day: dt.date, zone: dt.tzinfo) -> tuple[int, int]:
    """First moment of a local day and of the next one, UTC microseconds; a day may have 23 or 25 hours."""
    return _midnight_us(day, zone), _midnight_us(day + dt.timedelta(days=1), zone)


def _midnight_us(day: dt.date, zone: dt.tzinfo) -> int:
    # fold=0: the earlier of two midnights; a midnight that was skipped is the moment of the change.
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=zone)
    return (midnight.astimezone(dt.UTC) - _EPOCH) // dt.timedelta(microseconds=1)


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _suggestion(name: str) -> str:
    import difflib

    known = sorted(zoneinfo.available_timezones())
    if not known:
        return "This system has no zone files: install its tzdata package."
    by_lower = {k.lower(): k for k in known} | {k.rpartition("/")[2].lower(): k for k in known}
    near = difflib.get_close_matches(name.lower().replace(" ", "_"), by_lower, n=3, cutoff=0.7)
    names = list(dict.fromkeys(by_lower[n] for n in near)) or ["Europe/Berlin", "America/New_York", "UTC"]
    return f"A zone is named like {', '.join(names)}."


def _posix(tz: str) -> str:
    match = _FIXED.fullmatch(tz)
    if match is None:
        return ""
    hours = int(match[2])
    return f"Etc/GMT{match[1] or '+'}{hours}" if hours else "UTC"


def _from_path(path: Path) -> str:
    """`Europe/Berlin` out of `…/zoneinfo/Europe/Berlin`, through one link."""
    try:
        text = str(path.readlink() if path.is_symlink() else path)
    except OSError:
        return ""
    _, found, name = text.partition("zoneinfo/")
    return name.removeprefix("posix/").removeprefix("right/") if found else ""


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def _first_line(path: Path) -> str:
    try:
        lines = path.read_text("utf-8", "replace").split("\n", 1)
    except OSError:
        return ""
    return lines[0].strip()
