"""What commands share: kinds of values (durations, days, hub addresses, paths), and `--json`."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import click

_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def duration_s(text: str) -> float:
    """Seconds in `30s`, `1m30s`, `1.5h`, `500ms` (as Go writes them) or `30`. Raises `ValueError`."""
    text = text.strip()
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError(text)
    return seconds


class Duration(click.ParamType[float]):
    """Seconds, from what `duration_s` reads."""

    name = "duration"

    def __init__(self, at_least_s: float, *, or_zero: bool = False, at_most_s: float = 86_400) -> None:
        self.at_least_s = at_least_s
        self.at_most_s = at_most_s
        self.or_zero = or_zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        try:
            seconds = duration_s(value)
        except ValueError:
            self.fail(f"{value!r} is no duration such as 30s, 1m30s or 45.", param, ctx)
        if not (self.at_least_s <= seconds <= self.at_most_s or (self.or_zero and seconds == 0)):
            self.fail(f"{value!r} is not from {self.at_least_s:g} to {self.at_most_s:g} seconds.", param, ctx)
        return seconds


class Day(click.ParamType[dt.date]):
    """A calendar day, `YYYY-MM-DD` or `YYYYMMDD`."""

    name = "yyyy-mm-dd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        if isinstance(value, dt.date):
            return value
        if re.fullmatch(r"\d{4}-\d\d-\d\d|\d{8}", value):
            try:
                day = dt.date.fromisoformat(value)
            except ValueError:
                self.fail(f"{value!r} is not in the calendar.", param, ctx)
            if 1970 <= day.year < 9999:
                return day
        self.fail(f"{value!r} is no day such as 2026-05-31.", param, ctx)


class Lifetime(click.ParamType[dt.timedelta]):
    """How long something is good: `12h`, `90d`, `8w`."""

    name = "lifetime"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.timedelta:
        if isinstance(value, dt.timedelta):
            return value
        found = re.fullmatch(r"(\d{1,5})([hdw])", value.strip())
        if found and (number := int(found[1])):
            return (
                number
                * {"h": dt.timedelta(hours=1), "d": dt.timedelta(days=1), "w": dt.timedelta(weeks=1)}[
                    found[2]
                ]
            )
        self.fail(f"{value!r} is no time such as 12h, 90d or 8w.", param, ctx)


class HubUrl(click.ParamType[str]):
    """A hub's address; `http://` may be left out."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from openusage.settings import hub_url

        try:
            return hub_url(value)
        except ValueError as e:
            found = "" if "@" in value else f", found {value!r}"
            self.fail(f"a hub's address {e}{found}.", param, ctx)


class FilePath(click.ParamType[Path]):
    """A path, absolute; `~/` is the home folder also where the shell does not expand it."""

    name = "path"

    def __init__(self, *, exists: bool = False) -> None:
        self.exists = exists
        """A file has to be there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from openusage.paths import expand

        path = value if isinstance(value, Path) else expand(value, Path.home())
        if self.exists and not path.is_file():
            self.fail(f"there is no file {path}.", param, ctx)
        return path


def json_option() -> click.Option:
    """Of commands that answer for programs too."""
    return click.Option(["--json", "as_json"], is_flag=True, help="As JSON.")
