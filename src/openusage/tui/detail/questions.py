"""What the tabs of a detail ask, of one account. The answers are values; drawing them is elsewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec

from openusage.client import HistorySource
from openusage.tui import cuts
from openusage.tui.cuts import Cut
from openusage.tui.detail.tabs import STACKED_BY, Tab
from openusage.tui.spans import Moment, Span, window
from openusage.wire.rollups import By, Filter, Rollup, Window
from openusage.wire.sections import Sections
from openusage.wire.sessions import (
    MOST_SESSIONS,
    MOST_TURNS,
    BlockList,
    SessionOrder,
    SessionPage,
    SessionRow,
    Turn,
)

CALENDAR_DAYS = 53 * 7
_WEEK_DAYS = 7
_BLOCK_DAYS = (2, 30)
"""At least and at most so many days before today, whatever the window is."""
MOST_TURNS_SHOWN = 5 * MOST_TURNS
"""Of one session; of a longer one the newest."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose history is asked for."""

    provider: str
    account: str
    machine: str = ""
    """By name, on a hub; empty: this one."""

    @classmethod
    def of(cls, account: Sections) -> Subject:
        return cls(provider=account.provider_id, account=account.account_id, machine=account.machine)

    @property
    def where(self) -> Filter:
        return Filter(
            machines=(self.machine,) if self.machine else (),
            providers=(self.provider,),
            accounts=(self.account,),
        )


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The overview: a cut, and when it was used."""

    cut: Cut
    since: dt.datetime | None
    """When our data begin, where that is inside of the span."""
    days: list[Rollup]
    """By day, of about a year."""
    hours: list[Rollup]
    """By hour, of the last seven days."""
    is_recorded: bool = True
    """The source has records of the account at all."""


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """A ranking with its chart."""

    cut: Cut
    since: dt.datetime | None = None
    outcomes: list[Rollup] = []
    """Of tools: by tool and outcome."""
    is_recorded: bool = True


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions."""

    page: SessionPage


class Limited(msgspec.Struct, frozen=True, kw_only=True):
    """5-hour blocks, and how far limits were used."""

    window: Window
    blocks: BlockList


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """The turns of a session that have come so far, the newest first."""

    turns: list[Turn]
    total: int
    pruned: int
    raw_from_us: int
    is_whole: bool
    """No more of them come."""


def overview(
    source: HistorySource, subject: Subject, span: Span, moment: Moment, hours: bool
) -> Iterator[Told]:
    """The chart first, then when it was used."""
    where = subject.where
    oldest = cuts.oldest_us(source, moment, where)
    for by in (By.CLIENT, By.MODEL):  # a single client would say nothing
        cut = cuts.ask(source, span, by, moment, where, hours=hours, oldest_us=oldest)
        if len(cut.sums) > 1:
            break
    days = source.usage(_back(moment, CALENDAR_DAYS), (By.DAY,), where, moment.tz_name)
    week = source.usage(_back(moment, _WEEK_DAYS - 1), (By.HOUR,), where, moment.tz_name)
    since = cuts.partial_since(span, moment, oldest)
    yield Told(cut=cut, since=since, days=days, hours=week, is_recorded=oldest is not None)


def _back(moment: Moment, days: int) -> Window:
    """Whole local days up to the end of today."""
    first = moment.bounds_us(moment.today - dt.timedelta(days=days))[0]
    return Window("custom", first, moment.bounds_us(moment.today)[1])


def ranked(
    source: HistorySource, subject: Subject, tab: Tab, span: Span, moment: Moment, hours: bool
) -> Iterator[Used]:
    """Models, projects or tools."""
    is_tools = tab is Tab.TOOLS
    oldest = cuts.oldest_us(source, moment, subject.where)
    by = STACKED_BY[tab]
    cut = cuts.ask(source, span, by, moment, subject.where, hours=hours, tools=is_tools, oldest_us=oldest)
    outcomes: list[Rollup] = []
    if is_tools:
        ends = (By.TOOL, By.OUTCOME)
        found = source.usage(window(span, moment), ends, subject.where, moment.tz_name)
        outcomes = [row for row in found if row.tool_calls]
    since = cuts.partial_since(span, moment, oldest)
    yield Used(cut=cut, since=since, outcomes=outcomes, is_recorded=oldest is not None)


def sessions(
    source: HistorySource, where: Filter, span: Span, moment: Moment, search: str, order: SessionOrder
) -> Iterator[Listed]:
    """As many as come at once."""
    asked = window(span, moment)
    page = source.sessions(asked, where, tz=moment.tz_name, search=search, order=order, limit=MOST_SESSIONS)
    yield Listed(page=page)


def limits(source: HistorySource, subject: Subject, span: Span, moment: Moment) -> Iterator[Limited]:
    """Blocks of the span; of one of the dashboard's windows three to thirty-one days of them."""
    asked = window(span, moment)
    from_us = asked.from_us
    if span.first is None:
        least, most = (moment.bounds_us(moment.today - dt.timedelta(days=n))[0] for n in _BLOCK_DAYS)
        from_us = max(min(from_us or 0, least), most)
    wanted = Window("custom", from_us, asked.to_us)
    yield Limited(window=wanted, blocks=source.blocks(wanted, subject.where, tz=moment.tz_name))


def turns(source: HistorySource, session: SessionRow) -> Iterator[Turned]:
    """Page by page, so that the newest are there at once."""
    found: list[Turn] = []
    before = ""
    while True:
        page = source.turns(session.provider, session.session, limit=MOST_TURNS, before=before)
        found = [*found, *page.turns]
        before = page.next
        is_whole = not before or len(found) >= MOST_TURNS_SHOWN
        yield Turned(
            turns=found,
            total=page.total,
            pruned=page.pruned,
            raw_from_us=page.raw_from_us,
            is_whole=is_whole,
        )
        if is_whole:
            return
