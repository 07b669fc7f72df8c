"""A daemon on a real socket, in a thread of the test."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openusage.daemon.config import Config
from openusage.daemon.run import Daemon
from openusage.exporter import Target
from openusage.machine import Machine
from openusage.pricing import PriceBook
from openusage.providers import load, names
from openusage.store import Store
from tests.support.processes import PATIENCE_S

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)

Start = Callable[..., Daemon]


@pytest.fixture
def start(home: Path, tmp_path: Path) -> Iterator[Start]:
    """Call it to have a daemon that reads `home` and answers at `tmp_path/d.sock`."""
    running: list[tuple[Daemon, threading.Thread]] = []

    def started(
        *, targets: tuple[Target, ...] = (), collect_s: float = 30.0, hidden: frozenset[str] = frozenset()
    ) -> Daemon:
        store = Store.open(
            tmp_path / "d.db",
            machine=Machine("ab" * 16, "laptop"),
            price=PriceBook.load().price,
            now=lambda: int(NOW.timestamp() * 1e6),
        )
        config = Config(
            home=home,
            environ={},
            socket=tmp_path / "d.sock",
            database=tmp_path / "d.db",
            spool=tmp_path / "hook-spool",
            machine="laptop",
            tz="UTC",
            collect_s=collect_s,
            targets=targets,
            hidden=hidden,
            offline=True,
        )
        daemon = Daemon(config, store, [load(n) for n in names()], now=lambda: NOW)
        thread = threading.Thread(target=daemon.run)
        thread.start()
        running.append((daemon, thread))
        assert daemon.wait_serving(PATIENCE_S)
        return daemon

    yield started
    for daemon, thread in running:
        daemon.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
