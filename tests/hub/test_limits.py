"""What a request must pass at the door: its Host, whose it is, how much that one asked lately."""

from __future__ import annotations

import json
import resource
from collections.abc import Sequence
from typing import Any

import pytest

from openusage.hub.http import Answer
from openusage.hub.limits import (
    Buckets,
    Door,
    Limits,
    bare,
    client_key,
    host_name,
    peer,
    raise_file_limit,
)
from tests.hub.conftest import Clock


def ask(
    host: bytes = b"127.0.0.1", *more: tuple[bytes, bytes], client: str = "10.0.0.1", version: str = "1.1"
) -> dict[str, Any]:
    headers = [(b"host", host)] if host else []
    return {"headers": [*headers, *more], "client": (client, 5), "http_version": version}


def status(answer: Answer | None) -> int | None:
    return answer.start["status"] if answer else None


def door(
    hosts: Sequence[str] | None = None, proxies: Sequence[str] = (), **limits: Any
) -> tuple[Door, Clock]:
    clock = Clock()
    made = Door(Limits(**limits), hosts=hosts, trusted_proxies=proxies, monotonic=clock.monotonic)
    return made, clock


@pytest.mark.parametrize(
    "host",
    [b"127.0.0.1", b"127.0.0.1:9190", b"localhost", b"LocalHost:1", b"[::1]", b"[::1]:9190", b"127.8.8.8",
     b"hub.example.com", b"HUB.example.com:443", b"hub.example.com."],
)  # fmt: skip
def test_a_hub_on_loopback_answers_to_this_machine_and_to_names_it_was_given(host: bytes) -> None:
    made, _ = door(hosts=["Hub.Example.com:8443"])
    assert made.admit(ask(host)) is None


@pytest.mark.parametrize(
    "host",
    [b"evil.com", b"evil.com:9190", b"127.0.0.1.evil.com", b"localhost.evil.com", b"10.0.0.1", b"0.0.0.0",
     b"[::2]", b"hub.example.com.evil", b"", b"localhost:x", b"127.0.0.1@evil.com", b"\xff", b"a:b:c"],
)  # fmt: skip
def test_under_another_name_it_says_what_to_do(host: bytes) -> None:
    made, _ = door(hosts=["hub.example.com"])
    scope = ask()
    scope["headers"] = [(b"host", host)]
    answer = made.admit(scope)
    assert status(answer) == 421
    assert answer is not None
    assert "hub.hosts" in json.loads(answer.body["body"])["detail"]
    assert made.turned_away == {"host": 1}


def test_a_hub_that_others_reach_answers_to_any_name() -> None:
    made, _ = door()
    assert made.admit(ask(b"whatever.example")) is None


def test_one_host_header_is_required_but_of_the_oldest_clients() -> None:
    made, _ = door()
    assert status(made.admit(ask(b""))) == 400
    assert made.admit(ask(b"", version="1.0")) is None
    assert status(made.admit(ask(b"localhost", (b"host", b"evil.com")))) == 400


def test_a_client_may_ask_so_often_and_is_told_when_again() -> None:
    made, clock = door(requests_per_s=10)
    answers = [status(made.admit(ask())) for _ in range(45)]
    assert answers == [None] * 40 + [429] * 5
    refusal = made.admit(ask())
    assert refusal is not None
    assert dict(refusal.start["headers"])[b"retry-after"] == b"1"
    assert made.admit(ask(client="10.0.0.2")) is None
    clock.seconds += 0.5
    assert [status(made.admit(ask())) for _ in range(6)] == [None] * 5 + [429]


def test_this_machine_is_not_limited_its_proxys_clients_are() -> None:
    made, _ = door(requests_per_s=1)
    assert all(made.admit(ask(client="127.0.0.1")) is None for _ in range(100))
    behind = [
        status(made.admit(ask(b"h", (b"x-forwarded-for", b"9.9.9.9"), client="127.0.0.1"))) for _ in "12345"
    ]
    assert behind == [None] * 4 + [429]
    other = ask(b"h", (b"x-forwarded-for", b"8.8.8.8"), client="127.0.0.1")
    assert made.admit(other) is None
    assert peer(other) == "8.8.8.8"


