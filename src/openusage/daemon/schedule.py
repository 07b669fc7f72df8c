"""What is due, and when next. Pure: time comes in, decisions go out."""

from __future__ import annotations

import enum
from collections.abc import Callable

import msgspec

from openusage.format import age, size_bytes


class Job(enum.StrEnum):
    """What the daemon does by the clock; new data does not wait for it (the watcher wakes `COLLECT`)."""

    COLLECT = "collect"
    POLL = "poll"
    CHECKPOINT = "checkpoint"
    PRUNE = "prune"


MAX_COLLECT_BACKOFF = 8
"""Sweeps that find nothing grow apart up to this factor: the watcher does the work, a sweep is a net."""
REST_FACTOR = 1000
"""A sweep that finds nothing is followed by a rest so many times as long: it costs a 1000th of a core."""
MAX_REST_S = 300.0
RETRY_S = 2.0
"""Until a store that could not be written is tried again."""
POLL_S = 300.0
CHECKPOINT_S = 60.0
PRUNE_S = 6 * 3600.0
MAX_POLL_PAUSE_S = 3600.0


Source = tuple[str, str]
"""Provider and account: whom a poll asks."""


class Schedule:
    """When each job is due, in seconds of a clock that only moves forward."""

    def __init__(
        self,
        now_s: float,
        *,
        collect_s: float,
        poll_s: float = POLL_S,
        factor: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """`factor` says by how much sweeps and polls are to be rarer now."""
        self._collect_s = collect_s
        self._poll_s = poll_s
        self._factor = factor
        self._empty_sweeps = 0
        self._refused: dict[Source, tuple[int, float]] = {}
        """Who failed: how often in a row, and until when nobody asks them."""
        self._due = {
            Job.COLLECT: now_s,
            Job.POLL: now_s,
            Job.CHECKPOINT: now_s + CHECKPOINT_S,
            Job.PRUNE: now_s + 60.0,
        }

    def pace(self, now_s: float, *, collect_s: float, poll_s: float) -> None:
        """So often from now on."""
        self._collect_s, self._poll_s = collect_s, poll_s
        for job, pause_s in ((Job.COLLECT, collect_s), (Job.POLL, poll_s)):
            self._due[job] = min(self._due[job], now_s + pause_s)

    def due(self, now_s: float) -> list[Job]:
        """Jobs whose time has come, in the order in which they are to be done."""
        return [job for job in Job if self._due[job] <= now_s]

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next job is due."""
        return max(0.0, min(self._due.values()) - now_s)

    def wake(self, now_s: float) -> None:
        """Something changed on disk: collect now."""
        self._due[Job.COLLECT] = now_s
        self._empty_sweeps = 0

    def collected(self, now_s: float, *, found: bool, failed: bool = False, took_s: float = 0.0) -> None:
        """A sweep of `took_s` is through; one that failed to store what it found is tried again soon."""
        if failed:
            self._due[Job.COLLECT] = now_s + min(self._collect_s, RETRY_S)
            return
        self._empty_sweeps = 0 if found else self._empty_sweeps + 1
        factor = min(MAX_COLLECT_BACKOFF, 2 ** max(0, self._empty_sweeps - 3))
        rest_s = 0.0 if found else min(MAX_REST_S, REST_FACTOR * took_s)
        self._due[Job.COLLECT] = now_s + max(self._collect_s * factor * self._factor(), rest_s)

    def asks(self, source: Source, now_s: float) -> bool:
        """Whether this poll asks a source: one that failed has a longer pause, and the others have not."""
        return source not in self._refused or self._refused[source][1] <= now_s

    def polled(
        self, source: Source, now_s: float, *, failed: bool = False, retry_after_s: float = 0.0
    ) -> None:
        """A source was asked by the poll of `now_s`. One that fails is asked again ever more rarely, never
        sooner than the vendor said."""
        if not failed:
            self._refused.pop(source, None)
            return
        times = self._refused.get(source, (0, 0.0))[0] + 1
        pause_s = min(MAX_POLL_PAUSE_S, self._poll_s * 2 ** min(times, 6))
        self._refused[source] = times, now_s + max(pause_s, retry_after_s)

    def done(self, job: Job, now_s: float, *, backlog: bool = False) -> None:
        """A poll began; a checkpoint or a prune is through; with a backlog left it goes on in a minute."""
        prune_s = 60.0 if backlog else PRUNE_S
        poll_s = self._poll_s * self._factor()
        pause_s = {Job.POLL: poll_s, Job.CHECKPOINT: CHECKPOINT_S, Job.PRUNE: prune_s}[job]
        self._due[job] = now_s + pause_s


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a read has come."""

    provider: str
    """Display name of the tool that is read."""
    bytes_done: int
    bytes_total: int
    elapsed_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds left at the present rate; `None` while it is too early to tell."""
        if self.bytes_done <= 0 or self.elapsed_s < 0.2:
            return None
        return max(0.0, (self.bytes_total - self.bytes_done) * self.elapsed_s / self.bytes_done)


def progress_text(progress: Progress) -> str:
    """`Reading history: 612 MB of 1.0 GB, Claude Code, 2 s left`."""
    left = f", {age(progress.left_s)} left" if progress.left_s is not None else ""
    return (
        f"Reading history: {size_bytes(progress.bytes_done)} of {size_bytes(progress.bytes_total)}, "
        f"{progress.provider}{left}"
    )
