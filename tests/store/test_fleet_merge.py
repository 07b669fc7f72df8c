"""Three machines with overlapping homes send their outboxes to one hub: in any order, it knows the same."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusage.store import Run, Store
from openusage.wire.events import (
    EventKind,
    Outcome,
    Record,
    TokenCounts,
    UsageEvent,
    carrier_rank,
    merge,
)
from openusage.wire.records import Outbox
from openusage.wire.rollups import By
from tests.store.samples import (
    ALL,
    DAY_US,
    HOUR_US,
    NOW_US,
    Name,
    everything,
    fact,
    message,
    open_store,
    reading,
    tool,
)

MACHINES = ("m1", "m2", "m3")
HUB = Name("hub", "hub")
FAST = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow]
)

few = st.sampled_from([None, 0, 1, 5, 900])
times = st.sampled_from(
    [
        NOW_US,
        NOW_US - 1,
        NOW_US - 899 * 10**6,
        NOW_US + 2400 * 10**6,
        NOW_US - 3 * HOUR_US,
        NOW_US - 2 * DAY_US,
    ]
)


@st.composite
def events(draw: st.DrawFn) -> UsageEvent:
    """One record of one of nine events: the vendor's identity says its kind and tool, nothing else."""
    number = draw(st.integers(0, 8))
    labels: dict[str, Any] = {
        "project": draw(st.sampled_from([None, "a", "b"])),
        "session": draw(st.sampled_from([None, "s1", "s2"])),
        "account": draw(st.sampled_from(["claude-code", "work"])),
        "agent": draw(st.sampled_from([None, "helper"])),
    }
    if number % 3 == 2:
        outcome = draw(st.sampled_from([None, *Outcome]))
        lines = draw(few)
        return tool(number, draw(times), outcome=outcome, lines_added=lines, file_key=draw(few), **labels)
    counts = TokenCounts(input=draw(few), output=draw(few), cache_read=draw(few))
    return message(
        number,
        draw(times),
        tokens=counts,
        model=draw(st.sampled_from([None, "opus", "haiku", "unknown"])),
        estimated=draw(st.booleans()),
        cost_reported_nano=draw(few),
        **labels,
    )


old_times = st.sampled_from([NOW_US, NOW_US - 7 * HOUR_US, *(NOW_US - 10 * DAY_US + n for n in range(3))])
readings = st.builds(
    reading,
    old_times,
    st.sampled_from([None, 1.0, 80.0]),
    key=st.sampled_from(["rate_limit_primary", "credits"]),
)
facts = st.builds(fact, st.sampled_from(["pro", "max"]), old_times)
records = st.one_of(events(), events(), events(), readings, facts)
homes = st.lists(st.lists(records, max_size=14), min_size=3, max_size=3)
"""What each machine reads, in the order it reads it."""


def filled(machine: str, home: list[Record], r: random.Random) -> tuple[Store, list[Outbox]]:
    """A machine's own store, written and handed out in turns; and every batch that it ever made."""
    store = open_store(machine=Name(machine, machine))
    batches: list[Outbox] = []
    after = 0
    left = list(home)
    while left:
        part, left = left[: (n := r.randint(1, 5))], left[n:]
        store.add(part)
        if r.random() < 0.6:
            out = store.outbox(r.choice([0, after, r.randint(0, after)]), r.randint(1, 6))
            batches.append(out)
            after = max(after, out.upto)
    return store, batches


def pack(out: Outbox) -> tuple[list[Record], Run]:
    return out.records, Run(out.store_id, out.after, out.upto)


def delivered(hub: Store, stores: dict[str, Store], old: list[tuple[str, Outbox]], r: random.Random) -> None:
    """Batches made at any time, in any order and repeated; then each machine asks until nothing waits."""
    stray = old * 2
    r.shuffle(stray)
    open_ = set(stores)
    while open_ or stray:
        if stray and (not open_ or r.random() < 0.5):
            machine, out = stray.pop()
            heard = hub.heard(machine, out.store_id)
            told, run = pack(out)
            result = hub.add(told, machine=machine, run=run)
            assert result.heard is not None
            if out.after > heard:
                assert result.heard == heard, "a gap was accepted"
                assert (result.inserted, result.updated, result.readings, result.facts) == (0, 0, 0, 0)
            assert hub.heard(machine, out.store_id) == result.heard >= heard
            continue
        machine = r.choice(sorted(open_))
        store = stores[machine]
        stored = hub.heard(machine, store.outbox(0, 0).store_id)
        if r.random() < 0.3:
            stored = r.randint(0, stored)  # an answer got lost: it goes on from an older number
        out = store.outbox(stored, r.randint(1, 6))
        told, run = pack(out)
        assert hub.add(told, machine=machine, run=run).heard is not None
        if not out.waiting and hub.heard(machine, out.store_id) == out.last:
            open_.discard(machine)


