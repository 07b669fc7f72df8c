"""Problems are said once, and shown while they are true and a while longer."""

from __future__ import annotations

import pytest

from openusage.daemon.problems import KEPT, REMEMBERED, SHOWN_S, Problems
from openusage.wire.problems import Problem

LOCKED, CUT = Problem(what="a is locked"), Problem(what="cut", path="/b", offset=7)


def test_a_problem_is_said_once_and_shown_as_long_as_it_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    problems = Problems()
    for now_s in (0.0, 500.0, 1000.0):
        problems.see([LOCKED], now_s)
    problems.see([CUT], 1001.0)
    assert [record.getMessage() for record in caplog.records] == ["a is locked", "/b, byte 7: cut"]
    assert problems.shown(1002.0) == [LOCKED, CUT]
    assert problems.shown(1000.5 + SHOWN_S) == [CUT]
    assert problems.shown(1001.0 + SHOWN_S) == []


def test_very_many_problems_stay_bounded() -> None:
    problems = Problems()
    many = [Problem(what=str(n)) for n in range(3 * REMEMBERED)]
    problems.see(many, 0.0)
    assert problems.shown(1.0) == many[-KEPT:]
    assert len(problems._seen_s) == REMEMBERED
