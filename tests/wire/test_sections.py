"""Snapshots as sections: ours after a round trip, the Go program's as it sent them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from openusage.read_model import build, window
from openusage.wire.decode import decode
from openusage.wire.envelope import PeerEnvelope, decode_snapshots
from openusage.wire.events import EventKind, Outcome, TokenCounts
from openusage.wire.sections import ModelRow, Sections, Share, ToolTotals
from openusage.wire.snapshot import ZERO_TIME, DayValue, Metric, ModelUsage, UsageSnapshot
from tests.read_model.fake import NO_PRICE, FakeStore
from tests.read_model.records import BERLIN, NOW, event, fact, message, reading, tool

FIXTURES = Path(__file__).parent.parent / "fixtures" / "snapshots"


def go_push() -> dict[str, UsageSnapshot]:
    """What a Go program of version 0.24.4 pushed, by account."""
    body = (FIXTURES / "go-0.24.4-push.json").read_bytes()
    envelope = msgspec.json.decode(body, type=PeerEnvelope)
    return {s.account_id or "": s.strict() for s in envelope.snapshots or () if s}


def go_read_model() -> dict[str, UsageSnapshot]:
    """What its daemon answered on its socket: the same, and what its root had left over."""
    body = (FIXTURES / "go-0.24.4-read-model-30d.json").read_bytes()
    return decode_snapshots(msgspec.json.encode(msgspec.json.decode(body)["snapshots"]))


def snapshot(
    metrics: dict[str, Metric] | None = None,
    provider: str = "claude_code",
    account: str = "claude-code",
    attributes: dict[str, str] | None = None,
    model_usage: list[ModelUsage] | None = None,
    daily_series: dict[str, list[DayValue]] | None = None,
) -> UsageSnapshot:
    return UsageSnapshot(
        provider_id=provider,
        account_id=account,
        timestamp=NOW,
        status="OK",
        metrics=metrics or {},
        attributes=attributes or {},
        model_usage=model_usage or [],
        daily_series=daily_series or {},
    )


def used(value: float, unit: str = "tokens", window: str = "7d") -> Metric:
    return Metric(used=value, unit=unit, window=window)


def ranking(rows: list[Share]) -> dict[str, float | None]:
    return {r.name: r.requests for r in rows}


# The Go program's


def test_the_captured_claude_code_push() -> None:
    s = decode(go_push()["claude-code"])
    names = [s.provider_id, s.account_id, s.machine, s.name, s.status]
    assert names == ["claude_code", "claude-code", "", "Claude Code", "OK"]
    t = s.totals
    assert (t.window, t.today_cost_usd, t.window_cost_usd) == ("30d", 2.44163555, 14.60329245)
    assert (t.week_cost_usd, t.all_time_cost_usd) == (12.436676700000008, 14.603292450000009)
    assert (t.month_cost_usd, t.burn_usd_per_h, t.block_cost_usd) == (None, None, 2.441635549999999)
    assert (t.window_tokens, t.window_requests, t.sessions) == (19926778, 382, 19)
    assert (t.cache_hit_pct, t.unpriced_requests, t.partial_since) == (95.86925756817028, None, None)
    assert s.gauges == []
    assert [(m.name, m.cost_usd, m.requests, m.total_tokens) for m in s.models] == [
        ("claude-opus-4-6", 9.30958725, 146, 3284 + 137715 + 7701672 + 319913),
        ("claude-sonnet-4-5-20250929", 3.6885463499999998, 98, 2009 + 100058 + 4934127 + 187043),
        ("claude-haiku-4-5-20251001", 1.60515885, 137, 2919 + 124798 + 6120261 + 292979),
    ]
    assert s.models[0].daily[0] == ("2026-11-14", 15.0)
    assert sum(v for _, v in s.models[0].daily) == 146
    assert s.clients == [Share(name="claude_code", requests=382, tokens=19926778, sessions=19)]
    assert ranking(s.projects) == {"api_server": 145, "web_frontend": 136, "notes": 101}
    assert ranking(s.tools) == {
        **{"edit": 26, "grep": 22, "read": 22, "todowrite": 21, "bash": 20, "glob": 20, "write": 19},
    }
    assert s.tool_totals == ToolTotals(calls=167, completed=167, errored=0, cancelled=0, success_pct=100)
    assert s.mcp == [Share(name="github", requests=17, parts=[Share(name="list_issues", requests=17)])]
    assert ranking(s.languages) == {"go": 19, "python": 18, "typescript": 16, "markdown": 14}
    assert s.upstreams == [Share(name="anthropic", requests=382, tokens=370783, cost_usd=14.60329245)]
    assert (s.code.files_changed, s.code.prompts, s.code.lines_added) == (12, 382, None)
    assert len(s.daily_cost) == 9
    last = [s.daily_cost[-1], s.daily_tokens[-1], s.daily_requests[-1]]
    assert last == [("2026-11-22", 2.44163555), ("2026-11-22", 2412032), ("2026-11-22", 41)]
    assert (s.flat_plan, s.plan, s.credits, s.others) == (False, "", [], [])


def test_the_captured_codex_push() -> None:
    s = decode(go_push()["codex-cli"], now=dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC))
    assert [(g.label, g.used_pct, g.window_s, g.resets_at) for g in s.gauges] == [
        ("7 d", 31, 604800, dt.datetime(2026, 11, 25, 7, tzinfo=dt.UTC)),
        ("5 h", 17, 18000, dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)),
    ]
    assert (s.flat_plan, s.plan) == (True, "plus")
    assert [(m.name, m.requests, m.reasoning_tokens) for m in s.models] == [
        ("gpt-5", 39, 6415),
        ("gpt-5.1-codex", 22, 4021),
        ("gpt-5-codex", 12, 2250),
    ]
    assert s.totals.window_tokens == 1263694 == sum(value for _, value in s.daily_tokens)
    assert sum(m.total_tokens for m in s.models) == 1263694
    assert ranking(s.tools) == {"shell": 73}
    assert dict(s.others)["context window"] == "182,230 tokens of 272,000 tokens"


def test_its_costs_of_zero_are_prices_it_did_not_have() -> None:
    s = decode(go_push()["codex-cli"])
    assert {m.cost_usd for m in s.models} == {None}
    assert s.daily_cost == []


def test_its_window_cost_of_today_is_no_cost_of_the_window() -> None:
    """Codex's `window_cost` is labelled `today` while everything beside it holds 30 days."""
    totals = decode(go_push()["codex-cli"]).totals
    assert (totals.window_cost_usd, totals.today_cost_usd) == (None, 0.31902025)


