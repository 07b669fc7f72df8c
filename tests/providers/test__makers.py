"""Who made a model, by its name."""

from __future__ import annotations

import pytest

from openusage.providers._makers import maker_of


@pytest.mark.parametrize(
    ("model", "maker"),
    [
        ("claude-opus-4.5", "anthropic"),
        ("Claude-Sonnet-4-5", "anthropic"),
        ("gpt-5.2-codex", "openai"),
        ("o3-mini", "openai"),
        ("o1", "openai"),
        ("opus", None),
        ("gemini-3-pro-preview", "google"),
        ("grok-code-fast-1", "xai"),
        ("kimi-k2", "moonshotai"),
        ("qwen3-coder-plus", "qwen"),
        ("coder-model", "qwen"),
        ("glm-4.7", "zai"),
        ("anthropic/claude-opus-4.5", "anthropic"),
        ("OpenRouter/gpt-5", "openrouter"),
        ("/gpt-5", None),
        ("raptor-mini", None),
        ("", None),
        (None, None),
    ],
)
def test_makers(model: str | None, maker: str | None) -> None:
    assert maker_of(model) == maker
