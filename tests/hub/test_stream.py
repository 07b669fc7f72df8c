"""What listeners of a hub are told, and what becomes of those that vanish, dawdle or may not listen."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.hub import Board, Change, HubServer, Patience
from openusage.hub import stream as hub_stream
from openusage.hub.auth import INVALID
from openusage.hub.stream import Feed
from openusage.wire.stream import (
    HEARTBEAT,
    EventReader,
    Happened,
    Hello,
    MachineChanged,
    Reset,
    SnapshotsChanged,
    StreamEvent,
    Told,
    UsageChanged,
    understand,
)
from tests.hub.conftest import TOKEN, read_to_end
from tests.hub.fleet import DESKTOP, Fleet, fleet, wait_for
from tests.store.samples import message

AUTH = f"Authorization: Bearer {TOKEN}\r\n".encode()
GET = b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n" + AUTH + b"\r\n"


class Listener:
    """A stream that is being read."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.id = ""
        self.parts = answer.iter_bytes()
        self._reader = EventReader()
        self._told: list[Told] = []

    def event(self) -> StreamEvent:
        """The next one. Fails where the stream ends before."""
        while not self._told:
            self._told = list(self._reader.feed(next(self.parts)))
        told = self._told.pop(0)
        self.id = told.id
        event = understand(told)
        assert event is not None
        assert told.name == event.__struct_config__.tag
        return event

    def until(self, wanted: StreamEvent) -> list[StreamEvent]:
        """The next events up to this one."""
        events = [self.event()]
        while events[-1] != wanted:
            events.append(self.event())
        return events

    def rest(self) -> bytes:
        """All until the hub ends it in order; an abort raises."""
        return b"".join(self.parts)


@contextlib.contextmanager
def listening(hub: Fleet, last_id: str = "", **params: str) -> Iterator[Listener]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with hub.http.stream("GET", "/v1/stream", headers=headers, params=params) as answer:
        assert answer.status_code == 200
        yield Listener(answer)


def heard(name: str) -> MachineChanged:
    return MachineChanged(name=name, happened=Happened.HEARD)


def note(hub: Fleet, name: str) -> None:
    """As the board does after a push."""
    for listener in hub.server.board.listeners:
        listener(Change.HEARD, name)


@pytest.fixture
def hub() -> Iterator[Fleet]:
    with fleet(None) as hub:
        yield hub


# -- what is remembered --------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from(["a", "b", "c", "usage"]), max_size=30),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 5),
)
def test_whoever_knows_a_number_is_told_each_later_change_once_or_to_ask_anew(
    changes: list[str], known: int, upto: int, most: int
) -> None:
    feed = Feed(most)
    events = [UsageChanged() if about == "usage" else heard(about) for about in changes]
    for event in events:
        feed.note(event)
    known, upto = min(known, len(events)), min(upto, len(events))
    told = feed.between(known, upto)
    # What comes after `upto` is told later, and takes what it replaces with it.
    expected = [e for n, e in enumerate(events, 1) if known < n <= upto and e not in events[n:]]
    if told is None:
        assert len(set(changes)) > most
    else:
        assert [event for _, event in told] == expected
        assert [n for n, _ in told] == sorted({n for n, _ in told})


def test_the_newest_that_happened_to_a_machine_is_what_is_told() -> None:
    feed = Feed(10)
    stale = MachineChanged(name="a", happened=Happened.STALE)
    for event in (heard("a"), heard("b"), stale):
        feed.note(event)
    assert feed.between(0, 3) == [(2, heard("b")), (3, stale)]


def test_a_machine_named_as_an_event_is_a_machine() -> None:
    feed = Feed(10)
    feed.note(UsageChanged())
    feed.note(heard("usage"))
    assert feed.between(0, 2) == [(1, UsageChanged()), (2, heard("usage"))]


