"""A hub's history as a `Pane`: any window, any machines, grouped as asked, in the viewer's zone. Pure.

Machines that send no records come in as the sections of their snapshots (`wire.stranger`). Limits are the
vendor's figure for a whole account: once an account, never added up.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

from openusage.lineage import Lineages
from openusage.read_model.assign import MOST_ASKED, ask_unassigned
from openusage.read_model.windows import (
    before,
    day_start,
    from_us,
    local_date,
    series_window,
    to_us,
    whole_minute,
    window,
)
from openusage.wire import stranger
from openusage.wire.decode import decode
from openusage.wire.fleet import AccountState, MachineState, State
from openusage.wire.pane import (
    Pane,
    PaneAccount,
    PaneRow,
    PaneTotals,
    Used,
    added,
    nearness,
    placed,
    total_of,
)
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window, add
from openusage.wire.sections import Sections
from openusage.wire.snapshot import Metric, Status, UsageSnapshot

HOUR_US = 3_600_000_000
MOST_DAYS = 90
"""That are drawn, however long the window is."""


class Sums(Protocol):
    """What is asked of a store: a part of `wire.rollups.Questions`."""

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]: ...
    def sessions(self, window: Window, where: Filter = ANY) -> int: ...
    def oldest_us(self) -> int | None: ...


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a pane is asked for; equal ones have equal answers while nothing changes."""

    window: str = "7d"
    group: By = By.MACHINE
    tz: str = "UTC"
    where: Filter = ANY
    """Its machines by id in the store."""


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """What is known beside the history."""

    machines: Sequence[MachineState]
    names: Mapping[str, str]
    """Id in the store -> name as shown."""
    accounts: Sequence[AccountState]
    strangers: Sequence[Sections] = ()
    """Snapshots of machines that send no records."""
    snapshots: int = 0
    copies: int = 0
    notes: Sequence[str] = ()


def build(
    ask: Sums,
    wanted: Wanted,
    crowd: Crowd,
    now: dt.datetime,
    lineages: Lineages | None = None,
    links: Mapping[str, str] | None = None,
) -> Pane:
    """The pane. Eleven questions, whatever the number of machines; windows begin at the last whole minute.

    A row that stands for a model is a lineage, and has the names that tools give it beside it. `links` say
    which account pays for what a vendor answered (`telemetry.provider_links`).
    """
    minute = whole_minute(now)
    spans = _Spans(wanted, minute, ask.oldest_us())
    history = _History(ask, wanted, crowd.names, spans, lineages or Lineages())
    recorded = history.rows()
    counted = [*recorded.values(), *_told_by(crowd, wanted, By.MACHINE, minute, spans.labels)]
    rows = _with_strangers(history, recorded, crowd, wanted, minute, spans.labels)
    machines = {m.name: m for m in crowd.machines} if wanted.group is By.MACHINE else {}
    if wanted.where == ANY:
        rows.update((name, _idle(name, spans.labels)) for name in machines.keys() - rows.keys())
    shared = [_account(account, now) for account in crowd.accounts]
    accounts = sorted([*shared, *stranger.shared_accounts(crowd.strangers)], key=nearness)
    totals = history.totals(counted)
    return Pane(
        now=now,
        window=wanted.window,
        tz=wanted.tz,
        group=wanted.group,
        labels=spans.labels,
        rows=placed(rows.values(), totals.window, machines, accounts),
        totals=totals,
        accounts=[a for a in accounts if a.gauges or a.credits],
        machines=len(crowd.machines),
        active=sum(m.state is State.FRESH for m in crowd.machines),
        snapshots=crowd.snapshots,
        copies=crowd.copies,
        notes=list(crowd.notes),
        unassigned=ask_unassigned(ask, spans.shown, wanted.where, links or {})
        if len(crowd.machines) <= MOST_ASKED
        else [],
        history=True,
    )


def rank(
    ask: Sums, wanted: Wanted, crowd: Crowd, now: dt.datetime, lineages: Lineages | None = None
) -> list[PaneRow]:
    """The rows of such a pane by its window alone, with nothing to draw: one question."""
    minute = whole_minute(now)
    history = _History(ask, wanted, crowd.names, _Spans(wanted, minute, None), lineages or Lineages())
    rows = _with_strangers(history, history.sums(), crowd, wanted, minute, ())
    return placed(rows.values(), total_of(row.window for row in rows.values()), {}, ())


def _with_strangers(
    history: _History,
    rows: dict[str | None, PaneRow],
    crowd: Crowd,
    wanted: Wanted,
    minute: dt.datetime,
    labels: Sequence[str],
) -> dict[str | None, PaneRow]:
    told = _told_by(crowd, wanted, wanted.group, minute, labels)
    for row in map(history.named, told):
        rows[row.label] = added([rows[row.label], row]) if row.label in rows else row
    return rows