def test_what_it_calls_today_and_labels_30_days_is_shown_nowhere() -> None:
    s = decode(go_push()["claude-code"])
    assert not [k for k, _ in s.others if "today" in k]


def test_a_snapshot_of_the_programs_own_totals() -> None:
    """Its socket answers so before events are read: everything all-time, `window_*` labelled as today's."""
    s = decode(go_read_model()["claude-code"])
    t = s.totals
    assert (t.window, t.window_cost_usd, t.window_tokens) == ("all-time", None, None)
    assert (t.today_cost_usd, t.burn_usd_per_h) == (2.441635549999999, 0.6913618540916263)
    assert [(m.name, m.cache_read_tokens, m.cache_write_tokens) for m in s.models] == [
        ("claude_opus_4_6", 9000000, 319913),
        ("claude_sonnet_4_5_20250929", 4934127, 187043),
        ("claude_haiku_4_5_20251001", 6120261, 292979),
    ]
    assert [(c.name, c.tokens, c.sessions) for c in s.clients] == [
        ("api_server", 8260819, 7),
        ("web_frontend", 6680717, 6),
        ("notes", 4985242, 6),
    ]
    assert "mcp_github_list_issues" not in ranking(s.tools)


def test_rows_of_another_window_are_left_out() -> None:
    metrics = {
        "window_requests": used(382, "requests", "30d"),
        "client_claude_code_requests": used(382, "requests", "30d"),
        "client_api_server_total_tokens": used(8260819, "tokens", "all-time"),
        "provider_claude_code_input_tokens": used(5000, "tokens", "since midnight"),
    }
    s = decode(snapshot(metrics))
    assert ranking(s.clients) == {"claude_code": 382}
    assert [u.name for u in s.upstreams] == ["claude_code"]


def test_the_empty_first_push_of_a_go_program_decodes() -> None:
    empty = UsageSnapshot(
        provider_id="codex", account_id="codex-cli", timestamp=ZERO_TIME, status="UNKNOWN", metrics={}
    )
    s = decode(empty)
    assert (s.timestamp, s.models, s.gauges, s.totals.window_cost_usd) == (None, [], [], None)


# Round trip


