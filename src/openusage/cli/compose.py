"""Builds the long-running programs out of the rooms. The only module that sees all of them.

Each `run_…` returns the process's exit code. Imports are inside the functions: `openusage daily` must not pay
for a terminal application, nor a headless hub for one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openusage.cli.process import (
    daemon_thread,
    log_to_file,
    log_to_stderr,
    on_signals,
    progress_line,
    screen_possible,
    wait_for_end,
)
from openusage.errors import AlreadyRunning, ExitCode, OpenUsageError, PeerError, UsageError

if TYPE_CHECKING:
    from openusage.client import Frame, SnapshotSource, UsageSource
    from openusage.daemon.run import Daemon
    from openusage.daemon.schedule import Progress
    from openusage.exporter import Target
    from openusage.paths import Paths
    from openusage.pricing import Price
    from openusage.providers._contract import Provider
    from openusage.settings import Settings
    from openusage.wire.events import UsageEvent
    from openusage.wire.local import DaemonStatus

log = logging.getLogger("openusage.cli")

DAEMON_START_S = 8.0
"""How long a dashboard waits for the daemon that it started."""
DAEMON_RACE_S = 2.0
"""And how long when that one ended at once: another one may be about to serve."""
SAID_PROBLEMS = 3
SELF_EXPORT_S = 5.0
"""A hub that collects its own machine pushes to itself this often: it costs nothing on loopback."""
LOOKING = "Looking for coding tools on this machine …"
OWN_HUB_POLL_S = 1.0
"""A hub's own screen asks it this often: what is unchanged is not even sent."""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def now_us() -> int:
    return time.time_ns() // 1000


# -- daemon --------------------------------------------------------------------------------------


def run_daemon(
    settings: Settings,
    paths: Paths,
    *,
    socket_path: Path | None = None,
    db_path: Path | None = None,
    interval_s: float | None = None,
    collect_interval_s: float | None = None,
    poll_interval_s: float | None = None,
    verbose: bool = False,
) -> int:
    """The daemon of this machine in the foreground, until SIGTERM or Ctrl-C."""
    log_to_stderr(verbose)
    daemon = _daemon(
        settings,
        paths,
        socket_path=socket_path,
        db_path=db_path,
        collect_s=collect_interval_s or interval_s,
        poll_s=poll_interval_s or interval_s,
        on_progress=progress_line() if sys.stderr.isatty() else None,
        targets=_targets(settings, paths),
    )
    with on_signals(daemon.stop):
        daemon.run()
    return ExitCode.OK


def _daemon(
    settings: Settings,
    paths: Paths,
    *,
    socket_path: Path | None = None,
    db_path: Path | None = None,
    collect_s: float | None = None,
    poll_s: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    targets: tuple[Target, ...] = (),
) -> Daemon:
    from openusage.daemon.config import Config
    from openusage.daemon.run import Daemon
    from openusage.daemon.schedule import POLL_S
    from openusage.machine import identify
    from openusage.paths import ensure_private_dir
    from openusage.store import Store
    from openusage.zone import local_zone_name

    socket = socket_path or paths.socket
    database = db_path or paths.database
    _refuse_second(socket)
    for directory in (socket.parent, database.parent):
        ensure_private_dir(directory)
    machine = identify(paths.machine_id_file, settings.export.machine_name)
    store = Store.open(database, machine=machine, price=_prices(paths), now=now_us)
    config = Config(
        home=Path.home(),
        environ=os.environ,
        socket=socket,
        database=database,
        machine=machine.name,
        tz=local_zone_name(os.environ),
        collect_s=collect_s or settings.ui.refresh_interval_seconds,
        poll_s=poll_s or POLL_S,
        retention_days=settings.data.retention_days,
        window=settings.data.time_window,
        links=dict(settings.telemetry.provider_links),
        targets=targets,
        order=tuple(p.account_id for p in settings.dashboard.providers),
        hidden=frozenset(p.account_id for p in settings.dashboard.providers if not p.enabled),
        base_urls={a.provider: a.base_url for a in settings.accounts if a.base_url},
    )
    return Daemon(config, store, _providers(settings), now=now, on_progress=on_progress)


