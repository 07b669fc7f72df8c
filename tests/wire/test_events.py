"""Merging records of one event: copies, repeats and order change nothing."""

from __future__ import annotations

import doctest
import functools
import itertools

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.wire import events
from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent, event_key, merge

_count = st.none() | st.integers(0, 3)
_word = st.none() | st.sampled_from(["", "a", "b"])

records = st.builds(
    UsageEvent,
    provider=st.just("claude_code"),
    account=st.sampled_from("xy"),
    at_us=st.integers(0, 3),
    kind=st.just(EventKind.MESSAGE),
    event_key=st.just(b"k" * 16),
    tokens=st.builds(TokenCounts, _count, _count, _count, _count, _count, _count),
    model=_word,
    upstream=_word,
    client=_word,
    project=_word,
    session=_word,
    agent=_word,
    tool=_word,
    outcome=st.none() | st.sampled_from(list(Outcome)),
    language=_word,
    lines_added=_count,
    lines_removed=_count,
    file_key=st.none() | st.integers(0, 2),
    web_searches=_count,
    web_fetches=_count,
    cost_reported_nano=_count,
    estimated=st.booleans(),
)


@given(records)
def test_seeing_a_record_again_changes_nothing(record: UsageEvent) -> None:
    assert merge(record, record) == record


@given(records, records)
def test_which_record_came_first_does_not_matter(a: UsageEvent, b: UsageEvent) -> None:
    assert merge(a, b) == merge(b, a)


@given(records, records)
def test_a_merged_event_takes_nothing_more_from_its_records(a: UsageEvent, b: UsageEvent) -> None:
    merged = merge(a, b)
    assert merge(merged, a) == merged
    assert merge(b, merged) == merged


@given(records, records, records)
@settings(max_examples=200)
def test_how_three_records_are_grouped_does_not_matter(a: UsageEvent, b: UsageEvent, c: UsageEvent) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(st.lists(records, min_size=1, max_size=4))
@settings(max_examples=50)
def test_every_order_gives_one_event_with_the_largest_counts(copies: list[UsageEvent]) -> None:
    merged = {msgspec.json.encode(functools.reduce(merge, order)) for order in itertools.permutations(copies)}
    assert len(merged) == 1
    tokens = functools.reduce(merge, copies).tokens
    for field in TokenCounts.__struct_fields__:
        told = [v for c in copies if (v := getattr(c.tokens, field)) is not None]
        assert getattr(tokens, field) == (max(told) if told else None)


def _event(at_us: int, output: int, **fields: object) -> UsageEvent:
    event = UsageEvent(
        provider="claude_code",
        account="claude-code",
        at_us=at_us,
        kind=EventKind.MESSAGE,
        event_key=event_key("claude_code", "msg_1"),
        tokens=TokenCounts(input=4, output=output),
    )
    return msgspec.structs.replace(event, **fields)


def test_a_streamed_answer_is_described_by_the_record_that_carried_the_greatest_usage() -> None:
    merged = merge(_event(1, 3, session="early"), _event(2, 87, session="late"))
    assert (merged.tokens.output, merged.session, merged.at_us) == (87, "late", 2)


def test_a_copy_in_a_resumed_session_stays_with_the_first_session() -> None:
    """Equal usage: the earliest record says when and where."""
    merged = merge(_event(2, 87, session="resumed"), _event(1, 87, session="first"))
    assert (merged.session, merged.at_us) == ("first", 1)


def test_a_reported_cost_beats_none_and_an_estimate_gives_way() -> None:
    merged = merge(_event(1, 3, cost_reported_nano=5), _event(2, 87, estimated=True))
    assert (merged.cost_reported_nano, merged.estimated) == (5, False)


def test_the_six_buckets_add_up_to_the_total() -> None:
    tokens = TokenCounts(1, 10, 100, 1000, 10000, 100000)
    assert (tokens.total, tokens.prompt) == (111111, 11101)
    assert TokenCounts().total == 0


@given(st.text(), st.text())
def test_a_key_is_of_provider_and_identity_alone(provider: str, identity: str) -> None:
    assert event_key(provider, identity) == event_key(provider, identity)
    assert len(event_key(provider, identity)) == 16
    assert event_key(provider, identity) != event_key(provider, identity, "")


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(events).failed == 0
