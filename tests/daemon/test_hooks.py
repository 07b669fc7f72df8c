"""A daemon and its hook spool: taken in at the start and at once, one event with what the log says later."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage.client import DaemonClient
from openusage.wire.events import EventKind
from openusage.wire.rollups import By, Filter, Window
from tests.daemon.conftest import NOW, Start
from tests.support.homes import write_claude
from tests.support.processes import PATIENCE_S, until

CALL = {
    "session_id": "5e551011-0000-4000-8000-000000000001",
    "cwd": "/home/ann/shop",
    "hook_event_name": "PostToolUse",
    "tool_name": "Edit",
    "tool_input": {"file_path": "/home/ann/shop/a.py", "old_string": "hunter2", "new_string": "hunter2\nx"},
    "tool_response": {"content": "hunter2"},
    "tool_use_id": "toolu_01AbCdEfGhIjKlMnOpQrSt",
}


def leave(folder: Path, name: str, payload: object) -> None:
    """As a hook does."""
    folder.mkdir(mode=0o700, exist_ok=True)
    fresh = folder / f".{name}.tmp"
    fresh.write_text(json.dumps({"source": "claude_code", "account_id": "", "payload": payload}))
    fresh.rename(folder / f"{name}.json")


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[DaemonClient]:
    def now() -> dt.datetime:
        return NOW

    with contextlib.closing(DaemonClient(tmp_path / "d.sock", now=now, timeout_s=PATIENCE_S)) as client:
        yield client


def taken(ask: DaemonClient) -> int:
    hooks = ask.status().hooks
    assert hooks is not None
    return hooks.taken


def tools(ask: DaemonClient) -> list[tuple[str | None, int, int | None]]:
    rows = ask.usage(Window("all"), [By.TOOL], Filter(kinds=(EventKind.TOOL,)))
    return [(row.key[By.TOOL], row.events, row.lines_added) for row in rows]


def test_what_waits_at_the_start_and_what_comes_later_is_taken_in(
    start: Start, tmp_path: Path, ask: DaemonClient
) -> None:
    spool = tmp_path / "hook-spool"
    leave(spool, "a", CALL)
    start()
    until(lambda: taken(ask) == 1, "what waited is taken in")
    leave(spool, "b", CALL | {"tool_use_id": "toolu_02AbCdEfGhIjKlMnOpQrSt"})
    until(lambda: taken(ask) == 2, "the watcher saw the second")
    assert tools(ask) == [("Edit", 2, 4)]
    assert list(spool.iterdir()) == []


def test_a_hook_and_the_log_of_one_call_are_one_event_whoever_comes_first(
    start: Start, home: Path, tmp_path: Path, ask: DaemonClient
) -> None:
    spool = tmp_path / "hook-spool"
    leave(spool, "a", CALL)
    start()
    until(lambda: taken(ask) == 1, "the hook is taken in")
    said = {"type": "tool_use", "id": CALL["tool_use_id"], "name": "Edit", "input": CALL["tool_input"]}
    line = {
        "type": "assistant",
        "timestamp": "2026-11-22T10:00:00.000Z",
        "sessionId": CALL["session_id"],
        "uuid": "u1",
        "requestId": "req_1",
        "cwd": "/home/ann/shop",
        "message": {
            "id": "msg_1",
            "model": "claude-sonnet-4-5",
            "role": "assistant",
            "content": [said],
            "usage": {"input_tokens": 10, "output_tokens": 5},
        },
    }
    write_claude(home, json.dumps(line))
    until(lambda: ask.status().events == 2, "the log's message is read; its call is known")
    leave(spool, "b", CALL)
    until(lambda: taken(ask) == 2, "the hook that came once more is taken in")
    assert ask.status().events == 2
    assert tools(ask) == [("Edit", 1, 2)]


def test_what_cannot_be_understood_is_said_and_no_text_of_payloads_is_kept(
    start: Start, tmp_path: Path, ask: DaemonClient
) -> None:
    spool = tmp_path / "hook-spool"
    leave(spool, "a", CALL)
    leave(spool, "b", "no object")
    daemon = start()
    until(lambda: taken(ask) == 1, "what can be understood is taken in")
    status = ask.status()
    assert [problem for problem in status.problems if "set aside in refused/" in problem.what]
    assert status.hooks is not None
    assert status.hooks.set_aside == 1
    daemon.stop()
    stored = [tmp_path / "d.db", *tmp_path.glob("d.db-*")]
    assert all(b"hunter2" not in file.read_bytes() for file in stored if file.exists())
