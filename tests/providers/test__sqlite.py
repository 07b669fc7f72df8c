"""Databases of other programs: read while they are written, and left as they were."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from openusage.errors import SourceChanged, SourceError, SourceUnavailable
from openusage.providers import _sqlite
from openusage.providers._contract import Chunk
from openusage.providers._sqlite import Batch, Database
from openusage.wire.cursors import FileCursor


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An invented tool's folder and database; `#` and `?` mean something in an address."""
    folder = tmp_path / "a tool #1?"
    folder.mkdir()
    return folder / "tool 100%.db"


def owner(path: Path, *, wal: bool = True, rows: int = 3) -> apsw.Connection:
    """The tool itself, with its database open."""
    db = apsw.Connection(str(path))
    db.set_busy_timeout(0)
    db.pragma("synchronous", 0)
    db.pragma("journal_mode", "wal" if wal else "delete")
    db.execute("CREATE TABLE IF NOT EXISTS item (id TEXT PRIMARY KEY, data TEXT)")
    with db:
        db.executemany("INSERT INTO item VALUES (?, '{}')", [(f"i{n}",) for n in range(rows)])
    return db


def names(db: Database, state: bytes) -> Iterator[Batch]:
    """A reader that remembers, as its state, what it saw."""
    found = [name for (name,) in db.rows("SELECT id FROM item ORDER BY rowid")]
    yield Batch(records=[], state=",".join(found).encode())


def read(
    *paths: Path, cursors: dict[str, FileCursor] | None = None, reader: _sqlite.Reader = names
) -> list[Chunk]:
    known = {} if cursors is None else cursors
    chunks = list(_sqlite.read([str(p) for p in paths], dict(known), None, reader))
    for chunk in chunks:
        known.update((c.path, c) for c in chunk.cursors)
        for gone in chunk.gone:
            del known[gone]
    return chunks


def seen(chunks: list[Chunk]) -> str:
    return chunks[-1].cursors[0].state.decode()


def files(path: Path) -> list[str]:
    return sorted(p.name.removeprefix(path.name) for p in path.parent.iterdir())


def test_rows_that_are_only_in_the_log_are_seen(path: Path) -> None:
    tool = owner(path)
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    assert seen(read(path)) == "i0,i1,i2"
    tool.close()


def test_reading_leaves_no_file_and_no_change_behind(path: Path) -> None:
    owner(path).close()
    before = path.read_bytes()
    assert files(path) == [""]
    assert seen(read(path)) == "i0,i1,i2"
    assert files(path) == [""]
    assert path.read_bytes() == before


def test_a_reader_keeps_its_owner_neither_from_writing_nor_from_checkpointing(path: Path) -> None:
    tool = owner(path)

    def slow(db: Database, state: bytes) -> Iterator[Batch]:
        for n in range(3):
            assert db.rows("SELECT count(*) FROM item")[0][0] == 3 + n
            yield Batch(records=[], state=b"")
            tool.execute("INSERT INTO item VALUES (?, '')", (f"new{n}",))
            assert tool.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE) == (0, 0)

    assert len(read(path, reader=slow)) == 3
    tool.close()


def test_an_unchanged_database_is_not_opened_again(path: Path) -> None:
    tool = owner(path)
    cursors: dict[str, FileCursor] = {}
    read(path, cursors=cursors)

    def never(db: Database, state: bytes) -> Iterator[Batch]:
        raise AssertionError("opened")

    assert read(path, cursors=cursors, reader=never) == []
    assert _sqlite.plan([str(path)], cursors).files == 0
    tool.execute("INSERT INTO item VALUES ('i3', '')")
    assert _sqlite.plan([str(path)], cursors).files == 1
    assert seen(read(path, cursors=cursors)) == "i0,i1,i2,i3"
    tool.close()


def test_a_read_that_was_stopped_counts_as_unread(path: Path) -> None:
    tool = owner(path)

    def two(db: Database, state: bytes) -> Iterator[Batch]:
        for n in range(int(state or b"0"), 2):
            yield Batch(records=[], state=str(n + 1).encode(), share=(n + 1) / 2)

    first = next(_sqlite.read([str(path)], {}, None, two))
    assert 0 < first.bytes_read < _sqlite.plan([str(path)], {}).bytes_to_read
    cursors = {c.path: c for c in first.cursors}
    assert _sqlite.plan([str(path)], cursors).files == 1
    (rest,) = read(path, cursors=cursors, reader=two)
    assert rest.cursors[0].state == b"2"
    assert _sqlite.plan([str(path)], cursors).files == 0
    tool.close()


def test_the_bytes_read_are_the_bytes_planned(path: Path) -> None:
    tool = owner(path, rows=2000)
    cursors: dict[str, FileCursor] = {}
    for rows in (0, 1, 3000):
        with tool:
            tool.executemany("INSERT INTO item VALUES (?, '')", [(f"{rows}:{n}",) for n in range(rows)])
        planned = _sqlite.plan([str(path)], cursors).bytes_to_read
        assert sum(c.bytes_read for c in read(path, cursors=cursors)) == planned
    tool.close()


@pytest.mark.parametrize("wal", [True, False], ids=["with a log", "without"])
def test_a_locked_database_is_unavailable_for_now(path: Path, wal: bool) -> None:
    tool = owner(path, wal=wal)
    tool.pragma("locking_mode", "exclusive")
    tool.execute("BEGIN EXCLUSIVE; INSERT INTO item VALUES ('late', '')")
    with pytest.raises(SourceUnavailable, match="is locked by another program"):
        read(path)
    tool.execute("COMMIT")
    tool.close()
    assert seen(read(path)) == "i0,i1,i2,late"


