"""How long a command takes to start, above the interpreter itself, and a dashboard until it shows a tile."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from bench.daemons import own_environ, real_daemon
from bench.process import cpu_s, ended
from bench.read import home
from bench.table import Row, render

RUNS = 15
OPENUSAGE = "from openusage.cli.__main__ import main; main()"
COLUMNS, LINES = 120, 40
PAINTED = b"Claude Code"
"""Stands in the head of a tile of the generated home, and nowhere else."""
_STYLE = re.compile(rb"\x1b\[[0-9;]*m")


def run() -> list[Row]:
    """Medians over `RUNS`, floor and commands taken in turns."""
    return [*command_rows(), *paint_rows()]


def command_rows() -> list[Row]:
    """Those that are answered before anything is imported."""
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


def paint_rows(mb: float = 200.0) -> list[Row]:
    """From the start of the process to the words of a tile on its terminal, beside a daemon that runs."""
    with tempfile.TemporaryDirectory() as state:
        environ = own_environ(home(mb), Path(state))
        with real_daemon(environ):
            painted = [paint_ms(environ) for _ in range(RUNS)]
    shown, used = (statistics.median(column) for column in zip(*painted, strict=True))
    return [
        Row(name="dashboard, first paint", value=shown, unit="ms", target="<= 650 ms", met=shown <= 650),
        Row(name="dashboard, first paint, CPU", value=used, unit="ms"),
    ]


def paint_ms(environ: Mapping[str, str]) -> tuple[float, float]:
    """(by the clock, of a processor) until `openusage` on a terminal of its own has painted a tile."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    its_environ = {**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "openusage.cli"]
    began_s = time.perf_counter()
    started = subprocess.Popen(
        command, env=its_environ, stdin=its, stdout=its, stderr=its, text=True, start_new_session=True
    )
    os.close(its)
    try:
        with ended(started) as dashboard:
            said = b""
            while PAINTED not in _STYLE.sub(b"", said):
                said += os.read(ours, 65_536)
            taken = (time.perf_counter() - began_s) * 1000, cpu_s(psutil.Process(dashboard.pid)) * 1000
            dashboard.kill()  # nobody reads on, so that it could not say goodbye
            return taken
    finally:
        os.close(ours)


def _ms(args: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *args], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    print(render(run()))
