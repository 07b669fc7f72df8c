"""How long a back-fill will take still."""

from __future__ import annotations

from openusage.exporter.pace import Pace


def test_what_is_left_is_told_by_the_last_batches() -> None:
    pace = Pace()
    assert pace.left_s(100) is None
    for number in range(20):
        pace.took(50 if number < 10 else 500, number * 2.0)
    assert pace.left_s(2500) == 10.0


def test_a_pause_in_between_does_not_count() -> None:
    pace = Pace()
    pace.took(50, 0.0)
    pace.took(50, 1.0)
    pace.stopped()
    pace.took(50, 3600.0)
    assert pace.left_s(100) is None
    pace.took(50, 3601.0)
    assert pace.left_s(100) == 2.0


def test_batches_of_nothing_tell_nothing() -> None:
    pace = Pace()
    pace.took(0, 0.0)
    pace.took(0, 1.0)
    assert pace.left_s(100) is None
