"""What a daemon does again and again: look for what is new, ask vendors, take hooks in, tidy up.

By the clock and whenever the watcher or a hook says that there is something. Whatever writes runs in the one
writer thread, whatever asks a vendor in a thread of its own.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path

from openusage.daemon.collect import Collector, Pass
from openusage.daemon.config import Config
from openusage.daemon.polls import Polls
from openusage.daemon.problems import Problems
from openusage.daemon.quiet import Quiet
from openusage.daemon.schedule import Job, Schedule
from openusage.daemon.spool import Spool, Taken
from openusage.daemon.standing import Standing
from openusage.daemon.writer import Writer
from openusage.format import size_bytes
from openusage.store import Store
from openusage.wire.problems import Problem

log = logging.getLogger("openusage.daemon")

MIN_PASS_GAP_S = 0.2
"""A tool that writes all the time is read at most so often."""
HOOKED_S = 5.0
"""What hooks told makes the daemon look everywhere, unless it just did."""


class Rounds:
    """Of one daemon; belongs to its event loop. Without `polls` no vendor is asked."""

    def __init__(
        self,
        config: Config,
        store: Store,
        collector: Collector,
        spool: Spool,
        writer: Writer,
        standing: Standing,
        quiet: Quiet,
        polls: Polls | None,
        *,
        now: Callable[[], dt.datetime],
        is_ending: Callable[[], bool],
        follow: Callable[[], None],
    ) -> None:
        """`follow` is called before each round: it looks whether the settings are others now."""
        self._config = config
        self._store = store
        self._collector = collector
        self._spool = spool
        self._writer = writer
        self._standing = standing
        self._quiet = quiet
        self._now = now
        self._polls = polls
        self._is_ending = is_ending
        self._follow = follow
        self._schedule: Schedule | None = None
        self.roots: list[str] = []
        """Folders to watch with all that is below them."""
        self.flat_roots: list[str] = []
        """Folders to watch themselves."""
        self.moved, self.flat_moved = asyncio.Event(), asyncio.Event()
        """They are others now."""
        self.woken, self.spooled = asyncio.Event(), asyncio.Event()
        """There may be something to read; something lies in the spool."""
        self.last_pass_s = -1e9
        """When a pass ended last, by the loop's clock."""
        self._troubles = Problems()
        """Of the store, as `health` tells them."""
        self._changed: set[str] = set()
        self._collecting = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        loop = asyncio.get_running_loop()
        schedule = self._schedule = Schedule(
            loop.time(),
            collect_s=self._config.collect_s,
            poll_s=self._config.poll_s,
            factor=self._quiet.factor,
        )
        polling: asyncio.Future[None] | None = None
        await self._writer.do(self._store.reprice)  # the price table may know more than at the last start
        while not stop.is_set():
            self._follow()
            if await self._quiet.over(stop):
                schedule.wake(loop.time())
                continue
            for job in schedule.due(loop.time()):
                if job is Job.COLLECT:
                    roots = self.roots, self.flat_roots
                    found = await self.collect()
                    last = self._standing.last
                    took_s = last.elapsed_s if last is not None else 0.0
                    failed = bool(self._writer.error)
                    schedule.collected(loop.time(), found=found, failed=failed, took_s=took_s)
                    if (self.roots, self.flat_roots) != roots:
                        for event in (self.moved, self.flat_moved):
                            event.set()
                elif job is Job.POLL:
                    if self._polls is not None and (polling is None or polling.done()):
                        polling = asyncio.ensure_future(self._polls.poll(schedule))
                    schedule.done(job, loop.time())
                elif job is Job.CHECKPOINT:
                    await self._writer.do(self._store.checkpoint)
                    schedule.done(job, loop.time())
                else:
                    schedule.done(job, loop.time(), backlog=await self._prune())
            if await self._rest(schedule.wait_s(loop.time()), stop):
                changed, self._changed = self._changed, set()
                # A hook wakes us without a path, a new folder may have been filled before it was watched,
                # and a burst before the first sweep is part of it: then look everywhere.
                if changed and self._standing.first_done and not _any_folder(changed):
                    await self.collect(changed)
                    if self._writer.error:
                        schedule.collected(loop.time(), found=False, failed=True)
                else:
                    schedule.wake(loop.time())

    def take(self, config: Config) -> None:
        """Go on as this says."""
        before, self._config = self._config, config
        paces = [(c.collect_s, c.poll_s) for c in (before, config)]
        if self._schedule is not None and paces[0] != paces[1]:
            now_s = asyncio.get_running_loop().time()
            self._schedule.pace(now_s, collect_s=config.collect_s, poll_s=config.poll_s)
        self.flat_moved.set()  # the folder of the settings may be new

    async def _rest(self, seconds: float, stop: asyncio.Event) -> bool:
        """Wait for the clock, the watcher or the end. True when the watcher woke us."""
        waits = [asyncio.ensure_future(e.wait()) for e in (stop, self.woken)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for w in waits:
            w.cancel()
        if not self.woken.is_set():
            return False
        self.woken.clear()
        gap = self.last_pass_s + MIN_PASS_GAP_S - asyncio.get_running_loop().time()
        if gap > 0:
            await asyncio.sleep(gap)
        return True

    def saw(self, changed: set[str]) -> None:
        """The watcher saw these paths change."""
        hooks = {path for path in changed if self._spool.holds(path)}
        if hooks:
            self.spooled.set()
        if changed - hooks:
            self._changed |= changed - hooks
            self.woken.set()

    async def take_hooks(self) -> Taken | None:
        return await self._writer.do(self._take_spooled, wrote=lambda taken: taken.files > 0)

    def _take_spooled(self) -> Taken:
        taken = self._spool.step()
        self._standing.problems.see([Problem(what=text) for text in taken.problems], time.monotonic())
        return taken

    def hooked(self) -> None:
        """Hooks told something. Logs tell more; usually the watcher has seen them, too."""
        self._standing.tell_exporters()
        if asyncio.get_running_loop().time() - self.last_pass_s > HOOKED_S:
            self.woken.set()

    async def collect(self, changed: Collection[str] | None = None) -> bool:
        async with self._collecting:
            passed = await self._writer.do(lambda: self._pass(changed))
            self.last_pass_s = asyncio.get_running_loop().time()
        if passed is None:
            return False
        if not self._standing.first_done and not self._is_ending():
            self._standing.first_done = True
            await self._writer.do(self._store.checkpoint)
            self._standing.tell_exporters()
        elif passed.found:
            self._standing.tell_exporters()
        return passed.found

    def _pass(self, changed: Collection[str] | None) -> Pass:
        passed = self._collector.run(changed)
        if changed is None:
            accounts = self._collector.accounts()
            self._standing.found = [(p.SPEC.id, a.id) for p, a in accounts]
            self.roots = sorted({root for _, a in accounts for root in a.roots})
            self.flat_roots = sorted({root for _, a in accounts for root in a.flat_roots})
            troubles = [Problem(what=text) for text in self._standing.health()]
            self._troubles.see(troubles, time.monotonic())
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

    async def _prune(self) -> bool:
        now_us = int(self._now().timestamp() * 1e6)
        pruned = await self._writer.do(lambda: self._store.prune(now_us, self._config.retention_days))
        return bool(pruned and pruned.backlog)


def _any_folder(paths: Collection[str]) -> bool:
    return any(Path(path).is_dir() for path in paths)
