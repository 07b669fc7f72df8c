"""Panes to draw: five machines of an invented fleet, and very many."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from textual.strip import Strip

from openusage.client import PaneFrame
from openusage.wire.fleet import AccountName, MachineState, State
from openusage.wire.pane import Pane, PaneAccount, PaneLimit, PaneRow, PaneTotals, Used, placed, total_of
from openusage.wire.rollups import By
from openusage.wire.sections import Credit, Gauge
from openusage.wire.stranger import days_until
from tests.tui.sample import FLEET, NOW, FakeSource

DAYS = days_until(NOW.date(), 8)


def texts(lines: Sequence[Strip]) -> list[str]:
    """Lines as characters."""
    return [line.text.rstrip() for line in lines]


def machine(name: str, state: State = State.FRESH, seen_s: float = 4, **more: Any) -> MachineState:
    fields: dict[str, Any] = {
        "id": "a" * 32,
        "version": "1.0",
        "first_seen": NOW - dt.timedelta(days=40),
        "clock_skew_s": 0.0,
        "lag_s": 0.1,
        "backlog": 0,
        "records": 100,
        "copies": 0,
        "accounts": [AccountName("codex", "codex-cli")],
    }
    last_seen = NOW - dt.timedelta(seconds=seen_s)
    return MachineState(name=name, state=state, last_seen=last_seen, **(fields | more))


def gauge(used_pct: float, **more: Any) -> Gauge:
    fields: dict[str, Any] = {
        "key": "usage_five_hour",
        "label": "5 h",
        "window": "5h",
        "window_s": 18_000,
        "resets_at": NOW + dt.timedelta(minutes=78),
    }
    return Gauge(used_pct=used_pct, **(fields | more))


def account(name: str, used_pct: float | None, *machines: str, **more: Any) -> PaneAccount:
    fields: dict[str, Any] = {
        "provider": "claude_code",
        "account": "claude-code",
        "plan": "max",
        "flat_plan": False,
        "gauges": [] if used_pct is None else [gauge(used_pct)],
        "credits": [],
        "read_at": NOW,
    }
    return PaneAccount(name=name, machines=list(machines), **(fields | more))


def row(label: str | None, today: float | None, window: float | None, **more: Any) -> PaneRow:
    costs = [None if window is None else window / 8 for _ in DAYS]
    fields: dict[str, Any] = {
        "today": Used(cost_usd=today, tokens=1e6, requests=10),
        "window": Used(cost_usd=window, tokens=9e6, requests=90),
        "top": "claude-opus-4-6-20260204",
        "costs": costs,
        "tokens": [1e6 for _ in DAYS],
    }
    return PaneRow(label=label, **(fields | more))


MACHINES = {
    m.name: m
    for m in (
        machine("work-laptop"),
        machine("desktop", seen_s=9),
        machine("build-1", State.STALE, 360, clock_skew_s=360.0, backlog=1200),
        machine("home", seen_s=21, id="", records=0),
        machine("ci", State.GONE, 3 * 86_400),
    )
}
ROWS = [
    row("work-laptop", 18.2, 96.1),
    row("desktop", 12.9, 61.75, top="gpt-5.1-codex"),
    row("build-1", 8.41, 38.02),
    row("home", 2.36, 16.53, own_window="30d"),
    row("ci", 0.0, 0.0, top=None, tokens=[0 for _ in DAYS], costs=[None for _ in DAYS]),
]
ACCOUNTS = [
    account("Claude Code", 83.0, "work-laptop", "home", flat_plan=True),
    account("Codex", 31.0, "desktop", provider="codex", plan="plus"),
    account(
        "OpenRouter",
        None,
        "ci",
        plan="",
        credits=[Credit(key="credit_balance", label="credit balance", remaining=7.02)],
    ),
]


def pane(**more: Any) -> Pane:
    rows = more.pop("rows", ROWS)
    machines = more.pop("known", MACHINES)
    used = total_of(r.window for r in rows)
    fields: dict[str, Any] = {
        "now": NOW,
        "window": "7d",
        "tz": "UTC",
        "group": By.MACHINE,
        "labels": DAYS,
        "rows": placed(rows, used, machines, ACCOUNTS),
        "totals": PaneTotals(
            today=Used(cost_usd=41.87, tokens=18.2e6, requests=400),
            window=used,
            today_before=Used(cost_usd=37.4, tokens=1e6, requests=300),
            window_before=Used(cost_usd=226.0, tokens=1e6, requests=300),
            burn_usd_per_h=3.1,
            sessions=12,
        ),
        "accounts": ACCOUNTS,
        "machines": len(machines),
        "active": 3,
        "snapshots": 7,
        "copies": 412,
        "notes": [],
        "history": True,
    }
    return Pane(**(fields | more))


def crowd(count: int) -> Pane:
    """So many machines."""
    names = [f"machine-{n:03}" for n in range(count)]
    return pane(
        rows=[row(name, float(n), 10.0 * n) for n, name in enumerate(names)],
        known={name: machine(name) for name in names},
    )


class FakeFleet(FakeSource):
    """A hub that answers with a pane, too; what it was asked is kept."""

    def __init__(self, said: Pane) -> None:
        super().__init__(FLEET, hub=True)
        self.said = said
        self.repeats: Pane | None = None
        """Instead: nothing has changed since it said this."""
        self.asked: list[tuple[str, By, str]] = []

    def pane(self, window: str, group: By, tz: str) -> PaneFrame:
        self.asked.append((window, group, tz))
        if self.error is not None:
            raise self.error
        if self.repeats is not None:
            return PaneFrame(pane=self.repeats, fetched_at=self.now(), changed=False)
        return PaneFrame(
            pane=msgspec.structs.replace(self.said, window=window, group=group), fetched_at=self.now()
        )


def limit(used_pct: float) -> PaneLimit:
    return PaneLimit(name="Codex", gauge=gauge(used_pct))
