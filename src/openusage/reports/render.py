"""A `Table` as text, JSON or CSV. Pure: width and colour are given.

JSON has the documented shape of the reports: token buckets under the names of the Go program, zero values of
optional fields left out, cost as a plain number of USD. What has no price has the cost `null`, never 0.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence, Set
from typing import Any

import msgspec

from openusage import format
from openusage.reports.table import Line, Table

NANO = 1_000_000_000
UNPRICED = "unpriced"
_GAP = "  "


# --- JSON ----------------------------------------------------------------------------------------------


def as_json(table: Table) -> str:
    """The documented shape, two-space indent."""
    document: dict[str, Any] = {
        "kind": table.kind,
        "rows": [_document(row) for row in table.rows],
        "totals": _document(table.totals),
        "timezone": table.timezone,
    }
    if table.unpriced_models:
        document["note"] = unpriced_note(table)
    if table.unassigned:
        document["unassigned"] = table.unassigned
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _document(line: Line) -> dict[str, Any]:
    document: dict[str, Any] = {"key": line.key, "label": line.label}
    if line.key != "total":
        document |= {"provider": line.provider} if line.provider else {}
        if line.models != [line.key]:
            document["models"] = line.models
    document |= {"lineage": line.lineage} if line.lineage else {}
    document |= {
        "input_tokens": line.input,
        "output_tokens": line.output,
        "cache_read_tokens": line.cache_read,
        "cache_creation_tokens": line.cache_write,
    }
    optional = {
        "cache_creation_5m_tokens": line.cache_write_5m,
        "cache_creation_1h_tokens": line.cache_write_1h,
        "reasoning_tokens": line.reasoning,
        "unpriced_requests": line.unpriced_requests,
        "estimated_requests": line.estimated_requests,
    }
    document |= {name: value for name, value in optional.items() if value}
    document |= {
        "total_tokens": line.total_tokens,
        "cost_usd": cost_usd(line.cost_nano),
        "requests": line.requests,
    }
    if line.breakdown:
        document["model_breakdown"] = [_document(part) for part in line.breakdown]
    return document


def cost_usd(nano: int | None) -> float | int | None:
    """USD with at most nine decimals and no float noise: the nearest float prints as the exact decimal."""
    if nano is None:
        return None
    return nano // NANO if nano % NANO == 0 else nano / NANO


# --- CSV -----------------------------------------------------------------------------------------------

_CSV_FIGURES: dict[str, Callable[[Line], object]] = {
    "input_tokens": lambda line: line.input,
    "output_tokens": lambda line: line.output,
    "reasoning_tokens": lambda line: line.reasoning,
    "cache_read_tokens": lambda line: line.cache_read,
    "cache_creation_5m_tokens": lambda line: line.cache_write_5m,
    "cache_creation_1h_tokens": lambda line: line.cache_write_1h,
    "total_tokens": lambda line: line.total_tokens,
    "cost_usd": lambda line: decimal_usd(line.cost_nano),
    "requests": lambda line: line.requests,
    "unpriced_requests": lambda line: line.unpriced_requests,
}


def as_csv(table: Table) -> str:
    """A header and one line a row, or, with a breakdown, one line a row and model. No totals line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([table.kind, "model" if table.by_model else "models", *_CSV_FIGURES])
    for row in table.rows:
        for part in row.breakdown if table.by_model else [row]:
            name = part.label if table.by_model else ";".join(row.models)
            writer.writerow([row.key, name, *(figure(part) for figure in _CSV_FIGURES.values())])
    return out.getvalue()


def decimal_usd(nano: int | None) -> str:
    """USD exactly, without an exponent; empty when there is no price."""
    if nano is None:
        return ""
    whole, part = divmod(abs(nano), NANO)
    return f"{'-' if nano < 0 else ''}{whole}{f'.{part:09d}'.rstrip('0') if part else ''}"


# --- text ----------------------------------------------------------------------------------------------


class Column(msgspec.Struct, frozen=True):
    """A column of the text table."""

    title: str
    cells: list[str]
    keep: int
    """When there is no room the column with the least goes first."""
    left: bool = False

    @property
    def width(self) -> int:
        return max(map(len, (self.title, *self.cells)))


MODELS_MIN, MODELS_MAX = 16, 42


