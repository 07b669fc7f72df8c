"""The tables of screens as `Extract`s: every row that is shown, with exact figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from openusage.tui.export import Extract, Value
from openusage.wire.pane import Pane, PaneAccount, PaneRow
from openusage.wire.rollups import By
from openusage.wire.sections import Sections
from openusage.words import STATES


def of_rows(pane: Pane, rows: Sequence[PaneRow], names: Sequence[str], where: str) -> Extract:
    """The rows of a fleet, in their order; `where`: which hub that is."""
    columns = [
        str(pane.group),
        *("today_cost_usd", "today_tokens", "cost_usd", "tokens", "requests", "share_pct", "top"),
    ]
    machines = pane.group is By.MACHINE
    if machines:
        columns += ["state", "version", "last_seen", "limit", "limit_used_pct"]
    return Extract(
        name=f"{pane.group}s {pane.window}",
        columns=columns,
        rows=[_row(row, name, machines=machines) for row, name in zip(rows, names, strict=True)],
        about={"hub": where, "window": pane.window, "tz": pane.tz, "at": pane.now.isoformat()},
    )


def _row(row: PaneRow, name: str, *, machines: bool) -> list[Value]:
    values: list[Value] = [
        name,
        row.today.cost_usd,
        row.today.tokens,
        row.window.cost_usd,
        row.window.tokens,
        row.window.requests,
        row.share_pct,
        row.top,
    ]
    if machines:
        machine, limit = row.machine, row.limit
        values += [
            STATES[machine.state][1] if machine else None,
            machine.version if machine else None,
            machine.last_seen.isoformat() if machine else None,
            f"{limit.name} {limit.gauge.label}" if limit else None,
            limit.gauge.used_pct if limit else None,
        ]
    return values


def of_accounts(pane: Pane, accounts: Sequence[PaneAccount], names: Sequence[str], where: str) -> Extract:
    """The limits of a fleet's accounts, a row a limit."""
    columns = ("account", "provider", "plan", "limit", "used_pct", "resets_at", "machines")
    rows: list[list[Value]] = []
    for account, name in zip(accounts, names, strict=True):
        for gauge in account.gauges:
            resets = gauge.resets_at.isoformat() if gauge.resets_at else None
            shared = ", ".join(account.machines)
            rows.append([name, account.provider, account.plan, gauge.label, gauge.used_pct, resets, shared])
    return Extract(
        name="accounts",
        columns=columns,
        rows=rows,
        about={"hub": where, "at": pane.now.isoformat()},
    )


def of_tiles(accounts: Sequence[Sections], where: str, window: str) -> Extract:
    """Accounts as tiles have them, a row an account."""
    columns = (
        *("account", "provider", "machine", "status", "plan", "today_cost_usd", "window"),
        *("cost_usd", "tokens", "requests", "limit", "limit_used_pct", "limit_resets_at", "at"),
    )
    return Extract(
        name=f"tools {window}",
        columns=columns,
        rows=[_tile(account) for account in accounts],
        about={"of": where, "window": window},
    )


def _tile(account: Sections) -> list[Value]:
    totals, gauge = account.totals, next(iter(account.gauges), None)
    resets = gauge.resets_at if gauge else None
    return [
        account.account_id,
        account.provider_id,
        account.machine or None,
        account.status,
        account.plan or None,
        totals.today_cost_usd,
        totals.window or None,
        totals.window_cost_usd,
        totals.window_tokens,
        totals.window_requests,
        gauge.label if gauge else None,
        gauge.used_pct if gauge else None,
        resets.isoformat() if resets else None,
        account.timestamp.isoformat() if account.timestamp else None,
    ]
