"""The bytes of a push -> a `Batch`, or the refusal the contract names. Pure.

A snapshot is decoded to check it and then handed on as the bytes it came in: nothing is encoded twice, a
time keeps its nine decimals. That holds for what our exporter and the Go one send; whatever
else comes goes through `repair` and is written anew.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import msgspec

from openusage.errors import OpenUsageError
from openusage.hub.repair import Misfit, is_rfc3339, read_loosely
from openusage.wire.snapshot import DayValue, Metric, ModelUsage

MAX_BODY = 4_194_304
"""Bytes of a push, before and after decompression; exactly so many are accepted."""
MAX_NAME = 1024
"""Characters of a machine's name, id and version: they stay in memory after the machine has left."""
MAX_RATIO = 200
"""Decompressed by compressed bytes. Snapshots as JSON reach 5 to 30."""
_MAX_MEMBERS = 8
"""Parts of one gzip body: each is a start from zero, so a thousand empty ones would be an attack."""
_RATIO_FROM = 65_536
"""Bytes below which the ratio says nothing."""


class _Metric(Metric, frozen=True, forbid_unknown_fields=True, gc=False):
    """The same; what is handed on unread must hold nothing else."""


class _ModelUsage(ModelUsage, frozen=True, forbid_unknown_fields=True, gc=False):
    """The same."""


class _DayValue(DayValue, frozen=True, forbid_unknown_fields=True, gc=False):
    """The same."""


class KeptSnapshot(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """A UsageSnapshot as the hub hands it on: the same fields in the same order, times as text."""

    provider_id: str
    account_id: str
    timestamp: str
    status: str
    metrics: dict[str, _Metric]
    resets: dict[str, str] = {}
    attributes: dict[str, str] = {}
    diagnostics: dict[str, str] = {}
    raw: dict[str, str] = {}
    model_usage: list[_ModelUsage] = []
    daily_series: dict[str, list[_DayValue]] = {}
    message: str = ""


class Fragment(NamedTuple):
    """A snapshot as the bytes it came in, ready to be handed on under another account id."""

    provider_id: str
    account_id: str
    rest: bytes | memoryview
    """`,"timestamp":…` and all that follows, without the last brace."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The newest state of every account of one machine, checked."""

    machine: str
    """Name as sent; blanks and control characters in it are data."""
    sent_at: str
    snapshots: list[Fragment]
    machine_id: str = ""
    version: str = ""


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A push, its snapshots not looked at yet. Unknown fields may come: later versions add them here."""

    machine: str
    sent_at: str
    snapshots: list[msgspec.Raw]
    machine_id: str = ""
    version: str = ""


class _Rest(_Envelope, frozen=True, forbid_unknown_fields=True):
    """The same with nothing unknown, where a list of snapshots might hide."""


class _Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """A push after `repair`."""

    machine: str
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
        envelope, pieces = _cut(body) or _parse(body)
        if not is_rfc3339(envelope.sent_at):
            return None
        fragments = []
        for piece in pieces:
            snapshot = _decode_snapshot(piece)
            if not _times_hold(snapshot):
                return None
            fragments.append(_fragment(memoryview(piece), snapshot))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _batch(envelope, fragments)


def read_repaired(body: bytes) -> Batch:
    """The batch of a loose sender. Slow. Raises `PushRefused` with the place."""
    try:
        repaired = msgspec.convert(read_loosely(body), _Repaired)
    except Misfit as e:
        raise PushRefused(400, "invalid JSON", str(e)) from None
    return _batch(repaired, [_fragment(memoryview(_encode(s)), s) for s in repaired.snapshots])


def gunzip(body: bytes, limit: int = MAX_BODY) -> bytes:
    """`body` decompressed. Raises `PushRefused`; never holds more than `limit` + 1 bytes of it."""
    out = bytearray()
    rest = body
    for _ in range(_MAX_MEMBERS):
        if not rest:
            break
        member = zlib.decompressobj(wbits=31)
        try:
            out += member.decompress(rest, limit + 1 - len(out))
        except zlib.error as e:
            raise PushRefused(400, "invalid JSON", f"not a gzip stream: {e}") from None
        if len(out) > limit:
            raise PushRefused(413, "request body too large", f"more than {limit} bytes decompressed")
        if not member.eof:
            raise PushRefused(400, "invalid JSON", "the gzip stream is cut off")
        rest = member.unused_data
    if rest:
        raise PushRefused(400, "invalid JSON", f"more than {_MAX_MEMBERS} gzip members")
    if len(out) > max(_RATIO_FROM, MAX_RATIO * len(body)):
        raise PushRefused(413, "request body too large", f"compressed more than {MAX_RATIO}:1")
    return bytes(out)


def _cut(body: bytes) -> tuple[_Envelope, list[bytes]] | None:
    """The envelope and its snapshots' bytes, cut where exporters that write no blanks join them.

    Finding the seams costs a thirtieth of parsing for them. A seam in the wrong place, say inside a text, is
    harmless: each piece is decoded as a whole, and so is what remains of the envelope.
    None: the seams are not there.
    """
    opening = body.find(_OPENING)
    end = body.rfind(b"}]") + 1
    start = opening + len(_ARRAY)
    if opening < 0 or end <= start:
        return None
    before, after = body[:start], body[end:]
    if before.count(b'"snapshots"') > 1 or b"snapshots" in after:
        return None
    try:
        envelope = _decode_rest(before + after)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    first, *others = body[start:end].rsplit(_SEAM)  # from the right: CPython searches four times as fast
    if not others:
        return envelope, [first]
    *middle, last = others
    pieces = [b"%b}" % first, *(b"%b%b}" % (_BEGINNING, piece) for piece in middle), _BEGINNING + last]
    return envelope, pieces


def _parse(body: bytes) -> tuple[_Envelope, list[msgspec.Raw]]:
    """The same for any other way to write it. Raises as msgspec does."""
    envelope = _decode_envelope(body)
    return envelope, envelope.snapshots


def _batch(envelope: _Envelope | _Repaired, fragments: list[Fragment]) -> Batch:
    if not envelope.machine or envelope.machine.isspace():
        raise PushRefused(400, "machine name required")
    if max(len(envelope.machine), len(envelope.machine_id), len(envelope.version)) > MAX_NAME:
        raise PushRefused(400, "machine name too long", f"more than {MAX_NAME} characters")
    return Batch(
        machine=envelope.machine,
        sent_at=envelope.sent_at,
        snapshots=fragments,
        machine_id=envelope.machine_id,
        version=envelope.version,
    )


def _fragment(raw: memoryview, snapshot: KeptSnapshot) -> Fragment:
    """The snapshot without its two ids, which every exporter writes first; else it is written anew."""
    head = b'{"provider_id":%b,"account_id":%b' % (
        _encode(snapshot.provider_id),
        _encode(snapshot.account_id),
    )
    if raw[: len(head)] != head or raw[len(head)] != _COMMA:
        raw = memoryview(_encode(snapshot))
    return Fragment(snapshot.provider_id, snapshot.account_id, raw[len(head) : -1])


def _times_hold(snapshot: KeptSnapshot) -> bool:
    return is_rfc3339(snapshot.timestamp) and all(map(is_rfc3339, snapshot.resets.values()))


_COMMA = ord(",")
_BEGINNING = b'{"provider_id":"'
_ARRAY = b'"snapshots":['
_OPENING = _ARRAY + _BEGINNING
_SEAM = b"}," + _BEGINNING
_decode_rest = msgspec.json.Decoder(_Rest).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_snapshot = msgspec.json.Decoder(KeptSnapshot).decode
_encode = msgspec.json.Encoder().encode
