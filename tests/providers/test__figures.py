"""Readings that many tools give alike."""

from __future__ import annotations

import pytest

from openusage.providers._figures import context, window_used
from openusage.wire.events import Behaviour, QuotaReading, Scope


@pytest.mark.parametrize(
    ("percent", "resets_at_us", "told"),
    [
        (25.0, None, (25.0, 75.0, None)),
        (25.0, 11, (25.0, 75.0, 11)),
        (25.0, 10, (0.0, 100.0, None)),
        (130.0, 11, (130.0, 0.0, 11)),
    ],
)
def test_a_window_is_used_until_its_reset(
    percent: float, resets_at_us: int | None, told: tuple[float, float, int | None]
) -> None:
    made = window_used("p", "a", "usage_weekly", "7d", percent, at_us=10, resets_at_us=resets_at_us)
    assert (made.used, made.remaining, made.resets_at_us) == told
    assert (made.unit, made.limit, made.behaviour, made.scope) == ("%", 100.0, Behaviour.CAP, Scope.ACCOUNT)


def test_a_context_is_this_machines_alone() -> None:
    assert context("p", "a", at_us=10, used=30, limit=20) == QuotaReading(
        provider="p",
        account="a",
        key="context_window",
        at_us=10,
        unit="tokens",
        window="session",
        used=30.0,
        limit=20.0,
        remaining=0.0,
        scope=Scope.MACHINE,
    )
