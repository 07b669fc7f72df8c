"""A machine is forgotten: what only it had is gone, what others have too counts for them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusage.errors import StoreError
from openusage.store import Forgotten, Met, Run, Store, forget, levels
from openusage.wire.events import AccountFact, EventKind, QuotaReading, Record, UsageEvent
from openusage.wire.rollups import By, Filter
from tests.store.samples import (
    ALL,
    DAY_US,
    NOW_US,
    Name,
    everything,
    fact,
    many,
    message,
    open_store,
    reading,
)
from tests.store.test_levels import batches, told

HUB = Name("name:", "hub")
A, B, C = "a" * 32, "b" * 32, "c" * 32
Records = Sequence[UsageEvent | QuotaReading | AccountFact]


def forgotten(store: Store, machine: str) -> Forgotten:
    """All steps."""
    done = Forgotten()
    while done.backlog:
        done = store.forget(machine, done)
    return done


def hub_with(coarser: bool = False, **records: Records) -> Store:
    """A store in memory to which machines, by the letter of their id, sent records in this order."""
    store = open_store(machine=HUB)
    if coarser:
        store.keep_levels()
    for name, sent in records.items():
        store.meet(Met(id=name * 32, name=f"machine-{name}", heard_us=NOW_US))
        store.add(sent, machine=name * 32, run=Run("5" * 32, 0, len(sent)))
    return store


def answers(store: Store) -> list[Any]:
    return [everything(store), store.machines()]


@pytest.mark.parametrize("coarser", [False, True], ids=["rollups", "levels"])
@pytest.mark.parametrize(("span", "most"), [(1, 9), (7, 2), (100_000, 3), (50_000, 2_000)])
def test_it_is_as_if_the_machine_had_never_been_there(
    span: int, most: int, coarser: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of what it had in common with others, whoever of them it counted for, in steps of any size."""
    monkeypatch.setattr(forget, "SPAN", span)
    monkeypatch.setattr(forget, "MOST_EVENTS", most)
    common, own = many(60, seed=1), many(80, seed=2)
    tools: Records = [reading(used=10.0), fact("max")]
    with_it = hub_with(
        coarser, a=[*common, *tools], b=[*common, *own, reading(used=20.0), fact("pro")], c=common[:20]
    )
    without = hub_with(a=[*common, *tools], c=common[:20])
    found = forgotten(with_it, B)
    assert (found.dropped, found.moved) == (80, 0)  # of equal records the smaller id has them: machine a
    assert answers(with_it) == answers(without)
    found = forgotten(with_it, A)
    assert (found.dropped, found.moved) == (40, 20)
    assert answers(with_it)[0][:-1] == answers(hub_with(c=common[:20]))[0][:-1]


def test_what_moves_keeps_the_largest_figures_and_counts_once() -> None:
    store = hub_with(b=[message(1, output=500)], a=[message(1, output=100)], c=[message(1, output=50)])
    assert forgotten(store, B).moved == 1
    (row,) = store.usage(ALL, (By.MACHINE,))
    assert (row.key, row.events, row.output) == ({By.MACHINE: A}, 1, 500)
    assert {m.id: m.copies for m in store.machines() if m.id != HUB.id} == {A: 0, C: 1}
    store.add([message(1, output=100)], machine=A)
    store.add([message(1, output=50)], machine=C)
    assert store.usage(ALL, (By.MACHINE,)) == [row]
    assert forgotten(store, A).moved == 1
    assert [r.key for r in store.usage(ALL, (By.MACHINE,))] == [{By.MACHINE: C}]


def test_sums_of_pruned_time_go_with_it_and_its_return_adds_none_of_them() -> None:
    old = [message(("old", n), NOW_US - 40 * DAY_US) for n in range(9)]
    store = hub_with(a=[message("mine")], b=[*old, message("new")])
    store.prune(NOW_US, 30)
    forgotten(store, B)
    assert [row.events for row in store.usage(ALL)] == [1]
    store.add([*old, message("new")], machine=B, run=Run("5" * 32, 0, 10))
    assert {r.key[By.MACHINE]: r.events for r in store.usage(ALL, (By.MACHINE,))} == {A: 1, B: 1}


