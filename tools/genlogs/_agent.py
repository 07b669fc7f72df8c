"""What all invented agents share: when they work, on what, and how files are written."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import random
from pathlib import Path
from typing import Any, Literal

from tools.genlogs._pool import WORDS, Pool, lognormal
from tools.genlogs._truth import Truth

Flavour = Literal["plain", "rich"]

RICH_PROJECTS = (
    *["/home/dev/work/checkout"] * 5,
    *["/home/dev/work/web-shop"] * 4,
    *["/home/dev/work/billing-api"] * 3,
    *["/home/dev/work/design-system"] * 2,
    *["/home/dev/work/infra"] * 2,
    "/home/dev/work/data-pipeline",
    "/home/dev/notes",
    "/home/dev/work/日本 app",
)
"""As often as they are worked on."""

STOP_MS = 10 * 60_000
"""With `until`, no step begins later than this before it: the longest one ends in time."""


@dataclasses.dataclass(frozen=True)
class Job:
    """What to write."""

    agent: str
    home: Path
    seed: int
    days: int
    end: dt.date
    target_bytes: float
    pool: Pool
    flavour: Flavour = "plain"
    until: dt.datetime | None = None


class Agent:
    """Writes sessions until there are enough bytes. A subclass knows its tool's files."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.rng = random.Random(f"{job.seed}:{job.agent}")
        self.pool = job.pool
        self.truth = Truth()
        self.dates = [job.end - dt.timedelta(days=i) for i in range(job.days)][::-1]
        # Shorter sessions when there are few MB a day.
        self.pace = min(1.0, max(0.2, job.target_bytes / job.days / 5e6))
        self._weights = [0.35 if d.weekday() >= 5 else 1.0 for d in self.dates]
        self.end_ms = int(dt.datetime.combine(job.end, dt.time(23, 59, 59), dt.UTC).timestamp() * 1000)
        self.margin_ms = 3600_000
        """No turn begins later than this before the end."""
        self.projects = [
            f"/home/dev/work/{a}{s}{b}"
            for a, s, b in zip(WORDS[:14], "-._-.-_-.-_-.-", WORDS[14:28], strict=True)
        ] + ["/home/dev/work/日本 app"]
        if job.flavour == "rich":
            self.projects = list(RICH_PROJECTS)
        if job.until is not None:
            self.end_ms = int(job.until.timestamp() * 1000)
            self.margin_ms = STOP_MS
        self._running_is_due = job.until is not None

    def session(self) -> None:
        """Write one session."""
        raise NotImplementedError

    def fill(self) -> dict[str, Any]:
        """Write all sessions; returns the truth."""
        self.write_sessions()
        return self.truth.finish()

    def write_sessions(self) -> None:
        """Sessions until there are enough bytes."""
        self.prepare()
        for _ in range(1_000_000):
            if self.truth.bytes >= self.job.target_bytes:
                break
            self.session()

    def prepare(self) -> None:
        """Write what is there once, such as an account file."""

    def start(self) -> int:
        """When a session starts, in milliseconds. With `until`, the first is the one that still runs."""
        if self._running_is_due:
            self._running_is_due = False
            return self.end_ms - 25 * 60_000
        while True:
            ms = self._some_start()
            if self.job.until is None or ms < self.end_ms - 30 * 60_000:
                return ms

    def _some_start(self) -> int:
        day = self.rng.choices(self.dates, self._weights)[0]
        late = self.rng.random() < 0.07
        hour = self.rng.uniform(22.2, 23.9) if late else min(23.5, max(0, self.rng.gauss(13, 4)))
        base = dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()
        return int((base + hour * 3600) * 1000) + self.rng.randrange(1000)

    def is_over(self, ms: int) -> bool:
        """Whether no turn begins any more."""
        return ms > self.end_ms - self.margin_ms

    def must_stop(self, ms: int) -> bool:
        """Whether even a running turn ends now: with `until`, nothing lies in the future."""
        return self.job.until is not None and ms > self.end_ms - STOP_MS

    def write(self, path: str, lines: list[str], mtime_ms: int, tail: str = "", end: str = "\n") -> None:
        """`lines` joined by newlines; `tail` is a last broken line without newline."""
        full = self.job.home / path
        full.parent.mkdir(parents=True, exist_ok=True)
        data = ("\n".join(lines) + end + tail).encode("utf-8", "surrogatepass")
        full.write_bytes(data)
        os.utime(full, (mtime_ms / 1000, mtime_ms / 1000))
        self.truth.files += 1
        self.truth.bytes += len(data)
        self.truth.lines += len(lines) + bool(tail)

    def output_size(self) -> int:
        """Length of a tool's output: mostly small, now and then huge."""
        return lognormal(self.rng, 2600, 1.5, 80, 400_000)
