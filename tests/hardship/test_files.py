"""Logs that are replaced, cut, rewritten, deleted, or no files at all, below a running daemon."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.daemons import DaemonProcess, daily, told_problems
from tests.support.homes import claude_line, write_claude
from tests.support.processes import until

pytestmark = pytest.mark.slow

AT = "2026-11-20T10:00:00.000Z"


def line(message: str) -> str:
    return claude_line(message, at=AT) + "\n"


def folder(home: Path, name: str = "-home-ann-shop") -> Path:
    made = home / ".claude/projects" / name
    made.mkdir(parents=True, exist_ok=True)
    return made


def write(file: Path, *messages: str) -> Path:
    file.write_text("".join(map(line, messages)))
    return file


def told(daemon: DaemonProcess, part: str) -> int:
    """How often the daemon's log says it."""
    return daemon.said.count(part)


def test_a_log_written_anew_in_any_way_loses_and_doubles_nothing(tmp_path: Path) -> None:
    logs = folder(tmp_path)
    replaced, shortened = write(logs / "a.jsonl", "a1", "a2"), write(logs / "b.jsonl", "b1", "b2", "b3")
    rewritten, deleted = write(logs / "c.jsonl", "c1", "c2"), write(logs / "d.jsonl", "d1")
    with DaemonProcess(tmp_path) as daemon:
        daemon.wait_events(8, "what was there at the start")

        write(logs / "new", "a2", "a3").replace(replaced)
        daemon.wait_events(9, "another file of the same name")

        os.truncate(shortened, len(line("b1")))
        until(lambda: b"b2" not in shortened.read_bytes(), "it is short")
        with shortened.open("a") as f:
            f.write(line("b4"))
        daemon.wait_events(10, "a file that was shortened and grew again")

        before = rewritten.stat()
        with rewritten.open("r+") as f:
            f.write(line("c3") + line("c2"))
        assert (rewritten.stat().st_size, rewritten.stat().st_ino) == (before.st_size, before.st_ino)
        daemon.wait_events(11, "the first line written over, same size, same file, same end")

        deleted.unlink()
        write(logs / "e.jsonl", "e1")
        daemon.wait_events(12, "a new file after another was deleted")
        write(logs / "d.jsonl", "d1", "d2")
        daemon.wait_events(13, "the deleted file is back, and longer")

        assert daily(tmp_path)["total"]["requests"] == 13
        assert told_problems(tmp_path) == []
        assert daemon.said == ""


def test_what_is_no_file_hangs_nobody_and_is_told_once(tmp_path: Path) -> None:
    """Tests run as any user, root too, for whom nothing is unreadable: so other things stand in the way."""
    logs = folder(tmp_path)
    for name in ("pipe", "folder", "nowhere", "loop"):
        write(logs / f"{name}.jsonl", f"{name}1")
    with DaemonProcess(tmp_path, "--collect-interval", "1") as daemon:
        daemon.wait_events(4, "what was there at the start")
        for name in ("pipe", "folder", "nowhere", "loop"):
            (logs / f"{name}.jsonl").unlink()
        os.mkfifo(logs / "pipe.jsonl")
        os.mkfifo(logs / "pipe2.jsonl")
        (logs / "folder.jsonl").mkdir()
        write(logs / "folder.jsonl" / "in.jsonl", "inside")
        (logs / "nowhere.jsonl").symlink_to(tmp_path / "nowhere")
        (logs / "loop.jsonl").symlink_to("loop.jsonl")
        (logs / "up").symlink_to("..")
        write_claude(tmp_path, claude_line("after", at=AT))
        daemon.wait_events(6, "the others go on")
        until(lambda: told(daemon, "symbolic links"), "the loop is told")
        problems = told_problems(tmp_path)
        for name in ("pipe.jsonl", "pipe2.jsonl", "nowhere.jsonl", "loop.jsonl"):
            assert len([text for text in problems if name in text]) == 1, problems
        seen = daemon.status().last_collected_at
        until(lambda: daemon.status().last_collected_at != seen, "another round")
        for name in ("pipe.jsonl", "nowhere.jsonl", "loop.jsonl"):
            assert told(daemon, name) == 1, daemon.said

        (logs / "pipe.jsonl").unlink()
        write(logs / "pipe.jsonl", "pipe1", "pipe2")
        daemon.wait_events(7, "a file again")
        assert daily(tmp_path)["total"]["requests"] == 7


def test_pipes_instead_of_the_small_files_hang_nobody(tmp_path: Path) -> None:
    agent = folder(tmp_path) / "s/subagents/agent-1.jsonl"
    agent.parent.mkdir(parents=True)
    write(agent, "1")
    (tmp_path / ".codex/sessions").mkdir(parents=True)
    for pipe in (
        agent.with_suffix(".meta.json"),
        tmp_path / ".claude.json",
        tmp_path / ".claude/settings.json",
        tmp_path / ".claude/.credentials.json",
        tmp_path / ".codex/auth.json",
    ):
        os.mkfifo(pipe)
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.status().events == 1
        assert daily(tmp_path)["total"]["requests"] == 1


@pytest.mark.skipif(os.uname().sysname == "Darwin", reason="its file systems refuse such names")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    """No UTF-8, a line's end, an escape sequence: read, and told as escapes on one line."""
    logs = os.fsencode(folder(tmp_path))
    names = (b"\xff\xfe.jsonl", b"line\nbreak.jsonl", b"\x1b[31mred.jsonl")
    with DaemonProcess(tmp_path) as daemon:
        for number, name in enumerate(names):
            Path(os.fsdecode(logs + b"/" + name)).write_text(line(str(number)) + "no json\n")
        odd = Path(os.fsdecode(logs + b"\xe9"))
        odd.mkdir()
        write(odd / "s.jsonl", "odd folder")
        daemon.wait_events(4, "all are read")
        problems = told_problems(tmp_path)
        for shown in (r"\udcff\udcfe.jsonl", r"line\nbreak.jsonl", r"\x1b[31mred.jsonl"):
            assert len([text for text in problems if shown in text]) == 1, problems
            assert told(daemon, f"{shown}, byte") == 1
        # The watcher cannot say such names; it goes on watching the others.
        write_claude(tmp_path, claude_line("after", at=AT))
        daemon.wait_events(5, "the others go on")
        assert told(daemon, "cannot watch") <= 1
        assert daily(tmp_path)["total"]["requests"] == 5
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.status().events == 5


@pytest.mark.skipif(os.uname().sysname == "Darwin", reason="its file systems refuse such names")
def test_a_first_read_in_two_processes_takes_any_name_and_no_module_of_the_folder(tmp_path: Path) -> None:
    """So much that a child reads it: cursors and problems with odd names come through its pipe."""
    logs = folder(tmp_path)
    big = line("big").replace("a secret sentence", "x" * 50_000_000)
    (logs / "big.jsonl").write_text(big)
    odd = Path(os.fsdecode(os.fsencode(logs) + b"/\xff.jsonl"))
    odd.write_text(line("odd") + "no json\n")
    (tmp_path / "queue.py").write_text("raise SystemExit('a module of the folder was run')")
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.status().events == 2
        (problem,) = daemon.status().problems
        assert r"\udcff.jsonl" in problem.path
    (logs / "big2.jsonl").write_text(big.replace("big", "gib"))
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.status().events == 3
        assert daemon.status().problems == []
