"""What a hub remembers: over restarts and kills, and what it does where it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import httpx
import msgspec
import pytest

from openusage.errors import StoreError
from openusage.hub import Board, HubServer, database_path
from openusage.hub.history import MAX_JOBS, History, Unavailable
from openusage.paths import Paths
from openusage.store import Store
from openusage.wire.rollups import Window
from tests.hub.conftest import Clock
from tests.hub.fleet import DESKTOP, LAPTOP, STORE, fleet, wait_for
from tests.store.samples import DAY_US, NOW_US, many, message, price
from tests.support.processes import PATIENCE_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hub.db"


def test_what_was_stored_is_there_after_a_restart_with_its_age(path: Path) -> None:
    clock = Clock()
    with fleet(path, clock) as hub:
        hub.send(many(200, end_us=hub.now_us), backlog=7, version="1.2.3")
        hub.send(many(100, seed=2, end_us=hub.now_us), DESKTOP)
        hub.push("from-go")
        before, totals = hub.machines(), hub.totals()
    clock.seconds += 7200
    with fleet(path, clock) as hub:
        after = hub.machines()
        assert hub.totals() == totals
        assert totals["requests"] + totals["tool_calls"] == 300
        assert hub.http.get("/v1/snapshots").json() == {}
    assert set(after) == {"laptop", "laptop~2", "from-go"}
    for name, machine in after.items():
        assert machine["state"] == "stale"
        for kept in ("id", "version", "first_seen", "last_seen", "records", "copies", "clock_skew_s"):
            assert machine[kept] == before[name][kept], (name, kept)
    assert (after["laptop"]["backlog"], after["laptop"]["version"]) == (7, "1.2.3")


HUB = """
import datetime as dt, sys
from pathlib import Path
from openusage.hub import Board, History, HubServer
from tests.store.samples import price
now = lambda: dt.datetime.now(dt.UTC)
history = History.open(Path(sys.argv[1]), now=now, price=price)
server = HubServer(Board(), "127.0.0.1", 0, history=history)
server.bind()
print(server.url, flush=True)
server.serve()
"""


def test_a_kill_loses_nothing_that_was_answered(path: Path) -> None:
    """kill -9 in the middle of batches: what was answered 200 is there, and a repeat completes the rest."""
    events = many(3000)
    batches = [events[n : n + 100] for n in range(0, 3000, 100)]
    answered = 0
    with fleet(None) as encoder:
        bodies = [encoder.batch(b, after=n * 100) for n, b in enumerate(batches)]
    child = subprocess.Popen([sys.executable, "-c", HUB, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    url = child.stdout.readline().strip()
    timer = threading.Timer(0.15, child.send_signal, [signal.SIGKILL])
    try:
        for number, body in enumerate(bodies):
            answered = httpx.post(f"{url}/v1/records", content=body).json()["stored"]
            if number == 2:
                timer.start()
    except httpx.TransportError:
        pass
    finally:
        timer.cancel()
        child.kill()
        child.wait(PATIENCE_S)
        child.stdout.close()
    with fleet(path) as hub:
        assert answered >= 300
        stored = hub.send([], upto=0).json()["stored"]
        assert stored >= answered
        assert hub.machines()["laptop"]["records"] == stored
        for number in range(stored // 100, 30):
            assert hub.post(bodies[number]).status_code == 200
        assert hub.machines()["laptop"]["records"] == 3000


def a_folder(path: Path) -> None:
    path.mkdir(parents=True)


def no_folder(path: Path) -> None:
    path.parent.write_text("a file")


def of_another_program(path: Path) -> None:
    path.parent.mkdir()
    apsw.Connection(str(path)).execute("CREATE TABLE theirs (x)")


def newer(path: Path) -> None:
    open_store(path).close()
    apsw.Connection(str(path)).pragma("user_version", 999)


def open_store(path: Path) -> Store:
    return Store.open(path, machine=Board_, price=price, now=lambda: NOW_US)


class Board_:
    """A machine's name."""

    id = LAPTOP
    name = "laptop"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (a_folder, "Is a directory"),
        (no_folder, "hub.db cannot be written"),
        (of_another_program, "another program"),
        (newer, "newer openusage"),
    ],
)
def test_a_database_that_cannot_be_opened_leaves_the_hub_in_memory(
    spoil: Callable[[Path], None], said: str, path: Path
) -> None:
    """It serves, takes records, and says what is wrong."""
    spoil(path)
    with fleet(path) as hub:
        assert hub.history.in_memory
        [note] = hub.get("/v1/machines")["notes"]
        assert said in note
        assert "in memory only" in note
        assert hub.history.notes == [note]
        assert hub.get("/v1/capabilities")["durable"] is False
        assert hub.send([message("a")]).json() == {"stored": 1, "error": ""}
        assert hub.totals()["requests"] == 1