def test_a_machine_that_comes_back_is_new_and_is_asked_for_everything() -> None:
    sent: Records = [*many(30, seed=3), fact("max"), reading()]
    store = hub_with(a=many(10, seed=4), b=sent)
    before = everything(store)
    forgotten(store, B)
    assert store.add([], machine=B, run=Run("5" * 32, 0, 0)).heard == 0
    store.add(sent, machine=B, run=Run("5" * 32, 0, len(sent)))
    assert everything(store) == before


def test_no_label_of_it_stays_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    store = open_store(path, machine=HUB)
    store.keep_levels()
    store.add([message(1, project="secret-plan", session="secret-session", model="new")], machine=B)
    store.add([message(3, project="open", session="s")], machine=B)
    store.add([message(2, project="open", session="s")], machine=A)
    forgotten(store, B)
    labels = store._db.execute("SELECT project FROM series").fetchall()
    sessions = store._db.execute("SELECT name FROM session").fetchall()
    assert (labels, sessions) == ([("open",)], [("s",)])
    coarse = "SELECT DISTINCT machine, project FROM coarse ORDER BY 1, 2"
    assert store._db.execute(coarse).fetchall() == [("", ""), ("", "open"), (A, ""), (A, "open")]
    store.close()
    again = open_store(path, machine=HUB)
    assert [m.id for m in again.machines()] == [A, HUB.id]
    assert again.usage(ALL, (By.PROJECT,), Filter(kinds=(EventKind.MESSAGE,)))[0].events == 1
    again.close()


def test_every_step_leaves_sums_that_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget, "SPAN", 10)
    store = hub_with(a=many(40, seed=5), b=[*many(40, seed=5)[:20], *many(30, seed=6)])
    step = Forgotten()
    while step.backlog:
        step = store.forget(A, step)
        (total,) = store.usage(ALL)
        count, output = store._db.execute("SELECT count(*), ifnull(sum(output), 0) FROM event").fetchall()[0]
        assert (total.events, total.output) == (count, output)


def test_the_stores_own_machine_and_unknown_ones() -> None:
    store = hub_with(a=[message(1)])
    with pytest.raises(StoreError):
        store.forget(HUB.id)
    before = everything(store)
    assert forgotten(store, C) == Forgotten(upto=1, backlog=False)
    assert everything(store) == before


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow]
)
@given(batches, batches, st.integers(1, 9), st.integers(0, 6))
def test_whatever_comes_in_meanwhile_the_coarser_sums_hold(
    before: Sequence[tuple[str, list[Record]]],
    meanwhile: Sequence[tuple[str, list[Record]]],
    most: int,
    pruned: int,
) -> None:
    """Also from the machine itself, and when its older raw events are gone already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forget, "SPAN", most)
        patch.setattr(forget, "MOST_EVENTS", most)
        store = open_store(machine=HUB)
        store.keep_levels()
        for number, (machine, batch) in enumerate(before):
            store.add(batch, machine=machine)
            if number == pruned:
                store.prune(NOW_US, 1)
        coming = iter(meanwhile)
        step = Forgotten()
        while step.backlog:
            step = store.forget("m1", step)
            for machine, batch in itertools.islice(coming, step.backlog):
                store.add(batch, machine=machine)
        assert "m1" not in {row.key[By.MACHINE] for row in store.usage(ALL, (By.MACHINE,))}
        with store._transaction():
            levels.add(store._db)  # labels are led to levels with the next sums
        found = told(store._db), labels_of(store)
        with store._transaction():
            levels.build(store._db)
        assert found == (told(store._db), labels_of(store))
        used = store._db.execute("SELECT DISTINCT session_id FROM rollup WHERE session_id <> 0").fetchall()
        assert {n for (n,) in used} <= {n for (n,) in store._db.execute("SELECT id FROM session")}
        store.close()


def labels_of(store: Store) -> list[Any]:
    names = ", ".join(("level", *levels.LABELS))
    return store._db.execute(f"SELECT {names} FROM coarse ORDER BY {names}").fetchall()
