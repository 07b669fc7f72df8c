"""`POST /v1/records`: what is taken, what is refused and changes nothing, and that order does not matter."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gzip
import json
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.hub.history import MAX_JOBS
from openusage.hub.ingest import PushRefused
from openusage.hub.records import read_batch, take
from openusage.store import Store
from openusage.wire.events import Record, UsageEvent
from openusage.wire.records import MAX_PACKED_BYTES, MAX_UNPACKED_BYTES, RecordBatch
from tests.hub.conftest import NOON
from tests.hub.fleet import DESKTOP, LAPTOP, OTHER_STORE, SERVER, STORE, Fleet, fleet, wait_for
from tests.store.samples import ALL, DAY_US, everything, fact, many, message, open_store, reading
from tests.support.processes import PATIENCE_S


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet(None) as hub:
        yield hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path / "hub.db") as hub:
        yield hub


# -- numbers -------------------------------------------------------------------------------------


def test_a_batch_is_stored_and_answered_with_its_last_number(hub: Fleet) -> None:
    taken = hub.send([message("a"), reading(), fact("pro")], after=0, upto=9)
    assert (taken.status_code, taken.json()) == (200, {"stored": 9, "error": ""})
    assert taken.headers["accept-encoding"] == "gzip"
    assert hub.totals()["requests"] == 1
    assert hub.post(hub.batch([message("b")], after=9)).json()["stored"] == 10


def test_a_repeated_batch_is_taken_and_changes_nothing(hub: Fleet) -> None:
    hub.send([message("a"), message("b")])
    state, totals = hub.history.state(), hub.totals()
    for _ in range(3):
        assert hub.send([message("a"), message("b")]).json() == {"stored": 2, "error": ""}
    assert (hub.history.state(), hub.totals()) == (state, totals)


def test_a_gap_is_refused_with_the_number_to_go_on_from(hub: Fleet) -> None:
    hub.send([message("a")])
    gap = hub.send([message("c")], after=2)
    assert (gap.status_code, gap.json()) == (409, {"stored": 1, "error": "records 2 to 2 are missing"})
    assert hub.totals()["requests"] == 1
    assert hub.send([message("b"), message("c")], after=1).json()["stored"] == 3
    assert hub.totals()["requests"] == 3


def test_a_batch_that_begins_before_what_is_stored_goes_on_from_there(hub: Fleet) -> None:
    hub.send([message(n) for n in range(5)])
    assert hub.send([message(n) for n in range(3, 9)], after=3).json()["stored"] == 9
    assert hub.send([message(n) for n in range(2)]).json()["stored"] == 9
    assert hub.totals()["requests"] == 9


def test_an_empty_batch_asks_what_is_there(hub: Fleet) -> None:
    assert hub.send([]).json() == {"stored": 0, "error": ""}
    hub.send([message("a")])
    assert hub.send([]).json()["stored"] == 1
    assert hub.send([], after=7).json()["stored"] == 1
    assert hub.send([], upto=8).json()["stored"] == 8


def test_two_stores_under_one_machine_id_are_both_kept(hub: Fleet) -> None:
    """Two processes with one identity: each store's numbers are its own, their events add up."""
    assert hub.send([message("a"), message("b")]).json()["stored"] == 2
    assert hub.send([message("b"), message("c"), message("d")], store_id=OTHER_STORE).json()["stored"] == 3
    assert hub.send([message("e")], after=2).json()["stored"] == 3
    assert hub.send([message("f")], after=3, store_id=OTHER_STORE).json()["stored"] == 4
    assert hub.totals()["requests"] == 6
    assert hub.machines()["laptop"]["records"] == 6


def test_a_batch_from_a_clock_that_is_wrong_is_taken(hub: Fleet) -> None:
    """A wrong clock is the machine's own affair: it is shown, and its records are not lost."""
    future = NOON.replace(year=2090)
    assert hub.send([message("a", hub.now_us + 400 * DAY_US)], sent_at=future).status_code == 200
    assert hub.machines()["laptop"]["clock_skew_s"] > 1e9


