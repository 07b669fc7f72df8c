"""How far the limits of accounts were used over a window, by the vendor's own readings. Pure.

Readings come when a tool is used, and fewer are kept the older they are. So a limit's share holds until the
next reading, or until its reset if that comes first: it is 0 from there on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Protocol

from openusage.read_model.blocks import BLOCK_PROVIDERS
from openusage.read_model.quota import has_reset, metric
from openusage.read_model.windows import to_us
from openusage.wire.events import QuotaReading
from openusage.wire.limits import is_limit, used_pct
from openusage.wire.rollups import Filter, Window
from openusage.wire.sessions import MOST_POINTS, LimitHistory, LimitPoint


class Readings(Protocol):
    """What is asked of a store."""

    def readings(self, where: Filter = ...) -> list[QuotaReading]: ...

    def reading_history(self, provider: str, account: str, key: str, since_us: int) -> list[QuotaReading]: ...


def limit_histories(ask: Readings, window: Window, where: Filter, now: dt.datetime) -> list[LimitHistory]:
    """Of each limit of the accounts whose blocks the filter lets through. O(readings in the window)."""
    providers = where.providers or BLOCK_PROVIDERS
    owners = Filter(machines=where.machines, providers=providers, accounts=where.accounts)
    limits = {(r.provider, r.account, r.key) for r in ask.readings(owners) if is_limit(r.key, metric(r, 0))}
    from_us, now_us = window.from_us or 0, to_us(now)
    until_us = now_us if window.to_us is None else min(window.to_us, now_us)
    found = []
    for provider, account, key in sorted(limits):
        told = [r for r in ask.reading_history(provider, account, key, from_us) if r.at_us < until_us]
        points = _thinned(list(_points(told, until_us)), from_us)
        if points:
            found.append(LimitHistory(provider=provider, account=account, key=key, points=points))
    return found


def _points(told: Sequence[QuotaReading], until_us: int) -> Iterator[LimitPoint]:
    """Each reading, and a reset that no reading came before."""
    ends = [*(reading.at_us for reading in told[1:]), until_us]
    for reading, ends_us in zip(told, ends, strict=False):  # there may be no reading
        share = used_pct(reading.key, metric(reading, 0))
        if share is None:
            continue
        yield LimitPoint(at_us=reading.at_us, used_pct=share)
        if reading.resets_at_us is not None and has_reset(reading, ends_us):
            yield LimitPoint(at_us=max(reading.resets_at_us, reading.at_us), used_pct=0.0)


def _thinned(points: Sequence[LimitPoint], from_us: int) -> list[LimitPoint]:
    """At most about `MOST_POINTS`: of a short while with several the highest and the last stay."""
    if len(points) <= MOST_POINTS:
        return list(points)
    first_us = max(points[0].at_us, from_us)
    step_us = max((points[-1].at_us - first_us) * 2 // MOST_POINTS, 1)
    groups: dict[int, list[LimitPoint]] = {}
    for point in points:
        groups.setdefault((point.at_us - first_us) // step_us, []).append(point)
    found: list[LimitPoint] = []
    for group in groups.values():
        highest = max(group, key=lambda p: p.used_pct)
        found += [highest] if highest is group[-1] else [highest, group[-1]]
    return found
