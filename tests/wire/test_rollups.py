"""Adding summed rows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.wire.rollups import Rollup, add

_SUMS = [f for f in Rollup.__struct_fields__ if f not in ("key", "first_us", "last_us")]
_rows = st.lists(
    st.builds(
        Rollup,
        **{f: st.integers(0, 10**15) for f in (*_SUMS, "first_us", "last_us")},
        key=st.just({"day": "x"}),
    ),
    max_size=5,
)


@given(_rows)
@settings(deadline=None)
def test_every_figure_of_the_sum_is_the_sum_of_the_figures(rows: list[Rollup]) -> None:
    total = add(rows)
    for field in _SUMS:
        assert getattr(total, field) == sum(getattr(r, field) for r in rows)
    assert total.key == {}


@given(_rows, _rows)
@settings(deadline=None)
def test_adding_in_two_steps_is_adding_at_once(a: list[Rollup], b: list[Rollup]) -> None:
    assert add([add(a), add(b)]) == add([*a, *b])


def test_a_row_that_was_not_used_does_not_move_the_first_and_last_time() -> None:
    used = Rollup(events=1, first_us=50, last_us=60)
    assert (add([used, Rollup()]).first_us, add([used, Rollup()]).last_us) == (50, 60)
    assert add([]) == Rollup()


def test_total_tokens_are_all_buckets() -> None:
    row = Rollup(
        input=1, output=10, cache_read=100, cache_write_5m=1000, cache_write_1h=10000, reasoning=100000
    )
    assert (row.total_tokens, row.cache_write) == (111111, 11000)
