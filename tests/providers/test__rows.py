"""New rows, and known ones that were written again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec
import pytest

from openusage.providers import _sqlite
from openusage.providers._rows import KEPT_OPEN, Followed, Row, Table, Trail
from openusage.providers._sqlite import Database

ITEMS = Table(name="item", columns="data, at", stamp="at")


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[apsw.Connection]:
    """The tool itself, with 100 rows in its database."""
    db = apsw.Connection(str(tmp_path / "tool.db"))
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", 0)
    db.execute("CREATE TABLE item (id TEXT PRIMARY KEY, data TEXT, at INTEGER DEFAULT 0)")
    db.executemany("INSERT INTO item (id, data) VALUES (?, '')", [(f"i{n}",) for n in range(100)])
    yield db
    db.close()


@pytest.fixture
def db(tool: apsw.Connection) -> Iterator[Database]:
    state = _sqlite.stat(tool.filename)
    assert state is not None
    with _sqlite.opened(state) as db:
        yield db


def read(db: Database, rows: Followed, may_change: str = "") -> list[str]:
    """Names of the rows that are read; those whose data is `may_change` may be written again."""

    def names(found: list[Row]) -> list[str]:
        rows.keep(db, ITEMS, found, [key for _, key, data, _ in found if data == may_change != ""])
        return [key for _, key, *_ in found]

    return [name for batch, _ in rows.batches(db, ITEMS, names) for name in batch]


def test_only_new_rows_are_read(tool: apsw.Connection, db: Database) -> None:
    rows = Followed()
    assert len(read(db, rows)) == 100
    assert read(db, rows) == []
    tool.execute("INSERT INTO item (id) VALUES ('new')")
    again = msgspec.json.decode(msgspec.json.encode(rows), type=Followed)
    assert read(db, again) == ["new"]


def test_no_transaction_is_open_between_batches(
    tool: apsw.Connection, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqlite, "BATCH_ROWS", 30)
    shares = []
    for _, share in Followed().batches(db, ITEMS, len):
        assert tool.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE) == (0, 0)
        shares.append(share)
    assert shares == [0.3, 0.6, 0.9, 1.0]


def test_a_row_that_may_change_is_read_again_when_it_did(tool: apsw.Connection, db: Database) -> None:
    rows = Followed()
    tool.execute("UPDATE item SET data = 'running' WHERE id IN ('i3', 'i5', 'i7')")
    read(db, rows, "running")
    assert read(db, rows, "running") == []
    tool.execute(
        "UPDATE item SET at = 1, data = 'done' WHERE id = 'i3'; UPDATE item SET at = 1 WHERE id = 'i5'"
    )
    assert sorted(read(db, rows, "running")) == ["i3", "i5"]
    tool.execute("UPDATE item SET at = 2 WHERE id IN ('i3', 'i5'); DELETE FROM item WHERE id = 'i7'")
    assert read(db, rows, "running") == ["i5"]
    assert list(rows.open) == ["i5"]


def test_what_never_ends_is_forgotten_at_last(tool: apsw.Connection, db: Database) -> None:
    rows = Followed()
    tool.execute("UPDATE item SET data = 'running'")
    tool.executemany("INSERT INTO item (id, data) VALUES (?, 'running')", [(f"n{n}",) for n in range(200)])
    read(db, rows, "running")
    assert len(rows.open) == KEPT_OPEN
    assert "n199" in rows.open


@pytest.mark.parametrize(
    ("then", "most"),
    [
        ("", 100),
        ("INSERT INTO item (id) VALUES ('new')", 100),
        ("DELETE FROM item WHERE id = 'i0'", 100),
        ("DELETE FROM item WHERE id IN ('i98', 'i99'); INSERT INTO item (id) VALUES ('new')", 98),
        ("DELETE FROM item WHERE id = 'i10'; UPDATE item SET rowid = rowid - 1 WHERE rowid > 11", 11),
        ("DELETE FROM item", 0),
    ],
)
def test_a_trail_leads_back_to_the_last_row_that_is_where_it_was(
    tool: apsw.Connection, db: Database, then: str, most: int
) -> None:
    trail = Trail()
    for n in range(100):
        trail.add(n + 1, f"i{n}")
    assert len(trail.marks) <= 9
    tool.execute(then)
    start = trail.start(db, "item", "id")
    unread = [name for (name,) in db.rows("SELECT id FROM item WHERE rowid > ?", (start,))]
    assert ("new" in then) == ("new" in unread)
    assert start <= most
