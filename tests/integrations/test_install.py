"""How an integration stands, and what it takes to bring it up to date: states, versions, traces, crashes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from openusage import files
from openusage.errors import IntegrationError
from openusage.integrations import Integration, State, Switch, integrations
from openusage.paths import Paths
from tests.support.processes import PATIENCE_S

GO_SCRIPT = "#!/bin/bash\n# openusage-integration-version: v0.24.4\n"


def kept(paths: Paths) -> list[str]:
    """What we remember, without locks."""
    folder = paths.state_dir / "integrations"
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith(".lock")) if folder.exists() else []


@pytest.fixture(params=["claude_code", "codex", "opencode"])
def one(request: pytest.FixtureRequest, known: dict[str, Integration]) -> Switch:
    """Each of them, as a screen sees it."""
    return known[request.param]


def test_a_state_for_everything_there_can_be(one: Switch) -> None:
    assert (one.status().state, one.status().version) == (State.MISSING, "")
    one.install()
    status = one.status()
    assert (status.state, status.version, status.summary) == (State.READY, "py-1", "Installed and active")
    config, script = status.config.read_bytes(), status.artifact.read_bytes()
    status.artifact.unlink()
    assert one.status().state is State.PARTIAL
    status.artifact.write_bytes(script.replace(b"py-1", b"py-0"))
    assert (one.status().state, one.status().version) == (State.OUTDATED, "py-0")
    status.artifact.write_bytes(script)
    status.config.unlink()
    assert one.status().state is State.PARTIAL
    status.config.write_bytes(config)
    assert one.status().state is State.READY


def test_the_tool_counts_as_here_when_its_folder_is(one: Switch) -> None:
    assert not one.status().detected
    one.status().config.parent.mkdir(parents=True)
    assert one.status().detected


def test_what_the_go_program_installed_is_brought_up_to_date_and_not_doubled(
    known: dict[str, Integration], paths: Paths
) -> None:
    """Its files have the same names; its entries are not quoted, and its uninstall leaves nulls."""
    script = paths.hooks_dir / "claude-hook.sh"
    entry = {"matcher": "*", "hooks": [{"type": "command", "command": str(script), "timeout": 30}]}
    hooks = {event: [entry] for event in ("Stop", "SubagentStop", "PostToolUse")}
    config = known["claude_code"].status().config
    config.parent.mkdir()
    config.write_text(json.dumps({"hooks": hooks | {"PreToolUse": None}}, indent=2))
    script.parent.mkdir(parents=True)
    script.write_text(GO_SCRIPT)
    status = known["claude_code"].status()
    assert (status.state, status.version) == (State.OUTDATED, "v0.24.4")
    known["claude_code"].install()
    assert known["claude_code"].status().state is State.READY
    after = json.loads(config.read_text())["hooks"]
    assert [len(after[event]) for event in hooks] == [1, 1, 1]
    known["claude_code"].uninstall()
    assert json.loads(config.read_text()) == {"hooks": {"PreToolUse": None}}


def test_codex_and_opencode_entries_of_other_homes_are_replaced(known: dict[str, Integration]) -> None:
    for name, text in (
        ("codex", 'notify = ["/old/.config/openusage/hooks/codex-notify.sh", "say"]\n'),
        ("opencode", '{"plugin": ["x", "file:///old/plugins/openusage-telemetry.ts"]}'),
    ):
        config = known[name].status().config
        config.parent.mkdir(parents=True)
        config.write_text(text)
        known[name].install()
        assert known[name].status().state is State.READY
        assert "/old/" not in config.read_text()
        known[name].uninstall()
        assert config.read_text() in ('notify = ["say"]\n', '{"plugin": ["x"]}')


def test_an_upgrade_remembers_what_was_there_before_the_first_install(
    one: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = one.status().config
    config.parent.mkdir(parents=True)
    pristine = b"a = 1\n\n[b]\n" if config.suffix == ".toml" else b'{ "a" :1 ,\n "b": {  } }'
    config.write_bytes(pristine)
    one.install()
    monkeypatch.setattr("openusage.integrations.claude_code.TIMEOUT_S", 6)
    monkeypatch.setattr("openusage.integrations._files.VERSION", "py-9")
    assert one.status().state is State.OUTDATED
    one.install()
    assert (one.status().state, one.status().version) == (State.READY, "py-9")
    one.uninstall()
    assert config.read_bytes() == pristine


def test_an_upgrade_after_somebody_changed_the_file_keeps_that_change(
    known: dict[str, Integration], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = known["claude_code"]
    config = one.status().config
    config.parent.mkdir()
    config.write_text('{\n  "model": "a"\n}\n')
    one.install()
    config.write_text(config.read_text().replace('"a"', '"b"'))
    monkeypatch.setattr("openusage.integrations.claude_code.TIMEOUT_S", 6)
    one.install()
    one.uninstall()
    assert config.read_text() == '{\n  "model": "b"\n}\n'


def test_installing_anew_after_the_entry_was_taken_out_by_hand_remembers_that_file(one: Switch) -> None:
    one.install()
    config = one.status().config
    text = "# mine\n" if config.suffix == ".toml" else '{"mine": 1}'
    config.write_text(text)
    one.install()
    one.uninstall()
    assert config.read_text() == text


def test_nothing_of_ours_is_left(one: Switch, paths: Paths) -> None:
    one.install()
    assert len(kept(paths)) == 2
    one.uninstall()
    assert kept(paths) == []
    assert one.uninstall() == []


def test_what_was_there_is_kept_for_its_owner_alone(one: Switch, paths: Paths) -> None:
    config = one.status().config
    config.parent.mkdir(parents=True)
    config.write_text("")
    config.chmod(0o644)
    one.install()
    for name in kept(paths):
        assert (paths.state_dir / "integrations" / name).stat().st_mode & 0o777 == 0o600


def test_a_dry_run_says_all_and_writes_nothing(one: Integration, person: Path) -> None:
    before = sorted(person.rglob("*"))
    changes = one.install(dry_run=True)
    assert {c.path for c in changes} == {one.status().config, one.status().artifact}
    assert sorted(person.rglob("*")) == before
    one.install()
    before = sorted(person.rglob("*"))
    assert all(c.after is None for c in one.uninstall(dry_run=True))
    assert sorted(person.rglob("*")) == before
    assert one.status().state is State.READY


def test_a_failed_write_leaves_all_as_it_was(
    known: dict[str, Integration], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = known["claude_code"]
    config = one.status().config
    config.parent.mkdir()
    config.write_text('{"a": 1}')
    replace = files.replace

    def failing(path: Path, data: bytes, mode: int = 0o600) -> None:
        if path == config:
            raise OSError(28, "No space left on device")
        replace(path, data, mode)

    monkeypatch.setattr(files, "replace", failing)
    with pytest.raises(IntegrationError, match="No space left on device; nothing was changed"):
        one.install()
    assert config.read_text() == '{"a": 1}'
    assert one.status().state is State.MISSING
    monkeypatch.undo()
    one.install()
    one.uninstall()
    assert config.read_text() == '{"a": 1}'


def test_a_crash_between_remembering_and_writing_is_undone_and_repeated_alike(
    known: dict[str, Integration], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = known["codex"]
    config = one.status().config
    config.parent.mkdir()
    config.write_text("a = 1\n")
    replace = files.replace

    class Killed(BaseException):
        pass

    def killed(path: Path, data: bytes, mode: int = 0o600) -> None:
        if path == config:
            raise Killed
        replace(path, data, mode)

    monkeypatch.setattr(files, "replace", killed)
    with pytest.raises(Killed):
        one.install()
    monkeypatch.undo()
    assert one.status().state is State.PARTIAL
    one.uninstall()
    assert (config.read_text(), one.status().state) == ("a = 1\n", State.MISSING)


def test_a_file_that_another_program_changes_meanwhile_is_not_written_over(
    known: dict[str, Integration], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = known["claude_code"]
    config = one.status().config
    config.parent.mkdir()
    config.write_text("{}")
    replace = files.replace

    def slow(path: Path, data: bytes, mode: int = 0o600) -> None:
        config.write_text('{"new": 1}')
        replace(path, data, mode)

    monkeypatch.setattr(files, "replace", slow)
    with pytest.raises(IntegrationError, match="was changed by another program"):
        one.install()
    assert config.read_text() == '{"new": 1}'


def test_processes_that_install_at_once_leave_one_entry(paths: Paths, person: Path) -> None:
    code = (
        "from pathlib import Path; from openusage.paths import Paths; from openusage.integrations import *\n"
        "paths = Paths.from_env({}, Path(__import__('sys').argv[1]))\n"
        "for one in integrations(paths, {}): one.install()"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(person)]) for _ in range(4)]
    assert [process.wait(PATIENCE_S) for process in started] == [0] * 4
    for one in integrations(paths, {}):
        assert one.status().state is State.READY
        one.uninstall()
        assert not one.status().config.exists()
