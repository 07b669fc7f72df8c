"""What a model costs, and the arithmetic of it.

Owns the unit. A price is held as an integer number of **pico-dollars (10^-12 USD) per token**, so that
`1 USD per million tokens` is 1,000,000 and no listed price is rounded; the sum of a request is exact and is
rounded once, half up, to **nano-dollars (10^-9 USD)**.
"""

from __future__ import annotations

import enum
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from openusage.wire.events import TokenCounts
from openusage.wire.sessions import Part, PriceNote, price_parts

PICO_PER_USD = 10**12
PICO_PER_USD_PER_MTOK = 10**6
DAY_US = 86_400_000_000
_TOKEN_PARTS = TokenCounts.__struct_fields__
"""Named alike in a tier and in `Part`."""


class Match(enum.StrEnum):
    """How a model's name led to its price."""

    EXACT = "exact"
    """The vendor's list knows the name as it is, in any case (a dated form of it included)."""
    NORMALISED = "normalised"
    """The list knows the name without what does not change the price: prefix, region, date, effort."""
    CUSTOM = "custom"
    """The person's own `custom-pricing.json`."""
    LINEAGE = "lineage"
    """Estimate: the same model, at the price of another seller than the one that answered."""
    FUZZY = "fuzzy"
    """Estimate: another version of the same model family."""

    @property
    def is_estimate(self) -> bool:
        """Whether to show the cost as an estimate."""
        return self in (Match.LINEAGE, Match.FUZZY)


class Tier(msgspec.Struct, frozen=True, gc=False):
    """Prices in pico-dollars per token, for the whole of a request of a certain size."""

    above: int
    """Holds when the request's prompt (input, cache reads and cache writes) has more tokens than this."""
    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    reasoning: int


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What one model costs at a moment."""

    model: str
    """The model as the list names it."""
    vendor: str
    """Whose list: `anthropic`, `aws`, `openrouter`, `custom`."""
    match: Match
    version: str
    """Which edition of the prices: `genai-prices/1.2.3`, `custom/1a2b3c4d`. Kept beside a computed cost."""
    tiers: tuple[Tier, ...]
    """By rising `above`; the first holds from 0 tokens on."""
    web_search_pico: int = 0
    """Pico-dollars a web search."""
    context_window: int | None = None
    since: str = ""
    """What makes these prices apply: empty (always), a UTC day, or a daily UTC time span `HH:MM-HH:MM`."""

    def tier(self, prompt: int) -> Tier:
        """The tier of a request with so many prompt tokens."""
        chosen = self.tiers[0]
        for tier in self.tiers:
            if prompt > tier.above:
                chosen = tier
        return chosen

    def cost_nano(self, tokens: TokenCounts, web_searches: int = 0) -> int:
        """What one request costs, in nano-dollars."""
        tier = self.tiers[0] if len(self.tiers) == 1 else self.tier(tokens.prompt)
        pico = (
            (tokens.input or 0) * tier.input
            + (tokens.output or 0) * tier.output
            + (tokens.cache_read or 0) * tier.cache_read
            + (tokens.cache_write_5m or 0) * tier.cache_write_5m
            + (tokens.cache_write_1h or 0) * tier.cache_write_1h
            + (tokens.reasoning or 0) * tier.reasoning
            + web_searches * self.web_search_pico
        )
        return (pico + 500) // 1000

    def note(self, tokens: TokenCounts, web_searches: int = 0) -> PriceNote:
        """How `cost_nano` comes about."""
        tier = self.tier(tokens.prompt)
        products = [(Part(part), getattr(tokens, part) or 0, getattr(tier, part)) for part in _TOKEN_PARTS]
        return PriceNote(
            vendor=self.vendor,
            model=self.model,
            match=str(self.match),
            estimated=self.match.is_estimate,
            version=self.version,
            since=self.since,
            prompt_tokens=tokens.prompt,
            tier_above=tier.above,
            parts=price_parts([*products, (Part.WEB_SEARCH, web_searches, self.web_search_pico)]),
        )


class Dated(msgspec.Struct, frozen=True):
    """Rates and when they apply."""

    rates: Rates
    from_us: int | None = None
    """From this moment on (UTC microseconds); `None`: always."""
    span_us: tuple[int, int] | None = None
    """Daily, from the first to before the second microsecond of the UTC day; may pass midnight."""

    def applies(self, at_us: int) -> bool:
        if self.span_us is not None:
            start, end = self.span_us
            now = at_us % DAY_US
            return start <= now < end if start <= end else now >= start or now < end
        return self.from_us is None or at_us >= self.from_us


class Timeline(msgspec.Struct, frozen=True):
    """All the rates a model ever had, oldest first. The last that applies counts."""

    entries: tuple[Dated, ...]
    constant: Rates | None
    """The rates, when they never changed."""
    open_start: bool = True
    """What the first entry says also holds before it began; else the price of those days is not known."""

    def at(self, at_us: int) -> Rates | None:
        for entry in reversed(self.entries):
            if entry.applies(at_us):
                return entry.rates
        return self.entries[0].rates if self.open_start else None


def pico_per_token(usd_per_mtok: Decimal) -> int:
    """A listed price in our unit."""
    return int((usd_per_mtok * PICO_PER_USD_PER_MTOK).to_integral_value(ROUND_HALF_EVEN))
