"""Opens the hub's store: in its file, else in memory; and sees when the file is not the one it was."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from pathlib import Path

import apsw

from openusage.errors import OpenUsageError
from openusage.hub.place import file_identity
from openusage.machine import Machine
from openusage.read_model.windows import to_us
from openusage.store import Store
from openusage.store.events import PriceOf

OWN = Machine("name:", "hub")
"""A store belongs to a machine; the hub itself uses nothing and is left out of every list. No machine has
this id: a name is never empty."""
_log = logging.getLogger("openusage.hub")


class Opener:
    """Of one history. `path`: its database; `None`: none."""

    def __init__(self, path: Path | None, now: Callable[[], dt.datetime], price: PriceOf) -> None:
        self.path = path
        self.why_memory = ""
        """Why the store is in memory although it should be in a file; empty: it is where it should be."""
        self.removed = ""
        """What happened to the file while the hub ran; empty: nothing."""
        self._now = now
        self._price = price
        self._file: tuple[int, int] | None = None

    @property
    def in_memory(self) -> bool:
        """The store ends with the process, wanted or not."""
        return self.path is None or bool(self.why_memory)

    def open(self) -> Store:
        """The store in its file, else one in memory."""
        try:
            store = self._open(self.path)
        except (OpenUsageError, OSError, apsw.Error) as e:
            message = e.message if isinstance(e, OpenUsageError) else str(e)
            self.why_memory = f"History is kept in memory only and ends with this hub: {message}."
            _log.warning("history: %s", self.why_memory)
            return self._open(None)
        self.why_memory = ""
        return store

    def open_again(self) -> Store | None:
        """The store in its file, if it can be had by now."""
        try:
            store = self._open(self.path)
        except (OpenUsageError, OSError, apsw.Error):
            return None
        self.why_memory = ""
        _log.info("history: the database can be used now")
        return store

    def is_gone(self) -> bool:
        """Removed or replaced by another file: what is written now would be lost with it."""
        return not self.in_memory and file_identity(self.path) != self._file

    def note_if_gone(self) -> None:
        """Says so, when that happened."""
        if self.is_gone():
            self.removed = (
                f"{self.path} was removed or replaced while the hub ran; the machines send again what they "
                "still have."
            )
            _log.warning("history: %s", self.removed)

    def _open(self, path: Path | None) -> Store:
        store = Store.open(path, machine=OWN, price=self._price, now=lambda: to_us(self._now()))
        self._file = file_identity(path)
        return store