def as_text(table: Table, *, width: int | None = None, colour: bool = False) -> str:
    """Columns under each other, totals below a rule, then what the marks mean.

    `width`: what the terminal has; columns drop out by priority rather than being cut. None: no limit.
    """
    lines = [part for row in [*table.rows, table.totals] for part in (row, *row.breakdown)]
    parts = {id(part) for row in [*table.rows, table.totals] for part in row.breakdown}
    columns = _fitting(_columns(table, lines, parts), lines, width)
    head, *body = texts = [_GAP.join(cells).rstrip() for cells in zip(*map(_aligned, columns), strict=True)]
    rule = _styled("─" * max(map(len, texts)), "2", colour)
    totals_at = len(lines) - 1 - len(table.totals.breakdown)
    styled = [
        _styled(text, "1" if i == totals_at else "2" if id(line) in parts else "", colour)
        for i, (text, line) in enumerate(zip(body, lines, strict=True))
    ]
    notes = [_styled(note, "2", colour) for note in _notes(table)]
    return "\n".join([_styled(head, "1", colour), *styled[:totals_at], rule, *styled[totals_at:], *notes])


def _aligned(column: Column) -> list[str]:
    """Title and cells, each as wide as the column."""
    width = column.width
    return [c.ljust(width) if column.left else c.rjust(width) for c in (column.title, *column.cells)]


def _columns(table: Table, lines: Sequence[Line], parts: Set[int]) -> list[Column]:
    first = [f"  {_part_name(x)}" if id(x) in parts else x.label for x in lines]
    columns = [
        Column(table.kind.upper(), first, 9, left=True),
        Column("INPUT", [format.count(x.input) for x in lines], 5),
        Column("OUTPUT", [format.count(x.output) for x in lines], 6),
        Column("CACHE W", [format.count(x.cache_write) for x in lines], 2),
        Column("CACHE R", [format.count(x.cache_read) for x in lines], 3),
        Column("TOTAL", [format.count(x.total_tokens) for x in lines], 8),
        Column("COST", _costs(lines), 9),
    ]
    if table.totals.reasoning:
        columns.insert(3, Column("REASONING", [format.count(x.reasoning) for x in lines], 1))
    return columns


def _part_name(part: Line) -> str:
    """Of a model, short; whole where the model stands above it and the name is what tells."""
    return printable(part.label if part.lineage else format.short_model(part.label))


def _fitting(columns: list[Column], lines: Sequence[Line], width: int | None) -> list[Column]:
    """The columns there is room for; the models get what the figures leave."""

    def needed() -> int:
        return sum(c.width for c in columns) + len(_GAP) * (len(columns) - 1)

    named = all(line.models == [line.key] for line in lines if line.key != "total")
    parted = named or any(line.breakdown for line in lines)
    while True:
        room = MODELS_MAX if width is None else min(MODELS_MAX, width - needed() - len(_GAP))
        dispensable = min((c for c in columns if c.keep < 9), key=lambda c: c.keep, default=None)
        if not parted and room >= MODELS_MIN:
            cells = ["" if line.key == "total" else fit_models(line.models, room) for line in lines]
            columns.insert(1, Column("MODELS", cells, 4, left=True))
            return columns
        if dispensable is None or width is None or (needed() <= width and (parted or dispensable.keep > 4)):
            return columns
        columns.remove(dispensable)


def _costs(lines: Sequence[Line]) -> list[str]:
    """Money with the sign of what is missing from it (`*`) or guessed in it (`~`)."""
    amounts = format.money_column(None if x.cost_nano is None else x.cost_nano / NANO for x in lines)
    marked = any(_mark(x) for x in lines)
    return [
        (UNPRICED if x.cost_nano is None else amount) + (_mark(x) or " " if marked else "")
        for x, amount in zip(lines, amounts, strict=True)
    ]


def _mark(line: Line) -> str:
    return "*" if line.unpriced_requests else "~" if line.estimated_requests else ""


def _notes(table: Table) -> list[str]:
    notes = [f"* {unpriced_note(table)}"] if table.unpriced_models else []
    if table.totals.estimated_requests:
        notes.append(f"~ with estimated token counts: {_messages(table.totals.estimated_requests)}.")
    return notes


def unpriced_note(table: Table) -> str:
    """Which messages are in no cost."""
    names = ", ".join(printable(name) for name in table.unpriced_models)
    return (
        f"Not in the cost: {_messages(table.totals.unpriced_requests)} of models without a price ({names})."
    )


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number:,} messages"


def fit_models(models: Sequence[str], room: int) -> str:
    """As many names as fit into `room`, shortened, and how many more there are: `opus-4-6, gpt-5 +2`."""
    names = list(dict.fromkeys(printable(format.short_model(name)) for name in models))
    for shown in range(len(names), 0, -1):
        rest = len(names) - shown
        text = ", ".join(names[:shown]) + (f" +{rest}" if rest else "")
        if len(text) <= room:
            return text
    if not names:
        return ""
    rest_text = f" +{len(names) - 1}" if len(names) > 1 else ""
    return f"{names[0][: room - 1 - len(rest_text)]}…{rest_text}"


def printable(text: str) -> str:
    """Text from a log file without what would move the cursor or colour the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _styled(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text
