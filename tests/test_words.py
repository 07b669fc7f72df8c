"""What all front ends say alike."""

from __future__ import annotations

import pytest

from openusage import words
from openusage.wire.forecast import Forecast
from openusage.wire.local import Unassigned
from openusage.wire.pane import Used
from openusage.wire.sections import Gauge


@pytest.mark.parametrize(
    ("used_pct", "level", "sign"),
    [(79.9, words.Level.OK, ""), (80.0, words.Level.WARN, "▲"), (95.0, words.Level.CRIT, "!")],
)
def test_a_level_survives_without_colour(used_pct: float, level: words.Level, sign: str) -> None:
    found = words.level(used_pct, 80.0, 95.0)
    assert found is level
    assert words.LEVEL_SIGNS[found] == sign


def test_the_outlook_is_when_it_is_full_or_how_full_it_will_be() -> None:
    assert words.outlook(Forecast(130.0, 2880.0)) == "full in 48 m"
    assert words.outlook(Forecast(84.6, None)) == "85 % by then"


def gauge(**more: object) -> Gauge:
    fields: dict[str, object] = {"key": "k", "label": "credits", "used_pct": 30.0, "unit": "USD"}
    return Gauge(**(fields | more))  # type: ignore[arg-type]


def test_what_is_left_is_told_in_its_unit_and_never_of_a_percentage() -> None:
    assert words.left_over(gauge(remaining=7.02, limit=10.0), "USD") == "$7.02 of $10.00 left"
    assert (
        words.left_over(gauge(remaining=12.0, limit=300.0, unit="requests"), "requests")
        == "12 of 300 requests left"
    )
    assert words.left_over(gauge(remaining=70.0, limit=100.0, unit="%"), "%") == ""
    assert words.left_over(gauge(remaining=None, limit=100.0), "USD") == ""


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(7.02, "USD", "$7.02"), (83.0, "%", "83 %"), (12.0, "requests", "12 requests")],
)
def test_a_value_in_its_unit(value: float, unit: str, said: str) -> None:
    assert words.in_unit(value, unit) == said


@pytest.mark.parametrize(
    ("status", "said"),
    [("OK", ""), ("NEAR_LIMIT", "near limit"), ("AUTH_REQUIRED", "login needed"), ("ON_FIRE", "on fire")],
)
def test_a_status_in_words(status: str, said: str) -> None:
    assert words.status(status) == said


@pytest.mark.parametrize(
    ("account", "provider", "own"),
    [
        ("claude-code", "claude_code", ""),
        ("codex-cli", "codex", ""),
        ("work", "claude_code", "work"),
        ("claude-code-work", "claude_code", "claude-code-work"),
    ],
)
def test_an_accounts_own_name_is_said_where_it_says_more(account: str, provider: str, own: str) -> None:
    assert words.own_name(account, provider) == own


@pytest.mark.parametrize(
    ("now", "before", "of_cost", "pct"),
    [
        (Used(tokens=120, cost_usd=1.0), Used(tokens=100, cost_usd=2.0), True, -50.0),
        (Used(tokens=120, cost_usd=1.0), Used(tokens=100, cost_usd=2.0), False, 20.0),
        (Used(tokens=120), Used(tokens=0), False, None),
        (Used(tokens=120), None, False, None),
        (Used(tokens=120, cost_usd=None), Used(tokens=1, cost_usd=1.0), True, None),
    ],
)
def test_a_trend_is_of_what_is_shown(
    now: Used, before: Used | None, of_cost: bool, pct: float | None
) -> None:
    assert words.trend_pct(now, before, of_cost=of_cost) == pytest.approx(pct)


def test_clocks_that_are_off_are_told_and_many_of_them_counted() -> None:
    assert words.skews([("build-1", 360.0), ("home", 5.0), ("ci", None)]) == [
        "build-1's clock is 6 m ahead of the hub's."
    ]
    assert words.skews([("build-1", -90.0)]) == ["build-1's clock is 1 m behind the hub's."]
    many = words.skews((f"m{n}", 600.0) for n in range(9))
    assert len(many) == 3
    assert many[-1] == "The clocks of 7 more machines are off."


def test_sentences_about_figures() -> None:
    assert words.copies(1) == "1 event was on more than one machine and is counted once"
    assert words.copies(1274) == "1,274 events were on more than one machine and are counted once"
    assert words.flat_plans(["Codex"]) == "Codex is a flat plan: costs are what the API would have charged"
    assert words.flat_plans(["A", "B"]).startswith("A, B are flat plans:")
    assert words.unpriced(12) == "12 requests unpriced, not in any cost"
    assert words.estimated(3) == "3 requests with estimated token counts"


def test_what_is_unassigned_names_tools_and_vendors_once() -> None:
    found = [
        Unassigned(
            provider=provider,
            account="x",
            upstream=vendor,
            requests=600,
            tokens=1,
            cost_usd=None,
            last_at=None,
            hint="",
        )
        for provider, vendor in (
            ("pi", "openai"),
            ("opencode", "openai"),
            ("opencode", "anthropic"),
            ("pi", "openai"),
        )
    ]
    assert words.unassigned(found) == (
        "2.4k requests unassigned (OpenCode: anthropic, openai, Pi: openai), see telemetry.provider_links"
    )


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [
        (None, ""),
        (59.0, ""),
        (-59.0, ""),
        (299.6, "this machine's clock is 5 m ahead of the hub's"),
        (-3601.0, "this machine's clock is 1 h behind the hub's"),
    ],
)
def test_this_machines_clock_is_told_to_the_minute(ahead_s: float | None, said: str) -> None:
    assert words.own_clock(ahead_s) == said
