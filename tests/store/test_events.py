from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.store import Store, sums
from openusage.wire.events import Record, Scope, TokenCounts, UsageEvent
from openusage.wire.rollups import By, Filter, Window
from tests.store.samples import (
    ALL,
    LAPTOP,
    NOW_US,
    Name,
    Price,
    everything,
    fact,
    key,
    many,
    message,
    open_store,
    reading,
    tool,
)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store()
    yield store
    store.close()


def tables(store: Store) -> list[list[object]]:
    db = store._db
    return [
        sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
        for table in ("rollup", "rollup_day")
    ]


def test_an_event_is_counted_once_however_often_it_is_read(store: Store) -> None:
    first = store.add([message("a"), message("a"), message("b")])
    again = store.add([message("a"), message("b")])
    assert (first.inserted, first.updated, first.unchanged) == (2, 0, 0)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 2)
    (row,) = store.usage(ALL)
    assert (row.events, row.input, row.output) == (2, 20, 200)


def test_reading_again_changes_no_revision(store: Store) -> None:
    store.add([message("a"), reading(), fact("pro")])
    before = store.revision()
    store.add([message("a"), reading(), fact("pro")])
    assert store.revision() == before
    store.add([message("b")])
    assert store.revision() > before


def test_a_fuller_record_replaces_what_a_streamed_answer_said_before(store: Store) -> None:
    """Counts grow, the time and session of the fullest record win, and the row it left is gone."""
    store.add([message("a", NOW_US, output=1, session="early")])
    result = store.add([message("a", NOW_US + 3_600_000_000, output=500, session="late")])
    assert result.updated == 1
    (row,) = store.usage(ALL, [By.SESSION])
    assert row.key == {"session": "late"}
    assert (row.events, row.output) == (1, 500)
    assert row.first_us == row.last_us == NOW_US + 3_600_000_000
    assert store.sessions(ALL) == 1


def test_a_row_that_an_event_leaves_gets_its_earliest_and_latest_time_back(store: Store) -> None:
    """Times cannot be taken back by difference: they are looked up among the events that stay."""
    store.add([message("a", NOW_US, 1), message("b", NOW_US + 5, 1), message("c", NOW_US + 9, 1)])
    store.add([message("a", NOW_US + 7, 2), message("c", NOW_US + 6, 2)])
    (row,) = store.usage(ALL)
    assert (row.first_us, row.last_us) == (NOW_US + 5, NOW_US + 7)


def test_a_reported_cost_is_shown_before_a_computed_one(store: Store) -> None:
    store.add([message("a", output=0), message("b", output=0, cost_reported_nano=1000)])
    (row,) = store.usage(ALL)
    assert (row.cost_computed_nano, row.cost_reported_nano, row.cost_nano) == (60, 1000, 1030)


def test_a_message_without_a_price_is_counted_as_unpriced(store: Store) -> None:
    store.add([message("a", model="unknown"), message("b", model="unknown", cost_reported_nano=5), tool("t")])
    (row,) = store.usage(ALL)
    assert (row.events, row.unpriced_events, row.unpriced_tokens, row.cost_nano) == (3, 1, 110, 5)


def test_only_messages_without_a_price_are_priced_later() -> None:
    """Prices are dated: what has one keeps it, whatever a newer table says."""
    known = {"opus": Price(7, "v1")}
    store = open_store(price=lambda event: known.get(event.model or ""))
    store.add([message("a"), message("b", model="fresh"), message("c", model="never")])
    known |= {"opus": Price(1_000_000, "v2"), "fresh": Price(11, "v2")}
    before = store.revision()
    assert store.reprice() == 1
    assert store.revision() > before
    assert store.reprice() == 0
    rows = {row.key["model"]: row for row in store.usage(ALL, [By.MODEL])}
    assert {model: row.cost_nano for model, row in rows.items()} == {"opus": 7, "fresh": 11, "never": 0}
    assert [row.unpriced_events for row in rows.values()] == [0, 1, 0]
    assert store.add([message("a")]).unchanged == 1
    assert store.usage(ALL, (), Filter(models=("opus",)))[0].cost_nano == 7
    store.close()


def test_a_senseless_price_is_no_price() -> None:
    store = open_store(price=lambda event: Price(-5, "broken"))
    assert store.add([message("a")]).inserted == 1
    assert store.usage(ALL)[0].unpriced_events == 1
    store.close()


