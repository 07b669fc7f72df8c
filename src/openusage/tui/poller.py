"""Asks the source in a thread of its own, at once and then every interval. The screen never waits for it.

The thread is a daemon thread: quitting does not wait for an answer that is under way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from openusage.client import PaneSource, SnapshotSource
from openusage.errors import OpenUsageError, PeerRefused
from openusage.tui.board import Decoder, Outcome
from openusage.wire.rollups import By

_LONGEST_RETRY_S = 10.0
_LOOK_S = 0.05
_READING_S = 0.3
HINT_GAP_S = 0.7
"""A hub that changes all the time is asked so often at most: a change is seen within a second."""


class Poller:
    """One source, one thread. `deliver` is called in that thread, `broken` when there is a defect of ours."""

    def __init__(
        self,
        source: SnapshotSource,
        decoder: Decoder,
        *,
        panes: PaneSource | None = None,
        window: str,
        tz_name: str = "UTC",
        every_s: float,
        deliver: Callable[[Outcome], object],
        broken: Callable[[Exception], object],
    ) -> None:
        self._source, self._decoder = source, decoder
        self._panes, self._tz_name = panes, tz_name
        self._group: By | None = None
        """What the fleet is to be grouped by; `None`: tiles are shown."""
        self._window, self._every_s = window, every_s
        self._deliver, self._broken = deliver, broken
        self._wake = threading.Event()
        self._is_asked = False
        """A person wants it now; a hint alone may wait a little."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="openusage-poller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further poll begins; one that is under way is not waited for."""
        self._stop.set()
        self._wake.set()

    def ask_now(self) -> None:
        """Poll at once instead of after the interval."""
        self._is_asked = True
        self._wake.set()

    def hint(self) -> None:
        """Something has changed: poll soon."""
        self._wake.set()

    def set_window(self, window: str) -> None:
        """Ask for another window, at once."""
        self._window = window
        self.ask_now()

    def watch_fleet(self, group: By | None) -> None:
        """Ask for the fleet, grouped so, instead of snapshots; `None`: for snapshots. At once."""
        self._group = group
        self.ask_now()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            self._is_asked = False
            began_s = time.monotonic()
            try:
                outcome = self.poll()
            except Exception as error:
                # A defect in a thread would leave a screen that looks alive: the app ends with the traceback.
                if not self._stop.is_set():  # a source that was closed meanwhile is no defect
                    self._broken(error)
                return
            if self._stop.is_set():
                return
            self._deliver(outcome)
            if self._wake.wait(outcome.retry_in_s):
                self._hold_back(began_s + HINT_GAP_S)

    def _hold_back(self, until_s: float) -> None:
        """A hint alone waits until then, unless a person asks meanwhile."""
        while not (self._is_asked or self._stop.is_set()) and (left_s := until_s - time.monotonic()) > 0:
            self._stop.wait(min(left_s, _LOOK_S))

    def poll(self) -> Outcome:
        """Ask once."""
        window, group = self._window, self._group
        try:
            if group is not None and self._panes is not None:
                pane = self._panes.pane(window, group, self._tz_name)
                return Outcome(window=window, pane=pane, retry_in_s=self._every_s)
            frame = self._source.fetch(window)
        except OpenUsageError as error:
            return Outcome(window=window, error=error, retry_in_s=self._retry_s(error))
        accounts = self._decoder.accounts(frame)
        # The first read is under way: how far it has come is worth a closer look.
        every_s = min(self._every_s, _READING_S) if frame.notes and not accounts else self._every_s
        return Outcome(window=window, frame=frame, accounts=accounts, retry_in_s=every_s)

    def _retry_s(self, error: OpenUsageError) -> float:
        asked = error.retry_after_s if isinstance(error, PeerRefused) else None
        return asked if asked is not None else min(self._every_s, _LONGEST_RETRY_S)
