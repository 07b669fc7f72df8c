"""Spend out of the vendor's balances and counters."""

from __future__ import annotations

import pytest

from openusage.read_model.spend import Spend, spend
from openusage.wire.events import Behaviour, QuotaReading


def balance(at_us: int, remaining: float) -> QuotaReading:
    return _reading(at_us, Behaviour.BALANCE, remaining=remaining)


def counter(at_us: int, used: float) -> QuotaReading:
    return _reading(at_us, Behaviour.COUNTER, used=used)


def _reading(
    at_us: int,
    behaviour: Behaviour,
    used: float | None = None,
    remaining: float | None = None,
    limit: float | None = None,
) -> QuotaReading:
    return QuotaReading(
        provider="openrouter",
        account="main",
        key="credit_balance",
        at_us=at_us,
        unit="USD",
        window="current",
        used=used,
        remaining=remaining,
        limit=limit,
        behaviour=behaviour,
    )


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        # A top-up between two falls adds nothing: 1.50 + 0.75.
        (
            [balance(5, 20.00), balance(20, 18.50), balance(30, 25.00), balance(40, 24.25)],
            Spend(2.25, False, 5),
        ),
        ([balance(20, 18.50), balance(30, 17.00)], Spend(1.50, True, 20)),
        ([balance(5, 20.00)], None),
        ([counter(5, 10.0), counter(20, 11.0), counter(40, 14.5)], Spend(4.5, False, 5)),
        ([counter(20, 11.0), counter(40, 14.5)], Spend(3.5, True, 20)),
        ([counter(5, 10.0), counter(20, 2.0)], Spend(2.0, True, 5)),
        ([counter(5, 10.0), counter(200, 12.0)], None),
        ([_reading(20, Behaviour.CAP, used=3.0, limit=5.0)], None),
        ([_reading(20, Behaviour.BALANCE, used=3.0)], None),
        ([_reading(20, Behaviour.COUNTER, remaining=3.0)], None),
        ([], None),
    ],
)
def test_spend_in_a_window(history: list[QuotaReading], expected: Spend | None) -> None:
    """Window from 10 to 100."""
    assert spend(history, 10, 100) == expected