@pytest.mark.parametrize(
    "bad",
    [
        message("x", tokens=TokenCounts(output=-1)),
        message("x", tokens=TokenCounts(output=10**30)),
        message("x", at_us=-1),
        message("x", at_us=1 << 62),
        message("x", cost_reported_nano=1 << 70),
        tool("x", lines_added=-3),
    ],
)
def test_impossible_figures_are_refused_and_the_rest_is_stored(store: Store, bad: UsageEvent) -> None:
    result = store.add([message("a"), bad, message("b")])
    assert (result.inserted, result.refused) == (2, 1)
    assert store.usage(ALL)[0].events == 2


def test_labels_with_broken_text_are_stored_and_recognized(store: Store) -> None:
    """Logs hold lone surrogates; SQLite cannot. They become `?` and the record stays the same record."""
    odd = message("a", project="demo\udce9", session="\ud800")
    assert store.add([odd]).inserted == 1
    assert store.add([odd]).unchanged == 1
    assert store.usage(ALL, [By.PROJECT])[0].key == {"project": "demo?"}


def test_missing_and_empty_labels_are_none(store: Store) -> None:
    store.add([message("a", project=None), message("b", project=""), message("c", project="x")])
    assert [(row.key["project"], row.events) for row in store.usage(ALL, [By.PROJECT])] == [
        (None, 2),
        ("x", 1),
    ]


def test_the_same_event_from_two_machines_counts_once_for_the_smaller_id(store: Store) -> None:
    store.add([message("a")], machine="m2")
    result = store.add([message("a")], machine="m1")
    assert (result.inserted, result.seen_elsewhere) == (0, 1)
    assert [(r.key["machine"], r.events) for r in store.usage(ALL, [By.MACHINE])] == [("m1", 1)]
    assert {m.id: m.copies for m in store.machines()} == {"m-laptop": 0, "m1": 0, "m2": 1}


def test_the_machine_with_the_fuller_record_owns_the_event(store: Store) -> None:
    store.add([message("a", output=5)], machine="m1")
    store.add([message("a", output=9)], machine="m3")
    store.add([message("a", output=7)], machine="m2")
    assert [r.key["machine"] for r in store.usage(ALL, [By.MACHINE])] == ["m3"]
    assert {m.id: m.copies for m in store.machines() if m.copies} == {"m1": 1, "m2": 1}


def test_a_machine_gets_its_name_when_it_is_met(store: Store) -> None:
    store.add([message("a")], machine="m2")
    store.meet(Name("m2", "desktop"))
    store.meet(Name("m2", "m2"))
    assert {m.id: m.name for m in store.machines()} == {"m-laptop": "laptop", "m2": "desktop"}


def _records(seed: int) -> list[tuple[str, Record]]:
    """Records of three machines: streamed versions, copies with other times and sessions, readings, facts."""
    r = random.Random(seed)
    found: list[tuple[str, Record]] = []
    for n, event in enumerate(many(40, seed)):
        for _ in range(r.choice([1, 1, 2, 3])):
            machine = r.choice(["m1", "m2", "m3"])
            if event.tool is None:
                tokens = TokenCounts(input=r.randrange(3), output=r.randrange(3), cache_read=n)
                version = message(
                    (seed, n),
                    event.at_us + r.choice([0, 0, -1_000_000_000, 3_000_000]),
                    tokens=tokens,
                    model=event.model,
                    session=r.choice([event.session, "copy"]),
                    project=event.project,
                    cost_reported_nano=r.choice([None, n]),
                )
                found.append((machine, version))
            else:
                found.append((machine, event))
    for _ in range(25):
        at_us = NOW_US - r.randrange(12) * 20 * 3_600_000_000 + r.randrange(3) * 60_000_000
        scope = r.choice(list(Scope))
        found.append(
            (r.choice(["m1", "m2", "m3"]), reading(at_us, float(r.randrange(3)), key=scope, scope=scope))
        )
        found.append((r.choice(["m1", "m2"]), fact(r.choice(["pro", "max"]), NOW_US - r.randrange(3))))
    return found


