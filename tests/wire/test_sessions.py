"""Costs of parts, which add up to the cost of the whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.wire.sessions import Part, price_parts

_counts = st.integers(0, 10**9)
_picos = st.one_of(st.integers(0, 10**9), st.just(1), st.just(499))


@given(st.lists(st.tuples(st.sampled_from(Part), _counts, _picos), max_size=7))
@settings(deadline=None)
def test_parts_add_up_to_the_sum_rounded_once(products: list[tuple[Part, int, int]]) -> None:
    parts = price_parts(products)
    exact_pico = sum(count * pico for _, count, pico in products)
    assert sum(part.cost_nano for part in parts) == (exact_pico + 500) // 1000
    assert [(p.part, p.count) for p in parts] == [(part, count) for part, count, _ in products if count]
    for part in parts:
        assert abs(part.cost_nano * 1_000_000 - part.count * part.rate_nano) < 1_000_000


def test_what_was_lost_by_rounding_goes_where_most_was_lost() -> None:
    parts = price_parts([(Part.INPUT, 1, 1400), (Part.OUTPUT, 1, 2900), (Part.REASONING, 3, 1000)])
    assert [(p.rate_nano, p.cost_nano) for p in parts] == [(1_400_000, 1), (2_900_000, 3), (1_000_000, 3)]
