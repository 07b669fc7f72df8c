"""One hub with a whole fleet: 20,000 machines that push and send records at their true rate.

The hub is the real command in a process of its own, with a database on the disk; the machines are
`bench.machines`, in another process. Nothing is hurried: a slice of a minute is driven as it would pass, and
what counts is how much of a core the hub took for it (its CPU time, so that it holds on a machine that does
other things too), what it keeps in memory, how long the slowest pushes waited, and when a listener heard.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from bench import records, rollups
from bench.hub import running
from bench.machines import Plan, Seen
from bench.process import Running, ended, real_hub
from bench.table import Row, render

MACHINES = 20_000
SECONDS = 30.0
_PATIENCE_S = 300.0
"""For everything; then something hangs, and the run fails."""


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
    """All rows; three minutes, and one more when the database of `rollups` is to be made."""
    return [*_driven(seconds), *rollups.run(), *records.run()]


def _driven(seconds: float) -> list[Row]:
    with running("decode") as server:
        floor = drive(server, MACHINES, seconds / 3, records=False)
    with tempfile.TemporaryDirectory() as folder, real_hub(Path(folder)) as hub:
        seen = drive(hub, MACHINES, seconds)
    return rows_of(seen, floor)


if __name__ == "__main__":
    print(render(run(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)))
