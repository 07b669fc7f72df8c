"""Who is let in, what the others are told, and what the log says of it."""

from __future__ import annotations

import logging

import httpx
import pytest

from openusage.hub.auth import INVALID, MISSING, Gate
from openusage.hub.http import Answer
from tests.hub.conftest import TOKEN, Hub


def check(gate: Gate, *authorization: bytes, address: str = "192.168.1.9") -> Answer | None:
    headers = [(b"host", b"h"), *((b"authorization", a) for a in authorization)]
    return gate.check({"headers": headers, "client": (address, 5)})


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer s3cret",
        b"bearer s3cret",
        b"BEARER s3cret",
        b"Bearer   s3cret  ",
        b" Bearer s3cret",
        b"Bearer \ts3cret",
    ],
)
def test_the_token_opens(value: bytes) -> None:
    assert check(Gate("s3cret"), value) is None


@pytest.mark.parametrize(
    "value",
    [b"", b"Bearer", b"Bearer ", b"s3cret", b"Basic czNjcmV0", b"Bearers3cret", b"Token s3cret"],
)
def test_malformed_credentials_are_missing(value: bytes) -> None:
    assert check(Gate("s3cret"), value) is MISSING


@pytest.mark.parametrize(
    "value", [b"Bearer s3cre", b"Bearer s3cret2", b"Bearer S3CRET", b"Bearer s3 cret", b"Bearer \xff"]
)
def test_another_token_is_invalid(value: bytes) -> None:
    assert check(Gate("s3cret"), value) is INVALID


def test_no_header_is_missing_and_of_two_the_first_counts() -> None:
    assert check(Gate("s3cret")) is MISSING
    assert check(Gate("s3cret"), b"Bearer no", b"Bearer s3cret") is INVALID


@pytest.mark.parametrize("token", ["", "  ", "\n"])
def test_a_blank_token_locks_nothing(token: str) -> None:
    assert Gate(token).is_open
    assert check(Gate(token)) is None


def test_tokens_of_any_script_and_with_a_stray_newline_work() -> None:
    assert check(Gate("schlüssel\n"), "Bearer schlüssel".encode()) is None


def test_refusals_are_said_once_and_then_tenfold(caplog: pytest.LogCaptureFixture) -> None:
    """Never the token, neither theirs nor ours; one line when the address is let in again."""
    gate = Gate("s3cret")
    with caplog.at_level(logging.INFO, "openusage.hub"):
        for _ in range(120):
            check(gate, b"Bearer guess", address="::ffff:10.0.0.7")
        check(gate, b"Bearer s3cret", address="10.0.0.7")
        check(gate, b"Bearer s3cret", address="10.0.0.7")
    assert [r.getMessage() for r in caplog.records] == [
        "refused 10.0.0.7: invalid bearer token (1 so far)",
        "refused 10.0.0.7: invalid bearer token (10 so far)",
        "refused 10.0.0.7: invalid bearer token (100 so far)",
        "let in 10.0.0.7 again after 120 refused",
    ]


def test_a_flood_of_addresses_is_forgotten_again() -> None:
    gate = Gate("s3cret")
    for i in range(3000):
        check(gate, address=f"10.0.{i // 256}.{i % 256}")
    assert len(gate._refused) <= 1000


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/push"), ("GET", "/v1/snapshots"), ("HEAD", "/v1/snapshots")]
)
def test_pushing_and_reading_need_the_token(hub: Hub, method: str, path: str) -> None:
    plain = httpx.request(method, hub.server.url + path, content=b'{"machine":"m"}')
    assert plain.status_code == 401
    assert plain.headers["www-authenticate"] == 'Bearer realm="openusage-hub"'
    wrong = httpx.request(method, hub.server.url + path, headers={"Authorization": f"Bearer {TOKEN}x"})
    assert wrong.headers["www-authenticate"] == 'Bearer realm="openusage-hub", error="invalid_token"'
    assert hub.http.get("/healthz").json()["machines"] == []


def test_healthz_never_needs_it(hub: Hub) -> None:
    assert httpx.get(hub.server.url + "/healthz").status_code == 200
