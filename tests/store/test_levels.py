"""Whatever is asked, a store that keeps coarser sums answers as one that does not."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusage.store import Store, levels
from openusage.store.numbers import Numbers
from openusage.store.plan import units
from openusage.wire.events import EventKind, Record
from openusage.wire.rollups import ANY, By, Filter, Window
from tests.store.samples import ALL, DAY_US, HOUR_US, NOW_US, Name, everything, many, open_store
from tests.store.test_fleet_merge import MACHINES, records
from tests.store.test_salvage import middle, spoil

HUB = Name("hub", "hub")
LABELS = (By.MACHINE, By.PROVIDER, By.ACCOUNT, By.MODEL, By.CLIENT, By.PROJECT)
TIMES: tuple[tuple[By, ...], ...] = ((), (By.DAY,), (By.HOUR,), (By.KIND,), (By.DAY, By.HOUR))
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns")
FILTERS = (
    ANY,
    ANY,
    Filter(machines=("m1", "m3")),
    Filter(projects=("a",), providers=("claude_code",)),
    Filter(models=("opus",), accounts=("work",)),
    Filter(kinds=(EventKind.MESSAGE,)),
    Filter(kinds=(EventKind.TOOL,)),
    Filter(clients=("CLI", "")),
    Filter(sessions=("s1", "")),
)
BEGINNINGS = (None, HOUR_US // 8, 3 * HOUR_US, DAY_US, 2 * DAY_US + 7, 11 * DAY_US, 12 * DAY_US - 1)
ENDS = (None, 0, 1, HOUR_US // 9, DAY_US + HOUR_US, 10 * DAY_US)
"""Before now."""
TABLES = ("sum_slot", "sum_hour", "sum_model", "sum_project", "sum_shared", "sum_ever")

batches = st.lists(
    st.tuples(st.sampled_from(MACHINES), st.lists(records, min_size=1, max_size=9)), min_size=1, max_size=6
)
"""What machines say, in the order it comes in: copies, corrections, late and early times among it."""


def asked(r: random.Random, count: int) -> Iterable[tuple[Window, tuple[By, ...], Filter, str]]:
    """Questions of all sorts, most of them such as a level can answer."""
    for _ in range(count):
        begin, end = (None if n is None else NOW_US - n for n in (r.choice(BEGINNINGS), r.choice(ENDS)))
        window = Window("asked", begin, end)
        yield (
            window,
            (*r.sample(LABELS, r.randrange(4)), *r.choice(TIMES)),
            r.choice(FILTERS),
            r.choice(ZONES),
        )


def told(db: apsw.Connection) -> dict[str, list[Any]]:
    """What the levels say, by labels: the numbers of labels differ from store to store."""
    labels = ", ".join(f"s.{name}" for name in levels.LABELS)
    figures = ", ".join(f"r.{name}" for name in (*levels.FIGURES, "first_us", "last_us"))
    said = {
        table: f"SELECT {labels}, r.at, {figures} FROM {table} r JOIN coarse s ON s.id = r.series_id"
        for table in TABLES
    }
    said["session_day"] = (
        f"SELECT {labels}, r.day, n.name, r.events, r.first_us, r.last_us FROM session_day r"
        " JOIN coarse s ON s.id = r.series_id JOIN session n ON n.id = r.session_id"
    )
    return {table: sorted(db.execute(sql)) for table, sql in said.items()}


def agree(kept: Store, plain: Store, r: random.Random, questions: int) -> None:
    """`plain` keeps no levels, until the end."""
    assert everything(kept) == everything(plain)
    for window, by, where, tz in asked(r, questions):
        question = (window, by, where, tz)
        assert kept.usage(*question) == plain.usage(*question), question
        assert kept.sessions(window, where) == plain.sessions(window, where), (window, where)
    plain.keep_levels()
    assert told(kept._db) == told(plain._db)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow]
)
@given(batches, st.randoms(use_true_random=False), st.integers(0, 5), st.integers(0, 6))
def test_levels_say_what_rollups_say_whatever_comes_in(
    said: Sequence[tuple[str, list[Record]]], r: random.Random, begin: int, pruned: int
) -> None:
    """Also when they are kept only later, and when old raw events are dropped in between."""
    plain, kept = open_store(machine=HUB), open_store(machine=HUB)
    for number, (machine, batch) in enumerate(said):
        if number == begin:
            kept.keep_levels()
        for store in (plain, kept):
            store.add(batch, machine=machine)
            if number == pruned:
                store.prune(NOW_US, 1)
    kept.keep_levels()
    agree(kept, plain, r, 20)
    plain.close()
    kept.close()


def test_a_store_that_keeps_them_goes_on_when_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    with_levels = open_store(path, machine=HUB)
    with_levels.keep_levels()
    with_levels.close()
    kept, plain = open_store(path, machine=HUB), open_store(machine=HUB)
    for store in (kept, plain):
        store.add(many(400), machine="m1")
    assert levels.kept(kept._db)
    agree(kept, plain, random.Random(1), 20)
    kept.close()
    plain.close()


def test_what_was_saved_of_a_damaged_store_gets_new_ones(tmp_path: Path) -> None:
    """Until then it answers from rollups."""
    path = tmp_path / "hub.db"
    store = open_store(path, machine=HUB)
    store.keep_levels()
    store.add(many(3000, days=40), machine="m1")
    before = everything(store)
    store.close()
    spoil(path, middle(path, "sum_hour"))
    saved = open_store(path, machine=HUB)
    assert saved.health().notes
    assert not levels.kept(saved._db)
    assert everything(saved) == before
    saved.keep_levels()
    assert levels.kept(saved._db)
    assert everything(saved) == before
    saved.close()


def test_a_write_that_fails_leaves_them_as_they_were(tmp_path: Path) -> None:
    kept, plain = open_store(tmp_path / "hub.db", machine=HUB), open_store(machine=HUB)
    kept.keep_levels()
    for store in (kept, plain):
        store.add(many(200), machine="m1")

    def fail() -> None:
        with kept._transaction():
            kept._events.add(many(200, seed=2), "m2", 0, Numbers(kept._db))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    for store in (kept, plain):
        store.add(many(200, seed=3), machine="m3")
    agree(kept, plain, random.Random(2), 20)
    kept.close()
    plain.close()


@pytest.mark.parametrize(
    ("by", "where", "tables"),
    [
        ((By.HOUR, By.MODEL), ANY, ["sum_slot"]),
        ((By.PROVIDER, By.ACCOUNT, By.CLIENT), ANY, ["sum_slot"]),
        ((By.MACHINE,), ANY, ["sum_project", "sum_hour", "rollup"]),
        ((By.PROJECT,), Filter(machines=("m1",)), ["sum_project", "sum_hour", "rollup"]),
        ((By.MACHINE, By.MODEL), ANY, ["sum_model", "sum_hour", "rollup"]),
        ((By.PROJECT, By.MODEL), ANY, ["sum_shared", "sum_hour", "rollup"]),
        ((By.MACHINE, By.MODEL, By.PROJECT), ANY, ["sum_hour", "rollup"]),
        ((By.MODEL,), Filter(kinds=(EventKind.MESSAGE,)), ["rollup_day", "rollup"]),
        ((By.TOOL,), ANY, ["rollup_day", "rollup"]),
        ((By.SESSION,), ANY, ["rollup"]),
        ((By.MODEL,), Filter(clients=("CLI",)), ["sum_slot"]),
        ((), Filter(sessions=("s1",)), ["rollup"]),
    ],
)
def test_the_coarsest_table_that_knows_the_labels_is_read(
    by: tuple[By, ...], where: Filter, tables: list[str]
) -> None:
    labels = [name for name in by if name not in (By.DAY, By.HOUR)]
    assert [unit.table for unit in units(labels, where, coarser=True)] == tables
    assert {unit.table for unit in units(labels, where, coarser=False)} <= {"rollup_day", "rollup"}


def test_sums_of_all_time_are_one_row_a_machine_and_account() -> None:
    store = open_store(machine=HUB)
    store.keep_levels()
    store.add(many(500, days=40), machine="m1")
    store.add(many(500, seed=2, days=40), machine="m2")
    assert store._db.execute("SELECT count(*) FROM sum_ever").get == 2
    assert [(m.id, m.events) for m in store.machines() if m.events] == [("m1", 500), ("m2", 500)]
    assert sum(row.events for row in store.usage(ALL, (By.MACHINE, By.PROVIDER))) == 1000
    store.close()
