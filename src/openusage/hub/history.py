"""The hub's memory: one store with many machines in it, one thread that writes, a few that answer.

A hub is never without one. Where its database cannot be opened (read-only, no space, a newer version's,
another hub's) it keeps history in memory, says so in `notes`, and tries again every half minute. Nothing is
lost by that: a machine's outbox is a position, and a hub that has less than it had asks for what it misses.
A database that is removed, replaced or found damaged while the hub runs is opened anew, for the same reason.
A disk that fills up stops writing, not reading. Push and snapshots never come here.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw

from openusage.errors import OpenUsageError, StoreError
from openusage.hub.jobs import Job, Jobs, do_together
from openusage.hub.opener import OWN, Opener
from openusage.hub.upkeep import begin, is_damage, look
from openusage.read_model.windows import to_us
from openusage.store import Answers, Met, Store
from openusage.store.events import PriceOf
from openusage.wire.sessions import Explain, unexplained

T = TypeVar("T")

RETENTION_DAYS = 90
MAX_JOBS = 1024
"""Writes that wait; whoever comes then is told to come again. Whoever asks for them bounds what they hold."""
MAX_QUESTIONS = 64
"""Questions under way."""
MAX_MEMORY_EVENTS = 1_000_000
"""What a hub without a database keeps: about 400 MB."""
TICK_S = 30.0
PRUNE_S = 6 * 3600.0
PRUNE_AGAIN_S = 60.0
"""While there is more to drop than one call drops."""
_READERS = 2
_FULL = 507
_log = logging.getLogger("openusage.hub")


class Unavailable(OpenUsageError):
    """The hub cannot do it now; nothing was stored. `status` is the HTTP status, 503 or 507."""

    def __init__(self, message: str, *, status: int = 503, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class History:
    """Made by `open`, ended by `close`. `write` and `ask` are called from an event loop."""

    def __init__(
        self,
        path: Path | None,
        *,
        now: Callable[[], dt.datetime],
        price: PriceOf,
        explain: Explain = unexplained,
        retention_days: int = RETENTION_DAYS,
        tick_s: float = TICK_S,
        max_memory_events: int = MAX_MEMORY_EVENTS,
    ) -> None:
        self.path = path
        """Its database; `None`: none."""
        self._now = now
        self.explain = explain
        """Why a message costs what it does."""
        self._retention_days = retention_days
        self._tick_s = tick_s
        self._max_memory_events = max_memory_events
        self._opener = Opener(path, now, price)
        self._write_error = ""
        self._saved: list[str] = []
        """What the store says of itself: what was damaged when it was opened."""
        self._damaged = False
        self.store = self._opener.open()
        """Changes when the database has to be opened anew."""
        self._process = secrets.token_hex(6)
        self._opened = 0
        """How often the store was replaced by another one: its revisions start anew."""
        self._revision = self.store.revision()
        self._jobs = Jobs()
        self._lock = threading.Lock()
        self.waiting = 0
        """Writes in the queue."""
        self._asking = 0
        self._closed = False
        self._written = False
        self._prune_at_s = 0.0
        self.on_tick: Callable[[Store, bool], None] | None = None
        """Called in the writing thread every `tick_s`, and once at the end, then with True."""
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="openusage-hub-reader")
        self._thread = threading.Thread(target=self._run, name="openusage-hub-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        path: Path | None,
        *,
        now: Callable[[], dt.datetime],
        price: PriceOf,
        explain: Explain = unexplained,
        retention_days: int = RETENTION_DAYS,
    ) -> History:
        """The history in `path`; `None` keeps it in memory. Never fails: see `notes`."""
        return cls(path, now=now, price=price, explain=explain, retention_days=retention_days)

    @property
    def notes(self) -> list[str]:
        """Sentences for people: what is not as it should be. Empty: all is well."""
        opener = self._opener
        return [n for n in (opener.why_memory, opener.removed, *self._saved, self._write_error) if n]

    @property
    def in_memory(self) -> bool:
        """It ends with the process, wanted or not."""
        return self._opener.in_memory

    @property
    def fault(self) -> str:
        """Why records cannot be stored for good, in words for anybody; empty: they can."""
        cannot = "opened" if self._opener.why_memory else "written" if self._write_error else ""
        return f"the database cannot be {cannot}" if cannot else ""

    @property
    def is_busy(self) -> bool:
        """A `write` would be refused now."""
        return self.waiting >= MAX_JOBS

    def state(self) -> str:
        """Another text whenever the answers may differ. O(1), without the database."""
        return f"{self._process}-{self._opened}-{self._revision}"

    async def write(self, work: Callable[[Store], T], weight: int | None = None) -> T:
        """What `work` returns, done by the one writer; transactions are `work`'s own affair.

        With a `weight`, a number of bytes, one transaction may be made of it and of others that wait. What it
        writes is still all or nothing, whatever becomes of the others, and the answer comes when all is kept.
        It may be done a second time, when the first time nothing was kept.

        Raises:
            Unavailable: too many are waiting, or the store cannot be written: nothing was.
        """
        with self._lock:
            if self._closed:
                raise Unavailable("the hub is ending")
            if self.waiting >= MAX_JOBS:
                raise Unavailable("too many records at once")
            self.waiting += 1
        job = Job(work, Future(), weight)
        self._jobs.put(job)
        return await asyncio.wrap_future(job.outcome)

    async def ask(self, question: Callable[[Answers], T]) -> T:
        """What `question` finds, in a reading thread; the writer goes on meanwhile.

        Raises:
            Unavailable: too many are asking, or the store cannot be read.
        """
        with self._lock:
            if self._closed:
                raise Unavailable("the hub is ending")
            if self._asking >= MAX_QUESTIONS:
                raise Unavailable("too many questions at once", retry_after_s=2)
            self._asking += 1
        answer = self._readers.submit(self._answer, question)
        answer.add_done_callback(self._answered)
        return await asyncio.wrap_future(answer)

    def close(self) -> None:
        """Ends what is being written, refuses what waits, closes the database. A second time does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._jobs.put(None)
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._thread.join()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading ---------------------------------------------------------------------------------

    def _answer(self, question: Callable[[Answers], T]) -> T:
        try:
            return question(self.store.reader())
        except StoreError as e:
            _log.warning("history: cannot read: %s", e.message)
            self._damaged |= is_damage(e)
            with self._lock:
                if not self._closed:
                    self._jobs.put(Job(look, Future()))  # the writer opens it anew, should it be gone
            raise Unavailable("the hub cannot read its history now") from e

    def _answered(self, _: Future[Any]) -> None:
        with self._lock:
            self._asking -= 1

    # -- writing: all of this in the one thread --------------------------------------------------

    def _run(self) -> None:
        self._look_over()
        self._housekeep(begin)
        tick_at_s = time.monotonic() + self._tick_s
        while True:
            try:
                job = self._jobs.take(tick_at_s)
            except queue.Empty:
                pass
            else:
                if job is None:
                    break
                self._do(job)
            if time.monotonic() >= tick_at_s:
                tick_at_s = time.monotonic() + self._tick_s
                self._tick()
        self._finish()

    def _do(self, job: Job) -> None:
        if job.work is look:
            return self._housekeep(look)
        jobs = self._jobs.gather(job)
        with self._lock:
            self.waiting -= len(jobs)
        jobs = [job for job in jobs if job.outcome.set_running_or_notify_cancel()]
        if len(jobs) > 1 and self._do_together(jobs):
            return
        for job in jobs:
            self._do_alone(job)

    def _do_together(self, jobs: list[Job]) -> bool:
        """Whether it was done; if not, nothing was, and each is to be told on its own what is the matter."""
        try:
            self._refuse_if_full()
            outcomes = self._perform(lambda store: do_together(store, jobs))
        except Exception as e:
            _log.debug("history: %d writes could not be done together: %s", len(jobs), e)
            return False
        self._worked()
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, Exception):
                job.outcome.set_exception(outcome)
            else:
                job.outcome.set_result(outcome)
        return True

    def _do_alone(self, job: Job) -> None:
        try:
            self._refuse_if_full()
            outcome = self._perform(job.work)
            self._worked()
        except BaseException as e:
            job.outcome.set_exception(e)
        else:
            job.outcome.set_result(outcome)

    def _refuse_if_full(self) -> None:
        if self.in_memory and self.store.health().events >= self._max_memory_events:
            raise Unavailable("the hub's memory is full of records", status=_FULL, retry_after_s=600)

    def _perform(self, work: Callable[[Store], T]) -> T:
        """`work` on a store that is there. Raises `Unavailable`, or what `work` raises of its own."""
        if self._damaged or self._opener.is_gone():
            self._reopen()
        try:
            done = work(self.store)
        except StoreError as e:
            if not is_damage(e):
                raise self._cannot_write(e) from e
            self._damaged = True
            self._reopen()
            try:
                done = work(self.store)
            except StoreError as again:
                raise self._cannot_write(again) from again
        self._revision = self.store.revision()
        return done

    def _worked(self) -> None:
        self._written = True
        if self._write_error:
            _log.info("history: writing works again")
            self._write_error = ""

    def _probe(self, store: Store) -> None:
        """A write as small as can be, to see whether writing works again."""
        store.meet(Met(id=OWN.id, name=OWN.name, heard_us=to_us(self._now())))
        store.keep_levels()
        self._worked()

    def _cannot_write(self, error: StoreError) -> Unavailable:
        if self._write_error != error.message:
            _log.warning("history: cannot write: %s", error.message)
        self._write_error = error.message
        full = isinstance(error.__cause__, apsw.FullError)
        return Unavailable(
            "the hub cannot store records now", status=_FULL if full else 503, retry_after_s=60
        )

    def _tick(self) -> None:
        if self._opener.why_memory:
            self._try_again()
        if self._write_error:
            self._housekeep(self._probe)
        self._call_on_tick(ending=False)
        if time.monotonic() >= self._prune_at_s:
            self._prune_at_s = time.monotonic() + PRUNE_S
            self._housekeep(self._prune)
        if not self._written:
            self._housekeep(lambda store: store.checkpoint())
        self._written = False

    def _call_on_tick(self, *, ending: bool) -> None:
        on_tick = self.on_tick
        if on_tick is not None:
            self._housekeep(lambda store: on_tick(store, ending))

    def _look_over(self) -> None:
        with contextlib.suppress(StoreError):  # told when it is used
            self._saved = self.store.health().notes

    def _prune(self, store: Store) -> None:
        if store.prune(to_us(self._now()), self._retention_days).backlog:
            self._prune_at_s = time.monotonic() + PRUNE_AGAIN_S

    def _housekeep(self, work: Callable[[Store], object]) -> None:
        """Work that nobody waits for: its failure is told, and it comes again."""
        try:
            self._perform(work)
        except Unavailable:
            pass  # told by `_perform`, and in `notes` until it works
        except Exception:
            _log.exception("history: housekeeping failed")

    def _finish(self) -> None:
        while True:
            try:
                job = self._jobs.take(0.0)
            except queue.Empty:
                break
            if job is not None and job.outcome.set_running_or_notify_cancel():
                job.outcome.set_exception(Unavailable("the hub is ending"))
        self._call_on_tick(ending=True)
        self._close_store()

    # -- opening ---------------------------------------------------------------------------------

    def _try_again(self) -> None:
        """The file instead of memory, if it can be had by now. Machines send again what it does not have."""
        store = self._opener.open_again()
        if store is not None:
            self._close_store()
            self._replace(store)

    def _reopen(self) -> None:
        self._opener.note_if_gone()
        self._damaged = False
        self._close_store()
        self._replace(self._opener.open())
        self._look_over()

    def _replace(self, store: Store) -> None:
        with contextlib.suppress(StoreError):  # told by the write that comes next
            begin(store)
        self.store = store
        self._opened += 1
        self._revision = store.revision()

    def _close_store(self) -> None:
        with contextlib.suppress(StoreError, apsw.Error):  # a damaged one: what it had is in the file
            self.store.close()