def round_trip() -> Sections:
    events = [
        message(
            "2026-11-22T07:00",
            TokenCounts(1, 20, 300, 4000, 50000, 600000),
            project="api-server",
            upstream="anthropic",
            session="s1",
        ),
        message("2026-11-21T07:00", TokenCounts(7), model="gpt-5.1", project="notes", session="s2"),
        message("2026-11-20T07:00", TokenCounts(70), model=f"{NO_PRICE}-1"),
        tool("2026-11-22T07:00", "TodoWrite", language="python", lines_added=3, lines_removed=1, file_key=9),
        tool("2026-11-22T07:00", "completed", outcome=Outcome.ERROR),
        tool("2026-11-22T07:00", "mcp__My Server__list_issues"),
        event("2026-11-22T07:00", EventKind.TURN),
    ]
    readings = [
        reading("usage_five_hour", 83.0, resets_at_us=None),
        reading("usage_seven_day_opus", 95.0, window="7d-opus"),
        reading("credit_balance", remaining=7.02, unit="USD", window="current"),
    ]
    store = FakeStore(events, readings, [fact("subscription", "active"), fact("plan_type", "max")])
    made = build(store, "claude_code", "claude-code", window=window("7d", NOW, BERLIN), now=NOW, tz=BERLIN)
    travelled = decode_snapshots(msgspec.json.encode({"laptop:claude_code:claude-code": made}))
    ((key, arrived),) = travelled.items()
    return decode(arrived, display_key=key, now=NOW)


def test_what_goes_in_as_records_comes_out_as_sections() -> None:
    s = round_trip()
    assert (s.machine, s.account_id, s.name) == ("laptop", "claude-code", "Claude Code")
    assert s.models == [
        ModelRow(
            name="claude-opus-4-6",
            raw_names=["claude-opus-4-6"],
            input_tokens=1,
            output_tokens=20,
            cache_read_tokens=300,
            cache_write_tokens=54000,
            reasoning_tokens=600000,
            cost_usd=0.654321,
            requests=1,
            daily=[("2026-11-22", 1)],
        ),
        ModelRow(
            name="gpt-5.1",
            raw_names=["gpt-5.1"],
            input_tokens=7,
            output_tokens=0,
            reasoning_tokens=None,
            cache_read_tokens=0,
            cost_usd=7e-6,
            requests=1,
            daily=[("2026-11-21", 1)],
        ),
        ModelRow(
            name="no-price-1",
            raw_names=["no-price-1"],
            input_tokens=70,
            output_tokens=0,
            reasoning_tokens=None,
            cache_read_tokens=0,
            requests=1,
            daily=[("2026-11-20", 1)],
        ),
    ]
    assert ranking(s.projects) == {"api-server": 1, "notes": 1}
    assert [(c.name, c.requests, c.tokens, c.sessions) for c in s.clients] == [("CLI", 3, 654398, 2)]
    assert ranking(s.tools) == {"TodoWrite": 1, "completed": 1}
    assert s.tool_totals == ToolTotals(calls=3, completed=2, errored=1, cancelled=0, success_pct=100 * 2 / 3)
    assert s.mcp == [Share(name="My Server", requests=1, parts=[Share(name="list_issues", requests=1)])]
    assert ranking(s.languages) == {"python": 1}
    assert s.upstreams == [Share(name="anthropic", requests=1, tokens=21, cost_usd=0.654321)]
    assert (s.code.lines_added, s.code.lines_removed, s.code.files_changed, s.code.prompts) == (3, 1, 1, 1)
    assert s.daily_requests == [("2026-11-20", 1), ("2026-11-21", 1), ("2026-11-22", 1)]
    assert s.daily_tokens == [("2026-11-20", 70), ("2026-11-21", 7), ("2026-11-22", 654321)]
    assert s.daily_cost == [("2026-11-21", 7e-6), ("2026-11-22", 0.654321)]


def test_totals_and_limits_survive_the_round_trip() -> None:
    s = round_trip()
    t = s.totals
    assert (t.window, t.window_requests, t.window_tokens, t.sessions) == ("7d", 3, 654398, 2)
    costs = (t.today_cost_usd, t.week_cost_usd, t.month_cost_usd, t.all_time_cost_usd, t.window_cost_usd)
    assert costs == (0.654321, *[0.654328] * 4)
    assert (t.unpriced_requests, t.unpriced_models) == (1, ["no-price-1"])
    assert t.partial_since == dt.datetime(2026, 11, 20, 7, tzinfo=dt.UTC)
    assert t.cache_hit_pct == pytest.approx(100 * 300 / 54378)
    assert t.block_cost_usd == 0.654321
    assert t.burn_usd_per_h == pytest.approx(0.654321 * 2)
    assert [(g.label, g.used_pct, g.window_s) for g in s.gauges] == [
        ("7 d opus", 95, 604800),
        ("5 h", 83, 18000),
    ]
    assert [(c.key, c.remaining, c.unit) for c in s.credits] == [("credit_balance", 7.02, "USD")]
    assert (s.flat_plan, s.plan, s.status) == (True, "max", "NEAR_LIMIT")
    assert "raw_names" not in s.attributes


