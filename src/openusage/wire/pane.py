"""The pane: all machines of a hub at a glance, as every front end shows them.

A hub answers it (`GET /v1/fleet`), the terminal and the web page draw it: the same sums, the same words. It
is built from a hub's history (`read_model.pane`), or, of a hub that keeps none, out of snapshots alone
(`wire.stranger`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from openusage.wire.fleet import MachineState
from openusage.wire.local import Unassigned
from openusage.wire.rollups import By
from openusage.wire.sections import Credit, Gauge

WINDOWS = ("1d", "3d", "7d", "30d", "all")
GROUPS = (By.MACHINE, By.PROVIDER, By.ACCOUNT, By.MODEL, By.PROJECT, By.CLIENT)
"""What rows can stand for."""
MOST_ROWS = 1000
"""Of a pane; what comes after them is summed up in one last row."""


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What was used in a span of time."""

    cost_usd: float | None = None
    """`None`: no request has a cost."""
    tokens: float = 0
    requests: float = 0


class PaneLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, and whose it is."""

    name: str
    """Display name of the tool."""
    gauge: Gauge
    machines: list[str] = []
    """Who shares it."""


class PaneRow(msgspec.Struct, frozen=True, kw_only=True):
    """One machine, model, project, …"""

    label: str | None
    """`None`: the records do not say."""
    today: Used
    window: Used
    share_pct: float | None = None
    """Of the window's cost; of its tokens where nothing has a cost."""
    top: str | None = None
    """The model with the greatest cost; of a model, the machine."""
    models: list[str] = []
    """Of a model: the names that tools give it, the costliest first."""
    costs: list[float | None] = []
    """One a label of the pane; `None`: no cost is known."""
    tokens: list[float] = []
    machine: MachineState | None = None
    limit: PaneLimit | None = None
    """The nearest one, of a machine."""
    own_window: str = ""
    """The window of its figures: its machine sends snapshots only, and chose another one than asked for."""
    others: int = 0
    """How many rows this one sums up, when it is the last of very many."""


class PaneTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all rows."""

    today: Used
    window: Used
    today_before: Used | None = None
    """Yesterday up to this time of day; `None`: our data begin later."""
    window_before: Used | None = None
    """The window before the window."""
    burn_usd_per_h: float | None = None
    """Spent in the last hour; `None`: nothing was used."""
    sessions: int | None = None
    unpriced_requests: float = 0
    """In the window, of models without a known price: in no cost."""
    estimated_requests: float = 0
    """In the window, with token counts that are estimates."""
    partial_since: dt.datetime | None = None
    """The window began before our data."""


class PaneAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One real account, whatever machines it is used on."""

    provider: str
    account: str
    name: str
    """Display name of the tool."""
    plan: str
    flat_plan: bool
    """Its costs are what the API would have charged."""
    machines: list[str]
    gauges: list[Gauge]
    """Worst first."""
    credits: list[Credit]
    read_at: dt.datetime | None
    """When the newest of its figures was read."""


class Pane(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/fleet`."""

    now: dt.datetime
    """The hub's clock."""
    window: str
    tz: str
    group: By
    labels: list[str]
    """Local days `YYYY-MM-DD`, or hours `YYYY-MM-DDTHH` of a window of one day: what rows are drawn over."""
    rows: list[PaneRow]
    """By cost, then tokens."""
    totals: PaneTotals
    accounts: list[PaneAccount]
    """Those with a limit or credits, the nearest limit first."""
    machines: int
    active: int
    """Machines heard of within the stale time."""
    snapshots: int
    """Newest states, one an account and machine, that the hub has now."""
    copies: int
    """Events that several machines have, counted once."""
    notes: list[str]
    """What is not well, in sentences."""
    unassigned: list[Unassigned] = []
    """What of the window was answered to tools by vendors whom no account is known to pay; the most first."""
    history: bool
    """False: made out of snapshots alone, each over the window that its machine chose."""

    @property
    def nearest(self) -> PaneLimit | None:
        """The limit that is nearest of all."""
        first = next((a for a in self.accounts if a.gauges), None)
        return limit_of(first) if first else None


def limit_of(account: PaneAccount) -> PaneLimit | None:
    """The nearest limit of an account."""
    if not account.gauges:
        return None
    return PaneLimit(name=account.name, gauge=account.gauges[0], machines=account.machines)


def nearness(account: PaneAccount) -> tuple[float, str, str]:
    """Order of accounts: the nearest limit first."""
    worst = account.gauges[0].used_pct if account.gauges else -1.0
    return -worst, account.name, account.account


def placed(
    rows: Iterable[PaneRow],
    total: Used,
    machines: Mapping[str, MachineState],
    accounts: Sequence[PaneAccount],
) -> list[PaneRow]:
    """Rows in their order, with their shares of `total`; those of `machines` with state and nearest limit.

    At most `MOST_ROWS`: what comes after them is one row, so that the sum stays the sum.
    """
    limits: dict[str, PaneLimit | None] = {}
    for account in sorted(accounts, key=nearness):
        for name in account.machines:
            limits.setdefault(name, limit_of(account))
    ordered = sorted(rows, key=_by_use)
    if len(ordered) > MOST_ROWS:
        rest = added(ordered[MOST_ROWS - 1 :])
        ordered = [
            *ordered[: MOST_ROWS - 1],
            msgspec.structs.replace(
                rest, label=None, top=None, models=[], others=len(ordered) - MOST_ROWS + 1
            ),
        ]
    return [
        msgspec.structs.replace(
            row,
            share_pct=_share_pct(row.window, total),
            machine=machines.get(row.label or ""),
            limit=limits.get(row.label or "") if row.label in machines else None,
        )
        for row in ordered
    ]


def added(rows: Sequence[PaneRow]) -> PaneRow:
    """Rows of one label as one: the greatest of them says what is on top."""
    first = min(rows, key=_by_use)
    windows = {row.own_window for row in rows}
    return PaneRow(
        label=first.label,
        today=total_of(row.today for row in rows),
        window=total_of(row.window for row in rows),
        top=first.top,
        models=list(dict.fromkeys(name for row in sorted(rows, key=_by_use) for name in row.models)),
        costs=[total(parts) for parts in zip(*(row.costs for row in rows), strict=True)],
        tokens=[sum(parts) for parts in zip(*(row.tokens for row in rows), strict=True)],
        own_window=windows.pop() if len(windows) == 1 else "",
    )


def total_of(parts: Iterable[Used]) -> Used:
    """The sum; its cost is `None` only when no part has one."""
    parts = list(parts)
    return Used(
        cost_usd=total(p.cost_usd for p in parts),
        tokens=sum(p.tokens for p in parts),
        requests=sum(p.requests for p in parts),
    )


def total(values: Iterable[float | None]) -> float | None:
    """The sum of what is known; `None` when nothing is."""
    known = [v for v in values if v is not None]
    return sum(known) if known else None


def _by_use(row: PaneRow) -> tuple[float, float, str]:
    return -(row.window.cost_usd or 0.0), -row.window.tokens, row.label or ""


def _share_pct(part: Used, whole: Used) -> float | None:
    if whole.cost_usd:
        return None if part.cost_usd is None else 100.0 * part.cost_usd / whole.cost_usd
    return 100.0 * part.tokens / whole.tokens if whole.tokens else None
