"""Homes with a service manager that is not this machine's."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from openusage.service.place import vanishing
from tests.support.processes import PATIENCE_S, environment, run

_MANAGER = Path(__file__).with_name("systemctl.py")


def skip_where_this_python_vanishes() -> None:
    if why := vanishing(Path(sys.executable), os.environ):
        pytest.skip(f"these tests run from a folder that a service may not start from: {why}")


class FakeSystemd:
    """`systemctl` in front of the PATH of one home. What it started ends with the `with` block."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home.with_name(f"{home.name}-manager")
        self.folder.mkdir()
        self.program("systemctl", f'exec {shlex.quote(sys.executable)} {shlex.quote(str(_MANAGER))} "$@"')
        self.environ = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "FAKE_SYSTEMD": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        (self.folder / "no-bus").unlink(missing_ok=True)
        subprocess.run(
            [self.folder / "systemctl", "--user", "disable", "--now", "whatever-it-runs.service"],
            env=environment(self.home, **self.environ),
            timeout=PATIENCE_S,
            check=False,
        )

    def program(self, name: str, script: str) -> None:
        """Another one that is found before this machine's."""
        file = self.folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def run(self, *args: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """`openusage …` in this home, with this manager."""
        return run(self.home, *args, **{**self.environ, **extra})

    @property
    def calls(self) -> list[str]:
        """What it was asked so far, without questions."""
        path = self.folder / "calls"
        asked = path.read_text().splitlines() if path.exists() else []
        return [call for call in asked if not call.startswith("--user show")]

    @property
    def pid(self) -> int | None:
        """Of the service that runs."""
        try:
            return int((self.folder / "pid").read_text())
        except FileNotFoundError:
            return None

    @property
    def said(self) -> str:
        """What the service wrote."""
        path = self.folder / "journal"
        return path.read_text() if path.exists() else ""