def test_what_a_client_says_of_itself_is_not_believed() -> None:
    """The last address that no trusted proxy has is the one; before it anybody can write anything."""
    made, _ = door(proxies=["10.1.1.1", "[fd00::1]"])
    for client, forwarded, expected in (
        ("10.0.0.1", b"1.1.1.1", "10.0.0.1"),
        ("10.1.1.1", b"1.1.1.1, 2.2.2.2", "2.2.2.2"),
        ("10.1.1.1", b"1.1.1.1, 2.2.2.2, 127.0.0.1", "2.2.2.2"),
        ("fd00::1", b"spoofed, 2001:db8::7", "2001:db8::7"),
        ("::ffff:10.1.1.1", b"[2001:db8::7]:443", "2001:db8::7"),
        ("10.1.1.1", b"2.2.2.2:8080", "2.2.2.2"),
    ):
        scope = ask(b"h", (b"x-forwarded-for", forwarded), client=client)
        assert made.admit(scope) is None
        assert peer(scope) == expected


def test_forwarded_headers_on_several_lines_are_one_list() -> None:
    made, _ = door()
    scope = ask(b"h", (b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"3.3.3.3"), client="::1")
    made.admit(scope)
    assert peer(scope) == "3.3.3.3"


@pytest.mark.parametrize(
    ("client", "said", "scheme"),
    [
        ("127.0.0.1", b"https", "https"),
        ("127.0.0.1", b"http", "http"),
        ("10.0.0.1", b"https", "http"),
    ],
)
def test_a_trusted_proxy_says_whether_the_client_came_by_tls(client: str, said: bytes, scheme: str) -> None:
    scope = ask(b"h", (b"x-forwarded-for", b"9.9.9.9"), (b"x-forwarded-proto", said), client=client)
    scope["scheme"] = "http"
    Door().admit(scope)
    assert scope["scheme"] == scheme


def test_bodies_under_way_are_counted_by_client() -> None:
    made, _ = door(bodies=2)
    one, other = ask(), ask(client="10.0.0.2")
    assert made.begin_body(one) is None
    assert made.begin_body(one) is None
    assert status(made.begin_body(one)) == 429
    assert made.begin_body(other) is None
    made.end_body(one)
    assert made.begin_body(one) is None
    here = ask(client="127.0.0.1")
    assert all(made.begin_body(here) is None for _ in range(50))


def test_connections_are_counted_by_network_and_given_back() -> None:
    made, _ = door(proxies=["10.5.5.5"], connections=2)
    assert [made.connect(f"2001:db8::{n}") for n in range(3)] == [True, True, False]
    made.disconnect("2001:db8::0")
    assert made.connect("2001:db8::9")
    assert all(made.connect("127.0.0.1") and made.connect("10.5.5.5") for _ in range(9))
    assert made.turned_away == {"connections": 1}


def test_a_flood_of_addresses_is_forgotten_again() -> None:
    buckets = Buckets(1, 2, Clock().monotonic)
    for number in range(20_000):
        buckets.take(str(number))
    assert len(buckets._levels) <= 10_000
    assert buckets.take("19999") == 0.0
    assert buckets.take("19999") == 1.0
    assert buckets.wait_s("19999") == 1.0


@pytest.mark.parametrize(
    ("text", "name"),
    [(b"a.b", "a.b"), (b"A.B:80", "a.b"),
     (b"[::1]:80", "::1"), (b"[::1]", "::1"), (b"a:b", None), (b"::1", None)],
)  # fmt: skip
def test_the_name_in_a_host_header(text: bytes, name: str | None) -> None:
    assert host_name(text) == name


@pytest.mark.parametrize(
    ("text", "address"),
    [(" 10.0.0.1 ", "10.0.0.1"), ("10.0.0.1:80", "10.0.0.1"), ("[::1]:80", "::1"), ("fe80::1", "fe80::1"),
     ("::ffff:10.0.0.1", "10.0.0.1"), ("x" * 99, "x" * 64)],
)  # fmt: skip
def test_addresses_as_proxies_write_them(text: str, address: str) -> None:
    assert bare(text) == address


def test_clients_are_counted_by_ipv4_address_or_ipv6_network() -> None:
    assert client_key("10.0.0.1") == "10.0.0.1"
    assert client_key("2001:db8:1:2:3::4") == client_key("2001:db8:1:2::9") == "2001:db8:1:2::"
    assert client_key("fe80::1%eth0") == "fe80::"
    assert client_key("a:b") == "a:b"


def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(before[1], 4000) if before[1] != resource.RLIM_INFINITY else 4000
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, wanted), before[1]))
        assert raise_file_limit(wanted) == wanted
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == wanted
        assert raise_file_limit(100) == wanted
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
