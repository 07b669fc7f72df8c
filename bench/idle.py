"""A daemon with a history that has nothing to do: memory and share of a core."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.daemons import own_environ, real_daemon
from bench.process import cpu_s
from bench.read import home
from bench.table import Row, render

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
    with (
        tempfile.TemporaryDirectory() as state,
        real_daemon(own_environ(logs, Path(state))) as daemon,
    ):
        time.sleep(SETTLE_S)
        before_s = cpu_s(daemon)
        time.sleep(watched_s)
        return (cpu_s(daemon) - before_s) / watched_s * 100, daemon.memory_info().rss / 2**20


if __name__ == "__main__":
    print(render(run()))
