"""Questions and answers: summed rows, asked from and given by a store of one machine or many.

Whoever asks (read model, reports, hub) sees only the `Questions` contract, never SQL.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Protocol

import msgspec

from openusage.wire.events import AccountFact, EventKind, QuotaReading


class Window(msgspec.Struct, frozen=True):
    """A span of time `[from_us, to_us)`, UTC microseconds; `None` is open."""

    name: str
    """As it travels: `1d`, `3d`, `7d`, `30d`, `all`, or `custom`."""
    from_us: int | None = None
    to_us: int | None = None


class By(enum.StrEnum):
    """What rows can be grouped by."""

    MACHINE = "machine"
    PROVIDER = "provider"
    ACCOUNT = "account"
    KIND = "kind"
    MODEL = "model"
    """As the tools name it."""
    UPSTREAM = "upstream"
    CLIENT = "client"
    PROJECT = "project"
    SESSION = "session"
    AGENT = "agent"
    TOOL = "tool"
    OUTCOME = "outcome"
    LANGUAGE = "language"
    DAY = "day"
    """Local day `YYYY-MM-DD` in the zone of the question."""
    HOUR = "hour"
    """Local hour `YYYY-MM-DDTHH` in the zone of the question."""
    LINEAGE = "lineage"
    """The model that several names mean (`openusage.lineage`). Not known to a store: rows by model summed."""


class Filter(msgspec.Struct, frozen=True):
    """Which events count; an empty tuple means all."""

    machines: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    kinds: tuple[EventKind, ...] = ()
    projects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()


ANY = Filter()
"""Everything."""


class Rollup(msgspec.Struct, frozen=True, gc=False):
    """Sums over the events of one group. The store gives the figures in the order of the fields."""

    key: dict[str, str | None] = {}
    """`By` value -> label; `None` where the events do not say."""
    events: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    cost_reported_nano: int = 0
    cost_computed_nano: int = 0
    cost_nano: int = 0
    """What to show: per event the reported cost, else the computed one."""
    unpriced_events: int = 0
    """Messages without a reported cost and without a known price; they are not in `cost_nano`."""
    unpriced_tokens: int = 0
    estimated_events: int = 0
    lines_added: int = 0
    lines_removed: int = 0
    web_searches: int = 0
    web_fetches: int = 0
    tool_calls: int = 0
    """Of `events`: calls of tools."""
    turns: int = 0
    """Of `events`: requests of a person."""
    first_us: int = 0
    last_us: int = 0

    @property
    def requests(self) -> int:
        """Of `events`: answers of models."""
        return self.events - self.tool_calls - self.turns

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def total_tokens(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write + self.reasoning


class Questions(Protocol):
    """What can be asked of a store; a daemon's store is a fleet of one machine."""

    def revision(self) -> int:
        """Rises with every change of what the other questions answer."""
        ...

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        """Sums per group. No `by`: one row, also when nothing was used."""
        ...

    def sessions(self, window: Window, where: Filter = ANY) -> int:
        """How many different sessions have a message in the window."""
        ...

    def files_changed(self, window: Window, where: Filter = ANY) -> int:
        """How many different files tool calls changed in the window (as far as raw events are kept)."""
        ...

    def readings(self, where: Filter = ANY) -> list[QuotaReading]:
        """The newest reading per provider, account, key (and machine, for machine-scope ones)."""
        ...

    def reading_history(self, provider: str, account: str, key: str, since_us: int) -> list[QuotaReading]:
        """Readings in time order from the last one at or before `since_us` on."""
        ...

    def facts(self, where: Filter = ANY) -> list[AccountFact]:
        """The newest fact per provider, account, key."""
        ...

    def accounts(self) -> list[tuple[str, str]]:
        """Every (provider, account) that has anything."""
        ...

    def oldest_us(self) -> int | None:
        """Time of the first event ever seen: a window that begins before it is partial."""
        ...


def add(rows: Iterable[Rollup]) -> Rollup:
    """One row that is the sum of many, without a key."""
    rows = list(rows)
    used = [row for row in rows if row.events]
    figures = [sum(map(attrgetter(name), rows)) for name in _SUMMED]
    figures.append(min((r.first_us for r in used), default=0))
    figures.append(max((r.last_us for r in used), default=0))
    return Rollup({}, *figures)


_SUMMED = Rollup.__struct_fields__[1:-2]
