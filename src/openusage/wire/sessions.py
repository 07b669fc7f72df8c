"""What a detail asks beside snapshots: sessions, the turns of one and why they cost that, 5-hour blocks.

The same types from a daemon's socket and from a hub. Times are UTC microseconds and money is nano-dollars, as
in records: the sums of a screen add up exactly. Numbers and names only, never the text of a prompt or answer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent
from openusage.wire.rollups import Rollup

MOST_SESSIONS = 500
"""Rows of one answer."""
MOST_TURNS = 1000
"""Of one answer."""
MOST_MODELS = 5
"""That a row of a session names."""
MOST_BLOCKS = 5000
MOST_POINTS = 500
"""Of the history of a limit, roughly."""
PAGE = 100
"""Rows of an answer when it is not said how many."""


class SessionOrder(enum.StrEnum):
    """Which sessions come first."""

    NEWEST = "newest"
    """Those used last."""
    COST = "cost"
    """Those with the greatest cost; of equal ones those with more tokens."""


class SessionMachine(msgspec.Struct, frozen=True):
    """A machine that a session was used on."""

    id: str
    """As the store knows it; `name:…` of a machine that sends no id."""
    name: str
    """As shown."""


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one session used in a window. Names are those of its greatest part, by cost, then tokens."""

    session: str
    provider: str
    account: str
    machines: list[SessionMachine]
    """Greatest part first; several when it went on elsewhere."""
    project: str | None
    client: str | None
    models: list[str]
    """At most `MOST_MODELS`, greatest part first."""
    used: Rollup
    """Without a key."""

    @property
    def first_us(self) -> int:
        """Its first event in the window."""
        return self.used.first_us

    @property
    def last_us(self) -> int:
        """Its last event in the window."""
        return self.used.last_us


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the sessions with a message in a window."""

    rows: list[SessionRow]
    total: int
    """How many there are, of which `rows` are some."""
    used: Rollup
    """Sums over all of them."""
    outside: Rollup
    """Sums over what belongs to no session: with `used`, the messages of the window."""
    raw_from_us: int = 0
    """Turns before this time are not kept any more, only their sums; 0: all are."""


class CostKnown(enum.StrEnum):
    """How the cost of a message is known."""

    REPORTED = "reported"
    """The tool wrote it down."""
    COMPUTED = "computed"
    """Made from its tokens and a price."""
    UNPRICED = "unpriced"
    """Not known: there is no price for this model."""


class Part(enum.StrEnum):
    """What a price is asked for."""

    INPUT = "input"
    OUTPUT = "output"
    CACHE_READ = "cache_read"
    CACHE_WRITE_5M = "cache_write_5m"
    CACHE_WRITE_1H = "cache_write_1h"
    REASONING = "reasoning"
    WEB_SEARCH = "web_search"


class PricePart(msgspec.Struct, frozen=True, kw_only=True):
    """`count` at `rate_nano` a million is `cost_nano`."""

    part: Part
    count: int
    """Tokens, or web searches."""
    rate_nano: int
    """Nano-dollars a million of them."""
    cost_nano: int
    """The product to within a nano-dollar: rounded so that all parts add up to the cost."""


class PriceNote(msgspec.Struct, frozen=True, kw_only=True):
    """Why a message costs what it does: the price that applies at its time."""

    vendor: str
    """Whose list: `anthropic`, `aws`, `openrouter`, `custom`."""
    model: str
    """The name in that list; `(fast)` behind it for its fast mode."""
    match: str
    """How the reported name led there: `exact` `normalised` `custom` `lineage` `fuzzy`."""
    estimated: bool
    """The price is another seller's or another version's."""
    version: str
    """Which edition of the prices."""
    since: str = ""
    """Since when these rates hold: a UTC day; a daily UTC time span `HH:MM-HH:MM`; empty: always."""
    prompt_tokens: int
    """What the tier goes by: input, cache reads and cache writes."""
    tier_above: int = 0
    """The rates are those of prompts of more than so many tokens; 0: the usual ones."""
    parts: list[PricePart]
    """What was used, without what was not."""

    @property
    def cost_nano(self) -> int:
        """What these rates make of it; the computed cost, unless that is of another edition of the prices."""
        return sum(part.cost_nano for part in self.parts)


Explain: TypeAlias = Callable[[UsageEvent], PriceNote | None]
"""Why a message costs what it does, by the prices that are known now."""


def unexplained(event: UsageEvent) -> PriceNote | None:
    """For a program without prices."""
    return None


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a session: an answer of a model, a call of a tool, a request of a person."""

    at_us: int
    kind: EventKind
    model: str | None = None
    """As the tool names it."""
    upstream: str | None = None
    account: str
    machine: SessionMachine
    project: str | None = None
    client: str | None = None
    agent: str | None = None
    """Sub-agent; `None`: the main conversation."""
    tool: str | None = None
    outcome: Outcome | None = None
    """Of a call of a tool; `None`: not known."""
    language: str | None = None
    tokens: TokenCounts
    lines_added: int | None = None
    lines_removed: int | None = None
    web_searches: int | None = None
    web_fetches: int | None = None
    cost_nano: int | None = None
    """What to show: the reported cost, else the computed one; `None`: not known, or not a message."""
    known: CostKnown | None = None
    """`None`: not a message."""
    cost_reported_nano: int | None = None
    cost_computed_nano: int | None = None
    """Also where a cost was reported."""
    price_version: str | None = None
    """The edition of the prices that `cost_computed_nano` was made with."""
    estimated: bool = False
    """Its tokens are an estimate."""
    price: PriceNote | None = None
    """Where `cost_computed_nano` comes from; `None`: there is none, or prices know the model no more."""

    @property
    def is_repriced(self) -> bool:
        """The cost was computed with other prices than those that `price` tells: they changed since."""
        return self.price is not None and self.price.cost_nano != self.cost_computed_nano


class TurnPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some turns of one session, the newest first."""

    turns: list[Turn]
    total: int
    """Events that the session ever had, of which `pruned` are not kept any more."""
    pruned: int = 0
    """Those too old: their sums are kept, they are not."""
    raw_from_us: int = 0
    """Before this time none is kept; 0: all are."""
    next: str = ""
    """`before` of the page that follows; empty: this is the last."""


class BlockRow(msgspec.Struct, frozen=True, kw_only=True):
    """What an account used in 5 hours of its plan."""

    provider: str
    account: str
    machines: list[str]
    """Names of those that share the account."""
    start_us: int
    end_us: int
    used: Rollup
    """Of messages, without a key; of a block that is `cut`, what lies in the window."""
    running: bool = False
    cut: bool = False
    """It began before the window, or went on after it."""
    burn_nano_per_h: int | None = None
    """Of the running one, since it began; `None`: too early to say, or nothing has a cost."""
    projected_tokens: int | None = None
    """Of the running one, at its end at the present rate, also of what lies before the window."""
    projected_nano: int | None = None


class LimitPoint(msgspec.Struct, frozen=True, gc=False):
    """From then on so much of a limit was used, until the next point."""

    at_us: int
    used_pct: float


class LimitHistory(msgspec.Struct, frozen=True, kw_only=True):
    """How far a limit of an account was used over a window, as far as readings tell."""

    provider: str
    account: str
    key: str
    """Metric name as it travels."""
    points: list[LimitPoint]
    """In time order; the first may lie before the window."""


class BlockList(msgspec.Struct, frozen=True, kw_only=True):
    """5-hour blocks with a part in a window, the newest first. They share no message."""

    blocks: list[BlockRow]
    outside: Rollup = Rollup()
    """Messages without tokens and cost that lie in no block. With the blocks: all of the window."""
    limits: list[LimitHistory] = []
    """Of the same accounts, whatever else the filter says."""


def price_parts(products: Sequence[tuple[Part, int, int]]) -> list[PricePart]:
    """(what, how many, pico-dollars each) -> parts whose costs add up to the rounded sum, to the nano-dollar.

    The sum of a request is rounded once, half up. Each part is rounded down, and the nano-dollars that are
    missing then go to those that lost most. O(parts log parts).
    """
    used = [(part, count, pico) for part, count, pico in products if count]
    whole = [count * pico // 1000 for _, count, pico in used]
    missing = (sum(count * pico for _, count, pico in used) + 500) // 1000 - sum(whole)
    by_loss = sorted(range(len(used)), key=lambda n: (-(used[n][1] * used[n][2] % 1000), n))
    for n in by_loss[:missing]:
        whole[n] += 1
    return [
        PricePart(part=part, count=count, rate_nano=pico * 1000, cost_nano=cost)
        for (part, count, pico), cost in zip(used, whole, strict=True)
    ]
