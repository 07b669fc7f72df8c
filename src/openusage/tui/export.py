"""What is shown, for elsewhere: a table as CSV or JSON, a row as text, and the names of such files. Pure."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Mapping, Sequence

import msgspec

Value = str | float | int | None
"""Exact, in the unit that its column names; `None`: not reported."""


class Extract(msgspec.Struct, frozen=True, kw_only=True):
    """A table as it is shown: its rows, their order and filter; not only what has room."""

    name: str
    """What it is of, for the file's name: `machines 7d`."""
    columns: Sequence[str]
    """With units where there are any: `cost_usd`."""
    rows: Sequence[Sequence[Value]]
    about: Mapping[str, Value] = {}
    """What holds for all rows: window, time zone, hub."""


def as_csv(extract: Extract) -> bytes:
    """A heading and a line a row; what is not reported is empty. Text that a spreadsheet would take for a
    formula is quoted for it."""
    out = io.StringIO()
    writer = csv.writer(out)  # lines end as RFC 4180 has it, so that no end of line in a name goes unquoted
    writer.writerow(extract.columns)
    writer.writerows([["" if v is None else _harmless(v) for v in row] for row in extract.rows])
    return out.getvalue().encode()


def as_json(extract: Extract) -> bytes:
    """`{"about": …, "rows": [{column: value}]}`."""
    rows = [dict(zip(extract.columns, row, strict=True)) for row in extract.rows]
    return msgspec.json.format(msgspec.json.encode({"about": extract.about, "rows": rows}), indent=2) + b"\n"


def as_text(columns: Sequence[str], row: Sequence[Value]) -> str:
    """One row for the clipboard, its name first: `work-laptop  cost_usd 96.1  tokens 18200000`."""
    said = [f"{name} {value}" for name, value in zip(columns[1:], row[1:], strict=True) if value is not None]
    return "  ".join([str(row[0]), *said])


def file_name(what: str, now: dt.datetime, ending: str) -> str:
    """`openusage-machines-7d-20261125-0859.csv`, in local time."""
    plain = re.sub(r"[^a-z0-9]+", "-", what.casefold()).strip("-")
    return f"openusage-{plain}-{now:%Y%m%d-%H%M%S}.{ending}"


def _harmless(value: str | float) -> str | float:
    """CWE-1236: a name such as `=cmd()` comes from another machine, and must stay a name."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


WRITERS = {"csv": as_csv, "json": as_json}
"""By the ending of the file."""
