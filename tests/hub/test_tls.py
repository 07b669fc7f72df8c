"""A hub that speaks TLS: what is wrong with its files is a sentence, what is renewed is taken up."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from openusage.errors import ExitCode, ListenError
from openusage.hub import Board, HubServer, Tls
from openusage.hub.tls import check
from tests.hub.conftest import TOKEN
from tests.hub.fleet import wait_for
from tests.support.certificates import Authority, Pair

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
PUSH = b'{"machine":"m","sent_at":"2026-01-01T00:00:00Z","snapshots":[]}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue()


def refusal(cert: Path, key: Path | None = None, now: dt.datetime = NOW) -> str:
    with pytest.raises(ListenError) as caught:
        check(cert, key or cert, now)
    assert caught.value.exit_code == ExitCode.FAILED
    assert caught.value.hint
    return caught.value.message


def test_a_good_pair_is_told_by_its_times(pair: Pair) -> None:
    found = check(pair.cert, pair.key, NOW)
    assert found.begins_at < NOW < found.ends_at


def test_one_file_may_hold_both(pair: Pair, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(pair.cert.read_bytes() + pair.key.read_bytes())
    assert check(both, both, NOW) == check(pair.cert, pair.key, NOW)


def test_a_file_that_is_missing(pair: Pair, tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.crt", pair.key) == f"hub: the certificate {tmp_path}/no.crt does not exist."
    assert (
        refusal(pair.cert, tmp_path / "no.key") == f"hub: the private key {tmp_path}/no.key does not exist."
    )


def test_a_file_that_cannot_be_read(pair: Pair, tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in refusal(tmp_path, pair.key)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read a file")
def test_a_key_that_only_another_user_may_read(pair: Pair, tmp_path: Path) -> None:
    """In a process that gave its rights away."""
    key = tmp_path / "private.key"
    key.write_bytes(pair.key.read_bytes())
    key.chmod(0o600)
    program = (
        "import os, sys, datetime as dt; from pathlib import Path; from openusage.hub.tls import check\n"
        "from openusage.errors import ListenError\n"
        "cert, key = map(Path, sys.argv[1:3])\n"
        "fd = os.open(cert, os.O_RDONLY); os.setgid(65534); os.setuid(65534)\n"
        "try: check(Path(f'/proc/self/fd/{fd}'), key, dt.datetime.now(dt.UTC))\n"
        "except ListenError as e: print(e.message, e.hint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(pair.cert), str(key)], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.strip().endswith(
        "cannot be read: Permission denied. The hub runs as user 65534: let that user read it."
    ), done.stderr


def test_a_certificate_that_has_expired_or_is_not_valid_yet(authority: Authority) -> None:
    old = authority.issue(begins_at=NOW - 90 * DAY, ends_at=NOW - DAY)
    assert refusal(old.cert, old.key).endswith(f"expired on {NOW - DAY:%Y-%m-%d}.")
    early = authority.issue(begins_at=NOW + DAY, ends_at=NOW + 90 * DAY)
    assert f"is not valid before {NOW + DAY:%Y-%m-%d}" in refusal(early.cert, early.key)


def test_a_key_that_is_another_certificates(authority: Authority, pair: Pair) -> None:
    other = authority.issue()
    assert (
        refusal(pair.cert, other.key) == f"hub: {other.key} is not the key of the certificate in {pair.cert}."
    )


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_that_holds_something_else(pair: Pair, tmp_path: Path, content: bytes) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_bytes(content)
    assert "are not a certificate and its key as PEM" in refusal(junk, pair.key)
    assert "are not a certificate and its key as PEM" in refusal(pair.cert, junk)


def test_a_key_with_a_passphrase_asks_nobody(pair: Pair, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as s

    key = s.load_pem_private_key(pair.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            s.Encoding.PEM, s.PrivateFormat.TraditionalOpenSSL, s.BestAvailableEncryption(b"secret")
        )
    )
    assert refusal(pair.cert, locked) == f"hub: the private key {locked} is protected by a passphrase."


# -- a hub that serves -----------------------------------------------------------------------------


def server(tls: Tls) -> HubServer:
    return HubServer(Board(), "127.0.0.1", 0, TOKEN, tls=tls)


def served(address: tuple[str, int], context: ssl.SSLContext) -> bytes:
    """The certificate that a new connection gets, as DER."""
    with (
        socket.create_connection(address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as sock,
    ):
        return sock.getpeercert(binary_form=True) or b""


def der(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(
        pair.cert.read_text().split("-----END")[0] + "-----END CERTIFICATE-----\n"
    )


def test_push_and_read_through_tls_and_nothing_without(authority: Authority, pair: Pair) -> None:
    with server(Tls(*pair)) as hub:
        assert hub.url == f"https://127.0.0.1:{hub.port}"
        with httpx.Client(verify=authority.context, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            assert client.post(hub.url + "/v1/push", content=PUSH).status_code == 200
            assert client.get(hub.url + "/healthz").json()["machines"] == ["m"]
            assert (
                "openusage_hub_certificate_expiry_timestamp_seconds" in client.get(hub.url + "/metrics").text
            )
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{hub.port}/healthz")
        with pytest.raises(httpx.ConnectError):
            httpx.get(hub.url + "/healthz")  # a client that does not know the authority


def test_the_hubs_own_process_has_a_way_in_without_tls(pair: Pair) -> None:
    with server(Tls(*pair)) as hub:
        assert hub.own_url.startswith("http://127.0.0.1:")
        assert httpx.get(hub.own_url + "/healthz").status_code == 200
        assert httpx.get(hub.own_url + "/v1/snapshots").status_code == 401
    with pytest.raises(httpx.TransportError):
        httpx.get(hub.own_url + "/healthz")


def test_a_renewed_certificate_is_served_without_a_restart_and_old_connections_stay(
    authority: Authority, tmp_path: Path
) -> None:
    """Also of another kind of key. Of two files one is renewed first: until both hold, the old ones serve."""
    first, second = authority.issue(), authority.issue(rsa=True)
    live = Pair(tmp_path / "live.crt", tmp_path / "live.key")
    live.cert.write_bytes(first.cert.read_bytes())
    live.key.write_bytes(first.key.read_bytes())
    tls = Tls(*live)
    with server(tls) as hub, httpx.Client(verify=authority.context) as old:
        address = ("127.0.0.1", hub.port)
        assert old.get(hub.url + "/healthz").status_code == 200
        assert served(address, authority.context) == der(first)
        live.cert.write_bytes(second.cert.read_bytes())
        tls.follow()
        assert served(address, authority.context) == der(first)  # its key is not there yet
        live.key.write_bytes(second.key.read_bytes())
        wait_for(lambda: served(address, authority.context) == der(second))  # by itself
        assert old.get(hub.url + "/healthz").status_code == 200


def test_a_renewed_file_that_does_not_hold_is_told_once(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = authority.issue()
    old = authority.issue(begins_at=NOW - 90 * DAY, ends_at=NOW - DAY)
    live = tmp_path / "live.pem"
    live.write_bytes(first.cert.read_bytes() + first.key.read_bytes())
    tls = Tls(live)
    live.write_bytes(old.cert.read_bytes() + old.key.read_bytes())
    tls.follow()
    tls.follow()
    live.unlink()
    tls.follow()
    assert [r.message.partition("used: ")[2] for r in caplog.records] == [
        f"hub: the certificate in {live} expired on {NOW - DAY:%Y-%m-%d}.",
        f"hub: the certificate {live} does not exist.",
    ]


def test_a_client_that_never_begins_to_speak_tls_is_closed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openusage.hub.server.HANDSHAKE_S", 0.5)
    with server(Tls(*pair)) as hub, closing(socket.create_connection(("127.0.0.1", hub.port), 10)) as sock:
        began = time.monotonic()
        try:
            assert sock.recv(1) == b""
        except ConnectionResetError:
            pass  # as good an end
        assert time.monotonic() - began < 9
