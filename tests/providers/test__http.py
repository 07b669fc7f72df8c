"""Asking a vendor: one JSON object, or one reason why not, which never holds the login."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from openusage.errors import AuthRequired, OpenUsageError, SourceChanged, SourceUnavailable
from openusage.providers import _http

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
TOKEN = "very-secret-token"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


def ask(client: httpx.Client, url: str, token: str = TOKEN, **more: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    return _http.ask(client, url, who="The vendor", headers=headers, login_hint="Log in.", **more)


def test_an_object_is_answered(client: httpx.Client, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a", method="GET").respond_with_json({"x": 1})
    assert ask(client, httpserver.url_for("/a")) == {"x": 1}
    [(request, _)] = httpserver.log
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_body_is_posted_as_json(client: httpx.Client, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a", method="POST", json={"q": 1}).respond_with_json({"x": 1})
    assert ask(client, httpserver.url_for("/a"), body={"q": 1}) == {"x": 1}


@pytest.mark.parametrize(
    ("status", "headers", "body", "error", "words"),
    [
        (401, {}, "{}", AuthRequired, "refuses the login"),
        (403, {}, "{}", AuthRequired, "refuses the login"),
        (429, {}, "{}", SourceUnavailable, "too many requests"),
        (503, {"Retry-After": "7"}, "{}", SourceUnavailable, "asks to wait"),
        (503, {}, "{}", SourceUnavailable, "answered 503"),
        (302, {"Location": "http://127.0.0.1:1/x"}, "{}", SourceUnavailable, "answered 302"),
        (204, {}, "", SourceUnavailable, "answered 204"),
        (200, {}, "<html>", SourceChanged, "not JSON"),
        (200, {}, "[1]", SourceChanged, "no JSON object"),
        (200, {}, "", SourceChanged, "not JSON"),
    ],
)
def test_refusals(
    client: httpx.Client,
    httpserver: HTTPServer,
    status: int,
    headers: dict[str, str],
    body: str,
    error: type[OpenUsageError],
    words: str,
) -> None:
    httpserver.expect_request("/a").respond_with_data(body, status=status, headers=headers)
    with pytest.raises(error, match=words) as told:
        ask(client, httpserver.url_for("/a"))
    assert TOKEN not in f"{told.value!r} {told.value.hint}"
    assert (told.value.hint == "Log in.") is (error is AuthRequired)


def test_how_long_to_wait_is_handed_on(client: httpx.Client, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a").respond_with_data("{}", status=429, headers={"Retry-After": "120"})
    with pytest.raises(SourceUnavailable) as told:
        ask(client, httpserver.url_for("/a"))
    assert told.value.retry_after_s == 120
    assert told.value.hint == "", "nobody has to do anything"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("9999999999", 86_400.0),
        ("Mon, 02 Mar 2026 12:01:30 GMT", 90.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("Mon, 02 Mar 2026 12:00:10", 10.0),
    ],
)
def test_how_long_to_wait(header: str, seconds: float) -> None:
    assert _http.retry_after_s(header, NOW) == seconds


def test_a_status_may_mean_that_there_is_nothing_to_tell(
    client: httpx.Client, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/a").respond_with_data("no", status=403)
    assert ask(client, httpserver.url_for("/a"), silent_on=(403,)) == {}
    with pytest.raises(AuthRequired, match="log in first"):
        ask(client, httpserver.url_for("/a"), refusal="Please log in first")


def test_an_answer_without_end_is_not_read_to_its_end(
    client: httpx.Client, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_http, "MAX_ANSWER_BYTES", 1 << 20)

    def endless(request: Request) -> Response:
        def parts() -> Iterator[bytes]:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                yield b" " * 65_536

        return Response(parts(), mimetype="application/json")

    httpserver.expect_request("/a").respond_with_handler(endless)
    with pytest.raises(SourceChanged, match="more than 1 MB"):
        ask(client, httpserver.url_for("/a"))
    client.close()


def test_nobody_there_is_said_in_plain_words(client: httpx.Client) -> None:
    with pytest.raises(SourceUnavailable, match="connection refused"):
        ask(client, "http://127.0.0.1:9/a")


@pytest.mark.parametrize("token", ["line\nbreak", "ümlaut", "\x00"])
def test_a_login_that_cannot_be_sent_is_not_repeated(
    client: httpx.Client, httpserver: HTTPServer, token: str
) -> None:
    assert not _http.is_header(token)
    with pytest.raises(SourceUnavailable, match="malformed") as told:
        ask(client, httpserver.url_for("/a"), token=token)
    assert token not in f"{told.value!r}"
    assert told.value.__suppress_context__


def jwt(payload: bytes) -> str:
    return f"e30.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.sig"


@pytest.mark.parametrize(
    ("token", "claims"),
    [
        (jwt(json.dumps({"sub": "1", "name": "ü"}).encode()), {"sub": "1", "name": "ü"}),
        (jwt(b"[]"), {}),
        (jwt(b"\xff"), {}),
        ("a.b", {}),
        ("a.b.c", {}),
        ("a.ü.c", {}),
        (None, {}),
        (5, {}),
    ],
)
def test_claims_of_a_token(token: object, claims: dict[str, Any]) -> None:
    assert _http.claims(token) == claims


def test_a_login_is_good_until_it_says() -> None:
    login = {"access_token": "abc", "ends": 1_772_445_600}
    ends_us = 1_772_445_600_000_000
    assert _http.access_token(login, "ends", ends_us - 1) == "abc"
    assert _http.access_token(login, "ends", ends_us) is None
    assert _http.access_token({"access_token": "abc"}, "ends", ends_us) == "abc"
    assert _http.access_token({"access_token": "a\nb"}, "ends", 0) is None
    assert _http.access_token({}, "ends", 0) is None
