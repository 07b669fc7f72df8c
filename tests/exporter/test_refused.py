"""Records that a hub refuses: each is found and left out, alone, and everything else arrives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug import Response

from openusage.exporter.records import RecordsStatus
from openusage.exporter.refused import MOST_IN_A_ROW, BatchSize
from openusage.exporter.target import PushFailed
from openusage.hub.ingest import PushRefused
from openusage.hub.records import read_batch
from openusage.store import Store
from openusage.wire.events import AccountFact, UsageEvent
from openusage.wire.records import MAX_RECORDS, MAX_TEXT, Outbox, RecordBatch
from tests.exporter.receiving import ME, Clock, Hub, sending, until
from tests.store.samples import fact, many, message, reading


def told(detail: str) -> Response:
    return Response(msgspec.json.encode({"error": "invalid batch", "detail": detail}), 400)


def refusing(
    *sessions: str, place: str = "$.records[{}].session"
) -> Callable[[RecordBatch], Response | None]:
    """A hub that takes no record of these sessions, and names the first of them."""

    def answer(batch: RecordBatch) -> Response | None:
        for number, record in enumerate(batch.records):
            if isinstance(record, UsageEvent) and record.session in sessions:
                return told(f"{place.format(number)}: not a session of mine")
        return None

    return answer


def sessions_of(hub: Hub) -> set[str | None]:
    return {r.session for b in hub.batches for r in b.records if isinstance(r, UsageEvent)}


@pytest.mark.parametrize("place", ["$.records[{}].session", "`$.records[999999]`, {}"], ids=["place", "none"])
async def test_a_record_that_the_hub_refuses_is_left_out_and_all_others_arrive(
    hub: Hub, store: Store, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """Wherever they stand, next to each other too, and when the hub does not say which it is."""
    caplog.set_level(logging.INFO, "openusage.exporter")
    bad = ("bad-0", "bad-1", "bad-2", "bad-3")
    good = many(6000)
    mixed = [
        message("b0", session="bad-0"),
        *good[:3000],
        message("b1", session="bad-1"),
        message("b2", session="bad-2"),
        *good[3000:],
        message("b3", session="bad-3"),
    ]
    store.add(mixed)
    hub.always = refusing(*bad, place=place)
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "ok")
        assert sender.status() == RecordsStatus("ok", 6000, 0, set_aside=4)
        batches = len(hub.batches)
        store.add([message("late")])
        sender.wake()
        await until(lambda: hub.events() == 6001)
    assert len(hub.batches) == batches + 1
    assert batches < 200
    assert hub.store.heard(ME, store.outbox(0, 0).store_id) == 6005
    said = [r.getMessage() for r in caplog.records if "refuses a record" in r.getMessage()]
    assert len(said) == len(set(said)) == 1
    assert "not a session of mine" in said[0]


async def test_one_bad_record_alone_is_left_out_too(hub: Hub, store: Store) -> None:
    """The newest record, with nothing behind it: the hub's number still moves on, and is not asked again."""
    clock = Clock()
    store.add([message("a"), message("bad", session="bad")])
    hub.always = refusing("bad")
    async with sending(hub, store, clock) as sender:
        await until(lambda: sender.status() == RecordsStatus("ok", 1, 0, set_aside=1))
        assert hub.store.heard(ME, store.outbox(0, 0).store_id) == 2
        count = len(hub.batches)
        clock.s += 60
        sender.wake()
        await asyncio.sleep(0.1)
        assert len(hub.batches) == count


async def test_a_record_that_changes_after_it_was_left_out_is_sent_again(hub: Hub, store: Store) -> None:
    store.add([message("a", session="bad")])
    hub.always = refusing("bad")
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().set_aside == 1 and sender.status().state == "ok")
        hub.always = lambda _: None
        store.add([message("a", session="bad", tokens=message("a", output=9000).tokens)])
        sender.wake()
        await until(lambda: hub.events() == 1)


