"""Accounts made again and again: what is remembered from the last time never shows."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from openusage.hub.accounts import Accounts
from openusage.hub.machines import Kept, ask_kept
from openusage.hub.opener import OWN
from openusage.read_model.accounts import KEY
from openusage.read_model.windows import from_us
from openusage.store import Forgotten, Met, Store
from openusage.wire.events import AccountFact, QuotaReading, Scope
from openusage.wire.fleet import AccountState, MachineState, State
from tests.store.samples import NOW_US, fact, message, price, reading

MINUTE_US = 60_000_000
MACHINES = ["a" * 32, "b" * 32, "c" * 32]


@pytest.fixture
def store() -> Iterator[Store]:
    ticks = itertools.count(NOW_US)
    with_machines = Store.open(None, machine=OWN, price=price, now=lambda: next(ticks))
    yield with_machines
    with_machines.close()


def machines_of(kept: Kept) -> list[MachineState]:
    """All machines of the store, as a roll shows them."""
    at = from_us(NOW_US)
    common: dict[str, Any] = {"version": "", "first_seen": at, "last_seen": at, "state": State.FRESH}
    common |= {"clock_skew_s": None, "lag_s": None, "backlog": None, "records": 0, "copies": 0}
    return [
        MachineState(name=m.name, id=m.id, accounts=sorted(kept.accounts.get(m.id, [])), **common)
        for m in kept.machines.values()
    ]


def states(accounts: Accounts, store: Store, now: dt.datetime) -> list[AccountState]:
    kept = ask_kept(store)
    return accounts.states(store, kept, machines_of(kept), now)


def forget(store: Store, machine: str) -> None:
    done = Forgotten()
    while done.backlog:
        done = store.forget(machine, done)


def said(r: random.Random, at_us: int) -> AccountFact | QuotaReading:
    """Something about one of two accounts; now and then who is behind it."""
    account = r.choice(("one", "two"))
    if r.random() < 0.3:
        return fact(r.choice(("", "x" * 32, "y" * 32)), at_us, key=KEY, account=account)
    if r.random() < 0.2:
        return fact(r.choice(("pro", "max")), at_us, account=account)
    return reading(
        at_us,
        float(r.randrange(100)),
        account=account,
        key=r.choice(("five_hour", "week")),
        scope=r.choice((Scope.ACCOUNT, Scope.MACHINE)),
        resets_at_us=r.choice((None, at_us + r.randrange(20) * MINUTE_US)),
    )


@pytest.mark.parametrize("seed", range(8))
def test_they_are_those_that_are_made_from_scratch(seed: int, store: Store) -> None:
    """Whatever machines say in which order, also by clocks that go wrong, and whoever is forgotten."""
    r = random.Random(seed)
    remembering = Accounts()
    now_us = NOW_US
    for step in range(120):
        machine = r.choice(MACHINES)
        if r.random() < 0.08:
            forget(store, machine)
        elif r.random() < 0.1:
            store.meet(Met(id=machine, name=f"{machine[0]}-{step}"))
        elif r.random() < 0.15:
            store.add([message((seed, step), account=r.choice(("one", "three")))], machine=machine)
        else:
            at_us = now_us + r.choice((0, 0, -3, 4, 9)) * MINUTE_US
            store.add([said(r, at_us) for _ in range(r.randrange(3))], machine=machine)
        now_us += r.choice((0, 0, 1, 1, 3, -1)) * MINUTE_US
        if r.random() < 0.7:
            now = from_us(now_us)
            assert states(remembering, store, now) == states(Accounts(), store, now)


def test_what_did_not_change_is_not_made_anew(store: Store) -> None:
    accounts, now = Accounts(), from_us(NOW_US)
    for machine in MACHINES:
        store.add([reading(NOW_US, resets_at_us=NOW_US + MINUTE_US)], machine=machine)
    first = states(accounts, store, now)
    store.add([reading(NOW_US + 1, 50.0)], machine=MACHINES[1])
    second = states(accounts, store, now)
    assert [a is b for a, b in zip(first, second, strict=True)] == [True, False, True]
    third = states(accounts, store, from_us(NOW_US + MINUTE_US))
    assert [a.quotas[0].used for a in third] == [0.0, 50.0, 0.0]


def test_another_store_is_asked_from_the_beginning(store: Store) -> None:
    accounts, now = Accounts(), from_us(NOW_US)
    store.add([reading(n, key=f"key-{n}") for n in range(NOW_US - 9, NOW_US)], machine=MACHINES[0])
    assert len(states(accounts, store, now)[0].quotas) == 9
    other = Store.open(None, machine=OWN, price=price, now=lambda: NOW_US)
    other.add([reading(NOW_US)], machine=MACHINES[0])
    assert [q.key for q in states(accounts, other, now)[0].quotas] == ["rate_limit_primary"]
    other.close()
