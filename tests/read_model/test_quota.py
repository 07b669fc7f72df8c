"""The vendor's own figures: limits, status, 5-hour block, spend by balance."""

from __future__ import annotations

import datetime as dt

import pytest

from openusage.wire.events import Behaviour, QuotaReading, TokenCounts
from tests.read_model.records import at, fact, message, reading, snapshot_of, used


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (reading("usage_five_hour", 33.0), (100, 67, 33)),
        (reading("usage_five_hour", 112.0), (100, 0, 112)),
        (reading("credits", remaining=7.5, limit=20.0, unit="USD"), (20, 7.5, 12.5)),
        (reading("balance", remaining=7.5, unit="USD", behaviour=Behaviour.BALANCE), (None, 7.5, None)),
        (reading("usage_five_hour", 33.0, resets_at_us=at("2026-11-22T07:30")), (100, 100, 0)),
        (reading("usage_five_hour", 33.0, resets_at_us=at("2026-11-22T07:31")), (100, 67, 33)),
        (
            reading(
                "b",
                remaining=5.0,
                unit="USD",
                behaviour=Behaviour.BALANCE,
                resets_at_us=at("2026-11-01T00:00"),
            ),
            (None, 5, None),
        ),
    ],
)
def test_readings_as_metrics(given_: QuotaReading, expected: tuple[float | None, ...]) -> None:
    """(limit, remaining, used); a period that is over says only that the next began at 0."""
    metric = snapshot_of(readings=(given_,)).metrics[given_.key]
    assert (metric.limit, metric.remaining, metric.used) == expected
    assert (metric.unit, metric.window) == (given_.unit, given_.window)


def test_resets_are_those_to_come() -> None:
    snapshot = snapshot_of(
        readings=(
            reading("usage_five_hour", 33.0, resets_at_us=at("2026-11-22T09:00")),
            reading("usage_seven_day", 99.0, resets_at_us=at("2026-11-22T07:00")),
        )
    )
    assert snapshot.resets == {"usage_five_hour": dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)}
    assert snapshot.attributes["quota_read_at"] == "2026-11-22T07:00:00Z"


@pytest.mark.parametrize(
    ("readings", "status"),
    [
        ((reading("usage_five_hour", 89.9),), "OK"),
        ((reading("usage_five_hour", 90.0),), "NEAR_LIMIT"),
        ((reading("usage_five_hour", 5.0), reading("usage_seven_day", 100.0)), "LIMITED"),
        ((reading("usage_seven_day", 100.0, resets_at_us=at("2026-11-22T07:00")),), "OK"),
        ((reading("rate_limit_primary", 95.0),), "NEAR_LIMIT"),
        ((reading("plan_spend", 19.0, limit=20.0, unit="USD"),), "NEAR_LIMIT"),
        ((reading("composer_context_pct", 97.0, behaviour=Behaviour.GAUGE),), "OK"),
        ((reading("context_window", 99.0, limit=100.0, unit="tokens"),), "OK"),
    ],
)
def test_status_tells_how_near_the_worst_limit_is(readings: tuple[QuotaReading, ...], status: str) -> None:
    assert snapshot_of(readings=readings).status == status


def test_of_two_machines_figures_the_newest_counts() -> None:
    """An account-wide figure is never added up."""
    older = reading("usage_five_hour", 90.0, at_us=at("2026-11-22T06:00"))
    assert used(snapshot_of(readings=(reading("usage_five_hour", 20.0), older)), "usage_five_hour") == [20]


def test_codex_limits_are_also_found_under_their_second_names() -> None:
    snapshot = snapshot_of(
        readings=(
            reading("rate_limit_primary", 17.0, provider="codex", account="codex-cli"),
            reading("rate_limit_secondary", 31.0, window="7d", provider="codex", account="codex-cli"),
        ),
        facts=(fact("rate_limit_source", "live", "codex", "codex-cli"),),
        provider="codex",
        account="codex-cli",
    )
    assert used(snapshot, "plan_auto_percent_used", "plan_api_percent_used", "plan_percent_used") == [
        17,
        31,
        31,
    ]
    assert snapshot.message == "Codex live usage data"


