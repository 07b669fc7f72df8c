"""Totals of a session that only grow -> events, where a tool keeps no single requests.

A total is cut into steps at fixed amounts, and each step is an event whose identity is the session and the
step's number. So the events are the same whatever was read in between: reading again, reading only at the
end, and reading a copy on another machine give the same events, and their sum is the total to the token. A
step's time is when it was seen to be full, so growth is dated as it is seen.

A step is not a request: their number is about right for a usual session, no more. A total that falls is a new
baseline: what was counted stays, growth counts from the lower value on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from openusage.wire.events import TokenCounts, UsageEvent, event_key, larger

KEPT = 64
"""Sessions whose last totals are remembered: those that may still grow."""
KEPT_FALLEN = 512
"""And those that fell once, whose totals mean nothing without what was before."""

OVERLAP_US = 120_000_000
"""Clocks of several processes of a tool may differ by so much."""
SEPARATOR = "\x1f"

LARGEST_STEP = 65_536
"""Tokens of one kind: three kinds of it stay below the price tiers for long prompts (200,000)."""
LARGEST_STEP_NANO = 250_000_000

FIELDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning")
Values = tuple[int | None, ...]
"""Counts in the order of `FIELDS`, then the cost in nano-dollars; `None` as long as it is not reported."""


def _marks(first: int, largest: int) -> list[int]:
    """Where steps end, until all that follow are of one size: a step is a quarter of all before it."""
    marks = [first]
    while marks[-1] < 4 * largest:
        marks.append(marks[-1] + min(largest, max(first, marks[-1] // 4)))
    return marks


_TOKEN_MARKS = _marks(1_000, LARGEST_STEP)
_COST_MARKS = _marks(5_000_000, LARGEST_STEP_NANO)


def _step(marks: list[int], largest: int, total: int) -> int:
    """Number of the step that a total ends in."""
    if total <= marks[-1]:
        return bisect_left(marks, total)
    return len(marks) - 1 + -(-(total - marks[-1]) // largest)


def _end(marks: list[int], largest: int, step: int) -> int:
    return marks[step] if step < len(marks) else marks[-1] + largest * (step - len(marks) + 1)


class Seen(msgspec.Struct, array_like=True):
    """What is remembered of a session."""

    last: Values
    """As the tool told them."""
    lost: tuple[int, ...] = ()
    """What they fell by so far."""


class Totals(msgspec.Struct):
    """The sessions of one database, the newest last. Travels in its cursor."""

    sessions: dict[str, Seen] = {}
    newest_us: int = 0
    """When a session was active last."""

    def may_have_grown(self, identity: tuple[str, ...], at_us: int, since_us: int) -> bool:
        """Whether a session is worth a look: lately active, or active after `since_us`.

        `since_us` is `newest_us` as it was before the pass: sessions come in no order.
        """
        return at_us >= since_us - OVERLAP_US or SEPARATOR.join(identity) in self.sessions

    def events(
        self, about: UsageEvent, identity: tuple[str, ...], *, may_fall: bool = True
    ) -> Iterator[UsageEvent]:
        """The events of a session's total: `about` with its `tokens` and `cost_reported_nano`.

        Only those that the total reached since it was seen last. `identity` is the vendor's: a session, and
        what else totals are kept by. Not `may_fall`: what is lower than before was only not yet whole.
        """
        name = SEPARATOR.join(identity)
        self.newest_us = max(self.newest_us, about.at_us)
        values: Values = (*msgspec.structs.astuple(about.tokens), about.cost_reported_nano)
        seen = self.sessions.pop(name, None)
        if seen is not None and not may_fall:
            values = tuple(larger(old, new) for old, new in zip(seen.last, values, strict=True))
        before, lost = _grown(seen, values)
        self.sessions[name] = Seen(values, lost)
        self._forget()
        after = tuple(None if v is None else v + (lost[i] if lost else 0) for i, v in enumerate(values))
        if after != before:
            yield from _steps(about, identity, before, after)

    def _forget(self) -> None:
        if len(self.sessions) <= KEPT:
            return
        plain = [name for name, seen in self.sessions.items() if not seen.lost]
        fallen = [name for name, seen in self.sessions.items() if seen.lost]
        for name in (*plain[:-KEPT], *fallen[:-KEPT_FALLEN]):
            del self.sessions[name]


def _grown(seen: Seen | None, values: Values) -> tuple[Values, tuple[int, ...]]:
    """What was counted before, and what the totals fell by so far."""
    if seen is None or len(seen.last) != len(values):
        return (None,) * len(values), ()
    falls = [max(0, (old or 0) - (new or 0)) for old, new in zip(seen.last, values, strict=True)]
    old_lost = seen.lost or (0,) * len(values)
    before = tuple(None if v is None else v + gone for v, gone in zip(seen.last, old_lost, strict=True))
    lost = tuple(a + b for a, b in zip(old_lost, falls, strict=True))
    return before, lost if any(lost) else ()


def _steps(
    about: UsageEvent, identity: tuple[str, ...], before: Values, after: Values
) -> Iterator[UsageEvent]:
    scales = [(_TOKEN_MARKS, LARGEST_STEP)] * len(FIELDS) + [(_COST_MARKS, LARGEST_STEP_NANO)]
    last = max(_step(*scale, total or 0) for scale, total in zip(scales, after, strict=True))
    changed = [
        _step(*scale, old or 0) for scale, old, new in zip(scales, before, after, strict=True) if old != new
    ]
    for step in range(min(changed), last + 1):
        parts: list[int | None] = []
        for scale, total in zip(scales, after, strict=True):
            start = _end(*scale, step - 1) if step else 0
            size = _end(*scale, step) - start
            parts.append(None if total is None else max(0, min(total - start, size)))
        yield msgspec.structs.replace(
            about,
            event_key=event_key(about.provider, "total", *identity, step),
            tokens=TokenCounts(*parts[:-1]),
            cost_reported_nano=parts[-1],
        )
