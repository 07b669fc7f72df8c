"""The exporter's records against a real HTTP server: nothing lost, nothing doubled, nothing told too much."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from werkzeug import Response

from openusage.exporter import Exporter
from openusage.exporter.privacy import Privacy
from openusage.exporter.records import ASK_AGAIN_S, CHECK_S, RecordSender, RecordsStatus
from openusage.store import Run, Store
from openusage.wire.events import AccountFact, Record, UsageEvent
from openusage.wire.records import RecordBatch
from openusage.wire.rollups import By
from tests.exporter.receiving import (
    ALL,
    ME,
    NOW,
    Answering,
    Clock,
    Hub,
    answers,
    said,
    sending,
    snapshot,
    target,
    until,
)
from tests.store.samples import NOW_US, Name, everything, fact, many, message, open_store, reading, tool
from tests.support.processes import PATIENCE_S, PROMPTLY_S


def same(hub: Hub, store: Store) -> bool:
    """The hub knows of this machine exactly what the machine knows."""
    ours, theirs = (everything(s)[:-1] for s in (store, hub.store))
    return ours == theirs


async def test_a_long_history_goes_in_batches_and_arrives_whole(hub: Hub, store: Store) -> None:
    store.add([*many(12_000, days=10), reading(), reading(NOW_US - 60, 3.0), fact("pro")])
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
        assert sender.status() == RecordsStatus("ok", 12_003, 0)
    asked, *batches = hub.batches
    assert (asked.after, asked.upto, asked.records) == (0, 0, [])
    assert [len(b.records) for b in batches] == [5000, 5000, 2003]
    assert [b.backlog for b in batches] == [pytest.approx(7003, abs=2), pytest.approx(2003, abs=2), 0]
    assert {(b.machine, b.machine_id, b.sent_at) for b in batches} == {("laptop", ME, NOW)}
    assert len({b.store_id for b in hub.batches}) == 1
    assert same(hub, store)


async def test_progress_can_be_followed(hub: Hub, store: Store) -> None:
    store.add(many(12_000))
    seen: list[RecordsStatus] = []
    hub.always = lambda _: seen.append(sender.status())
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
    assert [(s.state, s.sent, s.waiting) for s in seen[1:]] == [
        ("sending", 0, 12_000),
        ("sending", 5000, 7000),
        ("sending", 10_000, 2000),
    ]


async def test_news_follow_at_once_and_only_once(hub: Hub, store: Store, clock: Clock) -> None:
    """Woken, it sends what is new; not woken, it looks every interval; with nothing new it is silent."""
    store.add(many(10))
    async with sending(hub, store, clock, interval_s=0.1) as sender:
        await until(lambda: sender.status().state == "ok")
        count = len(hub.batches)
        await asyncio.sleep(0.3)
        assert len(hub.batches) == count
        clock.s += 5
        store.add([message("new")])
        sender.wake()
        await until(lambda: hub.events() == 11)
        store.add([message("newer")])
        await until(lambda: hub.events() == 12)
    assert [len(b.records) for b in hub.batches] == [0, 10, 1, 1]


async def test_what_came_with_a_lost_answer_is_counted_once(hub: Hub, store: Store) -> None:
    store.add(many(11_000))
    hub.instead = [hub.take, hub.take, hub.lose_answer, hub.lose_answer]
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
        assert sender.status().sent == 11_000
    assert hub.numbers() == [(0, 5000), (5000, 10_000), (5000, 10_000), (5000, 10_000), (10_000, 11_000)]
    assert same(hub, store)


async def test_a_restart_goes_on_where_the_hub_is(hub: Hub, store: Store) -> None:
    """No position is kept here: it is asked for."""
    store.add(many(6000))
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
    store.add([message("new")])
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
        assert sender.status().sent == 6001
    assert hub.numbers() == [(0, 5000), (5000, 6000), (6000, 6001)]


async def test_a_hub_without_records_is_asked_again_every_hour(
    hub: Hub, store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "openusage.exporter")
    store.add(many(10))
    for status in (404, 405):
        hub.always = answers(status, "404 page not found")
        async with sending(hub, store, clock) as sender:
            await until(lambda: sender.status().state == "unsupported")
            clock.s += ASK_AGAIN_S - 1
            await asyncio.sleep(0.2)
            assert len(hub.batches) == 1
            clock.s += 2
            await until(lambda: len(hub.batches) == 2)
            await until(lambda: sender._asleep_until_s > clock.s)  # it has heard the answer
            hub.always = lambda _: None
            clock.s += ASK_AGAIN_S + 1
            await until(lambda: hub.events() == 10)
            await until(lambda: sender.status().state == "ok")
        hub.batches.clear()
        hub.forget()
    assert len([r for r in caplog.records if "keeps no records" in r.getMessage()]) == 2


async def test_a_hub_that_lost_what_it_had_gets_it_again(hub: Hub, store: Store, clock: Clock) -> None:
    store.add(many(5500))
    async with sending(hub, store, clock) as sender:
        await until(lambda: sender.status().state == "ok")
        hub.forget()
        store.add([message("new")])
        clock.s += 5
        sender.wake()
        await until(lambda: sender.status() == RecordsStatus("ok", 5501))
        assert hub.numbers() == [(0, 5000), (5000, 5500), (5500, 5501), (0, 5000), (5000, 5501)]
        hub.forget()
        clock.s += CHECK_S + 1
        await until(lambda: hub.events() == 5501)
    assert same(hub, store)


async def test_a_batch_too_large_for_the_hub_is_halved(hub: Hub, store: Store) -> None:
    store.add(many(2000))
    hub.always = lambda b: Response("{}", 413) if len(b.records) > 600 else None
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
    assert [len(b.records) for b in hub.batches] == [0, 2000, 1000, *[500] * 4]
    assert same(hub, store)


async def test_a_batch_too_large_to_be_allowed_is_never_sent(hub: Hub, store: Store) -> None:
    """Long texts that do not pack: the hub's limits are kept (its handler checks), with fewer records."""
    r = random.Random(1)
    store.add([message(n, session=r.randbytes(600).hex()) for n in range(2500)])
    async with sending(hub, store, include_identity=True) as sender:
        await until(lambda: sender.status().state == "ok")
    assert [len(b.records) for b in hub.batches] == [0, 1250, 1250]
    assert hub.events() == 2500


