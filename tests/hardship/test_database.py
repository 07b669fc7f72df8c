"""A database that is locked, damaged, deleted, out of room, or a newer program's."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import apsw
import httpx
import pytest

from tests.support.daemons import DaemonProcess, daily, told_status
from tests.support.disks import fill, locked
from tests.support.homes import claude_line, write_claude
from tests.support.processes import PATIENCE_S, run, until

pytestmark = pytest.mark.slow

AT = "2026-11-20T10:00:00.000Z"
STATE = ".local/state/openusage"


def database(home: Path) -> Path:
    return home / STATE / "openusage.db"


def turn(home: Path, *messages: str) -> None:
    write_claude(home, *(claude_line(m, at=AT) for m in messages))


def healthz(daemon: DaemonProcess) -> list[str]:
    transport = httpx.HTTPTransport(uds=str(daemon.socket))
    with contextlib.closing(httpx.Client(transport=transport, timeout=PATIENCE_S)) as client:
        notes: list[str] = client.get("http://daemon/healthz").json().get("notes", [])
        return notes


def test_a_database_that_another_program_locks_is_written_later(tmp_path: Path) -> None:
    turn(tmp_path, "1")
    with DaemonProcess(tmp_path) as daemon:
        with locked(database(tmp_path)):
            turn(tmp_path, "2")
            until(lambda: daemon.status().notes, "it is said")
            assert "locked by another program" in told_status(tmp_path)["notes"][0]
            assert "locked" in healthz(daemon)[0]
            assert daily(tmp_path)["total"]["requests"] == 1, "questions are answered meanwhile"
        daemon.wait_events(2, "it is stored once the lock is gone")
        assert daily(tmp_path)["total"]["requests"] == 2
        assert told_status(tmp_path)["notes"] == []
        assert daemon.said.count("locked by another program") == 1


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_garbage_in_place_of_the_database_is_kept_aside_and_logs_are_read_again(
    tmp_path: Path, end: str
) -> None:
    turn(tmp_path, "1", "2")
    log = Path(f"{database(tmp_path)}-wal")
    with DaemonProcess(tmp_path) as daemon:
        # All of it in the one file: what stands in the log would be recovered from there, whatever else is.
        until(lambda: log.stat().st_size == 0, "the first read is checkpointed")
        daemon.kill() if end == "kill" else daemon.terminate()
    garbage = os.urandom(60_000)
    database(tmp_path).write_bytes(garbage)
    turn(tmp_path, "3")
    with DaemonProcess(tmp_path) as daemon:
        assert daily(tmp_path)["total"]["requests"] == 3
        (aside,) = (f for f in database(tmp_path).parent.glob("*.corrupt.*Z"))
        assert aside.read_bytes() == garbage
        for notes in (healthz(daemon), told_status(tmp_path)["notes"]):
            assert len(notes) == 1
            assert "damaged" in notes[0]
            assert str(aside) in notes[0]
        assert daemon.said.count("damaged") == 1
        turn(tmp_path, "4")
        daemon.wait_events(4, "it goes on")


def test_a_database_deleted_below_a_running_daemon_is_told_and_made_anew(tmp_path: Path) -> None:
    turn(tmp_path, "1")
    with DaemonProcess(tmp_path, "--collect-interval", "1") as daemon:
        for end in ("", "-wal", "-shm"):
            Path(f"{database(tmp_path)}{end}").unlink(missing_ok=True)
        turn(tmp_path, "2")
        daemon.wait_events(2, "collecting goes on")
        until(lambda: "was removed or replaced" in daemon.said, "it is said")
        assert "Restart the daemon" in told_status(tmp_path)["notes"][0]
        assert "Restart the daemon" in healthz(daemon)[0]
        seen = daemon.status().last_collected_at
        until(lambda: daemon.status().last_collected_at != seen, "another round")
        assert daemon.said.count("was removed or replaced") == 1
        assert daemon.terminate()[0] == 0
    with DaemonProcess(tmp_path):
        assert daily(tmp_path)["total"]["requests"] == 2
        assert told_status(tmp_path)["notes"] == []


def test_a_newer_programs_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    turn(tmp_path, "1")
    assert run(tmp_path, "daily").returncode == 0
    with contextlib.closing(apsw.Connection(str(database(tmp_path)))) as db:
        db.pragma("user_version", 99)
    before = database(tmp_path).read_bytes()
    for command in (("telemetry", "daemon"), ("daily",)):
        refused = run(tmp_path, *command)
        assert refused.returncode == 1
        assert "written by a newer openusage" in refused.stderr
        assert "Update openusage" in refused.stderr
        assert refused.stdout == ""
    assert database(tmp_path).read_bytes() == before
    assert not list(database(tmp_path).parent.glob("*.corrupt.*"))


def test_a_full_disk_stops_the_writing_and_nothing_else(tmp_path: Path, small_disk: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    turn(home, "1")
    with DaemonProcess(home, XDG_STATE_HOME=str(small_disk)) as daemon:
        ballast = fill(small_disk)
        turn(home, *(f"more {n}" for n in range(1000)))
        until(lambda: daemon.status().notes, "it is said")
        assert "no space left" in daemon.status().notes[0]
        assert daily(home, XDG_STATE_HOME=str(small_disk))["total"]["requests"] == 1
        assert daemon.running
        ballast.unlink()
        daemon.wait_events(1001, "it is stored once there is room")
        until(lambda: daemon.status().notes == [], "all is well again")
        assert daily(home, XDG_STATE_HOME=str(small_disk))["total"]["requests"] == 1001
        assert daemon.said.count("no space left") == 1


def test_a_state_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, small_disk: Path) -> None:
    turn(tmp_path, "1")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    (tmp_path / "file").write_text("")
    for place, why in ((small_disk, "Read-only file system"), (tmp_path / "file", "file")):
        for command in (("telemetry", "daemon"), ("daily",)):
            refused = run(tmp_path, *command, XDG_STATE_HOME=str(place))
            assert refused.returncode == 1
            assert str(place) in refused.stderr
            assert why in refused.stderr
            assert "This should not happen" not in refused.stderr
