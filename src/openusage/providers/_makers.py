"""Who made a model, by how its name begins: for tools that do not say whom they asked. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

_SIGNS = tuple(
    (re.compile(sign), maker)
    for sign, maker in (
        (r"claude", "anthropic"),
        (r"(?:gpt-|chatgpt|codex|o[1345](?:-|$))", "openai"),
        (r"(?:gemini|gemma)", "google"),
        (r"grok", "xai"),
        (r"(?:kimi|moonshot)", "moonshotai"),
        (r"deepseek", "deepseek"),
        (r"(?:qwen|qwq|coder-model)", "qwen"),
        (r"glm-", "zai"),
        (r"(?:mistral|codestral|devstral|magistral)", "mistral"),
        (r"minimax", "minimax"),
    )
)


@lru_cache(maxsize=512)
def maker_of(model: str | None) -> str | None:
    """The vendor that made a model, `None` when its name does not tell. A vendor in front of it goes first.

    >>> maker_of("claude-sonnet-4.5"), maker_of("openai/gpt-5.2"), maker_of("raptor-mini")
    ('anthropic', 'openai', None)
    """
    if not model:
        return None
    vendor, found, _ = model.partition("/")
    if found and vendor:
        return vendor.lower()
    name = model.lower()
    return next((maker for sign, maker in _SIGNS if sign.match(name)), None)
