"""Records -> the hub: whatever the store got since the hub last had all of it.

No position is needed on this machine. An empty batch asks the hub how far it has this store's records, and
every answer says so again: a lost answer is asked for again, a hub that was restored from a backup says a
smaller number and gets the rest once more, and all of that changes nothing twice, since records merge by key.
What is kept is the highest number that was ever sent, before it is. A hub that has more has it from a copy of
this database (a cloned disk), or from what it was before it was set back (a backup, a power cut): then the
store takes a new id, and the hub hears all of it under that.

The store is read on a connection and in a thread of its own, and after each batch as long a pause is made as
it took to prepare: a back-fill takes at most half a core, and the collector never waits for it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import logging
import random
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import httpx
import msgspec

from openusage import __version__
from openusage.errors import OpenUsageError
from openusage.exporter.pace import Pace
from openusage.exporter.privacy import Privacy
from openusage.exporter.refused import BatchSize
from openusage.exporter.target import PushFailed, Target, check, pause_s, post, unless
from openusage.format import printable
from openusage.wire.records import (
    MAX_PACKED_BYTES,
    MAX_UNPACKED_BYTES,
    Outbox,
    RecordBatch,
    RecordsReply,
)

log = logging.getLogger("openusage.exporter")

ASK_AGAIN_S = 3600.0
"""A hub that keeps no records is asked again so often."""
CHECK_S = 300.0
"""With nothing to send, a hub is asked so often whether it still has what it had."""
LONGEST_PAUSE_S = 300.0
"""Between two tries at a hub that fails."""
SETTLE_S = 1.0
"""New records wait until the last batch is so long ago: of a busy tool one batch a second, not one a line."""
_SHORTEST_PAUSE_S = 0.01
_MOST_REFUSALS_TOLD = 20
_UNSUPPORTED = (404, 405, 501)


class Outgoing(Protocol):
    """A store, as it is asked here. Called in worker threads."""

    def outbox(self, after: int, limit: int) -> Outbox: ...
    def outbox_count(self, upto: int) -> int: ...
    def secret(self) -> str: ...
    def sending(self, upto: int) -> None: ...
    def renew(self) -> str: ...


class RecordsStatus(msgspec.Struct, frozen=True):
    """How sending goes; the words are those of `ExporterStatus`."""

    state: str
    sent: int = 0
    waiting: int = 0
    error: str = ""
    set_aside: int = 0
    left_s: float | None = None


class _Unsupported(Exception):
    """The hub keeps no records."""


class _Batch(NamedTuple):
    outbox: Outbox
    body: bytes
    waiting: int
    """Records that the hub does not have, those of this batch among them."""


class _Rest(NamedTuple):
    """What to do until the next step."""

    seconds: float
    for_news: bool = False
    """New records end it."""


class RecordSender:
    """Sends the records of one store to one hub until told to stop. Used in the event loop's thread."""

    def __init__(
        self,
        target: Target,
        store: Outgoing | None,
        *,
        now: Callable[[], dt.datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target = target
        self._store = store if target.records != "off" and target.machine_id else None
        self._now = now
        self._monotonic = monotonic
        self._state = "off" if self._store is None else "waiting"
        self._privacy: Privacy | None = None
        self._size = BatchSize()
        self._pace = Pace()
        self._store_id = ""
        self._stored: int | None = None
        """The hub has everything up to this number; `None`: to be asked."""
        self._sent: int | None = None
        """How many records that is; `None`: to be counted."""
        self._waiting = 0
        self._renewed = False
        """The store took a new id, and the hub took nothing under it yet."""
        self._sent_back = False
        """The last answer was that a batch begins after what the hub has."""
        self._failures = 0
        self._error = ""
        self._told: set[str] = set()
        """What was logged since the last batch that went through."""
        self._told_refusals: set[str] = set()
        self._asleep_until_s = 0.0
        self._heard_at_s = 0.0
        self._wake = asyncio.Event()

    def status(self) -> RecordsStatus:
        """How it goes."""
        return RecordsStatus(
            self._state,
            self._sent or 0,
            self._waiting,
            self._error,
            self._size.set_aside,
            self._pace.left_s(self._waiting) if self._state == "sending" else None,
        )

    def wake(self) -> None:
        """There are new records. The first call begins: until then the tools' logs are being read."""
        self._wake.set()

    async def run(self, http: httpx.AsyncClient, stop: asyncio.Event) -> None:
        """Send until `stop` is set."""
        if self._store is None:
            return
        await _any_of(stop, self._wake)
        while not stop.is_set():
            self._wake.clear()
            rest = await unless(stop, self._step(http, self._store))
            if rest is None:
                return
            if rest.for_news:
                await _any_of(stop, self._wake, timeout_s=rest.seconds)
                rest = _Rest(self._heard_at_s + SETTLE_S - self._monotonic())
            if rest.seconds > 0:
                await _any_of(stop, timeout_s=rest.seconds)

    async def _step(self, http: httpx.AsyncClient, store: Outgoing) -> _Rest:
        """One batch, one question, or nothing."""
        left_s = self._asleep_until_s - self._monotonic()
        if left_s > 0:
            return _Rest(min(left_s, self._target.interval_s))
        try:
            return await self._next(http, store)
        except _Unsupported as e:
            return self._unsupported(str(e))
        except PushFailed as e:
            return self._failed(str(e), e.retry_after_s)
        except OpenUsageError as e:  # the store cannot be read now
            return self._failed(e.message)
        except Exception as e:  # a fault of ours must not end the exporter, and is not silent
            log.exception("exporter: cannot send records")
            return self._failed(f"internal error: {e}")

    async def _next(self, http: httpx.AsyncClient, store: Outgoing) -> _Rest:
        began_s = self._monotonic()
        out, body, self._waiting = await asyncio.to_thread(self._prepare, store)
        prepared_s = self._monotonic() - began_s
        asks = self._stored is None
        if not (asks or self._waiting) and began_s - self._heard_at_s < CHECK_S:
            return _Rest(self._target.interval_s, for_news=True)
        self._take(await post(http, self._target.records_url, body, packed=True), out)
        if asks or self._waiting or self._sent_back:
            return _Rest(max(_SHORTEST_PAUSE_S, prepared_s))
        return _Rest(self._target.interval_s, for_news=True)

    # -- what is sent: in a worker thread, while the loop waits for it -----------------------------

    def _prepare(self, store: Outgoing) -> _Batch:
        """The next batch; the empty one that only asks when it is not known how far the hub is."""
        if self._privacy is None:
            self._privacy = Privacy(
                self._target.records, include_identity=self._target.include_identity, secret=store.secret()
            )
        if self._stored is not None:
            limit = self._size.limit
            while True:
                out = store.outbox(self._stored, limit)
                if out.store_id != self._store_id or out.sent < self._stored:
                    break
                if self._sent is None:
                    self._sent = store.outbox_count(self._stored)
                waiting = out.waiting + len(out.records)
                out = self._size.without(out)
                body = self._packed(out, self._privacy)
                if body is not None:
                    if out.upto > out.sent:
                        store.sending(out.upto)
                    return _Batch(out, body, waiting)
                limit = max(1, min(limit, len(out.records)) // 2)
            if out.store_id == self._store_id:
                self._set_back(store)
        self._stored = self._sent = None
        self._size.reset()
        out = store.outbox(0, 0)
        self._store_id = out.store_id
        return _Batch(out, self._packed(out, self._privacy) or b"", out.waiting)

    def _set_back(self, store: Outgoing) -> None:
        """The hub has numbers that were never sent from here: of a copy, or of what this store was before."""
        if self._renewed:
            raise PushFailed("the hub has numbers that this machine never gave")
        self._renewed = True
        store.renew()
        log.warning(
            "exporter: the database is a copy of another one, or was set back to an older state; all its "
            "records are sent again"
        )

    def _packed(self, out: Outbox, privacy: Privacy) -> bytes | None:
        """The body; `None` when it is too large and holds more than one record."""
        batch = RecordBatch(
            machine=self._target.machine,
            machine_id=self._target.machine_id,
            store_id=out.store_id,
            sent_at=self._now(),
            after=out.after,
            upto=out.upto,
            backlog=out.waiting,
            version=__version__,
            records=privacy.of(out.records),
        )
        body = msgspec.json.encode(batch)
        packed = gzip.compress(body, 3)
        fits = len(body) <= MAX_UNPACKED_BYTES and len(packed) <= MAX_PACKED_BYTES
        return packed if fits or len(out.records) <= 1 else None

    # -- what the hub answers ----------------------------------------------------------------------

    def _take(self, answer: httpx.Response, out: Outbox) -> None:
        """Learn from the answer. Raises `_Unsupported` and `PushFailed`."""
        status = answer.status_code
        if status in _UNSUPPORTED:
            raise _Unsupported(f"it answers {status}")
        if status == 413 and len(out.records) > 1:
            return self._size.too_large(len(out.records))
        if status == 400:
            return self._refused(out, answer.content)
        reply = _reply(answer)
        if status == 409 and reply is not None:
            if self._sent_back:
                raise PushFailed(f"the hub does not go on from its own number{_words(reply)}")
            self._sent_back = True
            self._stored, self._sent = reply.stored, None
            return
        if status not in (200, 401) and reply is not None and reply.error:
            log.debug("exporter: records: the hub answers %d%s", status, _words(reply))
        check(answer)
        if reply is None:
            raise PushFailed("what answers there keeps no records")
        if out.upto > out.after >= reply.stored:
            raise PushFailed(f"the hub stored nothing of a batch{_words(reply)}")
        self._went_through(reply.stored, out)

    def _refused(self, out: Outbox, content: bytes) -> None:
        """The hub will not take a record of the batch. Raises `PushFailed` when it means something else."""
        why = self._size.refused(out, content)
        if why and why not in self._told_refusals and len(self._told_refusals) < _MOST_REFUSALS_TOLD:
            self._told_refusals.add(why)
            log.warning(
                "exporter: %s refuses a record, which is left out from now on; the others go on: %s",
                self._target.url,
                why,
            )

    def _went_through(self, stored: int, out: Outbox) -> None:
        asked = self._stored is None
        self._size.taken(out)
        if asked or self._sent is None or stored != out.upto:
            self._sent = None
        else:
            self._sent += len(out.records)
        if stored >= out.upto:
            self._waiting = out.waiting
        if self._state in ("waiting", "failing", "unsupported"):
            log.info(
                "exporter: sending records to %s, at most %d are waiting", self._target.url, self._waiting
            )
        elif self._state == "sending" and not self._waiting:
            log.info("exporter: %s has all records", self._target.url)
        self._state = "sending" if asked or self._waiting else "ok"
        self._renewed &= asked
        self._stored = stored
        self._sent_back = False
        self._failures, self._error, self._asleep_until_s = 0, "", 0.0
        self._told.clear()
        self._heard_at_s = self._monotonic()
        self._pace.took(len(out.records), self._heard_at_s)

    def _unsupported(self, why: str) -> _Rest:
        if self._state != "unsupported":
            log.info("exporter: %s keeps no records (%s); asked again every hour", self._target.url, why)
        self._state, self._stored, self._failures, self._error = "unsupported", None, 0, ""
        self._asleep_until_s = self._monotonic() + ASK_AGAIN_S
        return _Rest(0.0)

    def _failed(self, why: str, retry_after_s: float = 0.0) -> _Rest:
        if why not in self._told:
            self._told.add(why)
            log.warning("exporter: cannot send records to %s: %s; trying again", self._target.url, why)
        self._state, self._error = "failing", why
        self._sent_back = False
        self._pace.stopped()
        self._failures += 1
        longest_s = min(self._target.interval_s, LONGEST_PAUSE_S)
        pause = max(pause_s(self._failures, longest_s, random.random()), retry_after_s)
        self._asleep_until_s = self._monotonic() + pause
        return _Rest(0.0)


def _reply(answer: httpx.Response) -> RecordsReply | None:
    try:
        reply = msgspec.json.decode(answer.content, type=RecordsReply)
    except (msgspec.DecodeError, ValueError):
        return None
    return reply if reply.stored >= 0 else None


def _words(reply: RecordsReply) -> str:
    return f": {printable(reply.error)[:200]}" if reply.error else ""


async def _any_of(*events: asyncio.Event, timeout_s: float | None = None) -> None:
    """Waits for one of them, at most so long."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
