"""Where a hub keeps its history."""

from __future__ import annotations

from pathlib import Path

from openusage.paths import Paths, expand


def database_path(text: str, paths: Paths) -> Path | None:
    """What `hub.database` or `--database` says as a path; `None`: in memory."""
    if text == "memory":
        return None
    return expand(text, paths.home) if text else paths.hub_database
