"""Records, prices and stores for the tests of this folder."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from openusage.store import Answers, Store
from openusage.wire.events import (
    AccountFact,
    Behaviour,
    EventKind,
    Outcome,
    QuotaReading,
    Scope,
    TokenCounts,
    UsageEvent,
)
from openusage.wire.rollups import By, Filter, Window

NOW_US = 1_790_000_100_000_000
"""2026-09-21T14:15:00 UTC."""
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
ALL = Window("all")


class Name(msgspec.Struct, frozen=True):
    id: str
    name: str


class Price(msgspec.Struct, frozen=True):
    nano: int
    version: str


LAPTOP = Name("m-laptop", "laptop")


def price(event: UsageEvent) -> Price | None:
    """3 a token read, 15 a token written, in nano-dollars; `unknown` has no price."""
    if event.model == "unknown":
        return None
    return Price(3 * event.tokens.prompt + 15 * (event.tokens.output or 0), "v1")


def key(name: object) -> bytes:
    return hashlib.blake2b(str(name).encode(), digest_size=16).digest()


def message(name: object, at_us: int = NOW_US, output: int | None = 100, **more: Any) -> UsageEvent:
    fields: dict[str, Any] = {
        "provider": "claude_code",
        "account": "claude-code",
        "model": "opus",
        "project": "demo",
        "session": "s1",
        "tokens": TokenCounts(input=10, output=output),
    }
    return UsageEvent(at_us=at_us, kind=EventKind.MESSAGE, event_key=key(name), **(fields | more))


def tool(name: object, at_us: int = NOW_US, **more: Any) -> UsageEvent:
    fields: dict[str, Any] = {
        "provider": "claude_code",
        "account": "claude-code",
        "project": "demo",
        "session": "s1",
        "tool": "Edit",
        "outcome": Outcome.OK,
    }
    return UsageEvent(at_us=at_us, kind=EventKind.TOOL, event_key=key(name), **(fields | more))


def reading(at_us: int = NOW_US, used: float | None = 15.0, **more: Any) -> QuotaReading:
    fields: dict[str, Any] = {
        "provider": "codex",
        "account": "codex",
        "key": "rate_limit_primary",
        "unit": "%",
        "window": "5h",
        "limit": 100.0,
        "behaviour": Behaviour.CAP,
        "scope": Scope.ACCOUNT,
    }
    return QuotaReading(at_us=at_us, used=used, **(fields | more))


def fact(value: str, at_us: int = NOW_US, **more: Any) -> AccountFact:
    fields: dict[str, Any] = {"provider": "codex", "account": "codex", "key": "plan_type"}
    return AccountFact(value=value, at_us=at_us, **(fields | more))


def open_store(
    path: Path | None = None,
    now_us: int = NOW_US,
    price: Callable[[UsageEvent], Price | None] = price,
    machine: Name = LAPTOP,
) -> Store:
    return Store.open(path, machine=machine, price=price, now=lambda: now_us)


def many(count: int, seed: int = 1, days: int = 3, end_us: int = NOW_US) -> list[UsageEvent]:
    """Messages and tool calls of some sessions, spread over the days before `end_us`."""
    r = random.Random(seed)
    events: list[UsageEvent] = []
    for n in range(count):
        at_us = end_us - r.randrange(days * DAY_US)
        project, session = r.choice(["a", "b", None]), r.choice(["s1", "s2", "s3", None])
        if r.random() < 0.6:
            tokens = TokenCounts(
                input=r.choice([None, r.randrange(100)]),
                output=r.randrange(1000),
                cache_read=r.randrange(10**6),
                cache_write_1h=r.choice([None, 7]),
            )
            reported = r.choice([None, None, r.randrange(10**9)])
            events.append(
                message(
                    (seed, n),
                    at_us,
                    tokens=tokens,
                    model=r.choice(["opus", "haiku", "unknown", None]),
                    project=project,
                    session=session,
                    cost_reported_nano=reported,
                    estimated=r.random() < 0.1,
                    web_searches=r.choice([None, 1]),
                )
            )
        else:
            lines = r.choice([None, 3])
            events.append(
                tool(
                    (seed, n),
                    at_us,
                    tool=r.choice(["Edit", "Bash", "mcp__x__y"]),
                    outcome=r.choice(list(Outcome)),
                    project=project,
                    session=session,
                    lines_added=lines,
                    file_key=None if lines is None else r.randrange(9),
                    language=None if lines is None else "python",
                )
            )
    return events


def everything(store: Answers, zones: Iterable[str] = ("UTC", "Asia/Kathmandu")) -> list[Any]:
    """All answers of a store: two stores with the same records give the same."""
    cut = Window("custom", NOW_US - 2 * DAY_US + 123_456_789, NOW_US - HOUR_US)
    found: list[Any] = [
        store.usage(window, by, where, tz)
        for window in (ALL, cut)
        for where in (Filter(), Filter(kinds=(EventKind.MESSAGE,), projects=("a", "demo")))
        for tz in zones
        for by in ((), (By.DAY, By.MODEL), (By.HOUR,), (By.SESSION, By.MACHINE), tuple(By)[:13])
    ]
    found += [store.sessions(ALL), store.sessions(cut), store.files_changed(ALL)]
    found += [store.readings(), store.facts(), store.accounts(), store.oldest_us()]
    found += [store.reading_history(p, a, r.key, 0) for p, a in store.accounts() for r in store.readings()]
    found += [[(m.id, m.copies) for m in store.machines()]]
    return found
