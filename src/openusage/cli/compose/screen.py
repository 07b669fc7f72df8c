"""The dashboard on this terminal: of this machine, or of a hub."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from openusage.cli.compose.parts import nothing_found, now
from openusage.cli.process import on_signals, screen_possible
from openusage.errors import ExitCode, OpenUsageError, UsageError

if TYPE_CHECKING:
    from openusage.client import Frame, HistorySource, HubClient, PaneFrame, SnapshotSource
    from openusage.paths import Paths
    from openusage.settings import Settings
    from openusage.tui.listener import Changes
    from openusage.wire.rollups import By

DAEMON_START_S = 8.0
"""How long a dashboard waits for the daemon that it started."""
DAEMON_RACE_S = 2.0
"""And how long when that one ended at once: another one may be about to serve."""
LOOKING = "Looking for coding tools on this machine …"


def run_dashboard(settings: Settings, paths: Paths, *, window: str | None = None) -> int:
    """The dashboard of this machine. Starts a daemon when none runs; it goes on after the screen closes."""
    from openusage.client import DaemonClient

    need_terminal("openusage daily")
    client = DaemonClient(paths.socket, now=now)
    if not client.healthy():
        start_daemon(paths, client.healthy)

    def notes(is_anything: bool) -> list[str]:
        return [LOOKING] if not is_anything and not client.status().first_read_done else []

    source = WithNotes(client, notes)
    return show(settings, paths, source, window=window, history=client, empty_text=nothing_found())


def start_daemon(paths: Paths, healthy: Callable[[], bool]) -> None:
    """A daemon of its own session, so that it outlives this terminal."""
    from openusage.paths import ensure_private_dir

    ensure_private_dir(paths.log_file.parent)
    with paths.log_file.open("ab") as output:
        paths.log_file.chmod(0o600)
        said_from = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "openusage.cli", "telemetry", "daemon", "run"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + DAEMON_START_S
    while time.monotonic() < deadline:
        if healthy():
            return
        if process.poll() is not None:  # perhaps because another dashboard has just started one
            deadline = min(deadline, time.monotonic() + DAEMON_RACE_S)
        time.sleep(0.05)
    said = paths.log_file.read_bytes()[said_from:].decode(errors="replace").strip()
    raise OpenUsageError(
        "The daemon does not start" + (f":\n{said[-600:]}" if said else "."),
        f"Its log is {paths.shown(paths.log_file)}.",
    )


def run_hub_view(
    settings: Settings, paths: Paths, *, url: str, interval_s: float | None = None, token: str = ""
) -> int:
    """A hub's machines on this terminal. Read only; needs no daemon."""
    need_terminal("curl " + url.rstrip("/") + "/v1/snapshots")
    changes = hub_changes(url, token)
    return show(settings, paths, hub_source(url, token), interval_s=interval_s, changes=changes)


def hub_source(url: str, token: str) -> HubClient:
    from openusage.client import HubClient

    return HubClient(url, token=token, now=now)


def hub_changes(url: str, token: str) -> Changes:
    from openusage.client import HubStream

    return HubStream(url, token=token)


def need_terminal(instead: str) -> None:
    if not screen_possible(os.environ):
        raise UsageError("The dashboard needs a terminal.", f"Without one: {instead}")


def show(
    settings: Settings,
    paths: Paths,
    source: SnapshotSource,
    *,
    window: str | None = None,
    interval_s: float | None = None,
    history: HistorySource | None = None,
    changes: Changes | None = None,
    empty_text: str = "",
) -> int:
    """`history`: who answers questions beyond snapshots, where that is not `source` itself."""
    from openusage.settings import update
    from openusage.tui.app import DashboardApp
    from openusage.zone import load_zone, local_zone_name

    zone = local_zone_name(os.environ)

    def save_window(name: str) -> None:
        update(paths.settings_file, {"data.time_window": name})

    app = DashboardApp(
        source,
        window=window or settings.data.time_window,
        refresh_s=interval_s or settings.ui.refresh_interval_seconds,
        thresholds=(100 - settings.ui.warn_threshold * 100, 100 - settings.ui.crit_threshold * 100),
        hide_costs=settings.dashboard.hide_costs,
        now=now,
        tz=load_zone(zone),
        tz_name=zone,
        history=history,
        changes=changes,
        save_window=None if source.is_hub else save_window,
        empty_text=empty_text,
    )
    with contextlib.closing(source), on_signals(app.ask_to_end):
        app.run()
    return ExitCode.FAILED if app.return_code else ExitCode.OK


class WithNotes:
    """A source, and what else there is to say beside its answers. `notes` is told whether there are any."""

    def __init__(self, source: SnapshotSource, notes: Callable[[bool], list[str]]) -> None:
        self.label, self.is_hub = source.label, source.is_hub
        self._source, self._notes = source, notes

    def fetch(self, window: str) -> Frame:
        import msgspec

        frame = self._source.fetch(window)
        more = self._notes(bool(frame.snapshots or frame.notes))
        return msgspec.structs.replace(frame, notes=[*frame.notes, *more])

    def close(self) -> None:
        self._source.close()


class HubWithNotes(WithNotes):
    """The same of a hub, which also tells of its fleet."""

    def __init__(self, hub: HubClient, notes: Callable[[bool], list[str]]) -> None:
        super().__init__(hub, notes)
        self._hub = hub

    def pane(self, window: str, group: By, tz: str) -> PaneFrame:
        import msgspec

        frame = self._hub.pane(window, group, tz)
        more = self._notes(bool(frame.pane.rows))
        pane = msgspec.structs.replace(frame.pane, notes=[*frame.pane.notes, *more])
        return msgspec.structs.replace(frame, pane=pane)
