from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from openusage.errors import StoreError
from openusage.store import Store, salvage, sums
from openusage.wire.cursors import FileCursor
from openusage.wire.rollups import Window
from tests.store.samples import ALL, DAY_US, NOW_US, everything, fact, many, message, open_store, reading

PAGE = 4096
CURSOR = FileCursor(path="log", inode=1, size=9, mtime_ns=0, offset=9)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with events, pruned events, readings, a fact and a cursor, closed."""
    path = tmp_path / "usage.db"
    store = open_store(path)
    store.add([*many(3000, days=40), reading(), fact("pro")], cursors=[CURSOR], provider="p", account="a")
    store.prune(NOW_US, 30)
    store.close()
    return path


def pages(path: Path, table: str, leaf_only: bool = True) -> list[int]:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    kind = "AND pagetype = 'leaf'" if leaf_only else ""
    found = [
        n for (n,) in db.execute(f"SELECT pageno FROM dbstat WHERE name = ? {kind} ORDER BY path", (table,))
    ]
    db.close()
    return found


def spoil(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


def middle(path: Path, table: str) -> int:
    found = pages(path, table)
    return found[len(found) // 2]


def answers(path: Path) -> list[object]:
    reader = Store.open_readonly(path, "m-laptop")
    found = everything(reader)
    reader.close()
    return found


def days_agree(store: Store) -> bool:
    before = everything(store)
    with store._transaction():
        sums.rebuild_days(store._db)
    return everything(store) == before


def test_damaged_sums_are_made_anew_from_the_events(path: Path) -> None:
    """All events can be read: every answer about the kept days is as before, and cursors stay."""
    before = answers(path)
    total = before[0]
    spoil(path, middle(path, "rollup_day"))
    store = open_store(path, NOW_US)
    assert everything(store) == before
    assert store.usage(ALL) == total
    (note,) = store.health().notes
    assert "was damaged" in note
    assert "all" in note
    assert store.cursors("p", "a") == {"log": CURSOR}
    (aside,) = path.parent.glob("usage.db.corrupt.*Z")
    assert str(aside) in note
    store.close()


def test_lost_events_stay_in_the_sums_and_are_not_counted_again(path: Path) -> None:
    """Sums can be read, events cannot: nothing is lost, and logs that are read again add nothing old."""
    before = Store.open_readonly(path, "m-laptop")
    total, readings, facts = before.usage(ALL), before.readings(), before.facts()
    before.close()
    for page in pages(path, "event")[3:6]:
        spoil(path, page)
    store = open_store(path, NOW_US)
    assert store.usage(ALL) == total
    assert (store.readings(), store.facts()) == (readings, facts)
    assert 1000 < store.health().events < 2300
    assert store.cursors("p", "a") == {}
    assert store.add(many(3000, days=40)).inserted == 0
    assert store.usage(ALL) == total
    assert store.add([message("fresh", NOW_US + DAY_US)]).inserted == 1
    assert store.add([message("old", NOW_US - DAY_US)], machine="m-new").inserted == 1
    assert store.usage(ALL)[0].events == 3002
    assert days_agree(store)
    store.close()


def test_when_neither_can_be_read_logs_are_read_again(path: Path) -> None:
    """What is lost comes back from the logs; what was pruned before is not counted twice."""
    for table in ("event", "rollup"):
        spoil(path, middle(path, table))
    store = open_store(path, NOW_US)
    assert store.cursors("p", "a") == {}
    assert 2000 < store.usage(ALL)[0].events < 3000
    inserted = store.add(many(3000, days=40)).inserted
    assert 0 < inserted < 200
    assert store.usage(ALL)[0].events <= 3000
    recent = [e for e in many(3000, days=40) if e.at_us >= NOW_US - 29 * DAY_US]
    assert store.usage(Window("custom", NOW_US - 29 * DAY_US, None))[0].events == len(recent)
    store.close()


@pytest.mark.parametrize("page", [1, 2])
def test_a_file_that_cannot_be_read_at_all_is_kept_aside(path: Path, page: int) -> None:
    spoil(path, 1)
    if page == 2:
        path.write_bytes(b"not a database, but long enough to be looked at\n" * 1000)
    damaged = path.read_bytes()
    store = open_store(path, NOW_US)
    assert store.usage(ALL)[0].events == 0
    (aside,) = path.parent.glob("usage.db.corrupt.*Z")
    assert aside.read_bytes() == damaged
    assert store.health().notes
    assert store.add(many(100)).inserted == 100
    store.close()
    store = open_store(path, NOW_US)
    assert store.usage(ALL)[0].events == 100
    assert store.health().notes
    for file in path.parent.glob("usage.db.corrupt.*"):
        file.unlink()
    assert store.health().notes == []
    store.close()


def test_a_file_cut_short_is_saved_as_far_as_it_goes(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 3 // 4 // PAGE * PAGE)
    store = open_store(path, NOW_US)
    assert store.health().notes
    assert store.usage(ALL)[0].events <= 3000
    store.add(many(3000, days=40))
    assert store.usage(ALL)[0].events <= 3000
    store.close()


def test_three_damaged_files_are_kept(path: Path) -> None:
    for n in range(5):
        spoil(path, 1)
        open_store(path, NOW_US + n * 1_000_000).close()
    kept = sorted(p.name for p in path.parent.glob("usage.db.corrupt.*Z"))
    assert [name[-7:] for name in kept] == ["141502Z", "141503Z", "141504Z"]
    assert len(list(path.parent.glob("usage.db.corrupt.*.txt"))) == 3


def test_damage_seen_while_working_is_healed_at_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer that meets it leaves word: the next one looks longer than it would after a clean end."""
    looks: list[float] = []
    look = salvage._damage

    def watched(path: Path, limit_s: float) -> str:
        looks.append(limit_s)
        return look(path, limit_s)

    monkeypatch.setattr(salvage, "_damage", watched)
    store = open_store(path, NOW_US)
    for page in pages(path, "sqlite_autoindex_event_1"):
        spoil(path, page)
    with pytest.raises(StoreError, match="damaged"):
        store.add(many(50, seed=9))
    store.close()
    store = open_store(path, NOW_US)
    assert looks == [salvage.QUICK_LOOK_S, salvage.LONG_LOOK_S]
    assert "all" in store.health().notes[0]
    assert store.usage(ALL)[0].events == 3000
    assert store.add(many(50, seed=9)).inserted == 50
    store.close()


def test_a_sound_file_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    salvage.heal(path, NOW_US, left_open=True)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*corrupt*"))
