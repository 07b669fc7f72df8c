"""What a store hands out to be sent, and how it numbers it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from openusage.errors import StoreError
from openusage.store import Met, Run, Store
from openusage.wire.events import Record
from openusage.wire.records import Outbox
from tests.store.samples import ALL, DAY_US, NOW_US, Name, fact, many, message, open_store, reading
from tests.store.test_schema import OLDEST

OTHER = "5" * 32


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store()
    yield store
    store.close()


def drained(store: Store, after: int = 0, limit: int = 7) -> tuple[list[Record], list[Outbox]]:
    """All records from `after` on, read in parts."""
    parts = [store.outbox(after, limit)]
    while parts[-1].waiting:
        parts.append(store.outbox(parts[-1].upto, limit))
        assert len(parts) < 10_000
    return [record for part in parts for record in part.records], parts


def test_everything_comes_out_once_and_as_it_went_in(store: Store) -> None:
    records: list[Record] = [*many(50), reading(), reading(NOW_US - 1, 3.0), fact("pro")]
    store.add(records)
    out, parts = drained(store)
    assert len(out) == len(records)
    assert all(record in out for record in records)
    assert [part.after for part in parts[1:]] == [part.upto for part in parts[:-1]]
    assert all(part.upto > part.after for part in parts)
    assert all(0 < len(part.records) <= 7 for part in parts)
    assert parts[-1].upto == parts[-1].last


def test_a_reading_that_history_no_longer_has_comes_out_once_too(store: Store) -> None:
    """Of readings of one old hour, history keeps the first; the newest of the key is another."""
    old = [reading(NOW_US - 20 * DAY_US + n, float(n)) for n in range(3)]
    store.add(old)
    assert drained(store)[0] == [old[2], old[0]]


def test_an_event_that_changed_comes_once_and_behind_all_others(store: Store) -> None:
    store.add([message("a"), message("b")])
    before = store.outbox(0, 10)
    store.add([message("a", output=200)])
    store.add([message("a", output=300), message("b")])
    assert [r.tokens.output for r in store.outbox(0, 10).records] == [100, 300]  # type: ignore[union-attr]
    news = store.outbox(before.upto, 10)
    assert news.records == [message("a", output=300)]
    assert (news.waiting, news.upto) == (0, news.last)


def test_what_changes_nothing_takes_no_number(store: Store) -> None:
    store.add([message("a"), reading(), fact("pro")])
    last = store.outbox(0, 1).last
    store.add([message("a"), message("a", output=50), reading(), fact("pro"), fact("old", NOW_US - 5)])
    store.reprice()
    assert store.outbox(last, 10) == store.outbox(0, 10).__class__(
        store_id=store.outbox(0, 1).store_id, after=last, upto=last, last=last
    )


def test_a_new_value_of_a_reading_or_fact_is_told(store: Store) -> None:
    store.add([reading(), fact("pro")])
    last = store.outbox(0, 9).upto
    store.add([reading(NOW_US + 1, 20.0), fact("max", NOW_US + 1)])
    assert store.outbox(last, 9).records == [reading(NOW_US + 1, 20.0), fact("max", NOW_US + 1)]


def test_numbers_rise_although_the_newest_events_are_gone(tmp_path: Path) -> None:
    """Pruning takes the rows, never the numbers: also not after opening again."""
    path = tmp_path / "usage.db"
    store = open_store(path)
    store.add([message("new"), message("old", NOW_US - 100 * DAY_US)])
    last = store.outbox(0, 9).last
    store.prune(NOW_US, 30)
    store.close()
    store = open_store(path)
    assert store.outbox(0, 9).last == last
    store.add([message("newer")])
    assert store.outbox(last, 9).records == [message("newer")]
    assert store.outbox(last, 9).upto > last
    store.close()


def test_other_machines_are_passed_over(store: Store) -> None:
    """A hub's store hands out nothing of what it was sent, and comes to an end all the same."""
    store.add(many(30, seed=2), machine="m2")
    store.add([message("mine"), reading(), fact("pro")])
    store.add([reading(key="other"), fact("x", key="other"), *many(30, seed=3)], machine="m3")
    records, parts = drained(store)
    assert records == [message("mine"), reading(), fact("pro")]
    assert parts[-1].upto == parts[-1].last


