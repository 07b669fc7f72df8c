"""What a message costs: arithmetic, days, tiers, and what is not priced."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from openusage.pricing import Match, PriceBook
from openusage.wire.events import EventKind, TokenCounts, UsageEvent, merge_counts

BOOK = PriceBook.load()
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def event(
    model: str | None,
    upstream: str | None = "anthropic",
    *,
    at: dt.datetime = NOON,
    searches: int | None = None,
    kind: EventKind = EventKind.MESSAGE,
    **tokens: int | None,
) -> UsageEvent:
    return UsageEvent(
        provider="claude_code",
        account="claude-code",
        at_us=int(at.timestamp() * 1_000_000),
        kind=kind,
        event_key=bytes(16),
        model=model,
        upstream=upstream,
        tokens=TokenCounts(**tokens),
        web_searches=searches,
    )


def nano(made: UsageEvent) -> int:
    price = BOOK.price(made)
    assert price is not None
    return price.nano


def test_the_worked_example_costs_what_the_price_list_says() -> None:
    """Sonnet 4.6 at 3 / 15 / 0.30 / 3.75 USD: 0.003 + 0.0075 + 0.006 + 0.015 = 0.0315 USD."""
    made = event("claude-sonnet-4-6", input=1000, output=500, cache_read=20_000, cache_write_5m=4000)
    price = BOOK.price(made)
    assert price is not None
    assert price.nano == 31_500_000
    assert price.match is Match.EXACT
    assert price.version.startswith("genai-prices/")


def test_a_one_hour_cache_write_costs_twice_the_input_price() -> None:
    assert nano(event("claude-sonnet-4-6", cache_write_1h=1000)) == 6_000_000
    assert nano(event("claude-sonnet-4-6", cache_write_5m=1000)) == 3_750_000


def test_reasoning_costs_what_output_costs_and_is_not_in_it() -> None:
    together = nano(event("gpt-5.2-codex", "openai", output=700))
    assert nano(event("gpt-5.2-codex", "openai", output=500, reasoning=200)) == together == 9_800_000


def test_a_web_search_costs_one_cent() -> None:
    plain = nano(event("claude-opus-4-6", input=10))
    assert nano(event("claude-opus-4-6", input=10, searches=3)) - plain == 30_000_000


def test_a_long_prompt_makes_the_whole_request_dearer() -> None:
    """Sonnet 4.5 above 200,000 prompt tokens, caches included, is 6 / 22.50 USD for every token."""
    at_limit = event("claude-sonnet-4-5", input=1000, cache_read=199_000, output=100)
    above = event("claude-sonnet-4-5", input=1001, cache_read=199_000, output=100)
    assert nano(at_limit) == 1000 * 3000 + 199_000 * 300 + 100 * 15_000
    assert nano(above) == 1001 * 6000 + 199_000 * 600 + 100 * 22_500


def test_output_does_not_count_towards_a_long_prompt() -> None:
    made = event("claude-sonnet-4-5", input=199_999, output=64_000)
    assert nano(made) == 199_999 * 3000 + 64_000 * 15_000


def test_a_past_event_has_the_price_of_its_day() -> None:
    """o3 cost 10 / 40 USD until 9 June 2025 and 2 / 8 from the 10th on; days are UTC."""
    last = dt.datetime(2025, 6, 9, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    assert nano(event("o3", "openai", at=last, input=1000, output=1000)) == 50_000_000
    first = last + dt.timedelta(microseconds=1)
    assert nano(event("o3", "openai", at=first, input=1000, output=1000)) == 10_000_000


def test_a_price_by_time_of_day_follows_the_utc_clock() -> None:
    """deepseek-v4-pro costs double from 01:00 to before 04:00 UTC."""
    base = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    costs = [
        nano(event("deepseek-v4-pro", "deepseek", at=base + dt.timedelta(minutes=m), input=1000))
        for m in (59, 60, 239, 240)
    ]
    assert costs == [660_000, 1_320_000, 1_320_000, 660_000]


def test_opus_4_6_fast_costs_six_times_the_standard_price() -> None:
    for bucket in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"):
        tokens = TokenCounts(**{bucket: 1000})
        fast, plain = (replace(event(m), tokens=tokens) for m in ("claude-opus-4-6-fast", "claude-opus-4-6"))
        assert nano(fast) == 6 * nano(plain)


def test_opus_4_6_fast_was_dearer_above_200k_until_13_march_2026() -> None:
    before, after = (dt.datetime(2026, 3, day, 12, tzinfo=dt.UTC) for day in (12, 13))
    costs = [nano(event("claude-opus-4-6-fast", at=at, input=200_001, output=10)) for at in (before, after)]
    assert costs == [200_001 * 60_000 + 10 * 225_000, 200_001 * 30_000 + 10 * 150_000]


@pytest.mark.parametrize(
    "model", ["claude-sonnet-4-6-fast", "claude-haiku-4-5-fast", "gpt-5.3-fast", "kimi-k2-fast"]
)
def test_a_fast_mode_without_a_published_price_is_unpriced(model: str) -> None:
    """Its standard price would be wrong by the multiple that fast mode costs."""
    assert BOOK.price(event(model, None, input=1000)) is None


@pytest.mark.parametrize(
    "model", [None, "", "<synthetic>", "demo-large", "auto", "pro", "opus", "gpt", "unknown"]
)
def test_what_has_no_price_is_none_and_not_zero(model: str | None) -> None:
    assert BOOK.price(event(model, input=1000)) is None
    assert BOOK.rates(model, "anthropic", 0) is None


def test_an_event_that_reports_nothing_to_price_is_none() -> None:
    assert BOOK.price(event("claude-opus-4-6")) is None
    assert BOOK.price(event("claude-opus-4-6", kind=EventKind.TOOL)) is None


def test_reported_zeros_cost_zero() -> None:
    assert nano(event("claude-opus-4-6", input=0, output=0)) == 0


def test_what_runs_on_ones_own_machine_has_no_vendors_price() -> None:
    assert BOOK.price(event("gpt-oss-120b", "ollama", input=1000)) is None
    assert BOOK.price(event("ollama/gpt-oss-120b", None, input=1000)) is None
    assert BOOK.price(event("gpt-oss-120b", "groq", input=1000)) is not None


def test_rates_tell_what_a_price_was_made_of() -> None:
    rates = BOOK.rates("claude-sonnet-4-5", "anthropic", 1_790_000_000_000_000)
    assert rates is not None
    assert (rates.vendor, rates.model, rates.context_window) == ("anthropic", "claude-sonnet-4-5", 200_000)
    assert [(t.above, t.input, t.output) for t in rates.tiers] == [
        (0, 3_000_000, 15_000_000),
        (200_000, 6_000_000, 22_500_000),
    ]
    assert rates.tier(200_000).above == 0
    assert rates.tier(200_001).above == 200_000


COUNTS = st.builds(
    TokenCounts,
    **{field: st.none() | st.integers(0, 60_000) for field in TokenCounts.__struct_fields__},
)


@settings(max_examples=60)
@given(COUNTS, COUNTS, st.sampled_from(["claude-opus-4-5", "claude-haiku-4-5", "gpt-5-codex"]))
def test_without_tiers_the_cost_of_two_messages_is_the_cost_of_their_sum(
    a: TokenCounts, b: TokenCounts, model: str
) -> None:
    """Exact, but for the one rounding of each message to a nano-dollar."""
    rates = BOOK.rates(model, None, 0)
    assert rates is not None
    both = TokenCounts(*((getattr(a, f) or 0) + (getattr(b, f) or 0) for f in TokenCounts.__struct_fields__))
    assert abs(rates.cost_nano(a) + rates.cost_nano(b) - rates.cost_nano(both)) <= 1


@settings(max_examples=60)
@given(COUNTS, COUNTS, st.sampled_from(["claude-sonnet-4-5", "gemini-2.5-pro", "gpt-6.1-sol"]))
def test_more_tokens_never_cost_less(a: TokenCounts, b: TokenCounts, model: str) -> None:
    """Also across a tier's threshold: merging two records of a message cannot make it cheaper."""
    rates = BOOK.rates(model, None, 1_795_000_000_000_000)
    assert rates is not None
    merged = rates.cost_nano(merge_counts(a, b))
    assert merged >= max(rates.cost_nano(a), rates.cost_nano(b))


def test_a_known_model_is_priced_in_microseconds() -> None:
    """Called for every message at ingest; the best of five rounds, with room for a slow machine."""
    made = event("claude-sonnet-4-5-20250929", input=5, output=100, cache_read=1000, cache_write_5m=2000)
    BOOK.price(made)
    best = min(_round_s(made) for _ in range(5))
    assert best / 2000 < 10e-6


def _round_s(made: UsageEvent) -> float:
    start = time.perf_counter()
    for _ in range(2000):
        BOOK.price(made)
    return time.perf_counter() - start


def test_a_flood_of_invented_names_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are remembered up to a bound, and prices stay right beyond it."""
    monkeypatch.setattr("openusage.pricing._book.MAX_KNOWN", 10)
    book = PriceBook.load()
    for n in range(25):
        assert book.price(event(f"invented-{n}", None, input=1)) is None
    assert len(book._known) <= 10
    assert book.price(event("claude-opus-4-6", input=1)) is not None
