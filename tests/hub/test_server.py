"""The real server on a real port, spoken to by bytes: limits, slow clients, start and stop."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx
import msgspec
import psutil
import pytest
import uvicorn
from uvicorn.server import ServerState

from openusage.hub import Board, HubServer, Patience
from openusage.hub.app import HubApp
from openusage.hub.auth import Gate
from openusage.hub.connection import DeadlineProtocol
from openusage.hub.limits import Door
from openusage.hub.meters import Meters
from openusage.hub.repair import read_loosely
from tests.hub.conftest import TOKEN, Hub, read_to_end, running
from tests.hub.fleet import wait_for
from tests.hub.test_board import body
from tests.support.processes import PATIENCE_S, PROMPTLY_S

LIMIT = 4_194_304
AUTH = f"Authorization: Bearer {TOKEN}\r\n".encode()
_EVER = 600
"""Longer than any test waits: what is closed is closed by the one deadline that is short."""


def patience(**short: float) -> Patience:
    patient = Patience(
        head_s=_EVER, idle_body_s=_EVER, body_s=_EVER, unread_answer_s=_EVER, keep_alive_s=_EVER
    )
    return msgspec.structs.replace(patient, **short)


def head(*lines: bytes, method: bytes = b"POST", path: bytes = b"/v1/push") -> bytes:
    return b"\r\n".join(
        (method + b" " + path + b" HTTP/1.1", b"Host: localhost", AUTH.strip(), *lines, b"", b"")
    )


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def payload(answer: bytes) -> object:
    return json.loads(answer.rpartition(b"\r\n\r\n")[2])


def bears(sock: socket.socket, piece: bytes, every_s: float = 0.05) -> float:
    """How long the hub bears a client that sends `piece` again and again. It does not bear it for ever."""
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE_S:
        try:
            sock.sendall(piece)
        except OSError:
            return time.monotonic() - started
        time.sleep(every_s)
    raise AssertionError("the connection is open still")


def test_a_declared_body_that_is_too_large_is_refused_unread(hub: Hub) -> None:
    """With Expect the client need not send a byte of it."""
    with closing(hub.connect()) as sock:
        sock.sendall(head(b"Content-Length: %d" % (LIMIT + 1), b"Expect: 100-continue"))
        answer = sock.recv(65_536)
        assert status(answer) == 413
        assert b"connection: close" in answer.lower()
        assert payload(answer) == {"error": "request body too large"}


def test_a_client_that_sends_it_all_anyway_still_reads_the_answer(hub: Hub) -> None:
    answer = hub.raw(head(b"Content-Length: %d" % (LIMIT + 1)) + b"x" * (LIMIT + 1))
    assert status(answer) == 413
    assert hub.http.get("/healthz").status_code == 200


def chunks(sock: socket.socket, count: int, size: int = 65_536) -> int:
    """Sends a chunked body without an end; returns how many chunks went out before the hub closed."""
    chunk = b"%x\r\n" % size + b" " * size + b"\r\n"
    for sent in range(count):
        try:
            sock.sendall(chunk)
        except OSError:
            return sent
    return count


def test_a_streamed_body_is_cut_off_at_the_limit(hub: Hub) -> None:
    """Chunks without an end: refused after 4 MiB, closed soon after, and never held in memory."""
    process = psutil.Process()
    before = process.memory_info().rss
    with closing(hub.connect()) as sock:
        sock.sendall(head(b"Transfer-Encoding: chunked"))
        answers: list[bytes] = []
        reader = threading.Thread(target=lambda: answers.append(read_to_end(sock)))
        reader.start()
        chunks(sock, 5000)
        reader.join(PATIENCE_S)
    assert status(answers[0]) == 413
    assert process.memory_info().rss - before < 40_000_000


def test_a_chunked_body_within_the_limit_is_read(hub: Hub) -> None:
    sent = body("laptop", "a")
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (sent[:10], sent[10:]))
    answer = hub.raw(head(b"Transfer-Encoding: chunked", b"Connection: close") + pieces + b"0\r\n\r\n")
    assert status(answer) == 200
    assert list(hub.snapshots()) == ["laptop:p:a"]


def test_expect_100_continue_is_answered_before_the_body(hub: Hub) -> None:
    sent = body("laptop", "a")
    with closing(hub.connect()) as sock:
        sock.sendall(head(b"Content-Length: %d" % len(sent), b"Expect: 100-continue"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(sent)
        assert status(sock.recv(65_536)) == 200


def test_gzip_pushes_are_accepted_and_offered(hub: Hub) -> None:
    answer = hub.push(gzip.compress(body("laptop", "a")), Content_Encoding="gzip")
    assert (answer.status_code, answer.headers["accept-encoding"]) == (200, "gzip")
    assert list(hub.snapshots()) == ["laptop:p:a"]


def test_a_gzip_bomb_is_refused(hub: Hub) -> None:
    bomb = gzip.compress(b'{"machine":"' + b"x" * 50_000_000 + b'"}', 9)
    answer = hub.push(bomb, Content_Encoding="gzip")
    assert (answer.status_code, answer.json()["error"]) == (413, "request body too large")
    assert hub.snapshots() == {}


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_other_codings_are_415(hub: Hub, coding: str) -> None:
    answer = hub.push(body("laptop", "a"), Content_Encoding=coding)
    assert (answer.status_code, answer.json()) == (415, {"error": "unsupported content encoding"})
    assert answer.headers["accept-encoding"] == "gzip"


def test_identity_is_no_coding(hub: Hub) -> None:
    assert hub.push(body("laptop", "a"), Content_Encoding="identity").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"), [("PUT", "/v1/push", "POST"), ("DELETE", "/v1/snapshots", "GET, HEAD")]
)
def test_405_comes_before_401_and_says_what_is_allowed(hub: Hub, method: str, path: str, allow: str) -> None:
    answer = httpx.request(method, hub.server.url + path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_half_a_body_changes_nothing(hub: Hub) -> None:
    sent = body("laptop", "a")
    with closing(hub.connect()) as sock:
        sock.sendall(head(b"Content-Length: %d" % len(sent)) + sent[:-5])
    assert hub.http.get("/healthz").json()["machines"] == []


def test_garbage_is_answered_and_closed(hub: Hub) -> None:
    assert status(hub.raw(b"\x16\x03\x01\x02\x00garbage\r\n\r\n")) == 400


def test_an_endless_head_is_closed(hub: Hub) -> None:
    with closing(hub.connect()) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\n")
        bears(sock, b"X-Pad: " + b"x" * 8000 + b"\r\n", every_s=0.001)


@pytest.fixture(scope="module")
def hasty_for_heads() -> Iterator[Hub]:
    with running(patience=patience(head_s=0.3)) as hub:
        yield hub


@pytest.mark.parametrize(
    "sent", [b"", b"GET", b"\r\n", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "]
)
def test_an_unfinished_head_is_closed(hasty_for_heads: Hub, sent: bytes) -> None:
    assert hasty_for_heads.raw(sent) == b""


def test_a_trickling_head_gains_no_time(hasty_for_heads: Hub) -> None:
    with closing(hasty_for_heads.connect()) as sock:
        bears(sock, b"\r\n")


def test_an_unfinished_head_after_a_good_request_is_closed_too(hasty_for_heads: Hub) -> None:
    with closing(hasty_for_heads.connect()) as sock:
        sock.sendall(head(method=b"GET", path=b"/healthz"))
        assert status(sock.recv(65_536)) == 200
        sock.sendall(b"GET /heal")
        assert read_to_end(sock) == b""


@pytest.fixture(scope="module")
def hasty_for_bodies() -> Iterator[Hub]:
    with running(patience=patience(idle_body_s=0.3)) as hub:
        yield hub


def test_a_body_that_stops_is_closed(hasty_for_bodies: Hub) -> None:
    assert hasty_for_bodies.raw(head(b"Content-Length: 100") + b'{"machine"') == b""
    assert hasty_for_bodies.http.get("/healthz").json()["machines"] == []


def test_a_body_after_its_refusal_does_not_keep_the_connection_forever(hasty_for_bodies: Hub) -> None:
    """Answered before it was read, then it stops: uvicorn alone would hold the connection."""
    with closing(hasty_for_bodies.connect()) as sock:
        sock.sendall(b"POST /v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
        assert status(sock.recv(65_536)) == 401
        sock.sendall(b"x")
        assert read_to_end(sock) == b""


def test_a_body_that_trickles_has_an_end_as_well() -> None:
    with running(patience=patience(body_s=1.0)) as hub, closing(hub.connect()) as sock:
        sock.sendall(head(b"Content-Length: 4000"))
        assert bears(sock, b" ") > 0.9


def test_a_connection_is_idle_also_after_a_body_that_came_behind_its_answer() -> None:
    """uvicorn alone forgets its keep-alive time there, and the connection stays for good."""
    with running(patience=patience(keep_alive_s=1)) as hub, closing(hub.connect()) as sock:
        sock.sendall(b"POST /v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{")
        assert status(sock.recv(65_536)) == 401
        sock.sendall(b"}")
        assert read_to_end(sock) == b""


def test_a_refused_request_leaves_the_connection_usable() -> None:
    short = patience(head_s=0.5, idle_body_s=0.5, body_s=0.5, unread_answer_s=0.5)
    with running(patience=short) as hub, closing(hub.connect()) as sock:
        for _ in range(2):
            sock.sendall(b"POST /v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
            assert status(sock.recv(65_536)) == 401
        time.sleep(0.7)  # beyond every deadline: idle between requests is not slow
        sock.sendall(head(method=b"GET", path=b"/healthz"))
        assert status(sock.recv(65_536)) == 200


def test_where_places_become_few_connections_end_with_their_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """So machines that push once a minute do not hold one each, and keep all others out."""
    monkeypatch.setattr("openusage.hub.server.MAX_CONNECTIONS", 6)
    ask = head(method=b"GET", path=b"/healthz")
    with running() as hub, ExitStack() as stack:
        kept = [stack.enter_context(closing(hub.connect())) for _ in range(3)]
        for sock in kept:
            sock.sendall(ask)
            assert b"connection: close" not in sock.recv(65_536)
        for _ in range(10):
            assert b"connection: close" in hub.raw(ask)
        for sock in kept:
            sock.sendall(ask)
            assert status(sock.recv(65_536)) == 200


def test_an_answer_that_nobody_reads_is_dropped() -> None:
    pad = json.dumps("x" * 3_500_000)
    with running(patience=patience(unread_answer_s=0.5)) as hub, closing(socket.socket()) as sock:
        for i in range(4):
            snapshot = f'{{"provider_id":"p","account_id":"a","message":{pad}}}'
            assert hub.push(f'{{"machine":"big{i}","snapshots":[{snapshot}]}}').status_code == 200
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", hub.server.port))
        sock.settimeout(PATIENCE_S)
        wait_for(lambda: is_served(sock))
        sock.sendall(head(method=b"GET", path=b"/v1/snapshots"))
        wait_for(lambda: not is_served(sock))
        assert len(read_to_end(sock)) < 14_000_000


def is_served(client: socket.socket) -> bool:
    """Whether this process, where the hub runs, has the other end of a connection open."""
    address = client.getsockname()
    return any(c.raddr == address and c.status == "ESTABLISHED" for c in psutil.Process().net_connections())


def test_bodies_under_way_share_a_budget() -> None:
    """Beyond it: 503, and when to come again. The bytes are given back when a sender leaves."""
    with running(max_bodies=100_000) as hub:
        sent = body("laptop", "a")
        with closing(hub.connect()) as holding:
            holding.sendall(head(b"Content-Length: 200000") + b" " * 90_000)
            wait_for(lambda: hub.push(sent + b" " * 50_000).status_code == 503)
            answer = hub.push(sent + b" " * 50_000)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.headers["connection"] == "close"
            assert hub.push(sent).status_code == 200
        wait_for(lambda: hub.push(sent + b" " * 50_000).status_code == 200)
        for _ in range(20):  # and after every other way to end
            hub.push(b"x" * 60_000)
            hub.push(gzip.compress(os.urandom(60_000)), Content_Encoding="gzip")
        assert hub.push(sent + b" " * 90_000).status_code == 200


def test_a_large_loose_push_does_not_hold_up_the_others(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is repaired in a thread; health is answered meanwhile."""
    begun, go_on = threading.Event(), threading.Event()

    def slowly(sent: bytes) -> dict[str, Any]:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return read_loosely(sent)

    monkeypatch.setattr("openusage.hub.ingest.read_loosely", slowly)
    accounts = ",".join(f'{{"PROVIDER_ID":"p","account_id":"{i}"}}' for i in range(4000))
    loose = f'{{"machine":"loose","snapshots":[{accounts}]}}'
    answers: list[httpx.Response] = []
    pusher = threading.Thread(target=lambda: answers.append(hub.push(loose)))
    pusher.start()
    assert begun.wait(PATIENCE_S)
    with httpx.Client(base_url=hub.server.url, timeout=PATIENCE_S / 2) as other:
        assert other.get("/healthz").status_code == 200
    go_on.set()
    pusher.join(PATIENCE_S)
    assert answers[0].json() == {"ok": True}
    assert len(hub.snapshots()) == 4000


