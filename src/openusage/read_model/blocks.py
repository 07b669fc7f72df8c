"""5-hour blocks of a plan whose limit is counted in them.

The first message opens a block at the full hour (UTC) before it; it lasts 5 hours. A message after its end
opens the next. That is an estimate: where the vendor says when
the running block ends, that is the truth. A message without tokens opens nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import msgspec

from openusage.wire.rollups import Moment

HOUR_US = 3_600_000_000
BLOCK_US = 5 * HOUR_US
_MINUTE_US = 60_000_000


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """What was used in one block."""

    start_us: int
    end_us: int
    messages: int
    last_us: int
    """Time of its last message; `start_us` when there is none."""
    input: int
    output: int
    cache_read: int
    cache_write: int
    cost_nano: int

    def burn_usd_per_h(self, now_us: int) -> float | None:
        """Cost an hour since the block began; None before its second minute and for a block without cost."""
        elapsed_us = min(now_us, self.end_us) - self.start_us
        if elapsed_us <= _MINUTE_US or self.cost_nano <= 0:
            return None
        return self.cost_nano / 1e9 * HOUR_US / elapsed_us

    def progress_pct(self, now_us: int) -> float:
        """How much of its 5 hours is over."""
        return min(100.0, max(0.0, 100.0 * (now_us - self.start_us) / BLOCK_US))


def blocks(moments: Iterable[Moment]) -> list[Block]:
    """Blocks of messages given in time order."""
    groups: list[tuple[int, list[Moment]]] = []
    for m in moments:
        if not m.tokens:
            continue
        if groups:
            start, members = groups[-1]
            if m.at_us < start + BLOCK_US:
                members.append(m)
                continue
        groups.append((m.at_us - m.at_us % HOUR_US, [m]))
    return [_sum(start, members) for start, members in groups]


def active_block(moments: Sequence[Moment], now_us: int, resets_at_us: int | None = None) -> Block | None:
    """The block that runs now. `resets_at_us` is the vendor's word for the end of its current block."""
    if resets_at_us is not None and now_us < resets_at_us <= now_us + BLOCK_US:
        start = resets_at_us - BLOCK_US
        return _sum(start, [m for m in moments if m.tokens and start <= m.at_us < resets_at_us])
    if resets_at_us is not None and resets_at_us <= now_us:
        moments = [m for m in moments if m.at_us >= resets_at_us]
    last = blocks(m for m in moments if m.at_us <= now_us)[-1:]
    return next((b for b in last if now_us < b.end_us and now_us - b.last_us < BLOCK_US), None)


def settles_start(moments: Sequence[Moment]) -> bool:
    """Whether the block bounds after the first pause in `moments` do not depend on what came before them."""
    times = [m.at_us for m in moments if m.tokens]
    return any(b - a >= BLOCK_US for a, b in itertools.pairwise(times))


def _sum(start_us: int, members: list[Moment]) -> Block:
    return Block(
        start_us=start_us,
        end_us=start_us + BLOCK_US,
        messages=len(members),
        last_us=members[-1].at_us if members else start_us,
        input=sum(m.input for m in members),
        output=sum(m.output for m in members),
        cache_read=sum(m.cache_read for m in members),
        cache_write=sum(m.cache_write for m in members),
        cost_nano=sum(m.cost_nano for m in members),
    )
