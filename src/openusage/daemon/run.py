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
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx
import uvicorn

from openusage import __version__
from openusage.daemon.answers import Answer, Answers
from openusage.daemon.aside import aside
from openusage.daemon.collect import Collector, Pass
from openusage.daemon.config import Config
from openusage.daemon.details import Asked, Details, Told, zone_name
from openusage.daemon.problems import Problems
from openusage.daemon.schedule import Job, Progress, Schedule
from openusage.daemon.server import HookResult, Server, application, bind
from openusage.daemon.standing import Standing
from openusage.daemon.watch import watch
from openusage.errors import SourceError, SourceUnavailable, StoreError
from openusage.exporter import Exporter
from openusage.format import size_bytes
from openusage.providers._contract import Env, ParsesHooks, Provider
from openusage.read_model.windows import bounded
from openusage.store import Store
from openusage.wire.local import DaemonStatus, UsageRequest
from openusage.wire.rollups import Rollup
from openusage.wire.sessions import Explain, unexplained
from openusage.wire.snapshot import UsageSnapshot

log = logging.getLogger("openusage.daemon")

T = TypeVar("T")

MIN_PASS_GAP_S = 0.2
"""A tool that writes all the time is read at most so often."""
FRESH_S = 1.0
"""A report's question first collects, unless the last pass ended this recently."""
VENDOR_TIMEOUT_S = 8.0


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
    ) -> None:
        self._config = config
        self._store = store
        self._providers = {p.SPEC.id: p for p in providers}
        self._now = now
        self._on_progress = on_progress
        self._http = (
            None if config.offline else httpx.Client(timeout=VENDOR_TIMEOUT_S, follow_redirects=False)
        )
        self._stopping = threading.Event()
        self._collector = Collector(
            store, providers, self._env, on_progress=self._progressed, should_stop=self._stopping.is_set
        )
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._standing = standing = Standing(config, store, now)
        self._answers = Answers(
            store,
            accounts=standing.accounts,
            links=config.links,
            now=now,
            tz=config.tz,
            notes=standing.notes,
        )
        self._details = Details(
            store,
            accounts=standing.accounts,
            hidden=config.hidden,
            now=now,
            explain=explain,
            notes=standing.notes,
            backlog=standing.backlog,
        )
        self._roots: list[str] = []
        self._flat_roots: list[str] = []
        self._write_error = ""
        self._troubles = Problems()
        """Of the store, as `health` tells them."""
        self._changed: set[str] = set()
        standing.exporters = [Exporter(t, self._to_export, now=now, records=store) for t in config.targets]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._serving = threading.Event()
        self._collecting = asyncio.Lock()
        self._last_pass_s = -1e9

    # -- life ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until `stop()`. Raises `AlreadyRunning` and `ListenError` before anything is changed."""
        listening = bind(self._config.socket)
        try:
            asyncio.run(self._main(listening))
        finally:
            listening.close()
            self._config.socket.unlink(missing_ok=True)
            self._writer.shutdown(wait=True, cancel_futures=True)
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
        self._wake = asyncio.Event()
        moved, flat_moved = asyncio.Event(), asyncio.Event()
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
            asyncio.create_task(watch(lambda: self._roots, self._saw, stop, moved)),
            asyncio.create_task(
                watch(lambda: self._flat_roots, self._saw, stop, flat_moved, recursive=False)
            ),
            asyncio.create_task(self._work(stop, (moved, flat_moved))),
        ]
        tasks += [asyncio.create_task(e.run(stop)) for e in self._standing.exporters]
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

    # -- the loop --------------------------------------------------------------------------------

    async def _work(self, stop: asyncio.Event, moved: Sequence[asyncio.Event]) -> None:
        loop = asyncio.get_running_loop()
        schedule = Schedule(loop.time(), collect_s=self._config.collect_s, poll_s=self._config.poll_s)
        polling: asyncio.Future[None] | None = None
        await self._write(self._store.reprice)  # the price table may know more than at the last start
        while not stop.is_set():
            for job in schedule.due(loop.time()):
                if job is Job.COLLECT:
                    roots = self._roots, self._flat_roots
                    found = await self._collect()
                    schedule.collected(loop.time(), found=found, failed=bool(self._write_error))
                    if (self._roots, self._flat_roots) != roots:
                        for event in moved:
                            event.set()
                elif job is Job.POLL:
                    if polling is None or polling.done():
                        polling = asyncio.ensure_future(self._poll(schedule))
                    schedule.polled(loop.time())
                elif job is Job.CHECKPOINT:
                    await self._write(self._store.checkpoint)
                    schedule.done(job, loop.time())
                else:
                    schedule.done(job, loop.time(), backlog=await self._prune())
            if await self._rest(schedule.wait_s(loop.time()), stop):
                changed, self._changed = self._changed, set()
                # A hook wakes us without a path, a new folder may have been filled before it was watched,
                # and a burst before the first sweep is part of it: then look everywhere.
                if changed and self._standing.first_done and not _any_folder(changed):
                    await self._collect(changed)
                    if self._write_error:
                        schedule.collected(loop.time(), found=False, failed=True)
                else:
                    schedule.wake(loop.time())

    async def _rest(self, seconds: float, stop: asyncio.Event) -> bool:
        """Wait for the clock, the watcher or the end. True when the watcher woke us."""
        waits = [asyncio.ensure_future(e.wait()) for e in (stop, self._wake)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for w in waits:
            w.cancel()
        if not self._wake.is_set():
            return False
        self._wake.clear()
        gap = self._last_pass_s + MIN_PASS_GAP_S - asyncio.get_running_loop().time()
        if gap > 0:
            await asyncio.sleep(gap)
        return True

    def _saw(self, changed: set[str]) -> None:
        """The watcher saw these paths change."""
        self._changed |= changed
        self._wake.set()

    async def _collect(self, changed: Collection[str] | None = None) -> bool:
        async with self._collecting:
            passed = await self._write(lambda: self._pass(changed))
            self._last_pass_s = asyncio.get_running_loop().time()
        if passed is None:
            return False
        if not self._standing.first_done and not self._stopping.is_set():
            self._standing.first_done = True
            await self._write(self._store.checkpoint)
            self._tell_exporters()
        elif passed.found:
            self._tell_exporters()
        return passed.found

    def _tell_exporters(self) -> None:
        """There are records to send. Not before the first pass is through: sending would slow it down."""
        if self._standing.first_done:
            for exporter in self._standing.exporters:
                exporter.wake()

    def _pass(self, changed: Collection[str] | None) -> Pass:
        passed = self._collector.run(changed)
        if changed is None:
            accounts = self._collector.accounts()
            self._standing.found = [(p.SPEC.id, a.id) for p, a in accounts]
            self._roots = sorted({root for _, a in accounts for root in a.roots})
            self._flat_roots = sorted({root for _, a in accounts for root in a.flat_roots})
            self._troubles.see(self.health(), time.monotonic())
        self._standing.problems.see(passed.problems, time.monotonic())
        last = self._standing.last
        if passed.found or passed.problems != (last.problems if last else []):
            log.info(
                "collected %d new, %d changed, %s, %d problems, %.0f ms",
                passed.inserted,
                passed.updated,
                size_bytes(passed.bytes_read),
                len(passed.problems),
                passed.elapsed_s * 1000,
            )
        self._standing.last, self._standing.last_at, self._standing.progress = passed, self._now(), None
        return passed

    async def _poll(self, schedule: Schedule) -> None:
        """Ask the vendors in a thread that nothing waits for at the end."""
        if self._http is None:
            return
        records, errors = await aside(self._collector.poll)
        if records:
            await self._write(lambda: self._store.add(records))
            self._tell_exporters()
        failures = [e.message for e in errors]
        for text in failures:
            if text not in self._standing.source_errors:
                log.warning("%s", text)
        self._standing.source_errors = failures
        if errors:
            wait_s = max((_retry_after_s(e) for e in errors), default=0.0)
            schedule.polled(asyncio.get_running_loop().time(), failed=True, retry_after_s=wait_s)

    async def _prune(self) -> bool:
        now_us = int(self._now().timestamp() * 1e6)
        pruned = await self._write(lambda: self._store.prune(now_us, self._config.retention_days))
        return bool(pruned and pruned.backlog)

    async def _write(self, job: Callable[[], T]) -> T | None:
        """Run in the writer thread. A store that cannot be written is said once, and tried again later."""
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._writer, job)
        except StoreError as e:
            if e.message != self._write_error:
                log.error("%s", e.message)
            self._write_error = e.message
            return None
        if self._write_error:
            log.info("the store can be written again")
        self._write_error = ""
        return result

    # -- what the socket asks --------------------------------------------------------------------

    def answer(self, window: str, only: list[str]) -> Answer:
        return self._answers.answer(window or self._config.window, only)

    def detail(self, asked: Asked) -> Told:
        return self._details.answer(asked)

    async def usage(self, question: UsageRequest) -> list[Rollup]:
        loop = asyncio.get_running_loop()
        if loop.time() - self._last_pass_s > FRESH_S:
            await self._collect()
        ask = self._store.reader()
        window = bounded(question.window, self._now(), zone_name(question.tz))
        return await asyncio.to_thread(ask.usage, window, question.by, question.where, question.tz)

    def knows_hook(self, source: str) -> bool:
        return isinstance(self._providers.get(source), ParsesHooks)

    async def hook(self, source: str, account: str, payload: bytes) -> HookResult:
        provider = self._providers[source]
        assert isinstance(provider, ParsesHooks)
        now_us = int(self._now().timestamp() * 1e6)
        records = provider.parse_hook(payload, account or provider.SPEC.default_account, now_us)
        added = await self._write(lambda: self._store.add(records)) if records else None
        self._wake.set()
        self._tell_exporters()
        stored = added.inserted + added.updated if added else 0
        return HookResult(
            source=source,
            enqueued=1,
            processed=1,
            ingested=stored,
            deduped=len(records) - stored if added else 0,
            failed=len(records) if records and added is None else 0,
        )

    def health(self) -> list[str]:
        return self._standing.health()

    def notes(self) -> list[str]:
        """What a screen's status line should say."""
        return self._standing.notes()

    def status(self) -> DaemonStatus:
        return self._standing.status()

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
        return list(self._answers.snapshots(self._config.window).values())


def _any_folder(paths: Collection[str]) -> bool:
    return any(Path(path).is_dir() for path in paths)


def _retry_after_s(error: SourceError) -> float:
    return error.retry_after_s if isinstance(error, SourceUnavailable) else 0.0
