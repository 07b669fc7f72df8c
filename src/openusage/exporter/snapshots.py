"""Snapshots -> the hub, and records beside them.

First push as soon as there is something true to say, then every interval. A failure is logged once, when
the state changes, and tried again after growing pauses that never exceed the interval: a hub that comes back
has this machine within one interval. Records have a task of their own (`records`), so that nothing of theirs
delays a snapshot.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import logging
import random
import secrets
from collections.abc import Callable, Iterable

import httpx
import msgspec

from openusage import __version__
from openusage.errors import OpenUsageError
from openusage.exporter.privacy import Privacy
from openusage.exporter.records import Outgoing, RecordSender
from openusage.exporter.target import PushFailed, Target, check, client, pause_s, post, unless
from openusage.wire.envelope import RemoteEnvelope
from openusage.wire.identity import without_identity
from openusage.wire.local import ExporterStatus
from openusage.wire.snapshot import Status, UsageSnapshot

log = logging.getLogger("openusage.exporter")

GZIP_FROM_BYTES = 2048


def worth_sending(snapshots: Iterable[UsageSnapshot]) -> list[UsageSnapshot]:
    """Without those that know nothing: they would blank a tile on the hub."""
    return [s for s in snapshots if s.metrics or s.status not in ("", Status.UNKNOWN.value)]


def envelope(
    target: Target, snapshots: Iterable[UsageSnapshot], now: dt.datetime, privacy: Privacy
) -> RemoteEnvelope:
    """What is pushed: no `raw`, no personal data unless asked for, projects as `privacy` names them."""
    snapshots = map(privacy.snapshot, snapshots)
    if target.include_identity:
        sent = [msgspec.structs.replace(s, raw={}) for s in snapshots]
    else:
        sent = [without_identity(s) for s in snapshots]
    return RemoteEnvelope(
        machine=target.machine,
        sent_at=now,
        snapshots=sent,
        machine_id=target.machine_id,
        version=__version__,
    )


class Exporter:
    """Pushes this machine's snapshots to one hub until told to stop."""

    def __init__(
        self,
        target: Target,
        snapshots: Callable[[], list[UsageSnapshot]],
        *,
        now: Callable[[], dt.datetime],
        records: Outgoing | None = None,
    ) -> None:
        """`snapshots` is called in a worker thread; an empty list means nothing is known yet.

        `records` is the store whose records are sent too, as `target.records` allows.
        """
        self._target = target
        self._records = RecordSender(target, records, now=now)
        self._store = records
        self._privacy: Privacy | None = None
        self._snapshots = snapshots
        self._now = now
        self._accepts_gzip = False
        self._state = "waiting"
        self._failures = 0
        self._last_ok_at: dt.datetime | None = None
        self._last_error = ""
        self._told: set[str] = set()
        """Reasons already logged since the last push that went through."""
        self._next_try_at = 0.0
        self._wake = asyncio.Event()

    def status(self) -> ExporterStatus:
        """State for `telemetry daemon status` and the dashboard's status line."""
        left = self._next_try_at - self._now().timestamp()
        records = self._records.status()
        return ExporterStatus(
            target=self._target.url,
            state=self._state,
            machine=self._target.machine,
            last_ok_at=self._last_ok_at,
            last_error=self._last_error,
            failures=self._failures,
            next_try_s=max(0.0, round(left, 1)),
            records_state=records.state,
            records_sent=records.sent,
            records_waiting=records.waiting,
            records_error=records.error,
            records_set_aside=records.set_aside,
            records_left_s=records.left_s,
        )

    def wake(self) -> None:
        """There may be something to say now: the first snapshots, new records. In the loop's thread."""
        if self._state == "waiting":
            self._wake.set()
        self._records.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Push until `stop` is set."""
        async with client(self._target) as http:
            await asyncio.gather(self._push_all(http, stop), self._records.run(http, stop))

    async def _push_all(self, http: httpx.AsyncClient, stop: asyncio.Event) -> None:
        while not stop.is_set():
            sent = await unless(stop, self._push(http))
            if sent:
                pause = pause_s(self._failures, self._target.interval_s, random.random())
            else:
                pause = min(self._target.interval_s, 2.0)
            self._next_try_at = self._now().timestamp() + pause
            await self._rest(pause, stop)

    async def _rest(self, pause: float, stop: asyncio.Event) -> None:
        self._wake.clear()
        waits = [asyncio.ensure_future(e.wait()) for e in (stop, self._wake)]
        try:
            await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for w in waits:
                w.cancel()

    async def _push(self, http: httpx.AsyncClient) -> bool:
        """Try once. False when there is nothing true to say yet."""
        try:
            body = await asyncio.to_thread(self._body)
            if body is None:
                return False
            await self._send(http, body)
        except PushFailed as e:
            self._failed(str(e))
        except OpenUsageError as e:  # what is known cannot be read now
            self._failed(e.message)
        except Exception as e:  # a fault of ours must not end the exporter, and is not silent
            log.exception("exporter: cannot prepare a push")
            self._failed(f"internal error: {e}")
        else:
            self._succeeded()
        return True

    def _body(self) -> bytes | None:
        """What to push now; `None`: nothing true can be said yet. In a worker thread."""
        snapshots = worth_sending(self._snapshots())
        if not snapshots:
            return None
        if self._privacy is None:
            # Without a store the pseudonyms hold as long as this process: rather that than names.
            secret = self._store.secret() if self._store else secrets.token_hex(16)
            self._privacy = Privacy(
                self._target.records, include_identity=self._target.include_identity, secret=secret
            )
        return msgspec.json.encode(envelope(self._target, snapshots, self._now(), self._privacy))

    async def _send(self, http: httpx.AsyncClient, body: bytes) -> None:
        packed = self._accepts_gzip and len(body) >= GZIP_FROM_BYTES
        if packed:
            body = await asyncio.to_thread(gzip.compress, body, 3)
        answer = await post(http, self._target.push_url, body, packed=packed)
        # RFC 7694: only a hub that says so gets compressed bodies; the Go program answers them with 400.
        self._accepts_gzip = "gzip" in answer.headers.get("Accept-Encoding", "")
        check(answer)

    def _succeeded(self) -> None:
        if self._state != "ok":
            again = f" again after {self._failures} failed tries" if self._failures else ""
            log.info("exporter: pushing to %s as %s%s", self._target.url, self._target.machine, again)
        self._state, self._failures, self._last_error = "ok", 0, ""
        self._told.clear()
        self._last_ok_at = self._now()

    def _failed(self, why: str) -> None:
        if why not in self._told:
            self._told.add(why)
            log.warning("exporter: cannot push to %s: %s; trying again", self._target.url, why)
        self._state, self._last_error = "failing", why
        self._failures += 1
