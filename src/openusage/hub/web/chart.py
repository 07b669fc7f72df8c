"""The stacked chart of a page, and the table behind it: the greatest rows, all others as one. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from openusage import format as fmt
from openusage.hub.web import words
from openusage.wire.pane import Pane, PaneRow, Used, total, total_of
from openusage.wire.rollups import By

COLOURS = 5
"""Rows with a colour of their own; what comes after them is one part, in the sixth."""
_SPARK_POINTS = 30
_SPARK_HEIGHT = 20


def row_id(group: By, label: str | None) -> str:
    """What a row is called in the page, by table and chart, as long as it is there."""
    return "r-" + hashlib.blake2b(f"{group}\0{label}".encode(errors="replace"), digest_size=6).hexdigest()


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the stack."""

    key: str
    """Says whether it is the same one after a change."""
    name: str
    colour: int
    """1..6."""
    total: str
    """Of the window, which may begin in the middle of the first day that is drawn."""
    values: list[float]
    """One a label; 0 where nothing is known, for the bar."""
    cells: list[str]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    unit: str
    """`usd` or `tokens`."""
    ticks: list[str]
    days: list[str]
    """Ticks in full."""
    series: list[Series]
    totals: list[str]
    """All parts together, one a label."""


def chart(pane: Pane, names: Sequence[str], *, of_cost: bool) -> Chart | None:
    """`None`: nothing was used in the window."""
    drawn = [(row, name) for row, name in zip(pane.rows, names, strict=True) if any(_points(row, of_cost))]
    if not drawn:
        return None
    own = drawn if len(drawn) <= COLOURS + 1 else drawn[:COLOURS]
    series = [
        _series(row_id(pane.group, row.label), name, at + 1, _values(row, of_cost), row.window, of_cost)
        for at, (row, name) in enumerate(own)
    ]
    if rest := [row for row, _ in drawn[len(own) :]]:
        columns = zip(*(_values(row, of_cost) for row in rest), strict=True)
        name = f"{sum(max(row.others, 1) for row in rest)} others"
        used = total_of(row.window for row in rest)
        series.append(_series("others", name, COLOURS + 1, [total(c) for c in columns], used, of_cost))
    sums = [total(column) for column in zip(*(_values(row, of_cost) for row, _ in drawn), strict=True)]
    what = "Cost" if of_cost else "Tokens"
    return Chart(
        title=f"{what} by {'hour' if pane.window == '1d' else 'day'}",
        unit="usd" if of_cost else "tokens",
        ticks=[words.tick(label) for label in pane.labels],
        days=[words.tick_long(label) for label in pane.labels],
        series=series,
        totals=_figures(sums, of_cost),
    )


def spark(row: PaneRow, *, of_cost: bool) -> str:
    """The last days of a row as the path of an SVG, 3 units a day, 20 high; empty when nothing was used."""
    points = _points(row, of_cost)[-_SPARK_POINTS:]
    top = max(points, default=0.0)
    if top <= 0:
        return ""
    heights = [max(round(_SPARK_HEIGHT * p / top), 1) for p in points]
    return "".join(f"M{3 * x} {_SPARK_HEIGHT}v-{h}h2v{h}z" for x, h in enumerate(heights))


def by_tokens(rows: Sequence[PaneRow]) -> list[PaneRow]:
    """Rows with shares of all tokens, the greatest first; what sums up very many stays last."""
    whole = sum(row.window.tokens for row in rows)
    ordered = sorted(rows, key=lambda row: (row.others > 0, -row.window.tokens))
    return [
        msgspec.structs.replace(row, share_pct=100.0 * row.window.tokens / whole if whole else None)
        for row in ordered
    ]


def _series(
    key: str, name: str, colour: int, values: Sequence[float | None], used: Used, of_cost: bool
) -> Series:
    return Series(
        key=key,
        name=name,
        colour=colour,
        total=fmt.money(used.cost_usd) if of_cost else fmt.count(used.tokens),
        values=[round(value or 0.0, 6) for value in values],
        cells=_figures(values, of_cost),
    )


def _figures(values: Sequence[float | None], of_cost: bool) -> list[str]:
    return fmt.money_column(values) if of_cost else [fmt.count(value) for value in values]


def _values(row: PaneRow, of_cost: bool) -> list[float | None]:
    return list(row.costs) if of_cost else list(row.tokens)


def _points(row: PaneRow, of_cost: bool) -> list[float]:
    return [value or 0.0 for value in _values(row, of_cost)]
