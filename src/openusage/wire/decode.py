"""`decode(snapshot)`: the only way from key strings to figures, for snapshots of ours and of others.

What a peer may get wrong is put right here: metrics of another window beside the shown one's are left out, a
metric named for a period that is labelled with another one is not believed, `<synthetic>` is no model, and a
cost of 0 of a program that writes 0 for "no price" is not known.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping

from openusage.wire import go, keys, limits
from openusage.wire.keys import Family, Parsed
from openusage.wire.models import model_rows
from openusage.wire.sections import CodeStats, Sections, Share, ToolTotals, Totals
from openusage.wire.snapshot import ZERO_TIME, DayValue, Metric, UsageSnapshot

_FLAT_PLANS = {
    "codex": ("plan_type", {"plus", "pro", "team", "enterprise"}),
    "copilot": ("copilot_plan", {"individual", "business", "enterprise"}),
}
_PLAN_ATTRIBUTES = ("plan_type", "copilot_plan", "plan_name", "plan", "subscription_type")

_SAID_ELSEWHERE = (
    *(keys.MCP_CALLS, keys.MCP_CALLS_TODAY, keys.MCP_SERVERS, keys.WINDOW_CACHE_READ),
    *("plan_auto_percent_used", "plan_api_percent_used", "plan_percent_used"),
)
"""Sums of what the sections show row by row, and second names of gauges."""

_PERIOD_LABELS = {
    "today": ("1d", "today", "since midnight", "day", "24h", ""),
    "7d": ("7d", "rolling 7 days", "week", ""),
    "30d": ("30d", "rolling 30 days", "month", "1mo", "billing-cycle", ""),
}


def decode(
    snapshot: UsageSnapshot,
    *,
    display_key: str = "",
    machine: str | None = None,
    now: dt.datetime | None = None,
) -> Sections:
    """A snapshot as typed sections.

    `display_key` is its key on a hub, which tells machine and account; `machine` says the machine outright.
    `now` decides whether a limit has started anew; without it, the snapshot's own time does.
    """
    if go.is_go(snapshot):
        snapshot = go.as_meant(snapshot)
    known_time = snapshot.timestamp != ZERO_TIME
    when = now or snapshot.timestamp
    found_machine, account = keys.split_display_key(display_key or snapshot.account_id, snapshot.provider_id)
    table = _Table(snapshot)
    return Sections(
        provider_id=snapshot.provider_id,
        account_id=account,
        machine=found_machine if machine is None else machine,
        name=keys.provider_name(snapshot.provider_id),
        status=snapshot.status,
        message=snapshot.message,
        timestamp=snapshot.timestamp if known_time else None,
        totals=table.totals(),
        gauges=limits.gauges(snapshot, when),
        models=model_rows(snapshot, table.of(Family.MODEL), table.window),
        clients=table.clients(),
        projects=table.shares(Family.PROJECT),
        tools=[s for s in table.shares(Family.TOOL) if not keys.is_mcp_tool(keys.slug(s.name))],
        tool_totals=table.tool_totals(),
        mcp=table.mcp(),
        languages=table.shares(Family.LANGUAGE),
        upstreams=table.upstreams(),
        code=table.code(),
        daily_cost=_days(snapshot, keys.SERIES_COST),
        daily_tokens=_days(snapshot, keys.SERIES_TOKENS),
        daily_requests=_days(snapshot, keys.SERIES_REQUESTS),
        credits=limits.credits(snapshot),
        flat_plan=_flat_plan(snapshot),
        plan=next((v for a in _PLAN_ATTRIBUTES if (v := snapshot.attributes.get(a))), ""),
        attributes={k: v for k, v in snapshot.attributes.items() if k != keys.ATTR_RAW_NAMES},
        unassigned=[v for v in snapshot.diagnostics.get(keys.DIAG_UNASSIGNED, "").split(",") if v],
        diagnostics=snapshot.diagnostics,
        others=table.others(),
    )


class _Table:
    """A snapshot's metrics by family and name, and which of them were not asked for yet."""

    def __init__(self, snapshot: UsageSnapshot) -> None:
        self._snapshot = snapshot
        self._metrics = snapshot.metrics
        self._raw_names = keys.raw_names(snapshot.attributes)
        self._claimed = {k for k, m in snapshot.metrics.items() if limits.is_limit(k, m)}
        self._claimed.update(c.key for c in limits.credits(snapshot))
        self._claimed.update(_SAID_ELSEWHERE)
        servers = keys.mcp_servers(snapshot.metrics)
        self._parsed = {k: keys.parse(k, servers) for k in snapshot.metrics}
        self._families: dict[Family, list[tuple[Parsed, Metric]]] = {}
        for key, parsed in self._parsed.items():
            self._families.setdefault(parsed.family, []).append((parsed, snapshot.metrics[key]))
        self.window = self._shown_window()

    def used(self, key: str) -> float | None:
        """A plain figure; asking for it claims it. None when its label contradicts its name."""
        metric = self._metrics.get(key)
        if metric is None:
            return None
        self._claimed.add(key)
        return None if _contradicts(key, metric) else metric.used

    def first(self, names: Iterable[str]) -> float | None:
        """The first that exists, of several names of one figure."""
        found = [v for n in names if (v := self.used(n)) is not None]
        return found[0] if found else None

    def of(self, family: Family) -> dict[str, dict[str, float]]:
        """Name -> field -> figure, of the shown window where there are several."""
        rows = [(p, m) for p, m in self._families.get(family, ()) if m.used is not None]
        if any(_label(m) == self.window for _, m in rows):
            rows = [(p, m) for p, m in rows if _label(m) == self.window]
        found: dict[str, dict[str, float]] = {}
        for parsed, metric in rows:
            if metric.used is not None:
                found.setdefault(parsed.name, {}).setdefault(parsed.field, metric.used)
        return found

    def shares(self, family: Family) -> list[Share]:
        """A ranking. A row that only says what was used today is no row of the window."""
        rows = []
        for name, fields in self.of(family).items():
            share = Share(
                name=self._raw_names.get(keys.raw_name_key(family, name), name),
                requests=_first(fields, ("requests", "")),
                tokens=_first(fields, ("total_tokens",)) if "total_tokens" in fields else _tokens(fields),
                cost_usd=_first(fields, ("cost_usd", "cost")),
                sessions=fields.get("sessions"),
            )
            if (share.requests, share.tokens, share.cost_usd, share.sessions) != (None, None, None, None):
                rows.append(share)
        return _ranked(rows)

    def clients(self) -> list[Share]:
        """Clients; a snapshot without them may still say sources or interfaces."""
        families = (Family.CLIENT, Family.SOURCE, Family.INTERFACE)
        return next((rows for f in families if (rows := self.shares(f))), [])

    def upstreams(self) -> list[Share]:
        """Vendors behind a tool, and hosts behind a router that are not such vendors."""
        vendors, hosts = self.shares(Family.PROVIDER), self.shares(Family.UPSTREAM)
        known = {v.name for v in vendors}
        return _ranked([*vendors, *(h for h in hosts if h.name not in known)])

    def mcp(self) -> list[Share]:
        """MCP servers with their functions."""
        totals, functions = self.of(Family.MCP_SERVER), self.of(Family.MCP_FUNCTION)
        rows = []
        for server in totals | functions:
            parts = [
                Share(
                    name=self._raw_names.get(keys.raw_name_key(Family.MCP_FUNCTION, server, f), f), requests=n
                )
                for f, n in functions.get(server, {}).items()
            ]
            calls = totals.get(server, {}).get("total")
            if calls is None and not parts:
                continue
            name = self._raw_names.get(keys.raw_name_key(Family.MCP_SERVER, server), server)
            requests = sum(p.requests or 0.0 for p in parts) if calls is None else calls
            rows.append(Share(name=name, requests=requests, parts=_ranked(parts)))
        return _ranked(rows)

    def totals(self) -> Totals:
        """Money and tokens by period."""
        attributes = self._snapshot.attributes
        costs = {period: self.first(names) for period, names in keys.COST_ALIASES.items()}
        if costs["today"] is None and self._label(keys.WINDOW_COST) in _PERIOD_LABELS["today"][:3]:
            costs["today"] = self.used(keys.WINDOW_COST)
        unpriced = attributes.get(keys.ATTR_UNPRICED, "")
        return Totals(
            window=self.window,
            today_cost_usd=costs["today"],
            week_cost_usd=costs["7d"],
            month_cost_usd=costs["30d"],
            all_time_cost_usd=costs["all"],
            window_cost_usd=self._of_window(keys.WINDOW_COST),
            window_tokens=self._window_tokens(),
            window_requests=self._of_window(keys.WINDOW_REQUESTS),
            window_cost_before_usd=self.used(keys.WINDOW_COST_BEFORE),
            window_tokens_before=self.used(keys.WINDOW_TOKENS_BEFORE),
            today_cost_before_usd=self.used(keys.TODAY_COST_BEFORE),
            today_tokens_before=self.used(keys.TODAY_TOKENS_BEFORE),
            block_cost_usd=self.used(keys.BLOCK_COST),
            burn_usd_per_h=self.used(keys.BURN_RATE),
            cache_hit_pct=self.used(keys.CACHE_HIT_RATIO),
            unpriced_requests=self.used(keys.UNPRICED_REQUESTS),
            unpriced_models=[m.strip() for m in unpriced.split(",") if m.strip()],
            sessions=self._sessions(),
            partial_since=_time(attributes.get(keys.ATTR_PARTIAL, "")),
        )

    def tool_totals(self) -> ToolTotals:
        """Calls of tools, and how they ended."""
        return ToolTotals(
            calls=self.used(keys.TOOL_CALLS),
            completed=self.used(keys.TOOL_COMPLETED),
            errored=self.used(keys.TOOL_ERRORED),
            cancelled=self.used(keys.TOOL_CANCELLED),
            success_pct=self.used(keys.TOOL_SUCCESS),
        )

    def code(self) -> CodeStats:
        """Lines, files, commits and prompts."""
        return CodeStats(
            lines_added=self.used(keys.LINES_ADDED),
            lines_removed=self.used(keys.LINES_REMOVED),
            files_changed=self.used(keys.FILES_CHANGED),
            commits=self.used(keys.COMMITS),
            prompts=self.used(keys.PROMPTS),
        )

    def others(self) -> list[tuple[str, str]]:
        """What nobody asked for, in words. Ask for everything else first."""
        return [
            (key.replace("_", " "), text)
            for key, metric in sorted(self._metrics.items())
            if self._parsed[key].family is Family.PLAIN
            and key not in self._claimed
            and not _contradicts(key, metric)
            and (text := _printed(metric, self.window))
        ]

    def _window_tokens(self) -> float | None:
        """All tokens, as the daily series count them: the metric of that name leaves cache reads out."""
        fresh = self._of_window(keys.WINDOW_TOKENS)
        return None if fresh is None else fresh + (self._of_window(keys.WINDOW_CACHE_READ) or 0.0)

    def _sessions(self) -> float | None:
        counted = self.used(keys.WINDOW_SESSIONS)
        if counted is not None:
            return counted
        by_client = [f["sessions"] for f in self.of(Family.CLIENT).values() if "sessions" in f]
        return sum(by_client) if by_client else None

    def _shown_window(self) -> str:
        """The window of the rankings: what most model metrics are labelled with, where it is not said."""
        if said := self._label(keys.WINDOW_REQUESTS):
            return said
        labels = Counter(
            _label(m)
            for k, m in self._metrics.items()
            if self._parsed[k].family is Family.MODEL
            and m.window
            and self._parsed[k].field != "requests_today"
        )
        if labels:
            return labels.most_common(1)[0][0]
        return self._label(keys.WINDOW_TOKENS) or self._label(keys.WINDOW_COST)

    def _label(self, key: str) -> str:
        return _label(self._metrics[key]) if key in self._metrics else ""

    def _of_window(self, key: str) -> float | None:
        figure = self.used(key)
        return figure if self._label(key) == self.window else None


