"""What a daemon is told once, at its start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from openusage.exporter import Target


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon is told once, at its start."""

    home: Path
    environ: Mapping[str, str]
    socket: Path
    database: Path
    spool: Path
    """Where tools' hooks leave their payloads."""
    machine: str
    tz: str
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