@given(
    seed=st.integers(0, 5), shuffle=st.randoms(use_true_random=False), batch=st.sampled_from([1, 3, 17, 500])
)
@settings(max_examples=25, deadline=None)
def test_answers_do_not_depend_on_order_repetition_or_batches(
    seed: int, shuffle: random.Random, batch: int
) -> None:
    """Three machines' records in any order, some twice, in any split: equal answers, exact sums."""
    records = _records(seed)
    one, other = open_store(), open_store()
    for machine in ("m1", "m2", "m3"):
        one.add([record for m, record in records if m == machine], machine=machine)
    mixed = records + shuffle.sample(records, len(records) // 3)
    shuffle.shuffle(mixed)
    while mixed:
        part, mixed = mixed[:batch], mixed[batch:]
        for machine in {m for m, _ in part}:
            other.add([record for m, record in part if m == machine], machine=machine)
    try:
        assert everything(other) == everything(one)
        kept = tables(other)
        with other._transaction():
            sums.rebuild(other._db, 0)
        assert tables(other) == kept
    finally:
        one.close()
        other.close()


@given(seed=st.integers(0, 50), a=st.integers(0, 3 * 86_400), b=st.integers(0, 3 * 86_400))
@settings(max_examples=20, deadline=None)
def test_a_window_holds_exactly_the_events_between_its_ends(seed: int, a: int, b: int) -> None:
    """Any window, not only on slot borders, against a plain count over the events."""
    events = many(120, seed)
    low, high = sorted((NOW_US - a * 1_000_003, NOW_US - b * 1_000_003))
    window = Window("custom", low, high)
    inside = [e for e in events if low <= e.at_us < high]
    store = open_store()
    store.add(events)
    try:
        (row,) = store.usage(window)
        assert row.events == len(inside)
        assert row.total_tokens == sum(e.tokens.total for e in inside)
        assert row.estimated_events == sum(e.estimated for e in inside)
        assert (row.first_us, row.last_us) == (
            min((e.at_us for e in inside), default=0),
            max((e.at_us for e in inside), default=0),
        )
        messages = [e for e in inside if e.tool is None]
        assert store.sessions(window) == len({e.session for e in messages if e.session})
        assert store.files_changed(window) == len({e.file_key for e in inside if e.file_key is not None})
        rows = store.usage(window, [By.TOOL, By.OUTCOME])
        for row in rows:
            same = [e for e in inside if e.tool == row.key["tool"] and e.outcome == row.key["outcome"]]
            assert (row.events, row.lines_added) == (len(same), sum(e.lines_added or 0 for e in same))
        assert sum(row.events for row in rows) == len(inside)
    finally:
        store.close()


def test_batches_of_every_size_are_stored_whole(store: Store) -> None:
    """Many rows go in one statement, the rest one by one: none is lost at the border."""
    events = [message(n) for n in range(1751)]
    assert store.add(events[:250]).inserted == 250
    assert store.add(events[:501]).inserted == 251
    assert store.add(events).inserted == 1250
    assert store.usage(ALL)[0].events == 1751


def test_keys_are_sixteen_bytes(store: Store) -> None:
    short = UsageEvent(
        provider="p", account="a", at_us=NOW_US, kind=message("a").kind, event_key=key("a")[:8]
    )
    assert store.add([short]).refused == 1


def test_what_a_resumed_session_repeats_is_counted_and_told_however_often_it_is_read(store: Store) -> None:
    """In one batch or in two, in any order; not what is read again, grows, or another machine has."""
    owner = (LAPTOP.id, "claude_code", "claude-code")
    first, grown = message("a", output=5, session="s1"), message("a", output=50, session="s1")
    copy, other = message("a", output=5, session="s2"), message("b", session="s1")
    store.add([first, other])
    store.add([first, grown, message("c", session=None), message("c", session="s3")])
    store.add([copy], machine="zz" * 16)
    assert store.repeated() == {}
    for _ in range(2):
        store.add([copy])
        assert store.repeated() == {owner: 1}
    store.add([message("d", session="s2"), message("d", session="s1"), message("e", session="s1")])
    assert store.repeated() == {owner: 2}
    assert store.usage(Window("all"))[0].events == 5


def test_which_events_are_repeated_is_kept_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with contextlib.closing(open_store(path)) as store:
        store.add([message("a", output=5, session="s1"), message("a", output=5, session="s2")])
        store.add([message("a", output=90, session="s1")])
    with contextlib.closing(Store.open_readonly(path)) as reader:
        assert list(reader.repeated().values()) == [1]
