"""What front ends ask: a screen polls `SnapshotSource` and `PaneSource`, a report asks `UsageSource`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from openusage.wire.pane import Pane
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window
from openusage.wire.snapshot import UsageSnapshot


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What a source knew at a moment."""

    snapshots: dict[str, UsageSnapshot]
    """Display key -> snapshot. A daemon's key is the account id, a hub's `machine:provider:account`."""
    fetched_at: dt.datetime
    notes: list[str] = []
    """Sentences for the status line: first read under way, exporter failing, store damaged."""
    changed: bool = True
    """False: nothing changed since the last fetch of the same window."""


class PaneFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What a hub knew of its fleet at a moment."""

    pane: Pane
    fetched_at: dt.datetime
    changed: bool = True
    """False: nothing changed since the last fetch of the same question."""


@runtime_checkable
class PaneSource(Protocol):
    """Polled by a fleet screen in a worker thread. Raises `PeerError`; the screen keeps the last frame."""

    label: str

    is_hub: bool

    def pane(self, window: str, group: By, tz: str) -> PaneFrame:
        """All machines over `1d`, `3d`, `7d`, `30d` or `all`, grouped as asked, in the viewer's zone."""
        ...


class SnapshotSource(Protocol):
    """Polled by a screen in a worker thread. Raises `PeerError`; the screen keeps the last frame."""

    label: str
    """For the status line: `this machine` or `hub http://hub.lan:9190`."""
    is_hub: bool

    def fetch(self, window: str) -> Frame:
        """The newest state for `1d`, `3d`, `7d`, `30d` or `all`; a hub serves what machines pushed."""
        ...

    def close(self) -> None: ...


class UsageSource(Protocol):
    """Asked by reports."""

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]: ...

    def close(self) -> None: ...
