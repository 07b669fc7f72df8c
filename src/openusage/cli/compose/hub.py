"""A hub, alone or together with this machine's daemon."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from openusage.cli.compose.beside import forwarding
from openusage.cli.compose.parts import (
    anything_found,
    make_daemon,
    nothing_found,
    now,
    price_book,
    target,
    targets,
)
from openusage.cli.compose.screen import LOOKING, HubWithNotes, hub_changes, hub_source, show
from openusage.cli.process import (
    daemon_thread,
    log_to_file,
    log_to_stderr,
    screen_possible,
    wait_for_end,
)
from openusage.cli.surroundings import joined_token
from openusage.errors import AlreadyRunning, ExitCode, UsageError
from openusage.zone import local_zone_name

if TYPE_CHECKING:
    from openusage.exporter import Target
    from openusage.hub import HubServer, Look, Policy, Tls
    from openusage.paths import Paths
    from openusage.settings import Settings

log = logging.getLogger("openusage.cli")

SELF_EXPORT_S = 5.0
"""A hub that collects its own machine pushes to itself this often: it costs nothing on loopback."""
SUMMARY_S = 60.0
"""One JSON line so often."""
OWN_HUB_POLL_S = 1.0
"""A hub's own screen asks it this often: what is unchanged is not even sent."""


def run_hub(
    settings: Settings,
    paths: Paths,
    *,
    listen: str | None = None,
    headless: bool = False,
    allow_public: bool = False,
    collect: bool = False,
    token: str = "",
    log_json: bool = False,
) -> int:
    """A hub, with its dashboard when there is a terminal; with `collect` this machine is in it."""
    with_screen = not headless and screen_possible(os.environ)
    log_to_file(paths.log_file) if with_screen else log_to_stderr(verbose=True, as_json=log_json)
    with _serving(
        settings, paths, listen=listen, allow_public=allow_public, token=token, summaries=log_json
    ) as server:
        own = Own(server.own_url, server.gate.own)
        with _collecting(settings, paths, own) if collect else contextlib.nullcontext(_no_notes) as notes:
            if with_screen:
                client = hub_source(own.url, own.token)
                return show(
                    settings,
                    paths,
                    HubWithNotes(client, notes),
                    history=client,
                    interval_s=OWN_HUB_POLL_S,
                    changes=hub_changes(own.url, own.token),
                    empty_text=nothing_found() if collect else "",
                )
            _say(where_to_look(server.url, collect=collect), as_json=log_json)
            if collect and not anything_found():
                _say(nothing_found(), as_json=log_json)
            wait_for_end()
            return ExitCode.OK


@contextlib.contextmanager
def _serving(
    settings: Settings, paths: Paths, *, listen: str | None, allow_public: bool, token: str, summaries: bool
) -> Iterator[HubServer]:
    """The hub that the settings describe, for as long as the block. Raises `OpenUsageError`."""
    from openusage.hub import Board, History, HubServer, TokenBook, database_path, guard, tokens_path
    from openusage.lineage import Lineages

    database = database_path(settings.hub.database, paths)
    tokens = TokenBook(tokens_path(database, paths))
    host, port = guard(
        listen or settings.hub.listen_addr, token=token, allow_public=allow_public or tokens.exists
    )
    tls = tls_of(settings, paths)
    book = price_book(paths)
    history = History.open(
        database,
        now=now,
        price=book.price,
        explain=book.note,
        retention_days=settings.data.retention_days,
    )
    server = HubServer(
        Board(stale_after_s=settings.hub.stale_timeout_seconds),
        host,
        port,
        token,
        history=history,
        tokens=tokens,
        tls=tls,
        policy=_policy(settings, summaries=summaries),
        look=_look(settings),
        lineages=Lineages(settings.models.lineages),
        links=settings.telemetry.provider_links,
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()
        history.close()


def _say(text: str, *, as_json: bool) -> None:
    """For whoever started it; for a log that programs read, one of its lines."""
    if as_json:
        log.info("%s", text.removeprefix("openusage: "))
    else:
        print(text, file=sys.stderr, flush=True)


class Own(NamedTuple):
    """How this process reaches its own hub."""

    url: str
    token: str


def tls_of(settings: Settings, paths: Paths) -> Tls | None:
    """What the settings name; `None`: the hub speaks no TLS. Raises `OpenUsageError`."""
    from openusage.hub import Tls
    from openusage.paths import expand

    cert, key = settings.hub.tls_cert, settings.hub.tls_key
    if not cert:
        if key:
            raise UsageError(
                "There is a key for TLS, but no certificate.", "Give --tls-cert, or hub.tls_cert."
            )
        return None
    return Tls(expand(cert, paths.home), expand(key, paths.home) if key else None)


def _policy(settings: Settings, *, summaries: bool) -> Policy:
    from openusage.hub import Limits, Policy

    hub = settings.hub
    return Policy(
        healthz_machines=hub.healthz_machines,
        metrics_public=hub.metrics_public,
        hosts=tuple(hub.hosts),
        trusted_proxies=tuple(hub.trusted_proxies),
        limits=Limits(
            requests_per_s=hub.max_requests_per_second, connections=hub.max_connections, bodies=hub.max_bodies
        ),
        summary_s=SUMMARY_S if summaries else None,
    )


def _look(settings: Settings) -> Look:
    """The web page's choices are the dashboard's."""
    from openusage.hub import Look, Thresholds

    ui = settings.ui
    return Look(
        thresholds=Thresholds(100 - 100 * ui.warn_threshold, 100 - 100 * ui.crit_threshold),
        tz=local_zone_name(os.environ),
    )


def where_to_look(url: str, *, collect: bool) -> str:
    """The one line that a hub without a screen prints once it serves."""
    what = "hub listening, collecting this machine" if collect else "hub listening"
    return f"openusage: {what}: {url}  (open it in a browser, or: openusage hub-view {url})"


@contextlib.contextmanager
def _collecting(settings: Settings, paths: Paths, hub: Own) -> Iterator[Callable[[bool], list[str]]]:
    """This machine's daemon beside a hub, sending to it. A daemon that runs already is used as it is.

    Gives what there is to say about this machine, such as how far the first read has come.
    """
    # The token in our environment is this hub's secret, and no other hub is told it.
    others = joined_token(paths)

    def own(settings: Settings) -> Target:
        return target(settings, paths, hub.url, hub.token, SELF_EXPORT_S)

    try:
        daemon = make_daemon(settings, paths, targets=lambda s: (own(s), *targets(s, paths, others)))
    except AlreadyRunning:
        with forwarding(settings, paths, own(settings)):
            yield _no_notes
        return
    thread = daemon_thread(daemon.run)
    thread.start()

    def notes(is_anything: bool) -> list[str]:
        said = daemon.notes()
        if said or is_anything:
            return said
        status = daemon.status()
        return [] if status.first_read_done and not status.accounts else [LOOKING]

    try:
        yield notes
    finally:
        daemon.stop()
        thread.join(timeout=3.0)


def _no_notes(is_anything: bool) -> list[str]:
    return []
