"""Small files that may hold keys: read whole, up to a bound, and never written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from openusage.detection.keys import BY_NAME, Credential, masked, of_variable

_MOST_BYTES = 1 << 20

_OPENCODE = {
    "moonshotai": ("moonshot", "moonshot-ai"),
    "openrouter": ("openrouter", "openrouter"),
    "zai": ("zai", "zai"),
    "opencode": ("opencode", "opencode"),
    "opencode-go": ("opencode", "opencode"),
    "ollama-cloud": ("ollama", "ollama-cloud"),
}
"""Vendor in OpenCode's `auth.json` -> (provider, account); of two of one account the first wins."""


def text_of(path: Path) -> str | None:
    """A file's text; `None` when it is absent, not readable, no file, or too large to be one of these."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        return path.read_text("utf-8", "replace")
    except OSError:
        return None


def object_of(path: Path) -> dict[str, object]:
    """A JSON object; empty when it is none."""
    try:
        found = json.loads(text_of(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def in_opencode(home: Path, environ: Mapping[str, str]) -> Iterator[Credential]:
    """Keys that OpenCode keeps for itself; its logins are not keys."""
    data = environ.get("XDG_DATA_HOME", "").strip()
    places = [
        *([Path(data) / "opencode/auth.json"] if data else []),
        home / ".local/share/opencode/auth.json",
        home / "Library/Application Support/opencode/auth.json",
    ]
    path = next((p for p in places if p.is_file()), None)
    if path is None:
        return
    entries = object_of(path)
    for vendor, (provider, account) in _OPENCODE.items():
        entry = entries.get(vendor)
        if isinstance(entry, dict) and entry.get("type") == "api":
            key = entry.get("key")
            if isinstance(key, str) and key.strip():
                yield Credential(
                    provider=provider,
                    account=account,
                    variable="",
                    masked=masked(key),
                    source=f"opencode_auth_json:{path}",
                )


def in_codex(home: Path, environ: Mapping[str, str]) -> Iterator[Credential]:
    """The key that Codex was given instead of a login."""
    folder = environ.get("CODEX_HOME", "").strip()
    path = (Path(folder) if folder else home / ".codex") / "auth.json"
    key = object_of(path).get("OPENAI_API_KEY")
    if isinstance(key, str) and key.strip():
        yield of_variable("OPENAI_API_KEY", key, f"codex_auth_json:{path}")


def in_saved(config_dir: Path) -> Iterator[Credential]:
    """Keys saved beside the settings, as the Go program keeps them: account -> key."""
    path = config_dir / "credentials.json"
    keys = object_of(path).get("keys")
    accounts = {v.account: v for v in reversed(BY_NAME.values())}
    for account, key in keys.items() if isinstance(keys, dict) else ():
        if account in accounts and isinstance(key, str) and key.strip():
            variable = accounts[account]
            yield Credential(
                provider=variable.provider,
                account=account,
                variable="",
                masked=masked(key),
                source=f"saved:{path}",
            )
