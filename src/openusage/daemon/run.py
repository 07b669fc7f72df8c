"""The daemon's life: start, the loop, stop. Everything that touches the world meets here.

One event loop serves the socket, waits for the clock and the file watcher, and pushes to the hub. Whatever
writes to the store runs in one writer thread, whatever asks a vendor in a thread of its own, so that neither
a long first read nor a slow vendor delays an answer.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn

from openusage import __version__
from openusage.daemon.answers import Answer, Answers
from openusage.daemon.collect import Collector
from openusage.daemon.config import Config
from openusage.daemon.details import Asked, Details, Told, zone_name
from openusage.daemon.follow import Follower
from openusage.daemon.hooks import Hooks
from openusage.daemon.polls import Polls
from openusage.daemon.quiet import Quiet
from openusage.daemon.rounds import Rounds
from openusage.daemon.schedule import Progress
from openusage.daemon.server import HookResult, Server, application, bind
from openusage.daemon.spool import Spool, keep_taking
from openusage.daemon.standing import Standing
from openusage.daemon.vendors import Vendors
from openusage.daemon.watch import link, watch
from openusage.daemon.writer import Writer
from openusage.lineage import Lineages
from openusage.providers._contract import Env, Provider
from openusage.read_model.windows import bounded
from openusage.store import Store
from openusage.wire.local import DaemonStatus, UsageRequest
from openusage.wire.rollups import Rollup
from openusage.wire.sessions import Explain, unexplained
from openusage.wire.snapshot import UsageSnapshot

if TYPE_CHECKING:
    from openusage.exporter import Exporter

log = logging.getLogger("openusage.daemon")

FRESH_S = 1.0
"""A report's question first collects, unless the last pass ended this recently."""


