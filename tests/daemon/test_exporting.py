"""A daemon with a hub: the records that it reads arrive there, and nothing else of the home does."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from openusage.exporter import Target
from openusage.wire.envelope import PeerEnvelope
from openusage.wire.events import UsageEvent
from openusage.wire.local import DaemonStatus
from openusage.wire.records import MAX_RECORDS, RecordBatch, RecordsReply
from tests.daemon.conftest import NOW, Start
from tests.support.homes import claude_line, write_claude, write_codex
from tests.support.processes import until

AT = "2026-11-22T10:00:00.000Z"


class Hub:
    """Takes whatever comes, and keeps the bodies."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/")
        self.bodies: list[bytes] = []
        self.pushes: list[bytes] = []
        self.hold_from = 1 << 62
        """A batch that begins here or later waits for `go_on`."""
        self.go_on = threading.Event()
        server.expect_request("/v1/records").respond_with_handler(self._take)
        server.expect_request("/v1/push").respond_with_handler(self._push)

    def _take(self, request: Request) -> Response:
        self.bodies.append(gzip.decompress(request.data))
        batch = msgspec.json.decode(self.bodies[-1], type=RecordBatch)
        if batch.after >= self.hold_from:
            self.go_on.wait(60)
        return Response(msgspec.json.encode(RecordsReply(stored=batch.upto)), 200)

    def _push(self, request: Request) -> Response:
        self.pushes.append(request.data)
        return Response('{"ok":true}', 200)

    def events(self) -> list[UsageEvent]:
        batches = (msgspec.json.decode(body, type=RecordBatch) for body in list(self.bodies))
        return [r for batch in batches for r in batch.records if isinstance(r, UsageEvent)]

    def target(self, **changes: object) -> Target:
        made = Target(url=self.url, token="", machine="laptop", machine_id="ab" * 16, records="full")
        return msgspec.structs.replace(made, **changes)


@pytest.fixture
def hub(httpserver: HTTPServer) -> Iterator[Hub]:
    hub = Hub(httpserver)
    yield hub
    hub.go_on.set()


def status(tmp_path: Path) -> DaemonStatus:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "d.sock")), timeout=60) as client:
        return msgspec.json.decode(client.get("http://x/v1/status").content, type=DaemonStatus)


def test_what_is_read_arrives_at_the_hub_at_once_and_without_text(
    start: Start, home: Path, tmp_path: Path, hub: Hub
) -> None:
    write_claude(home, claude_line("1", at=AT))
    start(targets=(hub.target(),))
    until(lambda: len(hub.events()) == 1, "the first answer arrives")
    write_claude(home, claude_line("1", at=AT), claude_line("2", at=AT))
    until(lambda: len(hub.events()) == 2, "the second one arrives, long before the hub's interval")
    until(lambda: status(tmp_path).exporters[0].records_state == "ok", "all sent")
    (exporter,) = status(tmp_path).exporters
    assert exporter.records_waiting == 0
    assert exporter.records_sent >= 2
    assert hub.events()[0].at_us < NOW.timestamp() * 1e6
    for body in hub.bodies:
        assert str(home).encode() not in body
        assert b"a secret sentence" not in body
        assert b"/home/ann" not in body


def test_projects_leave_under_one_pseudonym_in_records_and_in_snapshots(
    start: Start, home: Path, hub: Hub
) -> None:
    """`export.records: no_projects`: nothing that goes to the hub tells the name, and both tell the same."""
    write_claude(home, claude_line("1", at=AT))
    start(targets=(hub.target(records="no_projects"),))
    until(lambda: hub.events() and hub.pushes, "both are there")
    (event,) = hub.events()
    pushed = msgspec.json.decode(hub.pushes[-1], type=PeerEnvelope)
    (snapshot,) = (s for s in pushed.snapshots or [] if s is not None)
    assert event.project is not None
    assert event.project.startswith("project-")
    key = event.project.replace("-", "_")
    assert snapshot.metrics is not None
    assert snapshot.daily_series is not None
    assert {f"project_{key}_requests", f"project_{key}_requests_today"} <= snapshot.metrics.keys()
    assert f"usage_project_{key}" in snapshot.daily_series
    assert event.project in str(snapshot.attributes)
    for body in (*hub.bodies, *hub.pushes):
        assert b"shop" not in body


def test_a_back_fill_can_be_followed_and_holds_up_no_new_turn(
    start: Start, home: Path, tmp_path: Path, hub: Hub
) -> None:
    """While the hub takes its time with a long history, what is new is read as ever."""
    count = 2 * MAX_RECORDS + 500
    write_claude(home, *(claude_line(str(n), at=AT) for n in range(count)))
    hub.hold_from = 2 * MAX_RECORDS
    daemon = start(targets=(hub.target(),))
    until(lambda: status(tmp_path).exporters[0].records_sent >= 2 * MAX_RECORDS, "it is under way")
    (exporter,) = status(tmp_path).exporters
    assert exporter.records_state == "sending"
    assert exporter.records_waiting >= 500
    assert exporter.records_left_s is not None
    assert 0 < exporter.records_left_s < 3600
    assert len(hub.pushes) > 0, "snapshots go on beside it"
    write_claude(home, claude_line("new", at=AT))
    until(lambda: status(tmp_path).events > count, "the new turn is stored")
    assert status(tmp_path).exporters[0].records_state == "sending"
    hub.go_on.set()
    until(lambda: len({event.event_key for event in hub.events()}) == count + 1, "all are sent")
    until(lambda: daemon.status().exporters[0].records_state == "ok", "and it says so")
    (exporter,) = status(tmp_path).exporters
    assert (exporter.records_waiting, exporter.records_left_s) == (0, None)


def test_an_account_that_is_switched_off_is_answered_to_screens_and_pushed_to_nobody(
    start: Start, home: Path, tmp_path: Path, hub: Hub
) -> None:
    """So that a dashboard can switch it on again without a restart of the daemon."""
    write_claude(home, claude_line("1", at=AT))
    write_codex(home, at=AT)
    start(targets=(hub.target(),), hidden=frozenset({"claude-code"}))
    until(lambda: hub.pushes, "a push arrives")
    pushed = msgspec.json.decode(hub.pushes[-1], type=PeerEnvelope)
    assert [s.account_id for s in pushed.snapshots or [] if s] == ["codex-cli"]
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "d.sock")), timeout=60) as client:
        shown = client.post("http://x/v1/read-model", json={}).json()["snapshots"]
    assert set(shown) == {"claude-code", "codex-cli"}
