"""Short ways to write the records of an account, and to look into its snapshot."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from openusage.read_model import build, window
from openusage.read_model.windows import to_us
from openusage.wire.events import (
    AccountFact,
    Behaviour,
    EventKind,
    Outcome,
    QuotaReading,
    TokenCounts,
    UsageEvent,
    event_key,
)
from openusage.wire.snapshot import UsageSnapshot
from tests.read_model.fake import FakeStore

NOW = dt.datetime(2026, 11, 22, 7, 30, tzinfo=dt.UTC)
BERLIN = "Europe/Berlin"
_numbers = itertools.count()


def at(text: str) -> int:
    """`2026-11-22T07:00` in UTC, as microseconds."""
    return to_us(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC))


def message(time: str, tokens: TokenCounts = TokenCounts(10, 20), **fields: Any) -> UsageEvent:  # noqa: B008
    described: dict[str, Any] = {"model": "claude-opus-4-6", "client": "CLI", "session": "s1"}
    return event(time, EventKind.MESSAGE, tokens=tokens, **(described | fields))


def tool(time: str, name: str, **fields: Any) -> UsageEvent:
    return event(time, EventKind.TOOL, tool=name, **({"outcome": Outcome.OK} | fields))


def event(time: str, kind: EventKind, **fields: Any) -> UsageEvent:
    owner: dict[str, Any] = {"provider": "claude_code", "account": "claude-code"}
    return UsageEvent(
        at_us=at(time), kind=kind, event_key=event_key("test", next(_numbers)), **(owner | fields)
    )


def reading(key: str, used: float | None = None, **fields: Any) -> QuotaReading:
    owner: dict[str, Any] = {
        "provider": "claude_code",
        "account": "claude-code",
        "at_us": at("2026-11-22T07:00"),
        "unit": "%",
        "window": "5h",
        "behaviour": Behaviour.CAP,
    }
    return QuotaReading(key=key, used=used, **(owner | fields))


def fact(key: str, value: str, provider: str = "claude_code", account: str = "claude-code") -> AccountFact:
    return AccountFact(provider=provider, account=account, key=key, value=value, at_us=1)


def snapshot_of(
    *events: UsageEvent,
    readings: tuple[QuotaReading, ...] = (),
    facts: tuple[AccountFact, ...] = (),
    shown: str = "7d",
    now: dt.datetime = NOW,
    provider: str = "claude_code",
    account: str = "claude-code",
) -> UsageSnapshot:
    store = FakeStore(events, readings, facts)
    return build(store, provider, account, window=window(shown, now, BERLIN), now=now, tz=BERLIN)


def used(snapshot: UsageSnapshot, *keys: str) -> list[float | None]:
    return [snapshot.metrics[k].used if k in snapshot.metrics else None for k in keys]