def test_waiting_for_a_lock_ends_when_it_is_given_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sqlite, "BUSY_TIMEOUT_MS", 60_000)
    tool = owner(path, wal=False)
    tool.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.05, lambda: tool.execute("COMMIT"))
    release.start()
    assert seen(read(path)) == "i0,i1,i2"
    release.join()
    tool.close()


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"no database at all, only a text of some length" * 50, SourceChanged, "no SQLite database"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, SourceError, "tool 100%.db"),
    ],
)
def test_a_foreign_file_is_told(path: Path, content: bytes, error: type[SourceError], words: str) -> None:
    path.write_bytes(content)
    with pytest.raises(error, match=words):
        read(path)


def test_a_half_written_database_is_damaged(path: Path) -> None:
    owner(path, rows=4000).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceUnavailable, match="damaged"):
        read(path)
    path.write_bytes(whole)
    assert seen(read(path)).count(",") == 3999


def test_another_format_is_told_by_table_and_column(path: Path) -> None:
    tool = owner(path)

    def expecting(table: str, column: str) -> _sqlite.Reader:
        def reader(db: Database, state: bytes) -> Iterator[Batch]:
            db.expect(table, column)
            yield Batch(records=[], state=b"")

        return reader

    with pytest.raises(SourceChanged, match="no table `session`") as told:
        read(path, reader=expecting("session", "id"))
    assert told.value.hint
    with pytest.raises(SourceChanged, match="`item` has no column `cost`"):
        read(path, reader=expecting("item", "cost"))

    def asking(db: Database, state: bytes) -> Iterator[Batch]:
        yield Batch(records=[], state=str(db.rows("SELECT cost FROM item")).encode())

    with pytest.raises(SourceChanged, match="no such column"):
        read(path, reader=asking)
    tool.close()


def test_a_database_without_tables_has_nothing_yet(path: Path) -> None:
    tool = apsw.Connection(str(path))
    tool.pragma("user_version", 1)
    tool.close()
    cursors: dict[str, FileCursor] = {}
    assert [c.problems for c in read(path, cursors=cursors)] == [[]]
    path.write_bytes(b"")
    assert read(path, cursors={}) == []


def test_columns_that_a_version_lacks_are_null(path: Path) -> None:
    tool = owner(path, rows=1)
    state = _sqlite.stat(path)
    assert state is not None
    with _sqlite.opened(state) as db:
        rows = db.rows(f"SELECT {db.select('item', ('id', 'cost', 'data!', 'rowid'))} FROM item")
    assert rows == [("i0", None, b"{}", 1)]
    tool.close()


def test_what_was_read_without_locks_while_somebody_wrote_is_dropped(path: Path) -> None:
    owner(path).close()

    def beside_a_writer(db: Database, state: bytes) -> Iterator[Batch]:
        db.rows("SELECT id FROM item")
        tool = owner(path, rows=0)
        tool.execute("INSERT INTO item VALUES ('i9', '')")
        tool.close()
        yield Batch(records=[], state=b"torn")

    cursors: dict[str, FileCursor] = {}
    with pytest.raises(SourceUnavailable, match="was written while it was read"):
        read(path, cursors=cursors, reader=beside_a_writer)
    assert cursors == {}
    assert seen(read(path)) == "i0,i1,i2,i9"


def test_one_database_that_cannot_be_read_costs_only_itself(path: Path) -> None:
    good, bad = path, path.with_name("bad.db")
    owner(good).close()
    bad.write_bytes(b"x" * 5000)
    chunks = read(bad, good)
    assert [p.path for c in chunks for p in c.problems] == [str(bad)]
    assert [c.path for chunk in chunks for c in chunk.cursors] == [str(good)]
    good.write_bytes(b"y" * 5000)
    with pytest.raises(SourceChanged, match=r"bad\.db"):
        read(bad, good)


def test_what_was_read_before_an_error_stays(path: Path) -> None:
    owner(path).close()

    def breaking(db: Database, state: bytes) -> Iterator[Batch]:
        yield Batch(records=[], state=b"half", share=0.5)
        db.rows("SELECT nothing FROM nowhere")

    chunks = _sqlite.read([str(path)], {}, None, breaking)
    (cursor,) = next(chunks).cursors
    assert cursor.state == b"half"
    with pytest.raises(SourceChanged):
        next(chunks)
    assert _sqlite.plan([str(path)], {cursor.path: cursor}).files == 1


def test_a_deleted_database_is_forgotten_but_not_a_folder_that_may_come_back(path: Path) -> None:
    owner(path).close()
    cursors: dict[str, FileCursor] = {}
    read(path, cursors=cursors)
    moved = path.parent.rename(path.parent.with_name("unmounted"))
    assert read(path, cursors=cursors) == []
    moved.rename(path.parent)
    path.unlink()
    assert [c.gone for c in read(path, cursors=cursors)] == [[str(path)]]


def test_what_is_no_file_is_no_database(path: Path) -> None:
    path.mkdir()
    pipe = path.with_name("pipe.db")
    os.mkfifo(pipe)
    assert read(path, pipe) == []


def test_a_woken_read_looks_at_the_database_its_log_and_the_folders_around(path: Path) -> None:
    owner(path).close()
    link = path.parent.with_name("link")
    link.symlink_to(path.parent)
    through = str(link / path.name)
    real = os.path.realpath(path)
    for changed in ([real], [f"{real}-wal"], [str(path.parent)]):
        assert _sqlite.is_touched(through, changed)
    assert not _sqlite.is_touched(through, [f"{real}-shm", f"{real}.lock", str(path.parent / "other")])
    assert not _sqlite.is_touched(through, [])
    assert _sqlite.is_touched(through, None)
