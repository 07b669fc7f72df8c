"""What a daemon is told at its start, and what of it can be told anew while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from openusage.exporter import Target


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon is told."""

    home: Path
    environ: Mapping[str, str]
    socket: Path
    database: Path
    spool: Path
    """Where tools' hooks leave their payloads."""
    machine: str
    tz: str
    settings_file: Path | None = None
    """Watched: what it says is taken up while the daemon runs."""
    tools: tuple[str, ...] = ()
    """Those that are read."""
    collect_s: float = 30.0
    poll_s: float = 300.0
    retention_days: int = 90
    window: str = "30d"
    links: dict[str, str] = {}
    lineages: dict[str, str] = {}
    """`models.lineages` of the settings."""
    targets: tuple[Target, ...] = ()
    """Hubs to push to."""
    order: tuple[str, ...] = ()
    """Account ids whose tiles come first, in this order."""
    hidden: frozenset[str] = frozenset()
    """Account ids that are read but not pushed; screens leave them out by themselves."""
    offline: bool = False
    """Ask no vendor."""
    base_urls: dict[str, str] = {}

    def taking(self, told: Config) -> tuple[Config, list[str]]:
        """With all of `told` that a running daemon can take up; and the settings that wait for a new start.

        A hub's address waits, because the token that the daemon has was given for the old one.
        """
        anew = {target.url: target for target in told.targets}
        waiting = [
            name
            for name, has_changed in (
                ("accounts", told.tools != self.tools),
                ("export.machine_name", told.machine != self.machine),
                ("export.target", set(anew) != {target.url for target in self.targets}),
            )
            if has_changed
        ]
        targets = tuple(target.taking(anew.get(target.url, target)) for target in self.targets)
        kept = msgspec.structs.replace(told, tools=self.tools, machine=self.machine, targets=targets)
        return kept, waiting
