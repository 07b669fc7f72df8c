"""Variables that hold keys of vendors' APIs, and how a key may be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec


class KeyVariable(NamedTuple):
    """A variable, and whose key it holds."""

    name: str
    provider: str
    account: str


VARIABLES = tuple(
    KeyVariable(*row)
    for row in (
        ("OPENAI_API_KEY", "openai", "openai"),
        ("ANTHROPIC_API_KEY", "anthropic", "anthropic"),
        ("AZURE_OPENAI_API_KEY", "azure_openai", "azure_openai"),
        ("AZURE_API_KEY", "azure_openai", "azure_openai"),
        ("OPENROUTER_API_KEY", "openrouter", "openrouter"),
        ("GROQ_API_KEY", "groq", "groq"),
        ("MISTRAL_API_KEY", "mistral", "mistral"),
        ("DEEPSEEK_API_KEY", "deepseek", "deepseek"),
        ("MOONSHOT_API_KEY", "moonshot", "moonshot-ai"),
        ("XAI_API_KEY", "xai", "xai"),
        ("ZAI_API_KEY", "zai", "zai"),
        ("ZHIPUAI_API_KEY", "zai", "zhipuai-auto"),
        ("ZEN_API_KEY", "opencode", "opencode"),
        ("OPENCODE_API_KEY", "opencode", "opencode"),
        ("GEMINI_API_KEY", "gemini_api", "gemini-api"),
        ("GOOGLE_API_KEY", "gemini_api", "gemini-google"),
        ("OLLAMA_API_KEY", "ollama", "ollama-cloud"),
        ("ALIBABA_CLOUD_API_KEY", "alibaba_cloud", "alibaba_cloud"),
    )
)
"""In order of rank: of two variables of one account the first wins. Account ids are the Go program's."""

BY_NAME = {v.name: v for v in VARIABLES}


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was found, without the key."""

    provider: str
    account: str
    variable: str
    """The variable that holds it, or would; empty where a file names the vendor outright."""
    masked: str
    """`sk-p…9xyz`: enough to recognise, too little to use."""
    source: str
    """`env`, `shell_rc:<file>`, `opencode_auth_json:<file>`, `aider_yaml:<file>`, …"""


def masked(secret: str) -> str:
    """First and last four characters of a long key; of a short one nothing."""
    text = secret.strip()
    return f"{text[:4]}…{text[-4:]}" if len(text) > 12 and text.isprintable() else "****"


def of_variable(name: str, value: str, source: str) -> Credential:
    """The credential behind a variable of the table."""
    variable = BY_NAME[name]
    return Credential(
        provider=variable.provider,
        account=variable.account,
        variable=name,
        masked=masked(value),
        source=source,
    )


def in_environment(environ: Mapping[str, str]) -> Iterator[Credential]:
    """Keys of this process's environment, in the order of the table."""
    for variable in VARIABLES:
        if value := environ.get(variable.name, "").strip():
            yield of_variable(variable.name, value, "env")
