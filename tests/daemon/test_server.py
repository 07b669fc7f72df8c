"""The daemon's socket: the calls of the contract, as a Go client makes them too."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from openusage.daemon.server import bind, registry_hash
from openusage.errors import AlreadyRunning, ListenError
from tests.daemon.conftest import Start
from tests.support.homes import claude_line, write_claude
from tests.support.processes import until

AT = "2026-11-22T10:00:00.000Z"


@pytest.fixture
def ask(start: Start, home: Path, tmp_path: Path) -> httpx.Client:
    """A client of a running daemon whose home has one Claude Code answer."""
    write_claude(home, claude_line("1", at=AT))
    start()
    client = httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "d.sock")), base_url="http://x")
    until(lambda: client.get("/v1/status").json()["first_read_done"], "the first read is through")
    return client


def test_the_socket_is_this_users_alone(ask: httpx.Client, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "d.sock").stat().st_mode) == 0o600


def test_health_is_what_go_clients_compare(ask: httpx.Client) -> None:
    body = ask.get("/healthz").json()
    assert body["status"] == "ok"
    assert body["api_version"] == "v1"
    assert body["daemon_version"] == body["integration_version"]
    assert body["provider_registry_hash"] == registry_hash()


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "error"),
    [
        ("GET", "/v1/hook/claude_code", b"", 405, "method not allowed"),
        ("POST", "/v1/hook/claude_code", b"", 400, "empty payload"),
        ("POST", "/v1/hook/", b"{}", 400, "missing hook source"),
        ("POST", "/v1/hook/nope", b"{}", 400, 'unknown hook source "nope"'),
        ("GET", "/v1/read-model", b"", 405, "method not allowed"),
        ("POST", "/v1/read-model", b"{nope", 400, "decode request"),
        ("POST", "/v1/read-model", b"", 400, "decode request"),
        ("POST", "/v1/read-model", b"\xff", 400, "decode request"),
        ("POST", "/v1/usage", b"x" * ((4 << 20) + 1), 413, "request body too large"),
        ("GET", "/v1/nope", b"", 404, "not found"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(
    ask: httpx.Client, method: str, path: str, content: bytes, status: int, error: str
) -> None:
    answer = ask.request(method, path, content=content)
    assert answer.status_code == status
    assert error in answer.json()["error"]


def read_model(ask: httpx.Client, **body: Any) -> Any:
    answer = ask.post("/v1/read-model", json=body)
    assert answer.status_code == 200
    return answer.json()["snapshots"]


def test_the_read_model_holds_the_asked_window(ask: httpx.Client) -> None:
    for window in ("1d", "3d", "7d", "30d", "all"):
        snapshot = read_model(ask, time_window=window)["claude-code"]
        assert snapshot["provider_id"] == "claude_code"
        assert snapshot["metrics"]["window_requests"] == {"used": 1.0, "unit": "requests", "window": window}


def test_only_the_accounts_asked_for_are_answered(ask: httpx.Client) -> None:
    named = [{"account_id": "claude-code", "provider_id": "claude_code"}]
    assert list(read_model(ask, accounts=named, time_window="7d")) == ["claude-code"]
    assert read_model(ask, accounts=[{"account_id": "zz"}]) == {}
    assert list(read_model(ask, accounts=[])) == ["claude-code"]


def test_an_unchanged_answer_is_a_304(ask: httpx.Client, home: Path) -> None:
    first = ask.post("/v1/read-model", json={"time_window": "7d"})
    tag = {"If-None-Match": first.headers["ETag"]}
    assert ask.post("/v1/read-model", json={"time_window": "7d"}, headers=tag).status_code == 304
    write_claude(home, claude_line("2", at=AT))
    until(
        lambda: ask.post("/v1/read-model", json={"time_window": "7d"}, headers=tag).status_code == 200,
        "a new turn is seen",
    )


def test_a_question_collects_first(ask: httpx.Client, home: Path) -> None:
    question = {
        "window": {"name": "all"},
        "by": ["day", "model"],
        "where": {"kinds": ["message"]},
        "tz": "UTC",
    }
    rows = ask.post("/v1/usage", json=question).json()["rows"]
    assert [(r["key"], r["events"], r["input"], r["output"]) for r in rows] == [
        ({"day": "2026-11-22", "model": "claude-sonnet-4-5-20250929"}, 1, 10, 100)
    ]


def test_a_hook_is_stored_once(ask: httpx.Client) -> None:
    payload = {
        "session_id": "s",
        "cwd": "/home/ann/shop",
        "hook_event_name": "PostToolUse",
        "tool_name": "Edit",
        "tool_input": {"file_path": "a.py"},
        "tool_use_id": "toolu_01",
    }
    first = ask.post("/v1/hook/claude_code", content=json.dumps(payload))
    again = ask.post("/v1/hook/claude_code?account_id=claude-code", content=json.dumps(payload))
    assert first.json() == {
        "source": "claude_code",
        "enqueued": 1,
        "processed": 1,
        "ingested": 1,
        "deduped": 0,
        "failed": 0,
    }
    assert (again.json()["ingested"], again.json()["deduped"]) == (0, 1)


def test_a_dead_socket_is_replaced_and_a_live_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    bind(path).close()
    assert path.exists()
    live = bind(path)
    with pytest.raises(AlreadyRunning, match=str(path)):
        bind(path)
    live.close()


def test_a_path_that_cannot_be_bound_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="Cannot listen on"):
        bind(tmp_path / ("x" * 200))
    with pytest.raises(ListenError, match="Cannot listen on"):
        bind(tmp_path / "no" / "s.sock")


def test_half_a_request_holds_up_nobody(ask: httpx.Client, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as half:
        half.connect(str(tmp_path / "d.sock"))
        half.sendall(b"POST /v1/usage HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        assert ask.get("/healthz").status_code == 200


def test_what_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    for path in (notes, tmp_path):
        with pytest.raises(ListenError, match="no socket"):
            bind(path)
    assert notes.read_text() == "mine"
