"""Every spelling of a metric name, a series name and an attribute: built and parsed here and nowhere else.

Names are `<family>_<slug>_<field>` and a slug may itself end like a field (`total`, `requests_today`), so a
name alone can be ambiguous. Names of ours never are: where a plain name would be read as something else, a
`_` is added behind the slug (`tool_completed_` is the tool `completed`), which no slug ends with. A reader
that does not know this shows the `_` and loses nothing. `parse(metric(x)) == x` holds for every slug.

Names of others are resolved by the longest known ending, MCP names by the servers that have a total.
"""

from __future__ import annotations

import enum
import functools
import itertools
import re
from collections.abc import Iterable, Mapping

import msgspec


class Family(enum.StrEnum):
    """What a metric is about; the value is how its name begins."""

    MODEL = "model_"
    CLIENT = "client_"
    SOURCE = "source_"
    INTERFACE = "interface_"
    PROJECT = "project_"
    TOOL = "tool_"
    MCP_SERVER = "mcp_"
    """All calls of a server: field `total` or `total_today`."""
    MCP_FUNCTION = "mcp__"
    """One function of a server: `field` is the function."""
    LANGUAGE = "lang_"
    PROVIDER = "provider_"
    """The vendor that answered, as a tool names it."""
    UPSTREAM = "upstream_"
    """The host behind a router."""
    PLAIN = ""
    """A name that stands for itself: `window_cost`, `usage_five_hour`."""


class Parsed(msgspec.Struct, frozen=True):
    """A metric name taken apart."""

    family: Family
    name: str
    """The slug: model, client, project, …; empty for a plain name."""
    field: str = ""
    """What of it: `input_tokens`, `requests_today`; of a plain name the whole key."""


_NOT_SLUG = re.compile(r"[^a-z0-9]+")


@functools.lru_cache(maxsize=8192)
def slug(text: str) -> str:
    """A name as it stands inside keys. Lossy: keep the raw name beside it.

    >>> slug("claude-opus-4.5"), slug("<>")
    ('claude_opus_4_5', 'unknown')
    """
    return _NOT_SLUG.sub("_", text.lower()).strip("_") or "unknown"


_TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "total_tokens")
_CALLS = ("requests_today", "requests")
_COST = ("cost_usd", "cost")
_PERIODS = ("today", "1d", "7d", "30d")

_FIELDS: dict[Family, tuple[str, ...]] = {
    family: tuple(sorted(fields, key=len, reverse=True))
    for family, fields in {
        Family.MODEL: (
            *_TOKENS,
            *_CALLS,
            *_COST,
            "cache_read_tokens",
            "cache_write_tokens",
            "cache_creation_tokens",
            "cache_creation_5m_tokens",
            "cache_creation_1h_tokens",
            "web_search_requests",
            "web_fetch_requests",
            "context_window_tokens",
        ),
        Family.CLIENT: (*_TOKENS, *_CALLS, *_COST, "sessions"),
        Family.SOURCE: (*_TOKENS, *_CALLS, *_COST, "sessions"),
        Family.PROJECT: (*_TOKENS, *_CALLS, *_COST, "sessions"),
        Family.PROVIDER: (*_TOKENS, *_CALLS, *_COST, "byok_cost", "prompt_tokens", "completion_tokens"),
        Family.UPSTREAM: (*_TOKENS, *_CALLS, *_COST, "byok_cost", "prompt_tokens", "completion_tokens"),
        Family.TOOL: _PERIODS,
        Family.INTERFACE: _PERIODS,
        Family.LANGUAGE: _PERIODS,
    }.items()
}
"""Longest first: `cost_usd` before `cost`, `web_search_requests` before `requests`."""

_BARE = (Family.TOOL, Family.INTERFACE, Family.LANGUAGE)
"""Families whose plain name is a count of calls."""

_LEGACY = {"input_tokens_": "input_tokens", "output_tokens_": "output_tokens"}
"""Older model metrics have the field in front."""

