"""One hub with a whole fleet: 20,000 machines that push and send records at their true rate.

The hub is the real command in a process of its own, with a database on the disk; the machines are
`bench.machines`, in another process. Nothing is hurried: a slice of a minute is driven as it would pass, and
what counts is how much of a core the hub took for it (its CPU time, so that it holds on a machine that does
other things too), what it keeps in memory, how long the slowest pushes waited, and when a listener heard.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from bench.hub import Running, running
from bench.machines import Plan, Seen
from bench.table import Row, render

MACHINES = 20_000
SECONDS = 30.0
_PATIENCE_S = 300.0
"""For everything; then something hangs, and the run fails."""


@contextmanager
def real_hub(folder: Path) -> Iterator[Running]:
    """`openusage hub` with its database in `folder`. Ends with the block."""
    environ = {"HOME": str(folder), "PATH": os.environ["PATH"], "TZ": "UTC"}
    command = [sys.executable, "-m", "openusage.cli", "hub", "--headless", "--listen", "127.0.0.1:0"]
    command += ["--database", str(folder / "hub.db")]
    said = folder / "said.txt"
    with said.open("wb") as log, ended(subprocess.Popen(command, env=environ, stderr=log, text=True)) as hub:
        deadline_s = time.monotonic() + _PATIENCE_S
        while (found := _LISTENING.search(said.read_text())) is None:
            if hub.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"the hub did not start: {said.read_text()}")
            time.sleep(0.05)
        yield Running(int(found[1]), psutil.Process(hub.pid))


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """The process, which ends with the block."""
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def drive(server: Running, machines: int, seconds: float, *, records: bool = True) -> Seen:
    """A fleet at its true rate against a server, for so long."""
    plan = Plan(server.port, server.process.pid, machines, seconds, records)
    command = [sys.executable, "-m", "bench.machines", msgspec.json.encode(plan).decode()]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as fleet:
        said, _ = fleet.communicate(timeout=_PATIENCE_S)
    if fleet.returncode != 0:
        raise RuntimeError("the machines failed")
    return msgspec.json.decode(said, type=Seen)


def rows_of(seen: Seen, floor: Seen) -> list[Row]:
    """What was promised of one hub."""
    name = f"{MACHINES:,} machines"
    return [
        Row(
            name=f"{name}, hub's share of a core",
            value=seen.share_pct,
            unit="%",
            floor=floor.share_pct,
            target="< 60 %",
            met=seen.share_pct < 60,
        ),
        Row(name=f"{name}, memory", value=seen.rss_mb, unit="MB", target="< 1000", met=seen.rss_mb < 1000),
        Row(
            name=f"{name}, push p99",
            value=seen.push_p99_ms,
            unit="ms",
            floor=floor.push_p99_ms,
            target="< 50 ms",
            met=seen.push_p99_ms < 50,
        ),
        Row(name=f"{name}, records p99", value=seen.batch_p99_ms, unit="ms"),
        Row(name=f"{name}, push to listener, median", value=seen.heard_p50_s, unit="s"),
        Row(
            name=f"{name}, push to listener, slowest",
            value=seen.heard_most_s,
            unit="s",
            target="< 1 s",
            met=seen.heard_most_s < 1,
        ),
    ]


def run(seconds: float = SECONDS) -> list[Row]:
    """All rows."""
    with running("decode") as server:
        floor = drive(server, MACHINES, seconds / 3, records=False)
    with tempfile.TemporaryDirectory() as folder, real_hub(Path(folder)) as hub:
        seen = drive(hub, MACHINES, seconds)
    return rows_of(seen, floor)


_LISTENING = re.compile(r"http://127\.0\.0\.1:(\d+)")

if __name__ == "__main__":
    print(render(run(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)))
