"""`openusage doctor` on real homes: empty, used, broken."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from pathlib import Path

import pytest

from openusage.client import DaemonClient
from openusage.wire.snapshot import UsageSnapshot
from tests.support.daemons import DaemonProcess
from tests.support.homes import claude_line, write_claude, write_settings
from tests.support.processes import run
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
