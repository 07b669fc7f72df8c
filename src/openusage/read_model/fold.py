"""What one account used, by everything a snapshot shows, folded out of few questions.

Every event is asked for once: the periods a snapshot speaks of overlap (today is in the last seven days), so
they are cut into disjoint spans, each span is asked with all groupings at once, and its rows are added to
every period it belongs to.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import msgspec

from openusage.read_model.assign import UsageSource
from openusage.read_model.windows import DAY_US, cut, rolling, series_window, to_us, today
from openusage.wire.events import EventKind, Outcome
from openusage.wire.keys import Family, mcp_parts
from openusage.wire.rollups import By, Filter, Rollup, Window

SYNTHETIC = "<synthetic>"
"""What Claude Code calls the model of a message that no model wrote."""
UNKNOWN_MODEL = "unknown"

_MESSAGE_BY = (By.DAY, By.MODEL, By.UPSTREAM, By.CLIENT, By.PROJECT)
_TOOL_BY = (By.DAY, By.TOOL, By.OUTCOME, By.LANGUAGE)


class Sums:
    """Running sums over messages; money in nano-dollars."""

    __slots__ = (
        "cache_read",
        "cache_write_1h",
        "cache_write_5m",
        "cost_nano",
        "input",
        "output",
        "reasoning",
        "requests",
        "unpriced",
        "web_fetches",
        "web_searches",
    )

    def __init__(self) -> None:
        self.requests = self.input = self.output = self.cache_read = 0
        self.cache_write_5m = self.cache_write_1h = self.reasoning = 0
        self.cost_nano = self.unpriced = self.web_searches = self.web_fetches = 0

    def add(self, row: Rollup) -> None:
        self.requests += row.events
        self.input += row.input
        self.output += row.output
        self.cache_read += row.cache_read
        self.cache_write_5m += row.cache_write_5m
        self.cache_write_1h += row.cache_write_1h
        self.reasoning += row.reasoning
        self.cost_nano += row.cost_nano
        self.unpriced += row.unpriced_events
        self.web_searches += row.web_searches
        self.web_fetches += row.web_fetches

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def fresh_tokens(self) -> int:
        """All but what was read from a cache."""
        return self.input + self.output + self.cache_write + self.reasoning

    @property
    def total_tokens(self) -> int:
        return self.fresh_tokens + self.cache_read

    @property
    def cost_usd(self) -> float | None:
        """None when there is no price for any of it: that is not the same as free."""
        return None if self.unpriced and not self.cost_nano else self.cost_nano / 1e9


class Day:
    """One day of one line: requests and tokens."""

    __slots__ = ("requests", "tokens")

    def __init__(self) -> None:
        self.requests = self.tokens = 0


class ToolSums(msgspec.Struct):
    """Tool calls of the window."""

    calls: int = 0
    today: int = 0
    week: int = 0
    outcomes: dict[str, int] = {}
    by_name: dict[str, int] = {}
    """Raw names, MCP functions too."""
    by_name_today: dict[str, int] = {}
    languages: dict[str, int] = {}
    lines_added: int = 0
    lines_removed: int = 0
    mcp_days: dict[str, dict[str, int]] = {}
    """Server -> day -> calls."""


class Usage:
    """Everything counted of one account."""

    def __init__(self) -> None:
        self.window, self.today, self.week, self.month = Sums(), Sums(), Sums(), Sums()
        self.all_time = Sums()
        self.last_us: int | None = None
        self.models: defaultdict[str, Sums] = defaultdict(Sums)
        self.upstreams: defaultdict[str, Sums] = defaultdict(Sums)
        self.clients: defaultdict[str, Sums] = defaultdict(Sums)
        self.projects: defaultdict[str, int] = defaultdict(int)
        self.models_today: defaultdict[str, int] = defaultdict(int)
        self.projects_today: defaultdict[str, int] = defaultdict(int)
        self.days: defaultdict[str, Sums] = defaultdict(Sums)
        self.lines: defaultdict[tuple[Family, str], defaultdict[str, Day]] = defaultdict(
            lambda: defaultdict(Day)
        )
        """(model, client or project) -> day -> what it used."""
        self.tools = ToolSums()
        self.prompts = 0

    def add_messages(self, rows: list[Rollup], periods: frozenset[str]) -> None:
        """Add rows of one span, which is a part of `periods`."""
        for row in rows:
            key = row.key
            model = key[By.MODEL] or UNKNOWN_MODEL
            if model == SYNTHETIC:
                continue
            client, project = key[By.CLIENT], key[By.PROJECT]
            if "window" in periods:
                self.window.add(row)
                self.models[model].add(row)
                if upstream := key[By.UPSTREAM]:
                    self.upstreams[upstream].add(row)
                if client:
                    self.clients[client].add(row)
                if project:
                    self.projects[project] += row.events
            if "today" in periods:
                self.today.add(row)
                self.models_today[model] += row.events
                if project:
                    self.projects_today[project] += row.events
            if "week" in periods:
                self.week.add(row)
            if "month" in periods:
                self.month.add(row)
            if "series" in periods:
                self._add_day(row, model, client, project)

    def _add_day(self, row: Rollup, model: str, client: str | None, project: str | None) -> None:
        day = row.key[By.DAY] or ""
        self.days[day].add(row)
        tokens = row.total_tokens
        for family, name in (
            (Family.MODEL, model),
            (Family.CLIENT, client),
            (Family.PROJECT, project),
        ):
            if name:
                point = self.lines[family, name][day]
                point.requests += row.events
                point.tokens += tokens

    def add_tools(self, rows: list[Rollup], periods: frozenset[str]) -> None:
        """Add tool calls of one span, which is a part of `periods`."""
        sums = self.tools
        for row in rows:
            name, calls = row.key[By.TOOL] or "unknown", row.events
            if "window" in periods:
                sums.calls += calls
                sums.lines_added += row.lines_added
                sums.lines_removed += row.lines_removed
                _count(sums.by_name, name, calls)
                if outcome := row.key[By.OUTCOME]:
                    _count(sums.outcomes, Outcome(outcome), calls)
                if language := row.key[By.LANGUAGE]:
                    _count(sums.languages, language, calls)
            if "today" in periods:
                sums.today += calls
                _count(sums.by_name_today, name, calls)
            if "week" in periods:
                sums.week += calls
            if "series" in periods and (mcp := mcp_parts(name)):
                _count(sums.mcp_days.setdefault(mcp[0], {}), row.key[By.DAY] or "", calls)


def _count(counts: dict[str, int], name: str, more: int) -> None:
    counts[name] = counts.get(name, 0) + more


def fold(ask: UsageSource, where: Filter, *, shown: Window, now: dt.datetime, tz: str) -> Usage:
    """What the account of `where` used, for `shown`, today, the last 7 and 30 days, ever, and day by day."""
    usage = Usage()
    messages, tools, turns = (
        msgspec.structs.replace(where, kinds=(kind,))
        for kind in (EventKind.MESSAGE, EventKind.TOOL, EventKind.TURN)
    )
    ever = ask.usage(Window("all"), (By.KIND,), where, tz)
    if not any(row.events for row in ever):
        return usage
    first_us = min(row.first_us for row in ever if row.events)
    usage.last_us = max(row.last_us for row in ever if row.events)
    for row in ever:
        if row.key[By.KIND] == EventKind.MESSAGE:
            usage.all_time.add(row)

    now_us = to_us(now)
    month = rolling("month", 30, now, tz)
    periods = {
        "window": shown,
        "series": series_window(shown, now, tz),
        "today": today(now, tz),
        "week": rolling("week", 7, now, tz),
    }
    detailed_us = periods["series"].from_us
    if detailed_us is None or detailed_us <= now_us - 30 * DAY_US:
        periods["month"] = month
    else:
        for row in ask.usage(month, (), messages, tz):
            usage.month.add(row)
    for span, names in cut(periods):
        if span.to_us is None or span.to_us > first_us:
            usage.add_messages(ask.usage(span, _MESSAGE_BY, messages, tz), names)
            usage.add_tools(ask.usage(span, _TOOL_BY, tools, tz), names)
    usage.prompts = sum(row.events for row in ask.usage(shown, (), turns, tz))
    return usage
