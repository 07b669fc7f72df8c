"""Servers of the bench as processes of their own: where they listen, what they take, and that they end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

START_S = 60.0
"""A hub that does not listen by then never will."""
_LISTENING = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Running(NamedTuple):
    port: int
    process: psutil.Process


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


@contextmanager
def real_hub(folder: Path, database: Path | None = None) -> Iterator[Running]:
    """`openusage hub` with its home in `folder`, and its database there unless another is named."""
    environ = {"HOME": str(folder), "PATH": os.environ["PATH"], "TZ": "UTC"}
    command = [sys.executable, "-m", "openusage.cli", "hub", "--headless", "--listen", "127.0.0.1:0"]
    command += ["--database", str(database or folder / "hub.db")]
    said = folder / "said.txt"
    with said.open("wb") as log, ended(subprocess.Popen(command, env=environ, stderr=log, text=True)) as hub:
        deadline_s = time.monotonic() + START_S
        while (found := _LISTENING.search(said.read_text())) is None:
            if hub.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"the hub did not start: {said.read_text()}")
            time.sleep(0.05)
        yield Running(int(found[1]), psutil.Process(hub.pid))


def cpu_s(process: psutil.Process) -> float:
    """What it has taken of the processors, all its threads together, in steps of 10 ms."""
    times = process.cpu_times()
    return float(times.user + times.system)
