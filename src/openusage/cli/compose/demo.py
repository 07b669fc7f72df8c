"""The invented fleet, running: a hub, daemons of the machines that are up, and whatever is to be shown of it.

All of it is real but the numbers: stores, sockets, exporters, hub. It lives in a folder of its own that ends
with it, and `HOME` leads there meanwhile, so that nothing of the person who looks around is read or changed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from openusage import __version__
from openusage.cli.compose.parts import now, now_us, price_book, prices
from openusage.cli.compose.screen import hub_changes, hub_source, need_terminal, show
from openusage.cli.process import daemon_thread, log_to_file, wait_for_end
from openusage.demo import DAYS, MACHINES, InventedTool, Machine
from openusage.errors import ExitCode, ListenError, OpenUsageError
from openusage.machine import Machine as Identity
from openusage.paths import Paths, ensure_private_dir
from openusage.settings import Settings, load
from openusage.zone import load_zone, local_zone_name

if TYPE_CHECKING:
    from openusage.daemon.run import Daemon
    from openusage.hub import HubServer
    from openusage.wire.events import Record

log = logging.getLogger("openusage.cli")

ADDRESS = "127.0.0.1:9190"
PUSH_S = 5.0
READY_S = 60.0
"""A first read of everything takes a few seconds."""
_TOLD_S = 2.0
"""How often it is looked whether something has happened."""
_KEPT = (
    "PATH",
    "TERM",
    "COLORTERM",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "NO_COLOR",
    "TMPDIR",
    "COLUMNS",
    "LINES",
)
"""Of the person who runs it only what a terminal needs."""


class Fleet(NamedTuple):
    """The invented fleet while it runs."""

    url: str
    paths: Paths
    """Of the first machine."""
    settings: Settings
    daemons: tuple[Daemon, ...]


def run_demo(*, listen: str | None, headless: bool, one_machine: bool, window: str | None) -> int:
    """The fleet's dashboard, or that of its first machine, until it is left."""
    if not headless:
        need_terminal("openusage demo --headless")
    with _ending_in_order(), invented(listen=listen) as fleet:
        if headless:
            where = f"(open it in a browser, or: openusage hub-view {fleet.url})"
            print(f"openusage: five invented machines: {fleet.url}  {where}", file=sys.stderr, flush=True)
            wait_for_end()
            return ExitCode.OK
        if one_machine:
            from openusage.client import DaemonClient

            source = DaemonClient(fleet.paths.socket, now=now)
            return show(fleet.settings, fleet.paths, source, window=window)
        return show(
            fleet.settings,
            fleet.paths,
            hub_source(fleet.url, ""),
            window=window,
            interval_s=1.0,
            changes=hub_changes(fleet.url, ""),
        )


