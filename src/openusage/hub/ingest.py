"""The bytes of a push -> a `Batch`, or the refusal the contract names. Pure.

A batch keeps times as the text they came in: the wire has 9 decimals, a datetime has 6. The strict decoder
reads what our exporter and the Go one send; whatever it refuses goes through `repair` once more.
"""

from __future__ import annotations

import zlib

import msgspec

from openusage.errors import OpenUsageError
from openusage.hub.repair import Misfit, is_rfc3339, read_loosely
from openusage.wire.snapshot import DayValue, Metric, ModelUsage

MAX_BODY = 4_194_304
"""Bytes of a push, before and after decompression; exactly so many are accepted."""
MAX_RATIO = 200
"""Decompressed by compressed bytes. Snapshots as JSON reach 5 to 30."""
_MAX_MEMBERS = 8
"""Parts of one gzip body: each is a start from zero, so a thousand empty ones would be an attack."""
_RATIO_FROM = 65_536
"""Bytes below which the ratio says nothing."""


class KeptSnapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A UsageSnapshot as the hub hands it on: the same fields, times as text."""

    provider_id: str
    account_id: str
    timestamp: str
    status: str
    metrics: dict[str, Metric]
    resets: dict[str, str] = {}
    attributes: dict[str, str] = {}
    diagnostics: dict[str, str] = {}
    raw: dict[str, str] = {}
    model_usage: list[ModelUsage] = []
    daily_series: dict[str, list[DayValue]] = {}
    message: str = ""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The newest state of every account of one machine, checked."""

    machine: str
    """Name as sent; blanks and control characters in it are data."""
    sent_at: str
    snapshots: list[KeptSnapshot]
    machine_id: str = ""
    version: str = ""


class PushRefused(OpenUsageError):
    """A push the hub does not take; nothing it holds has changed."""

    def __init__(self, status: int, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        """HTTP status."""
        self.detail = detail
        """The place and what is wrong there; empty when the message says it all."""


def read_push(body: bytes) -> Batch:
    """The batch in `body`. Raises `PushRefused`."""
    return read_strictly(body) or read_repaired(body)


def read_strictly(body: bytes) -> Batch | None:
    """The batch, when `body` is in the very form of the contract; None: look closer."""
    if not body or body.isspace():
        raise PushRefused(400, "empty body")
    try:
        batch = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _named(batch) if _times_hold(batch) else None


def read_repaired(body: bytes) -> Batch:
    """The batch of a loose sender. Slow. Raises `PushRefused` with the place."""
    try:
        batch = msgspec.convert(read_loosely(body), Batch)
    except Misfit as e:
        raise PushRefused(400, "invalid JSON", str(e)) from None
    return _named(batch)


def gunzip(body: bytes) -> bytes:
    """`body` decompressed. Raises `PushRefused`; never holds more than `MAX_BODY` + 1 bytes of it."""
    out = bytearray()
    rest = body
    for _ in range(_MAX_MEMBERS):
        if not rest:
            break
        member = zlib.decompressobj(wbits=31)
        try:
            out += member.decompress(rest, MAX_BODY + 1 - len(out))
        except zlib.error as e:
            raise PushRefused(400, "invalid JSON", f"not a gzip stream: {e}") from None
        if len(out) > MAX_BODY:
            raise PushRefused(413, "request body too large", f"more than {MAX_BODY} bytes decompressed")
        if not member.eof:
            raise PushRefused(400, "invalid JSON", "the gzip stream is cut off")
        rest = member.unused_data
    if rest:
        raise PushRefused(400, "invalid JSON", f"more than {_MAX_MEMBERS} gzip members")
    if len(out) > max(_RATIO_FROM, MAX_RATIO * len(body)):
        raise PushRefused(413, "request body too large", f"compressed more than {MAX_RATIO}:1")
    return bytes(out)


def _named(batch: Batch) -> Batch:
    if not batch.machine or batch.machine.isspace():
        raise PushRefused(400, "machine name required")
    return batch


def _times_hold(batch: Batch) -> bool:
    if not is_rfc3339(batch.sent_at):
        return False
    return all(
        is_rfc3339(s.timestamp) and (not s.resets or all(map(is_rfc3339, s.resets.values())))
        for s in batch.snapshots
    )


_decode = msgspec.json.Decoder(Batch).decode
