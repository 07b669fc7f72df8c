"""Listens to a hub's changes in a thread of its own, and says that it is time to ask.

A hub without a stream never says anything; then the poller's own pace is all there is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from openusage.wire.stream import StreamEvent


class Changes(Protocol):
    """`openusage.client.HubStream`."""

    def changes(self) -> Iterator[StreamEvent]:
        """Events until `close`."""
        ...

    def close(self) -> None:
        """Ends `changes` at once, from any thread."""
        ...


class Listener:
    """One stream, one thread. `heard` is called in that thread, for every event."""

    def __init__(self, changes: Changes, heard: Callable[[], None]) -> None:
        self._changes, self._heard = changes, heard
        self._thread = threading.Thread(target=self._run, name="openusage-listener", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further event is told."""
        self._changes.close()

    def _run(self) -> None:
        for _ in self._changes.changes():
            self._heard()
