"""Writes that wait for the one writer of a hub's store, and which of them go into one transaction.

20,000 machines send 300 small batches a second. A transaction costs as much as writing some dozen events, and
what several of them change in one page is written once: ten times as many in one halve the work. So small
writes begin at most every `GATHER_S`, in a crowd every `CROWD_S`, and take all with them that have come by
then. A large one waits for nobody: it takes what is there.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

from openusage.errors import StoreError
from openusage.store import Store

GATHER_S = 0.02
CROWD_S = 0.1
CROWD = 4
"""Writes done together last time: then there is a crowd."""
SMALL_WEIGHT = 16 << 10
"""Bytes up to which a job waits for others."""
MOST_TOGETHER = 256
MOST_WEIGHT = 1 << 20
"""Bytes as they were sent: four of the largest batches, a fifth of a second. Each of them alone would write
most pages of the index of events, whose keys have no order."""


class Job(NamedTuple):
    """Work for the writer, and where the answer goes."""

    work: Callable[[Store], Any]
    outcome: Future[Any]
    weight: int | None = None
    """In bytes; `None`: done alone."""


class Jobs:
    """Any thread may `put`; the writer takes."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._next: list[Job | None] = []
        """What was taken too early: at most one."""
        self._gathered_s = 0.0
        self.pause_s = GATHER_S
        """Between the begin of one transaction of small writes and that of the next."""

    def put(self, job: Job | None) -> None:
        """`None` is the end."""
        self._queue.put(job)

    def take(self, until_s: float) -> Job | None:
        """What came first; waits for it until then (monotonic). Raises `queue.Empty`."""
        if self._next:
            return self._next.pop()
        return self._queue.get(timeout=max(0.0, until_s - time.monotonic()))

    def gather(self, first: Job) -> list[Job]:
        """The job, and those behind it that one transaction can do with it, in order."""
        jobs, weight = [first], first.weight
        until_s = self._gathered_s + self.pause_s
        while weight is not None and weight < MOST_WEIGHT and len(jobs) < MOST_TOGETHER:
            try:
                job = self.take(until_s if (jobs[-1].weight or 0) <= SMALL_WEIGHT else 0.0)
            except queue.Empty:
                break
            if job is None or job.weight is None:
                self._next.append(job)
                break
            jobs.append(job)
            weight += job.weight
        self._gathered_s = time.monotonic()
        self.pause_s = CROWD_S if len(jobs) >= CROWD else GATHER_S
        return jobs


def do_together(store: Store, jobs: list[Job]) -> list[Any]:
    """What each returns, or the exception it fails with: who fails, fails alone. One transaction.

    Raises:
        StoreError: nothing was done.
    """
    outcomes: list[Any] = []
    with store.together():
        for job in jobs:
            try:
                outcomes.append(job.work(store))
            except StoreError:
                raise
            except Exception as e:
                outcomes.append(e)
    return outcomes
