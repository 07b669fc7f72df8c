"""The dashboard on this terminal: of this machine, or of a hub."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from openusage.cli.compose.look import is_plain, keep, schemes_of
from openusage.cli.compose.parts import nothing_found, now
from openusage.cli.process import on_signals, screen_possible
from openusage.errors import ExitCode, OpenUsageError, UsageError

if TYPE_CHECKING:
    from openusage.client import Frame, HistorySource, HubClient, PaneFrame, SnapshotSource
    from openusage.integrations import Change as FileChange
    from openusage.integrations import Status, Switch
    from openusage.paths import Paths
    from openusage.settings import Change, Settings
    from openusage.tui.listener import Changes
    from openusage.tui.settings.tab import KeyState
    from openusage.wire.rollups import By

DAEMON_START_S = 8.0
"""How long a dashboard waits for the daemon that it started."""
DAEMON_RACE_S = 2.0
"""And how long when that one ended at once: another one may be about to serve."""
DAEMON_AGAIN_S = 30.0
"""After a failed start another one is tried, not before."""
STARTING = "Starting the daemon that reads what the tools of this machine write …"
LOOKING = "Looking for coding tools on this machine …"


def run_dashboard(settings: Settings, paths: Paths, *, window: str | None = None) -> int:
    """The dashboard of this machine. Starts a daemon when none runs; it goes on after the screen closes."""
    from openusage.client import DaemonClient

    need_terminal("openusage daily")
    client = DaemonClient(paths.socket, now=now)

    def notes(is_anything: bool) -> list[str]:
        return [LOOKING] if not is_anything and not client.status().first_read_done else []

    is_up = client.healthy()
    source = Started(client, notes, is_up=is_up, start=lambda: start_daemon(paths, client.healthy))
    waiting = "" if is_up else STARTING
    return show(
        settings,
        paths,
        source,
        window=window,
        history=client,
        empty_text=nothing_found(),
        waiting_text=waiting,
    )


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
    waiting_text: str = "",
) -> int:
    """`history`: who answers questions beyond snapshots, where that is not `source` itself."""
    from openusage.settings import update
    from openusage.tui.app import DashboardApp
    from openusage.tui.settings.screen import Outside
    from openusage.zone import load_zone, local_zone_name

    zone = local_zone_name(os.environ)

    def save(change: Change) -> Settings:
        return update(paths.settings_file, change, paths.shown(paths.settings_file)).settings

    schemes, unusable = schemes_of(paths, os.environ)
    app = DashboardApp(
        source,
        settings=settings,
        save=save,
        window=window or settings.data.time_window,
        refresh_s=interval_s or settings.ui.refresh_interval_seconds,
        thresholds=(100 - settings.ui.warn_threshold * 100, 100 - settings.ui.crit_threshold * 100),
        now=now,
        tz=load_zone(zone),
        tz_name=zone,
        history=history,
        changes=changes,
        empty_text=empty_text,
        waiting_text=waiting_text,
        outside=Outside(
            keys=lambda: key_states(settings, paths), integrations=lambda: switches(paths, os.environ)
        ),
        schemes=schemes,
        keep=lambda name, data: keep(paths, name, data),
        plain=is_plain(settings.ui.characters, os.environ),
    )
    if unusable:
        app.board.say(unusable, now())
    with contextlib.closing(source), on_signals(app.ask_to_end):
        app.run()
    return ExitCode.FAILED if app.return_code else ExitCode.OK


def key_states(settings: Settings, paths: Paths) -> list[KeyState]:
    """Keys that there are, by vendor, then those that are named or usual and nowhere. Reads files."""
    from openusage.detection import detect
    from openusage.detection.keys import VARIABLES
    from openusage.providers import names
    from openusage.providers._contract import Env
    from openusage.tui.settings.tab import KeyState

    env = Env(home=Path.home(), environ=os.environ, now=now())
    found = detect(env, cwd=Path.cwd(), config_dir=paths.settings_file.parent).credentials
    there = [
        KeyState(provider=c.provider, variable=c.variable, masked=c.masked, source=c.source) for c in found
    ]
    known = {k.variable for k in there} | {k.provider for k in there}
    named = [(a.provider, a.api_key_env) for a in settings.accounts if a.api_key_env]
    usual = [(v.provider, v.name) for v in VARIABLES if v.provider in names() and v.provider not in known]
    missing = {variable: provider for provider, variable in [*usual, *named] if variable not in known}
    return [*there, *(KeyState(provider=p, variable=v) for v, p in sorted(missing.items()))]


class SwitchRow:
    """An integration as the settings show it: its state in a word, looked at when it may have changed."""

    def __init__(self, switch: Switch, status: Status) -> None:
        self.name = switch.name
        self._switch, self._status = switch, status

    def state(self) -> str:
        return _SWITCH_WORDS[self._status.state]

    def install(self) -> str:
        return self._told(self._switch.install(), "Installed")

    def uninstall(self) -> str:
        return self._told(self._switch.uninstall(), "Removed")

    def _told(self, changes: list[FileChange], done: str) -> str:
        self._status = self._switch.status()
        return f"{done}: {self.name}." if changes else f"{self.name}: nothing to change."


_SWITCH_WORDS = {
    "missing": "not installed",
    "partial": "installed in part",
    "outdated": "outdated",
    "ready": "installed",
    "broken": "unreadable",
}


def switches(paths: Paths, environ: Mapping[str, str]) -> list[SwitchRow]:
    """Integrations of tools that are on this machine, or that are installed."""
    from openusage.integrations import integrations

    found = [(one, one.status()) for one in integrations(paths, environ)]
    return [SwitchRow(one, now) for one, now in found if now.detected or now.state != "missing"]


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


class Started(WithNotes):
    """A daemon that is started before the first question, in the thread that asks: the screen is there."""

    def __init__(
        self,
        source: SnapshotSource,
        notes: Callable[[bool], list[str]],
        *,
        is_up: bool,
        start: Callable[[], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(source, notes)
        self._is_up, self._start, self._clock_s = is_up, start, clock_s
        self._failed: tuple[float, OpenUsageError] | None = None

    def fetch(self, window: str) -> Frame:
        if not self._is_up:
            self._ensure()
        return super().fetch(window)

    def _ensure(self) -> None:
        if self._failed is not None and self._clock_s() < self._failed[0] + DAEMON_AGAIN_S:
            raise self._failed[1]
        try:
            self._start()
        except OpenUsageError as error:
            self._failed = self._clock_s(), error
            raise
        self._is_up = True


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
