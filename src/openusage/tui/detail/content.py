"""What a tab shows: which question it asks, and how the answer, or the snapshot alone, is laid out. Pure."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec
from textual.strip import Strip

from openusage.client import HistorySource
from openusage.tui import panels
from openusage.tui.asker import Job
from openusage.tui.board import Account
from openusage.tui.detail import cards, limits, overview, questions, ranked, raw, sentences, sessions
from openusage.tui.detail.laid import Laid, Room
from openusage.tui.detail.questions import Limited, Listed, Subject, Told, Used
from openusage.tui.detail.sessions import Sort
from openusage.tui.detail.tabs import Tab
from openusage.tui.lines import blank, strip, wrapped
from openusage.tui.sections import daily
from openusage.tui.sections.daily import Measure
from openusage.tui.spans import Moment, Span
from openusage.tui.view import View
from openusage.wire.rollups import By, Filter
from openusage.wire.sections import Sections

_CARDS = {
    Tab.MODELS: ("models",),
    Tab.PROJECTS: ("projects", "clients", "languages"),
    Tab.TOOLS: ("tools", "mcp"),
}
"""What a snapshot alone has to say of a tab."""


class Of(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of one row of a ranking."""

    by: By
    label: str | None
    name: str
    tab: Tab
    """Where it was opened."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose to see."""

    tab: Tab = Tab.OVERVIEW
    measure: Measure = Measure.COST
    hours: bool = False
    sort: Sort = Sort.NEWEST
    search: str = ""
    of: Of | None = None
    card: int = -1
    """Which card of the page is marked; -1: none."""


def note(look: Look, span: Span) -> str:
    """At the right of the tabs: what is shown."""
    if look.of is not None:
        return f"of {look.of.name} · {span.words}"
    if look.tab is Tab.SESSIONS:
        return f"by {look.sort} · {span.words}"
    return "" if look.tab in (Tab.RAW, Tab.OVERVIEW) else span.words


def question(
    source: HistorySource, account: Account, look: Look, span: Span, moment: Moment
) -> tuple[Hashable, Job]:
    """What the tab asks; equal keys are equal questions."""
    subject, tab = Subject.of(account.sections), look.tab
    if tab is Tab.OVERVIEW:
        return (tab, subject, span, look.hours), lambda: questions.overview(
            source, subject, span, moment, look.hours
        )
    if tab is Tab.SESSIONS:
        where, order = _narrowed(subject.where, look.of), look.sort.asked
        return (tab, where, span, look.search, order), lambda: questions.sessions(
            source, where, span, moment, look.search, order
        )
    if tab is Tab.LIMITS:
        return (tab, subject, span), lambda: questions.limits(source, subject, span, moment)
    return (tab, subject, span, look.hours), lambda: questions.ranked(
        source, subject, tab, span, moment, look.hours
    )


def _narrowed(where: Filter, of: Of | None) -> Filter:
    """Of one model, project or client; `""` is what the records do not say."""
    if of is None:
        return where
    named = (of.label or "",)
    if of.by is By.MODEL:
        return msgspec.structs.replace(where, models=named)
    return msgspec.structs.replace(where, projects=named)


def of_history(
    account: Account, told: object, look: Look, span: Span, room: Room, view: View
) -> Laid | list[str]:
    """The answer, or the snapshot as it travels, laid out; sentences where it is empty."""
    said = account.sections
    if told is account.snapshot:
        return raw.laid(account.snapshot, look.search, room, view)
    if isinstance(told, Limited):
        return limits.laid(said, told, room, view, "")
    if isinstance(told, Listed):
        return _sessions(told, look, span, room, view, money=view.shows_cost(said))
    if not isinstance(told, Told | Used):
        return []
    if not told.is_recorded and _has_used(said):
        return of_snapshot(account, look, room, view, sentences.WITHOUT_RECORDS)
    if not told.cut.sums and isinstance(told, Used):
        return sentences.nothing(look.tab, span)
    possible = _possible(told, view.shows_cost(said))
    measure = ranked.shown_measure(look.measure, possible)
    noted = panels.measures_note(measure, possible) if look.tab is not Tab.TOOLS else ""
    if isinstance(told, Told):
        return overview.laid(said, told, span, measure, room, view, noted, look.card)
    money = Measure.COST in possible
    return ranked.laid(look.tab, told, measure, room, view, noted, money=money)


def _has_used(said: Sections) -> bool:
    """The snapshot itself tells of something."""
    totals = said.totals
    return any((totals.window_tokens, totals.window_requests, totals.window_cost_usd, said.daily_tokens))


def _sessions(
    told: Listed, look: Look, span: Span, room: Room, view: View, *, money: bool
) -> Laid | list[str]:
    if not told.page.rows:
        return sentences.nothing(Tab.SESSIONS, span, look.search)
    sheet = sessions.sheet(told.page, look.sort, room.width - 2, view, money=money)
    said = sessions.said(told.page, look.search, view, money=money)
    lines = [strip([(f"  {row}", view.palette.dim)], room.width) for row in wrapped(said, room.width - 4, 2)]
    return Laid(rows=sheet, below=lines)


def _possible(told: Told | Used, money: bool) -> list[Measure]:
    return ranked.measures(told.cut.total, money=money)


def measures(account: Account, told: object, tab: Tab, view: View) -> list[Measure]:
    """What `m` goes through."""
    if tab is Tab.TOOLS:
        return []
    if isinstance(told, Told | Used) and told.cut.sums:
        return _possible(told, view.shows_cost(account.sections))
    return daily.measures(account.sections, view)


def of_snapshot(account: Account, look: Look, room: Room, view: View, said: str) -> Laid | list[str]:
    """What the snapshot alone says; `said` is why there is no more, or that it is under way."""
    if look.tab is Tab.LIMITS:
        return limits.laid(account.sections, None, room, view, said or sentences.WITHOUT_HISTORY)
    width = room.width - 1
    above = _sentence(f"{said} {sentences.OF_SNAPSHOT}" if said else "", width, view)
    if look.tab is Tab.SESSIONS:
        return [said or sentences.WITHOUT_HISTORY]
    only = _CARDS.get(look.tab, ())
    sheet = cards.draw(account.sections, width, view, look.measure, look.card, only=only)
    if not sheet.lines:
        return [said or sentences.WITHOUT_HISTORY]
    return Laid(page=[*above, *sheet.lines], starts=[len(above) + start for start in sheet.starts])


def _sentence(said: str, width: int, view: View) -> list[Strip]:
    lines = [strip([(f"  {row}", view.palette.warn)], width) for row in wrapped(said, width - 4, 3)]
    return [*lines, blank(width)] if lines else []