@pytest.mark.parametrize(
    ("provider", "account", "message_"),
    [
        (
            "claude_code",
            "claude-code",
            "Claude Code CLI · costs are API-equivalent estimates, not subscription charges",
        ),
        ("codex", "codex-cli", "Codex CLI session data"),
        ("amp", "amp", "Amp usage data"),
    ],
)
def test_messages(provider: str, account: str, message_: str) -> None:
    event = message("2026-11-22T07:00", provider=provider, account=account)
    assert snapshot_of(event, provider=provider, account=account).message == message_


def test_the_running_block_of_claude_code() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T05:40", TokenCounts(100, 200, 300, 400, 1000)),
        message("2026-11-22T06:00", TokenCounts(1)),
        message("2026-11-21T20:00", TokenCounts(7)),
    )
    assert used(
        snapshot,
        *("5h_block_cost", "5h_block_input", "5h_block_output", "5h_block_msgs"),
        *("5h_block_cache_read_tokens", "5h_block_cache_create_tokens", "burn_rate"),
    ) == [pytest.approx(2001e-6), 101, 200, 2, 300, 1400, pytest.approx(2001e-6 / 2.5)]
    assert snapshot.resets["billing_block"] == dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)
    assert {k: v for k, v in snapshot.attributes.items() if k.startswith("block_")} == {
        "block_start": "2026-11-22T05:00:00Z",
        "block_end": "2026-11-22T10:00:00Z",
        "block_progress_pct": "50",
    }


def test_the_vendors_reset_moves_the_block() -> None:
    five_hour = reading("usage_five_hour", 33.0, resets_at_us=at("2026-11-22T09:20"))
    snapshot = snapshot_of(message("2026-11-22T04:30", TokenCounts(5)), readings=(five_hour,))
    assert snapshot.attributes["block_start"] == "2026-11-22T04:20:00Z"
    assert used(snapshot, "5h_block_input") == [5]


def test_a_chain_without_pause_is_followed_to_its_beginning() -> None:
    """A message every 4 hours for two days: where the running block begins depends on the first of them."""
    start = dt.datetime(2026, 11, 20, 7, 10)  # noqa: DTZ001
    times = [start + dt.timedelta(hours=4 * n) for n in range(13)]
    snapshot = snapshot_of(*(message(t.isoformat()) for t in times))
    # 07:00 holds 07:10 and 11:10, 15:00 the next two, and so on to 07:00 again.
    assert snapshot.attributes["block_start"] == "2026-11-22T07:00:00Z"


def test_other_tools_have_no_block() -> None:
    snapshot = snapshot_of(
        message("2026-11-22T07:00", provider="codex", account="codex-cli"),
        provider="codex",
        account="codex-cli",
    )
    assert not [k for k in snapshot.metrics if k.startswith("5h_block")]
    assert snapshot.resets == {}


def _balance(time: str, remaining: float) -> QuotaReading:
    return reading(
        "credit_balance",
        remaining=remaining,
        unit="USD",
        window="current",
        behaviour=Behaviour.BALANCE,
        at_us=at(time),
    )


BALANCES = (
    _balance("2026-11-10T00:00", 20.0),
    _balance("2026-11-16T00:00", 18.5),
    _balance("2026-11-17T00:00", 25.0),
    _balance("2026-11-18T00:00", 24.25),
)


def test_spend_by_the_vendors_balance() -> None:
    snapshot = snapshot_of(readings=BALANCES)
    assert used(snapshot, "window_credit_spend") == [2.25]
    assert snapshot.metrics["window_credit_spend"].window == "7d"
    assert snapshot.attributes["window_credit_spend_since"] == "2026-11-10T00:00:00Z"
    assert "window_credit_spend_partial" not in snapshot.attributes


def test_spend_since_the_first_balance_is_partial() -> None:
    assert snapshot_of(readings=BALANCES[1:]).attributes["window_credit_spend_partial"] == "true"


@pytest.mark.parametrize("shown", ["1d", "all"])
def test_no_spend_without_a_reading_in_the_window_nor_without_a_window(shown: str) -> None:
    assert "window_credit_spend" not in snapshot_of(readings=BALANCES, shown=shown).metrics


def test_counted_messages_beat_a_balance() -> None:
    assert "window_credit_spend" not in snapshot_of(message("2026-11-20T00:00"), readings=BALANCES).metrics
