"""What the parser of one Codex file remembers, how its records are named, and where they gather. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from openusage.providers._jsonl import Mark
from openusage.providers.codex import _quota as quota
from openusage.wire.events import AccountFact, QuotaReading, Record, Scope, event_key

PROVIDER = quota.PROVIDER
LONG_ID = 16
"""Ids this long are the vendor's and unique; shorter ones (`call_1`) come from local models, per session."""

Total = tuple[int, int, int, int, int]
"""input, cached, cache write, output, reasoning: as Codex counts, cached and written inside input."""
Told = tuple[bool, bool, bool]
"""Whether cached, written and reasoning tokens were reported."""
Seen = tuple[int, Total, int, int | None]
"""A session's last counter: time, totals, tokens in the context, size of the context."""


class Step(msgspec.Struct, omit_defaults=True):
    """One message, ready to be counted."""

    at_us: int
    total: Total
    used: Total
    told: Told
    model: str | None = None
    project: str | None = None


class Pending(msgspec.Struct, omit_defaults=True):
    """A tool call without its output yet."""

    at_us: int
    key: bytes
    tool: str
    model: str | None = None
    project: str | None = None
    language: str | None = None
    lines_added: int | None = None
    lines_removed: int | None = None
    file_key: int | None = None
    told: bool = False
    """A chunk told of it, without an outcome."""


class State(msgspec.Struct, omit_defaults=True):
    """What a file's parser knows at the end of a line. Small, and stored as JSON."""

    session: str = ""
    named: bool = False
    """The first `session_meta` was seen: later ones are copies of other threads'."""
    foreign: bool = False
    """Another thread's `session_meta` was seen: its lines are replayed here."""
    birth_s: int = -1
    """Second of the first `session_meta`: a replay is stamped with it."""
    client: str | None = None
    upstream: str = "openai"
    agent: str | None = None
    project: str | None = None
    cwd: str = ""
    model: str | None = None
    turn: str = ""
    at_us: int = 0
    total: Total | None = None
    step: Total | None = None
    """The last step of T that was counted or recognised as replayed; `None` when it was not."""
    parents: list[str] = []
    """Threads whose counters may be replayed here; empty once the replay is over."""
    matched: int = 0
    """How many counters were recognised as replayed."""
    first_s: int = -1
    """Second of the first counter, while a replay is possible."""
    held: Step | None = None
    """The first counter of a thread with an unknown parent: the next one tells if it was replayed."""
    record_turn: str | None = None
    """Last turn whose responses were counted one by one, by the vendor's ids."""
    pending: dict[str, Pending] = {}
    mark: Mark | None = None
    """What stood before the end of what was read."""

    def replayed(self, at_us: int) -> bool:
        """Whether a line without an id of its own is part of a replay: stamped with the fork's second."""
        return self.foreign and at_us // 1_000_000 == self.birth_s


class Sink:
    """Records of a chunk. Of figures that are replaced by newer ones only the newest is kept."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.events: list[Record] = []
        self.seen: Seen | None = None
        self._limits: dict[tuple[bytes, int], tuple[int, bytes]] = {}
        """Newest `rate_limits` of every shape: shapes differ in which limits and fields they hold."""
        self._newest: dict[tuple[type, str], QuotaReading | AccountFact] = {}

    def put(self, records: Iterable[QuotaReading | AccountFact]) -> None:
        for record in records:
            known = self._newest.get((type(record), record.key))
            if known is None or known.at_us <= record.at_us:
                self._newest[type(record), record.key] = record

    def limits(self, at_us: int, raw: bytes) -> None:
        """The `rate_limits` object of a line. Read when the chunk is taken: most are replaced before."""
        at = raw.find(b'"limit_id"')
        shape = raw[at : at + 40] if at >= 0 else b"", raw.count(b"null")
        known = self._limits.get(shape)
        if known is None or known[0] <= at_us:
            self._limits[shape] = (at_us, raw)

    def take(self) -> list[Record]:
        """All records so far; the sink is empty afterwards."""
        for at_us, raw in self._limits.values():
            self.put(quota.from_log(self.account, _decoded(raw), at_us))
        if self.seen is not None:
            self.put(_session(self.account, self.seen))
        records = [*self.events, *self._newest.values()]
        self.events, self._limits, self.seen, self._newest = [], {}, None, {}
        return records


def step_key(session: str, total: Total) -> bytes:
    """Identity of a message without an id: the counter it led to."""
    return event_key(PROVIDER, f"{session}:{total[0]}:{total[3]}:{total[1]}")


def turn_key(session: str, turn: str) -> bytes:
    """Identity of a turn: its id, within its thread when that is a mere number."""
    return event_key(PROVIDER, "turn", *((turn,) if len(turn) >= LONG_ID else (session, turn)))


def tool_key(session: str, call_id: str) -> bytes:
    """Identity of a tool call, the same in the copies that forks carry."""
    if len(call_id) >= LONG_ID:
        return event_key(PROVIDER, "tool", call_id)
    return event_key(PROVIDER, "tool", session, call_id)


def _session(account: str, seen: Seen) -> Iterator[QuotaReading]:
    """Totals of a session as its own counter tells them, and how full its context is."""
    at_us, (total_in, cached, _, total_out, reasoning), context, window = seen
    figures: dict[str, tuple[int, int | None]] = {
        "session_input_tokens": (total_in, None),
        "session_output_tokens": (total_out, None),
        "session_cached_tokens": (cached, None),
        "session_reasoning_tokens": (reasoning, None),
        "session_total_tokens": (total_in + total_out, None),
    }
    if window and context:
        figures["context_window"] = (context, window)
    for key, (used, limit) in figures.items():
        yield QuotaReading(
            provider=PROVIDER,
            account=account,
            key=key,
            at_us=at_us,
            unit="tokens",
            window="session",
            used=float(used),
            limit=None if limit is None else float(limit),
            remaining=None if limit is None else float(max(0, limit - used)),
            scope=Scope.MACHINE,
        )


def _decoded(raw: bytes) -> dict[str, object]:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
