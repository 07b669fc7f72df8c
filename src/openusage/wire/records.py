"""Records between machines: what an exporter pushes to `POST /v1/records`, and what the hub answers.

Every change of an event, reading or fact in a machine's store gets the next number of that store. A batch is
a run of numbers `(after, upto]`; the hub answers the highest number up to which it has everything, and the
exporter goes on from there. So an answer that got lost is asked again, a hub that was restored from a backup
asks for what it misses, and nothing is kept twice on the machine: its outbox is one position.

Batches are JSON, gzip-packed. Repeating one changes nothing, since records merge by key (`events.merge`).
"""

from __future__ import annotations

import datetime as dt

import msgspec

from openusage.wire.events import Record

MAX_RECORDS = 5_000
MAX_PACKED_BYTES = 1 << 20
MAX_UNPACKED_BYTES = 16 << 20
"""5,000 events are about 2 MiB; whatever is larger is not ours."""

MAX_TEXT = 16_384
"""Characters of any text of a record: no name of anything is longer."""


class RecordBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `POST /v1/records`."""

    machine: str
    """Display name."""
    machine_id: str
    """32 hex digits; a machine without one cannot send records."""
    store_id: str
    """32 hex digits: whose numbers these are. A database made anew counts anew, under another id."""
    sent_at: dt.datetime
    after: int
    """Number of the last record before this batch."""
    upto: int
    """Number of the last record in it."""
    backlog: int = 0
    """How many more are waiting."""
    version: str = ""
    records: list[Record] = []


class RecordsReply(msgspec.Struct, frozen=True, kw_only=True):
    """Answer: 200 when stored, 409 when the batch begins after what the hub has (go on from `stored`)."""

    stored: int
    """The hub has everything of this store up to this number."""
    error: str = ""


class Outbox(msgspec.Struct, frozen=True, kw_only=True):
    """What a store has to send, from a number on. Between a store and its exporter; it does not travel."""

    store_id: str
    after: int
    upto: int
    """`records` are all there is in `(after, upto]`."""
    last: int
    """The number given last in this store."""
    sent: int = 0
    """The highest number that was ever sent from this store: a hub that has more has it from a copy of it."""
    waiting: int = 0
    """Records above `upto`, at most: numbers are left out where an event changed again."""
    records: list[Record] = []
