"""Zones below the table: accounts with their limits, rankings, and what a machine's snapshots say. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from openusage import format as fmt
from openusage import words as common
from openusage.hub.web import words
from openusage.hub.web.address import Address
from openusage.hub.web.chart import by_tokens, row_id
from openusage.hub.web.table import whole_pct
from openusage.hub.web.words import Level, Thresholds
from openusage.wire.pane import PaneAccount, PaneRow
from openusage.wire.rollups import By
from openusage.wire.sections import Sections, Share

MOST_RANKED = 8
MOST_MACHINES = 6
_MOST_TOOLS = 6


class Account(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    detail: str
    """Its own name, and its plan."""
    href: str
    levels: list[Level]
    credits: list[str]
    machines: list[tuple[str, str]]
    """(name, address) of the first of them."""
    more_machines: int
    read_at: dt.datetime | None


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    href: str
    figure: str
    share_pct: int
    share: str


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """The first of many, and where the others are."""

    id: str
    title: str
    rows: list[Ranked]
    more: str
    href: str


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """What one account of a machine says beside its usage."""

    id: str
    name: str
    detail: str
    status: str
    """In words; empty when all is well."""
    message: str
    read_at: dt.datetime | None
    lines: list[tuple[str, str]]
    """(what, figures)."""


def account(
    said: PaneAccount, address: Address, now: dt.datetime, thresholds: Thresholds, on: str = ""
) -> Account:
    return Account(
        id=row_id(By.ACCOUNT, f"{said.provider}\0{said.account}\0{said.machines[:1]}"),
        name=words.name(said.name),
        detail=" · ".join(filter(None, (_own_name(said.account, said.provider), _plan(said)))),
        href=address.page("accounts", said.provider, said.account, on=on),
        levels=[words.level(gauge, now, thresholds) for gauge in said.gauges],
        credits=[words.credit(credit) for credit in said.credits],
        machines=[(words.name(m), address.page("machines", m)) for m in said.machines[:MOST_MACHINES]],
        more_machines=max(len(said.machines) - MOST_MACHINES, 0),
        read_at=said.read_at,
    )


def accounts(
    said: Sequence[PaneAccount], address: Address, now: dt.datetime, thresholds: Thresholds
) -> list[Account]:
    """Their addresses name a machine only where two go by one name."""
    names = [(a.provider, a.account) for a in said]
    return [
        account(
            a,
            address,
            now,
            thresholds,
            on=a.machines[0] if a.machines and names.count((a.provider, a.account)) > 1 else "",
        )
        for a in said
    ]


def ranking(by: By, used: Sequence[PaneRow], address: Address, *, of_cost: bool) -> Ranking | None:
    """The greatest of rows; `None`: there is nothing to rank."""
    rows = [row for row in used if row.window.requests or row.window.tokens]
    if not rows:
        return None
    rows = rows if of_cost else by_tokens(rows)
    names = words.row_names(rows, by)
    figures = (
        fmt.money_column(r.window.cost_usd for r in rows)
        if of_cost
        else [fmt.count(r.window.tokens) for r in rows]
    )
    ranked = [
        Ranked(
            name=name,
            href=address.narrowed(str(by), row.label) if row.label and not row.others else "",
            figure=figure,
            share_pct=whole_pct(row.share_pct),
            share=fmt.percent(row.share_pct),
        )
        for row, name, figure in zip(rows, names, figures, strict=True)
    ]
    left_out = len(ranked) - MOST_RANKED
    return Ranking(
        id=f"top-{by}",
        title=words.PLURALS[by].capitalize(),
        rows=ranked[:MOST_RANKED],
        more=f"{left_out} more" if left_out > 0 else "",
        href=address.to(group=by),
    )


def tool(said: Sections) -> Tool | None:
    """`None`: it says nothing that is not drawn elsewhere."""
    status = common.status(said.status and words.name(said.status))
    lines = [(what, text.replace(" %", "\u00a0%")) for what, text in _lines(said) if text]
    if not (lines or status or said.message):
        return None
    return Tool(
        id=row_id(By.ACCOUNT, f"{said.provider_id}\0{said.account_id}"),
        name=words.name(said.name),
        detail=" · ".join(
            filter(
                None,
                (_own_name(said.account_id, said.provider_id), words.name(said.plan) if said.plan else ""),
            )
        ),
        status=status,
        message=words.name(said.message) if said.message else "",
        read_at=said.timestamp,
        lines=lines,
    )


def _lines(said: Sections) -> list[tuple[str, str]]:
    totals, code = said.tool_totals, said.code
    ok = f"{fmt.percent(totals.success_pct, 1)} ok" if totals.success_pct is not None else ""
    changed = [
        f"{sign}{fmt.count(value)}{unit}"
        for sign, value, unit in (
            ("+", code.lines_added, ""),
            ("−", code.lines_removed, " lines"),
            ("", code.files_changed, " files"),
            ("", code.commits, " commits"),
            ("", code.prompts, " prompts"),
        )
        if value is not None
    ]
    return [
        ("Tools", ", ".join(filter(None, (_shares(said.tools), ok)))),
        ("MCP", _shares(said.mcp)),
        ("Clients", _shares(said.clients)),
        ("Languages", _shares(said.languages)),
        ("Code", " ".join(changed)),
    ]


def _shares(shares: Sequence[Share]) -> str:
    """`Edit 812, Bash 640, +4`, by what is reported of them."""
    field = next(
        (f for f in ("requests", "tokens", "sessions") if any(getattr(s, f) is not None for s in shares)), ""
    )
    if not field:
        return ", ".join(words.name(s.name) for s in shares[:_MOST_TOOLS])
    shown = [f"{words.name(s.name)} {fmt.count(getattr(s, field))}" for s in shares[:_MOST_TOOLS]]
    left_out = len(shares) - len(shown)
    return ", ".join([*shown, f"+{left_out}"] if left_out else shown)


def _own_name(account: str, provider: str) -> str:
    own = common.own_name(account, provider)
    return words.name(own) if own else ""


def _plan(said: PaneAccount) -> str:
    plan = words.name(said.plan) if said.plan else ""
    return f"{plan}, flat".lstrip(", ") if said.flat_plan else plan
