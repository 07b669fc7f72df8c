"""Records: what providers yield and the store keeps.

A record is a `UsageEvent` (something was used at a time), a `QuotaReading` (the vendor's own figure
at a moment) or an `AccountFact` (something that is true of an account: its plan, its version).
All three merge: seeing one again, in any order, from any file or machine, changes nothing.
"""

from __future__ import annotations

import enum
import hashlib
from typing import TypeAlias

import msgspec


class EventKind(enum.StrEnum):
    """What was used."""

    MESSAGE = "message"
    """One answer of a model; the only kind that carries tokens and cost."""
    TOOL = "tool"
    """One call of a tool."""
    TURN = "turn"
    """One request of a person, which may take many messages."""


class Outcome(enum.StrEnum):
    """How a tool call ended. `None` in an event: not known (yet)."""

    OK = "ok"
    ABORTED = "aborted"
    ERROR = "error"


class TokenCounts(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one message in disjoint buckets; `None` means the tool did not report it.

    `input` excludes everything that came from or went into a cache. `reasoning` is the part of the
    answer that was thought: `output` excludes it, so that the six buckets add up to the total.
    A cache write of unknown life time is a 5-minute write.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None

    @property
    def total(self) -> int:
        """Sum of all buckets, not reported ones as 0."""
        return (
            (self.input or 0)
            + (self.output or 0)
            + (self.cache_read or 0)
            + (self.cache_write_5m or 0)
            + (self.cache_write_1h or 0)
            + (self.reasoning or 0)
        )

    @property
    def prompt(self) -> int:
        """Tokens the model read: decides the long-context tier of a request."""
        return (
            (self.input or 0)
            + (self.cache_read or 0)
            + (self.cache_write_5m or 0)
            + (self.cache_write_1h or 0)
        )


NO_TOKENS = TokenCounts()


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="event"):
    """Something was used at a time. One event per vendor identity, whatever copies of it exist."""

    provider: str
    """The tool that was read: `claude_code`."""
    account: str
    """Our account id: `claude-code`."""
    at_us: int
    """UTC, microseconds since 1970."""
    kind: EventKind
    event_key: bytes
    """16 bytes, `event_key(...)` of the vendor's own identity; never of machine, file or session."""
    tokens: TokenCounts = NO_TOKENS
    model: str | None = None
    """As the tool names it."""
    upstream: str | None = None
    """The vendor that answered: `anthropic`, `openai`."""
    client: str | None = None
    """The program or surface used: `CLI`, `IDE`."""
    project: str | None = None
    """Last part of the working directory."""
    session: str | None = None
    agent: str | None = None
    """Sub-agent type, `None` for the main conversation."""
    tool: str | None = None
    """Tool name, `kind=tool` only. MCP tools keep the form `mcp__<server>__<function>`."""
    outcome: Outcome | None = None
    language: str | None = None
    """Programming language of the file a tool call touched, lower case."""
    lines_added: int | None = None
    lines_removed: int | None = None
    file_key: int | None = None
    """63-bit hash of the touched file's path: counts distinct files without keeping paths."""
    web_searches: int | None = None
    web_fetches: int | None = None
    cost_reported_nano: int | None = None
    """Cost as the tool recorded it, in nano-dollars (10^-9 USD)."""
    estimated: bool = False
    """Token counts are an estimate."""
    carried: int | None = None
    """Token total of the one record that says when, where and by whom; `None`: this is that record.
    Kept when records are merged, so that merging stays independent of order."""


class Behaviour(enum.StrEnum):
    """How a vendor's figure moves; tells what a difference of two readings means."""

    COUNTER = "counter"
    """`used` only rises; a fall is a restart."""
    BALANCE = "balance"
    """`remaining` falls as you spend; a rise is a top-up."""
    CAP = "cap"
    """`used` of `limit` until `resets_at`."""
    GAUGE = "gauge"
    """Just the present value."""


class Scope(enum.StrEnum):
    """Whose figure it is."""

    ACCOUNT = "account"
    """The vendor's figure for the whole account: the same on every machine, never added up."""
    MACHINE = "machine"
    """This machine alone."""


