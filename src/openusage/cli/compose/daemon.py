"""The daemon of this machine in the foreground, and what a running one says of itself."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from openusage.cli.compose.parts import make_daemon, now, targets
from openusage.cli.process import log_to_stderr, on_signals, progress_line
from openusage.errors import ExitCode

if TYPE_CHECKING:
    from openusage.paths import Paths
    from openusage.settings import Settings
    from openusage.wire.local import DaemonStatus


def run_daemon(
    settings: Settings,
    paths: Paths,
    *,
    token: str,
    socket_path: Path | None = None,
    db_path: Path | None = None,
    interval_s: float | None = None,
    collect_interval_s: float | None = None,
    poll_interval_s: float | None = None,
    verbose: bool = False,
) -> int:
    """The daemon of this machine in the foreground, until SIGTERM or Ctrl-C."""
    log_to_stderr(verbose)
    daemon = make_daemon(
        settings,
        paths,
        socket_path=socket_path,
        db_path=db_path,
        collect_s=collect_interval_s or interval_s,
        poll_s=poll_interval_s or interval_s,
        on_progress=progress_line() if sys.stderr.isatty() else None,
        targets=lambda settings: targets(settings, paths, token),
    )
    with on_signals(daemon.stop):
        daemon.run()
    return ExitCode.OK


def pause_daemon(paths: Paths, seconds: float | None, *, socket_path: Path | None = None) -> DaemonStatus:
    """Have the running daemon keep quiet. Raises `PeerUnreachable` when none runs."""
    from openusage.client import DaemonClient

    with contextlib.closing(DaemonClient(socket_path or paths.socket, now=now)) as client:
        return client.pause(seconds)


def resume_daemon(paths: Paths, *, socket_path: Path | None = None) -> DaemonStatus:
    """Have it go on. Raises `PeerUnreachable` when none runs."""
    from openusage.client import DaemonClient

    with contextlib.closing(DaemonClient(socket_path or paths.socket, now=now)) as client:
        return client.resume()


def daemon_status(settings: Settings, paths: Paths, *, socket_path: Path | None = None) -> DaemonStatus:
    """What the daemon says of itself. Raises `PeerUnreachable` when none runs."""
    from openusage.client import DaemonClient

    with contextlib.closing(DaemonClient(socket_path or paths.socket, now=now)) as client:
        return client.status()