@pytest.mark.parametrize(("days", "in_windows"), [(1, 2), (2, 1), (365, 1)])
def test_a_machine_from_the_future_spoils_no_window_of_the_others(
    hub: Fleet, days: int, in_windows: int
) -> None:
    """What it dates beyond tomorrow counts in its own day and in all time; before that it was used today."""
    hub.send([message("now", hub.now_us)], DESKTOP, machine="desktop")
    ahead = dt.timedelta(days=days)
    sent: list[Record] = [
        message("ahead", hub.now_us + days * DAY_US),
        reading(hub.now_us + days * DAY_US),
        fact("pro"),
    ]
    assert hub.send(sent, sent_at=NOON + ahead).status_code == 200
    for window in ("1d", "3d", "7d", "30d"):
        assert hub.totals(window=window)["requests"] == in_windows, window
    assert hub.totals()["requests"] == 2
    rows = hub.get("/v1/usage", window="all", by="day,machine")["rows"]
    assert [(r["key"]["day"], r["key"]["machine"], r["requests"]) for r in rows] == [
        (f"{NOON:%Y-%m-%d}", "desktop", 1),
        (f"{NOON + ahead:%Y-%m-%d}", "laptop", 1),
    ]
    machines = hub.machines()
    assert {m["state"] for m in machines.values()} == {"fresh"}
    assert machines["laptop"]["clock_skew_s"] == pytest.approx(ahead.total_seconds(), abs=60)
    assert machines["desktop"]["clock_skew_s"] == pytest.approx(0, abs=60)
    # Set right again, it goes on, and what it sends now is in every window.
    assert hub.send([message("right", hub.now_us)], after=3).json()["stored"] == 4
    assert hub.totals(window="1d")["requests"] == in_windows + 1


# -- who and how ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "error"),
    [({}, "missing bearer token"), ({"Authorization": "Bearer wrong"}, "invalid bearer token")],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/records"),
        ("GET", "/v1/machines"),
        ("GET", "/v1/usage"),
        ("GET", "/v1/accounts"),
        ("GET", "/v1/capabilities"),
    ],
)
def test_everything_is_behind_the_token(
    shared: Fleet, method: str, path: str, headers: dict[str, str], error: str
) -> None:
    request = shared.http.build_request(method, path, content=b"{}" if method == "POST" else None)
    del request.headers["Authorization"]
    request.headers.update(headers)
    refused = shared.http.send(request)
    assert (refused.status_code, refused.json()) == (401, {"error": error})
    assert refused.headers["www-authenticate"].startswith('Bearer realm="openusage-hub"')


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_records_are_posted(shared: Fleet, method: str) -> None:
    refused = shared.http.request(method, "/v1/records")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["machines", "usage", "accounts", "capabilities"])
def test_answers_are_got(shared: Fleet, path: str) -> None:
    refused = shared.http.post(f"/v1/{path}", content=b"{}")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    head = shared.http.head(f"/v1/{path}")
    assert (head.status_code, head.content) == (200, b"")


def test_a_hub_that_has_enough_to_do_says_when_to_come_again(hub: Fleet) -> None:
    """The queue of the writer is bounded; nothing is read of what would not fit."""
    begun, held = threading.Event(), threading.Event()

    def hold(store: Store) -> bool:
        begun.set()
        return held.wait(PATIENCE_S)

    async def stuff() -> None:
        first = asyncio.ensure_future(hub.history.write(hold))
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        await asyncio.gather(first, *(hub.history.write(lambda store: True) for _ in range(MAX_JOBS)))

    stuffing = threading.Thread(target=lambda: asyncio.run(stuff()))
    stuffing.start()
    try:
        wait_for(lambda: hub.history.is_busy)
        refused = hub.send([message("a")])
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert hub.totals()["requests"] == 0
    finally:
        held.set()
        stuffing.join()
    assert hub.send([message("a")]).status_code == 200


# -- hostile bodies ------------------------------------------------------------------------------


