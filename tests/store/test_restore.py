"""A backup put back is the store of that moment; what was there is kept, and nobody is fooled by it."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import apsw
import pytest

from openusage.errors import AlreadyRunning, StoreError
from openusage.store import Store, backup, compact, restore, verify
from tests.store.samples import NOW_US, everything, many, message, open_store


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "state" / "openusage.db"
    store = open_store(path)
    store.add(many(300))
    store.close()
    return path


@pytest.fixture
def copy(database: Path, tmp_path: Path) -> Path:
    """A backup, after which something more was used."""
    target = tmp_path / "backup.db"
    backup(database, target)
    store = open_store(database)
    store.add([message("later")])
    store.close()
    return target


def answers(path: Path) -> list[object]:
    store = Store.open_readonly(path)
    try:
        return everything(store)
    finally:
        store.close()


def test_it_answers_as_it_did_when_it_was_copied(database: Path, copy: Path) -> None:
    later, then = answers(database), answers(copy)
    assert later != then
    aside = restore(copy, database)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert sorted(p.name for p in database.parent.iterdir()) == [
        "openusage.db",
        "openusage.db.before-restore",
        "openusage.db.lock",
    ]
    assert answers(database) == then
    assert aside is not None
    assert answers(aside) == later


def test_its_records_are_told_under_a_new_id_so_that_hubs_hear_all(database: Path, copy: Path) -> None:
    store = open_store(database)
    before = store.outbox(0, 1).store_id
    store.close()
    restore(copy, database)
    store = open_store(database)
    assert store.outbox(0, 1).store_id != before
    store.add([message("later")])
    assert verify(database).faults == []
    store.close()


def test_where_there_is_none_it_becomes_the_database(copy: Path, tmp_path: Path) -> None:
    new = tmp_path / "elsewhere" / "openusage.db"
    assert restore(copy, new) is None
    assert answers(new) == answers(copy)


def test_a_second_time_the_first_ones_aside_stays(database: Path, copy: Path) -> None:
    first, second = restore(copy, database), restore(copy, database)
    assert first != second
    assert first is not None
    assert first.exists()


def test_what_cannot_be_a_backup_changes_nothing(database: Path, tmp_path: Path, copy: Path) -> None:
    before = answers(database)
    broken = tmp_path / "broken.db"
    data = bytearray(copy.read_bytes())
    data[4096 : len(data) - 4096] = b"\x5a" * (len(data) - 8192)
    broken.write_bytes(data)
    text = tmp_path / "text.db"
    text.write_text("no database at all, but long enough to be looked at" * 100)
    empty = tmp_path / "empty.db"
    empty.touch()
    for file in (broken, text, empty, tmp_path / "none.db", database):
        with pytest.raises(StoreError):
            restore(file, database)
    assert answers(database) == before


def test_not_beside_a_daemon(database: Path, copy: Path) -> None:
    store = open_store(database)
    with pytest.raises(AlreadyRunning):
        restore(copy, database)
    store.close()


def test_a_writer_that_was_killed_leaves_nothing_that_is_taken_for_the_new_ones(
    database: Path, copy: Path
) -> None:
    """Its log beside the file holds pages of the old database; the restored one must not get them."""
    db = apsw.Connection(str(database))
    db.pragma("journal_mode", "wal")
    db.execute("UPDATE machine SET name = 'old'")
    wal = Path(f"{database}-wal").read_bytes()
    db.close()
    Path(f"{database}-wal").write_bytes(wal)
    then = answers(copy)
    restore(copy, database)
    assert answers(database) == then
    assert verify(database).faults == []


def test_compacting_gives_room_back_and_changes_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "openusage.db"
    store = open_store(path)
    store.add(many(6_000, days=40))
    store.prune(NOW_US, 2)
    store.close()
    before = answers(path)
    done = compact(path)
    assert done.after < done.before
    assert done.after == path.stat().st_size
    assert answers(path) == before
    assert verify(path).faults == []


def test_compacting_beside_a_writer_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "openusage.db"
    store = open_store(path)
    stop = threading.Event()
    added = 0

    def write() -> None:
        nonlocal added
        while not stop.is_set():
            store.add(many(20, seed=1_000 + added))
            added += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            compact(path)
    finally:
        stop.set()
        writer.join()
    assert store.health().events == 20 * added
    store.close()
    assert verify(path).faults == []


def test_there_is_nothing_to_compact_where_there_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database at"):
        compact(tmp_path / "none.db")
