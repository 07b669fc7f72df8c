"""Where and how a program is started: settings, homes, sockets, streams, large and late folders."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemons import DaemonProcess, daily, socket_of, told_status
from tests.support.homes import claude_line, write_claude, write_codex
from tests.support.processes import PATIENCE_S, WATCHED_S, environment, run, until
from tools.ports import free_port

pytestmark = pytest.mark.slow

AT = "2026-11-20T10:00:00.000Z"
PROGRAM = f"{sys.executable} -P -m openusage.cli"
FILES = 2000


def tree(home: Path) -> list[str]:
    return sorted(str(p.relative_to(home)) for p in home.rglob("*"))


# Settings


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"export": ', "line 1, column 12"),
        (b'{"export": {"interval_seconds": "soon"}}', 'must be a number from 1 to 86400, found "soon"'),
        (b'{"export": {"token": "s3cret-word"}}', "export.token holds a secret"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[" * 100_000, "is not usable JSON"),
        (None, "is a pipe"),
    ],
    ids=["broken", "type", "token", "binary", "deep", "pipe"],
)
def test_settings_that_cannot_be_used_stop_a_command_before_it_writes(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / ".config/openusage/settings.json"
    file.parent.mkdir(parents=True)
    os.mkfifo(file) if content is None else file.write_bytes(content)
    before = tree(tmp_path)
    commands: list[tuple[str, ...]] = [("daily",)]
    if said in ("line 1, column 12", "export.token holds a secret"):  # the others fail at the same place
        commands += [
            ("hub", "--headless", "--listen", f"127.0.0.1:{free_port()}"),
            ("telemetry", "daemon"),
            ("telemetry", "daemon", "status"),
            ("hub-view", "http://127.0.0.1:9"),
        ]
    # At once: each is a start of a third of a second.
    running = [
        subprocess.Popen(
            [*PROGRAM.split(), *command],
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    for command, process in zip(commands, running, strict=True):
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 2, (command, stderr)
        assert stdout == ""
        assert stderr.count("openusage:") == 1
        assert "~/.config/openusage/settings.json" in stderr
        assert said in stderr
        assert "s3cret-word" not in stderr
    assert tree(tmp_path) == before
    if content is not None:
        assert file.read_bytes() == content


# Homes and paths


@pytest.mark.parametrize("home", ["", "somewhere/else"])
def test_a_home_that_is_no_whole_path_is_refused(tmp_path: Path, home: str) -> None:
    """Else everything would be written below the root or the folder that one happens to be in."""
    for command in (("daily",), ("telemetry", "daemon")):
        refused = subprocess.run(
            [*PROGRAM.split(), *command],
            env=environment(tmp_path) | {"HOME": home},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert refused.returncode == 1
        assert "Set HOME." in refused.stderr
    assert tree(tmp_path) == []


@pytest.mark.parametrize("name", ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"])
def test_xdg_variables_that_are_no_whole_paths_do_not_count(tmp_path: Path, name: str) -> None:
    write_claude(tmp_path, claude_line("1", at=AT))
    assert daily(tmp_path, **{name: "relative/folder"})["total"]["requests"] == 1
    assert (tmp_path / ".local/state/openusage/openusage.db").exists()
    assert not (tmp_path / "relative").exists()


def test_a_home_too_deep_for_a_socket_has_one_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 100) / ("y" * 100)
    home.mkdir(parents=True)
    write_claude(home, claude_line("1", at=AT))
    runtime = tmp_path / "r"
    runtime.mkdir(mode=0o700)
    with DaemonProcess(home, XDG_RUNTIME_DIR=str(runtime)) as daemon:
        assert daemon.socket.is_socket()
        assert len(os.fsencode(daemon.socket)) < 108
        assert daily(home, XDG_RUNTIME_DIR=str(runtime))["total"]["requests"] == 1
        assert told_status(home, XDG_RUNTIME_DIR=str(runtime))["pid"] == daemon.pid
        daemon.terminate()
    assert not daemon.socket.exists()


def test_a_socket_path_given_by_hand_overwrites_nothing(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    for path, said in (
        (notes, "no socket"),
        (tmp_path / ("s" * 200), "too long"),
        (tmp_path, "no socket"),
        (notes / "socket", "is a file"),
    ):
        refused = run(tmp_path, "telemetry", "daemon", "--socket-path", str(path))
        assert refused.returncode == 1
        assert said in refused.stderr
        assert "This should not happen" not in refused.stderr
    assert notes.read_text() == "mine"


# Streams


@pytest.mark.parametrize(
    ("command", "code", "shown"),
    [
        ("daily --json 2>&-", 0, "{"),
        ("daily <&- >&- 2>&-", 0, ""),
        ("daily --json | head -1", 0, "{\n"),
        ("nonsense 2>&-", 2, ""),
        ("telemetry daemon status --json 2>&-", 3, "{"),
        ("hub-view http://127.0.0.1:9 <&- 2>&-", 2, ""),
    ],
)
def test_closed_streams_fail_no_command(tmp_path: Path, command: str, code: int, shown: str) -> None:
    write_claude(tmp_path, claude_line("1", at=AT))
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{PROGRAM} {command}"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == code
    assert done.stdout.startswith(shown)
    assert bool(done.stdout) == bool(shown)
    assert done.stderr == ""


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-", "2>&1 | head -0"])
def test_a_daemon_needs_no_streams(tmp_path: Path, closed: str) -> None:
    """What it says about a bad line must not reach a file or socket that took the place of a stream."""
    file = write_claude(tmp_path, claude_line("1", at=AT))
    shell = subprocess.Popen(
        ["bash", "-c", f"{PROGRAM} telemetry daemon {closed}"],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        until(lambda: status_of(tmp_path)["running"], "it answers")
        with file.open("a") as f:
            f.write("no json\n" + claude_line("2", at=AT) + "\n")
        until(lambda: status_of(tmp_path)["problems"], "it read the bad line")
        assert daily(tmp_path)["total"]["requests"] == 2
        os.kill(status_of(tmp_path)["pid"], signal.SIGTERM)
        assert shell.communicate(timeout=PATIENCE_S)[0] == b""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    assert not socket_of(tmp_path).exists()
    assert daily(tmp_path)["total"]["requests"] == 2


def status_of(home: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(home, "telemetry", "daemon", "status", "--json").stdout)
    return document


# Many files, new folders


def test_thousands_of_files_and_folders_that_come_later(tmp_path: Path) -> None:
    projects = tmp_path / ".claude/projects"
    for n in range(FILES):
        file = projects / f"-project-{n % 100}/s{n}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(claude_line(f"m{n}", at=AT) + "\n")
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.status().events == FILES
        for number, place in enumerate(("-new/s.jsonl", "-newer/a/subagents/agent-1.jsonl"), 1):
            file = projects / place
            file.parent.mkdir(parents=True)
            file.write_text(claude_line(place, at=AT) + "\n")
            daemon.wait_events(FILES + number, "a session in a new folder", timeout_s=WATCHED_S)
        assert daily(tmp_path)["total"]["requests"] == FILES + 2


def test_a_tool_that_is_used_for_the_first_time_is_found(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, "--collect-interval", "1") as daemon:
        assert daemon.status().accounts == []
        write_claude(tmp_path, claude_line("1", at=AT))
        daemon.wait_events(1, "Claude Code, at the next round")
        write_claude(tmp_path, claude_line("2", at=AT))
        daemon.wait_events(2, "watched from now on")
        write_codex(tmp_path, at=AT)
        daemon.wait_events(3, "Codex, at the next round")
        assert sorted(daemon.status().accounts) == [("claude_code", "claude-code"), ("codex", "codex-cli")]