async def test_a_record_that_no_hub_takes_is_a_failure_that_is_told(hub: Hub, store: Store) -> None:
    store.add([message("a"), message("b")])
    hub.always = lambda b: Response("{}", 413) if b.records else None
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "failing")
        assert sender.status().error == "the hub answers 413"


@pytest.mark.parametrize("status", [429, 503, 507])
async def test_a_hub_that_asks_for_time_is_given_it(
    hub: Hub, store: Store, clock: Clock, status: int
) -> None:
    store.add(many(10))
    hub.instead = [hub.take, answers(status, Retry_After="120")]
    async with sending(hub, store, clock) as sender:
        await until(lambda: sender.status().state == "failing")
        clock.s += 118
        sender.wake()
        await asyncio.sleep(0.2)
        assert len(hub.batches) == 2
        clock.s += 3
        await until(lambda: sender.status().state == "ok")
    assert hub.events() == 10


async def test_a_failing_hub_is_told_once_and_found_again(
    hub: Hub, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "openusage.exporter")
    store.add(many(10))
    hub.instead = [answers(500)] * 3
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
    lines = [r.getMessage() for r in caplog.records]
    assert len([m for m in lines if "cannot send records" in m]) == 1
    assert not any("s3cret" in m for m in lines)
    assert hub.events() == 10


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (answers(401, "{}"), "refuses the token"),
        (answers(307, Location="https://evil.example/"), "redirects to evil.example; not followed"),
        (answers(200, "<html>"), "not a hub"),
        (answers(200, '{"ok":true}'), "keeps no records"),
        (answers(200, '{"stored":-1}'), "keeps no records"),
        (answers(409, '{"stored":0}'), "does not go on from its own number"),
        (lambda b: said(200, 0) if b.records else None, "stored nothing"),
        (lambda b: said(200, 10**15), "numbers that this machine never gave"),
    ],
)
async def test_a_hub_that_answers_nonsense_is_a_failure_and_no_loop(
    hub: Hub, store: Store, answer: Answering, why: str
) -> None:
    store.add(many(10))
    hub.always = answer
    async with sending(hub, store, interval_s=5.0) as sender:
        await until(lambda: sender.status().state == "failing")
        assert why in sender.status().error
        await asyncio.sleep(0.1)
    assert len(hub.batches) < 8


