"""All 5-hour blocks of a window, of each account on its own. Pure.

Which hours an account was used in, on whatever machine and for whatever project, tells where its blocks
begin; what a filter lets through is then summed by them. No two blocks share a message, and what lies in none
has neither tokens nor cost: so the sums of blocks are the sums of the window.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import msgspec

from openusage.errors import UsageError
from openusage.read_model.blocks import (
    BLOCK_PROVIDERS,
    BLOCK_US,
    LOOK_BACK_US,
    Block,
    block_starts,
    hour_us,
    opens,
)
from openusage.read_model.windows import to_us
from openusage.wire import keys
from openusage.wire.events import EventKind
from openusage.wire.fleet import AccountState, store_id
from openusage.wire.rollups import By, Filter, Rollup, Window, add
from openusage.wire.sessions import MOST_BLOCKS, BlockList, BlockRow

_BY = (By.MACHINE, By.PROVIDER, By.ACCOUNT, By.HOUR)


class Sums(Protocol):
    """What is asked of a store."""

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ..., tz: str = "UTC"
    ) -> list[Rollup]: ...


class Owner(NamedTuple):
    """One real account, under whatever names."""

    provider: str
    account: str
    machines: tuple[str, ...]


def block_list(
    ask: Sums, window: Window, where: Filter, accounts: Sequence[AccountState], now: dt.datetime
) -> BlockList:
    """The blocks with a part in the window, the newest first.

    Without a provider in the filter, of those with such limits. O(hours in the window, and in the 7 days
    before it): two questions, and four more for each account whose vendor says when its block ends.

    Raises:
        UsageError: more than `MOST_BLOCKS`.
    """
    messages = (EventKind.MESSAGE,)
    where = msgspec.structs.replace(where, providers=where.providers or BLOCK_PROVIDERS, kinds=messages)
    now_us = to_us(now)
    hours = _Hours(ask, where, accounts)
    rows: list[BlockRow] = []
    outside: list[Rollup] = []
    for owner in hours.owners(window):
        bounds = _bounds(hours.resets_at.get(owner), now_us)
        for part in _parts(window, bounds):
            found, rest = _blocks(hours, owner, part, window, now_us)
            rows += found
            outside += rest
    if len(rows) > MOST_BLOCKS:
        raise UsageError(f"more than {MOST_BLOCKS} blocks; ask for a shorter window or fewer accounts")
    rows.sort(key=lambda row: (-row.start_us, row.provider, row.account, row.machines))
    return BlockList(blocks=rows, outside=add(outside))


class _Hours:
    """Hours of accounts, asked for all accounts at once and once only."""

    def __init__(self, ask: Sums, where: Filter, accounts: Sequence[AccountState]) -> None:
        self._ask = ask
        self._where = where
        self._opening = Filter(providers=where.providers, accounts=where.accounts, kinds=where.kinds)
        self._asked: dict[tuple[Window, Filter], dict[Owner, dict[int, Rollup]]] = {}
        self._owners: dict[tuple[str, str, str], Owner] = {}
        self.resets_at: dict[Owner, int] = {}
        """When the vendor says that a block ends, of those that say it."""
        for account in accounts:
            owner = Owner(account.provider, account.account, tuple(account.machines))
            for member in account.members:
                machine = store_id(member.machine_id, member.machine)
                self._owners[machine, account.provider, member.account] = owner
            for quota in account.quotas:
                if quota.key == keys.FIVE_HOUR and quota.resets_at is not None:
                    self.resets_at[owner] = to_us(quota.resets_at)

    def owners(self, window: Window) -> list[Owner]:
        """Those with something in the window."""
        return sorted(self._of(window, self._where))

    def used(self, span: Window, owner: Owner) -> Mapping[int, Rollup]:
        """What the filter lets through, by the start of its hour."""
        return self._of(span, self._where).get(owner, {})

    def opening(self, span: Window, owner: Owner) -> set[int]:
        """Starts of the hours in which the account was used at all."""
        return {hour for hour, row in self._of(span, self._opening).get(owner, {}).items() if opens(row)}

    def _of(self, span: Window, where: Filter) -> dict[Owner, dict[int, Rollup]]:
        known = self._asked.get((span, where))
        if known is None:
            known = self._asked[span, where] = {}
            for row in self._ask.usage(span, _BY, where, "UTC"):
                machine, provider, account, hour = (row.key[by] or "" for by in _BY)
                owner = self._owners.get((machine, provider, account), Owner(provider, account, ()))
                of_owner = known.setdefault(owner, {})
                start = hour_us(hour)
                of_owner[start] = add([of_owner[start], row]) if start in of_owner else row
        return known


class _Part(NamedTuple):
    """A span of time in which blocks follow from the hours alone."""

    span: Window
    back_to_us: int | None
    """How far back hours decide where its first block begins."""
    first_us: int | None = None
    """A block begins there, whatever the hours say."""
    not_before_us: int = 0
    """No block begins earlier, also where the hour that opens it does."""
    end_us: int | None = None
    """None goes on after it."""


def _bounds(resets_at_us: int | None, now_us: int) -> list[int]:
    """Where blocks end and begin by the vendor's word, as `blocks.running_block` believes it.

    One time: a block has ended there. Two: the running block.
    """
    if resets_at_us is None or resets_at_us > now_us + BLOCK_US:
        return []
    return [resets_at_us] if resets_at_us <= now_us else [resets_at_us - BLOCK_US, resets_at_us]


def _parts(window: Window, bounds: Sequence[int]) -> Iterator[_Part]:
    """The window, cut at `bounds`."""
    start_us, end_us = window.from_us, window.to_us
    back_to_us = None if start_us is None else start_us - LOOK_BACK_US
    edges = [None, *bounds, None]
    for begin_us, finish_us in pairwise(edges):
        first = max((e for e in (begin_us, start_us) if e is not None), default=None)
        last = min((e for e in (finish_us, end_us) if e is not None), default=None)
        if first is None or last is None or first < last:
            is_running = len(bounds) == 2 and begin_us == bounds[0]
            yield _Part(
                span=Window("custom", first, last),
                back_to_us=back_to_us if begin_us is None else begin_us,
                first_us=begin_us if is_running else None,
                not_before_us=begin_us or 0,
                end_us=finish_us,
            )


def _blocks(
    hours: _Hours, owner: Owner, part: _Part, window: Window, now_us: int
) -> tuple[list[BlockRow], list[Rollup]]:
    """The blocks of one account in a part of the window, and what lies in none of them."""
    used = hours.used(part.span, owner)
    opening = hours.opening(part.span, owner)
    if part.back_to_us is not None and part.span.from_us is not None and part.back_to_us < part.span.from_us:
        opening |= hours.opening(Window("custom", part.back_to_us, part.span.from_us), owner)
    starts = block_starts(sorted(opening), part.first_us)
    inside: dict[int, list[Rollup]] = {}
    outside: list[Rollup] = []
    for hour, row in used.items():
        place = bisect_right(starts, max(hour, part.first_us or 0)) - 1
        if place < 0 or hour >= starts[place] + BLOCK_US:
            outside.append(row)
        else:
            inside.setdefault(starts[place], []).append(row)
    rows = [_row(hours, owner, start, add(parts), part, window, now_us) for start, parts in inside.items()]
    return rows, outside


def _row(
    hours: _Hours, owner: Owner, start: int, used: Rollup, part: _Part, window: Window, now_us: int
) -> BlockRow:
    end_us = start + BLOCK_US if part.end_us is None else min(start + BLOCK_US, part.end_us)
    start = max(start, part.not_before_us)
    row = BlockRow(
        provider=owner.provider,
        account=owner.account,
        machines=list(owner.machines),
        start_us=start,
        end_us=end_us,
        used=used,
        running=start <= now_us < end_us,
        cut=(window.from_us is not None and start < window.from_us)
        or (window.to_us is not None and end_us > window.to_us),
    )
    if not row.running:
        return row
    whole = used
    if row.cut:
        whole = add(hours.used(Window("custom", start, end_us), owner).values())
    return _projected(row, whole, now_us)


def _projected(row: BlockRow, whole: Rollup, now_us: int) -> BlockRow:
    """Where the running block will be at its end, at the rate of what was used since it began."""
    burn_usd_per_h = Block(start_us=row.start_us, used=whole).burn_usd_per_h(now_us)
    elapsed_us = now_us - row.start_us
    if elapsed_us <= 60_000_000:
        return row
    return msgspec.structs.replace(
        row,
        burn_nano_per_h=None if burn_usd_per_h is None else round(burn_usd_per_h * 1e9),
        projected_tokens=whole.total_tokens * BLOCK_US // elapsed_us,
        projected_nano=whole.cost_nano * BLOCK_US // elapsed_us if whole.cost_nano else None,
    )
