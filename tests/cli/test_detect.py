"""`openusage detect` as a process."""

from __future__ import annotations

import json
from pathlib import Path

from openusage.providers import names
from tests.support.homes import claude_line, write_claude
from tests.support.processes import run
from tests.support.tools import write_all_tools


def test_an_empty_home_says_so(tmp_path: Path) -> None:
    said = run(tmp_path, "detect")
    assert said.returncode == 0
    assert "Tools found\n  (none)" in said.stdout
    assert "Keys found\n  (none)" in said.stdout
    assert f"{len(names())} tools are known and not here" in said.stdout
    assert "Claude Code" in run(tmp_path, "detect", "--all").stdout


def test_what_is_found_is_shown_with_its_age_and_json_has_all(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("a", at="2026-03-02T10:00:00Z"))
    (tmp_path / ".bashrc").write_text("export GROQ_API_KEY=gsk_made_up_0123\n")
    before = run(tmp_path, "detect").stdout
    assert "not read yet" in before
    assert run(tmp_path, "daily", "--json").returncode == 0
    after = run(tmp_path, "detect").stdout
    assert "$GROQ_API_KEY=gsk_…0123  ~/.bashrc" in after
    assert "~/.claude/projects" in after
    found = json.loads(run(tmp_path, "detect", "--json").stdout)
    [tool] = [t for t in found["tools"] if t["found"]]
    assert (tool["provider"], tool["last_used"]) == ("claude_code", "2026-03-02T10:00:00Z")
    [key] = found["credentials"]
    assert key["source"] == f"shell_rc:{tmp_path}/.bashrc"


def test_a_home_with_every_tool_is_readable_in_80_columns_without_colour(tmp_path: Path) -> None:
    tools = write_all_tools(tmp_path)
    assert tools == sorted(names())
    found = json.loads(run(tmp_path, "detect", "--json").stdout)
    assert sorted(tool["provider"] for tool in found["tools"] if tool["found"]) == tools
    said = run(tmp_path, "detect", "--all", COLUMNS="80", NO_COLOR="1")
    lines = said.stdout.splitlines()
    assert said.returncode == 0
    assert "\x1b" not in said.stdout
    assert all(len(line) <= 80 for line in lines)
    assert lines[lines.index("      ~/.claude/projects") - 1].split("  ")[1] == "Claude Code"
    assert lines[lines.index("Not found") + 1] == "  (none)"
    wide = run(tmp_path, "detect").stdout
    assert "WHERE" in wide
    assert not any(line.startswith("      ~") for line in wide.splitlines())


def test_what_is_damaged_is_found_all_the_same(tmp_path: Path) -> None:
    """Where a tool is does not depend on what is in its files; a start file that is none has no key."""
    tools = write_all_tools(tmp_path)
    for file in tmp_path.rglob("*"):
        if file.is_file() and not file.is_symlink():
            file.write_bytes(b"\xff\x00 no database, no JSON")
    (tmp_path / ".zshrc").write_bytes(bytes(range(256)) * 8)
    (tmp_path / ".bashrc").write_text('export OPENAI_API_KEY="unclosed')
    said = run(tmp_path, "detect", "--json")
    assert (said.returncode, said.stderr) == (0, "")
    found = json.loads(said.stdout)
    lost = {tool["provider"] for tool in found["tools"]} - {
        tool["provider"] for tool in found["tools"] if tool["found"]
    }
    assert lost <= {"crush", "kimi_cli"}, "only a tool whose list of places cannot be read"
    assert len(found["tools"]) == len(tools)


def test_a_tool_that_was_used_in_the_future_is_said_to_be(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("a", at="2099-03-02T10:00:00Z"))
    assert run(tmp_path, "daily").returncode == 0
    assert "in the future" in run(tmp_path, "detect").stdout


def test_nothing_is_written(tmp_path: Path) -> None:
    run(tmp_path, "detect", "--all", "--json")
    assert list(tmp_path.iterdir()) == []
