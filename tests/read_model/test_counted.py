"""What was counted, as metrics, rows and series."""

from __future__ import annotations

import pytest

from openusage.wire.events import EventKind, Outcome, TokenCounts
from tests.read_model.fake import NO_PRICE
from tests.read_model.records import event, fact, message, snapshot_of, tool, used


def test_an_account_without_anything_is_unknown_and_says_so() -> None:
    snapshot = snapshot_of()
    assert (snapshot.status, snapshot.message) == ("UNKNOWN", "No Claude Code usage data found")
    assert (snapshot.metrics, snapshot.model_usage, snapshot.daily_series) == ({}, [], {})


def test_a_models_tokens_cost_and_requests() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00", TokenCounts(1, 20, 300, 4000, 50000, 600000)),
        message("2026-11-20T07:00", TokenCounts(1, 2)),
        message("2026-11-01T07:00", TokenCounts(1000)),
    )
    assert used(
        snapshot,
        *(
            f"model_claude_opus_4_6_{f}"
            for f in (
                "input_tokens",
                "output_tokens",
                "cache_read_tokens",
                "cache_write_tokens",
                "reasoning_tokens",
                "cost_usd",
                "requests",
                "requests_today",
            )
        ),
    ) == [2, 22, 300, 54000, 600000, pytest.approx(654324e-6), 2, 1]
    assert snapshot.metrics["model_claude_opus_4_6_input_tokens"].window == "7d"
    assert snapshot.metrics["model_claude_opus_4_6_requests_today"].window == "1d"
    (row,) = snapshot.model_usage
    assert (row.raw_model_id, row.raw_source, row.window) == ("claude-opus-4-6", "telemetry", "7d")
    assert (row.input_tokens, row.output_tokens, row.cached_tokens, row.reasoning_tokens) == (
        2,
        22,
        54300,
        600000,
    )
    assert (row.total_tokens, row.requests) == (654324, 2)
    assert row.cost_usd == pytest.approx(654324e-6)


def test_nothing_is_written_for_what_is_not_there() -> None:
    """No cache, no reasoning, no tools, no MCP, no languages: not one metric says 0 of them."""
    snapshot = snapshot_of(message("2026-11-22T07:00", TokenCounts(10, 20)))
    assert not [
        k
        for k in snapshot.metrics
        if "cache_write" in k or "reasoning" in k or k.startswith(("tool_", "mcp_", "lang_"))
    ]
    assert "cache_hit_ratio" not in snapshot.metrics
    assert "unpriced_requests" not in snapshot.metrics


def test_window_totals_leave_cache_reads_out_of_tokens() -> None:
    snapshot = snapshot_of(message("2026-11-22T07:00", TokenCounts(10, 20, 70, 15, 5, 1)))
    assert used(
        snapshot,
        "window_tokens",
        "window_cache_read_tokens",
        "window_requests",
        "window_cost",
        "cache_hit_ratio",
    ) == [51, 70, 1, pytest.approx(121e-6), 70.0]


