"""A cut through a history: what was used in a span, by one label, over its days or hours, and what before it.

`ask` puts the questions, everything else is pure. Money is USD as float from here on: it is for showing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence

import msgspec

from openusage import format as fmt
from openusage import words
from openusage.client import HistorySource
from openusage.tui import days, plot
from openusage.tui.lines import clean
from openusage.tui.sections.daily import Measure
from openusage.tui.spans import Moment, Span, before, moment_of, slots, window
from openusage.wire.keys import provider_name
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window, add

UNNAMED = "unknown"
"""Where the records do not say, as in reports."""


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of one span by one label."""

    by: By
    unit: By
    """What is drawn over: `By.DAY` or `By.HOUR`."""
    labels: tuple[str, ...]
    drawn: list[Rollup]
    """By unit and label."""
    sums: list[Rollup]
    """By label, over exactly the span's window."""
    before: list[Rollup] | None = None
    """The same over as long a time just before; `None`: not asked, or there is none."""

    @property
    def total(self) -> Rollup:
        """All rows as one."""
        return add(self.sums)

    @property
    def total_before(self) -> Rollup | None:
        return None if self.before is None else add(self.before)


def ask(
    source: HistorySource,
    span: Span,
    by: By,
    moment: Moment,
    where: Filter = ANY,
    *,
    hours: bool = False,
    tools: bool = False,
    oldest_us: int | None = None,
) -> Cut:
    """Two or three questions. `tools`: of calls of tools, else of answers of models.

    `oldest_us`: when our data begin; what is before the span is compared with where they reach back so far.
    """

    def rows(found: Iterable[Rollup]) -> list[Rollup]:
        # What has no requests, such as calls of tools where models are told apart, is no row.
        return [row for row in found if (row.tool_calls if tools else row.requests)]

    drawn_over = slots(span, moment, hours=hours)
    tz = moment.tz_name
    sums = rows(source.usage(window(span, moment), (by,), where, tz))
    drawn = rows(source.usage(drawn_over.window, (drawn_over.unit, by), where, tz))
    earlier = before(span, moment)
    if earlier is not None and (oldest_us is None or oldest_us > (earlier.from_us or 0)):
        earlier = None
    return Cut(
        by=by,
        unit=drawn_over.unit,
        labels=drawn_over.filled([row.key[drawn_over.unit] or "" for row in drawn], moment),
        drawn=drawn,
        sums=sums,
        before=None if earlier is None else rows(source.usage(earlier, (by,), where, tz)),
    )


def oldest_us(source: HistorySource, moment: Moment, where: Filter = ANY) -> int | None:
    """When our data begin. One question; `None`: there are none, or it is not told."""
    (ever, *_) = source.usage(Window("all"), (), where, moment.tz_name) or [Rollup()]
    return ever.first_us or None


def partial_since(span: Span, moment: Moment, oldest_us: int | None) -> dt.datetime | None:
    """When our data begin, where that is inside of the span."""
    from_us = window(span, moment).from_us
    inside = from_us is not None and oldest_us is not None and oldest_us > from_us
    return moment_of(oldest_us) if inside and oldest_us is not None else None


def cost_usd(row: Rollup) -> float | None:
    """`None`: it has requests, and none of them has a price."""
    if row.requests and row.unpriced_events >= row.requests:
        return None
    return row.cost_nano / 1e9


def value(row: Rollup, measure: Measure) -> float | None:
    """What is counted; of tools their calls are the requests."""
    if measure is Measure.COST:
        return cost_usd(row)
    return float(row.total_tokens) if measure is Measure.TOKENS else float(row.requests or row.tool_calls)


def cache_hit_pct(row: Rollup) -> float | None:
    """How much of what models read came from a cache; `None`: nothing says that there is one."""
    if not row.cache_read and not row.cache_write:
        return None
    return 100.0 * row.cache_read / (row.input + row.cache_read + row.cache_write)


def usd_per_mtok(row: Rollup) -> float | None:
    """USD for a million tokens of any kind, of what has a price; `None`: nothing has."""
    cost, tokens = cost_usd(row), row.total_tokens - row.unpriced_tokens
    return None if cost is None or tokens <= 0 else 1e6 * cost / tokens


def trend_pct(now: float | None, earlier: float | None) -> float | None:
    """How much more than before; `None`: there was nothing, or it is not known."""
    return None if now is None or not earlier else 100.0 * (now - earlier) / earlier


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One label and what it used."""

    label: str | None
    name: str
    """As people read it."""
    row: Rollup
    earlier: Rollup | None = None
    """The same label in the time before; `None`: not known."""
    colour: int | None = None
    """Index into the palette's series, where it is a part of the chart of its own."""

    def trend_pct(self, measure: Measure) -> float | None:
        """How much more than before."""
        if self.earlier is None:
            return None
        return trend_pct(value(self.row, measure), value(self.earlier, measure))