def _providers(settings: Settings) -> list[Provider]:
    """All tools, or those that the settings name."""
    from openusage.providers import load, names

    named = {account.provider for account in settings.accounts}
    return [load(n) for n in names() if settings.auto_detect or n in named]


def _refuse_second(socket: Path) -> None:
    """Says who is there before anything is opened. The socket itself and the store's lock decide for good."""
    from openusage.client import DaemonClient

    with contextlib.closing(DaemonClient(socket, now=now, timeout_s=5.0)) as client:
        if not client.healthy():
            return
        try:
            who = f" (process {client.status().pid})"
        except PeerError:  # a Go daemon has no such answer
            who = ""
    raise AlreadyRunning(
        f"A daemon is already running on {socket}{who}.", "See it: openusage telemetry daemon status"
    )


def _prices(paths: Paths) -> Callable[[UsageEvent], Price | None]:
    from openusage.pricing import PriceBook

    return PriceBook.load(paths.custom_pricing_file).price


def _targets(settings: Settings, paths: Paths) -> tuple[Target, ...]:
    """The hub of the settings, if there is one."""
    if not settings.export.target:
        return ()
    return (_target(settings, paths, settings.export.target, settings.export.interval_seconds),)


def _target(settings: Settings, paths: Paths, url: str, interval_s: float) -> Target:
    from openusage.exporter import Target
    from openusage.machine import identify
    from openusage.settings import HUB_TOKEN_ENV

    machine = identify(paths.machine_id_file, settings.export.machine_name)
    return Target(
        url=url,
        token=os.environ.get(HUB_TOKEN_ENV, "").strip(),
        machine=machine.name,
        machine_id=machine.id,
        interval_s=interval_s,
        include_identity=settings.export.include_identity,
        records=settings.export.records,
    )


def daemon_status(settings: Settings, paths: Paths, *, socket_path: Path | None = None) -> DaemonStatus:
    """What the daemon says of itself. Raises `PeerUnreachable` when none runs."""
    from openusage.client import DaemonClient

    with contextlib.closing(DaemonClient(socket_path or paths.socket, now=now)) as client:
        return client.status()


# -- hub -----------------------------------------------------------------------------------------


def run_hub(
    settings: Settings,
    paths: Paths,
    *,
    listen: str | None = None,
    headless: bool = False,
    allow_public: bool = False,
    collect: bool = False,
    token: str = "",
) -> int:
    """A hub, with its dashboard when there is a terminal; with `collect` this machine is in it."""
    from openusage.hub import Board, History, HubServer, database_path, guard

    host, port = guard(listen or settings.hub.listen_addr, token=token, allow_public=allow_public)
    with_screen = not headless and screen_possible(os.environ)
    log_to_stderr(verbose=True) if not with_screen else log_to_file(paths.log_file)
    board = Board(stale_after_s=settings.hub.stale_timeout_seconds)
    history = History.open(
        database_path(settings.hub.database, paths),
        now=now,
        price=_prices(paths),
        retention_days=settings.data.retention_days,
    )
    server = HubServer(
        board, host, port, token, healthz_machines=settings.hub.healthz_machines, history=history
    )
    try:
        server.start()
        url = server.url
        with _collecting(settings, paths, url) if collect else contextlib.nullcontext(_no_notes) as notes:
            if with_screen:
                return _screen(
                    settings,
                    paths,
                    WithNotes(_hub_source(url, token), notes),
                    interval_s=OWN_HUB_POLL_S,
                    empty_text=nothing_found() if collect else "",
                )
            print(where_to_look(url, collect=collect), file=sys.stderr, flush=True)
            if collect and not anything_found():
                print(nothing_found(), file=sys.stderr, flush=True)
            wait_for_end()
            return ExitCode.OK
    finally:
        server.stop()
        history.close()