@pytest.mark.parametrize("shown", ["1d", "3d", "7d", "30d", "all"])
def test_a_metric_named_for_a_period_holds_that_period_whatever_is_shown(shown: str) -> None:
    """Berlin's midnight is 23:00 UTC."""
    snapshot = snapshot_of(
        message("2026-11-21T23:00", TokenCounts(1)),
        message("2026-11-21T22:59", TokenCounts(10)),
        message("2026-11-15T07:30", TokenCounts(100)),
        message("2026-11-15T07:29", TokenCounts(1000)),
        message("2026-10-23T07:30", TokenCounts(10000)),
        message("2026-10-23T07:29", TokenCounts(100000)),
        tool("2026-11-22T00:00", "Bash"),
        tool("2026-11-20T00:00", "Bash"),
        shown=shown,
    )
    assert used(snapshot, "today_api_cost", "7d_api_cost", "30d_api_cost", "all_time_api_cost") == [
        pytest.approx(n * 1e-6) for n in (1, 111, 11111, 111111)
    ]
    assert used(snapshot, "today_input_tokens", "7d_input_tokens", "all_time_input_tokens") == [
        1,
        111,
        111111,
    ]
    assert used(snapshot, "messages_today", "requests_today", "7d_messages") == [1, 1, 3]
    assert used(snapshot, "sessions_today", "7d_sessions") == [1, 1]
    assert used(snapshot, "tool_calls_today", "7d_tool_calls", "tool_bash_today") == [1, 2, 1]
    assert [snapshot.metrics[k].window for k in ("today_api_cost", "7d_api_cost", "30d_api_cost")] == [
        "1d",
        "7d",
        "30d",
    ]
    expected = {"1d": 1, "3d": 11, "7d": 111, "30d": 11111, "all": 111111}[shown]
    assert used(snapshot, "window_tokens") == [expected]


def test_an_unused_window_of_a_used_account_is_zero_not_missing() -> None:
    snapshot = snapshot_of(message("2026-10-01T07:00"), shown="7d")
    assert used(snapshot, "window_cost", "window_tokens", "window_requests", "today_api_cost") == [0, 0, 0, 0]
    assert snapshot.model_usage == []
    assert snapshot.status == "OK"


def test_a_model_without_a_price_has_no_cost_and_is_counted() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00", TokenCounts(1), model=f"{NO_PRICE}-1"),
        message("2026-11-22T07:01", TokenCounts(2)),
    )
    assert "model_no_price_1_cost_usd" not in snapshot.metrics
    assert used(snapshot, "unpriced_requests", "window_cost") == [1, pytest.approx(2e-6)]
    assert snapshot.attributes["unpriced_models"] == "no-price-1"
    assert {m.raw_model_id: m.cost_usd for m in snapshot.model_usage} == {
        "no-price-1": None,
        "claude-opus-4-6": pytest.approx(2e-6),
    }


def test_when_nothing_has_a_price_there_is_no_cost_at_all() -> None:
    snapshot = snapshot_of(message("2026-11-22T07:00", model=f"{NO_PRICE}-1"))
    assert used(snapshot, "window_cost", "today_api_cost", "all_time_api_cost") == [None] * 3
    assert "analytics_cost" not in snapshot.daily_series


def test_a_reported_cost_of_zero_is_a_cost() -> None:
    snapshot = snapshot_of(message("2026-11-22T07:00", cost_reported_nano=0, model="local-llama"))
    assert used(snapshot, "model_local_llama_cost_usd", "window_cost") == [0, 0]


def test_synthetic_messages_are_no_model() -> None:
    snapshot = snapshot_of(message("2026-11-22T07:00"), message("2026-11-22T07:01", model="<synthetic>"))
    assert not [k for k in (*snapshot.metrics, *snapshot.daily_series) if "synthetic" in k]
    assert used(snapshot, "window_requests") == [1]


def test_a_message_that_names_no_model_is_still_counted() -> None:
    snapshot = snapshot_of(message("2026-11-22T07:00", model=None))
    assert used(snapshot, "model_unknown_requests") == [1]


def test_two_names_with_one_slug_are_added_in_metrics_and_apart_in_model_usage() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00", TokenCounts(1), model="gpt-5.1", project="a-b"),
        message("2026-11-22T07:01", TokenCounts(2), model="gpt-5-1", project="a.b"),
    )
    assert used(snapshot, "model_gpt_5_1_input_tokens", "project_a_b_requests") == [3, 2]
    assert {m.raw_model_id for m in snapshot.model_usage} == {"gpt-5.1", "gpt-5-1"}
    assert [d.value for d in snapshot.daily_series["usage_model_gpt_5_1"]] == [2]


