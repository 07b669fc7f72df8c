"""Addresses: how they are written, which are safe, and what is said when one cannot be had."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from openusage.errors import ListenError
from openusage.hub import DEFAULT_LISTEN, HubServer, guard, is_loopback, parse_listen
from openusage.hub.board import Board
from openusage.hub.listen import bind
from tests.support.processes import PATIENCE_S

MISSION = """\
hub: refusing to listen on ":9190" without auth_token.
Choose one:
1. export OPENUSAGE_HUB_TOKEN=<secret> to enable Bearer auth, OR
2. bind to loopback only: --listen 127.0.0.1:9190, OR
3. pass --allow-public if you have a network-level firewall in place"""


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9190", ("", 9190)),
        ("127.0.0.1:9190", ("127.0.0.1", 9190)),
        ("[::1]:9190", ("::1", 9190)),
        ("localhost:9190", ("localhost", 9190)),
        ("0.0.0.0:9190", ("0.0.0.0", 9190)),
        ("[::]:0", ("::", 0)),
        ("hub.lan:80", ("hub.lan", 80)),
        (" 127.0.0.1:9190 ", ("127.0.0.1", 9190)),
        ("[fe80::1%eth0]:9190", ("fe80::1%eth0", 9190)),
    ],
)
def test_addresses_are_read(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "",
        ":",
        "9190",
        "127.0.0.1",
        "127.0.0.1:",
        ":65536",
        ":-1",
        ":http",
        ":١",
        "::1:9190",
        "[::1]",
        "[nope]:1",
        "http://hub.lan:9190",
        "a b:1",
        "host:90:91",
        "x\x1b[31m:1",
        "user@host:1",
    ],
)
def test_what_is_no_address_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ListenError, match="is no address") as refused:
        parse_listen(text)
    assert "127.0.0.1:9190" in refused.value.hint
    assert "\x1b" not in refused.value.message


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost", "::ffff:127.0.0.1"]
)
def test_loopback_is_recognised(host: str) -> None:
    assert is_loopback(host)
    assert guard(f"[{host}]:1" if ":" in host else f"{host}:1", "", allow_public=False) == (host, 1)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.1.5", "hub.lan", "localhost.evil.example", "127.1"]
)
def test_everything_else_is_public(host: str) -> None:
    """Also names that a resolver might map to loopback today."""
    assert not is_loopback(host)
    listen = f"[{host}]:9190" if ":" in host else f"{host}:9190"
    with pytest.raises(ListenError, match="without auth_token"):
        guard(listen, "", allow_public=False)
    assert guard(listen, "secret", allow_public=False) == (host, 9190)
    assert guard(listen, "", allow_public=True) == (host, 9190)


def test_the_guards_words_are_those_of_the_documentation() -> None:
    with pytest.raises(ListenError) as refused:
        guard(DEFAULT_LISTEN, "", allow_public=False)
    assert refused.value.message == MISSION
    assert refused.value.exit_code == 1


@pytest.mark.parametrize("token", ["", "  ", "\n"])
def test_a_blank_token_is_none(token: str) -> None:
    with pytest.raises(ListenError, match="without auth_token"):
        guard("0.0.0.0:9190", token, allow_public=False)


def test_nonsense_is_called_so_rather_than_unsafe() -> None:
    with pytest.raises(ListenError, match="is no address"):
        guard("nonsense", "", allow_public=False)


def test_a_port_that_a_hub_holds_is_said_to_be_a_hubs() -> None:
    with HubServer(Board(), "127.0.0.1", 0) as first:
        second = HubServer(Board(), "127.0.0.1", first.port)
        with pytest.raises(ListenError, match="in use, another hub answers there") as refused:
            second.start()
    assert f'"127.0.0.1:{first.port}"' in refused.value.message
    assert "--listen" in refused.value.hint


def test_a_hub_whose_answer_comes_in_pieces_is_one() -> None:
    head = b"HTTP/1.0 200 OK\r\nX-Long: " + b"x" * 1000 + b"\r\n\r\n"

    def answer(taken: socket.socket) -> None:
        connection, _ = taken.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(head + b'{"status":"ok"')  # all of it is read before either end closes

    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor(1) as pool:
        answered = pool.submit(answer, other)
        with pytest.raises(ListenError, match="in use, another hub answers there"):
            bind("127.0.0.1", other.getsockname()[1])
        answered.result(PATIENCE_S)


def test_a_port_that_something_else_holds_is_said_to_be_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(ListenError, match="in use, another program"):
            bind("127.0.0.1", other.getsockname()[1])


def test_an_address_of_another_machine_cannot_be_had() -> None:
    with pytest.raises(ListenError, match="no such address"):
        bind("192.0.2.1", 0)


def test_an_unknown_name_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ListenError, match="nobody knows a host"):
        bind("no-such-host.invalid", 0)


def test_a_forbidden_port_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", forbidden)
    with pytest.raises(ListenError, match="not allowed"):
        bind("127.0.0.1", 80)


def test_localhost_never_asks_a_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def noted(host: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    with bind("localhost", 0) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"
    assert "localhost" not in asked


def test_sockets_send_at_once() -> None:
    with bind("127.0.0.1", 0) as sock:
        assert sock.proto == socket.IPPROTO_TCP
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.skipif(sys.platform != "linux", reason="an option of Linux")
def test_a_peer_that_is_gone_without_a_word_is_found_out() -> None:
    with (
        bind("127.0.0.1", 0) as sock,
        socket.create_connection(sock.getsockname()),
        sock.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 40_000


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_every_interface_means_both_families() -> None:
    with HubServer(Board(), "", 0) as server:
        for target in ("127.0.0.1", "::1"):
            socket.create_connection((target, server.port), timeout=60).close()
        assert server.url == f"http://127.0.0.1:{server.port}"