def where_to_look(url: str, *, collect: bool) -> str:
    """The one line that a hub without a screen prints once it serves."""
    what = "hub listening, collecting this machine" if collect else "hub listening"
    return f"openusage: {what}: {url}  (look at it: openusage hub-view {url})"


@contextlib.contextmanager
def _collecting(settings: Settings, paths: Paths, url: str) -> Iterator[Callable[[Frame], list[str]]]:
    """This machine's daemon beside a hub, pushing to it. A daemon that runs already is used as it is.

    Gives what there is to say about this machine, such as how far the first read has come.
    """
    own = _target(settings, paths, url, SELF_EXPORT_S)
    try:
        daemon = _daemon(settings, paths, targets=(own, *_targets(settings, paths)))
    except AlreadyRunning:
        with _forwarding(settings, paths, own):
            yield _no_notes
        return
    thread = daemon_thread(daemon.run)
    thread.start()

    def notes(frame: Frame) -> list[str]:
        said = daemon.notes()
        if said or frame.snapshots:
            return said
        status = daemon.status()
        return [] if status.first_read_done and not status.accounts else [LOOKING]

    try:
        yield notes
    finally:
        daemon.stop()
        thread.join(timeout=3.0)


@contextlib.contextmanager
def _forwarding(settings: Settings, paths: Paths, own: Target) -> Iterator[None]:
    """Pushes what the running daemon knows."""
    import asyncio

    from openusage.client import DaemonClient
    from openusage.exporter import Exporter
    from openusage.wire.snapshot import UsageSnapshot

    log.info("a daemon already runs on %s; its data is used", paths.socket)
    client = DaemonClient(paths.socket, now=now)

    def snapshots() -> list[UsageSnapshot]:
        if not client.status().first_read_done:
            return []
        return list(client.fetch(settings.data.time_window).snapshots.values())

    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    exporter = Exporter(own, snapshots, now=now)
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(exporter.run(stop)), name="exporter", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=2.0)
        client.close()


def _no_notes(frame: Frame) -> list[str]:
    return []


# -- screens -------------------------------------------------------------------------------------


def run_dashboard(settings: Settings, paths: Paths, *, window: str | None = None) -> int:
    """The dashboard of this machine. Starts a daemon when none runs; it goes on after the screen closes."""
    from openusage.client import DaemonClient

    _need_terminal("openusage daily")
    client = DaemonClient(paths.socket, now=now)
    if not client.healthy():
        _start_daemon(paths, client.healthy)

    def notes(frame: Frame) -> list[str]:
        nothing_yet = not (frame.snapshots or frame.notes)
        return [LOOKING] if nothing_yet and not client.status().first_read_done else []

    return _screen(settings, paths, WithNotes(client, notes), window=window, empty_text=nothing_found())


def _start_daemon(paths: Paths, healthy: Callable[[], bool]) -> None:
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
    _need_terminal("curl " + url.rstrip("/") + "/v1/snapshots")
    return _screen(settings, paths, _hub_source(url, token), interval_s=interval_s)


def _hub_source(url: str, token: str) -> SnapshotSource:
    from openusage.client import HubClient

    return HubClient(url, token=token, now=now)


def _need_terminal(instead: str) -> None:
    if not screen_possible(os.environ):
        raise UsageError("The dashboard needs a terminal.", f"Without one: {instead}")


