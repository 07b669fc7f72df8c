"""A snapshot, ours or a Go program's, as typed sections: what every front end draws.

`decode(snapshot)` is the only way from key strings to figures; the spelling of keys is in `keys.py`.
Missing is `None`, never 0. Money is USD as float (it is for showing; sums were made exactly before).
"""

from __future__ import annotations

import datetime as dt

import msgspec


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a limit is used."""

    key: str
    label: str
    """`5 h`, `7 d`, `7 d opus`, `credits`."""
    used_pct: float
    """0..100; may be above 100."""
    used: float | None = None
    limit: float | None = None
    remaining: float | None = None
    unit: str = "%"
    window: str = ""
    window_s: int | None = None
    """Length of the window, when its name tells."""
    resets_at: dt.datetime | None = None


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one model used in the window."""

    name: str
    """Of the model that one or several names mean, where the snapshot tells it; else raw name or slug."""
    raw_names: list[str] = []
    """As the tools name it, the costliest first."""
    input_tokens: float | None = None
    output_tokens: float | None = None
    cache_read_tokens: float | None = None
    cache_write_tokens: float | None = None
    reasoning_tokens: float | None = None
    cost_usd: float | None = None
    """`None`: unpriced or not reported."""
    requests: float | None = None
    daily: list[tuple[str, float]] = []
    """(`YYYY-MM-DD`, requests or tokens)."""

    @property
    def total_tokens(self) -> float:
        return sum(
            v or 0.0
            for v in (
                self.input_tokens,
                self.output_tokens,
                self.cache_read_tokens,
                self.cache_write_tokens,
                self.reasoning_tokens,
            )
        )


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a ranking: client, project, tool, language, upstream provider, MCP server."""

    name: str
    requests: float | None = None
    tokens: float | None = None
    cost_usd: float | None = None
    sessions: float | None = None
    parts: list[Share] = []
    """Functions of an MCP server."""


class ToolTotals(msgspec.Struct, frozen=True, kw_only=True):
    """All tool calls of the window."""

    calls: float | None = None
    completed: float | None = None
    errored: float | None = None
    cancelled: float | None = None
    success_pct: float | None = None


class CodeStats(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed in the window."""

    lines_added: float | None = None
    lines_removed: float | None = None
    files_changed: float | None = None
    commits: float | None = None
    prompts: float | None = None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Money and tokens, by period."""

    window: str = ""
    """The window that `window_*` and all rankings are for: `7d`."""
    today_cost_usd: float | None = None
    week_cost_usd: float | None = None
    month_cost_usd: float | None = None
    all_time_cost_usd: float | None = None
    window_cost_usd: float | None = None
    window_tokens: float | None = None
    """Cache reads included."""
    window_requests: float | None = None
    window_cost_before_usd: float | None = None
    """In a window as long, just before it; `None`: our data do not reach back so far."""
    window_tokens_before: float | None = None
    today_cost_before_usd: float | None = None
    """Yesterday up to this time of day."""
    today_tokens_before: float | None = None
    block_cost_usd: float | None = None
    """The running 5-hour block."""
    burn_usd_per_h: float | None = None
    cache_hit_pct: float | None = None
    unpriced_requests: float | None = None
    """Messages of models without a known price: not in any cost."""
    unpriced_models: list[str] = []
    sessions: float | None = None
    partial_since: dt.datetime | None = None
    """The window began before our data: it holds only what was used since then."""


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """Money or credits the vendor keeps for the account."""

    key: str
    label: str
    remaining: float | None = None
    used: float | None = None
    limit: float | None = None
    unit: str = "USD"


class Sections(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to draw of one account. An empty list: not drawn."""

    provider_id: str
    account_id: str
    """Without the machine: of a hub's display key only the last part."""
    machine: str
    """Empty for the local machine."""
    name: str
    """Display name of the provider."""
    status: str
    message: str
    timestamp: dt.datetime | None
    totals: Totals
    gauges: list[Gauge] = []
    """Worst first."""
    models: list[ModelRow] = []
    """By cost, then tokens."""
    clients: list[Share] = []
    projects: list[Share] = []
    tools: list[Share] = []
    tool_totals: ToolTotals = ToolTotals()
    mcp: list[Share] = []
    languages: list[Share] = []
    upstreams: list[Share] = []
    code: CodeStats = CodeStats()
    daily_cost: list[tuple[str, float]] = []
    daily_tokens: list[tuple[str, float]] = []
    daily_requests: list[tuple[str, float]] = []
    credits: list[Credit] = []
    flat_plan: bool = False
    """A plan with a flat price: costs are what the API would have charged, hidden by default."""
    plan: str = ""
    unassigned: list[str] = []
    """Vendors whose answers no account is known to pay for."""
    attributes: dict[str, str] = {}
    diagnostics: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    """Metrics no section claims, ready to print."""

    def is_of(self, now: dt.datetime) -> bool:
        """Whether it was made on the local day of `now`: one of an earlier day means that day by today."""
        return self.timestamp is None or self.timestamp.astimezone(now.tzinfo).date() == now.date()
