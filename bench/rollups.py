"""`GET /v1/usage` over 30 days of 1,000 machines: 20 million events, of which only the sums are kept.

The database is made by writing sums into the store's own tables, in a minute instead of the hour that the
events would take, and kept for the day in the temporary directory. What is asked goes through a real hub over
HTTP. A hub remembers what it answered, so every question is about a window that nobody asked about before.
"""

from __future__ import annotations

import datetime as dt
import http.client
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlencode

import apsw

from bench.process import Running, cpu_s, real_hub
from bench.table import Row, render
from openusage.hub.opener import OWN
from openusage.store import Store, schema, sums
from openusage.store.connection import open_writer
from openusage.store.meta import put_meta
from openusage.store.slots import SLOT_US, SLOTS_A_DAY

MACHINES = 1_000
DAYS = 30
GROUPINGS = ("machine", "provider", "account", "model", "project", "client", "day", "hour")
PAIRS = ("day,model", "hour,model", "machine,model", "project,model", "machine,day")
_ASKED = 5
"""Times each, of which the quickest counts: the others may have waited for somebody else."""
_MODELS = {
    "claude_code": ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"),
    "codex": ("gpt-5-codex", "gpt-5.1-codex-max", "gpt-5"),
}
_UPSTREAM = {"claude_code": "anthropic", "codex": "openai"}
_TOOLS = ("Read", "Edit", "Write", "Bash", "Grep", "Glob", "Task", "TodoWrite", "mcp__github__search")
_ON_FILES = ("Read", "Edit", "Write")
_LANGUAGES = ("python", "go", "typescript", "rust", "markdown")
_PROJECTS = [f"project-{n:03}" for n in range(400)]
Labels: TypeAlias = tuple[str, ...]
"""As `schema.LABELS`."""


class _Writer:
    """Numbers for labels, and rows for the tables."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._series: dict[Labels, int] = {}
        self._rows: list[tuple[object, ...]] = []
        self.sessions = 0
        self.events = 0

    def series(self, labels: Labels) -> int:
        return self._series.setdefault(labels, len(self._series) + 1)

    def add(self, slot: int, series: int, figures: tuple[int, ...]) -> None:
        at_us = slot * SLOT_US
        self._rows.append((slot, series, self.sessions, *figures, at_us, at_us + SLOT_US - 1))
        self.events += figures[0]

    def write(self) -> None:
        """Everything, in the order of the keys."""
        db = self._db
        names = [(number, *labels) for labels, number in self._series.items()]
        db.executemany(f"INSERT INTO series VALUES ({_marks(1 + len(schema.LABELS))})", names)
        self._rows.sort()
        width = len(self._rows[0])
        db.executemany(f"INSERT INTO rollup VALUES ({_marks(width)})", self._rows)
        sessions = [(n, "claude_code", f"session-{n:08}") for n in range(1, self.sessions + 1)]
        db.executemany("INSERT INTO session VALUES (?, ?, ?)", sessions)
        machines = [(f"{n:032x}", f"machine-{n:05}") for n in range(MACHINES)]
        db.executemany("INSERT INTO machine (id, name, first_us) VALUES (?, ?, 0)", machines)
        sums.rebuild_days(db)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def database() -> Path:
    """The database of today."""
    today = time.time_ns() // 1000 // (SLOT_US * SLOTS_A_DAY)
    folder = Path(tempfile.gettempdir()) / f"openusage-bench-{os.getuid()}-fleet"
    made = folder / f"{today}-{schema.VERSION}.db"
    if made.exists():
        return made
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    print(f"writing {MACHINES:,} machines with {DAYS} days to {made} …", file=sys.stderr)
    half = made.with_suffix(".half")
    _write(half, today)
    store = Store.open(half, machine=OWN, price=lambda _: None, now=lambda: time.time_ns() // 1000)
    store.keep_levels()
    store.close()
    half.rename(made)
    return made


def _write(path: Path, today: int) -> None:
    """The sums of a fleet that works on most days, some hours a day, on a few of many projects."""
    path.touch()
    db = open_writer(path)
    db.pragma("synchronous", 0)
    db.pragma("cache_size", -200_000)
    schema.migrate(db, str(path))
    db.execute("BEGIN")
    put_meta(db, "raw_from_us", (today + 1) * SLOTS_A_DAY * SLOT_US)
    writer = _Writer(db)
    r = random.Random(7)
    for machine in range(MACHINES):
        tools = r.choices((("claude_code",), ("codex",), ("claude_code", "codex")), (70, 10, 20))[0]
        projects, languages = r.sample(_PROJECTS, r.randint(6, 12)), r.sample(_LANGUAGES, 2)
        for day in range(today - DAYS, today + 1):
            if r.random() < 0.8:
                for project in r.sample(projects, r.randint(2, 5)):
                    _session(writer, r, f"{machine:032x}", r.choice(tools), project, languages, day)
    writer.write()
    db.execute("COMMIT")
    db.close()
    print(f"{writer.events:,} events in {writer.sessions:,} sessions", file=sys.stderr)


def _session(
    writer: _Writer,
    r: random.Random,
    machine: str,
    tool: str,
    project: str,
    languages: list[str],
    day: int,
) -> None:
    """One project's work of one day: some hours, in each quarter of an hour half of what it does at all."""
    writer.sessions += 1
    account, client = tool.replace("_", "-"), r.choice(("CLI", "CLI", "IDE"))
    here, there = (machine, tool, account), (_UPSTREAM[tool], client, project)
    series = [
        (0, writer.series((*here, "message", model, *there, agent, "", "", "")))
        for model in r.sample(_MODELS[tool], r.randint(1, 3))
        for agent in ("", "explore")[: r.randint(1, 2)]
    ]
    for used in r.sample(_TOOLS, r.randint(4, 9)):
        for outcome in ("ok", "error")[: r.choice((1, 1, 2))]:
            for language in languages[: r.randint(1, 2)] if used in _ON_FILES else ("",):
                series.append((1, writer.series((*here, "tool", "", *there, "", used, outcome, language))))
    series.append((2, writer.series((*here, "turn", "", *there, "", "", "", ""))))
    begin = day * SLOTS_A_DAY + r.randrange(28, 76)
    for slot in range(begin, begin + r.randint(4, 12)):
        for kind, number in series:
            if r.random() < 0.45:
                writer.add(slot, number, _figures(r, kind))


