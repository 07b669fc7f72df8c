"""What the programs are built of: a daemon out of the settings, its tools, its prices, its hubs."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from openusage.errors import AlreadyRunning, PeerError

if TYPE_CHECKING:
    from openusage.daemon.config import Config
    from openusage.daemon.run import Daemon
    from openusage.daemon.schedule import Progress
    from openusage.exporter import Target
    from openusage.paths import Paths
    from openusage.pricing import Price, PriceBook
    from openusage.providers._contract import Provider
    from openusage.settings import Settings
    from openusage.wire.events import UsageEvent


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def now_us() -> int:
    return time.time_ns() // 1000


def make_daemon(
    settings: Settings,
    paths: Paths,
    *,
    socket_path: Path | None = None,
    db_path: Path | None = None,
    collect_s: float | None = None,
    poll_s: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    targets: Callable[[Settings], tuple[Target, ...]] = lambda settings: (),
) -> Daemon:
    """A daemon that follows settings.json, the given ones being what it says now; arguments win over it."""
    from openusage.daemon.run import Daemon
    from openusage.machine import identify
    from openusage.paths import ensure_private_dir
    from openusage.settings import load
    from openusage.store import Store

    socket = socket_path or paths.socket
    database = db_path or paths.database
    refuse_second(socket)
    for directory in (socket.parent, database.parent, paths.hook_spool):
        ensure_private_dir(directory)
    machine = identify(paths.machine_id_file, settings.export.machine_name)
    book = price_book(paths)
    store = Store.open(database, machine=machine, price=book.price, now=now_us)

    def configured(settings: Settings) -> Config:
        return _config(settings, paths, socket, database, collect_s, poll_s, targets(settings))

    return Daemon(
        configured(settings),
        store,
        providers(settings),
        now=now,
        explain=book.note,
        on_progress=on_progress,
        configured=lambda: configured(load(paths.settings_file, paths.shown(paths.settings_file))),
    )


def _config(
    settings: Settings,
    paths: Paths,
    socket: Path,
    database: Path,
    collect_s: float | None,
    poll_s: float | None,
    targets: tuple[Target, ...],
) -> Config:
    from openusage.daemon.config import Config
    from openusage.daemon.schedule import POLL_S
    from openusage.machine import identify
    from openusage.zone import local_zone_name

    return Config(
        home=Path.home(),
        environ=os.environ,
        socket=socket,
        database=database,
        spool=paths.hook_spool,
        machine=identify(paths.machine_id_file, settings.export.machine_name).name,
        tz=local_zone_name(os.environ),
        settings_file=paths.settings_file,
        tools=tuple(provider.SPEC.id for provider in providers(settings)),
        collect_s=collect_s or settings.ui.refresh_interval_seconds,
        poll_s=poll_s or POLL_S,
        retention_days=settings.data.retention_days,
        window=settings.data.time_window,
        links=dict(settings.telemetry.provider_links),
        lineages=dict(settings.models.lineages),
        targets=targets,
        order=tuple(p.account_id for p in settings.dashboard.providers),
        hidden=frozenset(p.account_id for p in settings.dashboard.providers if not p.enabled),
        base_urls={a.provider: a.base_url for a in settings.accounts if a.base_url},
    )


def providers(settings: Settings) -> list[Provider]:
    """All tools, or those that the settings name."""
    from openusage.providers import load, names

    named = {account.provider for account in settings.accounts}
    return [load(n) for n in names() if settings.auto_detect or n in named]


def refuse_second(socket: Path) -> None:
    """Says who is there before anything is opened. The socket itself and the store's lock decide for good."""
    from openusage.daemon.server import is_answered

    if not is_answered(socket):
        return  # without an HTTP client, which a daemon that starts does not need
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


def prices(paths: Paths) -> Callable[[UsageEvent], Price | None]:
    return price_book(paths).price


def price_book(paths: Paths) -> PriceBook:
    from openusage.pricing import PriceBook

    return PriceBook.load(paths.custom_pricing_file)


def targets(settings: Settings, paths: Paths, token: str) -> tuple[Target, ...]:
    """The hub of the settings, if there is one; `token` is good there."""
    if not settings.export.target:
        return ()
    return (target(settings, paths, settings.export.target, token, settings.export.interval_seconds),)


def target(settings: Settings, paths: Paths, url: str, token: str, interval_s: float) -> Target:
    from openusage.exporter import Target
    from openusage.machine import identify

    machine = identify(paths.machine_id_file, settings.export.machine_name)
    return Target(
        url=url,
        token=token,
        machine=machine.name,
        machine_id=machine.id,
        interval_s=interval_s,
        include_identity=settings.export.include_identity,
        records=settings.export.records,
    )


def anything_found() -> bool:
    """Whether any tool has left something on this machine."""
    from openusage.providers import load, names
    from openusage.providers._contract import Env

    env = Env(home=Path.home(), environ=os.environ, now=now())
    return any(True for n in names() for _ in load(n).discover(env))


def nothing_found() -> str:
    """What to say on a machine without any tool: what was looked for, and what to do."""
    from openusage.providers import names

    return (
        f"No coding tool found on this machine. Looked for {len(names())} tools, see `openusage detect`.\n"
        "To look around: `openusage demo`."
    )
