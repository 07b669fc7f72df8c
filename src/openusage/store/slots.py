"""Time cut into pieces that tables answer exactly: UTC days, hours, quarter-hours, raw events. Pure.

Every offset of a time zone since 1972 is a whole number of quarter-hours, so a local day or hour is always a
run of whole slots, also on days of 23 and 25 hours. Times are UTC microseconds; slots, days count from 1970.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator, Sequence
from functools import lru_cache

import msgspec

from openusage.zone import load_zone

SLOT_US = 900_000_000
SLOTS_A_DAY = 96
DAY_US = SLOT_US * SLOTS_A_DAY
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_LAST_DAY = dt.date.max.toordinal() - _EPOCH_ORDINAL - 2


EVENT = "event"
"""The table of raw events, which any microsecond can be read from."""


class Unit(msgspec.Struct, frozen=True):
    """A table of sums over equal spans."""

    table: str
    slots: int
    """Length of a span; they begin at multiples of it, in UTC."""


BASE = (Unit("rollup_day", SLOTS_A_DAY), Unit("rollup", 1))
"""What every store keeps."""


class Piece(msgspec.Struct, frozen=True):
    """`[start, end)` of one table, in that table's unit: microseconds or spans."""

    table: str
    start: int
    end: int
    slots: int = 0
    """Length of the table's spans; 0: microseconds."""
    shift: int = 0
    """Slots to add to come from UTC to local time."""


class Grain(enum.Enum):
    """What the rows of an answer are told apart by, in time."""

    NONE = 0
    HOUR = 4
    """Slots in a local hour."""
    DAY = 96
    """Slots in a local day."""


def pieces(
    from_us: int, to_us: int, raw_from_us: int, grain: Grain, tz: str, units: Sequence[Unit] = BASE
) -> list[Piece]:
    """Cuts `[from_us, to_us)` so that nothing is counted twice and as few rows as possible are read.

    `units`: the tables that may be read, longest spans first, slots last; of a table only whole spans are
    read, and only if each lies in one local day or hour where these are told apart. A slot that the window
    cuts is read from raw events when all of them are kept (from `raw_from_us` on); otherwise it counts whole,
    to the window that its beginning lies in. O(days in the window).
    """
    cut: list[Piece] = []
    first, last = from_us // SLOT_US, (to_us - 1) // SLOT_US if to_us > from_us else -1
    if last < first:
        return cut
    spans = [(first, last + 1, 0)] if grain is Grain.NONE else list(segments(tz, first, last + 1))
    for start, end, shift in spans:
        fit = [u for u in units if grain is Grain.NONE or (u.slots <= grain.value and shift % u.slots == 0)]
        cut += _cut(max(from_us, start * SLOT_US), min(to_us, end * SLOT_US), raw_from_us, shift, fit)
    return cut


def _cut(from_us: int, to_us: int, raw_from_us: int, shift: int, units: Sequence[Unit]) -> Iterator[Piece]:
    first, head = divmod(from_us, SLOT_US)
    last, tail = divmod(to_us, SLOT_US)
    raw_head = bool(head) and first * SLOT_US >= raw_from_us
    raw_tail = bool(tail) and last * SLOT_US >= raw_from_us
    if first == last and (raw_head or raw_tail):
        yield Piece(EVENT, from_us, to_us, 0, shift)
        return
    if raw_head:
        yield Piece(EVENT, from_us, (first + 1) * SLOT_US, 0, shift)
    if raw_tail:
        yield Piece(EVENT, last * SLOT_US, to_us, 0, shift)
    yield from _spans(first + bool(head), last + (bool(tail) and not raw_tail), shift, units)


def _spans(start: int, end: int, shift: int, units: Sequence[Unit]) -> Iterator[Piece]:
    """`[start, end)` slots: the middle from the first table, what is left at both ends from the next."""
    unit, *finer = units
    first, last = -(-start // unit.slots), end // unit.slots
    if first < last:
        if finer:
            yield from _spans(start, first * unit.slots, shift, finer)
        yield Piece(unit.table, first, last, unit.slots, shift)
        if finer:
            yield from _spans(last * unit.slots, end, shift, finer)
    elif start < end:
        yield from _spans(start, end, shift, finer)


def segments(tz: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Runs of slots of one offset: `(start, end, offset in slots)`. One row of a zone without summer time."""
    zone = load_zone(tz)
    shift = _shift(zone, start)
    at = start
    while at < end:
        ahead = min(at + SLOTS_A_DAY, end)
        new = _shift(zone, ahead)
        if new != shift:
            low, high = at, ahead
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _shift(zone, middle) == shift else (low, middle)
            yield start, high, shift
            start, shift, ahead = high, _shift(zone, high), high
        at = ahead
    if start < end:
        yield start, end, shift


def day_name(local_day: int) -> str:
    """`YYYY-MM-DD` of a day counted from 1970."""
    return dt.date.fromordinal(_EPOCH_ORDINAL + min(local_day, _LAST_DAY)).isoformat()


def hour_name(local_hour: int) -> str:
    """`YYYY-MM-DDTHH` of an hour counted from 1970."""
    day, hour = divmod(local_hour, 24)
    return f"{day_name(day)}T{hour:02}"


@lru_cache(maxsize=20_000)
def _shift(zone: dt.tzinfo, slot: int) -> int:
    at = dt.datetime.fromtimestamp(min(slot, _LAST_DAY * SLOTS_A_DAY) * 900, zone)
    offset = at.utcoffset()
    return round(offset.total_seconds() / 900) if offset else 0
