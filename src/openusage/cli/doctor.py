"""`openusage doctor`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from openusage.cli.checkup import HookCheck, ToolCheck
    from openusage.cli.surroundings import Surroundings
    from openusage.providers._contract import Env, Provider
    from openusage.settings import Settings
    from openusage.store.store import Reader
    from openusage.wire.cursors import FileCursor
    from openusage.wire.local import DaemonStatus, Unassigned
    from openusage.wire.problems import Problem

SHOWN_PROBLEMS = 50


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, with everything.")
def command(as_json: bool) -> int:
    """Check that every tool is read, priced and sent.

    Looks at each tool's files, our own store, the daemon and the hub. Where no daemon runs it reads the files
    once, for what cannot be read, and keeps nothing. Exit status 1 when something needs you.
    """
    import os

    from openusage import __version__
    from openusage.cli import checkup
    from openusage.cli.compose.parts import now
    from openusage.cli.daily import terminal_width
    from openusage.cli.surroundings import surroundings
    from openusage.providers._contract import Env
    from openusage.settings import load_tree, misspelt

    here = surroundings()
    env = Env(home=Path.home(), environ=os.environ, now=now())
    with _store(here) as (store, error):
        tools = list(_tools(env, store))
        unassigned = _unassigned(here.settings, tools, store)
    daemon = _daemon(here)
    hub_error, hub_clock = _hub(here)
    found = checkup.Checkup(
        version=__version__,
        daemon=daemon,
        tools=tools,
        store_error=error,
        hub=here.settings.export.target,
        hub_error=hub_error,
        hub_clock=hub_clock,
        misspelt=misspelt(load_tree(here.paths.settings_file, str(here.paths.settings_file))),
        unassigned=unassigned,
        hooks=_hooks(here),
        problems=_problems(env) if daemon is None else [],
    )
    said = checkup.findings(found)
    if as_json:
        click.echo(checkup.as_json(found, said))
    else:
        click.echo(checkup.as_text(found, said, env.now, width=terminal_width(), home=str(env.home)))
    return 1 if checkup.needs_somebody(said) else 0


@contextlib.contextmanager
def _store(here: Surroundings) -> Iterator[tuple[Reader | None, str]]:
    """Our store, read only; and why it cannot be read. Before the first read there is none, which is fine."""
    from openusage.errors import StoreError
    from openusage.store import Store

    if not here.paths.database.exists():
        yield None, ""
        return
    try:
        store = Store.open_readonly(here.paths.database)
    except StoreError as e:
        yield None, e.message
        return
    with contextlib.closing(store):
        yield store, ""


def _tools(env: Env, store: Reader | None) -> Iterator[ToolCheck]:
    """Every account on this machine, by its files and what our store has of it."""
    from openusage.cli.checkup import ToolCheck
    from openusage.format import AHEAD_S
    from openusage.providers import load, names
    from openusage.providers._contract import Advises
    from openusage.read_model.windows import from_us
    from openusage.wire.events import EventKind
    from openusage.wire.rollups import By, Filter, Window

    repeated: dict[tuple[str, str], int] = {}
    for (_, tool, owner), number in (store.repeated() if store is not None else {}).items():
        repeated[tool, owner] = repeated.get((tool, owner), 0) + number
    for name in names():
        provider = load(name)
        for account in provider.discover(env):
            plan = provider.plan(account, {}, env)
            where = Filter(providers=(account.provider,), accounts=(account.id,))
            rows = store.usage(Window("all"), (By.KIND, By.MODEL), where) if store is not None else []
            messages = [row for row in rows if row.key[By.KIND] == EventKind.MESSAGE]
            last_us = max((row.last_us for row in rows), default=None)
            last = None if last_us is None else from_us(last_us)
            yield ToolCheck(
                provider=account.provider,
                name=provider.SPEC.name,
                account=account.id,
                files=plan.files,
                size_bytes=plan.bytes_to_read,
                requests=sum(row.events for row in messages),
                tool_calls=sum(row.events for row in rows if row.key[By.KIND] == EventKind.TOOL),
                last_used=last,
                is_ahead=last is not None and (last - env.now).total_seconds() > AHEAD_S,
                unpriced={
                    row.key[By.MODEL] or "an unnamed model": row.unpriced_events
                    for row in messages
                    if row.unpriced_events
                },
                repeated=repeated.get((account.provider, account.id), 0),
                advice=list(provider.advise(env)) if isinstance(provider, Advises) else [],
            )


def _unassigned(settings: Settings, tools: list[ToolCheck], store: Reader | None) -> list[Unassigned]:
    """What no account of this machine is known to pay for."""
    from openusage.read_model.assign import BY, MESSAGES, Links, unassigned
    from openusage.wire.rollups import Window

    if store is None:
        return []
    hidden = {tile.account_id for tile in settings.dashboard.providers if not tile.enabled}
    accounts = [*((tool.provider, tool.account) for tool in tools), *store.accounts()]
    shown = [account for account in dict.fromkeys(accounts) if account[1] not in hidden]
    links = Links(settings.telemetry.provider_links, shown)
    return unassigned(store.usage(Window("all"), BY, MESSAGES), links)


def _daemon(here: Surroundings) -> DaemonStatus | None:
    from openusage.cli import compose
    from openusage.errors import PeerError

    try:
        return compose.daemon_status(here.settings, here.paths)
    except PeerError:  # none runs, or a Go program's, which has no such answer
        return None


def _problems(env: Env) -> list[Problem]:
    """What cannot be read, asked of all files anew, as no daemon has it. As dear as a first read."""
    from openusage.cli.daily import ProgressLine
    from openusage.daemon.problems import as_shown
    from openusage.errors import Defect
    from openusage.providers import load, names
    from openusage.wire.problems import Problem

    said: dict[Problem, None] = {}
    with ProgressLine() as progress:
        for provider in map(load, names()):
            if progress.show is not None:
                progress.show(f"Looking through the files of {provider.SPEC.name} …")
            try:
                for problem in _unreadable(provider, env):
                    said[as_shown(problem, provider.SPEC.id)] = None
            except Exception as e:  # one tool's surprise must not hide what is wrong with the others
                surprise = Problem(what=f"{provider.SPEC.name}: {Defect.of(e)}")
                said[as_shown(surprise, provider.SPEC.id)] = None
    more = len(said) - SHOWN_PROBLEMS
    rest = [Problem(what=f"{more:,} more places cannot be read")] if more > 0 else []
    return [*list(said)[:SHOWN_PROBLEMS], *rest]


def _unreadable(provider: Provider, env: Env) -> Iterator[Problem]:
    """Reads twice: a document that may be half written is told of at the second look only."""
    from openusage.errors import SourceError
    from openusage.wire.problems import Problem

    for account in provider.discover(env):
        cursors: dict[str, FileCursor] = {}
        try:
            for _ in range(2):
                for chunk in provider.read(account, dict(cursors), env):
                    cursors.update((cursor.path, cursor) for cursor in chunk.cursors)
                    yield from chunk.problems
        except SourceError as e:
            yield Problem.of(e)


def _hooks(here: Surroundings) -> list[HookCheck]:
    from openusage.cli.checkup import HookCheck
    from openusage.integrations import State, integrations

    found = [i.status() for i in integrations(here.paths, here.environ)]
    # A file that cannot be understood is of interest only where something of ours should be in it.
    installed = [s for s in found if s.version or s.state not in (State.MISSING, State.BROKEN)]
    return [HookCheck(name=s.name, state=s.state, summary=s.summary) for s in installed]


def _hub(here: Surroundings) -> tuple[str, str]:
    """Why the hub of the settings does not answer, and how far its clock is from ours."""
    from openusage.cli.compose.parts import now
    from openusage.client import HubClient
    from openusage.errors import OpenUsageError
    from openusage.words import own_clock

    if not here.settings.export.target:
        return "", ""
    try:
        # Needs no token, and that of this shell need not be meant for it.
        with contextlib.closing(
            HubClient(here.settings.export.target, token="", now=now, timeout_s=5.0)
        ) as hub:
            return "", own_clock(hub.check())
    except OpenUsageError as e:
        return f"{e.message} {e.hint}".strip(), ""
