"""Records as a hub takes them: the types of the wire, with the limits of what any tool can mean.

The limits are part of the types that JSON is read into: they are checked on the way, at hardly any cost, and
a fault is told with its place.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from openusage.store.schema import LARGEST_COUNT, LATEST_US
from openusage.wire.events import AccountFact, QuotaReading, TokenCounts, UsageEvent
from openusage.wire.records import MAX_TEXT, RecordBatch

Count: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST_COUNT)]
Text: TypeAlias = Annotated[str, Meta(max_length=MAX_TEXT)]
Time: TypeAlias = Annotated[int, Meta(ge=0, le=LATEST_US)]
Key: TypeAlias = Annotated[bytes, Meta(min_length=16, max_length=16)]
Carried: TypeAlias = Annotated[int, Meta(ge=0, le=6 * LARGEST_COUNT)]
FileKey: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class _Tokens(TokenCounts, frozen=True, gc=False):
    input: Count | None = None
    output: Count | None = None
    cache_read: Count | None = None
    cache_write_5m: Count | None = None
    cache_write_1h: Count | None = None
    reasoning: Count | None = None


class _Event(UsageEvent, frozen=True, kw_only=True, gc=False, tag="event"):
    provider: Text
    account: Text
    at_us: Time
    event_key: Key
    tokens: _Tokens = _Tokens()
    model: Text | None = None
    upstream: Text | None = None
    client: Text | None = None
    project: Text | None = None
    session: Text | None = None
    agent: Text | None = None
    tool: Text | None = None
    language: Text | None = None
    lines_added: Count | None = None
    lines_removed: Count | None = None
    file_key: FileKey | None = None
    web_searches: Count | None = None
    web_fetches: Count | None = None
    cost_reported_nano: Count | None = None
    carried: Carried | None = None


class _Reading(QuotaReading, frozen=True, kw_only=True, gc=False, tag="reading"):
    provider: Text
    account: Text
    key: Text
    at_us: Time
    unit: Text
    window: Text
    resets_at_us: Time | None = None


class _Fact(AccountFact, frozen=True, kw_only=True, gc=False, tag="fact"):
    provider: Text
    account: Text
    key: Text
    value: Text
    at_us: Time


RECORDS = (_Event, _Reading, _Fact)


class _Batch(RecordBatch, frozen=True, kw_only=True):
    records: list[_Event | _Reading | _Fact] = msgspec.field(default_factory=list)  # type: ignore[assignment]


decode_batch = msgspec.json.Decoder(_Batch).decode
"""A `RecordBatch` out of JSON. Raises as msgspec does."""
