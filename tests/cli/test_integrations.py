"""`openusage integrations` as a process: what is said, what is written, and which exit code it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openusage.cli.integrations import IDS
from openusage.integrations import integrations
from openusage.paths import Paths
from tests.support.processes import run


@pytest.fixture
def tools(home: Path) -> Path:
    """A home with two of the tools."""
    (home / ".claude").mkdir()
    (home / ".claude/settings.json").write_text('{\n  "model": "opus" // mine\n}\n')
    (home / ".codex").mkdir()
    return home


def test_the_names_are_those_of_the_integrations(home: Path) -> None:
    assert tuple(i.id for i in integrations(Paths.from_env({}, home), {})) == IDS


def test_the_list_is_of_what_is_here(tools: Path) -> None:
    lines = run(tools, "integrations", "list").stdout.splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATE", "VERSION", "SUMMARY", "SETTINGS"]
    assert [line.split()[0] for line in lines[1:]] == ["claude_code", "codex"]
    assert "~/.claude/settings.json" in lines[1]
    assert len(run(tools, "integrations", "list", "--all").stdout.splitlines()) == 4
    found = json.loads(run(tools, "integrations", "list", "--json").stdout)
    assert [(f["id"], f["state"], f["detected"]) for f in found] == [
        ("claude_code", "missing", True),
        ("codex", "missing", True),
        ("opencode", "missing", False),
    ]


def test_an_empty_home_says_so(home: Path) -> None:
    assert "none of them is on this machine" in run(home, "integrations", "list").stdout
    assert run(home, "integrations", "install", "--all").stdout == "Nothing to install.\n"
    assert list(home.rglob("*.json")) == []


def test_all_that_are_here_are_installed_listed_and_taken_away(tools: Path) -> None:
    before = (tools / ".claude/settings.json").read_bytes()
    done = run(tools, "integrations", "install", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Installed: Claude Code hooks" in done.stdout
    assert f"wrote {tools}/.claude/settings.json" in done.stdout
    assert "nothing to change" in run(tools, "integrations", "install", "codex").stdout
    assert run(tools, "integrations", "list").stdout.count("ready") == 2
    removed = json.loads(run(tools, "integrations", "uninstall", "--all", "--json").stdout)
    assert [(r["id"], r["state"]) for r in removed] == [("claude_code", "missing"), ("codex", "missing")]
    assert (tools / ".claude/settings.json").read_bytes() == before
    assert list((tools / ".codex").iterdir()) == []


def test_a_dry_run_shows_a_patch_and_writes_nothing(tools: Path) -> None:
    before = (tools / ".claude/settings.json").read_bytes()
    shown = run(tools, "integrations", "install", "claude_code", "--dry-run").stdout
    assert f"+++ {tools}/.claude/settings.json" in shown
    assert '+  "hooks": {' in shown
    assert "\n-" not in shown.replace("\n--- ", "")
    assert (tools / ".claude/settings.json").read_bytes() == before
    assert not (tools / ".config").exists()
    assert not (tools / ".local").exists()


def test_an_upgrade_touches_only_what_is_of_another_version(tools: Path) -> None:
    run(tools, "integrations", "install", "codex")
    assert run(tools, "integrations", "upgrade").stdout == "Nothing to upgrade.\n"
    script = tools / ".config/openusage/hooks/codex-notify.sh"
    script.write_text(script.read_text().replace("py-", "py-0"))
    assert "outdated" in run(tools, "integrations", "list").stdout
    assert "Upgraded: Codex notify" in run(tools, "integrations", "upgrade", "--all").stdout
    assert run(tools, "integrations", "list").stdout.count("ready") == 1


def test_one_that_fails_is_said_and_does_not_stop_the_others(tools: Path) -> None:
    (tools / ".claude/settings.json").chmod(0o444)
    done = run(tools, "integrations", "install", "--all")
    assert done.returncode == 1
    assert done.stderr.startswith(f"openusage: {tools}/.claude/settings.json is read-only")
    assert "Installed: Codex notify" in done.stdout
    told = json.loads(run(tools, "integrations", "install", "--all", "--json").stdout)
    assert "is read-only" in told[0]["error"]
    assert told[1]["state"] == "ready"


def test_nothing_named_is_a_question(tools: Path) -> None:
    done = run(tools, "integrations", "install")
    assert done.returncode == 2
    assert "name one of claude_code, codex, opencode, or say --all" in done.stderr
    assert run(tools, "integrations", "install", "nope").returncode == 2
