"""Small batches share a transaction: each sender is told the truth about its own, after it is kept."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import apsw
import httpx

from openusage.errors import StoreError
from openusage.hub.history import History
from openusage.hub.jobs import (
    CROWD,
    CROWD_S,
    GATHER_S,
    MOST_TOGETHER,
    MOST_WEIGHT,
    SMALL_WEIGHT,
    Job,
    Jobs,
)
from openusage.store import Store
from openusage.wire.rollups import Window
from tests.hub.conftest import Clock
from tests.hub.fleet import fleet
from tests.store.samples import message, price

ALL = Window("all")


class Held:
    """The writer of a history, kept busy until it is let go: what is written meanwhile waits."""

    def __init__(self, history: History) -> None:
        self._go = threading.Event()
        begun = threading.Event()

        def hold(store: Store) -> None:
            begun.set()
            self._go.wait(30)

        self.done = asyncio.ensure_future(history.write(hold))
        self.begun = asyncio.to_thread(begun.wait, 30)

    def let_go(self) -> None:
        self._go.set()


def seen(path: Path) -> int:
    """Events that another connection sees: those that are kept."""
    reader = Store.open_readonly(path)
    events = reader.usage(ALL)[0].events
    reader.close()
    return events


async def test_writes_that_wait_are_kept_all_at_once_and_answered_then(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    history = History(path, now=Clock().now, price=price)
    held = Held(history)
    await held.begun

    def work(n: int, store: Store) -> int:
        store.add([message(n)], machine=f"m{n}")
        return seen(path)

    writes = [asyncio.ensure_future(history.write(partial(work, n), 100)) for n in range(9)]
    await asyncio.sleep(0)
    held.let_go()
    assert await asyncio.gather(*writes) == [0] * 9
    assert seen(path) == 9
    await held.done
    history.close()


async def test_who_fails_fails_alone_and_leaves_nothing(tmp_path: Path) -> None:
    """One is refused before it writes, one after; the others are kept."""
    history = History(tmp_path / "hub.db", now=Clock().now, price=price)
    held = Held(history)
    await held.begun

    def good(n: int, store: Store) -> int:
        return store.add([message(n)], machine="m1").inserted

    def bad(store: Store) -> None:
        raise ZeroDivisionError

    def half(store: Store) -> None:
        with store._transaction():
            store._know("m2", "two")
            raise KeyError("half")

    works: list[Callable[[Store], object]] = [partial(good, 1), bad, partial(good, 2), half, partial(good, 3)]
    writes = [asyncio.ensure_future(history.write(work, 100)) for work in works]
    await asyncio.sleep(0)
    held.let_go()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [o if isinstance(o, int) else type(o) for o in outcomes] == [1, ZeroDivisionError, 1, KeyError, 1]
    assert history.store.usage(ALL)[0].events == 3
    assert "m2" not in {m.id for m in history.store.machines()}
    await held.done
    history.close()


async def test_where_the_store_fails_each_is_told_on_its_own(tmp_path: Path) -> None:
    """What made it fail was one of them; the others are done without it."""
    history = History(tmp_path / "hub.db", now=Clock().now, price=price)
    held = Held(history)
    await held.begun

    def full(store: Store) -> None:
        store.add([message("lost")], machine="m1")
        raise StoreError("no room") from apsw.FullError()

    def good(n: int, store: Store) -> int:
        return store.add([message(n)], machine="m1").inserted

    works: list[Callable[[Store], object]] = [partial(good, 1), full, partial(good, 2)]
    writes = [asyncio.ensure_future(history.write(work, 100)) for work in works]
    await asyncio.sleep(0)
    held.let_go()
    first, failed, last = await asyncio.gather(*writes, return_exceptions=True)
    assert (first, last) == (1, 1)
    assert (getattr(failed, "status", None), getattr(failed, "retry_after_s", None)) == (507, 60)
    await held.done
    history.close()


async def test_batches_of_many_machines_at_once(tmp_path: Path) -> None:
    """Over HTTP: a torn one, one of a wrong id, one with a gap and one twice, among those that are right."""
    with fleet(tmp_path / "hub.db") as hub:
        good = {n: gzip.compress(hub.batch([message(n, hub.now_us)], f"{n:032x}")) for n in range(40)}
        wrong = {
            400: [gzip.compress(b'{"machine":'), gzip.compress(hub.batch([message("x")], "not hex"))],
            409: [gzip.compress(hub.batch([message("y", hub.now_us)], f"{50:032x}", after=7))],
        }
        sent = [(200, body) for body in good.values()] + [(200, good[3])]
        for place, (status, bodies) in enumerate(wrong.items()):
            sent[place * 7 : place * 7] = [(status, body) for body in bodies]
        async with httpx.AsyncClient(base_url=hub.server.url, headers=hub.http.headers, timeout=30) as client:
            post = {"Content-Encoding": "gzip"}
            answers = await asyncio.gather(
                *(client.post("/v1/records", content=body, headers=post) for _, body in sent)
            )
        assert [a.status_code for a in answers] == [status for status, _ in sent]
        assert {a.json()["stored"] for a in answers if a.status_code == 200} == {1}
        assert hub.totals()["requests"] == 40
        assert sorted(m["records"] for m in hub.machines().values()) == [0] + [1] * 40


def jobs_of(*weights: int | None) -> Jobs:
    jobs = Jobs()
    for weight in weights:
        jobs.put(Job(lambda store: None, Future(), weight))
    return jobs


def gathered(jobs: Jobs) -> list[int | None]:
    first = jobs.take(0.0)
    assert first is not None
    return [job.weight for job in jobs.gather(first)]


def test_only_small_writes_that_may_are_gathered() -> None:
    jobs = jobs_of(5, 6, None, 7, 8)
    assert gathered(jobs) == [5, 6]
    assert gathered(jobs) == [None]
    assert gathered(jobs) == [7, 8]


def test_a_large_batch_waits_for_nobody_and_ends_a_transaction() -> None:
    jobs = jobs_of(MOST_WEIGHT, 1, MOST_WEIGHT - 1, 3)
    assert gathered(jobs) == [MOST_WEIGHT]
    assert gathered(jobs) == [1, MOST_WEIGHT - 1]
    assert gathered(jobs) == [3]


def test_a_transaction_takes_so_many_writes() -> None:
    jobs = jobs_of(*[0] * (MOST_TOGETHER + 1))
    assert gathered(jobs) == [0] * MOST_TOGETHER
    assert gathered(jobs) == [0]


def test_writes_wait_longer_for_each_other_in_a_crowd_only() -> None:
    jobs = jobs_of(*[1] * CROWD, 1)
    jobs.pause_s = 0.0
    assert gathered(jobs) == [1] * (CROWD + 1)
    assert jobs.pause_s == CROWD_S
    jobs = jobs_of(SMALL_WEIGHT + 1)
    jobs.pause_s = float("inf")
    assert gathered(jobs) == [SMALL_WEIGHT + 1]
    assert jobs.pause_s == GATHER_S


def test_the_end_is_not_overlooked() -> None:
    jobs = jobs_of(1)
    jobs.put(None)
    assert gathered(jobs) == [1]
    assert jobs.take(0.0) is None
