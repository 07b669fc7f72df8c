"""The exporter against a real HTTP server: what it sends, when, and what it does when the hub misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from openusage.exporter import Exporter, Target, envelope, pause_s, worth_sending
from openusage.exporter.privacy import Privacy
from openusage.wire.envelope import PeerEnvelope
from openusage.wire.snapshot import UsageSnapshot
from tests.exporter.receiving import ME, NOW, snapshot, until
from tests.support.processes import PATIENCE_S, PROMPTLY_S


def target(url: str, **changes: object) -> Target:
    made = Target(url=url, token="s3cret", machine="laptop", machine_id=ME, interval_s=0.05)
    return msgspec.structs.replace(made, **changes)


@asynccontextmanager
async def running(exporter: Exporter) -> AsyncIterator[Exporter]:
    stop = asyncio.Event()
    task = asyncio.create_task(exporter.run(stop))
    try:
        yield exporter
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def test_a_push_is_what_the_contract_says(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/push", method="POST").respond_with_json({"ok": True})
    exporter = Exporter(target(httpserver.url_for("/") + "/"), lambda: [snapshot()], now=lambda: NOW)
    async with running(exporter):
        await until(lambda: len(httpserver.log) >= 2)
    request = httpserver.log[0][0]
    assert request.path == "/v1/push"
    assert request.headers["Authorization"] == "Bearer s3cret"
    assert request.headers["Content-Type"] == "application/json"
    body = json.loads(request.data)
    assert body == {
        "machine": "laptop",
        "machine_id": ME,
        "version": body["version"],
        "sent_at": "2026-09-21T14:15:00Z",
        "snapshots": [
            {
                "provider_id": "claude_code",
                "account_id": "claude-code",
                "timestamp": "2026-09-21T14:15:00Z",
                "status": "OK",
                "metrics": {"window_cost": {"used": 1.5, "unit": "USD", "window": "30d"}},
                "attributes": {"plan_type": "max"},
            }
        ],
    }
    assert exporter.status().state == "ok"
    assert exporter.status().last_ok_at == NOW


async def test_nothing_is_pushed_while_nothing_is_known(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/push").respond_with_json({"ok": True})
    known: list[UsageSnapshot] = [snapshot(status="UNKNOWN", metrics={})]
    asked: list[int] = []

    def snapshots() -> list[UsageSnapshot]:
        asked.append(1)
        return list(known)

    exporter = Exporter(target(httpserver.url_for("/")), snapshots, now=lambda: NOW)
    async with running(exporter):
        await until(lambda: len(asked) >= 3)
        assert httpserver.log == []
        assert exporter.status().state == "waiting"
        known[:] = [snapshot()]
        exporter.wake()
        await until(lambda: len(httpserver.log) > 0)


async def test_identity_leaves_only_when_asked_for_and_raw_never() -> None:
    closed, opened = (Privacy("full", include_identity=include, secret="1" * 32) for include in (False, True))
    plain = envelope(target("http://hub"), [snapshot()], NOW, closed)
    open_ = envelope(target("http://hub", include_identity=True), [snapshot()], NOW, opened)
    assert "ann@example.com" not in msgspec.json.encode(plain).decode()
    assert open_.snapshots[0].attributes["account_email"] == "ann@example.com"
    assert plain.snapshots[0].raw == open_.snapshots[0].raw == {}


async def test_a_failing_hub_is_told_once_and_found_again(
    httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "openusage.exporter")
    answers = [500, 500, 500, 200]

    def answer(request: Request) -> Response:
        return Response('{"ok":true}', answers.pop(0) if len(answers) > 1 else answers[0])

    httpserver.expect_request("/v1/push").respond_with_handler(answer)
    exporter = Exporter(target(httpserver.url_for("/")), lambda: [snapshot()], now=lambda: NOW)
    async with running(exporter):
        await until(lambda: exporter.status().state == "failing")
        assert exporter.status().last_error == "the hub answers 500"
        await until(lambda: exporter.status().state == "ok")
    lines = [r.getMessage() for r in caplog.records]
    assert len([m for m in lines if "cannot push" in m]) == 1
    assert len([m for m in lines if "again after 3 failed tries" in m]) == 1
    assert not any("s3cret" in m for m in lines)


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (401, {}, '{"error":"invalid bearer token"}', "refuses the token"),
        (404, {}, "404 page not found", "no hub at this address"),
        (307, {"Location": "https://evil.example/v1/push"}, "", "not followed"),
        (413, {}, "{}", "the hub answers 413"),
        (200, {}, "<html>hello</html>", "not a hub"),
    ],
)
async def test_each_refusal_is_a_sentence(
    httpserver: HTTPServer, status: int, headers: dict[str, str], body: str, said: str
) -> None:
    httpserver.expect_request("/v1/push").respond_with_response(Response(body, status, headers))
    exporter = Exporter(target(httpserver.url_for("/")), lambda: [snapshot()], now=lambda: NOW)
    async with running(exporter):
        await until(lambda: exporter.status().failures > 0)
        assert said in exporter.status().last_error


async def test_a_redirect_never_carries_the_token_away(httpserver: HTTPServer) -> None:
    with HTTPServer(host="127.0.0.1", port=0) as elsewhere:
        elsewhere.expect_request("/v1/push").respond_with_json({"ok": True})
        moved = Response("", 308, {"Location": elsewhere.url_for("/v1/push")})
        httpserver.expect_request("/v1/push").respond_with_response(moved)
        exporter = Exporter(target(httpserver.url_for("/")), lambda: [snapshot()], now=lambda: NOW)
        async with running(exporter):
            await until(lambda: exporter.status().failures > 1)
        assert elsewhere.log == []


async def test_half_an_answer_and_nobody_there_are_failures_not_faults() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    exporter = Exporter(target(f"http://127.0.0.1:{port}"), lambda: [snapshot()], now=lambda: NOW)
    async with running(exporter):
        await until(lambda: exporter.status().failures > 0)
        server.close()
        await until(lambda: exporter.status().last_error == "connection refused")


async def test_a_fault_of_ours_does_not_end_the_exporter(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/push").respond_with_json({"ok": True})
    calls = 0

    def snapshots() -> list[UsageSnapshot]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("boom")
        return [snapshot()]

    exporter = Exporter(target(httpserver.url_for("/")), snapshots, now=lambda: NOW)
    async with running(exporter):
        await until(lambda: exporter.status().state == "ok")


async def test_only_a_hub_that_says_so_gets_compressed_bodies(httpserver: HTTPServer) -> None:
    plain = Response('{"ok":true}', 200)
    willing = Response('{"ok":true}', 200, {"Accept-Encoding": "gzip"})
    answers = [plain, willing, willing, plain, plain]
    httpserver.expect_request("/v1/push").respond_with_handler(
        lambda _: answers.pop(0) if len(answers) > 1 else answers[0]
    )
    big = snapshot(attributes={f"k{i}": "v" * 40 for i in range(100)})
    exporter = Exporter(target(httpserver.url_for("/")), lambda: [big], now=lambda: NOW)
    async with running(exporter):
        await until(lambda: len(httpserver.log) >= 5)
    packed = [r.headers.get("Content-Encoding") for r, _ in httpserver.log[:5]]
    assert packed == [None, None, "gzip", "gzip", None]
    body = gzip.decompress(httpserver.log[2][0].data)
    assert msgspec.json.decode(body, type=PeerEnvelope).machine == "laptop"


@given(st.integers(0, 10_000), st.floats(1, 3600), st.floats(0, 1, exclude_max=True))
def test_the_pause_never_exceeds_the_interval(failures: int, interval_s: float, chance: float) -> None:
    assert 0 < pause_s(failures, interval_s, chance) <= interval_s


def test_the_pause_grows_with_each_failure() -> None:
    assert [pause_s(n, 60, 0.999999) for n in range(1, 8)] == pytest.approx(
        [1, 2, 4, 8, 16, 32, 60], rel=1e-3
    )


def test_a_snapshot_that_knows_nothing_is_not_worth_sending() -> None:
    empty = snapshot(status="UNKNOWN", metrics={})
    failed = snapshot(status="AUTH_REQUIRED", metrics={})
    assert worth_sending([empty, failed, snapshot()]) == [failed, snapshot()]


async def test_reasons_that_take_turns_are_told_once_each(
    httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([500, 503] * 4)
    httpserver.expect_request("/v1/push").respond_with_handler(lambda _: Response("{}", next(answers, 200)))
    exporter = Exporter(target(httpserver.url_for("/")), lambda: [snapshot()], now=lambda: NOW)
    async with running(exporter):
        await until(lambda: exporter.status().state == "ok")
    told = [r.getMessage() for r in caplog.records if "cannot push" in r.getMessage()]
    assert [text.partition("answers ")[2][:3] for text in told] == ["500", "503"]


async def test_a_hub_that_drips_its_answer_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait for a byte is short; all of them together are not."""
    monkeypatch.setattr("openusage.exporter.target.TIMEOUT_S", 0.3)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    exporter = Exporter(target(url), lambda: [snapshot()], now=lambda: NOW)
    async with running(exporter):
        await until(lambda: "no answer within" in exporter.status().last_error)
    server.close()


async def test_the_end_does_not_wait_for_a_hub_that_hangs() -> None:
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    stop = asyncio.Event()
    task = asyncio.create_task(Exporter(target(url), lambda: [snapshot()], now=lambda: NOW).run(stop))
    await asyncio.wait_for(asked.wait(), PATIENCE_S)
    stop.set()
    await asyncio.wait_for(task, PROMPTLY_S)
    server.close()


def test_a_target_does_not_tell_its_token() -> None:
    assert "s3cret" not in repr(target("http://hub"))
