"""Clients against real servers: what a screen gets, and what it is told when the far end misbehaves."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from openusage.client import DaemonClient, HubClient
from openusage.errors import PeerConfused, PeerError, PeerRefused, PeerUnreachable, UsageError
from tests.support.processes import PATIENCE_S

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)

BODY = {
    "laptop:codex:codex-cli": {
        "provider_id": "codex",
        "account_id": "laptop:codex:codex-cli",
        "timestamp": "2026-11-22T07:31:53.873990559Z",
        "status": "OK",
        "metrics": None,
        "future": [1],
    },
    "gone": None,
}


def hub(url: str, token: str = "", timeout_s: float = PATIENCE_S) -> HubClient:
    return HubClient(url, token=token, now=lambda: NOW, timeout_s=timeout_s)


def test_a_hub_is_read_whoever_wrote_it(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/snapshots", headers={"Authorization": "Bearer t"}).respond_with_json(BODY)
    frame = hub(httpserver.url_for("/") + "/", "t").fetch("7d")
    assert list(frame.snapshots) == ["laptop:codex:codex-cli"]
    assert frame.snapshots["laptop:codex:codex-cli"].metrics == {}
    assert frame.fetched_at == NOW
    assert frame.changed


def test_an_unchanged_hub_costs_one_short_answer(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/v1/snapshots").respond_with_json(BODY, headers={"ETag": '"1"'})
    httpserver.expect_ordered_request(
        "/v1/snapshots", headers={"If-None-Match": '"1"'}
    ).respond_with_response(Response("", 304))
    client = hub(httpserver.url_for("/"))
    first, second = client.fetch("7d"), client.fetch("7d")
    assert second.snapshots is first.snapshots
    assert (first.changed, second.changed) == (True, False)


@pytest.mark.parametrize(
    ("response", "error", "said"),
    [
        (Response("", 401, {"WWW-Authenticate": 'Bearer realm="x"'}), PeerRefused, "wants a token"),
        (
            Response("", 401, {"WWW-Authenticate": 'Bearer realm="x", error="invalid_token"'}),
            PeerRefused,
            "does not accept this token",
        ),
        (Response("", 302, {"Location": "http://evil.example/"}), PeerRefused, "sends us to http://evil"),
        (Response('{"error":"no","detail":"x"}', 500), PeerRefused, "answers 500: no: x"),
        (Response("[" * 100_000, 500), PeerRefused, "answers 500"),
        (Response("[" * 100_000, 200), PeerConfused, "does not answer like a hub"),
        (Response('{"a":{"raw":' + "[" * 100_000, 200), PeerConfused, "does not answer like a hub"),
        (Response("<html>", 200), PeerConfused, "does not answer like a hub"),
        (Response('{"a": 5}', 200), PeerConfused, "does not answer like a hub"),
        (Response(b'{"\xff": null}', 200), PeerConfused, "does not answer like a hub"),
    ],
)
def test_each_odd_answer_is_a_sentence(
    httpserver: HTTPServer, response: Response, error: type[PeerError], said: str
) -> None:
    httpserver.expect_request("/v1/snapshots").respond_with_response(response)
    with pytest.raises(error, match=said):
        hub(httpserver.url_for("/")).fetch("7d")


def test_a_token_that_only_pushes_is_told_with_one_that_reads(httpserver: HTTPServer) -> None:
    body = '{"error":"forbidden","detail":"this token pushes for its machine; it reads nothing"}'
    httpserver.expect_request("/v1/snapshots").respond_with_response(Response(body, 403))
    with pytest.raises(PeerRefused, match="it reads nothing") as caught:
        hub(httpserver.url_for("/")).fetch("7d")
    assert caught.value.hint.endswith("openusage hub token create --machine NAME --role view")


def test_a_redirect_is_not_followed(httpserver: HTTPServer) -> None:
    with HTTPServer(host="127.0.0.1", port=0) as elsewhere:
        elsewhere.expect_request("/").respond_with_json(BODY)
        away = Response("", 307, {"Location": elsewhere.url_for("/")})
        httpserver.expect_request("/v1/snapshots").respond_with_response(away)
        with pytest.raises(PeerRefused):
            hub(httpserver.url_for("/"), "t").fetch("7d")
        assert elsewhere.log == []


def test_nobody_there_is_a_sentence_with_the_reason() -> None:
    with pytest.raises(PeerUnreachable, match=r"127\.0\.0\.1:1 does not answer \(connection refused\)"):
        hub("http://127.0.0.1:1").fetch("7d")


@pytest.mark.parametrize("url", ["http://[broken", "ftp://hub", "http://", "http://u:p@hub.lan"])
def test_what_is_no_address_is_refused_before_anything_is_tried(url: str) -> None:
    with pytest.raises(UsageError, match="is not a hub's address"):
        hub(url)


def test_a_hub_that_says_nothing_times_out() -> None:
    with (
        _silent_server() as port,
        pytest.raises(PeerUnreachable, match="does not answer in time"),
    ):
        hub(f"http://127.0.0.1:{port}", timeout_s=0.3).fetch("7d")


def test_no_daemon_is_a_sentence(tmp_path: Path) -> None:
    client = DaemonClient(tmp_path / "no.sock", now=lambda: NOW)
    assert not client.healthy()
    with pytest.raises(PeerUnreachable, match="No daemon answers at"):
        client.fetch("7d")


@contextmanager
def _silent_server() -> Iterator[int]:
    """Takes connections and says nothing."""
    ready = threading.Event()
    port = 0
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def main() -> None:
        nonlocal port
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        ready.set()
        await ended.wait()
        server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    ready.wait(PATIENCE_S)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(PATIENCE_S)
        loop.close()
