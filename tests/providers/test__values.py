"""Values as tools write them."""

from __future__ import annotations

from typing import Any

import pytest

from openusage.providers import _values as values

MARCH = 1772445600_000_000
NO_TIMES: list[Any] = [None, "", "soon", 0, -5, True, [], float("nan"), "9" * 400]


@pytest.mark.parametrize(
    ("value", "at_us"),
    [
        (1772445600, MARCH),
        (1772445600.5, MARCH + 500_000),
        (1772445600_000, MARCH),
        (MARCH, MARCH),
        ("1772445600", MARCH),
        ("2026-03-02T10:00:00Z", MARCH),
        ("2026-03-02 10:00:00", MARCH),
        ("2026-03-02T11:00:00.123456789+01:00", MARCH + 123_456),
        *[(nothing, None) for nothing in NO_TIMES],
    ],
)
def test_times(value: Any, at_us: int | None) -> None:
    assert values.time_us(value) == at_us


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (5, 5),
        (5.0, 5),
        ("5", 5),
        (0, 0),
        (-1, None),
        (1 << 60, None),
        (True, None),
        (None, None),
        ("x", None),
    ],
)
def test_counts(value: Any, count: int | None) -> None:
    assert values.count(value) == count


def test_a_cost_of_zero_is_not_known() -> None:
    assert [values.nano_usd(v) for v in (0.0123, "0.5", 0, -1, None)] == [
        12_300_000,
        500_000_000,
        None,
        None,
        None,
    ]


def test_what_is_inside_another_count_is_taken_out_of_it() -> None:
    given: Any = {"input": 1000, "output": 300, "cache_read": 600, "cache_write": 100, "reasoning": 50}
    assert values.disjoint(**given).total == 2050
    assert values.disjoint(**given, cache_inside=True, reasoning_inside=True).total == 1300
    assert values.disjoint(input=None, output=5, cache_read=9, cache_inside=True).input is None
    assert values.disjoint(input=5, output=0, cache_read=9, cache_inside=True).input == 0


def test_projects_and_objects() -> None:
    assert [values.project_of(p) for p in ("/home/ann/shop/", "C:\\work\\web", "/", "", None)] == [
        "shop",
        "web",
        None,
        None,
        None,
    ]
    assert [values.json_object(d) for d in (b'{"a": 1}', "[1]", b"\xff", None)] == [{"a": 1}, {}, {}, {}]
    assert values.child({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert values.child({"a": None}, "a", "b") == {}
