"""A daemon with a hub: the records that it reads arrive there, and nothing else of the home does."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import msgspec
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from openusage.exporter import Target
from openusage.wire.events import UsageEvent
from openusage.wire.records import RecordBatch, RecordsReply
from tests.daemon.conftest import NOW, Start
from tests.support.homes import claude_line, write_claude
from tests.support.processes import until

AT = "2026-11-22T10:00:00.000Z"


def test_what_is_read_arrives_at_the_hub_at_once_and_without_text(
    start: Start, home: Path, tmp_path: Path, httpserver: HTTPServer
) -> None:
    bodies: list[bytes] = []

    def take(request: Request) -> Response:
        bodies.append(gzip.decompress(request.data))
        return Response(
            msgspec.json.encode(RecordsReply(stored=msgspec.json.decode(bodies[-1])["upto"])), 200
        )

    def events() -> list[UsageEvent]:
        batches = (msgspec.json.decode(body, type=RecordBatch) for body in list(bodies))
        return [r for batch in batches for r in batch.records if isinstance(r, UsageEvent)]

    httpserver.expect_request("/v1/records").respond_with_handler(take)
    httpserver.expect_request("/v1/push").respond_with_json({"ok": True})
    write_claude(home, claude_line("1", at=AT))
    hub = Target(
        url=httpserver.url_for("/"), token="", machine="laptop", machine_id="ab" * 16, records="full"
    )
    start(targets=(hub,))
    until(lambda: len(events()) == 1, "the first answer arrives")
    write_claude(home, claude_line("1", at=AT), claude_line("2", at=AT))
    until(lambda: len(events()) == 2, "the second one arrives, long before the hub's interval")
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "d.sock"))) as client:
        until(
            lambda: client.get("http://x/v1/status").json()["exporters"][0]["records_state"] == "ok",
            "all sent",
        )
        (exporter,) = client.get("http://x/v1/status").json()["exporters"]
    assert exporter["records_waiting"] == 0
    assert exporter["records_sent"] >= 2
    assert events()[0].at_us < NOW.timestamp() * 1e6
    for body in bodies:
        assert str(home).encode() not in body
        assert b"a secret sentence" not in body
        assert b"/home/ann" not in body
