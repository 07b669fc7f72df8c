"""What was counted, as metrics and series: models, clients, projects, tools, MCP, languages, periods."""

from __future__ import annotations

from collections.abc import Mapping

from openusage.lineage import Lineages
from openusage.read_model.draft import ALL_TIME, MONTH, TODAY, WEEK, Draft
from openusage.read_model.fold import Sums, ToolSums, Usage
from openusage.wire import keys
from openusage.wire.events import Outcome
from openusage.wire.keys import Family, metric, series, slug
from openusage.wire.snapshot import ModelUsage


def put_counted(draft: Draft, usage: Usage) -> None:
    """Everything that was counted of an account that ever used anything."""
    _put_window(draft, usage)
    _put_periods(draft, usage)
    _put_models(draft, usage)
    _put_clients(draft, usage)
    _put_projects(draft, usage)
    _put_upstreams(draft, usage)
    _put_tools(draft, usage.tools)
    _put_series(draft, usage)


def model_usage(usage: Usage, window: str, lineages: Lineages) -> list[ModelUsage]:
    """One row per raw model name, the costliest first; with the model that it means."""
    rows = sorted(usage.models.items(), key=lambda m: (-m[1].cost_nano, -m[1].total_tokens, m[0]))
    found = [(name, s, lineages.of(name)) for name, s in rows]
    return [
        ModelUsage(
            raw_model_id=name,
            raw_source="telemetry",
            canonical_lineage_id=lineage.id,
            canonical_vendor=lineage.maker or "",
            confidence=lineage.confidence.share,
            reason=lineage.confidence,
            window=window,
            input_tokens=s.input,
            output_tokens=s.output,
            cached_tokens=s.cache_read + s.cache_write,
            # Summed from optional counts: 0 is far likelier "not reported" than "none".
            reasoning_tokens=s.reasoning or None,
            total_tokens=s.total_tokens,
            cost_usd=s.cost_usd,
            requests=s.requests,
        )
        for name, s, lineage in found
    ]


def _put_window(draft: Draft, usage: Usage) -> None:
    sums = usage.window
    draft.put(keys.WINDOW_REQUESTS, sums.requests, "requests")
    draft.put(keys.WINDOW_TOKENS, sums.fresh_tokens, "tokens")
    draft.put(keys.WINDOW_CACHE_READ, sums.cache_read, "tokens")
    draft.put(keys.WINDOW_COST, sums.cost_usd, "USD")
    if sums.cache_read or sums.cache_write:
        prompt = sums.input + sums.cache_read + sums.cache_write
        draft.put(keys.CACHE_HIT_RATIO, 100.0 * sums.cache_read / prompt, "%")
    draft.put_some(keys.UNPRICED_REQUESTS, sums.unpriced, "requests")
    unpriced = sorted(name for name, s in usage.models.items() if s.unpriced)
    if unpriced:
        draft.note([(keys.ATTR_UNPRICED, ", ".join(unpriced))])
    draft.put_some(keys.PROMPTS, usage.prompts, "prompts")


def _put_periods(draft: Draft, usage: Usage) -> None:
    periods = (
        ("today", TODAY, usage.today),
        ("7d", WEEK, usage.week),
        ("30d", MONTH, usage.month),
        ("all", ALL_TIME, usage.all_time),
    )
    for period, label, sums in periods:
        draft.put(keys.COST_ALIASES[period][0], sums.cost_usd, "USD", label)
    draft.put(keys.MESSAGES_TODAY, usage.today.requests, "messages", TODAY)
    draft.put(keys.REQUESTS_TODAY, usage.today.requests, "requests", TODAY)
    draft.put(keys.WEEK_MESSAGES, usage.week.requests, "messages", WEEK)
    for prefix, label, sums in (
        ("today_", TODAY, usage.today),
        ("7d_", WEEK, usage.week),
        ("all_time_", ALL_TIME, usage.all_time),
    ):
        for field, count in _period_counts(sums):
            unit = "tokens" if field.endswith("_tokens") else "requests"
            draft.put_some(prefix + field, count, unit, label)


def _period_counts(sums: Sums) -> tuple[tuple[str, int], ...]:
    return (
        ("input_tokens", sums.input),
        ("output_tokens", sums.output),
        ("cache_read_tokens", sums.cache_read),
        ("cache_create_tokens", sums.cache_write),
        ("cache_create_5m_tokens", sums.cache_write_5m),
        ("cache_create_1h_tokens", sums.cache_write_1h),
        ("reasoning_tokens", sums.reasoning),
        ("web_search_requests", sums.web_searches),
        ("web_fetch_requests", sums.web_fetches),
    )


def _put_models(draft: Draft, usage: Usage) -> None:
    for name, s in usage.models.items():
        tokens = {"input_tokens": s.input, "output_tokens": s.output}
        extra = {
            "cache_read_tokens": s.cache_read,
            "cache_write_tokens": s.cache_write,
            "reasoning_tokens": s.reasoning,
        }
        for field, count in tokens.items():
            draft.put(metric(Family.MODEL, name, field), count, "tokens")
        for field, count in extra.items():
            draft.put_some(metric(Family.MODEL, name, field), count, "tokens")
        draft.put(metric(Family.MODEL, name, "cost_usd"), s.cost_usd, "USD")
        draft.put(metric(Family.MODEL, name, "requests"), s.requests, "requests")
        for field, count in (("web_search_requests", s.web_searches), ("web_fetch_requests", s.web_fetches)):
            draft.put_some(metric(Family.MODEL, name, field), count, "requests")
    for name, count in usage.models_today.items():
        draft.put_some(metric(Family.MODEL, name, "requests_today"), count, "requests", TODAY)


