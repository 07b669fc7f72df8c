"""Why a turn cost what it did, in sentences and a sum."""

from __future__ import annotations

from typing import Any

from openusage.tui.detail import price
from openusage.wire.events import EventKind, TokenCounts
from openusage.wire.sessions import CostKnown, Part, PriceNote, SessionMachine, Turn, price_parts
from tests.tui.sample import VIEW

PARTS = price_parts(
    [(Part.INPUT, 4, 5_000_000), (Part.OUTPUT, 473, 25_000_000), (Part.CACHE_READ, 103_484, 500_000)]
)


def note(**more: Any) -> PriceNote:
    fields: dict[str, Any] = {
        "vendor": "anthropic",
        "model": "claude-opus-4-6",
        "match": "exact",
        "estimated": False,
        "version": "2026-11-01",
        "since": "2026-02-05",
        "prompt_tokens": 103_488,
        "parts": PARTS,
    }
    return PriceNote(**(fields | more))


def turn(**more: Any) -> Turn:
    cost = sum(part.cost_nano for part in PARTS)
    fields: dict[str, Any] = {
        "at_us": 0,
        "kind": EventKind.MESSAGE,
        "model": "claude-opus-4-6",
        "account": "claude-code",
        "machine": SessionMachine("a", "laptop"),
        "tokens": TokenCounts(input=4, output=473, cache_read=103_484),
        "cost_nano": cost,
        "cost_computed_nano": cost,
        "known": CostKnown.COMPUTED,
        "price": note(),
    }
    return Turn(**(fields | more))


def said(one: Turn) -> str:
    return " ".join(text for text, _ in price.sentences(one))


def doubts(one: Turn) -> str:
    return " ".join(text for text, is_doubt in price.sentences(one) if is_doubt)


def test_tokens_times_the_dated_rate() -> None:
    texts = [line.text.rstrip() for line in price.lines(turn(), 80, VIEW)]
    assert texts[0] == "WHY THIS COST"
    assert texts[1] == "$0.063587, computed from its tokens."
    assert texts[2] == "Rates of anthropic for claude-opus-4-6 since 2026-02-05; edition 2026-11-01."
    rows = [text.split() for text in texts[4:]]
    assert rows == [
        ["input", "4", "$5", "$0.000020"],
        ["output", "473", "$25", "$0.011825"],
        ["cache", "read", "103,484", "$0.5", "$0.051742"],
        ["sum", "$0.063587"],
    ]


def test_a_reported_cost_stands_beside_what_our_prices_make_of_it() -> None:
    found = said(turn(known=CostKnown.REPORTED, cost_nano=70_000_000, cost_reported_nano=70_000_000))
    assert found.startswith("$0.070000, as the tool wrote it down. Our prices make $0.063587 of its tokens.")


def test_a_model_without_a_price_is_in_no_cost() -> None:
    found = turn(known=CostKnown.UNPRICED, cost_nano=None, cost_computed_nano=None, price=None)
    assert said(found) == "Unpriced: no price of claude-opus-4-6 is known. It is not part of any cost."
    assert len(price.lines(found, 80, VIEW)) == 2


def test_what_is_doubtful_is_said_as_a_doubt() -> None:
    assert doubts(turn()) == ""
    assert "an estimate" in doubts(turn(estimated=True))
    assert "est." in doubts(turn(price=note(estimated=True, match="lineage")))
    assert "earlier edition" in doubts(turn(cost_computed_nano=1, price_version="2026-10-01"))


def test_tiers_times_of_day_and_ways_of_matching() -> None:
    tiered = said(turn(price=note(tier_above=200_000, prompt_tokens=350_000)))
    assert "prompts above 200.0k tokens (350.0k here)" in tiered
    assert ", 00:30-08:30;" in said(turn(price=note(since="00:30-08:30")))
    assert "your own price" in said(turn(price=note(match="custom")))


def test_a_call_of_a_tool_costs_nothing() -> None:
    assert (
        said(turn(kind=EventKind.TOOL, known=None, cost_nano=None))
        == "Only answers of models cost something."
    )


def test_rates_without_zeros_that_say_nothing() -> None:
    tiny = note(parts=price_parts([(Part.INPUT, 1_000_000, 75_000)]))
    assert "$0.075" in [w for line in price.lines(turn(price=tiny), 80, VIEW) for w in line.text.split()]
