"""A daemon with a history that has nothing to do: memory and share of a core."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.read import home
from bench.table import Row, render
from openusage.cli.compose.parts import now
from openusage.client import DaemonClient
from openusage.errors import PeerError

SETTLE_S = 5.0
WATCHED_S = 20.0


def run(mb: float = 200.0, watched_s: float = WATCHED_S) -> list[Row]:
    """Start a real daemon on a generated home, let it read, then watch it doing nothing."""
    busy_pct, rss_mb = idle(home(mb), watched_s)
    return [
        Row(
            name="idle daemon, one core",
            value=busy_pct,
            unit="%",
            target="< 0.5 %",
            met=busy_pct < 0.5,
        ),
        Row(name="idle daemon, memory", value=rss_mb, unit="MB", target="< 70 MB", met=rss_mb < 70),
    ]


def idle(logs: Path, watched_s: float) -> tuple[float, float]:
    """Share of a core, in percent, and memory, in MB, of a daemon on this home once it has read it."""
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory)
        command = [sys.executable, "-m", "openusage.cli", "telemetry", "daemon", "run"]
        command += ["--socket-path", str(state / "d.sock"), "--db-path", str(state / "d.db")]
        environ = {
            "HOME": str(logs),
            "PATH": os.environ["PATH"],
            "XDG_STATE_HOME": str(state),
            "XDG_CONFIG_HOME": str(state),
        }
        daemon = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
        try:
            _wait(state / "d.sock")
            time.sleep(SETTLE_S)
            process = psutil.Process(daemon.pid)
            before = _cpu_s(process)
            time.sleep(watched_s)
            busy_pct = (_cpu_s(process) - before) / watched_s * 100
            return busy_pct, process.memory_info().rss / 2**20
        finally:
            daemon.terminate()
            daemon.wait(10)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _wait(socket: Path) -> None:
    client = DaemonClient(socket, now=now)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.status().first_read_done:
                return
        except PeerError:
            pass
        time.sleep(0.2)
    raise SystemExit("the daemon did not finish its first read")


if __name__ == "__main__":
    print(render(run()))
