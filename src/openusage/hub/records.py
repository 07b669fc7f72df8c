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
    TAKES_GZIP,
    Answer,
    Packable,
    Receive,
    Scope,
    Send,
    answer,
    error,
    refuse,
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
        self._bodies = Packable(
            MAX_BODIES_BYTES,
            most=MAX_UNPACKED_BYTES,
            most_packed=MAX_PACKED_BYTES,
            crowded=_CROWDED,
            is_busy=lambda: history.is_busy,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            return await refuse(NOT_POST, scope, receive, send)
        if (refusal := self._gate.check(scope)) is not None:
            return await refuse(refusal, scope, receive, send)
        await self._bodies.respond(scope, receive, send, partial(self._take, scope))

    async def _take(self, scope: Scope, body: bytes, packed: bool) -> Answer:
        try:
            said, count = await self._history.write(partial(self._work, scope, body, packed), len(body))
        except PushRefused as e:
            return error(e.status, e.message, e.detail, [TAKES_GZIP])
        except Unavailable as e:
            return error(e.status, e.message, headers=[(b"retry-after", str(e.retry_after_s).encode())])
        if said.error:
            return answer(409, msgspec.json.encode(said), [TAKES_GZIP])
        self._meters.records += count
        return answer(200, msgspec.json.encode(said), [TAKES_GZIP])

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
