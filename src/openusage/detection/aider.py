"""Keys in Aider's files: `.aider.conf.yml` and `.env` of the working directory, its repository, the home.

Aider is no tool we count (it keeps no usage), but people keep keys there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from openusage.detection.files import text_of
from openusage.detection.keys import BY_NAME, Credential, of_variable
from openusage.detection.shell import assignments

_SCALARS = {"openai-api-key": "OPENAI_API_KEY", "anthropic-api-key": "ANTHROPIC_API_KEY"}
_SHORT = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "moonshot": "MOONSHOT_API_KEY",
    "moonshotai": "MOONSHOT_API_KEY",
    "xai": "XAI_API_KEY",
    "grok": "XAI_API_KEY",
    "zai": "ZAI_API_KEY",
    "zhipuai": "ZHIPUAI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "google": "GEMINI_API_KEY",
    "alibaba": "ALIBABA_CLOUD_API_KEY",
    "qwen": "ALIBABA_CLOUD_API_KEY",
}
"""Names in the list `api-key`."""


def in_aider(home: Path, cwd: Path, *, is_installed: bool) -> Iterator[Credential]:
    """Keys of the nearest scope first; in one scope the YAML file before `.env`.

    A `.env` is read only where Aider is used: its program or one of its own files is there.
    """
    scopes = list(dict.fromkeys([cwd, *_repository(cwd), home]))
    traces = [*(scope / ".aider.conf.yml" for scope in scopes), home / ".aider"]
    is_used = is_installed or any(path.exists() for path in traces)
    found: dict[str, Credential] = {}
    for scope in scopes if is_used else ():
        for path, keys_in, source in (
            (scope / ".aider.conf.yml", keys_in_yaml, "aider_yaml"),
            (scope / ".env", assignments, "aider_dotenv"),
        ):
            for name, value in keys_in(text_of(path) or "").items():
                found.setdefault(name, of_variable(name, value, f"{source}:{path}"))
    yield from found.values()


def keys_in_yaml(text: str) -> dict[str, str]:
    """Known variable -> key. A value of another type than Aider's costs that value only."""
    import yaml  # loaded only where there is such a file

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    keys: dict[str, str] = {}
    for name, variable in _SCALARS.items():
        if isinstance(value := found.get(name), str) and value.strip():
            keys[variable] = value.strip()
    listed = found.get("api-key")
    for entry in listed if isinstance(listed, list) else [listed]:
        short, _, value = entry.partition("=") if isinstance(entry, str) else ("", "", "")
        if (variable := _SHORT.get(short.strip().lower(), "")) in BY_NAME and value.strip():
            keys.setdefault(variable, value.strip())
    return keys


def _repository(cwd: Path) -> Iterator[Path]:
    """The nearest folder with a `.git` in it."""
    for folder in (cwd, *cwd.parents):
        if (folder / ".git").exists():
            yield folder
            return