def test_no_database_is_no_complaint() -> None:
    with fleet(None) as hub:
        assert hub.send([message("a")]).status_code == 200
        assert (hub.history.notes, hub.history.in_memory) == ([], True)
    with fleet(None) as hub:
        assert hub.machines() == {}


def test_a_database_that_comes_free_is_taken_and_machines_send_again(path: Path) -> None:
    """While another hub holds it, this one goes on in memory; what only memory had is asked for again."""
    with fleet(path) as first:
        first.send([message(n) for n in range(10)])
        with fleet(path, tick_s=0.05) as second:
            assert "in use by process" in second.history.notes[0]
            assert second.send([message(n) for n in range(30)]).json()["stored"] == 30
            first.history.close()
            wait_for(lambda: not second.history.in_memory)
            assert second.history.notes == []
            gap = second.send([message(30)], after=30)
            assert (gap.status_code, gap.json()["stored"]) == (409, 10)
            assert second.send([message(n) for n in range(10, 31)], after=10).json()["stored"] == 31
            assert second.totals()["requests"] == 31


@pytest.mark.parametrize("tick_s", [60.0, 0.05])
def test_a_database_that_is_removed_is_made_anew_and_filled_again(path: Path, tick_s: float) -> None:
    """By the next batch, or by the look every half minute."""
    with fleet(path, tick_s=tick_s) as hub:
        hub.send([message("a"), message("b")])
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        if tick_s < 1:
            wait_for(path.exists)
        gap = hub.send([message("c")], after=2)
        assert (gap.status_code, gap.json()["stored"]) == (409, 0)
        assert hub.send([message(n) for n in "abc"]).json()["stored"] == 3
        assert hub.totals()["requests"] == 3
        assert [m for m in hub.machines().values() if m["records"] == 3 and m["name"] == "laptop"]
        assert "removed or replaced" in hub.history.notes[0]
    with fleet(path) as hub:
        assert hub.machines()["laptop"]["records"] == 3


def test_a_database_that_is_damaged_is_opened_anew(path: Path) -> None:
    """Pages overwritten under the running hub: it goes on with what can be saved and takes what it lacks."""
    events = many(3000)
    with fleet(path) as hub:
        hub.send(events)
        asyncio.run(checkpointed(hub.history))
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(size - 8192))
        for number in range(3):
            hub.send(many(300, seed=number + 2), DESKTOP, store_id=f"{number:032x}")
        stored = hub.send([], upto=0).json()["stored"]
        for after in {stored, 0}:
            assert hub.send(events[after:], after=after).status_code == 200
        assert hub.machines()["laptop"]["records"] == 3000
        assert hub.machines()["laptop~2"]["records"] == 900
        assert "damaged" in hub.get("/v1/machines")["notes"][0]


async def checkpointed(history: History) -> None:
    await history.write(lambda store: store.checkpoint())


def test_a_full_disk_stops_writing_and_not_reading(path: Path) -> None:
    """507, when to come again, and nothing claimed; then it works again and the note goes."""
    with fleet(path) as hub:
        hub.send([message("a")])
        db = hub.history.store._db
        db.pragma("max_page_count", db.pragma("page_count"))
        refused = hub.send(many(3000), DESKTOP)
        assert (refused.status_code, refused.headers["retry-after"]) == (507, "60")
        assert "stored" not in refused.json()
        assert "no space left" in hub.get("/v1/machines")["notes"][0]
        assert hub.totals()["requests"] == 1
        assert hub.send([], DESKTOP, after=5).json()["stored"] == 0
        hub.push("still-pushing")
        db.pragma("max_page_count", 100_000)
        assert hub.send(many(3000), DESKTOP).json()["stored"] == 3000
        assert hub.history.notes == []


def test_a_store_that_turns_read_only_refuses_and_recovers_by_itself(path: Path) -> None:
    with fleet(path, tick_s=0.05) as hub:
        hub.send([message("a")])
        hub.history.store._db.pragma("query_only", 1)
        refused = hub.send([message("b")], after=1)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
        assert "read-only" in hub.history.notes[0]
        assert hub.totals()["requests"] == 1
        hub.history.store._db.pragma("query_only", 0)
        wait_for(lambda: hub.history.notes == [])


def test_memory_has_a_bound() -> None:
    with fleet(None, max_memory_events=50) as hub:
        assert hub.send([message(n) for n in range(60)]).status_code == 200
        refused = hub.send([message("more")], after=60)
        assert (refused.status_code, refused.headers["retry-after"]) == (507, "600")


def test_old_events_are_dropped_and_their_sums_stay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openusage.hub.history.PRUNE_S", 0.05)
    with fleet(path, tick_s=0.05, retention_days=2) as hub:
        hub.send([message(n, hub.now_us - n * DAY_US) for n in range(10)])
        wait_for(lambda: hub.history.store.health().events <= 3)
        assert hub.totals()["requests"] == 10