@pytest.mark.parametrize(
    "id", ["", "-", "-1", "{}-3", "{}--1", "{}-x", "{}-²", "{}-" + "9" * 30, "x-1", "{}"]
)
def test_an_id_that_was_not_given_out_is_known_to_be_none(id: str) -> None:
    feed = Feed(10)
    feed.note(heard("a"))
    process = feed.id(1).removesuffix("-1")
    assert (feed.number(f"{process}-0"), feed.number(f"{process}-1")) == (0, 1)
    assert feed.number(id.format(process)) is None
    assert Feed(10).number(feed.id(1)) is None


def test_many_threads_may_note() -> None:
    feed = Feed(100)

    def work(n: int) -> None:
        for i in range(2000):
            feed.note(heard(f"{n}-{i % 7}"))

    noting = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in noting:
        thread.start()
    for thread in noting:
        thread.join()
    told = feed.between(0, feed.last)
    assert feed.last == 8000
    assert told is not None
    assert len({event for _, event in told}) == len(told) == 28


# -- what is told --------------------------------------------------------------------------------


def test_the_first_bytes_come_at_once(hub: Fleet) -> None:
    with listening(hub) as listener:
        assert listener.answer.headers["content-type"] == "text/event-stream"
        assert listener.answer.headers["cache-control"] == "no-store"
        assert "content-encoding" not in listener.answer.headers
        first = next(listener.answer.iter_bytes())
    assert first.startswith(b"retry: 1000\n\nid: ")
    assert first.endswith(b'event: hello\ndata: {"type":"hello","resumed":false}\n\n')


def test_a_push_is_told_as_its_machine_and_the_snapshots(hub: Fleet) -> None:
    with listening(hub) as listener:
        assert listener.event() == Hello(resumed=False)
        hub.push("laptop", DESKTOP)
        assert listener.until(SnapshotsChanged()) == [heard("laptop"), SnapshotsChanged()]


def test_a_second_machine_of_a_name_is_told_by_the_name_that_it_is_listed_by(hub: Fleet) -> None:
    with listening(hub) as listener:
        hub.push("laptop")
        hub.push("laptop", DESKTOP)
        listener.until(heard("laptop~2"))
    assert "laptop~2" in hub.machines()


def test_a_push_that_changes_nothing_is_a_sign_of_life_only(hub: Fleet) -> None:
    hub.push("laptop")
    with listening(hub) as listener:
        assert listener.event() == Hello(resumed=False)
        hub.push("laptop")
        assert listener.event() == heard("laptop")
        hub.push("desktop")
        assert listener.until(SnapshotsChanged()) == [heard("desktop"), SnapshotsChanged()]


def test_silence_is_told_though_nobody_asks(hub: Fleet) -> None:
    hub.push("laptop")
    with listening(hub) as listener:
        hub.clock.seconds += 301
        listener.until(MachineChanged(name="laptop", happened=Happened.STALE))
        assert listener.event() == SnapshotsChanged()


def test_a_machine_that_is_forgotten_is_told(hub: Fleet) -> None:
    hub.push("laptop", DESKTOP)
    with listening(hub) as listener:
        assert listener.event() == Hello(resumed=False)
        assert hub.http.delete("/v1/machines/laptop").status_code == 200
        listener.until(MachineChanged(name="laptop", happened=Happened.FORGOTTEN))
        assert hub.machines() == {}


def test_records_are_told_as_usage(hub: Fleet) -> None:
    with listening(hub) as listener:
        assert listener.event() == Hello(resumed=False)
        hub.send([message("a")])
        assert listener.event() == UsageChanged()


def test_a_quiet_stream_has_a_heartbeat(hub: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_stream, "HEARTBEAT_S", 0.1)
    with listening(hub) as listener:
        listener.event()
        assert [next(listener.parts) for _ in range(2)] == [HEARTBEAT, HEARTBEAT]


def test_all_listeners_are_told_the_same(hub: Fleet) -> None:
    with listening(hub) as one, listening(hub) as other:
        hub.push("laptop")
        seen = [one.until(SnapshotsChanged()), other.until(SnapshotsChanged())]
    assert seen[0] == seen[1] == [Hello(resumed=False), heard("laptop"), SnapshotsChanged()]
    assert one.id == other.id


