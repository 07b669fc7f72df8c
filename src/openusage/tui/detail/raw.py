"""A snapshot as it travels: metrics, resets, attributes, diagnostics, series. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import table
from openusage.tui.detail.laid import Laid, Room
from openusage.tui.lines import blank, clean, fit, left, strip, wrapped
from openusage.tui.view import View
from openusage.wire.snapshot import Metric, UsageSnapshot

_MOST_LINES = 12
"""Of one value."""


def laid(snapshot: UsageSnapshot, search: str, room: Room, view: View) -> Laid:
    """A page of everything whose name or value has all words of `search` in it."""
    width = room.width - 4
    words = search.casefold().split()

    def matches(*texts: str) -> bool:
        known = " ".join(texts).casefold()
        return all(word in known for word in words)

    page: list[Strip] = []
    head = [(name, value) for name, value in _head(snapshot) if matches(name, value)]
    page += _section("snapshot", _pairs(head, width, view), view, width)
    metrics = {k: m for k, m in sorted(snapshot.metrics.items()) if matches(k, m.unit, m.window)}
    page += _section("metrics", _metrics(metrics, width, view), view, width)
    for title, pairs in _texts(snapshot):
        found = [(name, value) for name, value in pairs if matches(name, value)]
        page += _section(title, _pairs(found, width, view), view, width)
    if not page:
        page = [
            strip([(f"Nothing has “{clean(search)}” in it. Esc shows all again.", view.palette.dim)], width)
        ]
    return Laid(page=[Strip.join([blank(2), line, blank(1)]) for line in page])


def _section(title: str, lines: Sequence[Strip], view: View, width: int) -> list[Strip]:
    """Nothing, where there is nothing in it."""
    return [strip([(title, view.palette.dim)], width), *lines, blank(width)] if lines else []


def _head(snapshot: UsageSnapshot) -> list[tuple[str, str]]:
    found = [
        ("provider_id", snapshot.provider_id),
        ("account_id", snapshot.account_id),
        ("timestamp", _time(snapshot.timestamp)),
        ("status", snapshot.status),
    ]
    return [*found, *([("message", snapshot.message)] if snapshot.message else [])]


def _time(at: dt.datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _texts(snapshot: UsageSnapshot) -> Iterable[tuple[str, list[tuple[str, str]]]]:
    yield "resets", sorted((key, _time(at)) for key, at in snapshot.resets.items())
    yield "attributes", sorted(snapshot.attributes.items())
    yield "diagnostics", sorted(snapshot.diagnostics.items())
    yield "raw", sorted(snapshot.raw.items())
    yield (
        "daily_series",
        [
            (name, "  ".join(f"{p.date} {_number(p.value)}" for p in points))
            for name, points in sorted(snapshot.daily_series.items())
        ],
    )


def _number(value: float | None) -> str:
    """As it travels, without a fraction that it does not have."""
    if value is None:
        return fmt.MISSING
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _metrics(metrics: dict[str, Metric], width: int, view: View) -> list[Strip]:
    if not metrics:
        return []
    columns = [
        table.Column(
            title=title, cells=[_number(getattr(m, title)) for m in metrics.values()], priority=place
        )
        for place, title in ((1, "used"), (3, "limit"), (4, "remaining"))
    ]
    columns += [
        table.Column(title=title, cells=[clean(getattr(m, title)) for m in metrics.values()], priority=place)
        for place, title in ((2, "unit"), (5, "window"))
    ]
    return table.draw("", [clean(k) for k in metrics], columns, width, view.palette, least_name=24)


def _pairs(rows: Sequence[tuple[str, str]], width: int, view: View) -> list[Strip]:
    """Name and value; long values run over lines."""
    if not rows:
        return []
    label = min(max(cell_len(clean(name)) for name, _ in rows), max(width // 3, 14))
    lines = []
    for name, value in rows:
        texts = wrapped(_whole(value), max(width - label - 2, 1), _MOST_LINES) or [fmt.MISSING]
        for index, text in enumerate(texts):
            first = left(fit(clean(name), label), label) if index == 0 else " " * label
            lines.append(strip([(first + "  ", view.palette.dim), (text, view.palette.text)], width))
    return lines


def _whole(value: str) -> str:
    """A long text, cleaned piece by piece: `clean` cuts what is longer than a line can be."""
    return " ".join(clean(word) for word in value.split(" "))
