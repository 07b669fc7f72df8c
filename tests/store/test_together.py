"""Several writes in one transaction: each is as if it had been alone, and those that fail had not been."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusage.errors import StoreError
from openusage.store import Run, Store
from openusage.wire.events import Record, UsageEvent
from tests.store.samples import ALL, Name, everything, many, message, open_store
from tests.store.test_fleet_merge import MACHINES, records
from tests.store.test_levels import told

HUB = Name("hub", "hub")

parts = st.tuples(st.sampled_from(MACHINES), st.lists(records, min_size=1, max_size=6), st.booleans())
"""A machine's batch, and whether the write fails after it was stored."""


class Undone(Exception):
    """What a write fails with."""


def write(store: Store, machine: str, batch: Sequence[Record], fails: bool) -> None:
    """A part of a transaction that may be undone after it was written."""
    with contextlib.suppress(Undone), store._transaction():
        store._add([e for e in batch if isinstance(e, UsageEvent)], batch, machine, None, (), (), ("", ""))
        if fails:
            raise Undone


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow]
)
@given(st.lists(st.lists(parts, min_size=1, max_size=5), min_size=1, max_size=3))
def test_writes_that_fail_leave_nothing_and_harm_no_others(
    groups: list[list[tuple[str, list[Record], bool]]],
) -> None:
    """Events that are new in one write and change in the next are summed in between, whatever is undone."""
    together, alone = open_store(machine=HUB), open_store(machine=HUB)
    for store in (together, alone):
        store.keep_levels()
    for group in groups:
        with together.together():
            for machine, batch, fails in group:
                write(together, machine, batch, fails)
        for machine, batch, fails in group:
            if not fails:
                alone.add(batch, machine=machine)
    assert everything(together) == everything(alone)
    assert told(together._db) == told(alone._db)
    together.close()
    alone.close()


def test_nothing_is_kept_of_a_transaction_that_does_not_end_well(tmp_path: Path) -> None:
    store = open_store(tmp_path / "hub.db", machine=HUB)
    store.keep_levels()
    store.add(many(50), machine="m1")
    before = everything(store)

    def fail() -> None:
        with store.together():
            store.add(many(50, seed=2), machine="m2", run=Run("s" * 32, 0, 50))
            store.add([message("a")], machine="m1")
            raise StoreError("no space left")

    with pytest.raises(StoreError, match="no space"):
        fail()
    assert everything(store) == before
    assert store.heard("m2", "s" * 32) == 0
    store.add(many(50, seed=2), machine="m2")
    assert store.usage(ALL)[0].events == 100
    store.close()


def test_others_see_all_of_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    store = open_store(path, machine=HUB)
    reader = Store.open_readonly(path)
    with store.together():
        for n in range(5):
            store.add([message(n)], machine="m1")
            assert reader.usage(ALL)[0].events == 0
    assert reader.usage(ALL)[0].events == 5
    reader.close()
    store.close()


def test_a_transaction_that_the_database_ended_takes_no_more_writes() -> None:
    """As it does by itself when the disk is full: what came after would otherwise be kept on its own."""
    store = open_store(machine=HUB)

    def go_on() -> None:
        with store.together():
            store.add([message("a")], machine="m1")
            store._db.execute("ROLLBACK")
            store.add([message("b")], machine="m1")

    with pytest.raises(StoreError, match="ended by a failure"):
        go_on()
    assert store.usage(ALL)[0].events == 0
    store.add([message("c")], machine="m1")
    assert store.usage(ALL)[0].events == 1
    store.close()
