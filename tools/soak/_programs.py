"""Real `openusage` processes that are killed and started again, and what a hub and a daemon say."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import msgspec

from openusage.client import DaemonClient, HubClient
from openusage.paths import Paths
from openusage.wire.events import EventKind
from openusage.wire.fleet import UsageReply, UsageSums
from openusage.wire.local import DaemonStatus
from openusage.wire.rollups import By, Filter, Window
from tools.genlogs._truth import FIELDS
from tools.soak._homes import Sums

ASK_S = 30.0
BY = (By.PROVIDER, By.DAY, By.MODEL)
MESSAGES = Filter(kinds=(EventKind.MESSAGE,))
ALL = Window("all")


def environment(home: Path) -> dict[str, str]:
    """Nothing of the person who runs it."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], "TZ": "UTC", "LANG": "C.UTF-8"}


class Program:
    """`openusage …` of one home."""

    def __init__(self, name: str, home: Path, *args: str) -> None:
        self.name = name
        self.home = home
        self._args = args
        self._output = home / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self.down_until_s: float | None = None
        """When it is to be started again; `None`: it runs, or nobody wants it to."""
        self.starts = 0
        self.faults: list[str] = []

    def start(self) -> None:
        self.down_until_s = None
        self.starts += 1
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "openusage.cli", *self._args],
                env=environment(self.home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether it runs. One that ended by itself is a fault, told once."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        last = self._output.read_text(errors="replace").strip().splitlines()[-3:]
        self.faults.append(
            f"{self.name} ended by itself, status {self._process.returncode}: {' / '.join(last)}"
        )
        self._process = None
        return False

    def kill(self) -> None:
        """As a power cut would, and whatever it started with it."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        self._process = None

    def said_faults(self) -> list[str]:
        """Lines of its output that no program should print."""
        if not self._output.exists():
            return []
        lines = self._output.read_text(errors="replace").splitlines()
        return [f"{self.name}: {line}" for line in lines if "Traceback" in line or "internal error" in line]


class Daemon(Program):
    """A machine."""

    def __init__(self, name: str, home: Path) -> None:
        super().__init__(name, home, "telemetry", "daemon")

    def export_to(self, url: str) -> None:
        """Which hub it sends to from its next start on."""
        file = self.home / ".config/openusage/settings.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        export = {"target": url, "interval_seconds": 1, "machine_name": self.name}
        file.write_bytes(msgspec.json.encode({"export": export}))

    @property
    def machine_id(self) -> str:
        return Paths.from_env(environment(self.home), self.home).machine_id_file.read_text().strip()

    def status(self) -> DaemonStatus:
        with contextlib.closing(self._client()) as client:
            return client.status()

    def sums(self) -> Sums:
        """Raises `PeerError`."""
        with contextlib.closing(self._client()) as client:
            return {
                (row.key[By.PROVIDER] or "", row.key[By.DAY] or "", row.key[By.MODEL] or ""): (
                    *(getattr(row, kind) for kind in FIELDS),
                    row.events,
                )
                for row in client.usage(ALL, BY, MESSAGES)
            }

    def _client(self) -> DaemonClient:
        paths = Paths.from_env(environment(self.home), self.home)
        return DaemonClient(paths.socket, now=_now, timeout_s=ASK_S)


class Hub(Program):
    """The hub of them all."""

    def __init__(self, home: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        super().__init__("hub", home, "hub", "--headless", "--listen", f"127.0.0.1:{port}")

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/healthz", timeout=ASK_S).status_code == 200
        return False

    def sums(self) -> Sums:
        """All machines together. Raises `PeerError`."""
        return _sums(self._ask(BY).rows)

    def sums_by_machine(self) -> dict[str, Sums]:
        """By machine id. Raises `PeerError`."""
        found: dict[str, list[UsageSums]] = {}
        for row in self._ask((By.MACHINE, *BY)).rows:
            found.setdefault(str(row.machine_id), []).append(row)
        return {machine: _sums(rows) for machine, rows in found.items()}

    def _ask(self, by: Sequence[By]) -> UsageReply:
        with contextlib.closing(HubClient(self.url, token="", now=_now, timeout_s=ASK_S)) as client:
            return client.fleet(ALL, by, MESSAGES)


def _sums(rows: Sequence[UsageSums]) -> Sums:
    return {
        (row.key[By.PROVIDER] or "", row.key[By.DAY] or "", row.key[By.MODEL] or ""): (
            *(getattr(row.tokens, kind) for kind in FIELDS),
            row.requests,
        )
        for row in rows
    }


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
