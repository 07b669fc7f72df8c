"""Our function and genai-prices, the source of the table, must agree on every model, mix and day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

import pytest
from genai_prices import Usage
from genai_prices import types as gp
from genai_prices.data import providers

from openusage.pricing import Match, PriceBook
from openusage.pricing._table import Table
from openusage.wire.events import EventKind, TokenCounts, UsageEvent
from tools import build_prices

BY_ID = {build_prices.ours(provider.id): provider for provider in providers}
TABLE = Table.shipped()
BOOK = PriceBook.load()

MIXES = (
    (TokenCounts(input=1000, output=500, cache_read=20_000, cache_write_5m=4000, cache_write_1h=0), 0),
    (
        TokenCounts(
            input=7, output=311, cache_read=163_841, cache_write_5m=1234, cache_write_1h=777, reasoning=97
        ),
        3,
    ),
    (TokenCounts(input=200_000, output=1), 0),
    (TokenCounts(input=200_001, output=1), 0),
    (TokenCounts(input=13, output=17, cache_read=271_000, cache_write_5m=5000, cache_write_1h=300_007), 1),
    (TokenCounts(input=900_000, output=64_000, cache_write_1h=11), 0),
)
"""Below, at and above the known thresholds, with each bucket used at least once."""
MOMENTS = (
    dt.datetime(2025, 3, 1, 3, 30, tzinfo=dt.UTC),
    dt.datetime(2026, 3, 12, 23, 59, 59, tzinfo=dt.UTC),
    dt.datetime(2026, 3, 13, 0, 0, tzinfo=dt.UTC),
    dt.datetime(2026, 9, 10, 9, 59, 59, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 20, 16, 29, tzinfo=dt.UTC),
    dt.datetime(2027, 6, 1, 0, 30, tzinfo=dt.UTC),
)


def usage(tokens: TokenCounts, searches: int) -> Usage:
    """Our disjoint buckets as genai-prices wants them: its input includes caches, its writes both kinds."""
    writes = (tokens.cache_write_5m or 0) + (tokens.cache_write_1h or 0)
    return Usage(
        input_tokens=tokens.prompt,
        output_tokens=(tokens.output or 0) + (tokens.reasoning or 0),
        output_reasoning_tokens=tokens.reasoning or 0,
        cache_read_tokens=tokens.cache_read or 0,
        cache_write_tokens=writes,
        cache_write_5m_tokens=tokens.cache_write_5m or 0,
        cache_write_1h_tokens=tokens.cache_write_1h or 0,
        web_searches=searches,
    )


def event(
    model: str, upstream: str | None, at: dt.datetime, tokens: TokenCounts, searches: int
) -> UsageEvent:
    return UsageEvent(
        provider="test",
        account="test",
        at_us=int(at.timestamp()) * 1_000_000,
        kind=EventKind.MESSAGE,
        event_key=bytes(16),
        model=model,
        upstream=upstream,
        tokens=tokens,
        web_searches=searches or None,
    )


def judged(price: gp.ModelPrice, tokens: TokenCounts, searches: int, *, claude: bool) -> Decimal:
    """What genai-prices says, in nano-dollars; with the documented 1-hour price where a list has none."""
    write, write_1h = price.cache_write_mtok, price.cache_write_1h_mtok
    if claude and write is not None and write_1h is None:
        price = gp.ModelPrice(**price.__dict__ | {"cache_write_1h_mtok": _doubled(price.input_mtok)})
    return price.calc_price(usage(tokens, searches))["total_price"] * 10**9


def _doubled(price: Decimal | gp.TieredPrices | None) -> Decimal | gp.TieredPrices:
    assert price is not None
    if isinstance(price, Decimal):
        return 2 * price
    return gp.TieredPrices(2 * price.base, [gp.Tier(t.start, 2 * t.price) for t in price.tiers])


def shipped_models() -> Iterator[tuple[str, str, list[str]]]:
    for vendor in TABLE.names():
        for listed in TABLE.vendor(vendor).models:
            yield vendor, listed.id, listed.names


@pytest.mark.parametrize("vendor_name", TABLE.names())
def test_every_shipped_model_costs_what_genai_prices_says(vendor_name: str) -> None:
    """All models with a name × token mixes × days; exact to the rounded nano-dollar."""
    vendor = BY_ID[vendor_name]
    compared = 0
    for listed in TABLE.vendor(vendor_name).models:
        if not listed.names:
            continue
        model = next(m for m in vendor.models if m.id == listed.id)
        dated = isinstance(model.prices, list)
        for at in MOMENTS if dated else MOMENTS[3:4]:
            price = model.get_prices(at)
            endless = any(_decimals(v) > 6 for v in price.__dict__.values())
            for tokens, searches in MIXES:
                ours = BOOK.price(event(listed.names[0], vendor_name, at, tokens, searches))
                assert ours is not None, (vendor_name, listed.names[0])
                theirs = judged(price, tokens, searches, claude="claude" in listed.id)
                expected = int(theirs.to_integral_value(ROUND_HALF_UP))
                # A price like 1/12 is kept to a millionth of a dollar per million tokens.
                slack = 1 + tokens.total // 2000 if endless else 0
                assert abs(ours.nano - expected) <= slack, (vendor_name, listed.names[0], at, tokens)
                compared += 1
    assert compared >= len(MIXES)


def _decimals(value: object) -> int:
    if isinstance(value, gp.TieredPrices):
        return max(_decimals(v) for v in (value.base, *(t.price for t in value.tiers)))
    if isinstance(value, Decimal):
        exponent = value.normalize().as_tuple().exponent
        assert isinstance(exponent, int)
        return -exponent
    return 0


def test_every_name_in_a_vendors_list_leads_to_that_model() -> None:
    """Asked for at the vendor itself, each listed name finds the model that genai-prices finds."""
    for vendor_name, model_id, names in shipped_models():
        for name in names:
            rates = BOOK.rates(name, vendor_name, 1_790_000_000_000_000)
            assert rates is not None, (vendor_name, name)
            assert (rates.vendor, rates.model, rates.match) == (vendor_name, model_id, Match.EXACT), name


def test_fast_prices_are_those_of_genai_prices() -> None:
    """Every fast variant that genai-prices has for a maker's model, on the day it starts and later."""
    compared = 0
    for vendor_name in ("anthropic", "openai"):
        vendor = BY_ID[vendor_name]
        for listed in TABLE.vendor(vendor_name).models:
            model = next(m for m in vendor.models if m.id == listed.id)
            for variant in model.price_variants or []:
                if "fast" not in variant.when.values():
                    continue
                start = getattr(variant.constraint, "start_date", dt.date(2026, 7, 1))
                for at in (dt.datetime.combine(start, dt.time(), dt.UTC), MOMENTS[-1]):
                    price = model.get_prices(at, variant.when)
                    for tokens, searches in MIXES:
                        ours = BOOK.price(event(f"{listed.names[0]}-fast", vendor_name, at, tokens, searches))
                        theirs = judged(price, tokens, searches, claude=False)
                        assert ours is not None, listed.names[0]
                        assert ours.nano == int(theirs.to_integral_value(ROUND_HALF_UP)), listed.names[0]
                        compared += 1
    assert compared > 100


def test_a_fast_price_is_not_known_before_it_was_published() -> None:
    before = dt.datetime(2026, 10, 11, tzinfo=dt.UTC)
    assert BOOK.price(event("gpt-5.2-fast", "openai", before, MIXES[0][0], 0)) is None
    assert BOOK.price(event("gpt-5.2-fast", "openai", before + dt.timedelta(1), MIXES[0][0], 0)) is not None


def test_the_shipped_table_is_what_the_script_makes() -> None:
    """Fails when genai-prices was updated and `python -m tools.build_prices` was not run."""
    assert build_prices.TARGET.read_bytes() == build_prices.build()


def test_the_table_is_small_and_says_where_it_comes_from() -> None:
    assert build_prices.TARGET.stat().st_size < 150_000
    header = BOOK.header
    assert "genai-prices" in header.source
    assert "MIT" in header.licence
    assert header.first_change < header.last_change
    assert header.models == sum(1 for _ in shipped_models())
