"""What a hub says of its changes: the events of `GET /v1/stream`, written and read as Server-Sent Events.

An event says what has changed, not how it is now. Who hears it asks the path that shows it: so events are
few, short, the same for all listeners, and only the newest of several about one thing is worth telling.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import msgspec

CONTENT_TYPE = "text/event-stream"
HEARTBEAT = b":\n\n"
"""A comment: nothing has happened, and both ends are there."""
MAX_EVENT_BYTES = 1 << 20
"""More in one event, or in one line, is not ours."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first event of a stream."""

    resumed: bool
    """True: everything since the id that was asked for follows. False: what is to be known is to be asked."""


class Reset(msgspec.Struct, frozen=True, tag="reset"):
    """What was missed cannot be told any more: everything is to be asked anew."""


class Happened(enum.StrEnum):
    """The newest that happened to a machine."""

    HEARD = "heard"
    """It sent something. A name that was not known before has appeared, a stale one has come back."""
    STALE = "stale"
    """It fell silent, and its snapshots left."""
    FORGOTTEN = "forgotten"
    """It is not in the list any more."""


class MachineChanged(msgspec.Struct, frozen=True, tag="machine"):
    """`/v1/machines` has news of one machine."""

    name: str
    """As there: `laptop`, or `laptop~2`."""
    happened: Happened


class UsageChanged(msgspec.Struct, frozen=True, tag="usage"):
    """Records were stored: `/v1/usage`, `/v1/accounts` and the figures of `/v1/machines` may be others."""


class SnapshotsChanged(msgspec.Struct, frozen=True, tag="snapshots"):
    """`/v1/snapshots` has changed."""


StreamEvent: TypeAlias = Hello | Reset | MachineChanged | UsageChanged | SnapshotsChanged


class Told(NamedTuple):
    """One event as it came: what a listener says to hear what came after it, and what it says."""

    id: str
    name: str
    data: bytes


def write(event: StreamEvent, id: str) -> bytes:
    """The event as it travels; JSON has no line breaks of its own."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (id.encode(), _NAMES[type(event)], _encode(event))


def understand(told: Told) -> StreamEvent | None:
    """The event; `None`: one of a newer hub, or none of ours."""
    try:
        return _decoder.decode(told.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class TooLong(ValueError):
    """What comes has no end that we wait for."""


class EventReader:
    """Bytes of a stream, cut anywhere -> events. Comments are passed over.

    Lines end as the standard of Server-Sent Events has it: LF, CR LF or CR, and a lone CR only where
    more follows.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._id = ""
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, part: bytes) -> Iterator[Told]:
        """The events that end in `part`. Raises `TooLong`."""
        lines = (self._rest + part).splitlines(keepends=True)
        self._rest = b""
        if lines and not lines[-1].endswith(b"\n"):  # an LF may still follow a CR
            self._rest = lines.pop()
        if len(self._rest) > MAX_EVENT_BYTES:
            raise TooLong
        for line in lines:
            if (told := self._take(line.rstrip(b"\r\n"))) is not None:
                yield told

    def _take(self, line: bytes) -> Told | None:
        if not line:
            return self._end()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._size += len(value)
            if self._size > MAX_EVENT_BYTES:
                raise TooLong
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode(errors="replace")
        elif field == b"id" and value.isascii() and value.decode().isprintable():  # it can be sent back
            self._id = value.decode()
        return None

    def _end(self) -> Told | None:
        told = Told(self._id, self._name, b"\n".join(self._data)) if self._data else None
        self._name, self._data, self._size = "", [], 0
        return told


_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[StreamEvent] = msgspec.json.Decoder(StreamEvent)
_NAMES: dict[type[StreamEvent], bytes] = {
    kind: str(kind.__struct_config__.tag).encode()
    for kind in (Hello, Reset, MachineChanged, UsageChanged, SnapshotsChanged)
}
