"""Where a hub keeps its history, and the tokens of its machines."""

from __future__ import annotations

from pathlib import Path

from openusage.paths import Paths, expand


def database_path(text: str, paths: Paths) -> Path | None:
    """What `hub.database` or `--database` says as a path; `None`: in memory."""
    if text == "memory":
        return None
    return expand(text, paths.home) if text else paths.hub_database


def tokens_path(database: Path | None, paths: Paths) -> Path:
    """Beside the database: `hub-tokens.json` for `hub.db`, and for a history in memory."""
    return (database or paths.hub_database).with_name(f"{(database or paths.hub_database).stem}-tokens.json")


def file_identity(path: Path | None) -> tuple[int, int] | None:
    """Which file is there, whatever its name; `None`: none that can be seen."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None
