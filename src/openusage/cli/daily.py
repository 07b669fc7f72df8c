"""`openusage daily`."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from openusage.cli.params import Day

if TYPE_CHECKING:
    from openusage.reports.table import ModelNames, Table
    from openusage.settings import Settings
    from openusage.wire.rollups import Window


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the exact figures.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV; with --breakdown one line a day and model.")
@click.option("-b", "--breakdown", is_flag=True, help="Each day also by model; JSON and CSV by raw name.")
@click.option("--since", type=Day(), help="From this day on.")
@click.option("--until", type=Day(), help="Up to this day, itself included.")
@click.option("--tz", "--timezone", "tz", metavar="ZONE", help="Zone of the days. Default: this machine's.")
@click.option("--provider", "providers", multiple=True, help="Only this tool (claude_code); may be repeated.")
@click.option("--project", "projects", multiple=True, help="Only this project; may be repeated.")
@click.option(
    "--top-models",
    type=click.IntRange(0),
    default=0,
    help="With --breakdown: so many models a day, 0 is all.",
)
@click.option("--offline", is_flag=True, help="Accepted for older scripts: reports never ask the network.")
def command(
    as_json: bool,
    as_csv: bool,
    breakdown: bool,
    since: dt.date | None,
    until: dt.date | None,
    tz: str | None,
    providers: tuple[str, ...],
    projects: tuple[str, ...],
    top_models: int,
    offline: bool,
) -> int:
    """Tokens and cost by day.

    Asks the daemon, or, where none runs, first reads what is new by itself.
    """
    refuse_contradictions(as_json, as_csv, since, until)
    from openusage.cli import compose
    from openusage.cli.surroundings import surroundings
    from openusage.reports import daily
    from openusage.wire.events import EventKind
    from openusage.wire.rollups import Filter
    from openusage.zone import local_zone_name

    here = surroundings()
    zone = tz or local_zone_name(here.environ)
    window = window_of(since, until, zone)
    progress = ProgressLine()
    with progress, compose.usage_source(here.settings, here.paths, progress=progress.show) as source:
        where = Filter(kinds=(EventKind.MESSAGE,), providers=providers, projects=projects)
        rows = source.usage(window, by=daily.BY, where=where, tz=zone)
    names = model_names(here.settings, raw=as_json or as_csv)
    table = daily.build(rows, timezone=zone, breakdown=breakdown, top_models=top_models, names=names)
    emit(table, as_json=as_json, as_csv=as_csv)
    return 0


def model_names(settings: Settings, *, raw: bool) -> ModelNames:
    """How a report names models: for people the model that is meant, for programs what the tools say."""
    from openusage.lineage import Lineages
    from openusage.reports.table import ModelNames

    lineages = Lineages(settings.models.lineages)
    return ModelNames(lambda name: lineages.of(name).id, raw)


def refuse_contradictions(as_json: bool, as_csv: bool, since: dt.date | None, until: dt.date | None) -> None:
    """What no report can answer."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    if since and until and since > until:
        raise click.UsageError(f"--since {since} is after --until {until}.")


def window_of(since: dt.date | None, until: dt.date | None, zone_name: str) -> Window:
    """From the first moment of `since` to the last of `until`, local days of the zone."""
    from openusage.wire.rollups import Window
    from openusage.zone import day_bounds_us, load_zone

    zone = load_zone(zone_name)
    return Window(
        "custom" if since or until else "all",
        day_bounds_us(since, zone)[0] if since else None,
        day_bounds_us(until, zone)[1] if until else None,
    )


def emit(table: Table, *, as_json: bool, as_csv: bool) -> None:
    """Print a report. JSON and CSV are UTF-8 whatever the terminal is."""
    from openusage.cli.diagnostics import say
    from openusage.reports import render

    if as_json:
        click.echo(render.as_json(table).encode("utf-8", "replace"))
    elif as_csv:
        click.echo(render.as_csv(table).encode("utf-8", "replace"), nl=False)
    elif not table.rows:
        say("No usage found for these days and filters.")
    else:
        colour = sys.stdout.isatty() and wants_colour()
        click.echo(render.as_text(table, width=terminal_width(), colour=colour))


def terminal_width() -> int | None:
    """Columns that a text may take; None where it goes to a file or a program."""
    told = sys.stdout.isatty() or "COLUMNS" in os.environ
    return shutil.get_terminal_size().columns if told else None


def wants_colour() -> bool:
    """https://no-color.org: any value but an empty one switches colour off."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class ProgressLine:
    """One line on stderr that is written over and gone at the end; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self.show: Callable[[str], None] | None = self._show if sys.stderr.isatty() else None
        self._shown = False

    def _show(self, text: str) -> None:
        self._shown = True
        columns = shutil.get_terminal_size().columns
        sys.stderr.write(f"\r\x1b[K{text[: columns - 1]}")
        sys.stderr.flush()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
