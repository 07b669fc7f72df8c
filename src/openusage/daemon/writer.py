"""The one thread that writes a daemon's store, and what is said when it cannot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from openusage.errors import StoreError

T = TypeVar("T")

log = logging.getLogger("openusage.daemon")


def _always(result: object) -> bool:
    return True


class Writer:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self.error = ""
        """Why the store could not be written when that was tried last; empty: it could."""

    async def do(self, job: Callable[[], T], *, wrote: Callable[[T], bool] = _always) -> T | None:
        """Run in the writer thread. A store that cannot be written is said once, and tried again later.

        `wrote`: whether a job that went well wrote anything, and so shows that the store can be written.
        """
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, job)
        except StoreError as e:
            if e.message != self.error:
                log.error("%s", e.message)
            self.error = e.message
            return None
        if self.error and wrote(result):
            log.info("the store can be written again")
            self.error = ""
        return result

    def close(self) -> None:
        """Ends what is being written, drops what waits."""
        self._thread.shutdown(wait=True, cancel_futures=True)