def ranking(cut: Cut, measure: Measure, stack: days.Stack | None = None) -> list[Ranked]:
    """The largest first; those without such a figure, such as an unpriced model, after all others."""
    earlier = None if cut.before is None else {row.key[cut.by]: row for row in cut.before}
    labels = [row.key[cut.by] for row in cut.sums]
    colours = dict(zip(stack.names, stack.colours, strict=True)) if stack is not None else {}
    found = [
        Ranked(
            label=label,
            name=name,
            row=row,
            earlier=None if earlier is None else earlier.get(label, Rollup()),
            colour=colours.get(name),
        )
        for label, name, row in zip(labels, names(labels, cut.by), cut.sums, strict=True)
    ]
    return sorted(found, key=lambda r: (-(value(r.row, measure) or 0.0), -r.row.total_tokens, r.name))


def names(labels: Sequence[str | None], by: By) -> list[str]:
    """How labels are called; models without the date of their release where that tells them apart."""
    if by is By.PROVIDER:
        return [provider_name(label) if label else UNNAMED for label in labels]
    plain = [clean(label) or UNNAMED if label else UNNAMED for label in labels]
    return fmt.model_names(plain) if by is By.MODEL else plain


def stacked(cut: Cut, measure: Measure) -> days.Stack | None:
    """The parts of each day or hour. `None`: there is nothing to see."""
    labels = list(dict.fromkeys(row.key[cut.by] for row in (*cut.sums, *cut.drawn)))
    named = dict(zip(labels, names(labels, cut.by), strict=True))
    place = {label: at for at, label in enumerate(cut.labels)}
    sums: dict[str, list[float]] = {}
    for row in cut.drawn:
        at = place.get(row.key[cut.unit] or "")
        if at is not None:
            parts = sums.setdefault(named[row.key[cut.by]], [0.0] * len(cut.labels))
            parts[at] += max(value(row, measure) or 0.0, 0.0)
    used = {name: parts for name, parts in sums.items() if any(parts)}
    if not used:
        return None
    totals: dict[str, float] = {}
    for row in cut.sums:
        name = named[row.key[cut.by]]
        totals[name] = totals.get(name, 0.0) + (value(row, measure) or 0.0)
    return days.ranked(measure, str(cut.by), list(cut.labels), used, totals)


class Bars(msgspec.Struct, frozen=True):
    """Days, hours, or as many of them together as fit."""

    days: list[plot.Day]
    unit: str
    """`day`, `hour`, `3 hours`, `week`, `month`."""
    newest: str = ""
    """What the last bar is called, when it is no day and no hour."""


def fitted(stack: days.Stack, width: int, today: dt.date) -> Bars:
    """Bars that have room in a chart of that width."""
    most, found = plot.most_days(width), stack.days
    hourly = "T" in found[-1].date
    if len(found) <= most:
        return Bars(found, "hour" if hourly else "day")
    if hourly:
        step = next((n for n in (2, 3, 4, 6, 12) if -(-len(found) // n) <= most), 24)
        return Bars(_together(found, lambda d: f"{d[:11]}{int(d[11:]) // step * step:02}"), f"{step} hours")
    weeks = _together(found, _monday)
    is_open = found[-1].date >= today.isoformat()
    if len(weeks) <= most:
        return Bars(weeks, "week", "this week" if is_open else "")
    months = _together(found, lambda d: f"{d[:7]}-01")
    return Bars(months[-most:], "month", "this month" if is_open else "")


def _monday(date: str) -> str:
    day = dt.date.fromisoformat(date)
    return (day - dt.timedelta(days=day.weekday())).isoformat()


def _together(found: Sequence[plot.Day], name: Callable[[str], str]) -> list[plot.Day]:
    groups: dict[str, list[plot.Day]] = {}
    for day in found:
        groups.setdefault(name(day.date), []).append(day)
    return [
        plot.Day(date, tuple(map(sum, zip(*(day.parts for day in members), strict=True))))
        for date, members in groups.items()
    ]


def caveats(row: Rollup, measure: Measure, since: dt.datetime | None, tz: dt.tzinfo) -> list[str]:
    """What a reader must know of sums: that our data begin later, requests without a price, estimates."""
    found = []
    if since is not None:
        local = since.astimezone(tz)
        found.append(f"partial: our data begin {local.day} {local:%b %Y %H:%M}")
    if row.unpriced_events and measure is Measure.COST:
        found.append(words.unpriced(row.unpriced_events))
    if row.estimated_events:
        found.append(f"{fmt.count(row.estimated_events)} requests with estimated token counts")
    return found
