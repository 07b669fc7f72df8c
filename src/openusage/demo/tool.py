"""An invented tool as a daemon reads it: a provider whose records come from a `Story` instead of files."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Collection, Iterator
from pathlib import Path

from openusage.demo.cast import MACHINES, Machine, Use, digest
from openusage.demo.story import DAYS, Story
from openusage.providers import load
from openusage.providers._contract import Chunk, Cursors, Env, Plan
from openusage.wire.events import Account, AccountFact, Behaviour, QuotaReading, Record, UsageEvent

_CHUNK = 5_000
_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
_PAST_US = 7 * 24 * _HOUR_US
"""How far back it is known what the vendor said of limits."""


class InventedTool:
    """One use of a tool, up to the present moment of whoever reads. Reads from where it read last."""

    def __init__(
        self, machine: Machine, use: Use, begun: dt.datetime, zone: dt.tzinfo, *, root: Path, days: int = DAYS
    ) -> None:
        """`root` is the folder whose changes tell that there is something to read."""
        self.SPEC = load(use.provider).SPEC
        self._use, self._begun, self._root = use, begun, root
        self._events = Story(machine, use, begun, zone, days=days).events()
        for other in MACHINES:
            if other.name == machine.copies_of:
                for same in other.uses:
                    if same.account == use.account:
                        self._events += Story(other, same, begun, zone, days=days).copied()
        self._events.sort(key=_time)
        self._told_us = 0
        self._told_limits_us = 0

    def discover(self, env: Env) -> Iterator[Account]:
        yield Account(id=self._use.account, provider=self.SPEC.id, roots=(str(self._root),))

    def plan(self, account: Account, cursors: Cursors, env: Env) -> Plan:
        return Plan(files=0, bytes_to_read=0)

    def read(
        self, account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
    ) -> Iterator[Chunk]:
        records = self.due(int(env.now.timestamp() * 1e6))
        for start in range(0, len(records), _CHUNK):
            yield Chunk(records=records[start : start + _CHUNK])

    def poll(self, account: Account, env: Env) -> Iterator[Record]:
        return iter(())

    def due(self, now_us: int) -> list[Record]:
        """What has happened since it was asked last; what its vendor says, once a minute."""
        first = bisect_right(self._events, self._told_us, key=_time)
        last = bisect_right(self._events, now_us, key=_time)
        found: list[Record] = [*self._events[first:last]]
        self._told_us = max(self._told_us, now_us)
        minute_us = now_us // _MINUTE_US * _MINUTE_US
        if minute_us > self._told_limits_us:
            past = range(minute_us - _PAST_US, minute_us, _HOUR_US) if not self._told_limits_us else ()
            self._told_limits_us = minute_us
            for at_us in (*past, minute_us):
                found += self._vendor(at_us)
        return found

    def is_due(self, now_us: int) -> bool:
        """Whether something has happened since it was asked last."""
        return bisect_right(self._events, self._told_us, key=_time) < bisect_right(
            self._events, now_us, key=_time
        )

    def touch(self) -> None:
        """As the tool itself does when it writes."""
        (self._root / "written").write_text("")

    def _vendor(self, at_us: int) -> Iterator[Record]:
        plan, provider, account = self._use.plan, self.SPEC.id, self._use.account
        facts = (("account_key", digest(f"{provider} {plan.owner}", 32)), *plan.facts)
        began_us = int(self._begun.timestamp() * 1e6)
        for key, value in facts:
            yield AccountFact(provider=provider, account=account, key=key, value=value, at_us=began_us)
        for limit in plan.limits:
            used_pct, left_minutes = limit.at((at_us - began_us) / _MINUTE_US)
            yield QuotaReading(
                provider=provider,
                account=account,
                key=limit.key,
                at_us=at_us,
                unit="%",
                window=limit.window,
                used=round(used_pct, 1),
                limit=100.0,
                remaining=round(100 - used_pct, 1),
                resets_at_us=at_us + round(left_minutes) * _MINUTE_US,
                behaviour=Behaviour.CAP,
            )
        if plan.balance_usd is not None:
            yield QuotaReading(
                provider=provider,
                account=account,
                key="credit_balance",
                at_us=at_us,
                unit="USD",
                window="current",
                remaining=plan.balance_usd,
                behaviour=Behaviour.BALANCE,
            )


def _time(event: UsageEvent) -> int:
    return event.at_us
