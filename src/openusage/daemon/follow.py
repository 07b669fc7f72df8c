"""Follows settings.json while the daemon runs. A file that cannot be used changes nothing, and is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from openusage.daemon.config import Config
from openusage.errors import OpenUsageError
from openusage.wire.problems import Problem

log = logging.getLogger("openusage.daemon")


class Follower:
    """Of one file. To look costs one `stat` while nothing changes."""

    def __init__(self, file: Path | None, configured: Callable[[], Config]) -> None:
        """`configured` reads the file; it raises where that cannot be used."""
        self._file = file
        self._configured = configured
        self._seen: tuple[int, int, int] | None = (0, 0, 0)
        """Of no file: the first look reads, since the file may have changed after the start read it."""
        self.problem: Problem | None = None
        """Why the file cannot be used; what it said before holds."""

    def look(self) -> Config | None:
        """What the settings say, when the file is another than at the last look."""
        if self._file is None or (state := _state(self._file)) == self._seen:
            return None
        self._seen = state
        try:
            found = self._configured()
        except OpenUsageError as e:
            log.warning("%s", e.message)
            self.problem = Problem(what=e.message, hint=e.hint or "Put it right.")
            return None
        self.problem = None
        return found


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