def _label(metric: Metric) -> str:
    return metric.window.removesuffix(" estimate")


def _contradicts(key: str, metric: Metric) -> bool:
    for period, labels in _PERIOD_LABELS.items():
        if key.startswith(period + "_") or key.endswith("_" + period):
            return metric.window.lower() not in labels
    return False


def _first(fields: Mapping[str, float], names: Iterable[str]) -> float | None:
    return next((fields[n] for n in names if n in fields), None)


def _tokens(fields: Mapping[str, float]) -> float | None:
    names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    found = [fields[n] for n in (*names, "prompt_tokens", "completion_tokens") if n in fields]
    return sum(found) if found else None


def _ranked(rows: list[Share]) -> list[Share]:
    def rank(s: Share) -> tuple[float, float, float, str]:
        return -(s.cost_usd or 0.0), -(s.tokens or 0.0), -(s.requests or 0.0), s.name

    return sorted(rows, key=rank)


def _days(snapshot: UsageSnapshot, names: Iterable[str]) -> list[tuple[str, float]]:
    found = next((s for n in names if (s := snapshot.daily_series.get(n))), [])
    return day_pairs(found)


def day_pairs(points: Iterable[DayValue]) -> list[tuple[str, float]]:
    """A daily series in order of its days."""
    return sorted((p.date, p.value) for p in points)


def _flat_plan(snapshot: UsageSnapshot) -> bool:
    attributes = {k: v.strip().lower() for k, v in snapshot.attributes.items()}
    if snapshot.provider_id == "claude_code":
        return attributes.get("subscription") == "active"
    if snapshot.provider_id == "zai":
        return "glm_coding_plan" in attributes.get("plan_type", "")
    name, plans = _FLAT_PLANS.get(snapshot.provider_id, ("", set()))
    return attributes.get(name) in plans


def _time(text: str) -> dt.datetime | None:
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)


def _printed(metric: Metric, window: str) -> str:
    parts = []
    if metric.used is not None:
        parts.append(_number(metric.used, metric.unit))
    if metric.limit is not None:
        parts.append(f"of {_number(metric.limit, metric.unit)}")
    if metric.remaining is not None and not parts:
        parts.append(f"{_number(metric.remaining, metric.unit)} left")
    if parts and metric.window and metric.window != window:
        parts.append(f"({metric.window})")
    return " ".join(parts)


def _number(value: float, unit: str) -> str:
    if unit == "USD":
        return f"${value:,.2f}"
    text = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    return f"{text} {unit}".strip()
