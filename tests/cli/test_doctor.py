"""`openusage doctor` on real homes: empty, used, broken."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from openusage.client import DaemonClient
from openusage.wire.snapshot import UsageSnapshot
from tests.support.daemons import DaemonProcess
from tests.support.homes import claude_line, write_claude, write_settings
from tests.support.processes import run
from tests.support.tools import Machine, write_all_tools
from tools.ports import free_port


def test_an_empty_home(tmp_path: Path) -> None:
    said = run(tmp_path, "doctor")
    assert said.returncode == 1
    assert "tools: no coding tool is found on this machine" in said.stdout
    assert "daemon: none runs" in said.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_home_that_is_read_is_well(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("a", at="2026-03-02T10:00:00Z"))
    with DaemonProcess(tmp_path):
        said = run(tmp_path, "doctor", "--json")
    found = json.loads(said.stdout)
    assert (said.returncode, found["ok"]) == (0, True)
    [tool] = found["tools"]
    assert (tool["provider"], tool["files"], tool["requests"]) == ("claude_code", 1, 1)
    [note] = [f for f in found["findings"] if f["level"] == "note"]
    assert note["what"].startswith("it deletes transcripts after 30 days")


@pytest.mark.slow
def test_what_is_broken_is_named_with_its_place(tmp_path: Path) -> None:
    """A model without a price, a line that is no record, a hub that is not there."""
    file = write_claude(
        tmp_path,
        claude_line("a", at="2026-03-02T10:00:00Z", model="mystery-9"),
        '{"type": "assistant", "message": 3}',
        "no json",
    )
    port = free_port()
    write_settings(tmp_path, export={"target": f"http://127.0.0.1:{port}"})
    with DaemonProcess(tmp_path):
        said = run(tmp_path, "doctor")
    assert said.returncode == 1
    assert "1 request of mystery-9 without a price" in said.stdout
    assert f"hub: 127.0.0.1:{port} does not answer" in said.stdout
    assert file.name in said.stdout


@pytest.mark.slow
def test_a_home_with_every_tool_is_told_in_80_columns(tmp_path: Path) -> None:
    """One line a tool, one sentence a matter, one hint for all whom it concerns; nothing but text."""
    tools = write_all_tools(tmp_path)
    assert run(tmp_path, "daily").returncode == 0
    checked = json.loads(run(tmp_path, "doctor", "--json").stdout)
    assert sorted(tool["provider"] for tool in checked["tools"]) == tools
    assert all(tool["files"] and tool["requests"] for tool in checked["tools"])
    said = run(tmp_path, "doctor", COLUMNS="80", NO_COLOR="1")
    lines = said.stdout.splitlines()
    assert said.returncode == 1
    assert "\x1b" not in said.stdout
    assert [line for line in lines if len(line) > 80 and "/" not in line] == []
    assert said.stdout.count("Give it one in ~/.config/openusage/custom-pricing.json") == 1
    assert sum(line.startswith("· anthropic: unassigned: ") for line in lines) == 1
    assert f"{tmp_path}/" not in said.stdout


def damage(home: Path) -> None:
    """Half a database, what is none, a bad line, half a document, a foreign file, a folder for a file."""
    database = home / ".local/share/goose/sessions/sessions.db"
    database.write_bytes(database.read_bytes()[:6000])
    (home / ".local/share/zed/threads/threads.db").write_bytes(b"this is no database at all" * 40)
    write_claude(home, "no json")
    threads = home / ".local/share/amp/threads"
    (threads / "T-99990000-0000-4000-8000-000000000009.json").write_text('{"half": ')
    (home / ".codex/sessions/a-picture.png").write_bytes(b"\x89PNG\r\n")
    state = home / ".hermes/state.db"
    state.unlink()
    state.mkdir()


@pytest.mark.slow
def test_a_broken_home_names_every_place_with_and_without_a_daemon(tmp_path: Path) -> None:
    write_all_tools(tmp_path)
    damage(tmp_path)
    broken = ("goose/sessions/sessions.db is damaged", "threads.db is no SQLite database", "no JSON")
    unread = run(tmp_path, "doctor", COLUMNS="1000")
    places = unread.stdout.splitlines()
    assert unread.returncode == 1
    for what in (*broken[:2], "000009.json", "5e551011-0000-4000-8000-000000000001.jsonl"):
        assert sum(what in place for place in places) == 1, what
    assert not any("picture" in place for place in places)
    assert "Traceback" not in unread.stdout + unread.stderr
    assert not (tmp_path / ".local/state").exists(), "it kept nothing"
    with DaemonProcess(tmp_path):
        said = run(tmp_path, "doctor", "--json")
    checked = json.loads(said.stdout)
    for what in (*broken[:2], "5e551011-0000-4000-8000-000000000001.jsonl"):
        assert any(what in finding["what"] for finding in checked["findings"]), what
    by_tool = {tool["provider"]: tool for tool in checked["tools"]}
    assert by_tool["zed"]["requests"] == 0
    assert by_tool["codex"]["requests"] > 0, "one tool's damage leaves the others alone"


@pytest.mark.slow
def test_a_damaged_database_of_a_tool_needs_somebody_with_and_without_a_daemon(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("a", at="2026-03-02T10:00:00Z"))
    Machine.of_fixture("goose", tmp_path)
    database = tmp_path / ".local/share/goose/sessions/sessions.db"
    database.write_bytes(database.read_bytes()[:6000])
    alone = run(tmp_path, "doctor", COLUMNS="1000")
    with DaemonProcess(tmp_path):
        beside = run(tmp_path, "doctor", COLUMNS="1000")
    assert beside.returncode == 1
    for said in (alone, beside):
        lines = said.stdout.splitlines()
        (at,) = (n for n, line in enumerate(lines) if "goose/sessions/sessions.db is damaged" in line)
        assert lines[at].startswith("! Goose: ~/.local/share/")
        assert lines[at + 1] == "    the tool itself may be able to repair it"


def test_a_clock_that_is_or_was_wrong_is_told_by_what_it_did(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("a", at="2099-03-02T10:00:00Z"))
    assert run(tmp_path, "daily").returncode == 0
    said = run(tmp_path, "doctor")
    assert said.returncode == 1
    assert "! Claude Code: its newest record is of the future, 2099-03-02" in said.stdout


class LateHub(BaseHTTPRequestHandler):
    """Says that it is a hub, and that it is six minutes ago."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status":"ok"}')

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() - 360)

    def log_message(self, format: str, *args: object) -> None: ...


