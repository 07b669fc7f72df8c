"""What a vendor's balance or counter says was spent in a window, from the history of its readings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from openusage.wire.events import Behaviour, QuotaReading

PREFERENCE = (
    "credit_balance",
    "available_balance",
    "credits",
    "monthly_spend",
    "daily_spend",
    "total_cost",
    "total_spend",
    "total_balance",
)
"""Of several figures of one account the first that exists is used."""


class Spend(msgspec.Struct, frozen=True):
    """Spent in a window, in the reading's own unit."""

    amount: float
    partial: bool
    """True: the readings begin inside the window, or the counter restarted."""
    since_us: int
    """Time of the reading that the count starts from."""


def spend(history: Sequence[QuotaReading], since_us: int, until_us: int) -> Spend | None:
    """Spent in `[since_us, until_us]`.

    `history` is in time order, from the last reading at or before the start on. A balance: the sum of its
    falls, a rise is a top-up. A counter: last minus first; one that fell was restarted, then its last value
    is all that is known. None: no reading in the window, or of neither kind.
    """
    inside = [r for r in history if since_us < r.at_us <= until_us]
    before = [r for r in history if r.at_us <= since_us]
    if not inside:
        return None
    anchor = before[-1] if before else inside[0]
    readings = [anchor, *inside] if before else inside
    if inside[-1].behaviour is Behaviour.BALANCE:
        left = [r.remaining for r in readings if r.remaining is not None]
        if not left:
            return None
        falls = sum(max(0.0, a - b) for a, b in itertools.pairwise(left))
        return Spend(falls, not before, anchor.at_us)
    if inside[-1].behaviour is Behaviour.COUNTER:
        used = [r.used for r in readings if r.used is not None]
        if not used:
            return None
        if used[-1] < used[0]:
            return Spend(used[-1], True, anchor.at_us)
        return Spend(used[-1] - used[0], not before, anchor.at_us)
    return None
