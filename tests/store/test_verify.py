"""Sums that are those of their events pass; whatever differs is said, and made anew from the events."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusage.errors import AlreadyRunning, StoreError
from openusage.store import Met, Run, Store, repair, verify
from tests.store.samples import DAY_US, NOW_US, everything, many, message, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three machines' worth of everything, with copies, levels, changed and pruned events."""
    path = tmp_path / "openusage.db"
    store = open_store(path)
    store.keep_levels()
    store.add(many(400, days=6))
    store.add([message("grows", output=5)])
    store.add([message("grows", output=50, session="s2")])
    for number in (1, 2):
        machine = f"{number}" * 32
        store.meet(Met(id=machine, name=f"m{number}"))
        store.add(many(100, seed=number), machine=machine, run=Run(machine, 0, 100))
        store.add(many(30), machine=machine, run=Run(machine, 100, 130))
    store.prune(NOW_US, 3)
    store.close()
    return path


def change(path: Path, sql: str) -> None:
    db = apsw.Connection(str(path))
    db.execute(sql)
    assert db.changes() > 0
    db.close()


def test_a_store_that_is_well_has_no_faults(path: Path) -> None:
    found = verify(path)
    assert found.faults == []
    assert found.events > 100
    assert found.slots > found.days > 10


def test_it_is_looked_through_beside_its_writer(path: Path) -> None:
    store = open_store(path)
    store.add(many(50, seed=9))
    assert verify(path).faults == []
    store.close()


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("UPDATE rollup SET output = output + 1 WHERE rowid_of", "1 quarter-hours differ from their events."),
        (
            "UPDATE rollup_day SET first_us = first_us - 1 WHERE day_of",
            "1 days differ from their quarter-hours.",
        ),
        ("DELETE FROM rollup_day WHERE day_of", "1 days differ from their quarter-hours."),
        ("UPDATE machine SET copies = copies + 1 WHERE id = '" + "1" * 32 + "'", "1 counts of copies differ"),
        ("DELETE FROM sum_ever", "The coarser sums of sum_ever differ from the quarter-hours."),
        ("UPDATE sum_model SET cost_nano = 0", "The coarser sums of sum_model differ"),
    ],
)
def test_what_differs_is_said_and_made_anew(path: Path, sql: str, fault: str) -> None:
    before = _answers(path)
    raw = "(SELECT max(slot) FROM rollup)"
    sql = sql.replace("rowid_of", f"slot = {raw} AND (slot, series_id, session_id) = (SELECT slot, series_id,"
                      f" session_id FROM rollup WHERE slot = {raw} LIMIT 1)")  # fmt: skip
    sql = sql.replace("day_of", "(day, series_id) = (SELECT day, series_id FROM rollup_day LIMIT 1)")
    change(path, sql)
    assert any(said.startswith(fault) for said in verify(path).faults)
    repair(path)
    assert verify(path).faults == []
    assert _answers(path) == before


def _answers(path: Path) -> list[object]:
    store = Store.open_readonly(path)
    try:
        return everything(store)
    finally:
        store.close()


def test_events_without_labels_are_said(path: Path) -> None:
    change(path, "DELETE FROM series WHERE id = (SELECT series_id FROM event LIMIT 1)")
    assert any("have no labels." in fault for fault in verify(path).faults)


def test_a_damaged_file_is_said_to_be_and_left_to_the_daemon(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8192 : len(data) // 2] = b"\x5a" * (len(data) // 2 - 8192)
    path.write_bytes(data)
    try:
        faults = verify(path).faults
    except StoreError as e:
        faults = [e.message]
    assert "damaged" in faults[0]
    with pytest.raises(StoreError, match="damaged"):
        repair(path)


def test_nothing_is_made_anew_beside_a_writer(path: Path) -> None:
    store = open_store(path)
    with pytest.raises(AlreadyRunning):
        repair(path)
    store.close()


def test_where_there_is_none_or_another_one_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database at"):
        verify(tmp_path / "none.db")
    other = tmp_path / "other.db"
    change(other, "CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    with pytest.raises(StoreError, match="a database of another program"):
        verify(other)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seeds=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    kept_days=st.integers(1, 5),
    levels=st.booleans(),
)
def test_however_records_came_their_sums_hold(
    tmp_path: Path, seeds: list[int], kept_days: int, levels: bool
) -> None:
    path = tmp_path / "any.db"
    path.unlink(missing_ok=True)
    store = open_store(path)
    if levels:
        store.keep_levels()
    for seed in seeds:
        store.add(many(60, seed=seed, days=8, end_us=NOW_US - seed * DAY_US // 3))
        store.prune(NOW_US, kept_days)
    assert verify(path).faults == []
    store.close()
