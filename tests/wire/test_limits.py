"""Gauges: the rule of used share, labels, windows, resets."""

from __future__ import annotations

import datetime as dt
import doctest

import pytest

from openusage.wire import limits
from openusage.wire.limits import credits, gauges, label, used_pct, window_length_s
from openusage.wire.snapshot import ZERO_TIME, Metric, UsageSnapshot

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)


def m(
    used: float | None = None,
    limit: float | None = None,
    remaining: float | None = None,
    unit: str = "%",
    window: str = "5h",
) -> Metric:
    return Metric(used=used, limit=limit, remaining=remaining, unit=unit, window=window)


def snapshot(metrics: dict[str, Metric], resets: dict[str, dt.datetime] | None = None) -> UsageSnapshot:
    return UsageSnapshot(
        provider_id="codex",
        account_id="codex-cli",
        timestamp=NOW,
        status="OK",
        metrics=metrics,
        resets=resets or {},
    )


@pytest.mark.parametrize(
    ("key", "metric", "expected"),
    [
        ("usage_five_hour", m(33.0), 33.0),
        ("usage_five_hour", m(remaining=67.0), 33.0),
        ("usage_five_hour", m(), None),
        ("rpm", m(limit=60.0, remaining=45.0, unit="requests"), 25.0),
        ("rpm", m(limit=60.0, remaining=45.0, used=99.0, unit="requests"), 25.0),
        ("plan_spend", m(30.0, limit=20.0, unit="USD"), 150.0),
        ("plan_spend", m(30.0, limit=0.0, unit="USD"), None),
        ("plan_spend", m(limit=20.0, unit="USD"), None),
        ("plan_spend", m(1e18, limit=1e-300, unit="USD"), None),
        ("balance", m(remaining=20.0, unit="USD"), None),
        ("context_window", m(182230.0, limit=272000.0, unit="tokens"), None),
    ],
)
def test_used_share(key: str, metric: Metric, expected: float | None) -> None:
    assert used_pct(key, metric) == expected


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("5h", 18000),
        ("7d", 604800),
        ("7d-opus", 604800),
        ("rolling-5h", 18000),
        ("rolling 7 days", None),
        ("1m", 60),
        ("1mo", None),
        ("30d", 2592000),
        ("2w", 1209600),
        ("today", 86400),
        ("billing-cycle", None),
        ("session", None),
        ("", None),
    ],
)
def test_length_of_a_window_by_its_name(window: str, expected: int | None) -> None:
    assert window_length_s(window) == expected


@pytest.mark.parametrize(
    ("key", "window", "expected"),
    [
        ("usage_five_hour", "5h", "5 h"),
        ("usage_seven_day", "7d", "7 d"),
        ("usage_seven_day_oauth_apps", "7d-oauth-apps", "7 d oauth apps"),
        ("rate_limit_primary", "5h", "5 h"),
        ("rate_limit_primary", "", "primary"),
        ("rate_limit_code_review_secondary", "7d", "7 d code review"),
        ("rpm", "1m", "rpm"),
        ("codex_credit_percent_used", "", "codex credit"),
        ("premium_interactions_quota", "month", "premium interactions quota"),
    ],
)
def test_labels(key: str, window: str, expected: str) -> None:
    assert label(key, m(1.0, window=window)) == expected


def test_the_worst_comes_first_and_figures_that_are_no_limits_are_left_out() -> None:
    metrics = {
        "usage_five_hour": m(20.0),
        "rpm": m(limit=60.0, remaining=6.0, unit="requests", window="1m"),
        "cache_hit_ratio": m(95.0, limit=100.0, remaining=5.0),
        "tool_success_rate": m(100.0),
        "composer_context_pct": m(67.0),
        "context_window": m(1.0, limit=2.0, unit="tokens"),
        "some_share": m(50.0),
        "credit_balance": m(remaining=3.0, unit="USD"),
        "model_x_requests": m(3.0, limit=5.0, unit="requests"),
    }
    assert [(g.key, g.used_pct) for g in gauges(snapshot(metrics), NOW)] == [
        ("rpm", 90.0),
        ("usage_five_hour", 20.0),
    ]


def test_second_names_of_a_limit_are_drawn_only_without_the_first() -> None:
    plan = {"plan_auto_percent_used": m(17.0), "plan_percent_used": m(31.0)}
    assert {g.key for g in gauges(snapshot(plan), NOW)} == set(plan)
    assert {g.key for g in gauges(snapshot(plan | {"rate_limit_primary": m(17.0)}), NOW)} == {
        "rate_limit_primary"
    }


@pytest.mark.parametrize("name", ["rpm", "rpm_reset"])
def test_a_reset_to_come_is_shown_under_either_name(name: str) -> None:
    later = NOW + dt.timedelta(seconds=1)
    (gauge,) = gauges(snapshot({"rpm": m(limit=60.0, remaining=6.0, unit="requests")}, {name: later}), NOW)
    assert (gauge.used_pct, gauge.resets_at) == (90.0, later)


def test_a_limit_whose_reset_has_passed_is_unused() -> None:
    full = snapshot({"usage_five_hour": m(100.0, limit=100.0, remaining=0.0)}, {"usage_five_hour": NOW})
    (gauge,) = gauges(full, NOW)
    assert (gauge.used_pct, gauge.used, gauge.remaining, gauge.resets_at) == (0.0, 0.0, 100.0, None)


def test_the_zero_time_is_no_reset() -> None:
    (gauge,) = gauges(snapshot({"usage_five_hour": m(50.0)}, {"usage_five_hour": ZERO_TIME}), NOW)
    assert (gauge.used_pct, gauge.resets_at) == (50.0, None)


def test_credits_are_money_the_vendor_keeps() -> None:
    metrics = {
        "credit_balance": m(remaining=3.0, unit="EUR"),
        "codex_credit_limit": m(5.0, limit=10.0, unit="credits"),
        "total_balance": Metric(unit="USD", window=""),
    }
    assert [(c.label, c.remaining, c.used, c.unit) for c in credits(snapshot(metrics))] == [
        ("credit balance", 3.0, None, "EUR"),
        ("credit limit", None, 5.0, "credits"),
    ]


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(limits).failed == 0
