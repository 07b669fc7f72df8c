"""Asking vendors: what their answers bring goes to the store, what they refuse is said and waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from openusage.daemon.aside import aside
from openusage.daemon.collect import Collector
from openusage.daemon.schedule import Schedule
from openusage.daemon.standing import Standing
from openusage.daemon.writer import Writer
from openusage.errors import SourceError, SourceUnavailable
from openusage.store import Store
from openusage.wire.problems import Problem

log = logging.getLogger("openusage.daemon")


class Polls:
    """Of one daemon."""

    def __init__(
        self,
        collector: Collector,
        store: Store,
        writer: Writer,
        standing: Standing,
        *,
        on_records: Callable[[], None],
    ) -> None:
        self._collector = collector
        self._store = store
        self._writer = writer
        self._standing = standing
        self._on_records = on_records

    async def poll(self, schedule: Schedule) -> None:
        """Ask the vendors in a thread that nothing waits for at the end."""
        began_s = asyncio.get_running_loop().time()
        polled = await aside(lambda: self._collector.poll(lambda *source: schedule.asks(source, began_s)))
        records = [record for answer in polled for record in answer.records]
        added = await self._writer.do(lambda: self._store.add(records)) if records else None
        if added is not None:
            self._collector.kept(polled)
            self._on_records()
        refusals = dict(self._standing.refusals)
        for answer in polled:
            source, error = (answer.provider, answer.account), answer.error
            # The vendor's wait counts from its answer, our own from when the poll began.
            wait_s = 0.0 if error is None else _retry_after_s(error)
            wait_s += asyncio.get_running_loop().time() - began_s if wait_s else 0.0
            schedule.polled(source, began_s, failed=error is not None, retry_after_s=wait_s)
            told = refusals.pop(source, None)
            if error is not None:
                refusals[source] = refusal = Problem(
                    what=error.message, provider=answer.provider, hint=error.hint
                )
                if refusal != told:
                    log.warning("%s", error.message)
        found = self._standing.found
        self._standing.refusals = {source: told for source, told in refusals.items() if source in found}


def _retry_after_s(error: SourceError) -> float:
    return error.retry_after_s if isinstance(error, SourceUnavailable) else 0.0
