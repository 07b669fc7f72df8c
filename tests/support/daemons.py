"""A real daemon process, asked over its socket."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from pathlib import Path
from typing import Any, Self

import msgspec

from openusage.client import DaemonClient
from openusage.errors import PeerError
from openusage.paths import Paths
from openusage.wire.local import DaemonStatus, ExporterStatus
from openusage.wire.problems import Problem
from tests.support.processes import PATIENCE_S, Process, environment, run, until


class DaemonProcess(Process):
    """`openusage telemetry daemon …` of a home. Inside the `with` block its first read is through."""

    def __init__(self, home: Path, *args: str, **extra: str) -> None:
        super().__init__(home, "telemetry", "daemon", *args, **extra)
        self.home = home
        self.socket = socket_of(home, **extra)

    def __enter__(self) -> Self:
        try:
            self.wait_read()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_read(self) -> None:
        until(lambda: not self.running or self._first_read_done(), f"the first read is done: {self.said}")
        assert self.running, self.said

    def status(self) -> DaemonStatus:
        """Asks without making the daemon collect, as a question for usage would."""
        with contextlib.closing(DaemonClient(self.socket, now=_now, timeout_s=PATIENCE_S)) as client:
            return client.status()

    def exporter(self) -> ExporterStatus:
        return self.status().exporters[0]

    def wait_events(self, count: int, what: str, timeout_s: float = PATIENCE_S) -> None:
        """Until so many records are stored: messages, when no line holds anything else."""
        until(lambda: self.status().events >= count, f"{what}; has {self.status().events}", timeout_s)

    def _first_read_done(self) -> bool:
        try:
            return self.status().first_read_done
        except PeerError:
            return False


def socket_of(home: Path, **extra: str) -> Path:
    """Where a daemon of this home listens: the path of a test's home may be too long for a socket."""
    return Paths.from_env(environment(home, **extra), home).socket


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def daily(home: Path, **extra: str) -> dict[str, dict[str, Any]]:
    """`openusage daily --json --tz UTC`: day -> figures, and `total`."""
    done = run(home, "daily", "--json", "--tz", "UTC", **extra)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return {row["key"]: row for row in [*report["rows"], report["totals"]]}


def told_status(home: Path, **extra: str) -> dict[str, Any]:
    """`openusage telemetry daemon status --json`."""
    done = run(home, "telemetry", "daemon", "status", "--json", **extra)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def told_problems(home: Path) -> list[str]:
    """Those of that status, in words."""
    problems = msgspec.convert(told_status(home)["problems"], list[Problem])
    return [problem.sentence for problem in problems]