# -- going on where one was ----------------------------------------------------------------------


@pytest.mark.parametrize("by", ["header", "parameter"])
def test_who_comes_back_is_told_what_was_missed_each_once(hub: Fleet, by: str) -> None:
    with listening(hub) as listener:
        hub.push("laptop")
        listener.until(SnapshotsChanged())
    for account in ("a", "b"):
        hub.push("desktop", account=account)
        hub.push("server", account=account)
    hub.send([message("a")])
    missed = {heard("desktop"), heard("server"), SnapshotsChanged(), UsageChanged()}
    again = (
        listening(hub, listener.id) if by == "header" else listening(hub, **{hub_stream.LAST_ID: listener.id})
    )
    with again as back:
        assert back.event() == Hello(resumed=True)
        assert back.id == listener.id
        told = [back.event() for _ in missed]
        assert set(told) == missed
        hub.push("fourth")
        assert back.event() == heard("fourth")


def test_the_header_is_newer_than_the_parameter(hub: Fleet) -> None:
    with listening(hub) as listener:
        listener.event()
    with listening(hub, listener.id, **{hub_stream.LAST_ID: "old-1"}) as back:
        assert back.event() == Hello(resumed=True)


@pytest.mark.parametrize("id", ["deadbeef-1", "nonsense", "\x7f", "%", "-1"])
def test_an_id_of_another_process_means_ask_anew(hub: Fleet, id: str) -> None:
    with listening(hub, **{hub_stream.LAST_ID: id}) as listener:
        assert listener.event() == Reset()
        hub.push("laptop")
        assert listener.event() == heard("laptop")


@given(id=st.binary(min_size=1, max_size=200), where=st.booleans())
def test_whatever_is_said_to_have_been_heard_last_is_answered(quiet: Fleet, id: bytes, where: bool) -> None:
    header = bytes(b for b in id if b not in b"\r\n\0") if where else b""
    sent = b"GET /v1/stream?last_event_id=" + id.hex("%").encode() + b"&x=%zz&=&last_event_id HTTP/1.1\r\n"
    with closing(socket.create_connection(("127.0.0.1", quiet.server.port), timeout=10)) as sock:
        sock.sendall(sent + b"Host: localhost\r\n" + AUTH + b"Last-Event-ID: " + header + b"\r\n\r\n")
        first = sock.recv(65_536)
    assert first.split(b" ", 2)[1] in (b"200", b"400")
    assert (b" 400 " in first[:16]) == (b"retry: 1000" not in first)


@pytest.fixture(scope="module")
def quiet() -> Iterator[Fleet]:
    with fleet(None) as hub:
        yield hub


def test_who_was_away_for_too_much_is_told_to_ask_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_stream, "MAX_CHANGES", 3)
    with fleet(None) as hub:
        with listening(hub) as listener:
            listener.event()
        for name in "abcd":
            note(hub, name)
        with listening(hub, listener.id) as back:
            back.until(Reset())
        for name in "abcabc":
            note(hub, name)
        with listening(hub, back.id) as again:
            assert [again.event() for _ in range(4)] == [Hello(resumed=True), *map(heard, "abc")]


def test_more_than_is_worth_telling_is_a_reset(hub: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_stream, "MAX_NEWS_BYTES", 1000)
    with listening(hub) as listener:
        assert listener.event() == Hello(resumed=False)
        note(hub, "x" * 1000)
        assert listener.event() == Reset()
        note(hub, "laptop")
        assert listener.event() == heard("laptop")


# -- who may, and how many -----------------------------------------------------------------------


def test_it_is_asked_for_the_token_and_for_get_alone(hub: Fleet) -> None:
    assert httpx.get(f"{hub.server.url}/v1/stream").status_code == 401
    refused = httpx.post(f"{hub.server.url}/v1/stream")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    head = hub.http.head("/v1/stream")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream")


