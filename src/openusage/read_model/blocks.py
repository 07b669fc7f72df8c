"""5-hour blocks of a plan whose limit is counted in them.

The first message opens a block at the full hour (UTC) before it; it lasts 5 hours. A message after its end
opens the next. So blocks begin and end at full hours, and which hours were used tells all of them. That is an
estimate: where the vendor says when the running block ends, that is the truth. A message without tokens and
cost opens nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import msgspec

from openusage.read_model.windows import DAY_US, to_us
from openusage.wire.rollups import By, Filter, Questions, Rollup, Window

BLOCK_PROVIDERS = ("claude_code",)
"""Whose plans are limited in 5-hour blocks."""
HOUR_US = 3_600_000_000
BLOCK_US = 5 * HOUR_US
LOOK_BACK_US = 7 * DAY_US
"""Where one block begins depends on the one before it, back to the last pause of 5 hours; nobody works longer
than this without one, and a program that does has an estimate that is a few hours off."""
_MINUTE_US = 60_000_000


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """The running block and what was used in it."""

    start_us: int
    used: Rollup

    @property
    def end_us(self) -> int:
        return self.start_us + BLOCK_US

    def burn_usd_per_h(self, now_us: int) -> float | None:
        """Cost an hour since the block began; None before its second minute and for a block without cost."""
        elapsed_us = now_us - self.start_us
        if elapsed_us <= _MINUTE_US or self.used.cost_nano <= 0:
            return None
        return self.used.cost_nano / 1e9 * HOUR_US / elapsed_us

    def progress_pct(self, now_us: int) -> float:
        """How much of its 5 hours is over."""
        return 100.0 * (now_us - self.start_us) / BLOCK_US


def block_starts(hours_us: Iterable[int], first_us: int | None = None) -> list[int]:
    """Starts of the blocks, out of the starts of the hours in which something was used, in order of time.

    `first_us`: a block begins there in any case.
    """
    starts = [] if first_us is None else [first_us]
    for hour in hours_us:
        if not starts or hour >= starts[-1] + BLOCK_US:
            starts.append(hour)
    return starts


def running_block(
    ask: Questions, messages: Filter, now_us: int, resets_at_us: int | None = None
) -> Block | None:
    """The block that runs at `now_us`, if any.

    `messages` chooses the messages that count. `resets_at_us` is the vendor's word for the end of its
    current block; when that has passed, what was used before belongs to no running block.
    """
    if resets_at_us is not None and now_us < resets_at_us <= now_us + BLOCK_US:
        start_us = resets_at_us - BLOCK_US
    else:
        since_us = now_us - LOOK_BACK_US
        if resets_at_us is not None and resets_at_us <= now_us:
            since_us = max(since_us, resets_at_us)
        hours = ask.usage(Window("custom", since_us, now_us + 1), (By.HOUR,), messages, "UTC")
        starts = block_starts(sorted(hour_us(row.key[By.HOUR] or "") for row in hours if opens(row)))
        if not starts or now_us >= starts[-1] + BLOCK_US:
            return None
        start_us = max(starts[-1], since_us)
    (used,) = ask.usage(Window("custom", start_us, start_us + BLOCK_US), (), messages)
    return Block(start_us=start_us, used=used)


def opens(used: Rollup) -> bool:
    """Whether what was used in an hour begins a block, when none runs."""
    return used.total_tokens > 0 or used.cost_nano > 0


def hour_us(label: str) -> int:
    """Where an hour of an answer begins, UTC."""
    return to_us(dt.datetime.strptime(label, "%Y-%m-%dT%H").replace(tzinfo=dt.UTC))
