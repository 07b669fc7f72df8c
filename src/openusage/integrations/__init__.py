"""Integrations: tools that tell us at once what they did, instead of being read a moment later.

A hook, a `notify` program or a plugin leaves one small file a step in the hook spool, which the daemon
watches (`daemon/spool.py`). This room puts them on a machine and takes them away: `jsonc` and the recipes
(one a tool) decide what the tool's own file must say, `_tool_file` and `install` are all that touches files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from openusage.errors import IntegrationError
from openusage.integrations._recipe import Recipe
from openusage.integrations._tool_file import read_if_there
from openusage.integrations.claude_code import NAME as CLAUDE_SCRIPT
from openusage.integrations.claude_code import ClaudeCode
from openusage.integrations.codex import NAME as CODEX_SCRIPT
from openusage.integrations.codex import Codex
from openusage.integrations.install import Change, Integration, State, Status
from openusage.integrations.opencode import NAME as OPENCODE_PLUGIN
from openusage.integrations.opencode import OpenCode
from openusage.paths import Paths, expand

__all__ = ["Change", "Integration", "IntegrationError", "Recipe", "State", "Status", "Switch", "integrations"]


class Switch(Protocol):
    """What a screen needs to show an integration and to turn it on and off. `Integration` is one.

    Calls touch files for a few milliseconds and raise `IntegrationError` with a sentence for the screen.
    """

    id: str
    name: str

    def status(self) -> Status: ...

    def install(self) -> list[Change]: ...

    def uninstall(self) -> list[Change]: ...


def integrations(paths: Paths, environ: Mapping[str, str]) -> list[Integration]:
    """All of them, installed or not."""
    kept = paths.state_dir / "integrations"
    return [Integration(recipe, kept) for recipe in recipes(paths, environ)]


def recipes(paths: Paths, environ: Mapping[str, str]) -> list[Recipe]:
    """Where each tool of this person has its files."""
    claude = _folder(environ, "CLAUDE_CONFIG_DIR", paths.home / ".claude", paths)
    settings = environ.get("CLAUDE_SETTINGS_FILE", "")
    codex = _folder(environ, "CODEX_HOME", paths.home / ".codex", paths)
    codex = _folder(environ, "CODEX_CONFIG_DIR", codex, paths)
    opencode = paths.config_dir.parent / "opencode"
    return [
        ClaudeCode(
            home=claude,
            config=expand(settings, paths.home) if settings else claude / "settings.json",
            artifact=paths.hooks_dir / CLAUDE_SCRIPT,
            spool=paths.hook_spool,
        ),
        Codex(
            home=codex,
            config=codex / "config.toml",
            artifact=paths.hooks_dir / CODEX_SCRIPT,
            spool=paths.hook_spool,
        ),
        OpenCode(
            home=opencode,
            config=_opencode_config(opencode),
            artifact=opencode / "plugins" / OPENCODE_PLUGIN,
            spool=paths.hook_spool,
        ),
    ]


def _folder(environ: Mapping[str, str], variable: str, usual: Path, paths: Paths) -> Path:
    """The first that a variable names."""
    named = next((part.strip() for part in environ.get(variable, "").split(",") if part.strip()), "")
    return expand(named, paths.home) if named else usual


def _opencode_config(folder: Path) -> Path:
    """OpenCode reads both: the one that we are in, else the one that is there."""
    there = [path for path in (folder / "opencode.json", folder / "opencode.jsonc") if path.exists()]
    ours = [path for path in there if OPENCODE_PLUGIN.encode() in (read_if_there(path) or b"")]
    return (ours or there or [folder / "opencode.json"])[0]