async def test_a_database_that_was_set_back_is_sent_anew(hub: Hub, store: Store) -> None:
    """The hub has numbers that the store is yet to give, to other records: it asks under a new id."""
    store.add(many(20))
    old_id = store.outbox(0, 0).store_id
    hub.store.add(many(30, seed=5), machine=ME, run=Run(old_id, 0, 30))
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
        assert sender.status().sent == 20
    assert hub.events() == 50
    assert hub.store.heard(ME, store.outbox(0, 0).store_id) == 20


@pytest.fixture
def clone(store: Store, tmp_path: Path) -> Iterator[Store]:
    """The store as an image of its disk would have it: the same records under the same numbers and id."""
    store.add(many(5))
    clone = open_store(tmp_path / "clone.db", machine=Name(ME, "clone"))
    clone.add(many(5))
    clone._db.execute("UPDATE meta SET value = ? WHERE name = 'store_id'", (store.outbox(0, 0).store_id,))
    yield clone
    clone.close()


async def test_a_cloned_disk_that_was_away_for_a_while_loses_nothing(
    hub: Hub, store: Store, clone: Store
) -> None:
    """The hub has numbers of the one, which the other has given to other records since: a new id tells."""
    clone.sending(5)
    store.add([message(f"mine-{n}") for n in range(3)])
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
    clone.add([message(f"theirs-{n}") for n in range(10)])
    async with sending(hub, clone) as sender:
        await until(lambda: sender.status().state == "ok")
        assert sender.status().sent == 15
    assert hub.events() == 5 + 3 + 10
    assert clone.outbox(0, 0).store_id != store.outbox(0, 0).store_id


async def test_clones_that_send_at_the_same_time_lose_nothing(hub: Hub, store: Store, clone: Store) -> None:
    async with sending(hub, store) as one, sending(hub, clone, machine="clone") as two:
        for number in range(5):
            store.add([message(f"mine-{number}-{n}") for n in range(number)])
            clone.add([message(f"theirs-{number}-{n}") for n in range(4 - number)])
            one.wake()
            two.wake()
            await asyncio.sleep(0.02 * number)
        await until(lambda: hub.events() == 5 + 10 + 10)


async def test_nothing_goes_before_the_first_word_nor_when_it_is_off(hub: Hub, store: Store) -> None:
    store.add(many(10))
    stop = asyncio.Event()
    waiting = RecordSender(target(hub.url), store, now=lambda: NOW)
    off = [
        RecordSender(target(hub.url, records="off"), store, now=lambda: NOW),
        RecordSender(target(hub.url, machine_id=""), store, now=lambda: NOW),
        RecordSender(target(hub.url), None, now=lambda: NOW),
    ]
    async with httpx.AsyncClient() as http:
        for sender in off:
            sender.wake()
        tasks = [asyncio.create_task(s.run(http, stop)) for s in (waiting, *off)]
        await asyncio.sleep(0.2)
        assert [s.status().state for s in (waiting, *off)] == ["waiting", "off", "off", "off"]
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)
    assert hub.batches == []


