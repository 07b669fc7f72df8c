"""Three machines and a hub, killed again and again while their logs are written: are the totals true?

    python -m tools.soak --minutes 5 --seed 1

Everything is real: three daemons and one hub, each a process with a home of its own; homes overlap by a third
(copied transcripts). While the logs grow in pieces, any of the processes is killed with SIGKILL at any moment
and started again. One machine is offline for the first half: by the seed its daemon is not there, or its hub
is not. At the end, when all is written and everything runs, what the hub answers for the fleet must equal the
truth of the union of all homes to the token, by day, model, provider and kind of token; each daemon's own
answer must equal the truth of its home; and each machine's share of the fleet must hold what only it has, and
nothing that it has not.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from openusage.errors import OpenUsageError
from tools.ports import free_port
from tools.soak._homes import Part, Sums, Writing, add_up, differences, invent, outside
from tools.soak._programs import Daemon, Hub, Program

__all__ = ["Ended", "Plan", "soak"]

NAMES = ("a", "b", "c")
OFFLINE = 2
"""Which machine is offline for the first half."""
STEP_S = 0.1
LONGEST_DOWN_S = 2.0
TOLD_DIFFERENCES = 20


class Plan(NamedTuple):
    """What is asked for."""

    seconds: float
    """How long processes are killed."""
    seed: int
    mb: float = 20.0
    """Of logs, a machine."""
    days: int = 20
    kill_every_s: float = 1.0
    """Mean time from one kill to the next."""
    settle_s: float = 120.0
    """How long the totals may take to become true at the end."""


class Ended(Exception):
    """Somebody wants no more of it."""


def soak(
    plan: Plan, base: Path, say: Callable[[str], object], wanted: Callable[[], bool] = lambda: True
) -> list[str]:
    """Runs the plan below `base`; what is wrong, empty: nothing. `say` is told one line a phase.

    Raises:
        Ended: it is not `wanted` any more. All processes are gone, as at any other end.
    """
    rng = random.Random(plan.seed)
    parts = invent(
        base / "parts",
        seed=plan.seed,
        mb=plan.mb,
        days=plan.days,
        end=dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1),
    )
    union = add_up(parts)
    say(
        f"invented: 3 homes of {plan.mb:g} MB, a third of each copied from or to the others, "
        f"{_tokens(union):,} tokens in the union"
    )
    with _fleet(base, parts, rng, wanted) as fleet:
        fleet.live(plan, say)
        return fleet.settle(plan, say)


class _Fleet:
    """The hub, the machines and their logs."""

    def __init__(self, base: Path, parts: list[Part], rng: random.Random, wanted: Callable[[], bool]) -> None:
        self._parts = parts
        self._wanted = wanted
        self._rng = rng
        self.hub = Hub(_folder(base / "hub"), free_port())
        self.daemons = [Daemon(name, _folder(base / name)) for name in NAMES]
        self._nowhere = f"http://127.0.0.1:{free_port()}"
        self._writings = [
            Writing(d.home, [p for p in parts if n in p.machines], rng) for n, d in enumerate(self.daemons)
        ]
        self._kills = 0

    @property
    def programs(self) -> list[Program]:
        return [self.hub, *self.daemons]

    def live(self, plan: Plan, say: Callable[[str], object]) -> None:
        """Logs grow, everything is killed at random; one machine is offline until the half."""
        without_daemon = self._rng.random() < 0.5
        away = self.daemons[OFFLINE]
        for daemon in self.daemons:
            daemon.export_to(self.hub.url)
        away.export_to(self._nowhere)
        began_s = time.monotonic()
        for program in self.programs:
            if not (without_daemon and program is away):
                program.start()
        self._suffer(plan, began_s, until=0.5)
        why = "its daemon was not there" if without_daemon else "its hub was not there"
        say(f"first half: {self._kills} kills, {self._written:.0%} written; {away.name} was offline ({why})")
        away.kill()
        away.export_to(self.hub.url)
        away.start()
        self._suffer(plan, began_s, until=1.0)
        say(f"second half: {self._kills} kills, {self._written:.0%} written")

    def settle(self, plan: Plan, say: Callable[[str], object]) -> list[str]:
        """Everything is written and runs; what is wrong after that."""
        for writing in self._writings:
            writing.write_to(1.0)
        for program in self.programs:
            if not program.running:
                program.start()
        began_s = time.monotonic()
        wrong = self._until_true(began_s + plan.settle_s)
        say(f"quiet: {'equal' if not wrong else 'not equal'} after {time.monotonic() - began_s:.1f} s")
        if not wrong:
            self.hub.kill()
            self.hub.start()
            began_s = time.monotonic()
            wrong = self._until_true(began_s + plan.settle_s)
            say(
                f"hub restarted: {'equal' if not wrong else 'not equal'} after "
                f"{time.monotonic() - began_s:.1f} s"
            )
        starts = ", ".join(f"{p.name} {p.starts}" for p in self.programs)
        say(f"starts: {starts}; truth of the union {_tokens(add_up(self._parts)):,} tokens")
        return wrong + [fault for p in self.programs for fault in (*p.faults, *p.said_faults())]

    def end(self) -> None:
        for program in self.programs:
            program.kill()

    @property
    def _written(self) -> float:
        return 1 - sum(w.left for w in self._writings) / sum(w.size for w in self._writings)

    def _suffer(self, plan: Plan, began_s: float, until: float) -> None:
        """Kills, starts and writes up to this share of the time."""
        while (passed := (time.monotonic() - began_s) / plan.seconds) < until:
            for writing in self._writings:
                writing.write_to(min(passed, 0.98))
            now_s = time.monotonic()
            running = [p for p in self.programs if p.running]
            if running and self._rng.random() < STEP_S / plan.kill_every_s:
                program = self._rng.choice(running)
                program.kill()
                program.down_until_s = now_s + self._rng.uniform(0, LONGEST_DOWN_S)
                self._kills += 1
            for program in self.programs:
                if program.down_until_s is not None and program.down_until_s <= now_s:
                    program.start()
            self._pause(STEP_S)

    def _pause(self, seconds: float) -> None:
        """Where it may be ended: between two steps, when every process that runs is known."""
        if not self._wanted():
            raise Ended
        time.sleep(seconds)

    def _until_true(self, deadline_s: float) -> list[str]:
        """What is wrong still when nothing is, or at the deadline."""
        while True:
            try:
                wrong = self._wrong()
            except OpenUsageError as e:  # one of them has only just been started
                wrong = [e.message]
            dead = [p.name for p in self.programs if not p.running]
            if not wrong or dead or time.monotonic() > deadline_s:
                return wrong
            self._pause(0.2)

    def _wrong(self) -> list[str]:
        """Where an answer differs from the truth. Raises `PeerError`."""
        wrong = [f"fleet: {text}" for text in differences(self.hub.sums(), add_up(self._parts))]
        shares = self.hub.sums_by_machine()
        for number, daemon in enumerate(self.daemons):
            home = add_up(p for p in self._parts if number in p.machines)
            wrong += [f"daemon {daemon.name}: {text}" for text in differences(daemon.sums(), home)]
            own = add_up(p for p in self._parts if p.machines == (number,))
            found = shares.pop(daemon.machine_id, {})
            wrong += [f"share of {daemon.name}: {text}" for text in outside(found, own, home)]
        wrong += [f"fleet: a machine {machine} that there is not" for machine in shares]
        more = len(wrong) - TOLD_DIFFERENCES
        return wrong[:TOLD_DIFFERENCES] + [f"and {more} more differences"] * (more > 0)


@contextlib.contextmanager
def _fleet(base: Path, parts: list[Part], rng: random.Random, wanted: Callable[[], bool]) -> Iterator[_Fleet]:
    fleet = _Fleet(base, parts, rng, wanted)
    try:
        yield fleet
    finally:
        fleet.end()


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def _tokens(sums: Sums) -> int:
    return sum(sum(counts[:-1]) for counts in sums.values())
