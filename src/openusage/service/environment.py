"""A service's environment file: what it takes of a shell's environment, how it is written and read.

A service starts without the shell's variables. What a daemon needs of them is taken when it is installed:
the hub's token, keys of vendors, folders of tools, proxies. The file has mode 0600 and its values are never
shown. A key ring is not used: the daemon starts before, and without, a login that would open it.

The form is the one that systemd and `sh` both read: `NAME="value"`, with `\\` before `"`, `\\`, `$` and a
back quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from openusage.detection.keys import VARIABLES
from openusage.errors import ServiceError
from openusage.files import locked, replace
from openusage.paths import ensure_private_dir
from openusage.settings import HUB_TOKEN_ENV

_OURS = (HUB_TOKEN_ENV, "OPENUSAGE_CUSTOM_PRICING", "OPENUSAGE_DEBUG", "OPENUSAGE_TELEMETRY_SOCKET")
_KEYS = (
    *(v.name for v in VARIABLES),
    "AZURE_OPENAI_ENDPOINT",
    "COPILOT_GITHUB_TOKEN",
    "FACTORY_API_KEY",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_PROJECT_ID",
    "OLLAMA_HOST",
)
_TOOLS = (
    "AMP_DATA_DIR",
    "CLAUDE_CONFIG_DIR",
    "CODEBUFF_DATA_DIR",
    "CODEX_HOME",
    "COPILOT_HOME",
    "COPILOT_OTEL_FILE_EXPORTER_PATH",
    "CRUSH_GLOBAL_DATA",
    "DROID_SESSIONS_DIR",
    "GEMINI_CLI_HOME",
    "GEMINI_DATA_DIR",
    "GOOSE_PATH_ROOT",
    "HERMES_HOME",
    "KILO_DATA_DIR",
    "KILO_DB",
    "KIMI_CODE_HOME",
    "KIMI_DATA_DIR",
    "KIMI_SHARE_DIR",
    "KIRO_DATA_DIR",
    "KIRO_HOME",
    "KIRO_SESSIONS_DIR",
    "MUX_ROOT",
    "OPENCLAW_DIR",
    "OPENCLAW_HOME",
    "OPENCLAW_STATE_DIR",
    "OPENCODE_DATA_DIR",
    "OPENCODE_DB",
    "PI_AGENT_DIR",
    "PI_CODING_AGENT_DIR",
    "PI_CODING_AGENT_SESSION_DIR",
    "QWEN_DATA_DIR",
    "QWEN_HOME",
    "QWEN_RUNTIME_DIR",
    "XUM_ROOT",
)
_FOLDERS = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
_NETWORK = (
    *("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"),
    *("all_proxy", "https_proxy", "http_proxy", "no_proxy"),
    *("SSL_CERT_DIR", "SSL_CERT_FILE"),
)
_SYSTEM = ("LANG", "PATH", "TZ")
DAEMON_NAMES = (*_OURS, *_KEYS, *_TOOLS, *_FOLDERS, *_NETWORK, *_SYSTEM)
"""What a daemon takes."""
HUB_NAMES = (HUB_TOKEN_ENV, "OPENUSAGE_CUSTOM_PRICING", "OPENUSAGE_DEBUG", *_FOLDERS, *_NETWORK, *_SYSTEM)
"""What a hub takes: no vendor's key, no tool's folder."""
SYSTEM_NAMES = tuple(name for name in HUB_NAMES if name not in _FOLDERS)
"""The same as a service of the system, whose folders are its own."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINE = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)=(?:"((?:[^"\\]|\\.)*)"|([^"\'\\\s]*))')
_ESCAPE = re.compile(r'(["\\$`])')
_ESCAPED = re.compile(r'\\(["\\$`])')
_HEAD = (
    "# Variables of the openusage service. Kept when it is installed again; only its owner may read this.\n"
)


def names_taken(names: Iterable[str], environ: Mapping[str, str]) -> list[str]:
    """Those of `names` that are set and can be written, sorted."""
    return sorted(name for name in {*names} if _NAME.fullmatch(name) and _writable(environ.get(name, "")))


def taken(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The same with their values."""
    return {name: environ[name] for name in names_taken(names, environ)}


def _writable(value: str) -> bool:
    """Set, in one line, and text: systemd passes over a value that is not."""
    return bool(value) and value.isprintable()


def render(variables: Mapping[str, str]) -> str:
    """The file's text."""
    escaped = {name: _ESCAPE.sub(r"\\\1", value) for name, value in sorted(variables.items())}
    return _HEAD + "".join(f'{name}="{value}"\n' for name, value in escaped.items())


class Parsed(NamedTuple):
    """What a file's text holds."""

    variables: dict[str, str]
    passed_over: list[int]
    """Numbers of lines that are neither a variable nor a comment. Nothing of them is ever shown."""


def parse(text: str) -> Parsed:
    """Reads what `render` writes, and what people write beside it."""
    variables: dict[str, str] = {}
    passed_over: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            passed_over.append(number)
        elif found[2] is not None:
            variables[found[1]] = _ESCAPED.sub(r"\1", found[2])
        else:
            variables[found[1]] = found[3]
    return Parsed(variables, passed_over)


class EnvFile:
    """One environment file. Raises `ServiceError` where it cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Parsed:
        """Its variables; none where there is no file."""
        try:
            return parse(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return Parsed({}, [])
        except (OSError, UnicodeDecodeError) as e:
            why = (isinstance(e, OSError) and e.strerror) or "it is not UTF-8 text"
            raise ServiceError(f"{self.path} cannot be read: {why}.", "Remove it, and install again.") from e

    def update(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        """Sets these variables, `None` takes one away, the others stay. Gives all that are in it now.

        A file that would be empty is removed.
        """
        try:
            if not self.path.parent.is_dir():  # /etc/openusage has settings beside it that others read
                ensure_private_dir(self.path.parent)
            with locked(self.path):
                merged: dict[str, str | None] = {**self.read().variables, **changes}
                variables = {name: value for name, value in merged.items() if value is not None}
                if variables:
                    replace(self.path, render(variables).encode())
                else:
                    self.path.unlink(missing_ok=True)
            return variables
        except OSError as e:
            raise ServiceError(f"{self.path} cannot be written: {e.strerror or e}.") from e

    def remove(self) -> None:
        """The file and the lock beside it."""
        try:
            self.path.unlink(missing_ok=True)
            self.path.with_name(f".{self.path.name}.lock").unlink(missing_ok=True)
        except OSError as e:
            raise ServiceError(f"{self.path} cannot be removed: {e.strerror or e}.") from e
