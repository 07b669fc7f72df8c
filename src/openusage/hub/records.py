"""`POST /v1/records`: the bytes of a batch -> a checked `RecordBatch` -> the store, all of it or nothing.

A batch is unpacked, checked and stored in the writing thread, one after the other; until then only its bytes
are held. Several small ones are one transaction: each is still stored or refused as if it were alone, and
answered after the transaction. One that was stored before is stored again, which changes nothing: an answer
may have got lost.
"""

from __future__ import annotations

import re
from functools import partial

import msgspec

from openusage.hub.auth import Gate
from openusage.hub.checked import decode_batch
from openusage.hub.history import History, Unavailable
from openusage.hub.http import (
    NOT_POST,
    Answer,
    Budget,
    Crowded,
    Header,
    Receive,
    Scope,
    Send,
    TooLarge,
    answer,
    body_headers,
    error,
    refuse,
    reply,
    reply_unread,
)
from openusage.hub.ingest import MAX_NAME, PushRefused, gunzip
from openusage.hub.machines import Roll
from openusage.hub.meters import Meters
from openusage.store import Run, Store
from openusage.wire.records import (
    MAX_PACKED_BYTES,
    MAX_RECORDS,
    MAX_UNPACKED_BYTES,
    RecordBatch,
    RecordsReply,
)

MAX_BODIES_BYTES = 64 << 20
"""Bodies under way and waiting together."""
_LAST_NUMBER = 1 << 62
_is_id = re.compile(r"[0-9a-f]{32}").fullmatch
_GZIP: Header = (b"accept-encoding", b"gzip")
_TOO_LARGE = error(413, "request body too large", headers=[_GZIP])
_UNKNOWN_CODING = error(415, "unsupported content encoding", headers=[_GZIP])
_CROWDED = error(503, "too many records at once", headers=[(b"retry-after", b"5")])


def read_batch(body: bytes, *, packed: bool) -> RecordBatch:
    """The batch in `body`, every value of it one that can be. Raises `PushRefused`."""
    plain = gunzip(body, MAX_UNPACKED_BYTES) if packed else body
    if not plain or plain.isspace():
        raise PushRefused(400, "empty body")
    try:
        batch = decode_batch(plain)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as e:
        raise PushRefused(400, "invalid JSON", str(e)[:400]) from None
    except RecursionError:
        raise PushRefused(400, "invalid JSON", "nested too deeply") from None
    if fault := _batch_fault(batch):
        raise PushRefused(400, "invalid batch", fault)
    return batch


def take(store: Store, batch: RecordBatch) -> RecordsReply:
    """Stores a batch; `error` is set when it begins after what is stored. Raises `StoreError`."""
    run = Run(batch.store_id, batch.after, batch.upto)
    stored = store.add(batch.records, machine=batch.machine_id, run=run).heard or 0
    if batch.after > stored:
        return RecordsReply(stored=stored, error=f"records {stored + 1} to {batch.after} are missing")
    return RecordsReply(stored=stored)


class RecordsCall:
    """The handler."""

    def __init__(self, history: History, roll: Roll, gate: Gate, meters: Meters) -> None:
        self._history = history
        self._roll = roll
        self._gate = gate
        self._meters = meters
        self._budget = Budget(MAX_BODIES_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            return await refuse(NOT_POST, scope, receive, send)
        if (refusal := self._gate.check(scope)) is not None:
            return await refuse(refusal, scope, receive, send)
        declared, coding = body_headers(scope)
        if coding not in (b"", b"identity", b"gzip", b"x-gzip"):
            return await reply_unread(receive, send, _UNKNOWN_CODING)
        packed = coding in (b"gzip", b"x-gzip")
        limit = MAX_PACKED_BYTES if packed else MAX_UNPACKED_BYTES
        if declared > limit:
            return await reply_unread(receive, send, _TOO_LARGE)
        if self._history.is_busy:
            return await reply_unread(receive, send, _CROWDED)
        try:
            body = await self._budget.read(receive, limit)
        except TooLarge:
            return await reply_unread(receive, send, _TOO_LARGE)
        except Crowded:
            return await reply_unread(receive, send, _CROWDED)
        if body is None:
            return None
        try:
            outcome = await self._take(scope, body, packed=packed)
        finally:
            self._budget.give(len(body))
        await reply(send, outcome)

    async def _take(self, scope: Scope, body: bytes, *, packed: bool) -> Answer:
        try:
            said, count = await self._history.write(partial(self._work, scope, body, packed), len(body))
        except PushRefused as e:
            return error(e.status, e.message, e.detail, [_GZIP])
        except Unavailable as e:
            return error(e.status, e.message, headers=[(b"retry-after", str(e.retry_after_s).encode())])
        if said.error:
            return answer(409, msgspec.json.encode(said), [_GZIP])
        self._meters.records += count
        return answer(200, msgspec.json.encode(said), [_GZIP])

    def _work(self, scope: Scope, body: bytes, packed: bool, store: Store) -> tuple[RecordsReply, int]:
        """The reply, and how many records the batch has. May be done again, when the transaction failed."""
        batch = read_batch(body, packed=packed)
        self._gate.may_write(scope, batch.machine, batch.machine_id)
        said = take(store, batch)
        self._gate.note_owner(batch.machine, batch.machine_id)
        self._roll.hear(batch, store)
        return said, len(batch.records)


def _batch_fault(batch: RecordBatch) -> str:
    """What is wrong with a batch besides its records, with its place; empty: nothing."""
    if not batch.machine or batch.machine.isspace():
        return "$.machine: a name is required"
    if max(len(batch.machine), len(batch.version)) > MAX_NAME:
        return f"$.machine, $.version: more than {MAX_NAME} characters"
    for name in ("machine_id", "store_id"):
        if not _is_id(getattr(batch, name)):
            return f"$.{name}: 32 hex digits are required"
    if not 0 <= batch.after <= batch.upto <= _LAST_NUMBER:
        return "$.after, $.upto: 0 <= after <= upto is required"
    if not 0 <= batch.backlog <= _LAST_NUMBER:
        return "$.backlog: not a count"
    if len(batch.records) > MAX_RECORDS:
        return f"$.records: more than {MAX_RECORDS}"
    if len(batch.records) > batch.upto - batch.after:
        return "$.records: more than the numbers from after to upto"
    return ""