def _told_by(
    crowd: Crowd, wanted: Wanted, group: By, minute: dt.datetime, labels: Sequence[str]
) -> list[PaneRow]:
    """The rows of machines that send no records. By models or projects they do not say all that they used."""
    now = minute.astimezone(ZoneInfo(wanted.tz))
    return stranger.rows_of(crowd.strangers, window=wanted.window, group=group, now=now, labels=labels)


class _Spans:
    """The spans of time that a pane asks about."""

    def __init__(self, wanted: Wanted, now: dt.datetime, oldest_us: int | None) -> None:
        self._tz, self._now = wanted.tz, now
        self.shown = window(wanted.window, now, wanted.tz)
        self.today = window("1d", now, wanted.tz)
        self.oldest_us = oldest_us
        self.last_hour = Window("custom", to_us(now) - HOUR_US, self.shown.to_us)
        self.is_hourly = wanted.window == "1d"
        self.labels = self._hours() if self.is_hourly else self._days()
        """Local days or hours, the present one last."""

    @property
    def series(self) -> Window:
        """What the labels cover."""
        if self.is_hourly:
            return self.today
        first = day_start(dt.date.fromisoformat(self.labels[0]), self._tz)
        return Window("series", to_us(first), self.shown.to_us)

    @property
    def before(self) -> Window | None:
        """As long as the shown window, just before it; `None` when our data do not reach back so far."""
        return self._known(before(self.shown, self._now, self._tz))

    @property
    def yesterday(self) -> Window | None:
        """Yesterday up to this time of day."""
        return self._known(before(self.today, self._now, self._tz))

    @property
    def partial_since_us(self) -> int | None:
        """Where our data begin, when that is inside the window."""
        start = self.shown.from_us
        inside = start is not None and self.oldest_us is not None and self.oldest_us > start
        return self.oldest_us if inside else None

    def _known(self, span: Window | None) -> Window | None:
        if span is None or self.oldest_us is None or span.from_us is None:
            return None
        return span if self.oldest_us <= span.from_us else None

    def _days(self) -> list[str]:
        today = local_date(self._now, self._tz)
        covered = series_window(self.shown, self._now, self._tz).from_us
        first_us = self.oldest_us if covered is None else covered
        first = today if first_us is None else local_date(from_us(first_us), self._tz)
        days = min(max((today - first).days + 1, 1), MOST_DAYS)
        return stranger.days_until(today, days)

    def _hours(self) -> list[str]:
        zone = ZoneInfo(self._tz)
        start = self.today.from_us or 0
        hours = range((to_us(self._now) - start) // HOUR_US + 1)
        local = (from_us(start + hour * HOUR_US).astimezone(zone) for hour in hours)
        return list(dict.fromkeys(f"{at:%Y-%m-%dT%H}" for at in local))


class _History:
    """What is asked of the history, and the rows of it."""

    def __init__(
        self, ask: Sums, wanted: Wanted, names: Mapping[str, str], spans: _Spans, lineages: Lineages
    ) -> None:
        self._ask, self._group, self._tz, self._names = ask, wanted.group, wanted.tz, names
        self._top_by = By.MACHINE if self._group is By.MODEL else By.MODEL
        self._lineages = lineages
        self._where = wanted.where
        self._spans = spans

    def rows(self) -> dict[str | None, PaneRow]:
        """By label, without share and place."""
        shown = self._usage(self._spans.shown, self._group, self._top_by)
        today = self._by_label(self._usage(self._spans.today, self._group))
        drawn: dict[str | None, dict[str, Rollup]] = {}
        unit = By.HOUR if self._spans.is_hourly else By.DAY
        for row in self._usage(self._spans.series, self._group, unit):
            line, point = drawn.setdefault(self._label(row), {}), row.key[unit] or ""
            line[point] = add([line[point], row]) if point in line else row
        by_label = self._by_label(shown)
        found: dict[str | None, PaneRow] = {}
        for label in dict.fromkeys([*by_label, *today, *drawn]):
            members = by_label.get(label, [])
            line = drawn.get(label, {})
            points = [line.get(name) for name in self._spans.labels]
            found[label] = PaneRow(
                label=label,
                today=_used(today.get(label, [])),
                window=_used(members),
                top=self._first(members),
                models=self._models(members),
                costs=[_used([p]).cost_usd if p else None for p in points],
                tokens=[p.total_tokens if p else 0 for p in points],
            )
        return found

    def sums(self) -> dict[str | None, PaneRow]:
        """The same for the window alone."""
        sums = self._by_label(self._usage(self._spans.shown, self._group))
        return {
            label: PaneRow(label=label, today=Used(), window=_used(rows), models=self._models(rows))
            for label, rows in sums.items()
        }

    def named(self, row: PaneRow) -> PaneRow:
        """A row of a snapshot under the names of ours."""
        if self._group is By.MODEL:
            return msgspec.structs.replace(row, label=self._lineages.id_of(row.label))
        return msgspec.structs.replace(row, top=self._lineages.id_of(row.top))

    def totals(self, rows: Iterable[PaneRow]) -> PaneTotals:
        """Sums of the rows, and what is asked for all of them at once."""
        rows = list(rows)
        spans = self._spans
        whole = add(self._usage(spans.shown))
        hour = _used(self._usage(spans.last_hour))
        since = spans.partial_since_us
        return PaneTotals(
            today=total_of(row.today for row in rows),
            window=total_of(row.window for row in rows),
            today_before=self._before(spans.yesterday),
            window_before=self._before(spans.before),
            burn_usd_per_h=hour.cost_usd if hour.requests else None,
            sessions=self._ask.sessions(spans.shown, self._where),
            unpriced_requests=whole.unpriced_events,
            estimated_requests=whole.estimated_events,
            partial_since=None if since is None else from_us(since),
        )

    def _before(self, span: Window | None) -> Used | None:
        return None if span is None else _used(self._usage(span))

    def _usage(self, span: Window, *by: By) -> list[Rollup]:
        """Without what has no requests, such as calls of tools where models are told apart."""
        return [row for row in self._ask.usage(span, by, self._where, self._tz) if row.requests]

    def _by_label(self, rows: Iterable[Rollup]) -> dict[str | None, list[Rollup]]:
        found: dict[str | None, list[Rollup]] = {}
        for row in rows:
            found.setdefault(self._label(row), []).append(row)
        return found

    def _label(self, row: Rollup) -> str | None:
        return self._named(row.key[self._group], self._group)

    def _named(self, label: str | None, by: By) -> str | None:
        """As it is shown."""
        if by is By.MACHINE:
            return self._names.get(label or "", label)
        return self._lineages.id_of(label) if by is By.MODEL else label

    def _models(self, rows: Sequence[Rollup]) -> list[str]:
        """The names that tools give the model of a row, the costliest first."""
        if self._group is not By.MODEL:
            return []
        sums: dict[str, tuple[int, int]] = {}
        for row in rows:
            if name := row.key[By.MODEL]:
                cost, tokens = sums.get(name, (0, 0))
                sums[name] = cost + row.cost_nano, tokens + row.total_tokens
        return sorted(sums, key=lambda name: sums[name], reverse=True)

    def _first(self, rows: Sequence[Rollup]) -> str | None:
        """What of a row is on top, as it is shown: the dearest, of equal ones that with the most tokens."""
        if not rows:
            return None
        sums: dict[str | None, tuple[int, int]] = {}
        label = str(self._top_by)
        for row in rows:
            name = self._named(row.key[label], self._top_by)
            if name in sums:
                cost, tokens = sums[name]
                sums[name] = cost + row.cost_nano, tokens + row.total_tokens
            else:
                sums[name] = row.cost_nano, row.total_tokens
        return max(sums, key=sums.__getitem__)


def _used(rows: Sequence[Rollup]) -> Used:
    """Rows of requests, summed. Their cost is not known when none of them has one."""
    requests = sum(row.requests for row in rows)
    is_priced = requests == 0 or any(row.unpriced_events < row.requests for row in rows)
    return Used(
        cost_usd=sum(row.cost_nano for row in rows) / 1e9 if is_priced else None,
        tokens=sum(row.total_tokens for row in rows),
        requests=requests,
    )


def _idle(name: str, labels: Sequence[str]) -> PaneRow:
    """A machine that used nothing in the window."""
    nothing = Used(cost_usd=0.0)
    return PaneRow(
        label=name, today=nothing, window=nothing, costs=[None for _ in labels], tokens=[0 for _ in labels]
    )


def _account(account: AccountState, now: dt.datetime) -> PaneAccount:
    """Limits and credits by the one rule there is for them: that of snapshots."""
    quotas = {q.key: q for q in account.quotas}
    snapshot = UsageSnapshot(
        provider_id=account.provider,
        account_id=account.account,
        timestamp=max((q.read_at for q in account.quotas), default=now),
        status=Status.OK,
        metrics={
            key: Metric(limit=q.limit, remaining=q.remaining, used=q.used, unit=q.unit, window=q.window)
            for key, q in quotas.items()
        },
        resets={key: q.resets_at for key, q in quotas.items() if q.resets_at is not None},
        attributes=account.facts,
    )
    said = decode(snapshot, machine="", now=now)
    return PaneAccount(
        provider=account.provider,
        account=account.account,
        name=said.name,
        plan=said.plan,
        flat_plan=said.flat_plan,
        machines=account.machines,
        gauges=said.gauges,
        credits=said.credits,
        read_at=max((q.read_at for q in account.quotas), default=None),
    )