def test_a_key_that_nobody_reads_and_a_clock_that_is_not_the_hubs_are_told(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), LateHub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = f"http://127.0.0.1:{server.server_port}"
        write_settings(tmp_path, export={"target": target, "machine_nam": "laptop"})
        said = run(tmp_path, "doctor").stdout
        server.shutdown()
    assert "· settings: nobody reads export.machine_nam of settings.json" in said
    assert "! hub: this machine's clock is 6 m ahead of the hub's\n    Days and ages" in said


def read_model(daemon: DaemonProcess) -> dict[str, UsageSnapshot]:
    with contextlib.closing(DaemonClient(daemon.socket, now=lambda: dt.datetime.now(dt.UTC))) as client:
        return client.fetch("all").snapshots


OPENCODE_MESSAGE = """{"id": "msg_1", "sessionID": "ses_1", "role": "assistant", "modelID": "claude-opus-4-6",
 "providerID": "anthropic", "time": {"created": 1772445600000, "completed": 1772445601000}, "cost": 0.5,
 "tokens": {"input": 10, "output": 5, "reasoning": 0, "cache": {"read": 0, "write": 0}}}"""


@pytest.mark.slow
def test_what_others_answered_to_opencode_is_unassigned_until_a_link_says_whose_it_is(tmp_path: Path) -> None:
    """In doctor, in the daemon's status and in its tile; with the link in the other's tile alone."""
    transcript = write_claude(tmp_path, claude_line("a", at="2026-03-02T10:00:00Z"))
    resumed = transcript.with_name(transcript.name.replace("5e551011", "5e551012"))
    resumed.write_text(transcript.read_text().replace("5e551011", "5e551012"))
    file = tmp_path / ".local/share/opencode/storage/message/ses_1/msg_1.json"
    file.parent.mkdir(parents=True)
    file.write_text(OPENCODE_MESSAGE)
    with DaemonProcess(tmp_path) as daemon:
        checked = json.loads(run(tmp_path, "doctor", "--json").stdout)
        assert {t["provider"]: t["repeated"] for t in checked["tools"]} == {"claude_code": 1, "opencode": 0}
        [found] = checked["unassigned"]
        assert (found["upstream"], found["requests"], found["cost_usd"]) == ("anthropic", 1, 0.5)
        said = run(tmp_path, "doctor")
        assert "· OpenCode: unassigned: 1 request of OpenCode, answered by anthropic" in said.stdout
        assert 'Set telemetry.provider_links {"anthropic": "claude_code"}' in said.stdout
        status = run(tmp_path, "telemetry", "daemon", "status").stdout
        assert "Unassigned: 1 request of OpenCode, answered by anthropic" in status
        before = read_model(daemon)
    assert before["opencode"].diagnostics["telemetry_unmapped_providers"] == "anthropic"
    write_settings(tmp_path, telemetry={"provider_links": {"anthropic": "claude_code"}})
    with DaemonProcess(tmp_path) as daemon:
        assert json.loads(run(tmp_path, "doctor", "--json").stdout)["unassigned"] == []
        after = read_model(daemon)
    assert "window_cost" not in after["opencode"].metrics
    assert after["opencode"].status == "OK"
    assert after["opencode"].message.startswith("All that was used here is counted for other accounts")
    tool, claude, both = (
        tiles[account].metrics["window_cost"].used or 0.0
        for tiles, account in ((before, "opencode"), (before, "claude-code"), (after, "claude-code"))
    )
    assert tool == 0.5
    assert both == pytest.approx(claude + tool)


def test_a_hook_of_another_version_is_told_and_one_that_nobody_has_is_not(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").write_text("broken = ")
    assert "Codex notify" not in run(tmp_path, "doctor").stdout
    assert run(tmp_path, "integrations", "install", "claude_code").returncode == 0
    assert "Claude Code hooks" not in run(tmp_path, "doctor").stdout
    (tmp_path / ".config/openusage/hooks/claude-hook.sh").write_text("# openusage-integration-version: v0\n")
    told = run(tmp_path, "doctor").stdout
    assert "Claude Code hooks: Another version: upgrade it\n    Put it right: openusage integrations" in told
