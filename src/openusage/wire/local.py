"""What travels over a daemon's Unix socket beside snapshots: questions, answers, state. Local only."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

from openusage.wire.problems import Problem
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window
from openusage.wire.sessions import PAGE, SessionOrder
from openusage.wire.snapshot import UsageSnapshot


class ExporterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the exporter is doing."""

    target: str
    state: str
    """`waiting` (nothing true to say yet), `ok`, `failing`."""
    machine: str = ""
    last_ok_at: dt.datetime | None = None
    last_error: str = ""
    failures: int = 0
    """Pushes in a row that failed."""
    next_try_s: float = 0.0
    records_state: str = "off"
    """`off`, `waiting` (the logs are being read), `sending` (a back-fill), `ok`, `failing`; `unsupported`:
    the hub keeps no records, it is asked again every hour."""
    records_sent: int = 0
    """Records of this machine that the hub has."""
    records_waiting: int = 0
    """Those it has not, at most."""
    records_error: str = ""
    records_set_aside: int = 0
    """Records that the hub refused since the daemon's start: it does not get them, all others it does."""
    records_left_s: float | None = None
    """Seconds that a back-fill will roughly take still; `None`: there is none, or it cannot be said yet."""


class Unassigned(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor answered to a tool, while no account is known to pay for it. It counts for the tool."""

    provider: str
    """The tool that recorded it."""
    account: str
    upstream: str
    """The vendor that answered."""
    requests: int
    tokens: int
    cost_usd: float | None
    """`None`: no request has a cost."""
    last_at: dt.datetime | None
    hint: str
    """The setting that would assign it."""


class SpoolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What tools' hooks left for the daemon. Counts are those since its start."""

    waiting: int = 0
    waiting_bytes: int = 0
    taken: int = 0
    dropped: int = 0
    """Payloads that were too old or too many."""
    dropped_why: str = ""
    """The last time."""
    set_aside: int = 0
    """Payloads that cannot be understood."""


class DaemonStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon says of itself."""

    pid: int
    version: str
    api_version: str
    started_at: dt.datetime
    machine: str
    socket: str
    database: str
    size_bytes: int
    accounts: list[tuple[str, str]] = []
    """(provider, account)."""
    events: int = 0
    collecting: str = ""
    """Progress of a read that takes long, in words; empty when idle."""
    last_collected_at: dt.datetime | None = None
    problems: list[Problem] = []
    """What could not be read or asked."""
    notes: list[str] = []
    exporters: list[ExporterStatus] = []
    hooks: SpoolStatus | None = None
    first_read_done: bool = False
    paused: bool = False
    """Nothing is read and no vendor asked, because somebody wanted that."""
    paused_until: dt.datetime | None = None
    """When that ends by itself; `None`: it does not."""
    on_battery: bool = False
    """Sweeps and polls are rarer meanwhile."""
    unassigned: list[Unassigned] = []
    """Of all time, the most first."""
    restart_for: list[str] = []
    """Settings that have changed and take effect at the daemon's next start; it follows all others."""


class ReadModelAccount(msgspec.Struct, frozen=True):
    """An account asked for."""

    account_id: str
    provider_id: str = ""


class ReadModelRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /v1/read-model`; no accounts: all."""

    accounts: list[ReadModelAccount] | None = None
    provider_links: dict[str, str] | None = None
    time_window: str | None = None


class ReadModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `POST /v1/read-model`. A Go daemon sends only `snapshots`."""

    snapshots: dict[str, UsageSnapshot]
    notes: list[str] = []


class PauseRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /v1/pause`."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=366 * 86_400)] | None = None
    """`None`: until `POST /v1/resume`."""


class UsageRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /v1/usage`: one question to the store."""

    window: Window
    by: list[By] = []
    where: Filter = ANY
    tz: str = "UTC"


class UsageReply(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `POST /v1/usage`."""

    rows: list[Rollup]


class SessionsRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /v1/sessions`; its answer is a `SessionPage`."""

    window: Window
    """Without bounds, when its name says what it is now."""
    where: Filter = ANY
    tz: str = "UTC"
    search: str = ""
    """Only sessions whose name, or the name of a project of theirs, contains this, in any case."""
    order: SessionOrder = SessionOrder.NEWEST
    limit: int = PAGE
    offset: int = 0


class TurnsRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /v1/turns`; its answer is a `TurnPage`."""

    provider: str
    session: str
    limit: int = PAGE
    before: str = ""
    """`next` of the page before; empty: from the newest on."""


class BlocksRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /v1/blocks`; its answer is a `BlockList`."""

    window: Window
    """Without bounds, when its name says what it is now."""
    where: Filter = ANY
    tz: str = "UTC"


class PaneRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /v1/pane`; its answer is a `Pane` of this one machine."""

    window: str = "7d"
    group: By = By.MACHINE
    tz: str = "UTC"
    where: Filter = ANY
