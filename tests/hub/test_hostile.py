"""A hub on the internet: clients that are slow, many or tricky, and what the others notice of them."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import httpx
import pytest

from openusage.hub import Limits, Patience, Policy
from tests.hub.conftest import TOKEN, Hub, read_to_end, running
from tests.hub.fleet import wait_for
from tests.hub.test_board import body

AUTH = f"Authorization: Bearer {TOKEN}\r\n".encode()
CLOSE = b"Host: localhost\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running() as hub:
        yield hub


@pytest.fixture(scope="module")
def strict() -> Iterator[Hub]:
    """A hub that limits this machine, too: as if the tests came from afar."""
    limits = Limits(requests_per_s=5, connections=3, bodies=2)
    with running(policy=Policy(limits=limits, exempts_this_machine=False)) as hub:
        yield hub


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# -- heads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"X-Pad: " + b"x" * 100_000 + b"\r\n",
        b"".join(b"X-%d: y\r\n" % n for n in range(20_000)),
        b"Cookie: " + b"a=b; " * 20_000 + b"\r\n",
    ],
)
def test_a_head_that_is_too_large_is_431_and_the_end(hub: Hub, head: bytes) -> None:
    answer = hub.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + head)
    assert answer == b"" or status(answer) == 431  # the rest of it may cost the answer
    assert hub.http.get("/healthz").status_code == 200


def test_just_below_it_is_read(hub: Hub) -> None:
    answer = hub.raw(b"GET /healthz HTTP/1.1\r\n" + CLOSE + b"X-Pad: " + b"x" * 60_000 + b"\r\n\r\n")
    assert status(answer) == 200


def test_a_path_that_is_too_long_is_the_end_as_well(hub: Hub) -> None:
    answer = hub.raw(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert status(answer) == 400


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999999999\r\n",
        b"Content-Length: 0x5\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"X-A: b\rX-B: c\r\n",
        b"X-A: b\x00c\r\n",
        b"X A: b\r\n",
        b": b\r\n",
    ],
)
def test_a_head_that_two_servers_could_read_differently_is_refused(hub: Hub, head: bytes) -> None:
    """Request smuggling and header splitting: a proxy in front and the hub must see the same requests."""
    answer = hub.raw(b"POST /v1/push HTTP/1.1\r\n" + CLOSE + AUTH + head + b"\r\nhello")
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "piece", [b"-1\r\n", b"zz\r\nxx\r\n", b"5\r\nhello!\r\n0\r\n\r\n", b"fffffffffffffffff\r\n"]
)
def test_a_chunk_that_is_none_ends_the_connection(hub: Hub, piece: bytes) -> None:
    answer = hub.raw(
        b"POST /v1/push HTTP/1.1\r\n" + CLOSE + AUTH + b"Transfer-Encoding: chunked\r\n\r\n" + piece
    )
    assert status(answer) == 400
    assert hub.http.get("/healthz").json()["machines"] == []


@pytest.mark.parametrize(
    "line",
    [b"GET", b"GET /healthz HTTP/9.9", b"GET /heal\xffthz HTTP/1.1",
     b"CONNECT evil.com:443 HTTP/1.1", b"get /healthz HTTP/1.1", b"\x16\x03\x01"],
)  # fmt: skip
def test_a_request_line_that_is_none_is_400(hub: Hub, line: bytes) -> None:
    assert status(hub.raw(line + b"\r\n" + CLOSE + b"\r\n")) == 400


# -- paths and names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/../metrics",
        b"/v1/%2e%2e/metrics",
        b"/./metrics",
        b"/metrics/",
        b"/metrics%00",
        b"/metrics;x",
        b"/v1/push/../../metrics",
        b"/v1\\snapshots",
        b"/v1/snapshots%0d%0aSet-Cookie:%20a=b",
        b"/etc/passwd",
        b"/%c0%ae%c0%ae/etc/passwd",
        b"//evil.com/%2e%2e",
        b"/%e2%80%ae",
        b"*",
    ],
)
def test_a_path_is_the_one_it_is_or_404(hub: Hub, path: bytes) -> None:
    answer = hub.raw(b"GET " + path + b" HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert status(answer) == 404
    assert b"set-cookie" not in answer.lower()


def test_a_redirect_leads_to_a_path_of_ours_only(hub: Hub) -> None:
    answer = hub.raw(b"GET //v1//snapshots?next=//evil.com HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert b"location: /v1/snapshots?next=//evil.com\r\n" in answer.lower()
    assert status(hub.raw(b"GET //evil.com/v1/snapshots HTTP/1.1\r\n" + CLOSE + b"\r\n")) == 404


def test_an_absolute_address_needs_the_right_host_too(hub: Hub) -> None:
    line = b"GET http://localhost/healthz HTTP/1.1\r\n"
    assert status(hub.raw(line + CLOSE + b"\r\n")) == 200
    assert status(hub.raw(line + b"Host: evil.com\r\nConnection: close\r\n\r\n")) == 421


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/snapshots", "/metrics", "/"])
def test_a_page_that_bound_its_own_name_to_this_machine_learns_nothing(hub: Hub, path: str) -> None:
    answer = hub.http.get(path, headers={"Host": "evil.com:9190"})
    assert answer.status_code == 421
    assert "hub.hosts" in answer.json()["detail"]


def test_the_name_that_a_proxy_passes_on_can_be_given() -> None:
    with running(policy=Policy(hosts=("hub.example.com",))) as hub:
        assert hub.http.get("/healthz", headers={"Host": "hub.example.com"}).status_code == 200
        assert hub.http.get("/healthz", headers={"Host": "other.example.com"}).status_code == 421


def test_no_other_site_is_told_that_it_may_read(hub: Hub) -> None:
    for method in ("GET", "OPTIONS"):
        answer = hub.http.request(
            method,
            "/v1/snapshots",
            headers={"Origin": "https://evil.com", "Access-Control-Request-Method": "GET"},
        )
        assert not [name for name in answer.headers if name.startswith("access-control")]


# -- too many --------------------------------------------------------------------------------------


def test_requests_over_the_limit_are_429_and_the_others_notice_nothing(strict: Hub) -> None:
    strict.clock.seconds += 60
    with httpx.Client(base_url=strict.server.url) as client:
        busy = {"X-Forwarded-For": "203.0.113.7"}
        answers = [client.get("/healthz", headers=busy) for _ in range(25)]
        assert [a.status_code for a in answers] == [200] * 20 + [429] * 5
        assert answers[-1].headers["retry-after"] == "1"
        assert answers[-1].json() == {"error": "too many requests"}
        assert client.get("/healthz", headers={"X-Forwarded-For": "203.0.113.8"}).status_code == 200
        strict.clock.seconds += 1
        assert client.get("/healthz", headers=busy).status_code == 200


def test_bodies_under_way_over_the_limit_are_429_and_given_back(strict: Hub) -> None:
    strict.clock.seconds += 60
    sent = body("laptop", "a")
    head = b"POST /v1/push HTTP/1.1\r\n" + CLOSE + AUTH + b"X-Forwarded-For: 203.0.113.9\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(sent)
    with closing(strict.connect()) as one, closing(strict.connect()) as two:
        for sock in (one, two):
            sock.sendall(head + sent[:10])
        wait_for(lambda: strict.server.door._bodies == {"203.0.113.9": 2})
        assert status(strict.raw(head + sent)) == 429
        for sock in (one, two):
            sock.sendall(sent[10:])
            assert status(read_to_end(sock)) == 200
    assert strict.server.door._bodies == {}
    assert status(strict.raw(head + sent)) == 200


def test_connections_over_the_limit_are_told_so_and_closed(strict: Hub) -> None:
    strict.clock.seconds += 60
    wait_for(lambda: strict.server.door._connections == {})
    held = [strict.connect() for _ in range(3)]
    wait_for(lambda: strict.server.door._connections == {"127.0.0.1": 3})
    with closing(strict.connect()) as fourth:
        answer = read_to_end(fourth)
    assert status(answer) == 429
    assert b"retry-after: 5\r\n" in answer
    held[0].sendall(b"GET /healthz HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert status(read_to_end(held[0])) == 200
    for sock in held:
        sock.close()
    wait_for(lambda: strict.server.door._connections == {})
    assert httpx.get(strict.server.url + "/healthz").status_code == 200


def test_a_wrong_token_ten_times_a_second_is_told_to_wait_and_the_right_one_of_others_is_let_in() -> None:
    with running(token="a-token-that-nobody-guesses") as hub:
        wrong = {"Authorization": "Bearer guess"}
        answers = [httpx.get(hub.server.url + "/v1/snapshots", headers=wrong).status_code for _ in range(25)]
        assert answers == [401] * 20 + [429] * 5
        assert hub.http.get("/v1/snapshots").status_code == 200


def test_a_thousand_slow_connections_are_closed_in_time_and_pushes_go_on_meanwhile() -> None:
    """Half a head, half a body, nothing at all. What a push costs meanwhile is in the bench."""
    wanted = 3000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < wanted:
        pytest.skip(f"this system allows fewer than {wanted} open files")
    patience = Patience(head_s=2.0, idle_body_s=2.0)
    starts = (
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: local",
        b"POST /v1/push HTTP/1.1\r\nHost: localhost\r\n" + AUTH + b'Content-Length: 99\r\n\r\n{"machine"',
    )
    stop = threading.Event()
    answers: list[int] = []

    with running(patience=patience) as hub, ExitStack() as stack:

        def push() -> None:
            while not stop.is_set():
                answers.append(hub.push(body("laptop", "a")).status_code)

        pusher = threading.Thread(target=push)
        pusher.start()
        try:
            slow = []
            for number in range(1000):
                sock = stack.enter_context(
                    closing(socket.create_connection(("127.0.0.1", hub.server.port), 30))
                )
                sock.sendall(starts[number % 3])
                slow.append(sock)
            assert all(read_to_end(sock) == b"" for sock in slow)  # every one is closed by the hub
            before = len(answers)
            wait_for(lambda: len(answers) > before)
        finally:
            stop.set()
            pusher.join(30)
        assert set(answers) == {200}
        wait_for(lambda: hub.server.meters.connections <= 1)
