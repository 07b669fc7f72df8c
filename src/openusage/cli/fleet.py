"""`openusage fleet`."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from openusage.cli.params import Day

if TYPE_CHECKING:
    from openusage.cli.surroundings import Surroundings
    from openusage.wire.local import Unassigned
    from openusage.wire.rollups import Rollup, Window

WINDOWS = ("1d", "3d", "7d", "30d", "all")
LABELS = ("machine", "provider", "account", "lineage", "model", "project", "client", "day", "hour")


@click.command()
@click.argument("url", required=False)
@click.option(
    "--by", type=click.Choice(LABELS), default="machine", show_default=True, help="One line for each."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the exact figures.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV; with --breakdown one line a label and model.")
@click.option("-b", "--breakdown", is_flag=True, help="Each line also by model; JSON and CSV by raw name.")
@click.option("--window", type=click.Choice(WINDOWS), help="As on the fleet screen: 1d is since midnight.")
@click.option("--since", type=Day(), help="From this day on.")
@click.option("--until", type=Day(), help="Up to this day, itself included.")
@click.option("--tz", "--timezone", "tz", metavar="ZONE", help="Zone of the days. Default: this machine's.")
@click.option("--machine", "machines", multiple=True, help="Only this machine; may be repeated.")
@click.option("--provider", "providers", multiple=True, help="Only this tool (claude_code); may be repeated.")
@click.option("--project", "projects", multiple=True, help="Only this project; may be repeated.")
@click.option(
    "--token",
    help="The hub's token. Better in the environment: others on this machine can see a command line.",
)
def command(
    url: str | None,
    by: str,
    as_json: bool,
    as_csv: bool,
    breakdown: bool,
    window: str | None,
    since: dt.date | None,
    until: dt.date | None,
    tz: str | None,
    machines: tuple[str, ...],
    providers: tuple[str, ...],
    projects: tuple[str, ...],
    token: str | None,
) -> int:
    """Tokens and cost of all machines, from their hub.

    Each message counts once, also when several machines have a copy of it. Asks the hub at URL; without one,
    the hub that this machine pushes to (export.target), else the one on this machine.

    A lineage is the model that several names mean, whatever gateway, date or effort they carry; `--by model`
    has the names as the tools say them.
    """
    from msgspec import structs

    from openusage.cli.compose.parts import now
    from openusage.cli.daily import emit, model_names, refuse_contradictions
    from openusage.cli.diagnostics import say
    from openusage.cli.surroundings import surroundings
    from openusage.client import HubClient, rollups
    from openusage.lineage import Lineages
    from openusage.read_model.assign import BORROWERS, BY
    from openusage.reports import grouped
    from openusage.wire.events import EventKind
    from openusage.wire.rollups import By, Filter
    from openusage.zone import local_zone_name

    refuse_contradictions(as_json, as_csv, since, until)
    here = surroundings()
    zone = tz or local_zone_name(here.environ)
    asked = _asked(window, since, until, zone)
    hub, token = _hub(url, token, here)
    where = Filter(kinds=(EventKind.MESSAGE,), machines=machines, providers=providers, projects=projects)
    lineages = Lineages(here.settings.models.lineages)
    with _told_where(url, here), contextlib.closing(HubClient(hub, token=token, now=now)) as client:
        reply = client.fleet(asked, lineages.asked(grouped.asked_by(By(by))), where, zone)
        rows = lineages.grouped(rollups(reply), grouped.asked_by(By(by)))
        borrows = any(row.key[By.PROVIDER] in BORROWERS for row in rows)
        owners = rollups(client.fleet(asked, BY, where, zone)) if borrows else []
    names = model_names(here.settings, raw=as_json or as_csv or by == "model")
    nobodys = _nobodys(owners, here.settings.telemetry.provider_links)
    table = grouped.build(rows, by=By(by), timezone=zone, breakdown=breakdown, names=names)
    emit(structs.replace(table, unassigned=nobodys), as_json=as_json, as_csv=as_csv)
    for remark in _remarks(reply.copies, nobodys):
        say(remark)
    return 0


@contextlib.contextmanager
def _told_where(url: str | None, here: Surroundings) -> Iterator[None]:
    """A hub that does not answer may not be the one that is meant."""
    from openusage.client import UNREACHABLE
    from openusage.errors import PeerUnreachable

    try:
        yield
    except PeerUnreachable as e:
        is_guess = not (url or here.settings.export.target)
        hint = "Say which: openusage fleet URL" if is_guess else UNREACHABLE
        raise PeerUnreachable(e.message, e.hint or hint) from e


def _hub(url: str | None, token: str | None, here: Surroundings) -> tuple[str, str]:
    """Where to ask, and with which token."""
    from openusage.cli.compose.hub_service import own_url
    from openusage.cli.surroundings import installed_token

    hub = url or here.settings.export.target
    token = token or here.token or ("" if hub else installed_token(here.paths))
    return hub or own_url(here.settings.hub), token


def _asked(window: str | None, since: dt.date | None, until: dt.date | None, zone: str) -> Window:
    from openusage.cli.daily import window_of
    from openusage.wire.rollups import Window

    if window and (since or until):
        raise click.UsageError("--window excludes --since and --until.")
    return Window(window) if window else window_of(since, until, zone)


def _nobodys(owners: list[Rollup], links: Mapping[str, str]) -> list[Unassigned]:
    """What no account is known to pay for, of all that was used."""
    from openusage.read_model.assign import Links, unassigned
    from openusage.wire.rollups import By

    accounts = [(row.key[By.PROVIDER] or "", row.key[By.ACCOUNT] or "") for row in owners]
    return unassigned(owners, Links(links, accounts))


def _remarks(copies_: int, nobodys: list[Unassigned]) -> Iterator[str]:
    """What the table leaves out."""
    from openusage.read_model.assign import advice, by_vendor, sentence
    from openusage.words import copies

    if copies_:
        yield f"{copies(copies_)}."
    for found in by_vendor(nobodys):
        yield f"Unassigned: {sentence(*found)} {advice(*found)}"
