"""A hub beside a daemon that runs already: what that daemon knows goes to the hub, and it is not disturbed.

Snapshots are asked for over the daemon's socket; records are read from its database, on connections that
cannot write. The daemon need not know of the hub, and its own hub gets everything as before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from openusage.cli.compose.parts import now
from openusage.errors import StoreError

if TYPE_CHECKING:
    from openusage.exporter import Target
    from openusage.paths import Paths
    from openusage.settings import Settings
    from openusage.store import Reader
    from openusage.wire.records import Outbox
    from openusage.wire.snapshot import UsageSnapshot

log = logging.getLogger("openusage.cli")

END_S = 2.0


class DaemonsStore:
    """The store of a running daemon, as an exporter asks it. Opened when it is first asked, and again when
    the daemon has another file there. Called in worker threads, by one exporter's tasks."""

    def __init__(self, path: Path, machine_id: str) -> None:
        self.path = path
        self._machine_id = machine_id
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._file: tuple[Path, int, int] | None = None

    def outbox(self, after: int, limit: int) -> Outbox:
        """Raises `StoreError`, as all of these."""
        out = self._open().outbox(after, limit)
        # What it wrote down is of its own hub: of this one, nothing is written down anywhere.
        return msgspec.structs.replace(out, sent=out.last)

    def outbox_count(self, upto: int) -> int:
        return self._open().outbox_count(upto)

    def secret(self) -> str:
        return self._open().secret()

    def sending(self, upto: int) -> None:
        """Nothing can be written down here."""

    def renew(self) -> str:
        """Only its daemon can do that, and does at its next start."""
        raise StoreError("the hub has numbers that this machine's database never gave: restart the daemon")

    def close(self) -> None:
        with self._lock:
            self._close()

    def _open(self) -> Reader:
        from openusage.store import Store

        path = self.path
        try:
            found = path.stat()
        except OSError as e:
            raise StoreError(f"{path} cannot be read: {e.strerror}") from e
        file = (path, found.st_dev, found.st_ino)
        with self._lock:
            if self._reader is None or self._file != file:
                self._close()
                self._reader = Store.open_readonly(path, self._machine_id)
                self._file = file
            return self._reader

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._file = None


@contextlib.contextmanager
def forwarding(settings: Settings, paths: Paths, own: Target) -> Iterator[None]:
    """Sends what the running daemon knows to `own`, for as long as the block lasts."""
    from openusage.client import DaemonClient
    from openusage.exporter import Exporter

    log.info("a daemon already runs on %s; its data is used", paths.socket)
    client = DaemonClient(paths.socket, now=now)
    store = DaemonsStore(paths.database, own.machine_id)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def snapshots() -> list[UsageSnapshot]:
        status = client.status()
        if not status.first_read_done:
            return []
        if (told := Path(status.database)).exists():  # it may have been started with another one
            store.path = told
        with contextlib.suppress(RuntimeError):  # the hub ends just now
            loop.call_soon_threadsafe(exporter.wake)
        return list(client.fetch(settings.data.time_window).snapshots.values())

    exporter = Exporter(own, snapshots, now=now, records=store)

    def run() -> None:
        with contextlib.closing(loop):
            loop.run_until_complete(exporter.run(stop))

    thread = threading.Thread(target=run, name="exporter", daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=END_S)
        client.close()
        store.close()
