"""Figures, states and names in words."""

from __future__ import annotations

import datetime as dt

import pytest

from openusage.hub.web import words
from openusage.hub.web.words import Thresholds, Trend
from openusage.wire.pane import Used
from openusage.wire.rollups import By
from tests.hub.web.samples import NOON, credit, gauge, row


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (112.0, 100.0, Trend("▲", "12 %", "12 % more than yesterday")),
        (94.0, 100.0, Trend("▼", "6 %", "6 % less than yesterday")),
        (100.2, 100.0, Trend("±", "0 %", "as much as yesterday")),
        (5.0, 0.0, None),
        (5.0, None, None),
        (None, 5.0, None),
    ],
)
def test_a_trend_needs_something_before(now: float | None, before: float | None, said: Trend | None) -> None:
    then = Used(cost_usd=before)
    assert words.trend(Used(cost_usd=now), then, of_cost=True, than="yesterday") == said
    assert words.trend(Used(cost_usd=now), None, of_cost=True, than="yesterday") is None


def test_names_of_others_are_safe_and_short() -> None:
    assert words.name("work\u202elaptop\x1b[2J") == "work\\u202elaptop\\x1b[2J"
    assert words.name(None) == words.name("") == "unknown"
    assert len(words.name("x" * 5000)) == 200


def test_models_lose_their_date_unless_two_would_look_alike() -> None:
    rows = [row("opus-20250101"), row("opus-20250901"), row("haiku-20250101"), row(None, others=7)]
    assert words.row_names(rows, By.MODEL) == ["opus-20250101", "opus-20250901", "haiku", "7 more"]
    assert words.row_names([row("claude_code")], By.PROVIDER) == ["Claude Code"]


@pytest.mark.parametrize(
    ("used", "state", "sign"),
    [(79.9, "ok", ""), (80.0, "warn", "▲"), (94.9, "warn", "▲"), (95.0, "crit", "!")],
)
def test_a_state_has_a_sign_beside_its_colour(used: float, state: str, sign: str) -> None:
    level = words.level(gauge(used), NOON, Thresholds())
    assert (level.state, level.sign) == (state, sign)


def test_a_limit_says_where_it_will_be_at_its_reset() -> None:
    """Half of its window is over, three quarters are used: full in a sixth of the window."""
    soon = NOON + dt.timedelta(hours=2, minutes=30)
    level = words.level(gauge(75.0, window_s=18_000, resets_at=soon), NOON, Thresholds())
    assert (level.note, level.urgent, level.ahead_pct) == ("full in 50 m", True, 100.0)
    calm = words.level(gauge(20.0, window_s=18_000, resets_at=soon), NOON, Thresholds())
    assert (calm.note, calm.urgent, calm.ahead_pct) == ("40 % by then", False, 40.0)


def test_a_limit_without_a_reset_says_what_is_left() -> None:
    said = gauge(70.0, used=3.0, limit=10.0, remaining=7.02, unit="USD")
    assert words.level(said, NOON, Thresholds()).note == "$7.02 of $10.00 left"
    assert words.level(gauge(70.0), NOON, Thresholds()).note == ""


def test_an_overdrawn_limit_stays_inside_of_its_bar() -> None:
    level = words.level(gauge(130.0), NOON, Thresholds())
    assert (level.used_pct, level.text) == (100.0, "130 %")


def test_credits_say_what_is_left_and_what_was_used() -> None:
    assert (
        words.credit(credit(remaining=7.02, used=1.96, limit=10.0))
        == "balance $7.02 left, $1.96 used of $10.00"
    )
    assert words.credit(credit(remaining=None, used=12.0, unit="requests")) == "balance 12 requests used"


def test_days_and_hours_have_their_names() -> None:
    assert (words.tick("2026-11-22"), words.tick_long("2026-11-22")) == ("22 Nov", "Sun 22 Nov")
    assert (words.tick("2026-11-22T07"), words.tick_long("2026-11-22T07")) == ("07:00", "07:00–07:59")
