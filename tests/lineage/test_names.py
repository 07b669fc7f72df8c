"""Model names taken apart for tools that do not say whom they asked."""

from __future__ import annotations

import pytest

from openusage.lineage.names import upstream_by_name


@pytest.mark.parametrize(
    ("model", "upstream"),
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
        ("mixtral-8x7b", "mistral"),
        ("us.anthropic.claude-opus-4-6-v1:0", None),
        ("raptor-mini", None),
        ("", None),
        (None, None),
    ],
)
def test_whom_a_tool_asked_that_does_not_say_so(model: str | None, upstream: str | None) -> None:
    assert upstream_by_name(model) == upstream
