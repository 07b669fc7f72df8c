"""A pane and its address as everything that the page draws, in words. Pure; the templates only set it out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import msgspec

from openusage import format as fmt
from openusage import words as common
from openusage.hub.web import sections, table, words
from openusage.hub.web.address import Address, Show
from openusage.hub.web.chart import Chart, by_tokens, chart
from openusage.hub.web.sections import Account, Ranking, Tool
from openusage.hub.web.table import Table
from openusage.hub.web.words import Level, Thresholds, Trend
from openusage.wire import keys
from openusage.wire.fleet import AccountState, MachineState
from openusage.wire.pane import WINDOWS, Pane, PaneAccount, PaneRow, PaneTotals, Used
from openusage.wire.rollups import By
from openusage.wire.sections import Sections
from openusage.zone import load_zone


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub found for one address."""

    address: Address
    host: str
    """As the viewer's browser calls the hub."""
    pane: Pane
    rankings: Mapping[By, Sequence[PaneRow]] = {}
    account: AccountState | None = None
    """Of an account's page."""
    machine: MachineState | None = None
    """Of a machine's page."""
    told: Sequence[Sections] = ()
    """Of a machine's page: its newest snapshots."""
    zones: Sequence[str] = ("UTC",)
    """What can be chosen."""
    signed_in: bool = False
    thresholds: Thresholds = Thresholds()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of several that a view can be changed to."""

    value: str
    text: str
    href: str
    explained: str = ""
    is_on: bool = False


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One of the four on top."""

    label: str
    value: str
    unit: str = ""
    trend: Trend | None = None
    lines: list[str] = []
    level: Level | None = None


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """Whose page it is."""

    kind: str
    title: str
    sign: str = ""
    state: str = ""
    state_word: str = ""
    seen: dt.datetime | None = None
    facts: list[str] = []
    machines: list[tuple[str, str]] = []
    more_machines: int = 0


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One whole page."""

    title: str
    host: str
    home: str
    path: str
    live: str
    """Where what has changed is asked for."""
    crowd: str
    """`5 machines`."""
    now: dt.datetime
    signed_in: bool
    heading: Heading | None
    windows: list[Choice]
    groups: list[Choice]
    shows: list[Choice]
    zones: list[Choice]
    chips: list[tuple[str, str]]
    """(filter in words, address without it)."""
    q: str
    hidden: list[tuple[str, str]]
    """What a form must keep of the address, beside the text to look for."""
    figures: list[Figure]
    notes: list[str]
    chart: Chart | None
    table: Table
    accounts_title: str
    accounts: list[Account]
    rankings: list[Ranking]
    tools: list[Tool]
    foot: list[str]


def view(found: Material) -> View:
    """Everything of one page."""
    address = found.address
    of_cost = (address.show or _usual(found.pane.totals)) is Show.COST
    pane = found.pane if of_cost else msgspec.structs.replace(found.pane, rows=by_tokens(found.pane.rows))
    names = words.row_names(pane.rows, pane.group)
    scope = [a for a in pane.accounts if _is_in_scope(a, found)]
    rankings = (sections.ranking(by, rows, address, of_cost=of_cost) for by, rows in found.rankings.items())
    heading = _heading(found)
    return View(
        title=f"{heading.title} · openusage" if heading else "openusage fleet",
        host=found.host,
        home=address.page(),
        path=address.path,
        live=msgspec.structs.replace(address, parts=("live", *address.parts)).href,
        crowd=f"{pane.machines} machine{'s' if pane.machines != 1 else ''}",
        now=pane.now,
        signed_in=found.signed_in,
        heading=heading,
        windows=[_window(name, address) for name in WINDOWS],
        groups=[
            Choice(
                value=str(g),
                text=words.GROUP_WORDS[g],
                href=address.to(group=g),
                is_on=g is address.grouped_by,
            )
            for g in address.groups
        ],
        shows=[_show(s, address, of_cost) for s in Show],
        zones=[Choice(value=z, text=z, href=address.to(tz=z), is_on=z == pane.tz) for z in found.zones],
        chips=[(_filter_words(n, v), address.without(n, v)) for n, v in address.where],
        q=address.q,
        hidden=[(n, v) for n, v in address.pairs if n != "q"],
        figures=_figures(found, scope, of_cost),
        notes=_notes(found),
        chart=chart(pane, names, of_cost=of_cost),
        table=table.table(pane, names, address, found.thresholds, of_cost=of_cost),
        accounts_title="Limits" if heading else "Accounts",
        accounts=sections.accounts(scope, address, pane.now, found.thresholds),
        rankings=[ranking for ranking in rankings if ranking],
        tools=[tool for said in found.told if (tool := sections.tool(said))],
        foot=_foot(found, of_cost),
    )


def _show(show: Show, address: Address, of_cost: bool) -> Choice:
    is_on = (show is Show.COST) is of_cost
    return Choice(value=str(show), text=str(show), href=address.to(show=show), is_on=is_on)


def _usual(totals: PaneTotals) -> Show:
    return Show.COST if totals.window.cost_usd is not None else Show.TOKENS


def _is_in_scope(account: PaneAccount, found: Material) -> bool:
    """Of one machine or account only its own; filters leave out those of other tools and machines."""
    address = found.address
    machines = {value for name, value in address.where if name == "machine"} | {address.machine} - {""}
    if machines and machines.isdisjoint(account.machines):
        return False
    providers = {value for name, value in address.where if name == "provider"}
    if providers and account.provider not in providers:
        return False
    if found.account is not None:
        state = found.account
        return (account.provider, account.account) == (state.provider, state.account) and bool(
            set(state.machines) & set(account.machines)
        )
    return True


def _heading(found: Material) -> Heading | None:
    machine, account = found.machine, found.account
    if machine is not None:
        sign, word = common.STATES[machine.state]
        return Heading(
            kind="Machine",
            title=words.name(machine.name),
            sign=sign,
            state=str(machine.state),
            state_word=word,
            seen=machine.last_seen,
            facts=words.machine_facts(machine, load_zone(found.pane.tz)),
        )
    if account is not None:
        shown = next((a for a in found.pane.accounts if _is_in_scope(a, found)), None)
        facts, most = [words.name(account.account)], sections.MOST_MACHINES
        plan = shown.plan if shown else account.facts.get("plan", "")
        facts += [words.name(plan)] if plan else []
        return Heading(
            kind="Account",
            title=keys.provider_name(account.provider),
            facts=facts,
            machines=[(words.name(m), found.address.page("machines", m)) for m in account.machines[:most]],
            more_machines=max(len(account.machines) - most, 0),
        )
    return None


def _window(name: str, address: Address) -> Choice:
    return Choice(
        value=name,
        text=name,
        href=address.to(window=name),
        explained=fmt.window_words(name),
        is_on=name == address.window,
    )


def _filter_words(name: str, value: str) -> str:
    said = keys.provider_name(value) if name == "provider" else words.name(value)
    return f"{'tool' if name == 'provider' else name}: {said}"


def _figures(found: Material, scope: Sequence[PaneAccount], of_cost: bool) -> list[Figure]:
    pane, totals = found.pane, found.pane.totals
    figures = [
        _used("Today", totals.today, totals.today_before, "yesterday up to this time", of_cost),
    ]
    if pane.window != "1d":
        window = fmt.window_words(pane.window)
        before = f"in the {window.removeprefix('last ')} before"
        figure = _used(window.capitalize(), totals.window, totals.window_before, before, of_cost)
        if totals.sessions is not None:
            sessions = f"{fmt.count(totals.sessions)} session{'s' if totals.sessions != 1 else ''}"
            figure = msgspec.structs.replace(figure, lines=[*figure.lines, sessions])
        since = totals.partial_since
        if since is not None:
            day = fmt.day_label(since.astimezone(load_zone(pane.tz)).date().isoformat())
            figure = msgspec.structs.replace(figure, lines=[*figure.lines, f"partial, since {day}"])
        figures.append(figure)
    figures.append(_burn(pane, found))
    limited = [(a.gauges[0], a) for a in scope if a.gauges]
    nearest = max(limited, key=lambda pair: pair[0].used_pct, default=None)
    if nearest is not None:
        gauge, account = nearest
        figures.append(
            Figure(
                label="Nearest limit",
                value=words.name(account.name),
                unit=words.name(gauge.label),
                level=words.level(gauge, pane.now, found.thresholds),
                lines=_sharers(account),
            )
        )
    return figures


def _sharers(account: PaneAccount) -> list[str]:
    count = len(account.machines)
    return [f"{count} machines share it"] if count > 1 else []


def _used(label: str, now: Used, before: Used | None, than: str, of_cost: bool) -> Figure:
    tokens, cost = fmt.count(now.tokens), fmt.money(now.cost_usd)
    requests = f"{fmt.count(now.requests)} requests" if now.requests != 1 else "1 request"
    return Figure(
        label=label,
        value=cost if of_cost else tokens,
        unit="" if of_cost else "tokens",
        trend=words.trend(now, before, of_cost=of_cost, than=than),
        lines=[f"{tokens} tokens" if of_cost else cost, requests],
    )


def _burn(pane: Pane, found: Material) -> Figure:
    burn = pane.totals.burn_usd_per_h
    return Figure(
        label="Burn now",
        value=fmt.money(burn),
        unit="/h" if burn is not None else "",
        lines=[] if found.machine else [f"{pane.active} of {pane.machines} active"],
    )


def _notes(found: Material) -> list[str]:
    """What is not well, in sentences."""
    rows = [row.machine for row in found.pane.rows if row.machine is not None]
    machines = [found.machine] if found.machine else rows
    clocks = common.skews((words.name(machine.name), machine.clock_skew_s) for machine in machines)
    return [*(words.name(note) for note in found.pane.notes), *clocks]


def _foot(found: Material, of_cost: bool) -> list[str]:
    """What the figures hold and what they do not."""
    pane = found.pane
    said = []
    if pane.copies:
        said.append(common.copies(pane.copies))
    if pane.totals.unpriced_requests:
        said.append(common.unpriced(pane.totals.unpriced_requests))
    if pane.unassigned:
        said.append(words.name(common.unassigned(pane.unassigned)))
    if pane.totals.estimated_requests:
        said.append(common.estimated(pane.totals.estimated_requests))
    flat = sorted({words.name(a.name) for a in pane.accounts if a.flat_plan and _is_in_scope(a, found)})
    if of_cost and flat:
        said.append(common.flat_plans(flat))
    return [f"{sentence}." for sentence in said]
