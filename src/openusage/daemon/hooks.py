"""Payloads of tools' hooks that come in by the socket: parsed by their provider, stored at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

from openusage.daemon.server import HookResult
from openusage.daemon.writer import Writer
from openusage.providers._contract import ParsesHooks, Provider
from openusage.store import Store


class Hooks:
    """Belongs to one daemon."""

    def __init__(
        self, providers: Iterable[Provider], store: Store, writer: Writer, now: Callable[[], dt.datetime]
    ) -> None:
        self.providers = {p.SPEC.id: p for p in providers if isinstance(p, ParsesHooks)}
        self._store = store
        self._writer = writer
        self._now = now

    async def take(self, source: str, account: str, payload: bytes) -> HookResult:
        """What became of a payload of a tool that is one of `providers`."""
        provider = self.providers[source]
        now_us = int(self._now().timestamp() * 1e6)
        records = provider.parse_hook(payload, account or provider.SPEC.default_account, now_us)
        added = await self._writer.do(lambda: self._store.add(records)) if records else None
        stored = added.inserted + added.updated if added else 0
        return HookResult(
            source=source,
            enqueued=1,
            processed=1,
            ingested=stored,
            deduped=len(records) - stored if added else 0,
            failed=len(records) if records and added is None else 0,
        )