def _put_clients(draft: Draft, usage: Usage) -> None:
    for name, s in _largest(usage.clients):
        draft.name(Family.CLIENT, name)
        for field, count in (
            ("total_tokens", s.total_tokens),
            ("input_tokens", s.input),
            ("output_tokens", s.output),
            ("cached_tokens", s.cache_read + s.cache_write),
            ("reasoning_tokens", s.reasoning),
        ):
            draft.put_some(metric(Family.CLIENT, name, field), count, "tokens")
        draft.put(metric(Family.CLIENT, name, "requests"), s.requests, "requests")


def _put_projects(draft: Draft, usage: Usage) -> None:
    for name, count in _most(usage.projects):
        draft.name(Family.PROJECT, name)
        draft.put(metric(Family.PROJECT, name, "requests"), count, "requests")
    for name, count in usage.projects_today.items():
        draft.put_some(metric(Family.PROJECT, name, "requests_today"), count, "requests", TODAY)


def _put_upstreams(draft: Draft, usage: Usage) -> None:
    for name, s in _largest(usage.upstreams):
        draft.name(Family.PROVIDER, name)
        draft.put(metric(Family.PROVIDER, name, "cost_usd"), s.cost_usd, "USD")
        draft.put_some(metric(Family.PROVIDER, name, "input_tokens"), s.input, "tokens")
        draft.put_some(metric(Family.PROVIDER, name, "output_tokens"), s.output, "tokens")
        draft.put(metric(Family.PROVIDER, name, "requests"), s.requests, "requests")


def _put_tools(draft: Draft, tools: ToolSums) -> None:
    draft.put_some(keys.TOOL_CALLS_TODAY, tools.today, "calls", TODAY)
    draft.put_some(keys.WEEK_TOOL_CALLS, tools.week, "calls", WEEK)
    if not tools.calls:
        return
    draft.put(keys.TOOL_CALLS, tools.calls, "calls")
    done, failed, stopped = (tools.outcomes.get(o, 0) for o in (Outcome.OK, Outcome.ERROR, Outcome.ABORTED))
    if known := done + failed + stopped:
        draft.put(keys.TOOL_COMPLETED, done, "calls")
        draft.put(keys.TOOL_ERRORED, failed, "calls")
        draft.put(keys.TOOL_CANCELLED, stopped, "calls")
        draft.put(keys.TOOL_SUCCESS, 100.0 * done / known, "%")
    for name, calls in _most(tools.by_name):
        if not keys.mcp_parts(name):
            draft.name(Family.TOOL, name)
            draft.put(metric(Family.TOOL, name), calls, "calls")
    for name, calls in tools.by_name_today.items():
        if not keys.mcp_parts(name):
            draft.put(metric(Family.TOOL, name, "today"), calls, "calls", TODAY)
    for name, calls in _most(tools.languages):
        draft.name(Family.LANGUAGE, name)
        draft.put(metric(Family.LANGUAGE, name), calls, "requests")
    draft.put_some(keys.LINES_ADDED, tools.lines_added, "lines")
    draft.put_some(keys.LINES_REMOVED, tools.lines_removed, "lines")
    _put_mcp(draft, tools)


def _put_mcp(draft: Draft, tools: ToolSums) -> None:
    calls = [(mcp, n) for name, n in _most(tools.by_name) if (mcp := keys.mcp_parts(name))]
    today = [(mcp, n) for name, n in tools.by_name_today.items() if (mcp := keys.mcp_parts(name))]
    if not calls:
        return
    servers = {server for (server, _), _ in calls}
    for (server, function), n in calls:
        draft.name(Family.MCP_SERVER, server)
        draft.name(Family.MCP_FUNCTION, server, function)
        draft.put(metric(Family.MCP_FUNCTION, server, function, servers), n, "calls")
        draft.put(metric(Family.MCP_SERVER, server, "total"), n, "calls")
    for (server, _), n in today:
        draft.put(metric(Family.MCP_SERVER, server, "total_today"), n, "calls", TODAY)
    draft.put(keys.MCP_CALLS, sum(n for _, n in calls), "calls")
    draft.put_some(keys.MCP_CALLS_TODAY, sum(n for _, n in today), "calls", TODAY)
    draft.put(keys.MCP_SERVERS, len(set(map(slug, servers))), "servers")


def _put_series(draft: Draft, usage: Usage) -> None:
    days = usage.days
    draft.days(keys.SERIES_COST[0], {d: s.cost_usd for d, s in days.items()})
    draft.days(keys.SERIES_REQUESTS[0], {d: s.requests for d, s in days.items()})
    draft.days(keys.SERIES_TOKENS[0], {d: s.total_tokens for d, s in days.items()})
    for (family, name), points in usage.lines.items():
        draft.days(series(family, name), {d: p.requests for d, p in points.items()})
        if family is Family.PROJECT:
            draft.name(family, name)  # a day's project may lie before the window
        else:
            draft.days(series(family, name, "tokens"), {d: p.tokens for d, p in points.items()})
    for server, calls in usage.tools.mcp_days.items():
        draft.days(series(Family.MCP_SERVER, server), dict(calls))


def _largest(rows: Mapping[str, Sums]) -> list[tuple[str, Sums]]:
    return sorted(rows.items(), key=lambda r: (-r[1].requests, r[0]))


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda c: (-c[1], c[0]))