def body(records: str = "", **fields: Any) -> bytes:
    """A batch of one record as text, so that anything can stand in it."""
    given = {
        "machine": "laptop",
        "machine_id": LAPTOP,
        "store_id": STORE,
        "sent_at": "2026-11-22T12:00:00Z",
        "after": 0,
        "upto": 1,
    }
    text = json.dumps({k: v for k, v in (given | fields).items() if v is not None})
    return f'{text[:-1]},"records":[{records}]}}'.encode()


def event(**fields: Any) -> str:
    given = {
        "type": "event",
        "provider": "p",
        "account": "a",
        "at_us": 1_790_000_000_000_000,
        "kind": "message",
        "event_key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    return json.dumps({k: v for k, v in (given | fields).items() if v is not None})


def quota(**fields: Any) -> str:
    given = {"provider": "p", "account": "a", "key": "k", "at_us": 1, "unit": "%", "window": "5h"}
    return json.dumps({"type": "reading"} | given | fields)


def told(**fields: Any) -> str:
    return json.dumps(
        {"type": "fact", "provider": "p", "account": "a", "key": "k", "value": "v", "at_us": 1} | fields
    )


HUGE = 10**30
LONG = "x" * 16_385
REFUSED: list[tuple[str, bytes, str]] = [
    ("empty", b"", ""),
    ("blank", b" \n", ""),
    ("no JSON", b"\x00\xff{", "malformed"),
    ("another coding", "{}".encode("utf-16"), ""),
    ("bad UTF-8", body(event(project="?")).replace(b"?", b"\xff"), ""),
    ("lone surrogate", body(event(project="?")).replace(b"?", b"\\ud800"), "truncated"),
    ("an array", b"[]", "object"),
    ("null", b"null", "object"),
    ("two values", body() + b"{}", "trailing"),
    ("cut off", body(event())[:-9], "truncated"),
    ("nested", b"[" * 500_000, "array"),
    ("nested in a field", body(event()[:-1] + ',"x":' + "[" * 200_000 + "]" * 200_000 + "}"), "nested"),
    ("no machine", body(machine=None), "machine"),
    ("blank machine", body(machine="  "), "$.machine"),
    ("long machine", body(machine="x" * 1025), "$.machine"),
    ("long version", body(version="x" * 1025), "$.version"),
    ("no id", body(machine_id=None), "machine_id"),
    ("short id", body(machine_id="a" * 31), "$.machine_id"),
    ("id of capitals", body(machine_id="A" * 32), "$.machine_id"),
    ("id of other digits", body(machine_id="\u0661" * 32), "$.machine_id"),
    ("id with a line end", body(machine_id="a" * 32 + "\n"), "$.machine_id"),
    ("store id that is none", body(store_id="../../etc/passwd"), "$.store_id"),
    ("no time", body(sent_at=None), "sent_at"),
    ("time that is none", body(sent_at="yesterday"), "$.sent_at"),
    ("number that is a text", body(after="0"), "$.after"),
    ("number below 0", body(after=-1), "after"),
    ("numbers turned round", body(after=5, upto=4), "upto"),
    ("number without end", body(upto=HUGE), "upto"),
    ("number with 5,000 digits", body(upto="?").replace(b'"?"', b"9" * 5000), ""),
    ("backlog below 0", body(backlog=-1), "$.backlog"),
    ("more records than numbers", body(event(), upto=0), "$.records"),
    ("null record", body("null"), "$.records[0]"),
    ("record of no type", body('{"type":"widget"}'), "$.records[0].type"),
    ("record without a type", body('{"provider":"p"}'), "$.records[0]"),
    ("kind there is not", body(event(kind="dream")), "$.records[0].kind"),
    ("outcome there is not", body(event(outcome="maybe")), "$.records[0].outcome"),
    ("no key", body(event(event_key=None)), "event_key"),
    ("short key", body(event(event_key="AAAA")), "$.records[0].event_key"),
    ("key that is no base64", body(event(event_key="*" * 24)), "event_key"),
    ("time of the past", body(event(at_us=-1)), "$.records[0].at_us"),
    ("time after all", body(event(at_us=HUGE)), "$.records[0].at_us"),
    ("time of 64 bits", body(event(at_us=2**64 - 1)), "$.records[0].at_us"),
    ("time with a part", body(event(at_us=1.5)), "$.records[0].at_us"),
    ("count below 0", body(event(tokens={"input": -5})), "$.records[0].tokens.input"),
    ("count without sense", body(event(tokens={"output": HUGE})), "$.records[0].tokens.output"),
    ("count that is a text", body(event(tokens={"input": "5"})), "$.records[0].tokens.input"),
    ("count that is true", body(event(tokens={"input": True})), "$.records[0].tokens.input"),
    ("NaN", body(event(tokens={"input": "?"}).replace('"?"', "NaN")), "malformed"),
    ("Infinity", body(event(tokens={"input": "?"}).replace('"?"', "-Infinity")), "malformed"),
    ("cost below 0", body(event(cost_reported_nano=-1)), "$.records[0].cost_reported_nano"),
    ("lines below 0", body(event(lines_added=-1)), "$.records[0].lines_added"),
    ("file key out of range", body(event(file_key=2**63)), "$.records[0]"),
    ("huge text", body(event(project=LONG)), "$.records[0].project"),
    ("huge tool", body(event(tool=LONG)), "$.records[0].tool"),
    ("reading of the past", body(quota(at_us=-1)), "$.records[0].at_us"),
    ("reading with an absurd reset", body(quota(resets_at_us=HUGE)), "$.records[0].resets_at_us"),
    ("reading out of range", body(quota(used=1).replace('"used": 1', '"used": 1e400')), "out of range"),
    ("reading of NaN", body(quota(used=1).replace('"used": 1', '"used": NaN')), "malformed"),
    ("reading with a huge unit", body(quota(unit=LONG)), "$.records[0]"),
    ("reading of no scope", body(quota(scope="galaxy")), "$.records[0].scope"),
    ("fact of the future", body(told(at_us=HUGE)), "$.records[0].at_us"),
    ("fact with a huge value", body(told(value=LONG)), "$.records[0]"),
    ("fact that is no text", body(told(value=1)), "$.records[0].value"),
]


@pytest.mark.parametrize(("sent", "place"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_hostile_body_is_refused_and_changes_nothing(
    shared: Fleet, sent: bytes, place: str, coding: str
) -> None:
    state = shared.history.state()
    packed = gzip.compress(sent) if coding == "gzip" else sent
    refused = shared.post(packed, coding)
    assert refused.status_code in (400, 413)
    if refused.status_code == 400:
        assert place in refused.json().get("detail", refused.json()["error"])
    assert shared.history.state() == state
    assert shared.machines() == {}


def test_one_bad_record_refuses_the_whole_batch(hub: Fleet) -> None:
    sent = body(", ".join([event(), event(event_key="A" * 21 + "Q=="), event(at_us=-1)]), upto=3)
    refused = hub.post(sent)
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "Expected `int` >= 0 - at `$.records[2].at_us`",
    )
    assert hub.totals()["requests"] == 0
    assert hub.send([]).json()["stored"] == 0


def test_unknown_fields_are_a_later_versions_and_ignored(hub: Fleet) -> None:
    assert hub.post(body(event(mood="fine"), planet="earth")).json()["stored"] == 1


@pytest.mark.parametrize(
    ("make", "detail"),
    [
        (lambda: gzip.compress(b" " * 30_000_000, 9), "decompressed"),
        (lambda: gzip.compress(body(event(project="x" * 10_000_000)), 9), "compressed more than"),
        (lambda: b"".join(gzip.compress(b"") for _ in range(1000)), "gzip members"),
        (lambda: gzip.compress(body(event()))[:-20], "cut off"),
        (lambda: b"\x1f\x8b" + b"\x00" * 100, "not a gzip stream"),
        (lambda: body(event()), "not a gzip stream"),
    ],
)
def test_bombs_and_broken_streams_are_refused(shared: Fleet, make: Callable[[], bytes], detail: str) -> None:
    refused = shared.post(make(), "gzip")
    assert refused.status_code in (400, 413)
    assert detail in refused.json()["detail"]


@pytest.mark.parametrize(
    ("coding", "size"), [("gzip", MAX_PACKED_BYTES + 1), ("identity", MAX_UNPACKED_BYTES + 1)]
)
def test_a_body_that_is_too_large_is_not_read(shared: Fleet, coding: str, size: int) -> None:
    refused = shared.post(b"x" * size, coding)
    assert (refused.status_code, refused.json()["error"]) == (413, "request body too large")

    def parts() -> Iterator[bytes]:
        for _ in range(0, size, 65_536):
            yield b"x" * 65_536

    streamed = shared.http.post("/v1/records", content=parts(), headers={"Content-Encoding": coding})
    assert streamed.status_code == 413


def test_an_unknown_coding_is_415(shared: Fleet) -> None:
    refused = shared.post(body(event()), "br")
    assert (refused.status_code, refused.headers["accept-encoding"]) == (415, "gzip")


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
@settings(max_examples=60)
def test_any_bytes_are_a_batch_or_a_refusal(sent: bytes) -> None:
    for packed in (False, True):
        with contextlib.suppress(PushRefused):
            assert read_batch(sent, packed=packed).machine_id


_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
_fields = st.sampled_from([*UsageEvent.__struct_fields__, "type"])


@given(st.dictionaries(_fields, _values, max_size=4))
@settings(max_examples=60)
def test_what_is_taken_can_be_stored(changes: dict[str, Any]) -> None:
    """Whatever stands in an event: it is refused, or the store takes it, whole."""
    try:
        batch = read_batch(body(event(**changes)), packed=False)
    except PushRefused:
        return
    store = open_store()
    assert take(store, batch).stored == 1
    assert len(everything(store)) > 0
    store.close()


# -- order ---------------------------------------------------------------------------------------

MACHINES = (LAPTOP, DESKTOP, SERVER)
POOL: list[Record] = [
    *many(60),
    *(reading(at_us=1_790_000_000_000_000 + n * 60_000_000, used=float(n)) for n in range(5)),
    *(fact(value, at_us=1_790_000_000_000_000 + n) for n, value in enumerate(("free", "plus", "pro"))),
]


def batches(machine: str, records: list[Record], size: int) -> list[RecordBatch]:
    return [
        RecordBatch(
            machine=machine[:3],
            machine_id=machine,
            store_id=machine[::-1],
            sent_at=NOON,
            after=n,
            upto=n + len(records[n : n + size]),
            records=records[n : n + size],
        )
        for n in range(0, len(records), size)
    ]


def deliver(store: Store, sent: list[RecordBatch], r: random.Random) -> None:
    """As three exporters would: interleaved, repeated, too early; after a gap from where the hub says."""
    queues = {m: [b for b in sent if b.machine_id == m] for m in MACHINES}
    at = dict.fromkeys(MACHINES, 0)
    while any(at[m] < len(queues[m]) for m in MACHINES):
        m = r.choice([m for m in MACHINES if at[m] < len(queues[m])])
        if r.random() < 0.3:
            said = take(store, r.choice(queues[m]))
        else:
            said = take(store, queues[m][at[m]])
        at[m] = sum(1 for b in queues[m] if b.upto <= said.stored)


@given(
    shares=st.lists(st.lists(st.booleans(), min_size=68, max_size=68), min_size=3, max_size=3),
    size=st.integers(1, 30),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=25)
def test_overlapping_machines_in_any_order_are_their_union(
    shares: list[list[bool]], size: int, seed: int
) -> None:
    """Totals, groups, copies and owners: the same after any order, repeats and gaps; and each event once."""
    sent: list[RecordBatch] = []
    union: dict[int, Record] = {}
    for machine, share in zip(MACHINES, shares, strict=True):
        own = [r for r, is_there in zip(POOL, share, strict=True) if is_there]
        union |= {id(r): r for r in own}
        sent += batches(machine, own, size)
    in_order, shuffled, alone = open_store(), open_store(), open_store()
    for batch in sent:
        assert take(in_order, batch).stored == batch.upto
    deliver(shuffled, sent, random.Random(seed))
    assert everything(shuffled) == everything(in_order)
    alone.add(list(union.values()))
    [found], [true] = in_order.usage(ALL), alone.usage(ALL)
    assert found == true
    for store in (in_order, shuffled, alone):
        store.close()
