"""`openusage telemetry daemon pause` and `resume`, with a daemon that really runs."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

import pytest

from openusage.client import DaemonClient
from tests.support.daemons import DaemonProcess
from tests.support.homes import claude_line, write_claude
from tests.support.processes import run, until


@pytest.mark.slow
def test_a_paused_daemon_reads_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("a", at="2026-03-02T10:00:00Z"))
    with DaemonProcess(tmp_path) as daemon:
        daemon.wait_events(1, "the first line is read")
        said = run(tmp_path, "telemetry", "daemon", "pause", "--for", "2h")
        assert said.returncode == 0
        assert said.stdout.startswith("Paused until ")
        write_claude(tmp_path, claude_line("b", at="2026-03-02T10:05:00Z"))
        told = run(tmp_path, "telemetry", "daemon", "status").stdout
        assert "paused until" in told
        assert daemon.status().events == 1
        assert any("Reading is paused until" in note for note in notes(daemon))
        # Whatever asks for usage gets what there is: nothing is read for it.
        assert run(tmp_path, "daily", "--json").returncode == 0
        assert daemon.status().events == 1
        assert "Reading goes on." in run(tmp_path, "telemetry", "daemon", "resume").stdout
        until(lambda: daemon.status().events == 2, "what was written meanwhile is read")
        assert not daemon.status().paused


def notes(daemon: DaemonProcess) -> list[str]:
    with contextlib.closing(DaemonClient(daemon.socket, now=lambda: dt.datetime.now(dt.UTC))) as client:
        return client.fetch("all").notes


def test_without_a_daemon_it_says_so(tmp_path: Path) -> None:
    said = run(tmp_path, "telemetry", "daemon", "pause")
    assert said.returncode == 3
    assert "No daemon answers at" in said.stderr
