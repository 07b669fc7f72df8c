"""Who is in the demo: machines and tools that the rest of the program knows."""

from __future__ import annotations

import pytest

from openusage.demo.cast import MACHINES, Limit
from openusage.providers import names

LIMIT = Limit(key="usage_five_hour", window="5h", minutes=300, left_minutes=60, used_pct=80.0)


def test_every_tool_is_one_that_is_really_read() -> None:
    assert {use.provider for machine in MACHINES for use in machine.uses} <= set(names())


def test_machines_have_names_and_ids_of_their_own() -> None:
    assert len({m.name for m in MACHINES}) == len({m.id for m in MACHINES}) == len(MACHINES)
    assert all(len(m.id) == 32 for m in MACHINES)


def test_there_is_one_of_every_state_a_shared_account_and_a_copied_home() -> None:
    assert {m.silent_minutes is None for m in MACHINES} == {True, False}
    owners = [(u.provider, u.plan.owner) for m in MACHINES for u in m.uses]
    assert len(set(owners)) < len(owners)
    assert any(m.copies_of in {other.name for other in MACHINES} for m in MACHINES)


@pytest.mark.parametrize(
    ("minutes_since", "used_pct", "left_minutes"),
    [(0, 80.0, 60), (30, 90.0, 30), (60, 0.0, 300), (75, 1.5, 285), (-300, 12.0, 60), (360, 0.0, 300)],
)
def test_a_limit_fills_up_at_its_rate_and_starts_anew(
    minutes_since: float, used_pct: float, left_minutes: float
) -> None:
    found = LIMIT.at(minutes_since)
    assert list(found) == pytest.approx([used_pct, left_minutes])


def test_a_limit_is_never_more_than_full() -> None:
    fast = Limit(key="k", window="5h", minutes=300, left_minutes=200, used_pct=95.0)
    assert max(fast.at(minute)[0] for minute in range(600)) == 100.0