def test_clients_with_their_own_sessions() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00", TokenCounts(1, 2, 3, 4, 5, 6), client="CLI", session="s1"),
        message("2026-11-22T07:01", TokenCounts(10), client="CLI", session="s2"),
        message("2026-11-22T07:02", TokenCounts(100), client="VS Code", session="s2"),
        message("2026-11-22T07:03", TokenCounts(100), client=None, session="s3"),
    )
    fields = ("total", "input", "output", "cached", "reasoning")
    assert used(snapshot, *(f"client_cli_{f}_tokens" for f in fields)) == [31, 11, 2, 12, 6]
    assert used(snapshot, "client_cli_requests", "client_cli_sessions") == [2, 2]
    assert used(snapshot, "client_vs_code_requests", "client_vs_code_sessions") == [1, 1]
    assert used(snapshot, "window_sessions", "sessions_today", "7d_sessions") == [3, 3, 3]


def test_the_only_client_has_not_the_sessions_of_messages_that_name_none() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00", session="s1"), message("2026-11-22T07:01", client=None, session="s2")
    )
    assert used(snapshot, "client_cli_sessions", "window_sessions") == [1, 2]


def test_projects_and_the_vendors_that_answered() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00", TokenCounts(1, 2), project="api-server", upstream="anthropic"),
        message("2026-11-18T07:00", TokenCounts(10, 20), project="api-server", upstream="openrouter"),
        message("2026-11-18T07:00", project="notes"),
    )
    assert used(snapshot, "project_api_server_requests", "project_api_server_requests_today") == [2, 1]
    assert used(snapshot, "project_notes_requests", "project_notes_requests_today") == [1, None]
    assert used(
        snapshot,
        "provider_anthropic_cost_usd",
        "provider_anthropic_input_tokens",
        "provider_anthropic_output_tokens",
        "provider_openrouter_requests",
    ) == [pytest.approx(3e-6), 1, 2, 1]


def test_tools_their_outcomes_and_what_they_changed() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00"),
        tool("2026-11-22T07:00", "Edit", language="python", lines_added=5, lines_removed=2, file_key=1),
        tool("2026-11-22T07:01", "Edit", language="python", lines_added=1, file_key=1, outcome=Outcome.ERROR),
        tool("2026-11-21T07:02", "Read", outcome=Outcome.ABORTED, file_key=2),
        tool("2026-11-21T07:03", "Bash", outcome=None),
        tool("2026-11-22T07:04", "completed"),
    )
    assert used(
        snapshot,
        *("tool_calls_total", "tool_completed", "tool_errored", "tool_cancelled", "tool_success_rate"),
        *("tool_edit", "tool_edit_today", "tool_bash", "tool_bash_today", "tool_completed_"),
    ) == [5, 2, 1, 1, 50.0, 2, 2, 1, None, 1]
    assert used(
        snapshot, "lang_python", "composer_lines_added", "composer_lines_removed", "composer_files_changed"
    ) == [2, 6, 2, 1]


def test_outcomes_that_nobody_knows_make_no_success_rate() -> None:
    snapshot = snapshot_of(message("2026-11-22T07:00"), tool("2026-11-22T07:00", "Bash", outcome=None))
    assert used(snapshot, "tool_calls_total", "tool_completed", "tool_success_rate") == [1, None, None]


def test_mcp_servers_have_a_family_of_their_own() -> None:
    snapshot = snapshot_of(
        tool("2026-11-22T07:00", "mcp__github__list_issues"),
        tool("2026-11-21T07:00", "mcp__github__list_issues"),
        tool("2026-11-21T07:00", "mcp__github__get_me"),
        tool("2026-11-21T07:00", "mcp__context7__total"),
    )
    assert used(
        snapshot,
        *("mcp_github_total", "mcp_github_total_today", "mcp_github_list_issues", "mcp_github_get_me"),
        *("mcp_context7_total", "mcp_context7_total_", "mcp_context7_total_today"),
        *("mcp_calls_total", "mcp_calls_total_today", "mcp_servers_active", "tool_calls_total"),
    ) == [3, 1, 2, 1, 1, 1, None, 4, 1, 2, 4]
    assert not [k for k in snapshot.metrics if k.startswith("tool_mcp")]
    days = [(d.date, d.value) for d in snapshot.daily_series["usage_mcp_github"]]
    assert days == [("2026-11-21", 2), ("2026-11-22", 1)]


