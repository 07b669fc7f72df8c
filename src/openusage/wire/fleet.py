"""What a hub that remembers answers about its machines: the types of its JSON, and nothing else.

Times are RFC 3339 in UTC, money is US dollars, spans are seconds. `null` is "not known", never 0.
"""

from __future__ import annotations

import datetime as dt
import enum

import msgspec

NAMED = "name:"
"""How the id of a machine begins that sends none."""


class State(enum.StrEnum):
    """How long ago a machine was heard."""

    FRESH = "fresh"
    """Within `hub.stale_timeout_seconds`."""
    STALE = "stale"
    """Within a day."""
    GONE = "gone"


class AccountName(msgspec.Struct, frozen=True, order=True):
    """An account of a machine, as that machine names it."""

    provider: str
    account: str


class MachineState(msgspec.Struct, frozen=True, kw_only=True):
    """One machine, live or only remembered."""

    name: str
    """Unique here: a second `laptop` is `laptop~2`."""
    id: str
    """32 hex digits; empty for a program that sends none, which is known by its name."""
    version: str
    first_seen: dt.datetime
    last_seen: dt.datetime
    state: State
    clock_skew_s: float | None
    """How far its clock is ahead of the hub's, judged by its quickest message of late."""
    lag_s: float | None
    """How much longer than that its newest message was under way."""
    backlog: int | None
    """Records that still wait there; `null`: it sends none."""
    records: int
    """Messages, tool calls and turns that count for it."""
    copies: int
    """Those that it has too, but that count for another machine."""
    accounts: list[AccountName]

    @property
    def sends_records(self) -> bool:
        """Its records tell what it used, also when all of them are copies of what counts for another one."""
        return bool(self.records or self.copies)


def store_id(machine_id: str, name: str) -> str:
    """How a store knows a machine: by its id, else by its name."""
    return machine_id or NAMED + name


class MachinesReply(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/machines`."""

    now: dt.datetime
    """The hub's clock: what ages are counted from."""
    machines: list[MachineState]
    """By name."""
    notes: list[str] = []
    """What is not well with the hub's history, in sentences."""


class UsageWindow(msgspec.Struct, frozen=True, kw_only=True):
    """`[from, to)`; `null` is open."""

    name: str
    """`1d`, `3d`, `7d`, `30d`, `all` or `custom`."""
    from_: dt.datetime | None = msgspec.field(name="from")
    to: dt.datetime | None


class TokenSums(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens by kind; disjoint, `total` is their sum."""

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    reasoning: int
    total: int


class UsageSums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the events of one group, or of all."""

    key: dict[str, str | None]
    """What was grouped by -> label, in the order asked for; `null`: the records do not say."""
    machine_id: str | msgspec.UnsetType = msgspec.UNSET
    """Beside `key.machine`, which is the machine's name."""
    requests: int
    """Answers of models."""
    tool_calls: int
    turns: int
    tokens: TokenSums
    cost_usd: float | None
    """Per request the reported cost, else the computed one; `null` when no request has either."""
    cost_reported_usd: float
    """What tools reported."""
    cost_computed_usd: float
    """What our prices make of the tokens, also where a cost was reported."""
    unpriced_requests: int
    """Requests without any cost: they are not in `cost_usd`."""
    unpriced_tokens: int
    estimated_requests: int
    """Requests whose tokens are an estimate."""
    lines_added: int
    lines_removed: int
    web_searches: int
    web_fetches: int
    first_at: dt.datetime | None
    last_at: dt.datetime | None


class UsageReply(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/usage`."""

    window: UsageWindow
    tz: str
    by: list[str]
    rows: list[UsageSums]
    """By key, what is not known first; without `by` there are none."""
    totals: UsageSums
    sessions: int
    """Different sessions with a request."""
    copies: int
    """Events of the machines asked for that are copies of what counts for another one, of any time."""


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """The vendor's newest figure under one name."""

    key: str
    unit: str
    window: str
    used: float | None
    limit: float | None
    remaining: float | None
    resets_at: dt.datetime | None
    read_at: dt.datetime
    behaviour: str
    scope: str
    """`account`: true of the whole account; `machine`: of `machine` alone."""
    machine: str
    """Who read it."""


class AccountMember(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's name for an account."""

    machine: str
    machine_id: str
    account: str


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """One real account, whatever machines it is used on."""

    provider: str
    account: str
    """As the first of its machines names it."""
    account_key: str | None
    """One-way fingerprint that its machines have in common; `null`: not known, then it has one machine."""
    machines: list[str]
    members: list[AccountMember]
    facts: dict[str, str]
    """The newest of each: plan, version, …"""
    quotas: list[Quota]
    """One an account-scope key, one a machine and machine-scope key."""


class AccountsReply(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/accounts`."""

    accounts: list[AccountState]
    """By provider and account."""


class ForgetReply(msgspec.Struct, frozen=True, kw_only=True):
    """`DELETE /v1/machines/{name or id}`."""

    machine: str
    """As it was shown."""
    id: str
    dropped: int
    """Events that only this machine had."""
    moved: int
    """Events that another machine has too, and that count for it from now on."""
    last_seen: dt.datetime | None = None


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/capabilities`: what this hub does beyond push and snapshots."""

    version: str
    records: bool
    """It takes records."""
    usage: bool
    machines: bool
    accounts: bool
    fleet: bool = False
    """It answers `GET /v1/fleet`."""
    sessions: bool = False
    """It answers `GET /v1/sessions` and `/v1/turns`."""
    blocks: bool = False
    """It answers `GET /v1/blocks`."""
    durable: bool
    """What it has outlives a restart."""
    stream: bool = False
    """It tells of changes at `/v1/stream`."""
    openapi: bool = False
    """It describes itself at `/openapi.json`."""
