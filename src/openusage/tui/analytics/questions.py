"""What the analytics ask: a cut by each label, and when it was used. Figures first, the rest as it comes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

import msgspec

from openusage.client import HistorySource
from openusage.tui import cuts
from openusage.tui.cuts import Cut
from openusage.tui.spans import Moment, Span, window
from openusage.wire.rollups import By, Rollup

LABELS = (By.PROVIDER, By.MODEL, By.PROJECT, By.CLIENT, By.ACCOUNT, By.MACHINE)
"""What is ranked; machines on a hub only."""


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What has come so far."""

    cuts: dict[By, Cut]
    hours: list[Rollup] = []
    """By local hour."""
    since: dt.datetime | None = None
    """When our data begin, where that is inside of the span."""
    is_whole: bool = False

    @property
    def first(self) -> Cut:
        """The one that came first: any has the same sums."""
        return next(iter(self.cuts.values()))

    @property
    def total(self) -> Rollup:
        return self.first.total

    @property
    def total_before(self) -> Rollup | None:
        """As long before; `None`: our data do not reach back so far."""
        return self.first.total_before


def labels(source: HistorySource) -> Sequence[By]:
    """What there is to rank: a daemon knows one machine."""
    return LABELS if source.is_hub else LABELS[:-1]


def analyse(source: HistorySource, span: Span, moment: Moment, group: By, hours: bool) -> Iterator[Analysis]:
    """The cut of the chart first, then all others."""
    oldest = cuts.oldest_us(source, moment)
    found = Analysis(cuts={}, since=cuts.partial_since(span, moment, oldest))
    for by in (group, *(by for by in labels(source) if by is not group)):
        cut = cuts.ask(source, span, by, moment, hours=hours, oldest_us=oldest)
        found = msgspec.structs.replace(found, cuts={**found.cuts, by: cut})
        yield found
    by_hour = source.usage(window(span, moment), (By.HOUR,), tz=moment.tz_name)
    yield msgspec.structs.replace(found, hours=[r for r in by_hour if r.requests], is_whole=True)