async def test_a_hub_that_hangs_on_records_delays_no_snapshot(hub: Hub, store: Store) -> None:
    """Two tasks: pushes go on while a batch waits for its answer."""
    store.add(many(10))
    free = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/v1/records" in head:
            await free.wait()
        else:
            pushes.append(1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    pushes: list[int] = []
    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    exporter = Exporter(target(url), lambda: [snapshot()], now=lambda: NOW, records=store)
    stop = asyncio.Event()
    task = asyncio.create_task(exporter.run(stop))
    exporter.wake()
    await until(lambda: len(pushes) >= 5)
    assert exporter.status().state == "ok"
    assert exporter.status().records_state == "waiting"
    stop.set()
    await asyncio.wait_for(task, PROMPTLY_S)
    free.set()
    server.close()


async def test_a_store_that_cannot_be_read_is_a_failure_not_the_end(hub: Hub, store: Store) -> None:
    store.add(many(10))
    made = store._db.execute(
        "SELECT sql FROM sqlite_schema WHERE tbl_name = 'fact' AND sql NOT NULL"
    ).fetchall()
    store._db.execute("DROP TABLE fact")
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "failing")
        assert "no such table" in sender.status().error
        for (sql,) in made:
            store._db.execute(str(sql))
        await until(lambda: hub.events() == 10)


# -- what leaves the machine ---------------------------------------------------------------------


async def test_projects_leave_under_pseudonyms_that_stay_the_same(hub: Hub, store: Store) -> None:
    """Sums by project are those of the real names; nothing is told twice, no file told apart."""
    store.add([*many(300), tool("t", file_key=5, lines_added=1), message("x", project="secret-client")])
    for _ in range(2):
        async with sending(hub, store, records="no_projects") as sender:
            await until(lambda: sender.status().state == "ok")
        for b in hub.batches:
            assert b"secret-client" not in msgspec.json.encode(b)
            assert all(r.file_key is None for r in b.records if isinstance(r, UsageEvent))
        store.renew()
    ours, theirs = (
        {row.key["project"]: row.events for row in s.usage(ALL, [By.PROJECT])} for s in (store, hub.store)
    )
    assert sorted(ours.values()) == sorted(theirs.values())
    assert ours[None] == theirs[None]
    named = set(theirs) - {None}
    assert all(name is not None and name.startswith("project-") and len(name) == 14 for name in named)
    assert not named & set(ours)


def test_a_pseudonym_cannot_be_made_without_the_stores_secret() -> None:
    one, again, other = (
        Privacy("no_projects", include_identity=False, secret=s * 32).of([message("a", project="web")])
        for s in "112"
    )
    assert one == again != other


IDENTITY: list[Record] = [
    fact("ann@example.com", key="account_email"),
    fact("Ann", key="account_name"),
    fact("6c1f", key="organization_uuid"),
    fact("Initech", key="organization_name"),
    fact("/home/ann/.codex", key="config_dir"),
    fact("reach ann@example.com", key="note"),
]
HARMLESS: list[Record] = [fact("pro"), fact("c5bdc9", key="account_key"), reading()]


def test_who_someone_is_leaves_only_when_asked_for() -> None:
    personal = message("a", project="ann@example.com", session="/home/ann/x", agent="ann" * 101)
    records: list[Record] = [*IDENTITY, *HARMLESS, personal]
    closed = Privacy("full", include_identity=False, secret="1" * 32).of(records)
    opened = Privacy("full", include_identity=True, secret="1" * 32).of(records)
    assert closed[:-1] == HARMLESS
    assert opened == records
    (event,) = closed[-1:]
    assert isinstance(event, UsageEvent)
    assert b"ann" not in msgspec.json.encode(closed)
    assert (event.model, event.tokens) == ("opus", personal.tokens)


def test_a_record_has_no_place_for_a_prompt_or_a_path() -> None:
    """Whoever adds a field to what travels looks here, and says what may be in it."""
    texts = {f.name for f in msgspec.structs.fields(UsageEvent) if f.type in (str, str | None)} | {
        f.name for f in msgspec.structs.fields(AccountFact) if f.type is str
    }
    assert texts == {
        "provider",
        "account",
        "model",
        "upstream",
        "client",
        "project",
        "session",
        "agent",
        "tool",
        "language",
        "key",
        "value",
    }


def test_a_batch_is_what_the_contract_says() -> None:
    made = RecordBatch(
        machine="laptop",
        machine_id=ME,
        store_id="cd" * 16,
        sent_at=NOW,
        after=3,
        upto=5,
        records=[fact("pro")],
    )
    body = json.loads(msgspec.json.encode(made))
    assert body["records"][0]["type"] == "fact"
    assert (body["after"], body["upto"], body["backlog"]) == (3, 5, 0)
