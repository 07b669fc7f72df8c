"""One entry a real account, whatever machines it is used on: what a hub answers at `/v1/accounts`. Pure.

Machines say with the fact `account_key` which vendor account is behind theirs. Equal ones are one: what the
vendor says of the whole account is then shown once, newest reading first. Without that fact each machine's
account is its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from openusage.read_model import quota
from openusage.read_model.windows import from_us, to_us
from openusage.wire.events import AccountFact, QuotaReading, Scope
from openusage.wire.fleet import AccountMember, AccountName, AccountState, MachineState, Quota, store_id

KEY = "account_key"
_AHEAD_US = 300_000_000
"""A reading further in the future than this comes from a wrong clock: any other one is believed first."""


class Told(Protocol):
    """What one machine said of its accounts: the newest under each key."""

    @property
    def facts(self) -> list[AccountFact]: ...
    @property
    def readings(self) -> list[QuotaReading]: ...


class _Silent(NamedTuple):
    """Of a machine that said nothing."""

    facts: list[AccountFact]
    readings: list[QuotaReading]


class _Member(NamedTuple):
    machine: MachineState
    name: AccountName
    facts: list[AccountFact]
    readings: list[QuotaReading]

    @property
    def key(self) -> str | None:
        return next((f.value for f in self.facts if f.key == KEY and f.value), None)


def fold(machines: Sequence[MachineState], told: Mapping[str, Told], now: dt.datetime) -> list[AccountState]:
    """The accounts of all machines, by provider and name. `told`: by the machine's id in the store."""
    groups: dict[tuple[str, ...], list[_Member]] = {}
    for machine in machines:
        for member in _members(machine, told.get(store_id(machine.id, machine.name), _Silent([], []))):
            own = (member.name.provider, member.name.account, machine.name)
            key = member.key
            groups.setdefault((member.name.provider, key) if key else own, []).append(member)
    states = [_state(members, to_us(now)) for members in groups.values()]
    return sorted(states, key=lambda a: (a.provider, a.account, a.machines))


def _members(machine: MachineState, told: Told) -> list[_Member]:
    names = set(machine.accounts)
    names.update(AccountName(f.provider, f.account) for f in told.facts)
    names.update(AccountName(r.provider, r.account) for r in told.readings)
    return [
        _Member(
            machine,
            name,
            [f for f in told.facts if (f.provider, f.account) == (name.provider, name.account)],
            [r for r in told.readings if (r.provider, r.account) == (name.provider, name.account)],
        )
        for name in sorted(names)
    ]


def _state(members: list[_Member], now_us: int) -> AccountState:
    first = members[0]
    facts = sorted((f for m in members for f in m.facts), key=lambda f: (f.key, f.at_us, f.value))
    return AccountState(
        provider=first.name.provider,
        account=first.name.account,
        account_key=first.key,
        machines=list(dict.fromkeys(m.machine.name for m in members)),
        members=[
            AccountMember(machine=m.machine.name, machine_id=m.machine.id, account=m.name.account)
            for m in members
        ],
        facts={f.key: f.value for f in facts if f.key != KEY},
        quotas=_quotas(members, now_us),
    )


def _quotas(members: Iterable[_Member], now_us: int) -> list[Quota]:
    newest: dict[tuple[str, str], tuple[QuotaReading, str]] = {}
    for member in members:
        name = member.machine.name
        for reading in member.readings:
            key = (reading.key, "" if reading.scope is Scope.ACCOUNT else name)
            if key not in newest or _order(newest[key][0], now_us) < _order(reading, now_us):
                newest[key] = reading, name
    return [_quota(reading, name, now_us) for _, (reading, name) in sorted(newest.items(), key=_by_key)]


def _by_key(item: tuple[tuple[str, str], tuple[QuotaReading, str]]) -> tuple[str, str]:
    return item[0]


def _order(reading: QuotaReading, now_us: int) -> tuple[bool, int]:
    return reading.at_us <= now_us + _AHEAD_US, reading.at_us


def _quota(reading: QuotaReading, machine: str, now_us: int) -> Quota:
    """As tiles show it: a percentage is of 100, a period that is over has begun at 0 again."""
    metric = quota.metric(reading, now_us)
    resets_at_us = reading.resets_at_us
    return Quota(
        key=reading.key,
        unit=metric.unit,
        window=metric.window,
        used=metric.used,
        limit=metric.limit,
        remaining=metric.remaining,
        resets_at=from_us(resets_at_us) if resets_at_us is not None and resets_at_us > now_us else None,
        read_at=from_us(reading.at_us),
        behaviour=str(reading.behaviour),
        scope=str(reading.scope),
        machine=machine,
    )