class QuotaReading(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="reading"):
    """The vendor's own figure at a moment. Newest wins per (provider, account, key)."""

    provider: str
    account: str
    key: str
    """Metric name as it travels: `usage_five_hour`, `rate_limit_primary`, `credit_balance`."""
    at_us: int
    unit: str
    """`%`, `USD`, `credits`, `tokens`, …"""
    window: str
    """`5h`, `7d`, `session`, `current`, …"""
    used: float | None = None
    limit: float | None = None
    remaining: float | None = None
    resets_at_us: int | None = None
    behaviour: Behaviour = Behaviour.GAUGE
    scope: Scope = Scope.ACCOUNT


class AccountFact(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="fact"):
    """Something true of an account from `at_us` on. Newest wins per (provider, account, key)."""

    provider: str
    account: str
    key: str
    """Attribute name as it travels: `plan_type`, `cli_version`, `account_key`."""
    value: str
    at_us: int


Record: TypeAlias = UsageEvent | QuotaReading | AccountFact


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One login (or local installation) of one tool on this machine."""

    id: str
    provider: str
    roots: tuple[str, ...] = ()
    """Directories to read and watch, with all that is below. Never leaves the machine."""
    flat_roots: tuple[str, ...] = ()
    """Directories of which only their own files are read and watched: what is below is much, and not ours."""
    label: str = ""


def event_key(provider: str, first: object, *rest: object) -> bytes:
    """16 bytes that stand for the vendor's identity of an event, the same wherever a copy is read.

    >>> event_key("claude_code", "msg_1").hex()
    '5385a816db10c07c9d138f5e1857f165'
    """
    # Called for every record of a first read: one format beats a join of mapped parts.
    text = f"{provider}\x1f{first}"
    if rest:
        text = "\x1f".join((text, *map(str, rest)))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


_OUTCOME_RANK = {None: 0, Outcome.OK: 1, Outcome.ABORTED: 2, Outcome.ERROR: 3}


def carried_total(event: UsageEvent) -> int:
    """Token total of the record that the event's description came from."""
    return event.tokens.total if event.carried is None else event.carried


def carrier_rank(event: UsageEvent) -> tuple[object, ...]:
    """Order in which two records of one event compete to say when, where and by whom it was: the least wins.

    The greatest usage wins, then a known outcome, then the earliest time. What follows only makes the
    order total, so that merging does not depend on who came first: known before unknown, and the main
    conversation before a sub-agent that repeats it.
    """
    return (
        -carried_total(event),
        -_OUTCOME_RANK[event.outcome],
        event.at_us,
        _known_first(event.session),
        _known_first(event.project),
        (event.agent is not None, event.agent or ""),
        _known_first(event.model),
        _known_first(event.client),
        _known_first(event.tool),
        event.account,
        _known_first(event.upstream),
        _known_first(event.language),
        (event.file_key is None, event.file_key or 0),
    )


def _known_first(text: str | None) -> tuple[bool, str]:
    return text is None, text or ""


def larger(a: int | None, b: int | None) -> int | None:
    """The larger of two counts of which either may be unreported."""
    if a is None or b is None:
        return b if a is None else a
    return a if a >= b else b


def merge_counts(a: TokenCounts, b: TokenCounts) -> TokenCounts:
    """Field by field the larger count: a streamed answer only grows."""
    if a == b:
        return a
    return TokenCounts(
        larger(a.input, b.input),
        larger(a.output, b.output),
        larger(a.cache_read, b.cache_read),
        larger(a.cache_write_5m, b.cache_write_5m),
        larger(a.cache_write_1h, b.cache_write_1h),
        larger(a.reasoning, b.reasoning),
    )


def merge(a: UsageEvent, b: UsageEvent) -> UsageEvent:
    """One event out of two records of it (equal `event_key`). Idempotent, commutative, associative.

    Counts and costs: the larger, field by field; a reported cost beats none. Description: whole from the
    record that carried the greatest usage (`carrier_rank`).
    """
    tokens = merge_counts(a.tokens, b.tokens)
    first = a if carrier_rank(a) <= carrier_rank(b) else b
    carried = carried_total(first)
    return msgspec.structs.replace(
        first,
        tokens=tokens,
        carried=None if carried == tokens.total else carried,
        lines_added=larger(a.lines_added, b.lines_added),
        lines_removed=larger(a.lines_removed, b.lines_removed),
        web_searches=larger(a.web_searches, b.web_searches),
        web_fetches=larger(a.web_fetches, b.web_fetches),
        cost_reported_nano=larger(a.cost_reported_nano, b.cost_reported_nano),
        estimated=a.estimated and b.estimated,
    )
