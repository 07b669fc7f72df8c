"""One entry a real account, whatever machines it is used on: what a hub answers at `/v1/accounts`. Pure.

Machines say with the fact `account_key` which vendor account is behind theirs. Equal ones are one: what the
vendor says of the whole account is then shown once, newest reading first. Without that fact each machine's
account is its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

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


_SILENT = _Silent([], [])
_Group: TypeAlias = tuple[str, ...]
"""What members of one account have in common."""


class _Member(NamedTuple):
    """An account as one machine knows it."""

    machine: str
    machine_id: str
    name: AccountName
    facts: list[AccountFact]
    readings: list[QuotaReading]

    @property
    def group(self) -> _Group:
        key = self.key
        name = self.name
        return (name.provider, key) if key else (name.provider, name.account, self.machine)

    @property
    def key(self) -> str | None:
        return next((f.value for f in self.facts if f.key == KEY and f.value), None)


class _Known(NamedTuple):
    """Of one machine, and what that was made from."""

    machine_id: str
    accounts: list[AccountName]
    told: Told
    members: list[tuple[_Group, _Member]]


class _Made(NamedTuple):
    """An account, what it was made from, and between which times it is that."""

    members: list[_Member]
    from_us: int
    until_us: float
    state: AccountState


def fold(machines: Sequence[MachineState], told: Mapping[str, Told], now: dt.datetime) -> list[AccountState]:
    """The accounts of all machines, by provider and name. `told`: by the machine's id in the store."""
    return Folding().fold(machines, told, now)


class Folding:
    """Folds again and again: an account none of whose machines said anything new is not made anew."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        """By the machine's name."""
        self._made: dict[_Group, _Made] = {}

    def fold(
        self, machines: Sequence[MachineState], told: Mapping[str, Told], now: dt.datetime
    ) -> list[AccountState]:
        """As `fold`. What a machine told is taken for new when it is another object than the last time."""
        groups: dict[_Group, list[_Member]] = {}
        self._known = {m.name: self._know(m, told) for m in machines}
        for known in self._known.values():
            for group, member in known.members:
                groups.setdefault(group, []).append(member)
        now_us = to_us(now)
        self._made = {group: self._make(group, members, now_us) for group, members in groups.items()}
        states = [made.state for made in self._made.values()]
        return sorted(states, key=lambda a: (a.provider, a.account, a.machines))

    def _know(self, machine: MachineState, all_told: Mapping[str, Told]) -> _Known:
        told = all_told.get(store_id(machine.id, machine.name), _SILENT)
        known = self._known.get(machine.name)
        if known and known.told is told and known[:2] == (machine.id, machine.accounts):
            return known
        members = [(member.group, member) for member in _members(machine, told)]
        return _Known(machine.id, machine.accounts, told, members)

    def _make(self, group: _Group, members: list[_Member], now_us: int) -> _Made:
        made = self._made.get(group)
        if made and made.from_us <= now_us < made.until_us and _are_same(made.members, members):
            return made
        readings = [r for member in members for r in member.readings]
        turns = [r.resets_at_us for r in readings if r.resets_at_us is not None]
        turns += [r.at_us - _AHEAD_US for r in readings]
        until_us = min((at_us for at_us in turns if at_us > now_us), default=float("inf"))
        return _Made(members, now_us, until_us, _state(members, now_us))


def _are_same(some: list[_Member], others: list[_Member]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _members(machine: MachineState, told: Told) -> list[_Member]:
    names = set(machine.accounts)
    names.update(AccountName(f.provider, f.account) for f in told.facts)
    names.update(AccountName(r.provider, r.account) for r in told.readings)
    return [
        _Member(
            machine.name,
            machine.id,
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
        machines=list(dict.fromkeys(m.machine for m in members)),
        members=[
            AccountMember(machine=m.machine, machine_id=m.machine_id, account=m.name.account) for m in members
        ],
        facts={f.key: f.value for f in facts if f.key != KEY},
        quotas=_quotas(members, now_us),
    )


def _quotas(members: Iterable[_Member], now_us: int) -> list[Quota]:
    newest: dict[tuple[str, str], tuple[QuotaReading, str]] = {}
    for member in members:
        for reading in member.readings:
            key = (reading.key, "" if reading.scope is Scope.ACCOUNT else member.machine)
            if key not in newest or _order(newest[key][0], now_us) < _order(reading, now_us):
                newest[key] = reading, member.machine
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
