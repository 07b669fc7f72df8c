"""`custom-pricing.json`: what it may say, what wins, and what is told when it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openusage.errors import SettingsError
from openusage.pricing import Match, PriceBook, Rates
from openusage.wire.events import TokenCounts

EXAMPLE = {
    "models": {
        "demo-local-7b": {
            "input_cost_per_million_tokens": 0.2,
            "output_cost_per_million_tokens": 0.6,
            "cache_read_input_token_cost_per_million_tokens": 0.02,
            "cache_creation_input_token_cost_per_million_tokens": 0.25,
            "reasoning_cost_per_million_tokens": 0.7,
            "context_window": 32000,
            "provider": "local",
        },
        "demo-by-token": {
            "input_cost_per_token": 1e-6,
            "output_cost_per_token": 4e-6,
            "cache_read_input_token_cost": 1e-7,
            "cache_creation_input_token_cost": 1.25e-6,
            "cache_creation_input_token_cost_above_1hr": 2e-6,
            "reasoning_cost_per_token": 4e-6,
        },
    }
}


def book(tmp_path: Path, content: Any) -> PriceBook:
    path = tmp_path / "custom-pricing.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return PriceBook.load(path)


def rates(made: PriceBook, model: str, upstream: str | None = None) -> Rates:
    found = made.rates(model, upstream, 1_795_000_000_000_000)
    assert found is not None
    return found


def test_prices_by_the_million_and_by_the_token(tmp_path: Path) -> None:
    made = book(tmp_path, EXAMPLE)
    local = rates(made, "demo-local-7b")
    assert (local.match, local.vendor, local.context_window) == (Match.CUSTOM, "local", 32000)
    tier = local.tiers[0]
    assert (tier.input, tier.output, tier.cache_read, tier.cache_write_5m, tier.reasoning) == (
        200_000,
        600_000,
        20_000,
        250_000,
        700_000,
    )
    by_token = rates(made, "demo-by-token").tiers[0]
    assert (by_token.input, by_token.output, by_token.cache_read) == (1_000_000, 4_000_000, 100_000)
    assert (by_token.cache_write_5m, by_token.cache_write_1h) == (1_250_000, 2_000_000)


def test_a_custom_price_wins_over_the_table_and_over_a_local_upstream(tmp_path: Path) -> None:
    cheap = {"input_cost_per_million_tokens": 1, "output_cost_per_million_tokens": 2}
    made = book(tmp_path, {"models": {"Claude-Opus-4-6": cheap, "qwen3:8b": cheap}})
    assert rates(made, "claude-opus-4-6", "anthropic").match is Match.CUSTOM
    assert rates(made, "qwen3:8b", "ollama").match is Match.CUSTOM
    assert rates(made, "claude-opus-4-5", "anthropic").match is Match.EXACT


def test_a_custom_price_holds_for_other_spellings_but_not_for_likeness(tmp_path: Path) -> None:
    made = book(
        tmp_path,
        {"models": {"demo-2.5": {"input_cost_per_million_tokens": 1, "output_cost_per_million_tokens": 1}}},
    )
    assert rates(made, "vendor/demo-2-5-20260101").match is Match.CUSTOM
    assert made.rates("demo-2.6", None, 0) is None


def test_zero_is_a_price(tmp_path: Path) -> None:
    made = book(
        tmp_path,
        {"models": {"mine": {"input_cost_per_million_tokens": 0, "output_cost_per_million_tokens": 0}}},
    )
    assert rates(made, "mine").cost_nano(TokenCounts(input=10**6, output=10**6, cache_read=5)) == 0


def test_what_is_left_out_costs_what_is_nearest(tmp_path: Path) -> None:
    plain = {"input_cost_per_million_tokens": 3, "output_cost_per_million_tokens": 15}
    made = book(tmp_path, {"models": {"plain": plain, "anthropics": plain | {"provider": "anthropic"}}})
    tier = rates(made, "plain").tiers[0]
    assert (tier.cache_read, tier.cache_write_5m, tier.cache_write_1h) == (3_000_000,) * 3
    assert tier.reasoning == 15_000_000
    assert rates(made, "anthropics").tiers[0].cache_write_1h == 6_000_000


def test_tiers_lie_over_each_other(tmp_path: Path) -> None:
    """Given in any order; a tier keeps what it does not name from the one below."""
    model = {
        "input_cost_per_million_tokens": 1,
        "output_cost_per_million_tokens": 2,
        "tiers": [
            {"above_tokens": 200_000, "output_cost_per_million_tokens": 8},
            {"above_tokens": 100_000, "input_cost_per_million_tokens": 4},
        ],
    }
    made = rates(book(tmp_path, {"models": {"tiered": model}}), "tiered")
    assert [(t.above, t.input, t.output) for t in made.tiers] == [
        (0, 1_000_000, 2_000_000),
        (100_000, 4_000_000, 2_000_000),
        (200_000, 4_000_000, 8_000_000),
    ]
    assert made.cost_nano(TokenCounts(input=100_000, output=1)) == 100_000 * 1000 + 2000
    assert made.cost_nano(TokenCounts(input=100_001, output=1)) == 100_001 * 4000 + 2000


def test_the_version_follows_the_file(tmp_path: Path) -> None:
    """A computed cost keeps its version, so a changed file must be another version."""
    one = rates(book(tmp_path, EXAMPLE), "demo-by-token").version
    EXAMPLE_2 = json.loads(json.dumps(EXAMPLE))
    EXAMPLE_2["models"]["demo-by-token"]["input_cost_per_token"] = 3e-6
    two = rates(book(tmp_path, EXAMPLE_2), "demo-by-token").version
    assert one.startswith("custom/")
    assert two.startswith("custom/")
    assert one != two


def test_no_file_means_no_custom_prices(tmp_path: Path) -> None:
    made = PriceBook.load(tmp_path / "none.json")
    assert rates(made, "claude-opus-4-6").match is Match.EXACT


PRICE = {"input_cost_per_million_tokens": 1, "output_cost_per_million_tokens": 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ["not a JSON object"]),
        ("[]", ["not a JSON object"]),
        ("\xff", ["not a JSON object"]),
        ({}, ["models is nothing", "an object of models"]),
        ({"models": []}, ["models is []", "an object of models"]),
        ({"models": {"m": 3}}, ["models.m is 3", "an object with prices"]),
        ({"models": {"m": {}}}, ["models.m.input_cost_per_million_tokens is nothing", "a number, 0 for"]),
        (
            {"models": {"m": {"input_cost_per_token": 0}}},
            ["models.m.output_cost_per_million_tokens is nothing"],
        ),
        (
            {"models": {"m": PRICE | {"output_cost_per_million_tokens": "0.6"}}},
            ["models.m.output_cost_per_million_tokens", '"0.6"', "a number, 0 or more"],
        ),
        ({"models": {"m": PRICE | {"input_cost_per_token": -1}}}, ["input_cost_per_token is -1"]),
        ({"models": {"m": PRICE | {"reasoning_cost_per_token": True}}}, ["reasoning_cost_per_token is true"]),
        ({"models": {"m": PRICE | {"tiers": 1}}}, ["models.m.tiers is 1", "a list"]),
        ({"models": {"m": PRICE | {"tiers": [1]}}}, ["models.m.tiers[0] is 1"]),
        ({"models": {"m": PRICE | {"tiers": [PRICE]}}}, ["models.m.tiers[0].above_tokens is nothing"]),
        ({"models": {"m": PRICE | {"context_window": "32k"}}}, ['models.m.context_window is "32k"']),
        ({"models": {"m": PRICE | {"provider": 5}}}, ["models.m.provider is 5", "text"]),
    ],
)
def test_a_wrong_file_says_where_what_and_what_is_allowed(
    tmp_path: Path, content: object, words: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        book(tmp_path, content)
    for word in (str(tmp_path / "custom-pricing.json"), *words):
        assert word in caught.value.message


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "custom-pricing.json").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        PriceBook.load(tmp_path / "custom-pricing.json")
