"""The table of machines, models, projects …: columns, rows, their order and filter. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec

from openusage import format as fmt
from openusage import words as common
from openusage.hub.web import words
from openusage.hub.web.address import FILTERS, Address, Sort
from openusage.hub.web.chart import row_id, spark
from openusage.hub.web.words import Level, Thresholds
from openusage.wire.pane import Pane, PaneRow
from openusage.wire.rollups import By


class Column(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    """Class of its cells: a narrow screen leaves some out."""
    title: str
    explained: str = ""
    numeric: bool = False
    href: str = ""
    """Of this order; empty: rows cannot be ordered by it."""
    aria_sort: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str = ""
    told: str = ""
    """What is said of the name when it is pointed at: how tools name the model."""
    href: str = ""
    state: str = ""
    """`fresh`, `stale`, `gone`; empty: no machine."""
    sign: str = ""
    state_word: str = ""
    today: str = ""
    window: str = ""
    own_window: str = ""
    share_pct: int = 0
    """Whole percents, that a row does not change with every event of another."""
    share: str
    requests: str
    top: str
    limit_name: str = ""
    limit: Level | None = None
    spark: str
    seen: dt.datetime | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    caption: str
    columns: list[Column]
    rows: list[Row]
    count: str
    """`5 machines`, or `2 of 5 machines` where a filter leaves some out."""
    of_machines: bool
    empty: str
    """What is said instead of rows."""


def table(
    pane: Pane, names: Sequence[str], address: Address, thresholds: Thresholds, *, of_cost: bool
) -> Table:
    """Rows in the order of the address, those that its text is in."""
    today = _figures([row.today for row in pane.rows], of_cost)
    window = _figures([row.window for row in pane.rows], of_cost)
    made = [
        (
            row,
            msgspec.structs.replace(
                _row(row, pane, address, thresholds, spark(row, of_cost=of_cost)),
                name=names[at],
                today=today[at],
                window=window[at],
            ),
        )
        for at, row in enumerate(pane.rows)
    ]
    shown = [(row, drawn) for row, drawn in made if _has(drawn, address.q)]
    plural = words.PLURALS[pane.group] if len(made) != 1 else words.GROUP_WORDS[pane.group]
    count = f"{len(made)} {plural}" if len(shown) == len(made) else f"{len(shown)} of {len(made)} {plural}"
    return Table(
        caption=words.PLURALS[pane.group].capitalize(),
        columns=_columns(pane, address, of_cost),
        rows=_ordered(shown, address, of_cost),
        count=count,
        of_machines=pane.group is By.MACHINE,
        empty=_nothing(pane, address),
    )


def whole_pct(share_pct: float | None) -> int:
    """For a bar: 0..100, and what is there at all has something of it."""
    if not share_pct or share_pct < 0:
        return 0
    return min(max(round(share_pct), 1), 100)


def _row(row: PaneRow, pane: Pane, address: Address, thresholds: Thresholds, drawn: str) -> Row:
    """Without what depends on the other rows: its name and its figures."""
    machine, limit = row.machine, row.limit
    sign, state_word = common.STATES[machine.state] if machine else ("", "")
    return Row(
        id=row_id(pane.group, row.label),
        told=", ".join(map(words.name, row.models)),
        href=_href(row, pane.group, address),
        state=str(machine.state) if machine else "",
        sign=sign,
        state_word=state_word,
        own_window=words.name(fmt.window_short(row.own_window)) if row.own_window else "",
        share_pct=whole_pct(row.share_pct),
        share=fmt.percent(row.share_pct),
        requests=fmt.count(row.window.requests),
        top=words.name(row.top) if pane.group is By.MODEL else words.model(row.top),
        limit_name=words.name(limit.name) if limit else "",
        limit=words.level(limit.gauge, pane.now, thresholds) if limit else None,
        spark=drawn,
        seen=machine.last_seen if machine else None,
    )


def _href(row: PaneRow, group: By, address: Address) -> str:
    """A machine opens its page, another label the view of it alone."""
    if row.label is None or row.others:
        return ""
    if group is By.MACHINE:
        return address.page("machines", row.label) if row.machine else ""
    return address.narrowed(str(group), row.label) if str(group) in FILTERS else ""


def _columns(pane: Pane, address: Address, of_cost: bool) -> list[Column]:
    of_machines = pane.group is By.MACHINE
    short, what = fmt.window_short(pane.window), "Cost" if of_cost else "Tokens"
    window = fmt.window_words(pane.window)
    by = "by hour" if pane.window == "1d" else "by day"
    columns = [
        _column(Sort.NAME, words.GROUP_WORDS[pane.group].capitalize(), "", address),
        _column(Sort.STATE, "State", "How long ago it was heard", address) if of_machines else None,
        _column(Sort.TODAY, "Today", f"{what} since midnight", address, numeric=True)
        if pane.window != "1d"
        else None,
        _column(Sort.WINDOW, short.capitalize(), f"{what}, {window}", address, numeric=True),
        Column(key="share", title="Share", explained=f"Of the {what.lower()} of all, {window}", numeric=True),
        Column(key="requests", title="Requests", explained=window, numeric=True) if not of_machines else None,
        _column(
            Sort.TOP,
            "Top machine" if pane.group is By.MODEL else "Top model",
            "What it used most",
            address,
        )
        if not (address.machine and pane.group is By.MODEL)
        else None,
        _column(Sort.LIMIT, "Nearest limit", "Of the accounts it uses", address) if of_machines else None,
        Column(key="spark", title=by.capitalize(), explained=f"{what} {by}"),
        _column(Sort.SEEN, "Seen", "When it was heard last", address, numeric=True) if of_machines else None,
    ]
    return [column for column in columns if column is not None]


def _column(sort: Sort, title: str, explained: str, address: Address, *, numeric: bool = False) -> Column:
    aria = ("descending" if address.descends else "ascending") if address.sort is sort else ""
    return Column(
        key=str(sort),
        title=title,
        explained=explained,
        numeric=numeric,
        href=address.sorted_by(sort),
        aria_sort=aria,
    )


def _ordered(rows: Sequence[tuple[PaneRow, Row]], address: Address, of_cost: bool) -> list[Row]:
    """What has no value in the column comes last, either way round; the last row of very many stays last."""

    def value(pair: tuple[PaneRow, Row]) -> Any:
        row, drawn = pair
        if address.sort is Sort.NAME:
            return drawn.name.casefold()
        if address.sort is Sort.TOP:
            return drawn.top.casefold() if row.top else None
        if address.sort is Sort.STATE:
            return list(common.STATES).index(row.machine.state) if row.machine else None
        if address.sort is Sort.SEEN:  # ascending is by age
            return -drawn.seen.timestamp() if drawn.seen else None
        if address.sort is Sort.LIMIT:
            return row.limit.gauge.used_pct if row.limit else None
        used = row.today if address.sort is Sort.TODAY else row.window
        return used.cost_usd if of_cost else used.tokens

    whole = [pair for pair in rows if not pair[0].others]
    known = [pair for pair in whole if value(pair) is not None]
    known.sort(key=value, reverse=address.descends)
    rest = [pair for pair in whole if value(pair) is None]
    return [drawn for _, drawn in (*known, *rest, *(pair for pair in rows if pair[0].others))]


def _has(row: Row, text: str) -> bool:
    wanted = text.casefold()
    return any(wanted in said.casefold() for said in (row.name, row.top, row.limit_name, row.state_word))


def _nothing(pane: Pane, address: Address) -> str:
    if address.q:
        return f'Nothing here has "{words.name(address.q)}" in it.'
    if pane.machines or address.where:
        return f"Nothing was used: {fmt.window_words(pane.window)}."
    return (
        "No machine has sent anything yet. On each machine, name this hub in export.target of settings.json."
    )


def _figures(used: Sequence[Any], of_cost: bool) -> list[str]:
    return fmt.money_column(u.cost_usd for u in used) if of_cost else [fmt.count(u.tokens) for u in used]
