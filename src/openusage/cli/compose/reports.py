"""Whom a report asks: the daemon, or, without one, the store after reading what is new."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openusage.cli.compose.parts import now, now_us, prices, providers
from openusage.errors import PeerError

if TYPE_CHECKING:
    from openusage.client import UsageSource
    from openusage.paths import Paths
    from openusage.settings import Settings
    from openusage.wire.problems import Problem

SAID_PROBLEMS = 3


@contextlib.contextmanager
def usage_source(
    settings: Settings,
    paths: Paths,
    *,
    progress: Callable[[str], None] | None = None,
) -> Iterator[UsageSource]:
    """Answers for a report: the daemon's, or, without one, the store's after reading what is new."""
    from openusage.client import DaemonClient

    with contextlib.closing(DaemonClient(paths.socket, now=now, timeout_s=120.0)) as client:
        try:
            client.status()
        except PeerError:  # none, or a Go program's, which cannot be asked
            ours = False
        else:
            ours = True
            yield client
    if not ours:
        with _own_store(settings, paths, progress) as source:
            yield source


def some_of(problems: Sequence[Problem]) -> list[str]:
    """What a report says of places that it could not read."""
    more = len(problems) - SAID_PROBLEMS
    rest = [f"{more} more places could not be read."] if more > 0 else []
    return [*(problem.sentence for problem in problems[:SAID_PROBLEMS]), *rest]


@contextlib.contextmanager
def _own_store(
    settings: Settings, paths: Paths, progress: Callable[[str], None] | None
) -> Iterator[UsageSource]:
    from openusage.cli.diagnostics import say
    from openusage.daemon.collect import Collector
    from openusage.daemon.schedule import progress_text
    from openusage.machine import identify
    from openusage.paths import ensure_private_dir
    from openusage.providers._contract import Env
    from openusage.store import Store

    ensure_private_dir(paths.database.parent)
    machine = identify(paths.machine_id_file, settings.export.machine_name)
    store = Store.open(paths.database, machine=machine, price=prices(paths), now=now_us)
    try:
        passed = Collector(
            store,
            providers(settings),
            lambda: Env(home=Path.home(), environ=os.environ, now=now()),
            on_progress=(lambda p: progress(progress_text(p))) if progress else None,
        ).run()
        if progress and passed.problems:
            progress("")  # its line is theirs now
        for text in some_of(passed.problems):
            say(f"openusage: {text}")
        yield store
    finally:
        store.close()
