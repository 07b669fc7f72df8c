"""Metric names: what is built is read back, and what others write is understood."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.wire import keys
from openusage.wire.keys import Family, Parsed, mcp_servers, metric, parse, parse_series, series, slug

_PARTS = [
    *("total", "today", "requests", "cost", "usd", "cache", "read", "tokens", "input", "web", "search"),
    *("calls", "success", "rate", "mcp", "servers", "active", "byok", "gpt", "5", "1", "a", "b", "sessions"),
    *("completed", "unattributed", "creation", "model", "7d", "client", "window", "context"),
]
slugs = st.lists(st.sampled_from(_PARTS), min_size=1, max_size=4).map("_".join)
"""Slugs made of the very words that fields are made of."""

FIELDS = [(f, field) for f, fields in keys._FIELDS.items() for field in fields]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("claude-opus-4.5", "claude_opus_4_5"),
        ("  <Synthetic>  ", "synthetic"),
        ("a__b", "a_b"),
        ("TodoWrite", "todowrite"),
        ("проект", "unknown"),
        ("", "unknown"),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text(max_size=30))
@settings(deadline=None)
def test_a_slug_of_a_slug_is_itself(text: str) -> None:
    assert slug(slug(text)) == slug(text)


@given(st.sampled_from(FIELDS), slugs)
@settings(max_examples=60, deadline=None)
def test_a_built_name_is_read_back(family_field: tuple[Family, str], name: str) -> None:
    """Whatever the slug ends with: `model_x_web_search__requests` are the requests of `x_web_search`."""
    family, field = family_field
    assert parse(metric(family, name, field)) == Parsed(family, name, field)


@given(st.sampled_from([Family.TOOL, Family.INTERFACE, Family.LANGUAGE]), slugs)
@settings(max_examples=60, deadline=None)
def test_a_built_count_of_calls_is_read_back(family: Family, name: str) -> None:
    assert parse(metric(family, name)) == Parsed(family, name)


@given(st.dictionaries(slugs, st.sets(slugs, min_size=1, max_size=3), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_mcp_names_are_read_back_with_nothing_but_the_names(calls: dict[str, set[str]]) -> None:
    """Servers and functions made of the same words, servers that begin like others: all told apart."""
    written = {metric(Family.MCP_SERVER, s, "total"): Parsed(Family.MCP_SERVER, s, "total") for s in calls}
    for server, functions in calls.items():
        for function in functions:
            name = metric(Family.MCP_FUNCTION, server, function, calls)
            assert name not in written
            written[name] = Parsed(Family.MCP_FUNCTION, server, function)
    servers = mcp_servers(written)
    assert servers == set(calls)
    assert {name: parse(name, servers) for name in written} == written


@given(slugs)
@settings(deadline=None)
def test_a_built_series_name_is_read_back(name: str) -> None:
    for family in (Family.MODEL, Family.CLIENT):
        assert parse_series(series(family, name, "tokens")) == Parsed(family, name, "tokens")
    for family in (Family.MODEL, Family.CLIENT, Family.SOURCE, Family.PROJECT, Family.MCP_SERVER):
        assert parse_series(series(family, name)) == Parsed(family, name, "usage")


@pytest.mark.parametrize(
    ("key", "family", "name", "field"),
    [
        ("model_gpt_5_1_codex_cache_read_tokens", Family.MODEL, "gpt_5_1_codex", "cache_read_tokens"),
        ("model_gpt_5_cost", Family.MODEL, "gpt_5", "cost"),
        ("model_gpt_5_requests_today", Family.MODEL, "gpt_5", "requests_today"),
        ("model_total_input_tokens", Family.MODEL, "total", "input_tokens"),
        ("model_x_cache_creation_5m_tokens", Family.MODEL, "x", "cache_creation_5m_tokens"),
        ("input_tokens_gpt_4o", Family.MODEL, "gpt_4o", "input_tokens"),
        ("output_tokens_gpt_4o", Family.MODEL, "gpt_4o", "output_tokens"),
        ("client_cli_total_tokens", Family.CLIENT, "cli", "total_tokens"),
        ("source_cli_requests_today", Family.SOURCE, "cli", "requests_today"),
        ("interface_ide", Family.INTERFACE, "ide", ""),
        ("project_api_server_requests", Family.PROJECT, "api_server", "requests"),
        ("tool_bash", Family.TOOL, "bash", ""),
        ("tool_bash_today", Family.TOOL, "bash", "today"),
        ("tool_mcp__github__list_issues", Family.TOOL, "mcp_github_list_issues", ""),
        ("lang_c", Family.LANGUAGE, "c", ""),
        ("provider_openai_byok_cost", Family.PROVIDER, "openai", "byok_cost"),
        ("provider_openai_prompt_tokens", Family.PROVIDER, "openai", "prompt_tokens"),
        ("upstream_deep_infra_cost_usd", Family.UPSTREAM, "deep_infra", "cost_usd"),
        ("mcp_github_total", Family.MCP_SERVER, "github", "total"),
        ("mcp_github_total_today", Family.MCP_SERVER, "github", "total_today"),
        ("mcp_github_list_issues", Family.MCP_FUNCTION, "github", "list_issues"),
        ("tool_calls_total", Family.PLAIN, "", "tool_calls_total"),
        ("tool_success_rate", Family.PLAIN, "", "tool_success_rate"),
        ("mcp_calls_total_today", Family.PLAIN, "", "mcp_calls_total_today"),
        ("mcp_servers_active", Family.PLAIN, "", "mcp_servers_active"),
        ("model_unattributed_cost_usd", Family.PLAIN, "", "model_unattributed_cost_usd"),
        ("window_cost", Family.PLAIN, "", "window_cost"),
        ("usage_five_hour", Family.PLAIN, "", "usage_five_hour"),
        ("model_", Family.PLAIN, "", "model_"),
        ("model__requests", Family.PLAIN, "", "model__requests"),
        ("mcp_", Family.PLAIN, "", "mcp_"),
        ("", Family.PLAIN, "", ""),
    ],
)
def test_names_that_others_write(key: str, family: Family, name: str, field: str) -> None:
    assert parse(key) == Parsed(family, name, field)


def test_a_function_called_total_is_no_server() -> None:
    """The Go program does not mark it; a server of its own has functions or a total of today, too."""
    written = ["mcp_github_total", "mcp_github_list_issues", "mcp_github_issues_total"]
    servers = mcp_servers(written)
    assert servers == {"github"}
    assert parse("mcp_github_issues_total", servers) == Parsed(Family.MCP_FUNCTION, "github", "issues_total")
    assert mcp_servers([*written, "mcp_github_issues_total_today"]) == {"github", "github_issues"}


def test_our_functions_that_end_like_a_total_are_never_taken_for_one() -> None:
    """`a_b` would look like a server with a total and a function."""
    names = [metric(Family.MCP_FUNCTION, "a", f, ["a"]) for f in ("b_total", "b_x")]
    assert names == ["mcp_a_b_total_", "mcp_a_b_x"]
    assert mcp_servers([*names, "mcp_a_total"]) == {"a"}


@pytest.mark.parametrize(
    ("key", "family", "name", "field"),
    [
        ("usage_model_gpt_5", Family.MODEL, "gpt_5", "usage"),
        ("tokens_gpt_5", Family.MODEL, "gpt_5", "tokens"),
        ("tokens_client_cli", Family.CLIENT, "cli", "tokens"),
        ("usage_mcp_github", Family.MCP_SERVER, "github", "usage"),
        ("tokens_total", Family.PLAIN, "", "tokens_total"),
        ("analytics_cost", Family.PLAIN, "", "analytics_cost"),
    ],
)
def test_series_that_others_write(key: str, family: Family, name: str, field: str) -> None:
    assert parse_series(key) == Parsed(family, name, field)


@pytest.mark.parametrize(
    ("key", "provider", "expected"),
    [
        ("laptop:codex:codex-cli", "codex", ("laptop", "codex-cli")),
        ("work:mac:openai:default", "openai", ("work:mac", "default")),
        ("work:mac:openai:default~2", "mac", ("work", "openai:default")),
        ("laptop~2:codex:codex-cli", "codex", ("laptop~2", "codex-cli")),
        ("openai:openai:openai", "openai", ("openai", "openai")),
        ("codex-cli", "codex", ("", "codex-cli")),
        ("a:b", "", ("", "a:b")),
    ],
)
def test_a_display_key_is_split_around_the_known_provider(
    key: str, provider: str, expected: tuple[str, str]
) -> None:
    assert keys.split_display_key(key, provider) == expected


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("mcp__github__list_issues", ("github", "list_issues")),
        ("mcp__a__b__c", ("a", "b__c")),
        ("mcp__broken", None),
        ("Bash", None),
    ],
)
def test_mcp_tools_are_taken_apart(tool: str, expected: tuple[str, str] | None) -> None:
    assert keys.mcp_parts(tool) == expected


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(keys).failed == 0