def test_nothing_is_waiting_in_an_empty_store(store: Store) -> None:
    out = store.outbox(0, 5)
    assert (out.records, out.upto, out.waiting, out.last) == ([], 0, 0, 0)
    assert len(out.store_id) == 32
    assert store.outbox_count(0) == 0


def test_only_asking_hands_out_nothing(store: Store) -> None:
    store.add(many(5))
    out = store.outbox(0, 0)
    assert (out.records, out.upto, out.waiting) == ([], 0, 5)


def test_what_was_sent_can_be_counted(store: Store) -> None:
    store.add([*many(20), reading(), fact("pro")])
    _, parts = drained(store)
    total = 0
    for part in parts:
        total += len(part.records)
        assert store.outbox_count(part.upto) == total


def test_a_store_keeps_its_id_and_secret_and_a_new_one_has_others(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db")
    first = store.outbox(0, 1).store_id, store.secret()
    store.close()
    store = open_store(tmp_path / "a.db")
    assert (store.outbox(0, 1).store_id, store.secret()) == first
    renewed = store.renew()
    assert store.outbox(0, 1).store_id == renewed != first[0]
    assert store.secret() == first[1]
    store.close()
    (tmp_path / "a.db").unlink()
    store = open_store(tmp_path / "a.db")
    assert store.outbox(0, 1).store_id not in (first[0], renewed)
    assert store.secret() != first[1]
    store.close()


def test_a_restored_copy_counts_under_another_id(tmp_path: Path) -> None:
    """It gives numbers again that the original gave to other records."""
    path = tmp_path / "usage.db"
    store = open_store(path)
    store.add(many(10))
    store_id = store.outbox(0, 1).store_id
    store.close()
    shutil.copy(path, tmp_path / "backup.db")
    store = open_store(path)
    assert store.outbox(0, 1).store_id == store_id
    store.add(many(5, seed=2))
    store.close()
    shutil.copy(tmp_path / "backup.db", path)
    store = open_store(path)
    assert store.outbox(0, 1).store_id != store_id
    assert store.usage(ALL)[0].events == 10
    store.close()


def test_a_store_saved_from_damage_counts_under_another_id(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    store = open_store(path)
    store.add([*many(2000), reading(), fact("pro")])
    store.add(many(5), machine="m2")
    store.add([message("theirs")], machine="m3", run=Run(OTHER, 0, 1))
    before = store.outbox(0, 1)
    copies = [(m.id, m.copies) for m in store.machines()]
    store.close()
    db = apsw.Connection(str(path))
    page = db.execute("SELECT max(pageno) FROM dbstat WHERE name = 'rollup_day'").get
    db.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    store = open_store(path)
    assert store.health().notes
    after = store.outbox(0, 1)
    assert after.store_id != before.store_id
    assert after.last == before.last
    assert len(drained(store, limit=500)[0]) == 2002
    assert [(m.id, m.copies) for m in store.machines()] == copies
    assert store.heard("m3", OTHER) == 1
    store.close()


def test_an_older_file_has_numbers_for_all_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    db = apsw.Connection(str(path))
    db.execute(OLDEST)
    values = "1790000100000000, '%', '5h', 15.0, 100.0, NULL, NULL, 'cap', 'account'"
    db.execute(
        f"""
        INSERT INTO reading VALUES (1, 'codex', 'codex', 'rate_limit_primary', 'm-laptop', {values});
        INSERT INTO reading_history VALUES (1, {values});
        INSERT INTO reading_history VALUES (1, {values.replace("1790000100000000", "1790000099999999")});
        INSERT INTO fact VALUES ('codex', 'codex', 'plan_type', 'm-laptop', 'pro', {NOW_US});
        """
    )
    db.close()
    with pytest.raises(StoreError, match="older"):
        Store.open_readonly(path)
    store = open_store(path)
    records, parts = drained(store, limit=1)
    assert records == [message("oldest"), reading(NOW_US - 1), reading(), fact("pro")]
    assert len({part.upto for part in parts}) == 4
    store.add([message("new")])
    assert store.outbox(parts[-1].upto, 9).records == [message("new")]
    store.close()


# -- the hub's side ------------------------------------------------------------------------------


def test_how_far_a_store_was_heard_is_kept_with_its_records(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    hub = open_store(path)
    assert hub.heard("m2", OTHER) == 0
    assert hub.add(many(5), machine="m2", run=Run(OTHER, 0, 5)).heard == 5
    assert hub.add([], machine="m2", run=Run(OTHER, 5, 9)).heard == 9
    assert (hub.heard("m2", OTHER), hub.heard("m3", OTHER), hub.heard("m2", "6" * 32)) == (9, 0, 0)
    hub.close()
    hub = open_store(path)
    assert hub.heard("m2", OTHER) == 9
    hub.close()


def test_a_run_that_leaves_a_gap_is_not_stored(store: Store) -> None:
    store.add(many(5), machine="m2", run=Run(OTHER, 0, 5))
    gap = store.add([message("late")], machine="m2", run=Run(OTHER, 6, 7))
    assert (gap.heard, gap.inserted) == (5, 0)
    assert store.heard("m2", OTHER) == 5
    assert store.usage(ALL)[0].events == 5
    assert store.add([message("late")], machine="m2", run=Run(OTHER, 5, 7)).heard == 7


def test_a_repeated_run_takes_nothing_back(store: Store) -> None:
    store.add(many(5), machine="m2", run=Run(OTHER, 0, 5))
    store.add(many(9)[5:], machine="m2", run=Run(OTHER, 5, 9))
    again = store.add(many(5), machine="m2", run=Run(OTHER, 0, 5))
    assert (again.heard, again.inserted, again.updated) == (9, 0, 0)
    assert store.usage(ALL)[0].events == 9


def test_a_failed_add_hears_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "hub.db")
    store.add([message("a")], machine="m2", run=Run(OTHER, 0, 1))
    store._db.pragma("max_page_count", store._db.pragma("page_count"))
    with pytest.raises(StoreError):
        store.add(many(3000), machine="m2", run=Run(OTHER, 1, 3001))
    assert store.heard("m2", OTHER) == 1
    store._db.pragma("max_page_count", 100_000)
    assert store.add(many(3000), machine="m2", run=Run(OTHER, 1, 3001)).heard == 3001
    store.close()


def test_a_refused_event_does_not_hold_up_the_others(store: Store) -> None:
    result = store.add([message("a", at_us=-1), message("b")], machine="m2", run=Run(OTHER, 0, 2))
    assert (result.refused, result.inserted, result.heard) == (1, 1, 2)


def test_a_machine_named_only_in_passing_is_known(store: Store) -> None:
    store.meet(Name("m2", "desktop"))
    assert [(m.id, m.name, m.events, m.first_event_us) for m in store.machines()] == [
        ("m-laptop", "laptop", 0, None),
        ("m2", "desktop", 0, None),
    ]


def test_what_was_seen_of_a_machine_is_kept(tmp_path: Path) -> None:
    """Over a restart, with what was not said this time; and it is no change of any other answer."""
    store = open_store(tmp_path / "hub.db")
    store.add(many(20), machine="m2")
    store.add([message("copied", NOW_US)], machine="m2")
    store.add([message("copied", NOW_US - 1)], machine="m3")
    revision = store.revision()
    store.meet(
        Met(id="m2", name="desktop", version="1.2", heard_us=NOW_US, skew_us=-7, backlog=12),
        Met(id="m3", name="old one", heard_us=5),
    )
    store.meet(Met(id="m2", name="desktop", heard_us=NOW_US + 1))
    assert store.revision() == revision
    store.close()
    store = open_store(tmp_path / "hub.db")
    _, desktop, old = store.machines()
    assert (desktop.name, desktop.version, desktop.heard_us) == ("desktop", "1.2", NOW_US + 1)
    assert (desktop.skew_us, desktop.backlog, desktop.events, desktop.copies) == (-7, 12, 20, 1)
    times = [event.at_us for event in many(20)]
    assert (desktop.first_event_us, desktop.last_event_us) == (min(times), max(times))
    assert (old.version, old.heard_us, old.skew_us, old.backlog) == ("", 5, None, None)
    assert (old.events, old.copies, old.last_event_us) == (1, 0, NOW_US - 1)
    store.close()


def test_copies_of_pruned_events_are_not_counted(store: Store) -> None:
    store.add([message("a", NOW_US - 50 * DAY_US), message("b")], machine="m2")
    store.add([message("a", NOW_US - 50 * DAY_US), message("b")], machine="m3")
    assert [m.copies for m in store.machines()] == [0, 0, 2]
    store.prune(NOW_US, 30)
    assert [m.copies for m in store.machines()] == [0, 0, 1]