def run_in_demo(args: list[str], *, listen: str | None) -> int:
    """A command as the first machine would run it, once all machines have told the hub everything."""
    from openusage.cli.root import run

    with _ending_in_order(), invented(listen=listen) as fleet:
        wait_until_told(fleet)
        return run(args)


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """A closed window or a `kill` ends the invented machines too, and removes their folder."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def invented(*, listen: str | None = None) -> Iterator[Fleet]:
    """The fleet on `listen`; without one on the usual address, or another one where that is taken.

    Raises:
        ListenError: that address cannot be had.
    """
    zone_name = local_zone_name(os.environ)
    zone, begun = load_zone(zone_name), now()
    base = Path(tempfile.mkdtemp(prefix="openusage-demo-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        homes = {machine.name: base / machine.name for machine in MACHINES}
        stack.enter_context(_home(homes[MACHINES[0].name]))
        ensure_private_dir(base / "hub")
        log_to_file(base / "hub" / "log")
        tools = {m.name: _tools(m, begun, zone, base) for m in MACHINES}
        database = base / "hub" / "hub.db"
        _tell_of_silent(database, begun, tools)
        server = stack.enter_context(_hub(database, listen, zone_name))
        daemons = []
        for machine in MACHINES:
            if machine.silent_minutes is None:
                daemon = _daemon(machine, homes[machine.name], server.url, tools[machine.name], zone_name)
                stack.enter_context(_running(daemon))
                daemons.append(daemon)
        stack.enter_context(_time_goes_on([tool for some in tools.values() for tool in some]))
        paths = Paths.from_env(os.environ, homes[MACHINES[0].name])
        settings = load(paths.settings_file, paths.shown(paths.settings_file))
        yield Fleet(server.url, paths, settings, tuple(daemons))


def _tools(machine: Machine, begun: dt.datetime, zone: dt.tzinfo, base: Path) -> list[InventedTool]:
    tools = []
    for use in machine.uses:
        root = base / machine.name / "logs" / use.account
        root.mkdir(parents=True)
        tools.append(InventedTool(machine, use, begun, zone, root=root))
    return tools


@contextlib.contextmanager
def _home(home: Path) -> Iterator[None]:
    """This process has that home, and nothing of ours in its environment."""
    before = dict(os.environ)
    kept = {name: before[name] for name in _KEPT if name in before}
    try:
        _set_environ({"HOME": str(home), **kept})
        yield
    finally:
        _set_environ(before)


def _set_environ(wanted: Mapping[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def _tell_of_silent(database: Path, begun: dt.datetime, tools: Mapping[str, list[InventedTool]]) -> None:
    """What the hub heard before it was started: of machines that are silent since."""
    from openusage.hub.opener import OWN
    from openusage.store import Met, Run, Store

    store = Store.open(
        database, machine=OWN, price=prices(Paths.from_env(os.environ, Path.home())), now=now_us
    )
    with contextlib.closing(store):
        for machine in MACHINES:
            if machine.silent_minutes is None:
                continue
            heard_us = int((begun - dt.timedelta(minutes=machine.silent_minutes)).timestamp() * 1e6)
            records: list[Record] = [r for tool in tools[machine.name] for r in tool.due(heard_us)]
            run = Run(machine.id, 0, len(records))
            store.add(records, machine=machine.id, run=run)
            store.meet(
                Met(
                    id=machine.id,
                    name=machine.name,
                    version=__version__,
                    heard_us=heard_us,
                    skew_us=0,
                    backlog=0,
                )
            )


@contextlib.contextmanager
def _hub(database: Path, listen: str | None, tz: str) -> Iterator[HubServer]:
    from openusage.hub import Board, History, HubServer, Look, Thresholds, parse_listen

    host, port = parse_listen(listen or ADDRESS)
    book = price_book(Paths.from_env(os.environ, Path.home()))
    days = DAYS + 10
    with History.open(database, now=now, price=book.price, explain=book.note, retention_days=days) as history:
        look = Look(thresholds=Thresholds(80.0, 95.0), tz=tz)

        def started(port: int) -> HubServer:
            server = HubServer(Board(), host, port, history=history, look=look)
            server.start()
            return server

        try:
            server = started(port)
        except ListenError:
            if listen is not None:
                raise
            server = started(0)
        try:
            yield server
        finally:
            server.stop()


def _daemon(machine: Machine, home: Path, url: str, tools: list[InventedTool], tz: str) -> Daemon:
    from openusage.daemon.config import Config
    from openusage.daemon.run import Daemon
    from openusage.exporter import Target
    from openusage.store import Store

    paths = Paths.from_env({}, home)
    for directory in (paths.socket.parent, paths.database.parent, paths.hook_spool, paths.config_dir):
        ensure_private_dir(directory)
    tree = {
        "export": {"target": url, "machine_name": machine.name},
        "data": {"time_window": "7d"},
        "dashboard": {"hide_costs": False},
    }
    paths.settings_file.write_bytes(msgspec.json.format(msgspec.json.encode(tree)))
    paths.machine_id_file.write_text(f"{machine.id}\n")
    identity = Identity(machine.id, machine.name)
    book = price_book(paths)
    store = Store.open(paths.database, machine=identity, price=book.price, now=now_us)
    target = Target(
        url=url,
        token="",
        machine=machine.name,
        machine_id=machine.id,
        interval_s=PUSH_S,
        records="full",
    )
    config = Config(
        home=home,
        environ={},
        socket=paths.socket,
        database=paths.database,
        spool=paths.hook_spool,
        machine=machine.name,
        tz=tz,
        retention_days=DAYS + 10,
        window="7d",
        targets=(target,),
        offline=True,
    )
    return Daemon(config, store, [*tools], now=now, explain=book.note)


@contextlib.contextmanager
def _running(daemon: Daemon) -> Iterator[None]:
    thread = daemon_thread(daemon.run)
    thread.start()
    try:
        yield
    finally:
        daemon.stop()
        thread.join(timeout=5.0)


@contextlib.contextmanager
def _time_goes_on(tools: list[InventedTool]) -> Iterator[None]:
    """Whenever something has happened, a file is touched below the tool's folder, as a tool would write."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(_TOLD_S):
            for tool in tools:
                if tool.is_due(now_us()):
                    tool.touch()

    thread = threading.Thread(target=go_on, name="openusage-demo", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def wait_until_told(fleet: Fleet) -> None:
    """Until the hub has all records that there are by now. Raises `OpenUsageError` after a minute."""
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        if all(_is_told(daemon) for daemon in fleet.daemons):
            return
        time.sleep(0.05)
    raise OpenUsageError("The invented machines are not ready within a minute.", "Try again.")


def _is_told(daemon: Daemon) -> bool:
    status = daemon.status()
    return status.first_read_done and all(
        e.state == "ok" and e.records_state == "ok" and not e.records_waiting for e in status.exporters
    )