def _figures(r: random.Random, kind: int) -> tuple[int, ...]:
    """As `schema.SUMS`. `kind`: of a message, a tool call or a turn."""
    n = r.randint(1, 8)
    if kind == 0:
        cost = n * r.randrange(10**8)
        tokens = (
            n * r.randrange(50),
            n * r.randrange(900),
            n * r.randrange(90_000),
            n * r.randrange(4000),
            0,
            0,
        )
        return (n, *tokens, 0, 0, 0, 0, 0, cost, cost, 0, 0, 0)
    lines = n * r.randrange(20) if kind == 1 else 0
    return (n, *(0,) * 6, lines, lines // 2, *(0,) * 8)


# -- asking --------------------------------------------------------------------------------------


def run() -> list[Row]:
    """Each grouping alone, and some pairs."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, real_hub(Path(folder), database()) as hub:
        whole_minutes = _minutes()
        for by in (*GROUPINGS, *PAIRS):
            took_ms, used_ms, size = _asked(hub, by, whole_minutes)
            is_alone = by in GROUPINGS
            rows += [
                Row(
                    name=f"GET usage, {DAYS} days, {MACHINES:,} machines, by {by}, {size / 1e6:.1f} MB",
                    value=took_ms,
                    unit="ms",
                    target="< 150 ms" if is_alone else "",
                    met=took_ms < 150 if is_alone else None,
                ),
                Row(name="the same, CPU", value=used_ms, unit="ms"),
            ]
    return rows


def _minutes() -> Iterator[str]:
    """Begins of windows, each a minute earlier than the one before."""
    begin = dt.datetime.now(dt.UTC).replace(microsecond=0, second=0) - dt.timedelta(days=DAYS)
    while True:
        begin -= dt.timedelta(minutes=1)
        yield begin.isoformat().replace("+00:00", "Z")


def _asked(hub: Running, by: str, begins: Iterator[str]) -> tuple[float, float, int]:
    """(milliseconds until the answer is here, CPU of it in the hub, its bytes)."""
    took = []
    before_s, size = cpu_s(hub.process), 0
    for _ in range(_ASKED):
        began_s = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
        connection.request("GET", "/v1/usage?" + urlencode({"from": next(begins), "by": by}))
        answer = connection.getresponse()
        size = len(answer.read())
        connection.close()
        assert answer.status == 200, answer.status
        took.append((time.perf_counter() - began_s) * 1e3)
    return min(took), (cpu_s(hub.process) - before_s) / _ASKED * 1e3, size


if __name__ == "__main__":
    print(render(run()))
