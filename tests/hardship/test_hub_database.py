"""A hub's database that is locked, damaged, deleted, out of room or read-only, below real processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.daemons import DaemonProcess
from tests.support.disks import fill, locked
from tests.support.homes import claude_line, write_claude
from tests.support.hubs import TOKEN, Hub, worker
from tests.support.processes import until

pytestmark = pytest.mark.slow

AT = "2026-11-20T10:00:00.000Z"


def turn(home: Path, *messages: str) -> None:
    write_claude(home, *(claude_line(m, at=AT) for m in messages))


@contextmanager
def sending(home: Path) -> Iterator[DaemonProcess]:
    with DaemonProcess(home, OPENUSAGE_HUB_TOKEN=TOKEN) as daemon:
        yield daemon


def wait_requests(hub: Hub, count: int) -> None:
    until(lambda: hub.requests() == count, f"{count} are there")


def wait_refused(daemon: DaemonProcess, status: int) -> None:
    """Until the hub has said that it cannot. It asks for a minute: a daemon that starts anew asks at once."""
    until(lambda: str(status) in daemon.exporter().records_error, f"the hub answers {status}")
    assert daemon.exporter().records_state == "failing"
    assert daemon.exporter().state == "ok", "snapshots go on"


def test_a_database_that_is_deleted_or_damaged_below_the_hub_is_filled_again(tmp_path: Path) -> None:
    """The machines still have everything, and send what the hub has not."""
    database = tmp_path / "hub/.local/state/openusage/hub.db"
    with Hub(tmp_path / "hub") as hub:
        home = worker(tmp_path, "a", hub.url)
        turn(home, *(f"first {n}" for n in range(2000)))
        with sending(home):
            until(lambda: hub.requests() == 2000, "all are there")
            for end in ("", "-wal", "-shm"):
                Path(f"{database}{end}").unlink(missing_ok=True)
            turn(home, "after it was deleted")
            until(lambda: hub.requests() == 2001, "all are there again")
            assert "was removed or replaced" in hub.notes()[0]
            assert hub.health()["status"] == "ok"
        hub.kill()
        hub.start()
        assert hub.requests() == 2001, "and were written"

        with sending(home):
            assert hub.process.terminate()[0] == 0  # so that all of it is in the one file
            hub.start()
            size = database.stat().st_size
            with database.open("r+b") as f:
                f.seek(4096)
                f.write(os.urandom(size - 8192))
            turn(home, *(f"after it was damaged {n}" for n in range(500)))
            until(lambda: answered(hub) == 2501, "all are there once more")
            assert any("damaged" in note for note in hub.notes())
        hub.kill()
        hub.start()
        assert hub.requests() == 2501
        assert hub.machines()["a"]["records"] == 2501


def answered(hub: Hub) -> int:
    """Requests, -1 while the hub cannot read its history."""
    try:
        return hub.requests()
    except OSError:
        return -1


def test_a_database_that_another_program_locks_delays_and_loses_nothing(tmp_path: Path) -> None:
    with Hub(tmp_path / "hub") as hub:
        home = worker(tmp_path, "a", hub.url)
        turn(home, "1")
        with sending(home) as daemon:
            until(lambda: hub.requests() == 1, "it is there")
            with locked(tmp_path / "hub/.local/state/openusage/hub.db"):
                turn(home, "2")
                wait_refused(daemon, 503)
                assert "locked by another program" in hub.notes()[0]
                assert hub.requests() == 1
                assert hub.keys() == ["a:claude_code:claude-code"]
        with sending(home):
            until(lambda: hub.requests() == 2, "it is stored once the lock is gone")
            until(lambda: hub.notes() == [], "and all is well")


def test_a_full_disk_below_the_hub_stops_the_writing_and_nothing_else(
    tmp_path: Path, small_disk: Path
) -> None:
    with Hub(tmp_path / "hub", XDG_STATE_HOME=str(small_disk)) as hub:
        home = worker(tmp_path, "a", hub.url)
        turn(home, "1")
        with sending(home) as daemon:
            until(lambda: hub.requests() == 1, "it is there")
            ballast = fill(small_disk)
            turn(home, *(f"more {n}" for n in range(3000)))
            wait_refused(daemon, 507)
            assert "no space left" in hub.notes()[0]
            assert hub.requests() == 1
            assert hub.keys() == ["a:claude_code:claude-code"]
            ballast.unlink()
        with sending(home):
            until(lambda: hub.requests() == 3001, "it is stored once there is room")
            until(lambda: hub.notes() == [], "and all is well")


def test_a_read_only_state_folder_leaves_the_hub_in_memory_until_it_can_write(
    tmp_path: Path, small_disk: Path
) -> None:
    def remount(mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", str(small_disk)], check=True)

    remount("ro")
    with Hub(tmp_path / "hub", XDG_STATE_HOME=str(small_disk)) as hub:
        home = worker(tmp_path, "a", hub.url)
        turn(home, "1")
        with sending(home):
            until(lambda: hub.requests() == 1, "it takes records")
            assert "kept in memory only" in hub.notes()[0]
            assert str(small_disk) in hub.notes()[0]
            assert "This should not happen" not in hub.said
        hub.kill()
        remount("rw")
        hub.start()
        assert hub.notes() == []
        with sending(home):
            until(lambda: hub.requests() == 1, "the machine sends again")
        hub.kill()
        hub.start()
        assert hub.requests() == 1


def test_after_a_kill_everything_is_there_at_once_with_its_age(tmp_path: Path) -> None:
    """No machine is on: what they sent before is told as before, and since when they are silent."""
    with Hub(tmp_path / "hub") as hub:
        homes = [worker(tmp_path, name, hub.url) for name in ("a", "b")]
        for number, home in enumerate(homes):
            turn(home, *(f"{number} {n}" for n in range(10)), "both")
            with sending(home):
                wait_requests(hub, 11 + 10 * number)
        before, totals = hub.machines(), hub.get("/v1/usage?window=all&by=machine,model,day")
        hub.kill()
        hub.start()
        after = hub.machines()
        assert hub.get("/v1/usage?window=all&by=machine,model,day")["rows"] == totals["rows"]
        assert set(after) == {"a", "b"}
        for name, machine in after.items():
            for kept in ("id", "version", "records", "copies", "first_seen", "accounts"):
                assert machine[kept] == before[name][kept], (name, kept)
            assert machine["last_seen"] <= before[name]["last_seen"]
        assert hub.keys() == [], "tiles of machines that are off are not made up"
