"""Kimi's small files: which model is set, whose folder is whose, what a sub-agent is.

They are read only when there is something new in a log, each once a pass. One that cannot be read says
nothing: the logs count without it.
"""

from __future__ import annotations

import tomllib
from hashlib import md5
from pathlib import Path
from typing import Any

from openusage.errors import SourceUnavailable
from openusage.providers._documents import content, object_in
from openusage.providers._values import child, project_of, text
from openusage.providers.kimi_cli._wire import AGENT

FALLBACK_MODEL = "kimi-for-coding"
"""What a login at Kimi's coding plan uses, unless somebody sets another one."""


class Settings:
    """What was read in this pass."""

    def __init__(self) -> None:
        self._projects: dict[Path, dict[str, str]] = {}
        self._models: dict[Path, str] = {}
        self._sessions: dict[Path, str | None] = {}

    def model(self, home: Path) -> str:
        """The default model of the Python program, its real name."""
        if home not in self._models:
            found = _toml(home / "config.toml") or object_in(home / "config.json")
            name = text(found.get("default_model")) or ""
            known = text(child(found, "models", name).get("model"))
            self._models[home] = known or name.rpartition("/")[2] or FALLBACK_MODEL
        return self._models[home]

    def project(self, home: Path, folder: str) -> str | None:
        """The project whose sessions lie in `folder`, the hash of its path."""
        if home not in self._projects:
            listed = object_in(home / "kimi.json").get("work_dirs")
            paths = (text(child(item).get("path")) for item in (listed if isinstance(listed, list) else ()))
            self._projects[home] = {
                md5(path.encode(), usedforsecurity=False).hexdigest(): project_of(path) or path
                for path in paths
                if path
            }
        return self._projects[home].get(folder.rpartition("_")[2])

    def subagent(self, folder: Path) -> tuple[str, str | None]:
        """Type and model of a sub-agent of the Python program."""
        found = object_in(folder / "meta.json")
        launch = child(found, "launch_spec")
        model = text(launch.get("effective_model")) or text(launch.get("model_override"))
        return text(found.get("subagent_type")) or AGENT, model

    def project_of_session(self, folder: Path) -> str | None:
        """The project of a session of Kimi Code."""
        if folder not in self._sessions:
            self._sessions[folder] = project_of(object_in(folder / "state.json").get("workDir"))
        return self._sessions[folder]


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(content(path).decode("utf-8", "replace"))
    except (SourceUnavailable, tomllib.TOMLDecodeError):
        return {}
