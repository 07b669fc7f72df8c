"""A backup is one moment of a store that is being written, whole and in one file, or it is not there."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import apsw
import pytest

from openusage.errors import StoreError
from openusage.store import Store, backup
from tests.store.samples import ALL, everything, many, open_store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "hub.db"
    store = open_store(path)
    store.add(many(500))
    store.close()
    return path


def beside(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.iterdir() if p.name.startswith((path.name, f".{path.name}")))


def test_a_copy_answers_as_its_source(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    size = backup(source, target)
    assert size == target.stat().st_size > 10_000
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert beside(target) == ["copy.db"]
    copy, original = Store.open_readonly(target), Store.open_readonly(source)
    assert everything(copy) == everything(original)
    copy.close()
    original.close()


def test_while_it_is_written_it_is_of_one_moment(source: Path, tmp_path: Path) -> None:
    """Batches of 50 events come in all the time: the copy has whole batches, and sums that hold."""
    store = open_store(source)
    stop = threading.Event()

    def write() -> None:
        seed = 100
        while not stop.is_set():
            store.add(many(50, seed=seed))
            seed += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            target = tmp_path / f"copy-{number}.db"
            shares: list[float] = []
            backup(source, target, on_progress=shares.append)
            assert shares[-1] == 1.0
            db = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READONLY)
            assert db.execute("SELECT count(*) FROM event").get % 50 == 0
            assert (
                db.execute("SELECT count(*) FROM event").get
                == db.execute("SELECT sum(events) FROM rollup").get
            )
            db.close()
    finally:
        stop.set()
        writer.join()
        store.close()


def test_nothing_is_written_over(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    with pytest.raises(StoreError, match="is there already"):
        backup(source, target)
    assert target.read_text() == "mine"
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="is there already"):
        backup(source, tmp_path / "dangling")
    with pytest.raises(StoreError, match="is there already"):
        backup(source, source)


def test_where_it_cannot_be_written_is_a_sentence_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be written: No such file"):
        backup(source, tmp_path / "no" / "folder" / "copy.db")
    with pytest.raises(StoreError, match="there is no database"):
        backup(tmp_path / "nothing.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_damaged_source_gives_no_backup(source: Path, tmp_path: Path) -> None:
    data = bytearray(source.read_bytes())
    data[4096 * 3 : 4096 * 9] = b"\xff" * (4096 * 6)
    source.write_bytes(data)
    target = tmp_path / "copy.db"
    with pytest.raises(StoreError, match="damaged"):
        backup(source, target)
    assert beside(target) == []


def test_another_programs_database_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE x (y)")
    db.close()
    with pytest.raises(StoreError, match="another program"):
        backup(path, tmp_path / "copy.db")


def test_a_restored_backup_goes_on(source: Path, tmp_path: Path) -> None:
    """In the place of the old file: it opens, has what it had, and takes more."""
    target = tmp_path / "copy.db"
    backup(source, target)
    store = open_store(source)
    store.add(many(50, seed=9))
    store.close()
    target.replace(source)
    store = open_store(source)
    assert store.usage(ALL)[0].events == 500
    store.add(many(50, seed=9))
    assert store.usage(ALL)[0].events == 550
    store.close()
