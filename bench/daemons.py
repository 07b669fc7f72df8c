"""A daemon of the bench as a process of its own. Not in `process`: asking it takes an HTTP client, which the
servers that are measured there must not carry."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from bench.process import START_S, ended
from openusage.cli.compose.parts import now
from openusage.client import DaemonClient
from openusage.errors import PeerError
from openusage.paths import Paths


def own_environ(home: Path, state: Path) -> dict[str, str]:
    """Of a program that reads the logs in `home`, and keeps what it has in `state`."""
    own = {"HOME": str(home), "XDG_STATE_HOME": str(state), "XDG_CONFIG_HOME": str(state)}
    return own | {"PATH": os.environ["PATH"], "TZ": "UTC"}


@contextmanager
def real_daemon(environ: Mapping[str, str]) -> Iterator[psutil.Process]:
    """`openusage telemetry daemon run`, once it has read its home."""
    command = [sys.executable, "-m", "openusage.cli", "telemetry", "daemon", "run"]
    with ended(subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL, text=True)) as daemon:
        client = DaemonClient(Paths.from_env(environ, Path(environ["HOME"])).socket, now=now)
        with closing(client):
            deadline_s = time.monotonic() + START_S
            while not _has_read(client):
                if daemon.poll() is not None or time.monotonic() > deadline_s:
                    raise RuntimeError("the daemon did not finish its first read")
                time.sleep(0.2)
        yield psutil.Process(daemon.pid)


def _has_read(client: DaemonClient) -> bool:
    try:
        return client.status().first_read_done
    except PeerError:
        return False