class Daemon:
    """One machine's daemon. `run()` in the main thread, or `start()` beside a screen."""

    def __init__(
        self,
        config: Config,
        store: Store,
        providers: list[Provider],
        *,
        now: Callable[[], dt.datetime],
        explain: Explain = unexplained,
        on_progress: Callable[[Progress], None] | None = None,
        configured: Callable[[], Config] | None = None,
    ) -> None:
        """`configured` reads `config.settings_file` anew; without it the daemon stays as it is."""
        self._config = config
        self._follower = Follower(config.settings_file, configured or (lambda: config))
        self._explain = explain
        self._store = store
        self._now = now
        self._on_progress = on_progress
        self._http = None if config.offline else Vendors()
        self._stopping = threading.Event()
        self._collector = Collector(
            store, providers, self._env, on_progress=self._progressed, should_stop=self._stopping.is_set
        )
        self._writer = Writer()
        self._hooks = Hooks(providers, store, self._writer, now)
        self._spool = Spool(config.spool, self._hooks.providers, store.add, now_s=lambda: now().timestamp())
        self._quiet = Quiet(now)
        self._standing = Standing(config, store, now, self._quiet)
        self._lineages = Lineages(config.lineages)
        self._answers = self._make_answers()
        self._details = self._make_details()
        self._rounds = self._make_rounds()
        self._standing.exporters = self._make_exporters()
        self._retargeted = asyncio.Event()
        """There are other exporters now."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._serving = threading.Event()

    def _make_answers(self) -> Answers:
        return Answers(
            self._store,
            accounts=self._standing.accounts,
            links=self._config.links,
            now=self._now,
            tz=self._config.tz,
            lineages=self._lineages,
            notes=self._standing.notes,
        )

    def _make_rounds(self) -> Rounds:
        standing = self._standing
        polls = Polls(
            self._collector, self._store, self._writer, standing, on_records=standing.tell_exporters
        )
        return Rounds(
            self._config,
            self._store,
            self._collector,
            self._spool,
            self._writer,
            standing,
            self._quiet,
            polls if self._http is not None else None,
            now=self._now,
            is_ending=self._stopping.is_set,
            follow=self._follow,
        )

    def _make_details(self) -> Details:
        return Details(
            self._store,
            accounts=self._standing.accounts,
            hidden=self._config.hidden,
            now=self._now,
            explain=self._explain,
            lineages=self._lineages,
            links=self._config.links,
            notes=self._standing.notes,
            backlog=self._standing.backlog,
        )

    def _make_exporters(self) -> list[Exporter]:
        if not self._config.targets:
            return []
        from openusage.exporter import Exporter  # with an HTTP client: 9 MB that only pushing needs

        return [
            Exporter(target, self._to_export, now=self._now, records=self._store)
            for target in self._config.targets
        ]

    # -- life ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until `stop()`. Raises `AlreadyRunning` and `ListenError` before anything is changed."""
        listening = bind(self._config.socket)
        try:
            asyncio.run(self._main(listening))
        finally:
            listening.close()
            self._config.socket.unlink(missing_ok=True)
            self._writer.close()
            self._store.close()
            if self._http is not None:
                self._http.close()
            log.info("stopped")

    def stop(self) -> None:
        """Ask the daemon to end. Safe from signal handlers and other threads."""
        self._stopping.set()
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    def wait_serving(self, timeout_s: float) -> bool:
        """True once the socket answers."""
        return self._serving.wait(timeout_s)

    async def _main(self, listening: object) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = stop = asyncio.Event()
        if self._stopping.is_set():
            stop.set()
        rounds = self._rounds
        server = Server(
            uvicorn.Config(
                application(self),
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        tasks: list[asyncio.Task[object]] = [
            asyncio.create_task(server.serve(sockets=[listening])),  # type: ignore[list-item]
            asyncio.create_task(watch(lambda: rounds.roots, rounds.saw, stop, rounds.moved)),
            asyncio.create_task(
                watch(
                    lambda: [*rounds.flat_roots, str(self._config.spool), *self._settings_folder()],
                    rounds.saw,
                    stop,
                    rounds.flat_moved,
                    recursive=False,
                )
            ),
            asyncio.create_task(keep_taking(rounds.take_hooks, rounds.hooked, rounds.spooled, stop)),
            asyncio.create_task(rounds.run(stop)),
            asyncio.create_task(self._export(stop)),
        ]
        log.info("version %s, socket %s, machine %s", __version__, self._config.socket, self._config.machine)
        self._serving.set()
        stopped = asyncio.create_task(stop.wait())
        ended, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        self._stopping.set()
        stop.set()
        server.end()
        await asyncio.wait(tasks, timeout=2.0)
        for task in tasks:
            task.cancel()
        stopped.cancel()
        for task in ended - {stopped}:
            task.result()  # one part died by itself: its error is the daemon's

    async def _export(self, stop: asyncio.Event) -> None:
        """Run the exporters, and others when there are others, until `stop`."""
        while not stop.is_set():
            self._retargeted.clear()
            over = asyncio.Event()
            waits = [asyncio.create_task(link(e, over)) for e in (stop, self._retargeted)]
            self._standing.tell_exporters()
            try:
                await asyncio.gather(over.wait(), *(e.run(over) for e in self._standing.exporters))
            finally:
                for wait in waits:
                    wait.cancel()

    def _settings_folder(self) -> list[str]:
        file = self._config.settings_file
        return [] if file is None else [str(file.parent)]

    def _follow(self) -> None:
        """Take up what the settings say now, as far as that is possible without a new start."""
        told = self._follower.look()
        self._standing.settings_problem = self._follower.problem
        if told is None:
            return
        before = self._config
        self._config, self._standing.restart_for = before.taking(told)
        if self._config == before:
            return
        log.info("the settings have changed")
        self._lineages = Lineages(self._config.lineages)
        self._standing.take(self._config)
        self._answers, self._details = self._make_answers(), self._make_details()
        self._rounds.take(self._config)
        if self._config.targets != before.targets:
            self._standing.exporters = self._make_exporters()
            self._retargeted.set()

    # -- what the socket asks --------------------------------------------------------------------

    def answer(self, window: str, only: list[str]) -> Answer:
        return self._answers.answer(window or self._config.window, only)

    def detail(self, asked: Asked) -> Told:
        return self._details.answer(asked)

    async def usage(self, question: UsageRequest) -> list[Rollup]:
        loop = asyncio.get_running_loop()
        if loop.time() - self._rounds.last_pass_s > FRESH_S and not self._quiet.is_paused:
            await self._rounds.collect()
        ask = self._store.reader()
        window = bounded(question.window, self._now(), zone_name(question.tz))
        return await asyncio.to_thread(
            self._lineages.usage, ask.usage, window, question.by, question.where, question.tz
        )

    def knows_hook(self, source: str) -> bool:
        return source in self._hooks.providers

    async def hook(self, source: str, account: str, payload: bytes) -> HookResult:
        result = await self._hooks.take(source, account, payload)
        self._rounds.woken.set()
        self._standing.tell_exporters()
        return result

    def health(self) -> list[str]:
        return self._standing.health()

    def notes(self) -> list[str]:
        """What a screen's status line should say."""
        return self._standing.notes()

    def pause(self, seconds: float | None) -> DaemonStatus:
        """Read nothing and ask no vendor, for so long or until `resume`."""
        self._quiet.pause(seconds)
        log.info("paused %s", "until it is resumed" if seconds is None else f"for {seconds:.0f} s")
        self._rounds.woken.set()
        return self.status()

    def resume(self) -> DaemonStatus:
        """Go on at once."""
        self._quiet.resume()
        log.info("resumed")
        return self.status()

    def status(self) -> DaemonStatus:
        return self._standing.status(self._spool.status(), self._answers.unassigned())

    # -- what the parts ask ----------------------------------------------------------------------

    def _env(self) -> Env:
        return Env(
            home=self._config.home,
            environ=self._config.environ,
            now=self._now(),
            http=self._http,
            base_urls=self._config.base_urls,
        )

    def _progressed(self, progress: Progress) -> None:
        self._standing.progress = progress if progress.bytes_total > (8 << 20) else None
        if self._on_progress is not None:
            self._on_progress(progress)

    def _to_export(self) -> list[UsageSnapshot]:
        """Nothing before the first pass is through: half a history would be a wrong total on the hub."""
        if not self._standing.first_done:
            return []
        snapshots = self._answers.snapshots(self._config.window).values()
        return [s for s in snapshots if s.account_id not in self._config.hidden]
