"""How models are named by tools, gateways and vendors, and what each name leads to."""

from __future__ import annotations

import pytest

from openusage.lineage.names import barest, forms, nearest
from openusage.pricing import Match, PriceBook

BOOK = PriceBook.load()
NOW_US = 1_795_000_000_000_000

EXACT = [
    # (model, upstream, vendor, model of the list)
    ("claude-opus-4-6", "anthropic", "anthropic", "claude-opus-4-6"),
    ("claude-opus-4-5-20251101", "anthropic", "anthropic", "claude-opus-4-5"),
    ("claude-sonnet-4-20250514", None, "anthropic", "claude-sonnet-4-0"),
    ("claude-opus-4-6-fast", "anthropic", "anthropic", "claude-opus-4-6 (fast)"),
    ("gpt-5-codex", "openai", "openai", "gpt-5"),
    ("gpt-5.1-codex", "openai", "openai", "gpt-5.1"),
    ("gpt-5.1-codex-max", "openai", "openai", "gpt-5.1"),
    ("gpt-5.1-codex-mini", "openai", "openai", "gpt-5.1-codex-mini"),
    ("gpt-5.2", "openai", "openai", "gpt-5.2"),
    ("gpt-5.2-codex", "openai", "openai", "gpt-5.2"),
    ("gpt-5.3-codex", "openai", "openai", "gpt-5.3-codex"),
    ("GPT-5.2", "azure", "openai", "gpt-5.2"),
    ("gpt-5-2025-08-07", None, "openai", "gpt-5"),
    ("gemini-2.5-pro-preview-05-06", "google", "google", "gemini-2.5-pro"),
    ("gemini-3-pro-preview", None, "google", "gemini-3-pro-preview"),
    ("grok-code-fast-1", None, "xai", "grok-code-fast-1"),
    ("kimi-k2", None, "moonshotai", "kimi-k2"),
    ("glm-4.6", None, "zai", "GLM-4.6"),
    ("glm-4.7", "zhipuai", "zhipuai", "GLM-4.7"),
    ("MiniMax-M2", None, "minimax", "MiniMax-M2"),
    ("deepseek-chat", "deepseek", "deepseek", "deepseek-chat"),
    ("claude-opus-4-5@20251101", "google-vertex", "google", "claude-opus-4-5"),
    ("claude-opus-4-5@20251101", None, "google", "claude-opus-4-5"),
    (
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        None,
        "aws",
        "regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    ("global.anthropic.claude-opus-4-6-v1", "amazon-bedrock", "aws", "global.anthropic.claude-opus-4-6-v1:0"),
    ("vertex_ai/claude-sonnet-4-5@20250929", None, "google", "claude-sonnet-4-5"),
    ("bedrock/eu.anthropic.claude-opus-4-6-v1:0", None, "aws", "regional.anthropic.claude-opus-4-6-v1:0"),
    (
        "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1",
        None,
        "aws",
        "regional.anthropic.claude-opus-4-6-v1:0",
    ),
    ("anthropic/claude-opus-4.6", "openrouter", "openrouter", "anthropic/claude-opus-4.6"),
    ("qwen/qwen3-coder:free", "openrouter", "openrouter", "qwen/qwen3-coder:free"),
    ("amazon/nova-2-lite-v1", "openrouter", "openrouter", "amazon/nova-2-lite-v1"),
    ("moonshotai/kimi-k2-instruct", "groq", "groq", "moonshotai/kimi-k2-instruct"),
    ("claude-sonnet-4", "github-copilot", "github-copilot", "claude-sonnet-4"),
    ("composer-2.5", "cursor", "cursor", "composer-2.5"),
    ("kimi-k2-thinking", "anthropic", "moonshotai", "kimi-k2-thinking"),
]
NORMALISED = [
    ("anthropic/claude-opus-4.6", None, "anthropic", "claude-opus-4-6"),
    ("openai/gpt-5.2-codex", None, "openai", "gpt-5.2"),
    ("claude-sonnet-4-5[1m]", "anthropic", "anthropic", "claude-sonnet-4-5"),
    ("claude-sonnet-4-5-20250929[1m]", "anthropic", "anthropic", "claude-sonnet-4-5"),
    ("claude-4.5-sonnet", None, "anthropic", "claude-sonnet-4-5"),
    ("claude-4.5-sonnet-thinking", None, "anthropic", "claude-sonnet-4-5"),
    ("claude-opus-4.6-high-fast", "anthropic", "anthropic", "claude-opus-4-6 (fast)"),
    ("gpt-5.3-codex-high", None, "openai", "gpt-5.3-codex"),
    ("gpt-5.2-20251211", "openai", "openai", "gpt-5.2"),
    ("models/gemini-2.5-pro", None, "google", "gemini-2.5-pro"),
    ("gemini-3-pro", "gemini-cli", "google", "gemini-3-pro-preview"),
    ("openrouter/anthropic/claude-opus-4.6", None, "openrouter", "anthropic/claude-opus-4.6"),
    ("claude-opus-4.6", "openrouter", "openrouter", "anthropic/claude-opus-4.6"),
]
LINEAGE = [
    ("kimi-k2", "opencode", "moonshotai", "kimi-k2"),
    ("gpt-5.2", "my-proxy", "openai", "gpt-5.2"),
    ("my-gateway/claude-opus-4-6", None, "anthropic", "claude-opus-4-6"),
    ("claude-opus-4-6", "openai-compatible", "anthropic", "claude-opus-4-6"),
    ("claude-opus-4-6", "cursor", "anthropic", "claude-opus-4-6"),
    ("qwen3-coder-plus", None, "openrouter", "qwen/qwen3-coder-plus"),
    ("voxtral-small-24b-2507", None, "openrouter", "mistralai/voxtral-small-24b-2507"),
]
FUZZY = [
    ("claude-opus-6", "anthropic", "anthropic", "claude-opus-5-5"),
    ("claude-opus-4-10", "anthropic", "anthropic", "claude-opus-4-8"),
    ("claude-opus-4-9-20260930", "anthropic", "anthropic", "claude-opus-4-8"),
    ("gpt-5.9-codex", "openai", "openai", "gpt-5.5"),
    ("gemini-3.4-pro", None, "google", "gemini-3.1-pro-preview"),
    ("grok-code-fast-2", None, "xai", "grok-code-fast-1"),
]
CASES = [
    (match, *case)
    for match, cases in (
        (Match.EXACT, EXACT),
        (Match.NORMALISED, NORMALISED),
        (Match.LINEAGE, LINEAGE),
        (Match.FUZZY, FUZZY),
    )
    for case in cases
]


@pytest.mark.parametrize(("match", "model", "upstream", "vendor", "listed"), CASES)
def test_a_name_leads_to_its_price_and_says_how(
    match: Match, model: str, upstream: str | None, vendor: str, listed: str
) -> None:
    rates = BOOK.rates(model, upstream, NOW_US)
    assert rates is not None
    assert (rates.match, rates.vendor, rates.model) == (match, vendor, listed)


def test_only_other_sellers_and_other_versions_are_estimates() -> None:
    assert [m for m in Match if m.is_estimate] == [Match.LINEAGE, Match.FUZZY]


@pytest.mark.parametrize(
    "model",
    [
        "gpt-9",  # more than one major version away
        "gpt-5.9-mega",  # another kind of model
        "claude-opus-4-6-mini",  # a size is another model
        "claude-opus",  # no version
        "claude",
        "o9",  # too short
        "sonnet-9",
        "llama-99-ultra",
        "codex-auto-review",
        "gpt-oss:20b-q4",
    ],
)
def test_what_is_too_far_from_anything_known_has_no_price(model: str) -> None:
    assert BOOK.rates(model, None, NOW_US) is None


def test_a_vendors_prefix_pattern_does_not_claim_a_longer_version() -> None:
    """`claude-opus-4-1` is a prefix of `claude-opus-4-10`, which is another model."""
    rates = BOOK.rates("claude-opus-4-10", "anthropic", NOW_US)
    assert rates is not None
    assert rates.model != "claude-opus-4-1"
    assert rates.match is Match.FUZZY


def test_the_first_form_is_the_name_itself_and_none_comes_twice() -> None:
    for _, model, _, _, _ in CASES:
        made = list(forms(model.lower()))
        assert made[0] == model.lower()
        assert len(made) == len(set(made))


@pytest.mark.parametrize(
    "spelling",
    [
        "claude-opus-4-6",
        "Claude-Opus-4.6",
        "anthropic/claude-opus-4.6",
        "us.anthropic.claude-opus-4-6-v1:0",
        "claude-opus-4-6-20260205",
        "claude-opus-4-6@20260205",
        "claude-opus-4-6[1m]",
        "claude-4.6-opus",
        "claude-opus-4-6-latest",
    ],
)
def test_spellings_of_one_model_have_one_barest_form(spelling: str) -> None:
    assert barest(spelling) == "claude-opus-4-6"


def test_of_several_versions_the_nearest_older_one_is_taken() -> None:
    known = ["acme-pro-2.1", "acme-pro-2.9", "acme-pro-3.2", "acme-mini-3.0", "acme-pro-3-2026-01-02"]
    assert nearest("acme-pro-3.1", known) == "acme-pro-3-2026-01-02"
    assert nearest("acme-pro-2.8", known) == "acme-pro-2.1"
    assert nearest("acme-pro-1.5", known) == "acme-pro-2.1"
    assert nearest("acme-ultra-3.1", known) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("deepseek-v3", "deepseek-v4"),
        ("mistral-medium", "mistral-small"),
        ("nemotron-9b-v1", "nemotron-9b-v2"),
    ],
)
def test_a_version_or_a_size_at_the_end_of_a_name_is_another_model(one: str, other: str) -> None:
    """A price for one of them must not be that of the other."""
    assert barest(one) != barest(other)
