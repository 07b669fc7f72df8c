"""Totals become the same events, whatever was read in between."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from openusage.providers._totals import KEPT, KEPT_FALLEN, LARGEST_STEP, Totals
from openusage.wire.events import EventKind, TokenCounts, UsageEvent, merge

SESSION = ("s1",)
Known = dict[bytes, UsageEvent]


def total(at_us: int, input: int | None, output: int | None = None, cost: int | None = None) -> UsageEvent:
    return UsageEvent(
        provider="tool",
        account="tool",
        at_us=at_us,
        kind=EventKind.MESSAGE,
        event_key=b"",
        tokens=TokenCounts(input, output),
        cost_reported_nano=cost,
    )


def stored(known: Known, totals: Totals, *seen: UsageEvent, session: tuple[str, ...] = SESSION) -> Known:
    for about in seen:
        for event in totals.events(about, session):
            old = known.get(event.event_key)
            known[event.event_key] = event if old is None else merge(old, event)
    return known


def sums(known: Known) -> tuple[int, int, int]:
    events = known.values()
    return (
        sum(e.tokens.input or 0 for e in events),
        sum(e.tokens.output or 0 for e in events),
        sum(e.cost_reported_nano or 0 for e in events),
    )


growing = st.lists(
    st.tuples(
        st.integers(0, 3_000_000),
        st.integers(0, 40_000),
        st.integers(0, 2_000_000_000),
    ),
    min_size=1,
    max_size=12,
)


def path_of(growth: Sequence[tuple[int, int, int]]) -> list[UsageEvent]:
    found, at = [], [0, 0, 0]
    for n, step in enumerate(growth, 1):
        at = [a + b for a, b in zip(at, step, strict=True)]
        found.append(total(n, at[0], at[1], at[2]))
    return found


@given(growing)
def test_the_events_add_up_to_the_total(growth: Sequence[tuple[int, int, int]]) -> None:
    path = path_of(growth)
    last = path[-1]
    assert sums(stored({}, Totals(), *path)) == (
        last.tokens.input,
        last.tokens.output,
        last.cost_reported_nano,
    )


@given(growing, st.randoms(use_true_random=False))
def test_reading_again_or_elsewhere_or_only_at_the_end_changes_nothing(
    growth: Sequence[tuple[int, int, int]], rng: random.Random
) -> None:
    path = path_of(growth)
    seen = [p for p in path if rng.random() < 0.5 or p is path[-1]]
    here = stored({}, Totals(), *seen)
    before = dict(here)
    stored(here, Totals(), path[-1])
    assert here == before
    stored(here, Totals(), *(p for p in path if rng.random() < 0.5))
    assert sums(here) == sums(before)


def test_growth_is_dated_when_it_is_seen() -> None:
    known: Known = {}
    totals = Totals()
    stored(known, totals, total(1, 1_000_000))
    stored(known, totals, total(2, 3_000_000))
    first = sum(e.tokens.input or 0 for e in known.values() if e.at_us == 1)
    assert 1_000_000 - LARGEST_STEP <= first <= 1_000_000
    assert sums(known)[0] == 3_000_000


def test_a_total_that_falls_is_a_new_baseline() -> None:
    known: Known = {}
    totals = Totals()
    stored(known, totals, total(1, 5000, 300), total(2, 800, 300), total(3, 1000, 350), total(4, 10, 400))
    assert sums(known)[:2] == (5000 + 200, 400)


def test_a_total_that_cannot_fall_was_not_whole() -> None:
    totals = Totals()
    assert list(totals.events(total(1, 5000), SESSION, may_fall=False))
    assert list(totals.events(total(2, 800), SESSION, may_fall=False)) == []
    assert list(totals.events(total(3, 5000), SESSION, may_fall=False)) == []


def test_a_session_that_fell_is_remembered_however_many_others_come() -> None:
    known: Known = {}
    totals = Totals()
    stored(known, totals, total(1, 5000), total(2, 800))
    for n in range(1000):
        stored(known, totals, total(3, 10), session=(f"other {n}",))
    assert len(totals.sessions) <= KEPT + KEPT_FALLEN
    stored(known, totals, total(4, 900))
    assert sums(known)[0] == 5100 + 1000 * 10


def test_what_did_not_change_gives_no_event() -> None:
    totals = Totals()
    assert list(totals.events(total(1, 5000, 10), SESSION))
    assert list(totals.events(total(2, 5000, 10), SESSION)) == []


def test_what_was_seen_survives_a_cursor() -> None:
    totals = Totals()
    list(totals.events(total(1, 5000, None, 7), SESSION))
    again = msgspec.json.decode(msgspec.json.encode(totals), type=Totals)
    assert list(again.events(total(2, 5000, None, 7), SESSION)) == []


def test_no_step_is_priced_as_a_long_prompt() -> None:
    about = msgspec.structs.replace(total(1, None), tokens=TokenCounts(9**8, 0, 9**8, 9**8))
    assert max(e.tokens.prompt for e in Totals().events(about, SESSION)) <= 200_000


def test_not_reported_stays_not_reported() -> None:
    known = stored({}, Totals(), total(1, 5000))
    assert {(e.tokens.output, e.cost_reported_nano) for e in known.values()} == {(None, None)}
