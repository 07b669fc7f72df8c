"""Paths: the contract's, those added to it, and those there are not; and what the log shows."""

from __future__ import annotations

import logging

import httpx
import pytest

from openusage.hub import Board, Policy
from openusage.hub.app import HubApp, printable
from openusage.hub.auth import Gate
from openusage.hub.http import Receive, Scope, Send, answer, reply
from tests.hub.conftest import Hub, running
from tests.hub.fleet import wait_for
from tests.hub.test_board import body


async def _metrics(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, answer(200, b'"metrics"'))


async def _page(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, answer(200, b'"page"'))


async def _broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("boom")


ROUTES = {"/metrics": _metrics, "/static/": _page, "/static/deep/": _metrics, "/broken": _broken}


def test_routes_can_be_added_beside_the_contract(caplog: pytest.LogCaptureFixture) -> None:
    with running(routes=ROUTES) as hub:
        assert hub.http.get("/metrics").json() == "metrics"
        assert hub.http.get("/static/a.js").json() == "page"
        assert hub.http.get("/static/deep/a.js").json() == "metrics"
        assert hub.http.get("/metrics/x").status_code == 404
        assert hub.push(body("laptop", "a")).status_code == 200
        broken = hub.http.get("/broken")
        assert (broken.status_code, broken.json()) == (500, {"error": "internal error"})
    assert "boom" in caplog.text


def test_the_contracts_paths_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="/healthz"):
        HubApp(Board(), Gate(), routes={"/healthz": _page})


def path(hub: Hub, raw: bytes) -> httpx.Response:
    request = hub.http.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=raw)
    return hub.http.send(request)


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        (b"//v1/snapshots", "/v1/snapshots"),
        (b"/v1//snapshots?x=1", "/v1/snapshots?x=1"),
        (b"//healthz", "/healthz"),
    ],
)
def test_doubled_slashes_are_sent_to_the_path(hub: Hub, raw: bytes, location: str) -> None:
    found = path(hub, raw)
    assert (found.status_code, found.headers["location"]) == (307, location)


@pytest.mark.parametrize(
    "raw",
    [b"/", b"/v1", b"/v1/snapshots/", b"/V1/snapshots", b"//evil.example/v1/snapshots", b"//", b"/healthz/"],
)
def test_other_paths_are_not_found(hub: Hub, raw: bytes) -> None:
    found = path(hub, raw)
    assert (found.status_code, found.json()) == (404, {"error": "not found"})


def test_a_query_does_not_change_the_path(hub: Hub) -> None:
    assert path(hub, b"/v1/snapshots?a=b").json() == {}


def test_healthz_answers_any_method_and_head_without_a_body(hub: Hub) -> None:
    for method in ("GET", "POST", "DELETE", "HEAD"):
        found = hub.http.request(method, "/healthz")
        assert found.status_code == 200
        assert int(found.headers["content-length"]) == len(b'{"status":"ok","machines":[]}')
    assert hub.http.head("/healthz").content == b""


def test_healthz_can_keep_the_names_to_itself() -> None:
    with running(policy=Policy(healthz_machines=False)) as hub:
        hub.push(body("laptop", "a"))
        assert hub.http.get("/healthz").json() == {"status": "ok"}


def test_healthz_follows_the_machines(hub: Hub) -> None:
    for name in ("b", "a", "a:b"):
        hub.push(body(name, "x"))
    assert hub.http.get("/healthz").json() == {"status": "ok", "machines": ["a", "a:b", "b"]}
    hub.clock.seconds += 301
    assert hub.http.get("/healthz").json() == {"status": "ok", "machines": []}


def test_the_log_has_a_line_for_each_change_and_no_control_characters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "openusage.hub"), running() as hub:
        for _ in range(3):
            hub.push('{"machine":"evil\\u001b[2J\\nname"}')
        hub.clock.seconds += 301
        hub.http.get("/healthz")
        hub.push('{"machine":"evil\\u001b[2J\\nname"}')
    said = [r.getMessage() for r in caplog.records if r.name == "openusage.hub"]
    assert said == [
        f"machine evil\\x1b[2J\\nname {change}" for change in ("appeared", "went stale", "came back")
    ]


def test_silence_is_logged_though_nobody_asks(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "openusage.hub"), running() as hub:
        hub.push(body("laptop", "a"))
        hub.clock.seconds += 301
        wait_for(lambda: "machine laptop went stale" in caplog.text)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\x1b[31m", "a\\x1b[31m"), ("é 🖥", "é 🖥"), ("\u202eevil", "\\u202eevil"), ("x" * 200, "x" * 79 + "…")],
)
def test_names_are_made_printable(name: str, shown: str) -> None:
    assert printable(name) == shown
