from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from openusage.errors import StoreError
from openusage.store import schema
from openusage.wire.rollups import By
from tests.store.samples import ALL, message, open_store

OLDEST = (Path(__file__).parents[1] / "fixtures" / "store" / "schema_1.sql").read_text()
"""The first version's tables, frozen, with one event and its sums."""


def columns(db: apsw.Connection) -> dict[str, list[str]]:
    tables = [
        name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
    ]
    return {t: [row[1] for row in db.execute(f"PRAGMA table_info({t})")] for t in tables}


def test_a_blank_database_gets_the_present_tables() -> None:
    db = apsw.Connection(":memory:")
    schema.migrate(db, "blank")
    found = columns(db)
    assert db.pragma("user_version") == schema.VERSION
    assert db.pragma("application_id") == schema.APPLICATION_ID
    assert sorted(found) == [
        "coarse",
        "coarse_of",
        "copy",
        "cursor",
        "event",
        "fact",
        "floor",
        "heard",
        "machine",
        "meta",
        "price_version",
        "pruned",
        "reading",
        "reading_history",
        "rollup",
        "rollup_day",
        "series",
        "session",
        "session_day",
        "sum_ever",
        "sum_hour",
        "sum_model",
        "sum_project",
        "sum_shared",
        "sum_slot",
    ]
    sums = [*schema.SUMS, "first_us", "last_us"]
    assert found["series"] == ["id", *schema.LABELS]
    assert found["rollup"] == ["slot", "series_id", "session_id", *sums]
    assert found["rollup_day"] == ["day", "series_id", *sums]
    assert set(schema.COUNTS) < set(found["event"])


def test_the_oldest_file_with_a_row_becomes_the_newest(tmp_path: Path) -> None:
    """It has the columns of a blank database, and its row is counted, known, and can grow."""
    path = tmp_path / "usage.db"
    db = apsw.Connection(str(path))
    db.execute(OLDEST)
    db.close()
    store = open_store(path)
    blank = apsw.Connection(":memory:")
    schema.migrate(blank, "blank")
    assert columns(store._db) == columns(blank)
    assert [(r.events, r.output, r.cost_nano) for r in store.usage(ALL)] == [(1, 100, 1530)]
    assert store.add([message("oldest")]).unchanged == 1
    assert store.add([message("oldest", output=101)]).updated == 1
    assert store.usage(ALL)[0].output == 101
    store.keep_levels()
    assert [(r.key, r.output) for r in store.usage(ALL, [By.PROJECT])] == [({"project": "demo"}, 101)]
    store.close()


def test_a_newer_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    store = open_store(path)
    store.add([message("a")])
    store._db.pragma("user_version", schema.VERSION + 6)
    store.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"version {schema.VERSION + 6}") as caught:
        open_store(path)
    assert "Update openusage" in caught.value.hint
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.corrupt*"))


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "cookies.db"
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE cookies (name); INSERT INTO cookies VALUES ('x')")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_the_old_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step and its record are one transaction."""
    path = tmp_path / "usage.db"
    store = open_store(path)
    store.add([message("a")])
    store.close()

    def breaks(db: apsw.Connection) -> None:
        db.execute("ALTER TABLE machine ADD COLUMN colour")
        db.execute("DELETE FROM event")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", (*schema.STEPS, breaks))
        patch.setattr(schema, "VERSION", schema.VERSION + 1)
        with pytest.raises(KeyboardInterrupt):
            open_store(path)
    store = open_store(path)
    assert store._db.pragma("user_version") == schema.VERSION
    assert "colour" not in columns(store._db)["machine"]
    assert store.usage(ALL)[0].events == 1
    store.close()
