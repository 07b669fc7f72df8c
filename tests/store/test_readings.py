from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.store import Store
from openusage.wire.events import QuotaReading
from tests.store.samples import DAY_US, HOUR_US, NOW_US, open_store, reading

KEY = ("codex", "codex", "rate_limit_primary")


def history(store: Store) -> list[tuple[int, float | None]]:
    return [(r.at_us, r.used) for r in store.reading_history(*KEY, 0)]


def expected(readings: list[QuotaReading]) -> list[tuple[int, float | None]]:
    """The rule, plainly: the earliest of an aged hour or day, everything newer."""
    kept: dict[int, tuple[int, float | None]] = {}
    best: dict[int, float] = {}
    for r in readings:
        best[r.at_us] = max(best.get(r.at_us, -1.0), r.used or 0.0)
    for at_us, used in sorted(best.items()):
        place = at_us
        for span, after in ((HOUR_US, 48 * HOUR_US), (DAY_US, 7 * DAY_US)):
            if at_us // span * span + span <= (NOW_US - after) // span * span:
                place = at_us // span * span
        kept.setdefault(place, (at_us, used))
    return sorted(kept.values())


@given(
    minutes=st.lists(st.tuples(st.integers(0, 12 * 24 * 60), st.integers(0, 3)), max_size=60),
    shuffle=st.randoms(use_true_random=False),
    batch=st.sampled_from([1, 4, 99]),
)
@settings(max_examples=50, deadline=None)
def test_history_thins_with_age_in_any_order(
    minutes: list[tuple[int, int]], shuffle: random.Random, batch: int
) -> None:
    readings = [reading(NOW_US - ago * 60_000_000, float(used)) for ago, used in minutes]
    store = open_store()
    shuffle.shuffle(readings)
    for start in range(0, len(readings), batch):
        store.add(readings[start : start + batch])
    try:
        assert history(store) == expected(readings)
        revision = store.revision()
        store.add(readings)
        store.prune(NOW_US, 90)
        assert history(store) == expected(readings)
        assert store.revision() == revision
        newest = max(readings, key=lambda r: (r.at_us, r.used or 0), default=None)
        assert store.readings() == ([newest] if newest else [])
    finally:
        store.close()


def test_pruning_thins_what_has_aged_since_it_was_written() -> None:
    store = open_store()
    store.add([reading(NOW_US - n * 600_000_000, float(n)) for n in range(100)])
    assert len(history(store)) == 100
    store.prune(NOW_US + 4 * DAY_US, 90)
    hours = {(NOW_US - n * 600_000_000) // HOUR_US for n in range(100)}
    assert len(history(store)) == len(hours)
    store.prune(NOW_US + 20 * DAY_US, 90)
    assert len(history(store)) == 2
    store.prune(NOW_US + 91 * DAY_US, 90)
    assert history(store) == []
    assert store.readings()[0].used == 0.0
    store.close()


def test_history_stays_35_days_however_short_the_retention() -> None:
    store = open_store()
    store.add([reading(NOW_US - 30 * DAY_US), reading(NOW_US - 40 * DAY_US)])
    store.prune(NOW_US, 7)
    assert [at_us for at_us, _ in history(store)] == [NOW_US - 30 * DAY_US]
    store.close()


def test_figures_that_are_none_and_times_out_of_range_do_no_harm() -> None:
    store = open_store()
    result = store.add(
        [
            reading(used=float("nan")),
            reading(-5, key="before time"),
            reading(key="reset", resets_at_us=1 << 80),
        ]
    )
    assert result.readings == 2
    assert [(r.key, r.used, r.resets_at_us) for r in store.readings()] == [
        ("rate_limit_primary", None, None),
        ("reset", 15.0, None),
    ]
    store.close()
