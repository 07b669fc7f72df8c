"""Daemons that are killed or told to end in the middle of a first read."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import apsw
import psutil
import pytest

from openusage.store.schema import APPLICATION_ID
from tests.support.daemons import DaemonProcess, daily, socket_of
from tests.support.homes import claude_line, write_claude
from tests.support.processes import PROMPTLY_S, Process, run, until
from tools.genlogs import write_home

pytestmark = pytest.mark.slow

KILLS = 10
STATE = ".local/state/openusage"
CLEAN = ["hook-spool", "machine-id", "openusage.db", "openusage.db.lock"]
"""What is left in the state folder of a daemon that ended in order."""
CHILD_FROM_MB = 48
"""From here on a first read has a process of its own."""


class Home:
    """Generated logs; machines share them by links and keep a state each."""

    def __init__(self, folder: Path, mb: float) -> None:
        self.folder = folder
        self.truth = write_home(folder, seed=11, days=20, mb=mb)

    def machine(self, home: Path) -> Path:
        home.mkdir()
        for name in (".claude", ".claude.json", ".codex"):
            if (self.folder / name).exists():
                (home / name).symlink_to(self.folder / name)
        return home

    def days(self) -> dict[str, tuple[int, int]]:
        """Day -> (tokens, messages) of all agents."""
        found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for agent in self.truth["agents"].values():
            for day, models in agent["days"].items():
                for sums in models.values():
                    found[day][0] += sum(sums[f] for f in _TOKENS)
                    found[day][1] += sums["messages"]
        return {day: (tokens, messages) for day, (tokens, messages) in found.items() if messages}


_TOKENS = ("input", "output", "reasoning", "cache_read", "cache_write_5m", "cache_write_1h")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("small"), 20)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Twice what one process reads alone."""
    return Home(tmp_path_factory.mktemp("large"), 3 * CHILD_FROM_MB)


def reported(home: Path) -> dict[str, tuple[int, int]]:
    rows: dict[str, dict[str, Any]] = daily(home)
    return {day: (row["total_tokens"], row["requests"]) for day, row in rows.items() if day != "total"}


def test_killed_ten_times_in_its_first_read_it_counts_the_truth(small: Home, tmp_path: Path) -> None:
    rng = random.Random(3)
    home = small.machine(tmp_path / "home")
    lock = home / STATE / "openusage.db.lock"
    stored = []
    for _ in range(KILLS):
        with Process(home, "telemetry", "daemon") as daemon:
            wait_store(lock, daemon)
            time.sleep(rng.uniform(0, 0.08))
            daemon.kill()
        stored.append(events_in(home / STATE / "openusage.db", tmp_path / "look.db"))
    with DaemonProcess(home) as daemon:
        assert reported(home) == small.days()
        status = daemon.status()
        assert status.notes == []
        assert stored == sorted(stored), "what was stored stays"
        daemon.terminate()
    assert reported(home) == small.days(), "and without a daemon"
    assert left_in(home) == CLEAN


def wait_store(lock: Path, daemon: Process) -> None:
    def ready() -> bool:
        """Its own store, beyond the first moments that `test_killed_while_its_database_was_made` is about."""
        mine = lock.exists() and lock.read_text().split()[:1] == [str(daemon.pid)]
        return mine and lock.with_name("openusage.db-wal").exists()

    until(lambda: ready() or not daemon.running, "it has its store")
    assert daemon.running, daemon.said


def test_killed_while_its_database_was_made_it_starts_again(tmp_path: Path) -> None:
    """The first write of a new file goes through a rollback journal, which only a writer can play back."""
    write_claude(tmp_path, claude_line("1", at="2026-11-20T10:00:00Z"))
    state = tmp_path / STATE
    state.mkdir(parents=True)
    made = tmp_path / "made.db"
    with contextlib.closing(apsw.Connection(str(made))) as db:
        db.pragma("auto_vacuum", 2)
        db.pragma("application_id", APPLICATION_ID)
        db.execute("BEGIN; PRAGMA user_version = 0; CREATE TABLE half (made)")
        db.cache_flush()
        for end in ("", "-journal"):
            shutil.copy(f"{made}{end}", state / f"openusage.db{end}")
        db.execute("ROLLBACK")
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.status().events == 1
        assert daemon.status().notes == []


def events_in(database: Path, look: Path) -> int:
    """In a copy: to heal what the kill left is the next daemon's task."""
    for end in ("", "-wal"):
        Path(f"{look}{end}").unlink(missing_ok=True)
        if Path(f"{database}{end}").exists():
            shutil.copy(f"{database}{end}", f"{look}{end}")
    with contextlib.closing(apsw.Connection(str(look))) as db:
        try:
            count: int = db.execute("SELECT count(*) FROM event").get
        except apsw.SQLError:  # killed before there were tables
            return 0
    return count


def left_in(home: Path) -> list[str]:
    return sorted(file.name for file in (home / STATE).iterdir())


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda s: s.name)
def test_asked_to_end_in_its_first_read_it_ends_at_once_and_leaves_nothing_behind(
    large: Home, tmp_path: Path, by: signal.Signals
) -> None:
    home = large.machine(tmp_path / "home")
    with Process(home, "telemetry", "daemon") as daemon:
        readers = wait_reading(daemon)
        code, seconds = daemon.terminate(by)
    assert code == 0
    assert seconds < PROMPTLY_S
    assert not alive(readers)
    assert not socket_of(home).exists()
    assert left_in(home) == CLEAN
    assert "Traceback" not in daemon.said
    if by is signal.SIGTERM:
        with DaemonProcess(home) as again:
            assert reported(home) == large.days()
            assert again.status().notes == []


def test_killed_it_leaves_no_reader_behind(large: Home, tmp_path: Path) -> None:
    home = large.machine(tmp_path / "home")
    with Process(home, "telemetry", "daemon") as daemon:
        readers = wait_reading(daemon)
        daemon.kill()
    until(lambda: not alive(readers), "the reader ends by itself")
    status = run(home, "telemetry", "daemon", "status", "--json")
    assert (status.returncode, json.loads(status.stdout)["running"]) == (3, False)


def test_a_report_that_is_interrupted_is_quiet_and_the_next_one_is_right(large: Home, tmp_path: Path) -> None:
    home = large.machine(tmp_path / "home")
    with Process(home, "daily", "--json") as report:
        readers = wait_reading(report)
        code, seconds = report.terminate(signal.SIGINT)
    assert code == 130
    assert seconds < PROMPTLY_S
    assert not alive(readers)
    assert report.said == ""
    assert reported(home) == large.days()


def wait_reading(process: Process) -> list[psutil.Process]:
    """Until it has a child that reads; the children."""
    until(psutil.Process(process.pid).children, "it reads in a process of its own")
    return psutil.Process(process.pid).children()


def alive(processes: list[psutil.Process]) -> bool:
    return any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)