TOOL_CALLS_TODAY = "tool_calls_today"
TOOL_CALLS, TOOL_COMPLETED, TOOL_ERRORED, TOOL_CANCELLED, TOOL_SUCCESS = (
    "tool_calls_total",
    "tool_completed",
    "tool_errored",
    "tool_cancelled",
    "tool_success_rate",
)
TOOL_CALLS_TODAY = "tool_calls_today"
MCP_CALLS, MCP_CALLS_TODAY, MCP_SERVERS = "mcp_calls_total", "mcp_calls_total_today", "mcp_servers_active"
_AGGREGATES = frozenset(
    {
        *(TOOL_CALLS, TOOL_COMPLETED, TOOL_ERRORED, TOOL_CANCELLED, TOOL_SUCCESS),
        *(MCP_CALLS, MCP_CALLS_TODAY, MCP_SERVERS),
        TOOL_CALLS_TODAY,
        "model_unattributed_cost_usd",
        "provider_unattributed_cost_usd",
    }
)

WINDOW_COST = "window_cost"
WINDOW_COST_BEFORE, WINDOW_TOKENS_BEFORE = "window_cost_before", "window_tokens_before"
TODAY_COST_BEFORE, TODAY_TOKENS_BEFORE = "today_cost_before", "today_tokens_before"
"""What the window and today are compared with: as long before, yesterday up to the same time. Cache reads are
in the tokens."""
WINDOW_TOKENS = "window_tokens"
"""Without cache reads."""
WINDOW_CACHE_READ = "window_cache_read_tokens"
WINDOW_REQUESTS = "window_requests"
WINDOW_SESSIONS = "window_sessions"
WINDOW_CREDIT_SPEND = "window_credit_spend"
CACHE_HIT_RATIO = "cache_hit_ratio"
UNPRICED_REQUESTS = "unpriced_requests"
BURN_RATE = "burn_rate"
BLOCK = "5h_block_"
"""Prefix of what the running 5-hour block used."""
BLOCK_COST = "5h_block_cost"
MESSAGES_TODAY, REQUESTS_TODAY, SESSIONS_TODAY = "messages_today", "requests_today", "sessions_today"
WEEK_MESSAGES, WEEK_SESSIONS, WEEK_TOOL_CALLS = "7d_messages", "7d_sessions", "7d_tool_calls"
LINES_ADDED, LINES_REMOVED = "composer_lines_added", "composer_lines_removed"
FILES_CHANGED, COMMITS, PROMPTS = "composer_files_changed", "scored_commits", "total_prompts"
CONTEXT_WINDOW = "context_window"
FIVE_HOUR = "usage_five_hour"
BILLING_BLOCK = "billing_block"
"""Of `resets`: when the running 5-hour block ends."""

ATTR_UNPRICED = "unpriced_models"
ATTR_PARTIAL = "window_partial_since"
ATTR_RAW_NAMES = "raw_names"
"""JSON object: `project_api_server` -> `api-server`, where the slug lost something."""
ATTR_PROJECTS = "project_usage"
"""Of a Go program: its projects in words."""
ATTR_READ_AT = "quota_read_at"
ATTR_LAST_EVENT = "telemetry_last_event_at"
ATTR_SPEND_PARTIAL, ATTR_SPEND_SINCE = "window_credit_spend_partial", "window_credit_spend_since"

DIAG_UNASSIGNED = "telemetry_unmapped_providers"
"""Vendors, with commas between, whose answers no account is known to pay for."""
DIAG_LINK_HINT = "telemetry_provider_link_hint"
"""The setting that would assign them."""

COST_ALIASES: dict[str, tuple[str, ...]] = {
    "today": ("today_api_cost", "today_cost", "daily_cost_usd", "usage_daily"),
    "7d": ("7d_api_cost", "7d_cost", "usage_weekly"),
    "30d": ("30d_api_cost", "monthly_cost"),
    "all": (
        "all_time_api_cost",
        "total_cost_usd",
        "billing_total_cost",
        "composer_cost",
        "cli_cost",
        "total_cost",
    ),
}
"""Period -> names of its cost, the first is ours; a reader takes the first that exists."""

SERIES_COST = ("analytics_cost", "cost", "daily_cost", "cost_usd")
SERIES_TOKENS = ("analytics_tokens", "tokens_total", "tokens")
SERIES_REQUESTS = ("analytics_requests", "requests", "messages")
"""Names of the general daily series, the first is ours."""

