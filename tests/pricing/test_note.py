"""Why a message costs what it does: list, name, day, tier, and parts that add up to the nano-dollar."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pytest

from openusage.pricing import PriceBook
from openusage.read_model.windows import to_us
from openusage.wire.events import EventKind, TokenCounts, UsageEvent
from openusage.wire.sessions import Part, PriceNote

BOOK = PriceBook.load()
NOW_US = to_us(dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC))
WORK = TokenCounts(1000, 500, 20_000, 4000, 300, 70)


def event(
    model: str | None, tokens: TokenCounts = WORK, *, upstream: str | None = None, searches: int | None = None
) -> UsageEvent:
    return UsageEvent(
        provider="test",
        account="test",
        at_us=NOW_US,
        kind=EventKind.MESSAGE,
        event_key=bytes(16),
        model=model,
        upstream=upstream,
        tokens=tokens,
        web_searches=searches,
    )


def noted(asked: UsageEvent, book: PriceBook = BOOK) -> PriceNote:
    """The note, which says what the price says."""
    note, price = book.note(asked), book.price(asked)
    assert note is not None
    assert price is not None
    assert (note.cost_nano, note.version, note.match) == (price.nano, price.version, price.match)
    assert note.estimated == price.match.is_estimate
    return note


def parts(note: PriceNote) -> dict[Part, tuple[int, int, int]]:
    return {p.part: (p.count, p.rate_nano, p.cost_nano) for p in note.parts}


def test_each_kind_of_token_has_its_rate() -> None:
    note = noted(event("claude-sonnet-4-5-20250929", searches=2))
    assert (note.vendor, note.match, note.prompt_tokens, note.tier_above) == ("anthropic", "exact", 25_300, 0)
    assert parts(note) == {
        Part.INPUT: (1000, 3_000_000_000, 3_000_000),
        Part.OUTPUT: (500, 15_000_000_000, 7_500_000),
        Part.CACHE_READ: (20_000, 300_000_000, 6_000_000),
        Part.CACHE_WRITE_5M: (4000, 3_750_000_000, 15_000_000),
        Part.CACHE_WRITE_1H: (300, 6_000_000_000, 1_800_000),
        Part.REASONING: (70, 15_000_000_000, 1_050_000),
        Part.WEB_SEARCH: (2, 10_000_000_000_000, 20_000_000),
    }


def test_what_was_not_used_is_left_out() -> None:
    note = noted(event("claude-sonnet-4-5", TokenCounts(input=10, output=None, cache_read=0)))
    assert list(parts(note)) == [Part.INPUT]


def test_a_long_prompt_says_which_tier_it_is_charged_at() -> None:
    usual = noted(event("gemini-2.5-pro", TokenCounts(input=200_000, output=10)))
    long = noted(event("gemini-2.5-pro", TokenCounts(input=200_001, output=10)))
    assert (usual.tier_above, long.tier_above) == (0, 200_000)
    assert parts(long)[Part.INPUT][1] == 2 * parts(usual)[Part.INPUT][1]
    assert long.prompt_tokens == 200_001


def test_fast_mode_is_named() -> None:
    fast, plain = noted(event("claude-opus-4-6-fast")), noted(event("claude-opus-4-6"))
    assert fast.model == f"{plain.model} (fast)"
    assert fast.cost_nano > plain.cost_nano


def test_a_rate_says_since_when_it_holds() -> None:
    dated = [
        note
        for model in BOOK._table.vendor("openai").models
        if (note := BOOK.note(event(model.id, upstream="openai"))) is not None and note.since
    ]
    assert dated
    for note in dated:
        assert ":" in note.since or dt.date.fromisoformat(note.since) <= dt.date(2026, 3, 2)


def test_an_estimate_is_said_to_be_one() -> None:
    note = noted(event("claude-sonnet-4-99"))
    assert (note.match, note.estimated) == ("fuzzy", True)


@pytest.mark.parametrize("model", ["nobody-knows-1", None, ""])
def test_a_model_without_a_price_has_no_note(model: str | None) -> None:
    assert BOOK.note(event(model)) is None
    assert BOOK.price(event(model)) is None


def test_a_persons_own_price_is_theirs(tmp_path: Path) -> None:
    file = tmp_path / "custom-pricing.json"
    file.write_text(
        '{"models":{"mine":{"input_cost_per_million_tokens":0.2,"output_cost_per_million_tokens":0.6}}}'
    )
    note = noted(event("mine", TokenCounts(input=7, output=3)), PriceBook.load(file))
    assert (note.vendor, note.model, note.match) == ("custom", "mine", "custom")
    assert parts(note) == {Part.INPUT: (7, 200_000_000, 1400), Part.OUTPUT: (3, 600_000_000, 1800)}


@pytest.mark.parametrize("vendor", ["anthropic", "openai", "google", "openrouter", "xai"])
def test_every_listed_models_note_adds_up(vendor: str) -> None:
    r = random.Random(vendor)
    for model in BOOK._table.vendor(vendor).models:
        counts = TokenCounts(*(r.choice([None, 0, 1, r.randrange(400_000)]) for _ in range(6)))
        asked = event(model.id, counts, upstream=vendor, searches=r.choice([None, 3]))
        price, note = BOOK.price(asked), BOOK.note(asked)
        if price is not None:
            assert note is not None
            assert note.cost_nano == price.nano
            for p in note.parts:
                assert abs(p.cost_nano * 10**6 - p.count * p.rate_nano) < 10**6