@FAST
@given(homes, st.randoms(use_true_random=False))
def test_whatever_way_batches_take_the_hub_answers_the_same(
    given_homes: list[list[Record]], r: random.Random
) -> None:
    """Shuffled, repeated, cut anywhere, made before or after an event changed, with lost answers."""
    homes = dict(zip(MACHINES, given_homes, strict=True))
    union = open_store(machine=HUB)
    for machine in MACHINES:
        union.add(homes[machine], machine=machine)
    made = {machine: filled(machine, home, r) for machine, home in homes.items()}
    stores = {machine: store for machine, (store, _) in made.items()}
    old = [(machine, out) for machine, (_, outs) in made.items() for out in outs]
    hub = open_store(machine=HUB)
    delivered(hub, stores, old, r)
    for store in (hub, union):
        store.meet(*(Name(machine, machine) for machine in MACHINES))
    assert everything(hub) == everything(union)
    assert seen(hub) == seen(union)
    for store in (hub, union, *stores.values()):
        store.close()


def seen(store: Store) -> list[Any]:
    """What a fleet's list says of machines that have records."""
    return [
        (m.id, m.events, m.first_event_us, m.last_event_us, m.copies)
        for m in store.machines()
        if m.id != "hub"
    ]


@FAST
@given(
    st.lists(st.tuples(st.sampled_from(MACHINES), events()), max_size=30), st.randoms(use_true_random=False)
)
def test_an_event_belongs_to_the_machine_of_its_first_record(
    told: list[tuple[str, UsageEvent]], r: random.Random
) -> None:
    """Against a fold written down here: the record `carrier_rank` prefers, among equals the smaller id."""
    hub = open_store(machine=HUB)
    r.shuffle(told)
    for machine, event in told:
        hub.add([event], machine=machine)
    merged: dict[bytes, UsageEvent] = {}
    having: dict[bytes, set[str]] = {}
    best: dict[bytes, tuple[Any, str]] = {}
    for machine, event in told:
        key = event.event_key
        merged[key] = merge(merged[key], event) if key in merged else event
        having.setdefault(key, set()).add(machine)
        rank = (carrier_rank(event), machine)
        best[key] = min(best.get(key, rank), rank)
    owned = {row.key["machine"]: row for row in hub.usage(ALL, [By.MACHINE])}
    for machine in MACHINES:
        mine = [event for key, event in merged.items() if best[key][1] == machine]
        assert (owned[machine].events if machine in owned else 0) == len(mine)
        output = sum(event.tokens.output or 0 for event in mine if event.kind is EventKind.MESSAGE)
        assert (owned[machine].output if machine in owned else 0) == output
    copies = {m.id: m.copies for m in hub.machines()}
    for machine in MACHINES:
        others = [key for key, who in having.items() if machine in who and best[key][1] != machine]
        assert copies.get(machine, 0) == len(others)
    hub.close()


@FAST
@given(st.lists(st.lists(records, max_size=6), max_size=8))
def test_numbers_only_rise_and_each_record_is_behind_what_was_handed_out_before(
    parts: list[list[Record]],
) -> None:
    """A change is never given a number that some batch has already passed."""
    store = open_store()
    last = 0
    known: set[Any] = set()
    for part in parts:
        before = {repr(r) for r in store.outbox(0, 1000).records}
        store.add(part)
        everything_now = store.outbox(0, 1000)
        assert everything_now.last >= last
        news = store.outbox(last, 1000)
        assert {repr(r) for r in everything_now.records} - before <= {repr(r) for r in news.records}
        keys = [r.event_key for r in everything_now.records if isinstance(r, UsageEvent)]
        assert len(keys) == len(set(keys))
        last = everything_now.last
        known |= set(keys)
    assert store.health().events == len(known)
    store.close()
