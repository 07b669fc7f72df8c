"""Real `openusage` processes with homes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

PATIENCE_S = 60.0
"""Far more than anything takes here: only a test that fails waits so long."""
WATCHED_S = 25.0
"""What the watcher sees is read within a fraction of it; without the watcher a sweep finds it after 30 s."""
PROMPTLY_S = 8.0
"""An end that waits for nothing takes a fraction of it, however busy the machine is; one that waits for a hub
that hangs takes 10 s. How long it really takes is measured in `bench/`."""


def until(true: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if true():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")


def environment(home: Path, **extra: str) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"], "TZ": "UTC", "LANG": "C.UTF-8", **extra}


class Process:
    """`openusage …` running. Ends with the `with` block, however the test ends."""

    def __init__(self, home: Path, *args: str, **extra: str) -> None:
        self.output = home / f"output-{args[0]}-{time.monotonic_ns()}.txt"
        with self.output.open("wb") as f:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "openusage.cli", *args],
                env=environment(home, **extra),
                stdin=subprocess.DEVNULL,
                stdout=f,
                stderr=subprocess.STDOUT,
                cwd=home,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE_S)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def said(self) -> str:
        return self.output.read_text()

    def kill(self) -> None:
        """As a power cut would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE_S)

    def terminate(self, by: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Ask to end. Exit code and seconds taken."""
        started = time.monotonic()
        self._process.send_signal(by)
        code = self._process.wait(PATIENCE_S)
        return code, time.monotonic() - started


def run(home: Path, *args: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """`openusage …` to its end."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "openusage.cli", *args],
        env=environment(home, **extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