@pytest.mark.parametrize("answer", [told("$.machine: a name is required"), Response("Bad Request", 400)])
async def test_a_refusal_that_names_no_record_leaves_none_out(
    hub: Hub, store: Store, answer: Response
) -> None:
    """A proxy's, or one of the batch as a whole: told as a failure, and tried again."""
    store.add(many(10))
    hub.always = lambda b: answer if b.records else None
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "failing")
        assert sender.status().error.startswith("the hub answers 400")
        hub.always = lambda _: None
        await until(lambda: sender.status().state == "ok")
        assert sender.status().set_aside == 0
    assert hub.events() == 10


async def test_a_hub_that_refuses_everything_is_a_failure(
    hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one record after the other is thrown away."""
    monkeypatch.setattr("openusage.exporter.refused.MOST_IN_A_ROW", 5)
    store.add(many(55))
    hub.always = lambda b: told("$.records[0].kind: no") if b.records else None
    async with sending(hub, store) as sender:
        await until(lambda: sender.status().state == "failing")
        assert "one record after the other: $.records[0].kind: no" in sender.status().error
        assert sender.status().set_aside == 5
        hub.always = lambda _: None
        await until(lambda: sender.status().state == "ok")
    assert hub.events() == 50


async def test_no_text_is_too_long_for_the_hub(hub: Hub, store: Store) -> None:
    """Whether identity may leave or not: the hub's own check takes every record."""

    def as_our_hub(batch: RecordBatch) -> Response | None:
        try:
            read_batch(msgspec.json.encode(batch), packed=False)
        except PushRefused as e:
            return told(e.detail)
        return None

    long = "x" * (MAX_TEXT + 1)
    texts = ("model", "client", "project", "session", "agent")
    store.add(
        [
            *(msgspec.structs.replace(message(name), **{name: long}) for name in texts),
            message("two", session="y" + long),
            fact(long, key="note"),
            fact("v", key=long),
            msgspec.structs.replace(reading(), unit=long, window=long),
        ]
    )
    hub.always = as_our_hub
    for include in (True, False):
        async with sending(hub, store, include_identity=include) as sender:
            await until(lambda: sender.status().state == "ok")
            assert sender.status().set_aside == 0
        assert hub.events() == 6
        records = [r for b in hub.batches for r in b.records]
        assert len({r.session for r in records if isinstance(r, UsageEvent)}) == 3, "they stay two"
        assert any(isinstance(r, AccountFact) and r.value == "x" * MAX_TEXT for r in records) == include
        hub.batches.clear()
        hub.forget()


def outbox(numbers: range) -> Outbox:
    return Outbox(
        store_id="ab" * 16,
        after=numbers.start,
        upto=numbers.stop,
        last=numbers.stop,
        records=[message(str(n)) for n in numbers],
    )


@settings(max_examples=50)
@given(st.integers(1, MOST_IN_A_ROW), st.sets(st.integers(0, MOST_IN_A_ROW - 1)), st.booleans())
def test_any_bad_records_are_found_alone_whatever_the_hub_says(
    count: int, some: set[int], names: bool
) -> None:
    """And nothing else is ever left out. A hub names the right place or one that cannot be."""
    bad = {n for n in some if n < count}
    size = BatchSize()
    at, left_out, asked = 0, set(), 0
    while at < count:
        asked += 1
        assert asked < 40 * (len(bad) + 1)
        out = size.without(outbox(range(at, min(count, at + size.limit))))
        numbers = range(out.after, out.after + len(out.records))
        wrong = next((n for n in numbers if n in bad), None)
        if wrong is not None:
            place = wrong - at if names else MAX_RECORDS
            size.refused(out, msgspec.json.encode({"detail": f"at `$.records[{place}]`"}))
            continue
        if not out.records:
            left_out |= set(range(out.after, out.upto))
        size.taken(out)
        at = out.upto
    assert left_out == bad
    assert size.set_aside == len(bad)


def test_a_refusal_of_nothing_is_no_records_fault() -> None:
    empty = msgspec.structs.replace(outbox(range(0, 3)), records=[])
    with pytest.raises(PushFailed, match=r"400: \$\.records\[0\]"):
        BatchSize().refused(empty, b'{"error":"invalid batch","detail":"$.records[0]: no"}')
