"""Every test runs in an empty home, without a network, with no settings of the person who runs it."""

from __future__ import annotations

import os
import socket
import tracemalloc  # noqa: F401  # else pytest loads it while objects die, whose own complaints then find half of it
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A busy machine must not fail a property: slowness is measured in bench/, not in tests.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")

_KEPT = {"PATH", "LANG", "LC_ALL", "TERM", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH"}


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary HOME, and an environment with nothing else in it that we read."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name not in _KEPT and not name.startswith(("PYTEST", "COV_", "TEXTUAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")
    return home


@pytest.fixture(autouse=True)
def closed_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this machine can be reached: anything else fails at once, so that no test depends on it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"the network is closed in tests: {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
