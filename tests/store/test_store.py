"""One file, several threads and processes, and everything that happens to files."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import apsw
import pytest

from openusage.errors import AlreadyRunning, StoreError
from openusage.store import Store, sums
from openusage.wire.cursors import FileCursor
from openusage.wire.rollups import By
from tests.store.samples import ALL, NOW_US, everything, fact, many, message, open_store, reading

CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.store.samples import *
store = open_store(Path({path!r}))
print("open", flush=True)
{code}
"""


def child(path: Path, code: str) -> subprocess.Popen[str]:
    """A real process that has the store open for writing."""
    root = str(Path(__file__).parents[2])
    script = CHILD.format(root=root, path=str(path), code=code)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def cursor(path: str = "/logs/a.jsonl", offset: int = 10, **more: int) -> FileCursor:
    fields = {"inode": 7, "size": 12, "mtime_ns": 99} | more
    return FileCursor(path=path, offset=offset, state=b'{"n":1}', **fields)


def test_what_was_stored_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "usage.db"
    store = open_store(path)
    store.add([*many(200), reading(), fact("pro")])
    before = everything(store)
    store.close()
    store = open_store(path)
    assert everything(store) == before
    assert store.add(many(200)).unchanged == 200
    store.close()


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "usage.db"
    store = open_store(path)
    store.add([message("a")])
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert path.parent.joinpath("usage.db-wal").exists()
    store.close()