def test_prompts_are_turns_of_the_window() -> None:
    turns = [
        event("2026-11-22T07:00", EventKind.TURN),
        event("2026-11-20T07:00", EventKind.TURN),
        event("2026-10-20T07:00", EventKind.TURN),
    ]
    assert used(snapshot_of(message("2026-11-22T07:00"), *turns), "total_prompts") == [2]


def test_daily_series_are_of_local_days() -> None:
    """22:59 UTC is still the 21st in Berlin, 23:00 is the 22nd."""
    snapshot = snapshot_of(
        message("2026-11-21T22:59", TokenCounts(1, 0, 10), project="api"),
        message("2026-11-21T23:00", TokenCounts(2), project="api"),
    )
    series = {k: [(d.date, d.value) for d in v] for k, v in snapshot.daily_series.items()}
    both = [("2026-11-21", 1), ("2026-11-22", 1)]
    tokens = [("2026-11-21", 11), ("2026-11-22", 2)]
    assert series == {
        "analytics_cost": [("2026-11-21", pytest.approx(11e-6)), ("2026-11-22", pytest.approx(2e-6))],
        "analytics_requests": both,
        "analytics_tokens": tokens,
        "usage_model_claude_opus_4_6": both,
        "tokens_model_claude_opus_4_6": tokens,
        "usage_client_cli": both,
        "tokens_client_cli": tokens,
        "usage_project_api": both,
    }


def test_a_short_window_still_has_a_week_of_days() -> None:
    events = [message(f"2026-11-{day}T12:00", TokenCounts(1)) for day in range(10, 22)]
    snapshot = snapshot_of(*events, shown="1d")
    assert [d.date for d in snapshot.daily_series["analytics_requests"]] == [
        f"2026-11-{d}" for d in range(15, 22)
    ]


def test_a_window_that_began_before_our_data_is_marked() -> None:
    events = [message("2026-11-20T07:00")]
    assert snapshot_of(*events, shown="7d").attributes["window_partial_since"] == "2026-11-20T07:00:00Z"
    for shown in ("1d", "all"):
        assert "window_partial_since" not in snapshot_of(*events, shown=shown).attributes


def test_facts_become_attributes() -> None:
    snapshot = snapshot_of(facts=(fact("plan_type", "max"), fact("account_email", "a@example.com")))
    assert snapshot.attributes == {"plan_type": "max", "account_email": "a@example.com"}


def test_names_that_a_slug_cannot_show_travel_beside_it() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00", project="проект", client="cli"), tool("2026-11-22T07:00", "TodoWrite")
    )
    assert snapshot.attributes["raw_names"] == '{"project_unknown":"проект","tool_todowrite":"TodoWrite"}'


def test_a_model_row_keeps_its_raw_name_and_says_which_model_it_means() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00", model="claude-4.6-opus-high-thinking"),
        message("2026-11-22T07:00", model="claude-opus-4-6"),
        message("2026-11-22T07:00", model="house-model"),
    )
    assert {
        m.raw_model_id: (m.canonical_lineage_id, m.canonical_vendor, m.confidence, m.reason)
        for m in snapshot.model_usage
    } == {
        "claude-4.6-opus-high-thinking": ("claude-opus-4-6", "anthropic", 0.9, "normalised"),
        "claude-opus-4-6": ("claude-opus-4-6", "anthropic", 1.0, "exact"),
        "house-model": ("house-model", "", 0.0, "unknown"),
    }