_SERIES: tuple[tuple[str, Family, str], ...] = (
    ("usage_model_", Family.MODEL, "usage"),
    ("tokens_model_", Family.MODEL, "tokens"),
    ("usage_client_", Family.CLIENT, "usage"),
    ("tokens_client_", Family.CLIENT, "tokens"),
    ("usage_source_", Family.SOURCE, "usage"),
    ("usage_project_", Family.PROJECT, "usage"),
    ("usage_mcp_", Family.MCP_SERVER, "usage"),
    ("tokens_", Family.MODEL, "tokens"),
)


def metric(family: Family, name: str, field: str = "", servers: Iterable[str] = ()) -> str:
    """The metric name of one figure.

    `servers` are the MCP servers that have a total in the same snapshot; only MCP functions need them.

    >>> metric(Family.MODEL, "gpt-5.1", "input_tokens"), metric(Family.TOOL, "completed")
    ('model_gpt_5_1_input_tokens', 'tool_completed_')
    """
    name = slug(name)
    if family is Family.PLAIN:
        return field
    if family is Family.MCP_FUNCTION:
        return _mcp_function(name, slug(field), frozenset(map(slug, servers)) | {name})
    known = frozenset({name}) if family is Family.MCP_SERVER else frozenset[str]()
    wanted = Parsed(family, name, field)
    plain = f"{family}{name}_{field}" if field else f"{family}{name}"
    if parse(plain, known) == wanted:
        return plain
    return f"{family}{name}__{field}" if field else f"{family}{name}_"


def _mcp_function(server: str, function: str, servers: frozenset[str]) -> str:
    wanted = Parsed(Family.MCP_FUNCTION, server, function)
    names = [f"mcp_{server}{gap}_{function}{end}" for gap, end in itertools.product(("", "_"), ("", "_"))]
    clear = (n for n in names if not n.endswith(("_total", "_total_today")) and parse(n, servers) == wanted)
    return next(clear, names[-1])


def series(family: Family, name: str, kind: str = "usage") -> str:
    """The name of one daily series; `kind` is `usage` (requests) or `tokens`."""
    return f"{next(p for p, f, k in _SERIES if f is family and k == kind)}{slug(name)}"


@functools.lru_cache(maxsize=16384)
def parse(key: str, servers: frozenset[str] = frozenset()) -> Parsed:
    """A metric name taken apart; a name of no family is PLAIN. `servers`: see `mcp_servers`."""
    plain = Parsed(Family.PLAIN, "", key)
    if key in _AGGREGATES:
        return plain
    if key.startswith("mcp_"):
        return _parse_mcp(key[4:], servers) or plain
    for family, fields in _FIELDS.items():
        if not key.startswith(family):
            continue
        rest = key[len(family) :]
        for field in fields:
            if rest.endswith("_" + field) and (name := rest[: -len(field) - 1].strip("_")):
                return Parsed(family, slug(name), field)
        return Parsed(family, slug(rest)) if family in _BARE and rest.strip("_") else plain
    for prefix, field in _LEGACY.items():
        if key.startswith(prefix) and key[len(prefix) :].strip("_"):
            return Parsed(Family.MODEL, slug(key[len(prefix) :]), field)
    return plain


def _parse_mcp(rest: str, servers: frozenset[str]) -> Parsed | None:
    for field in ("total_today", "total"):
        if rest.endswith("_" + field) and (name := rest[: -len(field) - 1].strip("_")):
            if not servers or slug(name) in servers:
                return Parsed(Family.MCP_SERVER, slug(name), field)
            break
    for server in sorted(servers, key=len, reverse=True):
        if rest.startswith(server + "_") and rest[len(server) :].strip("_"):
            return Parsed(Family.MCP_FUNCTION, server, slug(rest[len(server) :]))
    server, _, function = rest.partition("_")
    if server and function.strip("_"):
        return Parsed(Family.MCP_FUNCTION, slug(server), slug(function))
    return None