def test_a_second_writer_is_told_who_has_the_store(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    process = child(path, "input()")
    try:
        with pytest.raises(AlreadyRunning, match=str(process.pid)):
            open_store(path)
    finally:
        process.kill()
        process.communicate()
    open_store(path).close()


def test_a_second_open_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    store = open_store(tmp_path / "usage.db")
    with pytest.raises(AlreadyRunning):
        open_store(tmp_path / "usage.db")
    store.close()
    open_store(tmp_path / "usage.db").close()


def test_cursors_come_back_as_they_were_kept(tmp_path: Path) -> None:
    """Also names that are not text, and inodes that need all 64 bits."""
    path = tmp_path / "usage.db"
    odd = cursor("/logs/demo\udce9.jsonl", inode=(1 << 64) - 3)
    store = open_store(path)
    store.add([message("a")], cursors=[cursor(), odd], provider="p", account="a")
    store.add([], cursors=[cursor("/logs/b", 3)], provider="p", account="other")
    store.close()
    store = open_store(path)
    assert store.cursors("p", "a") == {c.path: c for c in (cursor(), odd)}
    assert store.cursors("p", "none") == {}
    store.add([], cursors=[cursor(offset=12)], gone=[odd.path], provider="p", account="a")
    assert store.cursors("p", "a") == {"/logs/a.jsonl": cursor(offset=12)}
    store.close()


def test_a_failed_add_changes_nothing(tmp_path: Path) -> None:
    """Records, sums, cursors and remembered labels: all or nothing, and the next add works."""
    path = tmp_path / "usage.db"
    store = open_store(path)
    store.add([message("a")])
    before = everything(store)
    full = store._db.pragma("page_count")
    store._db.pragma("max_page_count", full)
    with pytest.raises(StoreError, match="no space left"):
        store.add(many(3000), cursors=[cursor()], provider="p", account="a", machine="new machine")
    assert everything(store) == before
    assert store.cursors("p", "a") == {}
    assert store.health().notes != []
    store._db.pragma("max_page_count", full + 10_000)
    result = store.add(many(3000), cursors=[cursor()], provider="p", account="a", machine="new machine")
    assert result.inserted == 3000
    assert store.health().notes == []
    assert len(store.cursors("p", "a")) == 1
    assert store.usage(ALL)[0].events == 3001
    assert sum(row.events for row in store.usage(ALL, [By.MACHINE])) == 3001
    store.close()


def test_a_full_disk_stops_writing_and_not_reading(tmp_path: Path) -> None:
    """The log cannot grow: a limit on file sizes that the system enforces on a real process."""
    path = tmp_path / "usage.db"
    code = """
import resource, signal
from openusage.errors import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store.add([message("a")])
store.checkpoint()
size = Path(store._path).stat().st_size + 150_000
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
try:
    store.add(many(20_000))
    print("stored")
except StoreError as e:
    print("refused:", e.message, "|", e.hint)
print(store.usage(ALL)[0].events, len(store.health().notes))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(store.add(many(20_000)).inserted, store.health().notes)
store.close()
"""
    output, _ = child(path, code).communicate(timeout=60)
    refused, reading_on, again = output.splitlines()
    assert refused.startswith("refused:")
    assert "Free some space" in refused
    assert reading_on == "1 1"
    assert again == "20000 []"
    store = open_store(path)
    assert store.usage(ALL)[0].events == 20_001
    store.close()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match=r"usage\.db"):
        open_store(tmp_path / "file" / "usage.db")
    (tmp_path / "usage.db").mkdir()
    with pytest.raises(StoreError, match=os.strerror(errno.EISDIR)):
        open_store(tmp_path / "usage.db")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_writer_killed_in_the_middle_leaves_whole_transactions(tmp_path: Path, seed: int) -> None:
    """kill -9 at any time: the sums agree with the events, and the cursor with what was stored."""
    path = tmp_path / "usage.db"
    code = """
events = many(40_000)
for n in range(0, 40_000, 500):
    at = n + 500
    mark = FileCursor(path="log", inode=1, size=40_000, mtime_ns=0, offset=at)
    store.add(events[n:at], cursors=[mark], provider="p", account="a")
    print(at, flush=True)
"""
    process = child(path, "from openusage.wire.cursors import FileCursor\n" + code)
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    time.sleep(random.Random(seed).random() * 0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store = open_store(path)
    assert store.health().notes == []
    offset = store.cursors("p", "a")["log"].offset
    assert offset >= 1500
    assert store.usage(ALL)[0].events == offset
    before = everything(store)
    with store._transaction():
        sums.rebuild(store._db, 0)
    assert everything(store) == before
    assert store.add(many(40_000)).inserted == 40_000 - offset
    store.close()


def test_a_second_process_reads_while_the_first_writes(tmp_path: Path) -> None:
    """A reader sees whole transactions only, and cannot write."""
    path = tmp_path / "usage.db"
    code = """
events = many(30_000)
store.add(events[:1000])
print("first", flush=True)
for n in range(1000, 30_000, 1000):
    store.add(events[n:n + 1000])
store.close()
"""
    process = child(path, code)
    assert process.stdout is not None
    assert process.stdout.readline() == "first\n"
    reader = Store.open_readonly(path)
    seen = []
    while process.poll() is None:
        seen.append(reader.usage(ALL)[0].events)
        assert sum(row.events for row in reader.usage(ALL, [By.DAY])) >= seen[-1]
    assert all(count % 1000 == 0 for count in seen)
    assert seen == sorted(seen)
    assert reader.usage(ALL)[0].events == 30_000
    with reader._borrow() as db, pytest.raises(apsw.ReadOnlyError):
        db.execute("DELETE FROM event")
    reader.close()
    process.communicate()


def test_threads_ask_while_one_writes(tmp_path: Path) -> None:
    store = open_store(tmp_path / "usage.db")
    events = many(6000)
    done = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        last = 0
        while not done.is_set():
            try:
                count = store.usage(ALL)[0].events
                if count < last or count % 500:
                    wrong.append(count)
                last = count
            except Exception as e:
                wrong.append(e)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(0, 6000, 500):
        store.add(events[start : start + 500])
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert store.usage(ALL)[0].events == 6000
    store.close()


def test_a_question_sees_one_moment_of_the_store(tmp_path: Path) -> None:
    """A question is several statements; what is written between them does not show."""
    store = open_store(tmp_path / "usage.db")
    store.add([message("a")])
    with store._borrow() as db:
        before = db.execute("SELECT count(*) FROM event").get
        store.add([message("b")])
        assert db.execute("SELECT count(*) FROM event").get == before
    assert store.usage(ALL)[0].events == 2
    store.close()


def test_a_store_in_memory_answers_several_threads() -> None:
    store = open_store()
    store.add([message("a")])
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(store.usage(ALL)[0].events)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 4
    store.close()


def test_a_reader_needs_a_store_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        Store.open_readonly(tmp_path / "usage.db")
    (tmp_path / "usage.db").touch()
    with pytest.raises(StoreError, match="empty"):
        Store.open_readonly(tmp_path / "usage.db")
    assert (tmp_path / "usage.db").stat().st_size == 0


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path / "usage.db")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.usage(ALL)
    with pytest.raises(StoreError):
        store.add([message("a")])


def test_a_checkpoint_empties_the_log(tmp_path: Path) -> None:
    store = open_store(tmp_path / "usage.db")
    store.add(many(500))
    log = tmp_path / "usage.db-wal"
    before = store.health()
    assert log.stat().st_size > 0
    store.checkpoint()
    after = store.health()
    assert log.stat().st_size == 0
    assert after.size_bytes > before.size_bytes
    assert after.events == 500
    store.close()


def test_another_program_that_locks_the_file_is_named_as_the_cause(tmp_path: Path) -> None:
    store = open_store(tmp_path / "usage.db")
    store._db.set_busy_timeout(50)
    other = apsw.Connection(str(tmp_path / "usage.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        store.add([message("a")])
    other.execute("ROLLBACK")
    assert store.add([message("a")]).inserted == 1
    other.close()
    store.close()


def test_space_is_given_back_after_pruning(tmp_path: Path) -> None:
    store = open_store(tmp_path / "usage.db")
    store.add(many(8000, days=20))
    store.checkpoint()
    before = store.health().size_bytes
    while store.prune(NOW_US + 100 * 24 * 3_600_000_000, 30).backlog:
        pass
    store.checkpoint()
    assert store.health().size_bytes < before * 0.8
    assert store.usage(ALL)[0].events == 8000
    store.close()