def _screen(
    settings: Settings,
    paths: Paths,
    source: SnapshotSource,
    *,
    window: str | None = None,
    interval_s: float | None = None,
    empty_text: str = "",
) -> int:
    from openusage.settings import update
    from openusage.tui.app import DashboardApp
    from openusage.zone import load_zone, local_zone_name

    def save_window(name: str) -> None:
        update(paths.settings_file, {"data.time_window": name})

    app = DashboardApp(
        source,
        window=window or settings.data.time_window,
        refresh_s=interval_s or settings.ui.refresh_interval_seconds,
        thresholds=(100 - settings.ui.warn_threshold * 100, 100 - settings.ui.crit_threshold * 100),
        hide_costs=settings.dashboard.hide_costs,
        now=now,
        tz=load_zone(local_zone_name(os.environ)),
        save_window=None if source.is_hub else save_window,
        empty_text=empty_text,
    )
    with contextlib.closing(source), on_signals(app.ask_to_end):
        app.run()
    return ExitCode.FAILED if app.return_code else ExitCode.OK


class WithNotes:
    """A source, and what else there is to say beside its answers."""

    def __init__(self, source: SnapshotSource, notes: Callable[[Frame], list[str]]) -> None:
        self.label, self.is_hub = source.label, source.is_hub
        self._source, self._notes = source, notes

    def fetch(self, window: str) -> Frame:
        import msgspec

        frame = self._source.fetch(window)
        return msgspec.structs.replace(frame, notes=[*frame.notes, *self._notes(frame)])

    def close(self) -> None:
        self._source.close()


def anything_found() -> bool:
    """Whether any tool has left something on this machine."""
    from openusage.providers import load, names
    from openusage.providers._contract import Env

    env = Env(home=Path.home(), environ=os.environ, now=now())
    return any(True for n in names() for _ in load(n).discover(env))


def nothing_found() -> str:
    """What to say on a machine without any tool: what was looked for, and what to do."""
    from openusage.providers import load, names

    tools = [load(n).SPEC for n in names()]
    looked = "\n".join(f"  {t.name}: {', '.join(t.patterns)}" for t in tools)
    return (
        "No coding tool found on this machine. Looked for:\n"
        f"{looked}\n"
        "Use one of them, and it appears here by itself. To look around with invented data: make demo"
    )


# -- reports -------------------------------------------------------------------------------------


@contextlib.contextmanager
def usage_source(
    settings: Settings,
    paths: Paths,
    *,
    socket_path: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Iterator[UsageSource]:
    """Answers for a report: the daemon's, or, without one, the store's after reading what is new."""
    from openusage.client import DaemonClient

    with contextlib.closing(DaemonClient(socket_path or paths.socket, now=now, timeout_s=120.0)) as client:
        try:
            client.status()
        except PeerError:  # none, or a Go program's, which cannot be asked
            ours = False
        else:
            ours = True
            yield client
    if not ours:
        with _own_store(settings, paths, progress) as source:
            yield source


def some_of(problems: Sequence[str]) -> list[str]:
    """What a report says of places that it could not read."""
    more = len(problems) - SAID_PROBLEMS
    rest = [f"{more} more places could not be read."] if more > 0 else []
    return [*problems[:SAID_PROBLEMS], *rest]


@contextlib.contextmanager
def _own_store(
    settings: Settings, paths: Paths, progress: Callable[[str], None] | None
) -> Iterator[UsageSource]:
    from openusage.cli.diagnostics import say
    from openusage.daemon.collect import Collector
    from openusage.daemon.run import progress_text
    from openusage.machine import identify
    from openusage.paths import ensure_private_dir
    from openusage.providers._contract import Env
    from openusage.store import Store

    ensure_private_dir(paths.database.parent)
    machine = identify(paths.machine_id_file, settings.export.machine_name)
    store = Store.open(paths.database, machine=machine, price=_prices(paths), now=now_us)
    try:
        passed = Collector(
            store,
            _providers(settings),
            lambda: Env(home=Path.home(), environ=os.environ, now=now()),
            on_progress=(lambda p: progress(progress_text(p))) if progress else None,
        ).run()
        if progress and passed.problems:
            progress("")  # its line is theirs now
        for text in some_of(passed.problems):
            say(f"openusage: {text}")
        yield store
    finally:
        store.close()
