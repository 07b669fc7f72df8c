"""A hub's changes through whatever happens to the hub."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from openusage.client import HubStream
from openusage.client import stream as client_stream
from openusage.errors import UsageError
from openusage.hub import Board, Change, HubServer
from openusage.wire.stream import (
    MAX_EVENT_BYTES,
    Happened,
    Hello,
    MachineChanged,
    Reset,
    SnapshotsChanged,
    StreamEvent,
    write,
)
from tests.hub.conftest import TOKEN
from tests.hub.fleet import Fleet, fleet

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


class Ear:
    """A stream in a worker thread, and what it yielded."""

    def __init__(self, url: str, token: str = TOKEN, **options: float) -> None:
        self.stream = HubStream(url, token=token, chance=lambda: 0.5, **({"first_pause_s": 0.05} | options))
        self._told: queue.Queue[StreamEvent] = queue.Queue()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        for event in self.stream.changes():
            self._told.put(event)

    def event(self) -> StreamEvent:
        return self._told.get(timeout=30)

    def until(self, wanted: StreamEvent) -> list[StreamEvent]:
        events = [self.event()]
        while events[-1] != wanted:
            events.append(self.event())
        return events

    @property
    def silent(self) -> bool:
        return self._told.empty()

    def close(self) -> None:
        """Fails where the worker does not end of it."""
        self.stream.close()
        self._thread.join(30)
        assert not self._thread.is_alive()


@contextmanager
def hearing(url: str, token: str = TOKEN, **options: float) -> Iterator[Ear]:
    ear = Ear(url, token, **options)
    try:
        yield ear
    finally:
        ear.close()


class Peer:
    """A server of bytes: each connection gets what `answers` says next, then silence or its end."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.settimeout(30)
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}"
        self.open: list[socket.socket] = []

    def serve(self, answer: bytes) -> bytes:
        """One request; returns its head."""
        accepted, _ = self.sock.accept()
        accepted.settimeout(30)
        self.open.append(accepted)
        head = b""
        while b"\r\n\r\n" not in head:
            part = accepted.recv(65_536)
            assert part
            head += part
        accepted.sendall(answer)
        return head

    def hang_up(self) -> None:
        while self.open:
            self.open.pop().close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.hang_up()
    peer.sock.close()


@pytest.fixture
def hub() -> Iterator[Fleet]:
    with fleet(None) as hub:
        yield hub


def heard(name: str) -> MachineChanged:
    return MachineChanged(name=name, happened=Happened.HEARD)


def test_a_hubs_changes_are_yielded_as_they_happen(hub: Fleet) -> None:
    with hearing(hub.server.url + "/") as ear:
        assert ear.event() == Hello(resumed=False)
        hub.push("laptop")
        assert ear.until(SnapshotsChanged()) == [heard("laptop"), SnapshotsChanged()]


def test_a_hub_that_was_away_tells_what_was_missed(hub: Fleet) -> None:
    with hearing(hub.server.url) as ear:
        assert ear.event() == Hello(resumed=False)
        hub.server.stop()
        for listener in hub.server.board.listeners:  # as after a push
            listener(Change.HEARD, "desktop")
        hub.server.start()
        assert [ear.event(), ear.event()] == [Hello(resumed=True), heard("desktop")]


def test_a_hub_that_was_started_anew_means_ask_anew(hub: Fleet) -> None:
    with hearing(hub.server.url) as ear:
        ear.until(Hello(resumed=False))
        hub.server.stop()
        with HubServer(Board(), "127.0.0.1", hub.server.port, TOKEN, history=hub.history):
            assert ear.event() == Reset()


def test_what_it_heard_last_is_said_at_the_next_try_and_the_token_always(peer: Peer) -> None:
    with hearing(peer.url, "secret") as ear:
        first = peer.serve(HEAD + write(Hello(resumed=False), "p-1") + write(heard("a"), "p-2") + b"id: p-3")
        assert [ear.event(), ear.event()] == [Hello(resumed=False), heard("a")]
        peer.hang_up()
        again = peer.serve(HEAD)
        assert b"Authorization: Bearer secret\r\n" in first
        assert b"Authorization: Bearer secret\r\n" in again
        assert b"last-event-id" not in first.lower()
        assert b"Last-Event-ID: p-2\r\n" in again


