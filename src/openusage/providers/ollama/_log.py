"""The log of Ollama's server -> requests. Pure: bytes in, records out.

Source: `server/routes.go` of the Ollama repository, which logs through Gin's default logger. Logs are renamed
at every start of the server, so a request is its line and not its place. Times are local, without a zone.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import msgspec

from openusage.providers._loose import Bytes
from openusage.wire.events import EventKind, Record, UsageEvent, event_key

PROVIDER = "ollama"
CLIENT = "API"
SLACK_US = 1_000_000
"""A line's time is in whole seconds."""
KEPT_OWN = 200

_LINE = re.compile(
    rb"\[GIN\] (?P<at>\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d) \|\s*(?P<status>\d{3})\s*\|"
    rb"\s*(?P<took>[0-9a-z\xc2\xb5.]+)"
    rb'\s*\|\s*(?P<client>\S+)\s*\|\s*POST\s+"(?P<path>[^"?]+)'
)
_PATHS = frozenset(
    (
        *(b"/api/chat", b"/v1/chat/completions", b"/v1/responses", b"/v1/messages"),
        *(b"/api/generate", b"/v1/completions", b"/v1/audio/transcriptions"),
        *(b"/api/embed", b"/api/embeddings", b"/v1/embeddings"),
    )
)
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|µs|ns)")
_UNITS_US = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "µs": 1, "ns": 0.001}
_FIRST_ERROR = 400


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of a log from its earlier lines."""

    last: str = ""
    """Stands for the last request's line."""
    same: int = 0
    """How often it came in a row."""
    own: list[int] = []
    """Messages of the desktop program whose request was seen, newest last."""


class Parser:
    """Parses one log. `told` are the times of the desktop program's answers, in order."""

    def __init__(self, account: str, zone: dt.tzinfo, told: Sequence[int], memory: Memory) -> None:
        self._account = account
        self._zone = zone
        self._told = told
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        found = _LINE.search(bytes(data))
        if found is None or found["path"] not in _PATHS or int(found["status"]) >= _FIRST_ERROR:
            return
        at_us = self._time_us(found["at"].decode())
        if at_us is None or self._is_own(found["path"], at_us, duration_us(found["took"].decode())):
            return
        memory = self.memory
        line = blake2b(found[0], digest_size=8).hexdigest()
        memory.last, memory.same = line, memory.same + 1 if line == memory.last else 0
        yield UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=at_us,
            kind=EventKind.MESSAGE,
            event_key=event_key(PROVIDER, "request", line, memory.same),
            upstream=PROVIDER,
            client=CLIENT,
        )

    def _time_us(self, text: str) -> int | None:
        try:
            at = dt.datetime.strptime(text, "%Y/%m/%d - %H:%M:%S").replace(tzinfo=self._zone)
            return round(at.timestamp() * 1_000_000)
        except (ValueError, OverflowError):
            return None

    def _is_own(self, path: bytes, at_us: int, took_us: int) -> bool:
        """Whether the desktop program asked this: it tells the answer itself. Each answer is one request."""
        if path != b"/api/chat":
            return False
        nth = bisect_left(self._told, at_us - took_us - SLACK_US)
        for told_us in self._told[nth:]:
            if told_us > at_us + SLACK_US:
                return False
            if told_us not in self.memory.own:
                self.memory.own = [*self.memory.own, told_us][-KEPT_OWN:]
                return True
        return False


def duration_us(text: str) -> int:
    """How long a request took, as Go writes it.

    >>> duration_us("1m2.5s"), duration_us("12.3ms"), duration_us("850µs")
    (62500000, 12300, 850)
    """
    return round(sum(float(number) * _UNITS_US[unit] for number, unit in _PART.findall(text)))
