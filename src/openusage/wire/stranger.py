"""Rows of a pane out of snapshots: of machines that send no records, and of hubs that keep none. Pure.

A snapshot's figures are over the window that its own machine chose; a row says so (`own_window`) where that
is not the one asked for. Its day series are cut to the pane's labels; hours it does not know.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from openusage.wire.fleet import AccountName, MachineState, State
from openusage.wire.pane import (
    Pane,
    PaneAccount,
    PaneRow,
    PaneTotals,
    Used,
    added,
    nearness,
    placed,
    total,
    total_of,
)
from openusage.wire.rollups import By
from openusage.wire.sections import Sections, Share

_DAYS = {"1d": 7, "3d": 7, "7d": 7, "30d": 30, "all": 30}
"""How many days are drawn: at least a week, as tiles do."""


def pane_of(accounts: Sequence[Sections], *, window: str, group: By, tz: str, now: dt.datetime) -> Pane:
    """The pane of a hub that keeps no history: what its machines' newest snapshots say.

    `now` is in the viewer's zone, which `tz` names.
    """
    labels = days_until(now.date(), _DAYS[window])
    rows = rows_of(accounts, window=window, group=group, now=now, labels=labels)
    machines = {m.name: m for m in _machines(accounts)}
    shared = sorted(shared_accounts(accounts), key=nearness)
    whole = rows_of(accounts, window=window, group=By.MACHINE, now=now, labels=labels)
    used = total_of(row.window for row in whole)
    return Pane(
        now=now,
        window=window,
        tz=tz,
        group=group,
        labels=labels,
        rows=placed(rows, used, machines if group is By.MACHINE else {}, shared),
        totals=PaneTotals(
            today=total_of(row.today for row in whole),
            window=used,
            burn_usd_per_h=total(a.totals.burn_usd_per_h for a in accounts),
            unpriced_requests=total(a.totals.unpriced_requests for a in accounts) or 0,
        ),
        accounts=shared,
        machines=len(machines),
        active=len(machines),
        snapshots=len(accounts),
        copies=0,
        notes=[],
        history=False,
    )


def rows_of(
    accounts: Iterable[Sections], *, window: str, group: By, now: dt.datetime, labels: Sequence[str]
) -> list[PaneRow]:
    """What snapshots add to a pane: one row a label, without its share and its place. `now`: local."""
    found: dict[str | None, list[PaneRow]] = {}
    for account in accounts:
        for row in _rows(account, group, window, now, labels):
            found.setdefault(row.label, []).append(row)
    return [added(rows) for rows in found.values()]


def shared_accounts(accounts: Iterable[Sections]) -> Iterator[PaneAccount]:
    """One entry a real account: machines that say one fingerprint share it, and the newest of them speaks."""
    groups: dict[tuple[str, ...], list[Sections]] = {}
    for account in accounts:
        if account.gauges or account.credits:
            key = account.attributes.get("account_key")
            own = (account.provider_id, account.account_id, account.machine)
            groups.setdefault((account.provider_id, key) if key else own, []).append(account)
    for members in groups.values():
        newest = max(members, key=lambda a: a.timestamp.timestamp() if a.timestamp else 0.0)
        yield PaneAccount(
            provider=newest.provider_id,
            account=newest.account_id,
            name=newest.name,
            plan=newest.plan,
            flat_plan=newest.flat_plan,
            machines=sorted({a.machine for a in members}),
            gauges=newest.gauges,
            credits=newest.credits,
            read_at=newest.timestamp,
        )


def days_until(end: dt.date, days: int) -> list[str]:
    """So many local days, `end` last."""
    return [(end - dt.timedelta(days=back)).isoformat() for back in reversed(range(days))]


def _rows(
    account: Sections, group: By, window: str, now: dt.datetime, labels: Sequence[str]
) -> Iterator[PaneRow]:
    said = account.totals.window
    own = said if said != window else ""
    unknown: list[float | None] = [None for _ in labels]
    if group is By.MODEL:
        for model in account.models:
            used = Used(cost_usd=model.cost_usd, tokens=model.total_tokens, requests=model.requests or 0)
            row = _row(model.name, Used(), used, account.machine, unknown, own)
            yield msgspec.structs.replace(row, models=model.raw_names)
    elif group in (By.PROJECT, By.CLIENT):
        for share in account.projects if group is By.PROJECT else account.clients:
            yield _row(share.name, Used(), _share(share), _top(account), unknown, own)
    else:
        yield _whole(account, group, now, labels, own)


def _whole(account: Sections, group: By, now: dt.datetime, labels: Sequence[str], own: str) -> PaneRow:
    """All of a snapshot as one row."""
    totals, today = account.totals, now.date().isoformat()
    names = {By.MACHINE: account.machine, By.PROVIDER: account.provider_id, By.ACCOUNT: account.account_id}
    costs, tokens, requests = map(dict, (account.daily_cost, account.daily_tokens, account.daily_requests))
    return PaneRow(
        label=names[group],
        today=Used(
            cost_usd=totals.today_cost_usd if account.is_of(now) else None,
            tokens=tokens.get(today, 0),
            requests=requests.get(today, 0),
        ),
        window=Used(
            cost_usd=totals.window_cost_usd,
            tokens=totals.window_tokens or 0,
            requests=totals.window_requests or 0,
        ),
        top=_top(account),
        costs=[costs.get(day) for day in labels],
        tokens=[tokens.get(day, 0) for day in labels],
        own_window=own,
    )


def _row(
    label: str, today: Used, used: Used, top: str | None, costs: list[float | None], own: str
) -> PaneRow:
    return PaneRow(
        label=label, today=today, window=used, top=top, costs=costs, tokens=[0 for _ in costs], own_window=own
    )


def _top(account: Sections) -> str | None:
    return account.models[0].name if account.models else None


def _share(share: Share) -> Used:
    return Used(cost_usd=share.cost_usd, tokens=share.tokens or 0, requests=share.requests or 0)


def _machines(accounts: Iterable[Sections]) -> Iterator[MachineState]:
    """A hub without history lists only machines that it hears."""
    by_name: dict[str, list[Sections]] = {}
    for account in accounts:
        by_name.setdefault(account.machine, []).append(account)
    for name, members in by_name.items():
        times = [a.timestamp for a in members if a.timestamp is not None]
        seen = max(times, default=dt.datetime.fromtimestamp(0, dt.UTC))
        yield MachineState(
            name=name,
            id="",
            version="",
            first_seen=seen,
            last_seen=seen,
            state=State.FRESH,
            clock_skew_s=None,
            lag_s=None,
            backlog=None,
            records=0,
            copies=0,
            accounts=sorted(AccountName(a.provider_id, a.account_id) for a in members),
        )