def test_a_hub_that_has_fallen_silent_is_called_again(peer: Peer) -> None:
    with hearing(peer.url, silence_s=0.2) as ear:
        for _ in range(2):
            peer.serve(HEAD + write(Hello(resumed=False), "p-1"))
            assert ear.event() == Hello(resumed=False)


@pytest.mark.parametrize("answer", [b"", HEAD, HEAD + write(Reset(), "p-1")])
def test_closing_ends_it_at_once_whatever_it_waits_for(peer: Peer, answer: bytes) -> None:
    """For the head, for the first event, for the next one; its time-out is above that of this test."""
    ear = Ear(peer.url, silence_s=1000.0)
    peer.serve(answer)
    ear.close()


def test_closing_ends_it_between_two_tries() -> None:
    ear = Ear("http://127.0.0.1:1", first_pause_s=1000.0)
    ear.close()
    assert list(ear.stream.changes()) == []


def test_a_hub_without_a_stream_yields_nothing_and_is_left_alone(httpserver: HTTPServer) -> None:
    """As the Go program's."""
    asked = threading.Event()

    def answer(_: Request) -> Response:
        asked.set()
        return Response("404 page not found", 404)

    httpserver.expect_request("/v1/stream").respond_with_handler(answer)
    with hearing(httpserver.url_for("")) as ear:
        assert asked.wait(30)
    assert ear.silent
    assert len(httpserver.log) == 1


def test_a_redirect_is_not_followed(httpserver: HTTPServer) -> None:
    asked = threading.Barrier(2)

    def away(_: Request) -> Response:
        asked.wait(30)
        return Response("", 307, {"Location": elsewhere.url_for("/v1/stream")})

    with HTTPServer(host="127.0.0.1", port=0) as elsewhere:
        elsewhere.expect_request("/v1/stream").respond_with_data(b"", content_type="text/event-stream")
        httpserver.expect_request("/v1/stream").respond_with_handler(away)
        with hearing(httpserver.url_for("")) as ear:
            for _ in range(2):  # the second try is after the first answer
                asked.wait(30)
        assert ear.silent
        assert elsewhere.log == []


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"nonsense\r\n\r\n",
        HEAD + b"x" * (MAX_EVENT_BYTES + 1),
        b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_after_any_bad_answer_it_is_tried_again(peer: Peer, bad: bytes) -> None:
    with hearing(peer.url) as ear:
        peer.serve(bad)
        peer.hang_up()
        peer.serve(HEAD + write(Hello(resumed=False), "p-1"))
        assert ear.event() == Hello(resumed=False)


def test_pauses_grow_and_start_anew_after_a_stream(monkeypatch: pytest.MonkeyPatch, peer: Peer) -> None:
    pauses: list[float] = []
    ear = HubStream(peer.url, token="", first_pause_s=1.0, chance=lambda: 0.0)
    answers = iter([b"", b"", b"", HEAD + write(Reset(), "p-1"), b""])

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        if len(pauses) == 5:
            ear.close()
        return False

    def serve() -> None:
        for answer in answers:
            peer.serve(answer)
            peer.hang_up()

    monkeypatch.setattr(ear._closed, "wait", pause)
    serving = threading.Thread(target=serve)
    serving.start()
    assert list(ear.changes()) == [Reset()]
    serving.join(30)
    assert pauses == [0.75, 1.5, 3.0, 0.75, 0.75]


@pytest.mark.parametrize(
    ("status", "headers", "pause_s"),
    [
        (404, {}, 600.0),
        (405, {}, 600.0),
        (200, {"Content-Type": "text/html"}, 600.0),
        (200, {"Content-Type": "text/event-stream; charset=utf-8"}, 0.0),
        (401, {}, 0.0),
        (503, {"Retry-After": "30"}, 30.0),
        (503, {"Retry-After": "99999999999"}, 600.0),
        (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0),
        (503, {"Retry-After": "-1"}, 0.0),
        (503, {"Retry-After": "nan"}, 0.0),
    ],
)
def test_how_long_a_hub_is_left_alone(status: int, headers: dict[str, str], pause_s: float) -> None:
    assert client_stream._asked_pause_s(httpx.Response(status, headers=headers)) == pause_s


def test_what_is_no_address_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="is not a hub's address"):
        HubStream("ftp://hub", token="")
