"""Panes as a hub makes them, for what draws them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from openusage.wire.fleet import MachineState, State
from openusage.wire.pane import Pane, PaneAccount, PaneLimit, PaneRow, PaneTotals, Used
from openusage.wire.rollups import By
from openusage.wire.sections import Credit, Gauge

NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
DAYS = ["2026-11-20", "2026-11-21", "2026-11-22"]


def gauge(used_pct: float = 83.0, **more: Any) -> Gauge:
    fields: dict[str, Any] = {"key": "usage_five_hour", "label": "5 h", "used_pct": used_pct, "window": "5h"}
    return Gauge(**(fields | more))


def machine(name: str, **more: Any) -> MachineState:
    fields: dict[str, Any] = {
        "name": name,
        "id": "a" * 32,
        "version": "0.9.0",
        "first_seen": NOON - dt.timedelta(days=9),
        "last_seen": NOON - dt.timedelta(seconds=4),
        "state": State.FRESH,
        "clock_skew_s": 0.0,
        "lag_s": 0.0,
        "backlog": 0,
        "records": 10,
        "copies": 0,
        "accounts": [],
    }
    return MachineState(**(fields | more))


def row(label: str | None, cost: float | None = 1.0, tokens: float = 1000.0, **more: Any) -> PaneRow:
    """Its cost is all of the middle day; today it used a tenth of it."""
    part = None if cost is None else cost / 10
    fields: dict[str, Any] = {
        "label": label,
        "today": Used(cost_usd=part, tokens=tokens / 10, requests=1),
        "window": Used(cost_usd=cost, tokens=tokens, requests=10),
        "share_pct": 50.0,
        "top": "claude-opus-4-6-20260101",
        "costs": [None, cost, part],
        "tokens": [0.0, tokens, tokens / 10],
        "machine": machine(label) if label else None,
    }
    return PaneRow(**(fields | more))


def limit(used_pct: float, name: str = "Claude Code") -> PaneLimit:
    return PaneLimit(name=name, gauge=gauge(used_pct))


def account(name: str = "Codex", **more: Any) -> PaneAccount:
    fields: dict[str, Any] = {
        "provider": "codex",
        "account": "codex",
        "name": name,
        "plan": "",
        "flat_plan": False,
        "machines": ["laptop"],
        "gauges": [],
        "credits": [],
        "read_at": NOON - dt.timedelta(seconds=30),
    }
    return PaneAccount(**(fields | more))


def credit(**more: Any) -> Credit:
    return Credit(key="credit_balance", label="balance", **more)


def pane(*rows: PaneRow, **more: Any) -> Pane:
    totals = PaneTotals(
        today=Used(cost_usd=2.0, tokens=2000, requests=2),
        window=Used(cost_usd=20.0, tokens=20_000, requests=20),
    )
    fields: dict[str, Any] = {
        "now": NOON,
        "window": "7d",
        "tz": "UTC",
        "group": By.MACHINE,
        "labels": DAYS,
        "rows": list(rows),
        "totals": totals,
        "accounts": [],
        "machines": len(rows),
        "active": len(rows),
        "snapshots": len(rows),
        "copies": 0,
        "notes": [],
        "history": True,
    }
    return Pane(**(fields | more))


def totals(**more: Any) -> PaneTotals:
    return msgspec.structs.replace(pane().totals, **more)
