"""What front ends ask: a screen polls `SnapshotSource` and `PaneSource`, its details ask `HistorySource`, a
report asks `UsageSource`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from openusage.wire.pane import Pane
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window
from openusage.wire.sessions import PAGE, BlockList, SessionOrder, SessionPage, TurnPage
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


@runtime_checkable
class HistorySource(Protocol):
    """Asked for the detail of a screen in a worker thread; a daemon and a hub answer alike.

    All raise `PeerError`. A Go program, or one of ours that is older, has not all of these calls: that is a
    `PeerRefused` with the status 404, whose message and hint say so in words for the screen.

    A window needs its name only, when that is one of `1d`, `3d`, `7d`, `30d` and `all`: who is asked knows
    when it begins now, in the zone `tz`. Machines in a filter are ids of the store; a hub takes names, too.
    """

    label: str
    is_hub: bool

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        """Sums per group. A hub's machines go by name, a daemon's by id."""
        ...

    def pane(self, window: str, group: By, tz: str, where: Filter = ANY) -> PaneFrame:
        """Everything at a glance over `1d`, `3d`, `7d`, `30d` or `all`; of a daemon, a fleet of one."""
        ...

    def sessions(
        self,
        window: Window,
        where: Filter = ANY,
        *,
        tz: str = "UTC",
        search: str = "",
        order: SessionOrder = SessionOrder.NEWEST,
        limit: int = PAGE,
        offset: int = 0,
    ) -> SessionPage:
        """Sessions with a message in the window, at most `wire.sessions.MOST_SESSIONS` at once."""
        ...

    def turns(self, provider: str, session: str, *, limit: int = PAGE, before: str = "") -> TurnPage:
        """Events of one session, the newest first; `before` is the `next` of the page before."""
        ...

    def blocks(self, window: Window, where: Filter = ANY, *, tz: str = "UTC") -> BlockList:
        """5-hour blocks of each account that the filter lets through, the newest first."""
        ...
