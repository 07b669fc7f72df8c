"""`openusage detect` as a process."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.homes import claude_line, write_claude
from tests.support.processes import run


def test_an_empty_home_says_so(tmp_path: Path) -> None:
    said = run(tmp_path, "detect")
    assert said.returncode == 0
    assert "Tools found\n  (none)" in said.stdout
    assert "Keys found\n  (none)" in said.stdout
    assert "Claude Code" in run(tmp_path, "detect", "--all").stdout


def test_what_is_found_is_shown_with_its_age_and_json_has_all(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("a", at="2026-03-02T10:00:00Z"))
    (tmp_path / ".bashrc").write_text("export GROQ_API_KEY=gsk_made_up_0123\n")
    before = run(tmp_path, "detect").stdout
    assert "not read yet" in before
    assert run(tmp_path, "daily", "--json").returncode == 0
    after = run(tmp_path, "detect").stdout
    assert "$GROQ_API_KEY=gsk_…0123  shell_rc:~/.bashrc" in after
    assert "~/.claude/projects" in after
    found = json.loads(run(tmp_path, "detect", "--json").stdout)
    [tool] = [t for t in found["tools"] if t["found"]]
    assert (tool["provider"], tool["last_used"]) == ("claude_code", "2026-03-02T10:00:00Z")


def test_nothing_is_written(tmp_path: Path) -> None:
    run(tmp_path, "detect", "--all", "--json")
    assert list(tmp_path.iterdir()) == []
