"""A `Questions` in memory over a list of events: slow, and right by being obvious."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from openusage.wire.events import AccountFact, EventKind, QuotaReading, UsageEvent
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window, add

NO_PRICE = "no-price"
"""Models that begin so have no price; every other token costs 1000 nano-dollars."""
NANO_PER_TOKEN = 1000


class FakeStore:
    """One machine's records; counts what it was asked."""

    def __init__(
        self,
        events: Sequence[UsageEvent] = (),
        readings: Sequence[QuotaReading] = (),
        facts: Sequence[AccountFact] = (),
    ) -> None:
        self.events = list(events)
        self.all_readings = sorted(readings, key=lambda r: r.at_us)
        self.all_facts = list(facts)
        self.asked = 0

    def revision(self) -> int:
        return 1

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        self.asked += 1
        groups: dict[tuple[str | None, ...], list[Rollup]] = defaultdict(list)
        for event in self._chosen(window, where):
            groups[tuple(_label(event, b, tz) for b in by)].append(one_row(event))
        if not by:
            return [add(groups[()])]
        return [
            _keyed(add(rows), dict(zip((str(b) for b in by), labels, strict=True)))
            for labels, rows in groups.items()
        ]

    def sessions(self, window: Window, where: Filter = ANY) -> int:
        self.asked += 1
        return len({e.session for e in self._messages(window, where) if e.session})

    def files_changed(self, window: Window, where: Filter = ANY) -> int:
        self.asked += 1
        return len(
            {
                e.file_key
                for e in self._chosen(window, where)
                if e.file_key is not None and (e.lines_added is not None or e.lines_removed is not None)
            }
        )

    def readings(self, where: Filter = ANY) -> list[QuotaReading]:
        self.asked += 1
        newest = {
            (r.provider, r.account, r.key): r
            for r in self.all_readings
            if _ours(r.provider, r.account, where)
        }
        return list(newest.values())

    def reading_history(self, provider: str, account: str, key: str, since_us: int) -> list[QuotaReading]:
        self.asked += 1
        mine = [r for r in self.all_readings if (r.provider, r.account, r.key) == (provider, account, key)]
        return [r for r in mine if r.at_us <= since_us][-1:] + [r for r in mine if r.at_us > since_us]

    def facts(self, where: Filter = ANY) -> list[AccountFact]:
        self.asked += 1
        return [f for f in self.all_facts if _ours(f.provider, f.account, where)]

    def accounts(self) -> list[tuple[str, str]]:
        return sorted({(e.provider, e.account) for e in self.events})

    def oldest_us(self) -> int | None:
        return min((e.at_us for e in self.events), default=None)

    def _messages(self, window: Window, where: Filter) -> list[UsageEvent]:
        return [e for e in self._chosen(window, where) if e.kind is EventKind.MESSAGE]

    def _chosen(self, window: Window, where: Filter) -> list[UsageEvent]:
        return [
            e
            for e in self.events
            if (window.from_us is None or e.at_us >= window.from_us)
            and (window.to_us is None or e.at_us < window.to_us)
            and _ours(e.provider, e.account, where)
            and (not where.kinds or e.kind in where.kinds)
            and (not where.projects or e.project in where.projects)
            and (not where.models or e.model in where.models)
        ]


def one_row(e: UsageEvent) -> Rollup:
    """What one event adds."""
    priced = not (e.model or NO_PRICE).startswith(NO_PRICE)
    computed = e.tokens.total * NANO_PER_TOKEN if priced and e.kind is EventKind.MESSAGE else 0
    unpriced = e.kind is EventKind.MESSAGE and not priced and e.cost_reported_nano is None
    return Rollup(
        events=1,
        input=e.tokens.input or 0,
        output=e.tokens.output or 0,
        cache_read=e.tokens.cache_read or 0,
        cache_write_5m=e.tokens.cache_write_5m or 0,
        cache_write_1h=e.tokens.cache_write_1h or 0,
        reasoning=e.tokens.reasoning or 0,
        cost_reported_nano=e.cost_reported_nano or 0,
        cost_computed_nano=computed,
        cost_nano=computed if e.cost_reported_nano is None else e.cost_reported_nano,
        unpriced_events=int(unpriced),
        unpriced_tokens=e.tokens.total if unpriced else 0,
        lines_added=e.lines_added or 0,
        lines_removed=e.lines_removed or 0,
        web_searches=e.web_searches or 0,
        web_fetches=e.web_fetches or 0,
        first_us=e.at_us,
        last_us=e.at_us,
    )


def _keyed(row: Rollup, key: dict[str, str | None]) -> Rollup:
    fields = {f: getattr(row, f) for f in row.__struct_fields__ if f != "key"}
    return Rollup(key=key, **fields)


def _label(e: UsageEvent, by: By, tz: str) -> str | None:
    local = dt.datetime.fromtimestamp(e.at_us / 1e6, ZoneInfo(tz))
    if by is By.DAY:
        return local.date().isoformat()
    if by is By.HOUR:
        return local.strftime("%Y-%m-%dT%H")
    if by is By.MACHINE:
        return "this"
    value = getattr(e, by.value)
    return None if value is None else str(value)


def _ours(provider: str, account: str, where: Filter) -> bool:
    return (not where.providers or provider in where.providers) and (
        not where.accounts or account in where.accounts
    )
