"""How a daemon stands: what it found, how far its reading is, what is wrong; and the words it has for that.

The loop writes down what happened, whoever asks reads it, in other threads too: every field is replaced as a
whole, none is changed in place.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openusage import __version__
from openusage.daemon.collect import Pass
from openusage.daemon.config import Config
from openusage.daemon.problems import Problems
from openusage.daemon.quiet import Quiet
from openusage.daemon.schedule import Progress, progress_text
from openusage.format import age, printable
from openusage.store import Store
from openusage.wire.local import DaemonStatus, SpoolStatus, Unassigned
from openusage.wire.problems import Problem

if TYPE_CHECKING:
    from openusage.exporter import Exporter

API_VERSION = "v1"


class Standing:
    """Of one daemon."""

    def __init__(self, config: Config, store: Store, now: Callable[[], dt.datetime], quiet: Quiet) -> None:
        self._config = config
        self._store = store
        self._now = now
        self._quiet = quiet
        self.settings_problem: Problem | None = None
        """Why settings.json cannot be used as it is now."""
        self.restart_for: list[str] = []
        """Settings that changed and wait for the next start."""
        self._started_at = now()
        self._database_id = _file_id(config.database)
        self.exporters: Sequence[Exporter] = ()
        self.found: list[tuple[str, str]] = []
        """(provider, account) that the newest pass found."""
        self.progress: Progress | None = None
        """Of a read that takes long."""
        self.last: Pass | None = None
        self.last_at: dt.datetime | None = None
        """When `last` ended."""
        self.first_done = False
        """The first pass is through."""
        self.refusals: dict[tuple[str, str], Problem] = {}
        """What vendors said last who could not be asked, by provider and account."""
        self.problems = Problems()
        """Places in the logs."""

    def take(self, config: Config) -> None:
        """Go on as this says."""
        self._config = config

    def accounts(self) -> list[tuple[str, str]]:
        """Found now, then those that only the store knows: logs go, what was read stays.

        Also those that are switched off: a screen leaves them out by itself, and can switch them on again.
        """
        found = self.found
        known = found + [a for a in self._store.reader().accounts() if a not in found]
        rank = {account: n for n, account in enumerate(self._config.order)}
        return sorted(known, key=lambda a: rank.get(a[1], len(rank)))

    def health(self) -> list[str]:
        """Sentences about what is wrong; empty when all is well."""
        return [*self._store.health().notes, *self._lost_database()]

    def notes(self) -> list[str]:
        """What a screen's status line should say."""
        notes = [*self.health(), *filter(None, (self._quiet.note(), self._reading()))]
        for exporter in (e.status() for e in self.exporters):
            if exporter.state == "failing":
                since = exporter.last_ok_at
                last = f"; last push {age((self._now() - since).total_seconds())} ago" if since else ""
                notes.append(f"Cannot push to {exporter.target}: {exporter.last_error}{last}")
            elif exporter.records_state == "failing":
                notes.append(f"Cannot send records to {exporter.target}: {exporter.records_error}")
        if self.settings_problem is not None:
            notes.append(self.settings_problem.what)
        return notes + [refusal.what for refusal in self.refusals.values()]

    def tell_exporters(self) -> None:
        """There are records to send. Not before the first pass is through: sending would slow it down."""
        if self.first_done:
            for exporter in self.exporters:
                exporter.wake()

    def backlog(self) -> int | None:
        """Records that wait for a hub; `None`: none is sent."""
        sent = [e.status() for e in self.exporters]
        return max((s.records_waiting for s in sent if s.records_state != "off"), default=None)

    def status(self, hooks: SpoolStatus, unassigned: list[Unassigned]) -> DaemonStatus:
        """What the daemon says of itself."""
        health = self._store.health()
        return DaemonStatus(
            pid=os.getpid(),
            version=__version__,
            api_version=API_VERSION,
            started_at=self._started_at,
            machine=self._config.machine,
            socket=printable(str(self._config.socket)),
            database=printable(str(self._config.database)),
            size_bytes=health.size_bytes,
            accounts=list(self.accounts()),
            events=health.events,
            collecting=self._reading(),
            last_collected_at=self.last_at,
            problems=self._all_problems(),
            notes=self.health(),
            exporters=[e.status() for e in self.exporters],
            hooks=hooks,
            first_read_done=self.first_done,
            paused=self._quiet.is_paused,
            paused_until=self._quiet.until if self._quiet.is_paused else None,
            on_battery=self._quiet.is_on_battery,
            unassigned=unassigned,
            restart_for=self.restart_for,
        )

    def _all_problems(self) -> list[Problem]:
        settings = [] if self.settings_problem is None else [self.settings_problem]
        return [*settings, *self.problems.shown(time.monotonic()), *self.refusals.values()]

    def _reading(self) -> str:
        progress = self.progress
        return progress_text(progress) if progress is not None else ""

    def _lost_database(self) -> list[str]:
        """Somebody took the file away below us: SQLite goes on writing to what nobody can open again."""
        if _file_id(self._config.database) == self._database_id:
            return []
        return [
            f"{printable(str(self._config.database))} was removed or replaced while the daemon runs. "
            "Restart the daemon: it makes a new one and reads the logs again that still exist."
        ]


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