# Rules


@pytest.mark.parametrize(
    ("provider", "attributes", "expected"),
    [
        ("claude_code", {"subscription": "active"}, True),
        ("claude_code", {"subscription": "none", "plan_type": "pro"}, False),
        ("codex", {"plan_type": "Plus"}, True),
        ("codex", {"plan_type": "free"}, False),
        ("copilot", {"copilot_plan": "business"}, True),
        ("zai", {"plan_type": "x_glm_coding_plan_pro"}, True),
        ("openrouter", {"plan_type": "pro"}, False),
        ("codex", {}, False),
    ],
)
def test_flat_plans(provider: str, attributes: dict[str, str], expected: bool) -> None:
    assert decode(snapshot(provider=provider, attributes=attributes)).flat_plan is expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["today_api_cost", "today_cost"], "today_api_cost"),
        (["usage_daily", "daily_cost_usd"], "daily_cost_usd"),
    ],
)
def test_the_first_existing_name_of_a_cost_wins(names: list[str], expected: str) -> None:
    metrics = {n: used(float(i), "USD", "1d") for i, n in enumerate(names, 1)}
    assert decode(snapshot(metrics)).totals.today_cost_usd == metrics[expected].used


@pytest.mark.parametrize(
    ("display_key", "provider", "expected"),
    [
        ("laptop:codex:main", "codex", ("laptop", "main")),
        ("work:mac:openai:default~2", "openai", ("work:mac", "default")),
        ("laptop~2:openai:a:b", "openai", ("laptop~2", "a:b")),
        ("", "codex", ("", "codex-cli")),
    ],
)
def test_a_hubs_key_tells_machine_and_account(
    display_key: str, provider: str, expected: tuple[str, str]
) -> None:
    s = decode(snapshot(provider=provider, account=display_key or "codex-cli"), display_key=display_key)
    assert (s.machine, s.account_id) == expected


def test_a_machine_that_is_known_is_not_guessed() -> None:
    assert decode(snapshot(account="a:claude_code:b"), machine="a (renamed)").machine == "a (renamed)"


def test_older_metric_names_are_models_too() -> None:
    metrics = {
        "input_tokens_gpt_4o": used(5),
        "output_tokens_gpt_4o": used(7),
        "model_x_cached_tokens": used(3),
        "model_x_cache_creation_tokens": used(4),
        "model_x_cost": used(0.5, "USD"),
    }
    found = {m.name: m for m in decode(snapshot(metrics)).models}
    assert (found["gpt_4o"].input_tokens, found["gpt_4o"].output_tokens) == (5, 7)
    x = found["x"]
    assert (x.cache_read_tokens, x.cache_write_tokens, x.cost_usd, x.input_tokens) == (3, 4, 0.5, None)


def test_raw_names_that_share_a_slug_are_rows_of_their_own() -> None:
    rows = [
        ModelUsage(
            raw_model_id="gpt-5.1", window="7d", input_tokens=1, cached_tokens=4, cost_usd=2.0, requests=1
        ),
        ModelUsage(raw_model_id="gpt-5-1", window="7d", input_tokens=2, requests=1),
        ModelUsage(raw_model_id="gpt-5.1", window="all", input_tokens=99),
    ]
    metrics = {"model_gpt_5_1_input_tokens": used(3), "window_requests": used(2, "requests")}
    models = decode(snapshot(metrics, model_usage=rows)).models
    assert [(m.name, m.input_tokens, m.cache_read_tokens, m.cost_usd) for m in models] == [
        ("gpt-5.1", 1, 4, 2.0),
        ("gpt-5-1", 2, None, None),
    ]


def test_rows_that_name_no_window_are_taken() -> None:
    rows = [ModelUsage(raw_model_id="gpt-5.1", raw_source="jsonl", input_tokens=1)]
    metrics = {"window_requests": used(2, "requests")}
    assert [m.input_tokens for m in decode(snapshot(metrics, model_usage=rows)).models] == [1]


