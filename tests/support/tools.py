"""A home with one coding tool in it, and a store that remembers what its provider tells."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from openusage.providers import load, names
from openusage.providers._contract import Chunk, Env, Provider
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, AccountFact, EventKind, QuotaReading, Record, UsageEvent, merge
from openusage.wire.problems import Problem
from tests.support import databases

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
DAY = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
"""When the tools of the tests are used."""
FIXTURES = Path(__file__).parents[1] / "fixtures"
Json = dict[str, Any]


def at(seconds: float) -> str:
    """A moment of the day as tools write it."""
    return (DAY + dt.timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def us(seconds: float) -> int:
    """The same moment in microseconds."""
    return round((DAY.timestamp() + seconds) * 1_000_000)


def lines(*objects: Any) -> str:
    """As JSON lines; a text stands for itself."""
    return "".join(f"{o if isinstance(o, str) else json.dumps(o, separators=(',', ':'))}\n" for o in objects)


def write_all_tools(home: Path) -> list[str]:
    """Every tool's fixture in one home. Their names."""
    tools = sorted(folder.name for folder in FIXTURES.iterdir() if folder.name in names())
    for tool in tools:
        Machine.of_fixture(tool, home)
    return tools


def chunks_of(tool: Provider, env: Env, cursors: dict[str, FileCursor]) -> Iterator[Chunk]:
    """One pass over all accounts, as a daemon reads them; the cursors move on."""
    for account in tool.discover(env):
        for chunk in tool.read(account, dict(cursors), env):
            cursors.update((c.path, c) for c in chunk.cursors)
            for path in chunk.gone:
                cursors.pop(path, None)
            yield chunk


def remember(known: dict[bytes, UsageEvent], events: Iterable[UsageEvent]) -> None:
    """Keeps events as a store does, by their key."""
    for e in events:
        known[e.event_key] = merge(known[e.event_key], e) if e.event_key in known else e


class Machine:
    """Reads the home again and again, as a daemon does."""

    def __init__(self, tool: str, home: Path, environ: Mapping[str, str] | None = None) -> None:
        self.tool = load(tool)
        self.home = home
        self.environ = dict(environ or {})
        self.now = NOW
        self.cursors: dict[str, FileCursor] = {}
        self.records: list[Record] = []
        self.problems: list[Problem] = []

    @classmethod
    def of_fixture(cls, tool: str, home: Path) -> Machine:
        """With a copy of the tool's fixture in it."""
        shutil.copytree(FIXTURES / tool / "home", home, dirs_exist_ok=True, symlinks=True)
        databases.build(home)
        return cls(tool, home)

    def write(self, name: str, content: Any) -> Path:
        """A file below the home: text as it is, anything else as JSON."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def env(self, http: httpx.Client | None = None, base: str = "") -> Env:
        return Env(
            home=self.home,
            environ=self.environ,
            now=self.now,
            http=http,
            base_urls={self.tool.SPEC.id: base} if base else {},
        )

    @property
    def accounts(self) -> list[Account]:
        return list(self.tool.discover(self.env()))

    def read(self) -> list[Record]:
        """What is new; the cursors move on."""
        new: list[Record] = []
        for chunk in chunks_of(self.tool, self.env(), self.cursors):
            new += chunk.records
            self.problems += chunk.problems
        self.records += new
        return new

    def poll(self, base: str) -> list[Record]:
        """What the vendor's API at `base` tells."""
        with httpx.Client() as client:
            new = [r for a in self.accounts for r in self.tool.poll(a, self.env(client, base))]
        self.records += new
        return new

    def events(self, kind: EventKind = EventKind.MESSAGE) -> list[UsageEvent]:
        """All events of a kind so far, as a store has them."""
        known: dict[bytes, UsageEvent] = {}
        remember(known, self._of(UsageEvent))
        return sorted((e for e in known.values() if e.kind is kind), key=lambda e: (e.at_us, e.event_key))

    @property
    def counts(self) -> list[tuple[int | None, ...]]:
        """(input, output, cache read, cache write, reasoning) of every message."""
        return [
            (t.input, t.output, t.cache_read, t.cache_write_5m, t.reasoning)
            for t in (e.tokens for e in self.events())
        ]

    @property
    def tools(self) -> dict[str, UsageEvent]:
        """Tool calls by name; the last of each."""
        return {e.tool or "": e for e in self.events(EventKind.TOOL)}

    @property
    def readings(self) -> dict[str, QuotaReading]:
        found: dict[str, QuotaReading] = {}
        for r in self._of(QuotaReading):
            if r.key not in found or found[r.key].at_us <= r.at_us:
                found[r.key] = r
        return found

    @property
    def facts(self) -> dict[str, str]:
        found: dict[str, AccountFact] = {}
        for r in self._of(AccountFact):
            if r.key not in found or found[r.key].at_us <= r.at_us:
                found[r.key] = r
        return {key: fact.value for key, fact in found.items()}

    def _of(self, kind: type[Any]) -> Iterator[Any]:
        return (r for r in self.records if isinstance(r, kind))