def mcp_servers(keys: Iterable[str]) -> frozenset[str]:
    """The MCP servers among metric names: what has a total, and is not a function called `…_total`."""
    names = [k for k in keys if k.startswith("mcp_") and k not in _AGGREGATES]
    totals = {slug(n[4:-6]) for n in names if n.endswith("_total") and n[4:-6].strip("_")}

    def is_server(name: str) -> bool:
        if not any(name.startswith(other + "_") for other in totals):
            return True
        totals_of_it = {f"mcp_{name}_total", f"mcp_{name}__total"}
        return any(n.startswith(f"mcp_{name}_") and n not in totals_of_it for n in names)

    return frozenset(filter(is_server, totals))


@functools.lru_cache(maxsize=8192)
def parse_series(key: str) -> Parsed:
    """A series name taken apart: `field` is `usage` or `tokens`; a general series is PLAIN."""
    if key not in SERIES_TOKENS:
        for prefix, family, kind in _SERIES:
            if key.startswith(prefix) and key[len(prefix) :].strip("_"):
                return Parsed(family, slug(key[len(prefix) :]), kind)
    return Parsed(Family.PLAIN, "", key)


def is_mcp_tool(name: str) -> bool:
    """Whether a tool's slug is that of an MCP function, which has a section of its own."""
    return name.startswith("mcp_") or "_mcp_server_" in name or name.endswith("_mcp")


def mcp_parts(tool: str) -> tuple[str, str] | None:
    """(server, function) of a raw tool name `mcp__<server>__<function>`, else None."""
    if not tool.lower().startswith("mcp__"):
        return None
    server, _, function = tool[5:].partition("__")
    return (server, function) if server and function else None


def raw_name_key(family: Family, name: str, function: str = "") -> str:
    """Where the raw name of a row stands in the attribute ATTR_RAW_NAMES."""
    return f"{family}{slug(name)}_{slug(function)}" if function else f"{family}{slug(name)}"


def raw_names(attributes: Mapping[str, str]) -> dict[str, str]:
    """What ATTR_RAW_NAMES holds; what is no such list counts as empty."""
    try:
        return msgspec.json.decode(attributes.get(ATTR_RAW_NAMES, "{}"), type=dict[str, str])
    except msgspec.DecodeError:
        return {}


def split_display_key(key: str, provider: str) -> tuple[str, str]:
    """(machine, account) of a hub's `machine:provider:account`; a local account id has no machine.

    Machine and account may hold `:`. A hub adds `~2` behind a key that two accounts would share; that is
    no part of the account's id.

    >>> split_display_key("work:mac:openai:default~2", "openai")
    ('work:mac', 'default')
    """
    machine, found, account = key.rpartition(f":{provider}:")
    if not found or not provider:
        return "", key
    return machine, re.sub(r"~\d+$", "", account)


_PROVIDER_NAMES = {
    "claude_code": "Claude Code",
    "codex": "Codex",
    "opencode": "OpenCode",
    "gemini_cli": "Gemini CLI",
    "copilot": "GitHub Copilot",
    "cursor": "Cursor",
    "amp": "Amp",
    "droid": "Droid",
    "goose": "Goose",
    "kilo_code": "Kilo Code",
    "roocode": "Roo Code",
    "crush": "Crush",
    "zed": "Zed",
    "kiro_cli": "Kiro CLI",
    "qwen_cli": "Qwen CLI",
    "kimi_cli": "Kimi CLI",
    "pi": "Pi",
    "mux": "Mux",
    "hermes": "Hermes Agent",
    "openclaw": "OpenClaw",
    "codebuff": "Codebuff",
    "ollama": "Ollama",
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "azure_openai": "Azure OpenAI",
    "openrouter": "OpenRouter",
    "groq": "Groq",
    "mistral": "Mistral",
    "deepseek": "DeepSeek",
    "moonshot": "Moonshot",
    "perplexity": "Perplexity",
    "xai": "xAI",
    "zai": "Z.AI",
    "gemini_api": "Gemini API",
    "alibaba_cloud": "Alibaba Cloud",
}


def provider_name(provider: str) -> str:
    """Display name of a provider; an unknown id in words.

    >>> provider_name("xai"), provider_name("new_tool")
    ('xAI', 'New Tool')
    """
    return _PROVIDER_NAMES.get(provider) or provider.replace("_", " ").replace("-", " ").title()