def test_a_cost_of_seven_days_that_is_labelled_otherwise_is_not_believed() -> None:
    believed = decode(snapshot({"7d_api_cost": used(1.0, "USD", "rolling 7 days")}))
    doubted = decode(snapshot({"7d_api_cost": used(1.0, "USD", "30d"), "7d_cost": used(2.0, "USD", "7d")}))
    assert (believed.totals.week_cost_usd, doubted.totals.week_cost_usd) == (1.0, 2.0)


def test_sources_and_interfaces_stand_in_for_clients() -> None:
    assert ranking(decode(snapshot({"source_cli_requests": used(5)})).clients) == {"cli": 5}
    assert ranking(decode(snapshot({"interface_ide": used(5)})).clients) == {"ide": 5}


def test_what_was_used_today_only_makes_no_row_of_the_window() -> None:
    metrics = {"source_cli_requests_today": used(5, window="1d"), "tool_bash_today": used(1, window="1d")}
    s = decode(snapshot(metrics))
    assert (s.clients, s.tools) == ([], [])


def test_series_by_their_other_names() -> None:
    series = {
        "cost": [DayValue("2026-11-22", 2.0), DayValue("2026-11-21", 1.0)],
        "tokens_total": [DayValue("2026-11-22", 9.0)],
        "messages": [DayValue("2026-11-22", 3.0)],
        "tokens_gpt_5": [DayValue("2026-11-22", 9.0)],
    }
    s = decode(snapshot({"model_gpt_5_requests": used(3)}, daily_series=series))
    assert s.daily_cost == [("2026-11-21", 1.0), ("2026-11-22", 2.0)]
    assert (s.daily_tokens, s.daily_requests) == ([("2026-11-22", 9.0)], [("2026-11-22", 3.0)])
    assert s.models[0].daily == [("2026-11-22", 9.0)]


def test_metrics_that_no_section_claims_can_be_printed() -> None:
    metrics = {
        "today_api_cost": used(1.0, "USD", "1d"),
        "session_input_tokens": used(1234, window="session"),
        "some_fee": used(1.5, "USD"),
        "queue": Metric(remaining=2.5, unit="calls", window=""),
        "nothing": Metric(unit="x", window=""),
    }
    assert decode(snapshot(metrics)).others == [
        ("queue", "2.5 calls left"),
        ("session input tokens", "1,234 tokens (session)"),
        ("some fee", "$1.50 (7d)"),
    ]


@pytest.mark.parametrize("text", ["not json", '["a"]', '{"tool_bash": 1}'])
def test_raw_names_that_cannot_be_read_are_ignored(text: str) -> None:
    s = decode(snapshot({"tool_bash": used(1)}, attributes={"raw_names": text}))
    assert ranking(s.tools) == {"bash": 1}


def test_a_partial_mark_that_is_no_time_is_ignored() -> None:
    marked = snapshot(attributes={"window_partial_since": "yesterday"})
    assert decode(marked).totals.partial_since is None


def test_several_names_of_one_model_are_one_row_that_has_them() -> None:
    """Also two names that share a slug, and so the figures of the metrics and a daily series."""
    rows = [
        ModelUsage(
            raw_model_id=name,
            canonical_lineage_id="gpt-4.1",
            input_tokens=tokens,
            cost_usd=cost,
            requests=1,
        )
        for name, tokens, cost in (("gpt-4.1", 1, None), ("gpt-4-1", 10, 2.0), ("azure/gpt-4.1", 100, 1.0))
    ]
    found = decode(
        snapshot(
            {"model_gpt_4_1_input_tokens": Metric(used=11, unit="tokens", window="7d")},
            model_usage=[*rows, ModelUsage(raw_model_id="other", input_tokens=5, requests=1)],
            daily_series={
                "usage_model_gpt_4_1": [DayValue("2026-11-21", 2)],
                "usage_model_azure_gpt_4_1": [DayValue("2026-11-21", 1), DayValue("2026-11-22", 4)],
            },
        )
    )
    assert found.models == [
        ModelRow(
            name="gpt-4.1",
            raw_names=["gpt-4-1", "azure/gpt-4.1", "gpt-4.1"],
            input_tokens=111,
            cost_usd=3.0,
            requests=3,
            daily=[("2026-11-21", 3), ("2026-11-22", 4)],
        ),
        ModelRow(name="other", raw_names=["other"], input_tokens=5, requests=1),
    ]