def test_stop_is_quick_even_with_clients_that_hang_on() -> None:
    server = HubServer(Board(), "127.0.0.1", 0, patience=patience())
    server.start()
    address = ("127.0.0.1", server.port)
    idle = socket.create_connection(address)
    reading = socket.create_connection(address)
    reading.sendall(head(b"Content-Length: 100") + b"x")
    wait_for(lambda: is_served(idle) and is_served(reading))
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < PROMPTLY_S
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=PATIENCE_S)
    for sock in (idle, reading):
        sock.settimeout(PATIENCE_S)
        read_to_end(sock)
        sock.close()


def test_a_stopped_hub_can_start_again_on_its_port() -> None:
    board = Board()
    server = HubServer(board, "127.0.0.1", 0)
    server.start()
    httpx.post(server.url + "/v1/push", content=body("laptop", "a"))
    server.stop()
    server.start()
    assert httpx.get(server.url + "/healthz").json() == {"status": "ok", "machines": ["laptop"]}
    server.stop()


PROGRAM = """
from openusage.hub import Board, HubServer
server = HubServer(Board(), "127.0.0.1", 0)
server.bind()
print(server.port, flush=True)
number = server.serve()
print("ended by", number, flush=True)
"""


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_returns_on_a_signal(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    wait_for(lambda: answers(port))
    process.send_signal(number)
    out, _ = process.communicate(timeout=PROMPTLY_S)
    assert process.returncode == 0
    assert out.strip() == f"ended by {number.value}"


def test_serve_can_be_stopped_from_another_thread() -> None:
    server = HubServer(Board(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve)
    thread.start()
    assert server.wait_ready(PATIENCE_S)
    assert httpx.get(server.url + "/healthz").status_code == 200
    server.stop()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


class Unread(asyncio.Transport):
    """A connection whose other end takes what `size` says."""

    size = 0

    def get_write_buffer_size(self) -> int:
        return self.size


async def test_more_to_send_is_no_sign_that_it_is_read() -> None:
    """A stream to a peer that is gone has something new every 15 s."""
    config = uvicorn.Config(HubApp(Board(), Gate()), ws="none", lifespan="off", log_config=None)
    config.load()
    transport = Unread()
    protocol = DeadlineProtocol(config, ServerState(), {}, door=Door(), meters=Meters())
    protocol.connection_made(transport)
    protocol.head_since = None
    patience = Patience(unread_answer_s=30.0)
    overdue = []
    for now, transport.size in zip(range(0, 90, 10), (0, 3, 6, 9, 5, 8, 8, 9, 12), strict=True):
        overdue.append(protocol.is_overdue(now, patience))
    assert overdue == [False] * 8 + [True]