async def test_writes_that_wait_are_bounded() -> None:
    clock = Clock()
    begun, held = threading.Event(), threading.Event()
    history = History(None, now=clock.now, price=price)

    def hold(store: Store) -> bool:
        begun.set()
        return held.wait(PATIENCE_S)

    first = asyncio.ensure_future(history.write(hold))
    assert await asyncio.to_thread(begun.wait, PATIENCE_S)
    waiting = [asyncio.ensure_future(history.write(lambda store: 1)) for _ in range(MAX_JOBS)]
    await asyncio.sleep(0.01)
    busy = history.is_busy
    with pytest.raises(Unavailable, match="too many") as refused:
        await history.write(lambda store: None)
    assert refused.value.status == 503
    held.set()
    assert await first
    assert len(await asyncio.gather(*waiting)) == MAX_JOBS
    assert (busy, history.is_busy) == (True, False)
    history.close()


async def test_questions_are_answered_while_the_writer_works(path: Path) -> None:
    history = History(path, now=Clock().now, price=price)
    held = threading.Event()
    writing = asyncio.ensure_future(history.write(lambda store: held.wait(PATIENCE_S)))
    try:
        [row] = await asyncio.wait_for(history.ask(lambda ask: ask.usage(Window("all"))), PATIENCE_S / 2)
        assert row.events == 0
    finally:
        held.set()
    await writing
    history.close()


async def test_what_waits_at_the_end_is_refused_and_not_forgotten() -> None:
    history = History(None, now=Clock().now, price=price)
    held = threading.Event()
    writing = asyncio.ensure_future(history.write(lambda store: held.wait(PATIENCE_S)))
    late = asyncio.ensure_future(history.write(lambda store: 1))
    await asyncio.sleep(0)  # both wait now
    closing = asyncio.ensure_future(asyncio.to_thread(history.close))
    while not history._closed:
        await asyncio.sleep(0.005)
    with pytest.raises(Unavailable, match="ending"):
        await history.write(lambda store: None)
    with pytest.raises(Unavailable, match="ending"):
        await history.ask(lambda ask: None)
    held.set()
    await closing
    assert await writing
    assert await late == 1
    history.close()


async def test_a_failure_of_a_write_is_its_callers(caplog: pytest.LogCaptureFixture) -> None:
    history = History(None, now=Clock().now, price=price)

    def fail(store: Store) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await history.write(fail)
    assert await history.write(lambda store: 1) == 1
    history.close()


async def test_a_store_that_cannot_be_read_is_unavailable(caplog: pytest.LogCaptureFixture) -> None:
    history = History(None, now=Clock().now, price=price)

    def fail(ask: object) -> None:
        raise StoreError("it is gone")

    with pytest.raises(Unavailable, match="cannot read"):
        await history.ask(fail)
    assert "it is gone" in caplog.text
    history.close()


def test_the_state_changes_with_every_change_and_every_start(path: Path) -> None:
    states = set()
    with fleet(path) as hub:
        states.add(hub.history.state())
        hub.send([message("a")])
        states.add(hub.history.state())
        hub.send([message("a")])
        assert hub.history.state() in states
    with fleet(path) as hub:
        states.add(hub.history.state())
    assert len(states) == 3


def test_a_hub_without_a_history_has_none_of_its_paths() -> None:
    with HubServer(Board(), "127.0.0.1", 0) as server:
        for name in ("records", "machines", "usage", "accounts", "capabilities"):
            assert httpx.get(f"{server.url}/v1/{name}").status_code == 404


def test_where_the_history_is() -> None:
    home = Path("/home/a")
    paths = Paths.from_env({}, home)
    assert database_path("", paths) == paths.hub_database
    assert database_path("memory", paths) is None
    assert database_path("~/x/hub.db", paths) == home / "x" / "hub.db"


def test_the_status_of_a_fleet_needs_no_store_while_machines_push(path: Path) -> None:
    """Push and snapshots are answered while the writer is stuck."""
    with fleet(path) as hub:
        held = threading.Event()
        stuck = threading.Thread(
            target=lambda: asyncio.run(hub.history.write(lambda s: held.wait(PATIENCE_S)))
        )
        stuck.start()
        try:
            hub.push("laptop", LAPTOP)
            assert list(hub.http.get("/v1/snapshots").json()) == ["laptop:codex:codex"]
            assert hub.http.get("/healthz").json() == {"status": "ok", "machines": ["laptop"]}
            assert [m["name"] for m in hub.get("/v1/machines")["machines"]] == ["laptop"]
        finally:
            held.set()
            stuck.join()


def test_a_batch_is_as_large_as_an_exporter_may_make_it(path: Path) -> None:
    with fleet(path) as hub:
        events = many(5000, days=30)
        assert hub.send(events).json()["stored"] == 5000
        body = hub.batch([*events, message("one more")], store_id=STORE[::-1])
        assert hub.post(body).json()["detail"] == "$.records: more than 5000"
        assert msgspec.json.decode(body)["upto"] == 5001
