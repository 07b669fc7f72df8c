"""How long a command takes to start, above the interpreter itself."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from bench.table import Row, render

RUNS = 15
OPENUSAGE = "from openusage.cli.__main__ import main; main()"


def run() -> list[Row]:
    """Medians over `RUNS`, floor and commands taken in turns."""
    commands = {"--help": ["--help"], "version": ["version"]}
    floor: list[float] = []
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        floor.append(_ms(["-c", "pass"]))
        for name, args in commands.items():
            taken[name].append(_ms(["-c", OPENUSAGE, *args]))
    empty = statistics.median(floor)
    rows = []
    for name, times in taken.items():
        value = statistics.median(times)
        rows.append(
            Row(
                name=f"openusage {name}",
                value=value,
                unit="ms",
                floor=empty,
                target="<= 35 ms above python",
                met=value - empty <= 35,
            )
        )
    return rows


def _ms(args: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *args], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    print(render(run()))