def test_a_token_that_is_taken_back_ends_its_streams(hub: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    app: Any = hub.server.app
    check = app.gate.check
    with listening(hub) as revoked, hub.http.stream("GET", "/v1/stream", headers={"X-Stays": "1"}) as kept:
        revoked.event()
        stays = Listener(kept)
        stays.event()

        def only_one(scope: Any) -> Any:
            return check(scope) if (b"x-stays", b"1") in scope["headers"] else INVALID

        monkeypatch.setattr(app.gate, "check", only_one)
        assert revoked.rest() == b""
        note(hub, "laptop")
        assert stays.event() == heard("laptop")
        assert hub.http.get("/v1/stream").status_code == 401


def test_there_are_so_many_listeners_and_no_more(hub: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_stream, "MAX_LISTENERS", 2)
    with listening(hub) as first:
        first.event()
        with listening(hub) as second:
            second.event()
            full = hub.http.get("/v1/stream")
            assert (full.status_code, full.json()) == (503, {"error": "too many listeners"})
            assert full.headers["retry-after"] == "30"
        wait_for(lambda: hub.http.head("/v1/stream").status_code == 200)
        with listening(hub) as third:
            assert third.event() == Hello(resumed=False)


# -- ends ----------------------------------------------------------------------------------------


def test_a_stop_ends_streams_in_order(hub: Fleet) -> None:
    with listening(hub) as listener:
        listener.event()
        hub.server.stop()
        assert listener.rest() == b""


def test_a_hub_that_serves_again_tells_again(hub: Fleet) -> None:
    with listening(hub) as listener:
        hub.push("laptop")
        listener.until(SnapshotsChanged())
        hub.server.stop()
    note(hub, "desktop")
    hub.server.start()
    with listening(hub, listener.id) as back:
        assert [back.event(), back.event()] == [Hello(resumed=True), heard("desktop")]
        note(hub, "server")
        assert back.event() == heard("server")


def test_who_leaves_behind_a_second_request_is_let_go_too(
    hub: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server alone tells only the last request of a connection that its client is gone."""
    monkeypatch.setattr(hub_stream, "MAX_LISTENERS", 1)
    with closing(socket.create_connection(("127.0.0.1", hub.server.port), timeout=10)) as sock:
        sock.sendall(GET + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
        assert b"retry" in sock.recv(65_536)
        assert hub.http.head("/v1/stream").status_code == 503
    note(hub, "laptop")  # reading is paused behind the second request: writing finds out
    wait_for(lambda: hub.http.head("/v1/stream").status_code == 200)


def test_a_listener_that_does_not_read_costs_little_and_not_for_long(
    hub: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_stream, "TICK_S", 0.01)
    monkeypatch.setattr(hub_stream, "MAX_NEWS_BYTES", 4 << 20)
    hasty = Patience(unread_answer_s=0.5)
    with (
        HubServer(Board(), "127.0.0.1", 0, TOKEN, history=hub.history, patience=hasty) as server,
        closing(socket.socket()) as slow,
    ):
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", server.port))
        slow.settimeout(30)
        slow.sendall(GET)
        other = Fleet(server, hub.history, hub.clock)
        monkeypatch.setattr(hub_stream, "MAX_LISTENERS", 1)
        wait_for(lambda: other.http.head("/v1/stream").status_code == 503)
        noted = 0
        while other.http.head("/v1/stream").status_code == 503:  # until it is turned out
            for _ in range(100):
                note(other, f"{noted:01000}")
                noted += 1
        assert len(read_to_end(slow)) < 16_000_000
        with listening(other) as reading:
            assert reading.event() == Hello(resumed=False)
        other.http.close()


def test_a_listener_that_reads_again_after_too_much_is_told_to_ask_anew(
    hub: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_stream, "TICK_S", 0.01)
    with closing(socket.socket()) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", hub.server.port))
        slow.settimeout(30)
        slow.sendall(GET)
        assert b"hello" in slow.recv(4096)
        for number in range(20_000):
            note(hub, f"{number:01000}")
        note(hub, "last")
        got = b""
        while b'"last"' not in got and b"event: reset" not in got:
            got = got[-4000:] + slow.recv(1 << 20)
