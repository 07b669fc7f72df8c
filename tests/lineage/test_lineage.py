"""Which lineage the names have that tools, gateways and vendors give to models."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openusage.lineage import Confidence, Lineages, lineage_of
from openusage.pricing import PriceBook
from openusage.pricing._table import Table
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window

EXACT, NORMALISED = Confidence.EXACT, Confidence.NORMALISED
LIKELY, UNKNOWN = Confidence.LIKELY, Confidence.UNKNOWN

NAMES = [
    # Anthropic, "Models overview": ids with the day of the version, aliases, older families.
    ("claude-opus-4-6", "claude-opus-4-6", EXACT),
    ("claude-opus-4-5-20251101", "claude-opus-4-5", NORMALISED),
    ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5", NORMALISED),
    ("claude-haiku-4-5-20251001", "claude-haiku-4-5", NORMALISED),
    ("claude-opus-4-1-20250805", "claude-opus-4-1", NORMALISED),
    ("claude-sonnet-4-20250514", "claude-sonnet-4", NORMALISED),
    ("claude-sonnet-4-0", "claude-sonnet-4", NORMALISED),
    ("claude-3-7-sonnet-20250219", "claude-3-7-sonnet", NORMALISED),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet", NORMALISED),
    ("claude-3-opus-20240229", "claude-3-opus", NORMALISED),
    ("claude-instant-1.2", "claude-instant-1.2", EXACT),
    ("claude-2.1", "claude-2.1", EXACT),
    # Claude Code, "Model configuration": aliases, and `[1m]` for the large context.
    ("claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5", NORMALISED),
    ("sonnet", "claude-sonnet", LIKELY),
    ("opus[1m]", "claude-opus", LIKELY),
    ("opusplan", "claude-opus", LIKELY),
    ("<synthetic>", "<synthetic>", UNKNOWN),
    # Anthropic's fast mode is the same model at another price.
    ("claude-opus-4-6-fast", "claude-opus-4-6", NORMALISED),
    # AWS, "Supported foundation models" and "Inference profiles": maker, revision, regions, profiles.
    ("anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet", NORMALISED),
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5", NORMALISED),
    ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6", NORMALISED),
    ("apac.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4", NORMALISED),
    ("bedrock/eu.anthropic.claude-opus-4-6-v1:0", "claude-opus-4-6", NORMALISED),
    (
        "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1",
        "claude-opus-4-6",
        NORMALISED,
    ),
    ("anthropic.claude-v2:1", "claude-2.1", NORMALISED),
    ("us.deepseek.r1-v1:0", "deepseek-r1", NORMALISED),
    ("openai.gpt-oss-120b-1:0", "gpt-oss-120b", NORMALISED),
    ("meta.llama3-1-70b-instruct-v1:0", "llama-3.1-70b-instruct", NORMALISED),
    ("us.amazon.nova-pro-v1:0", "nova-pro", LIKELY),
    ("nvidia.nemotron-nano-9b-v2:0", "nemotron-nano-9b", NORMALISED),
    # Google, "Anthropic models on Vertex AI": the day behind `@`.
    ("claude-opus-4-5@20251101", "claude-opus-4-5", NORMALISED),
    ("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet", NORMALISED),
    ("vertex_ai/claude-sonnet-4-5@default", "claude-sonnet-4-5", NORMALISED),
    # Cursor's list of models: version before family, effort, thinking, speed.
    ("claude-4.6-opus-high-thinking", "claude-opus-4-6", NORMALISED),
    ("claude-4.5-sonnet-thinking", "claude-sonnet-4-5", NORMALISED),
    ("claude-4-sonnet", "claude-sonnet-4", NORMALISED),
    ("claude-4.6-opus-max-thinking-fast", "claude-opus-4-6", NORMALISED),
    ("gpt-5.1-codex-max-xhigh-fast", "gpt-5.1-codex-max", NORMALISED),
    ("gpt-5-high-fast", "gpt-5", NORMALISED),
    ("composer-1", "composer-1", EXACT),
    ("composer-2.5-fast", "composer-2.5", NORMALISED),
    ("default", "default", UNKNOWN),
    # GitHub, "Supported AI models in Copilot", and the ids its chat writes.
    ("claude-opus-4.5", "claude-opus-4-5", NORMALISED),
    ("claude-3.7-sonnet-thought", "claude-3-7-sonnet", NORMALISED),
    ("copilot/claude-sonnet-4", "claude-sonnet-4", NORMALISED),
    ("github_copilot/gpt-5-mini", "gpt-5-mini", NORMALISED),
    ("gpt-4-o-preview", "gpt-4o", NORMALISED),
    ("oswe-vscode-prime", "oswe-vscode-prime", LIKELY),
    # OpenAI, "Models": days of versions, older days of month, models that only look like a stage.
    ("gpt-4o-2024-08-06", "gpt-4o", NORMALISED),
    ("gpt-4o-mini-2024-07-18", "gpt-4o-mini", NORMALISED),
    ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", NORMALISED),
    ("GPT-5.2", "gpt-5.2", EXACT),
    ("gpt-5-2025-08-07", "gpt-5", NORMALISED),
    ("gpt-5-codex", "gpt-5-codex", EXACT),
    ("gpt-5-chat-latest", "gpt-5-chat", NORMALISED),
    ("gpt-4-0613", "gpt-4", NORMALISED),
    ("gpt-4-1106-preview", "gpt-4-turbo", NORMALISED),
    ("gpt-4-32k", "gpt-4-32k", EXACT),
    ("gpt-3.5-turbo-0125", "gpt-3.5-turbo", NORMALISED),
    ("o1-preview-2024-09-12", "o1-preview", NORMALISED),
    ("o1-2024-12-17", "o1", NORMALISED),
    ("o3-mini-high", "o3-mini", NORMALISED),
    ("codex-mini-latest", "codex-mini", LIKELY),
    ("ft:gpt-4o-mini-2024-07-18:acme::9a8b", "ft:gpt-4o-mini", NORMALISED),
    # Google, "Gemini models": stages with days, builds, the older order of words.
    ("gemini-2.5-pro", "gemini-2.5-pro", EXACT),
    ("models/gemini-2.5-pro", "gemini-2.5-pro", NORMALISED),
    ("gemini-2.5-pro-preview-05-06", "gemini-2.5-pro", NORMALISED),
    ("gemini-2.5-flash-lite-preview-09-2025", "gemini-2.5-flash-lite", NORMALISED),
    ("gemini-2.0-flash-001", "gemini-2.0-flash", NORMALISED),
    ("google/gemini-2.0-flash-thinking-exp-1219:free", "gemini-2.0-flash-thinking", NORMALISED),
    ("google/gemini-flash-1.5-8b", "gemini-1.5-flash-8b", NORMALISED),
    ("gemini-3-pro-preview", "gemini-3-pro", NORMALISED),
    ("gemini-exp-1206", "gemini-exp", LIKELY),
    # Antigravity's picker, and proxies that put its models behind a word of theirs.
    ("Gemini 3 Pro (High)", "gemini-3-pro", NORMALISED),
    ("Claude Opus 4.5 (Thinking)", "claude-opus-4-5", NORMALISED),
    ("antigravity-claude-opus-4-5-thinking", "claude-opus-4-5", LIKELY),
    ("sonnet-4.5-thinking", "claude-sonnet-4-5", LIKELY),
    # xAI, "Models": days, and one model with and without reasoning.
    ("grok-4-0709", "grok-4", NORMALISED),
    ("grok-4-1-fast-non-reasoning", "grok-4.1-fast", NORMALISED),
    ("grok-4-fast-reasoning", "grok-4-fast", NORMALISED),
    ("x-ai/grok-code-fast-1", "grok-code-fast-1", NORMALISED),
    # DeepSeek, Moonshot, Z.AI, MiniMax, Mistral: their model lists, and the same at Hugging Face.
    ("deepseek-chat", "deepseek-chat", LIKELY),
    ("deepseek/deepseek-chat-v3-0324:free", "deepseek-v3", NORMALISED),
    ("deepseek-v3.2-exp", "deepseek-v3.2", NORMALISED),
    ("deepseek-r1-0528", "deepseek-r1", NORMALISED),
    ("kimi-k2-0905-preview", "kimi-k2", NORMALISED),
    ("moonshotai/Kimi-K2-Instruct-0905", "kimi-k2", NORMALISED),
    ("kimi-k2-thinking", "kimi-k2-thinking", EXACT),
    ("zai-org/GLM-4.6-FP8", "glm-4.6", NORMALISED),
    ("glm-4.5-air", "glm-4.5-air", EXACT),
    ("MiniMax-M2", "minimax-m2", EXACT),
    ("mistral-large-2411", "mistral-large", LIKELY),
    ("mistral-medium-latest", "mistral-medium", LIKELY),
    ("mistral-medium-3-1", "mistral-medium-3.1", NORMALISED),
    # OpenRouter, "Model variants"; Fireworks, Groq, Cerebras, Cloudflare: their paths and words.
    ("openrouter/anthropic/claude-sonnet-4.5", "claude-sonnet-4-5", NORMALISED),
    ("anthropic/claude-3.7-sonnet:thinking", "claude-3-7-sonnet", NORMALISED),
    ("qwen/qwen3-coder:free", "qwen3-coder", NORMALISED),
    ("openai/gpt-4o:extended", "gpt-4o", NORMALISED),
    ("accounts/fireworks/models/kimi-k2-instruct", "kimi-k2", NORMALISED),
    ("cerebras/zai-glm-4.7", "glm-4.7", NORMALISED),
    ("cerebras/qwen-3-32b", "qwen3-32b", NORMALISED),
    ("llama-3.3-70b-versatile", "llama-3.3-70b-versatile", EXACT),
    ("@cf/meta/llama-3.1-8b-instruct", "llama-3.1-8b-instruct", NORMALISED),
    ("openrouter/auto", "auto", UNKNOWN),
    # Frameworks that write the vendor before a colon.
    ("anthropic:claude-sonnet-4-5", "claude-sonnet-4-5", NORMALISED),
    ("google-gla:gemini-2.5-pro", "gemini-2.5-pro", NORMALISED),
    # Ollama's library: sizes as tags, its cloud, other people's quantisations.
    ("gpt-oss:20b", "gpt-oss-20b", NORMALISED),
    ("qwen3-coder:480b-cloud", "qwen3-coder-480b", NORMALISED),
    ("ollama/llama3:latest", "llama-3", NORMALISED),
    ("hf.co/unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M", "qwen3-30b-a3b", NORMALISED),
    # Names that only their owner understands.
    ("my-deployment", "my-deployment", UNKNOWN),
    ("proxy.internal/Team-Model", "team-model", UNKNOWN),
]
GATEWAYS = ("openrouter/", "vertex_ai/", "bedrock/", "accounts/x/models/", "my-gateway/", "azure/")
PRICES = Table.shipped()
LISTED = sorted(
    {m.id for vendor in PRICES.names() for m in PRICES.vendor(vendor).models} | {n for n, *_ in NAMES}
)
names = st.one_of(
    st.sampled_from(LISTED),
    st.lists(
        st.sampled_from(
            "claude gpt gemini grok kimi opus sonnet 4 5 4.6 3-5 20250929 0613 2411 latest preview thinking"
            " high fast v1 v1:0 exp free 1m max chat r1 llama3 qwen 20b".split()
        ),
        min_size=1,
        max_size=9,
    ).map("-".join),
    st.text(string.ascii_letters + string.digits + "-._:@/[]() ", max_size=40),
)


@pytest.mark.parametrize(("name", "lineage", "confidence"), NAMES, ids=[name for name, *_ in NAMES])
def test_a_name_has_this_lineage(name: str, lineage: str, confidence: Confidence) -> None:
    found = lineage_of(name)
    assert (found.id, found.confidence) == (lineage, confidence)


@given(names)
@example("x" + "-latest" * 40)
def test_a_lineage_is_its_own_lineage(name: str) -> None:
    found = lineage_of(name)
    assert lineage_of(found.id).id == found.id


@given(names)
def test_case_makes_no_other_lineage(name: str) -> None:
    assert lineage_of(name.upper()).id == lineage_of(name.lower()).id


@given(st.sampled_from(LISTED), st.sampled_from(GATEWAYS))
def test_a_gateway_makes_no_other_lineage(name: str, gateway: str) -> None:
    assert lineage_of(gateway + name).id == lineage_of(name).id


@given(st.text(max_size=60))
def test_any_text_has_a_lineage_with_a_name_if_it_has_one(text: str) -> None:
    assert bool(lineage_of(text).id) is bool(text)


def test_models_that_differ_in_more_than_a_date_stay_apart() -> None:
    apart = (
        "gpt-5 gpt-5-mini gpt-5-nano gpt-5-pro gpt-5-codex gpt-5.1 gpt-5.1-codex gpt-5.1-codex-max"
        " gpt-5.1-codex-mini o1 o1-preview o1-mini o1-pro o3 gpt-4 gpt-4-turbo gpt-4-32k gpt-4o gpt-4.1"
        " claude-opus-4 claude-opus-4-1 claude-opus-4-5 claude-opus-4-6 claude-sonnet-4 claude-haiku-4-5"
        " gemini-2.5-pro gemini-2.5-flash gemini-2.5-flash-lite grok-4 grok-4-fast grok-4.1-fast"
        " grok-code-fast-1 deepseek-v3 deepseek-v3.1 deepseek-r1 kimi-k2 kimi-k2-thinking kimi-k2.5"
        " glm-4.5 glm-4.5-air glm-4.5v mistral-small mistral-medium mistral-large qwen3-8b qwen3-32b"
    ).split()
    assert len({lineage_of(name).id for name in apart}) == len(apart)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("claude-opus-4-6", "claude-opus-4-6-fast"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
        ("mistral-large-2407", "mistral-large-2512"),
    ],
)
def test_names_of_one_lineage_keep_the_prices_of_their_own(one: str, other: str) -> None:
    book = PriceBook.load()
    assert lineage_of(one).id == lineage_of(other).id
    found = [book.rates(name, None, 1_795_000_000_000_000) for name in (one, other)]
    tiers = [rates.tiers[0] for rates in found if rates is not None]
    assert len(tiers) == 2
    assert tiers[0] != tiers[1]


def test_a_lineage_from_settings_goes_before_ours_and_is_spelled_like_it() -> None:
    lineages = Lineages({"My-Alias": "anthropic/claude-sonnet-4.5", "gpt-4o": "house-model", "x": " "})
    for name in ("my-alias", "MY-ALIAS", "gateway/my-alias"):
        found = lineages.of(name)
        assert (found.id, found.confidence, found.maker) == (
            "claude-sonnet-4-5",
            Confidence.SETTINGS,
            "anthropic",
        )
    assert lineages.of("gpt-4o-2024-08-06").id == "house-model"
    assert lineages.of("gpt-4.1").confidence is EXACT
    assert lineages.of("x").confidence is UNKNOWN
    assert lineages.id_of(None) is None


def test_rows_by_model_become_rows_by_lineage_and_lose_nothing() -> None:
    rows = [
        Rollup({"day": "2026-01-02", "model": "gpt-4o"}, events=1, input=10, first_us=5, last_us=6),
        Rollup({"day": "2026-01-02", "model": "gpt-4o-2024-08-06"}, events=2, input=7, first_us=1, last_us=9),
        Rollup({"day": "2026-01-01", "model": "gpt-4o"}, events=4, input=1, first_us=3, last_us=3),
        Rollup({"day": "2026-01-02", "model": None}, events=8, input=2, first_us=2, last_us=2),
    ]
    asked: list[tuple[By, ...]] = []

    def ask(window: Window, by: object, where: Filter, tz: str) -> list[Rollup]:
        assert isinstance(by, tuple)
        asked.append(by)
        return rows

    grouped = Lineages().usage(ask, Window("all"), (By.DAY, By.LINEAGE), ANY, "UTC")
    assert asked == [(By.DAY, By.MODEL)]
    assert [(list(r.key.values()), r.events, r.input, r.first_us, r.last_us) for r in grouped] == [
        (["2026-01-01", "gpt-4o"], 4, 1, 3, 3),
        (["2026-01-02", None], 8, 2, 2, 2),
        (["2026-01-02", "gpt-4o"], 3, 17, 1, 9),
    ]
    assert Lineages().usage(ask, Window("all"), (By.DAY, By.MODEL), ANY, "UTC") is rows


def test_both_names_can_be_asked_for_at_once() -> None:
    rows = [Rollup({"model": "gpt-4o-2024-08-06"}, events=1), Rollup({"model": "gpt-4o"}, events=2)]
    grouped = Lineages().usage(lambda *_: rows, Window("all"), (By.LINEAGE, By.MODEL), ANY, "UTC")
    assert [r.key for r in grouped] == [
        {"lineage": "gpt-4o", "model": "gpt-4o"},
        {"lineage": "gpt-4o", "model": "gpt-4o-2024-08-06"},
    ]
