"""`openusage doctor` on real homes: empty, used, broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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


def test_a_hook_of_another_version_is_told_and_one_that_nobody_has_is_not(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").write_text("broken = ")
    assert "Codex notify" not in run(tmp_path, "doctor").stdout
    assert run(tmp_path, "integrations", "install", "claude_code").returncode == 0
    assert "Claude Code hooks" not in run(tmp_path, "doctor").stdout
    (tmp_path / ".config/openusage/hooks/claude-hook.sh").write_text("# openusage-integration-version: v0\n")
    told = run(tmp_path, "doctor").stdout
    assert "Claude Code hooks: Another version: upgrade it\n    Put it right: openusage integrations" in told
