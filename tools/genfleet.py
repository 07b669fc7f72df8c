"""An invented fleet for a hub: machines with months of records, limits that they share, a Go machine.

For tests in a browser, pictures and measurements: everything is sent to a real hub the way machines send it.
The same seed and time give the same fleet.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import httpx
import msgspec

from openusage.read_model.windows import to_us
from openusage.wire.envelope import RemoteEnvelope
from openusage.wire.events import (
    AccountFact,
    Behaviour,
    EventKind,
    QuotaReading,
    Record,
    Scope,
    TokenCounts,
    UsageEvent,
)
from openusage.wire.records import MAX_RECORDS, RecordBatch
from openusage.wire.snapshot import Metric, UsageSnapshot

NAMES = ("work-laptop", "desktop", "build-1", "home", "ci")
"""What the first machines are called; the others are numbered."""
_PROJECTS = (
    "openusage",
    "site",
    "infra",
    "billing",
    "notes",
    "search",
    "mobile",
    "docs",
    "lab",
    "etl",
    "kiosk",
)
_TOOLS = {
    "claude_code": ("claude-code", ("claude-opus-4-6", "claude-sonnet-4-5", "claude-haiku-4-5")),
    "codex": ("codex", ("gpt-5.1-codex", "gpt-5.1-codex-mini")),
    "gemini_cli": ("gemini-cli", ("gemini-3-pro",)),
}
_DAY_US = 86_400_000_000


class Invented(NamedTuple):
    """One machine."""

    name: str
    id: str
    number: int
    """0 uses most."""


def machines(count: int) -> list[Invented]:
    names = [*NAMES[:count], *(f"node-{n:03}" for n in range(len(NAMES), count))]
    return [Invented(name, _hex(name, 16), n) for n, name in enumerate(names)]


def records(machine: Invented, now: dt.datetime, *, days: int, a_day: int) -> list[Record]:
    """Its messages of so many days, and what vendors say of its accounts' limits."""
    r = random.Random(machine.number)
    now_us, weight = to_us(now), 1 / (1 + machine.number) ** 0.6
    tools = [*_TOOLS][: 1 + (machine.number + 1) % 3]
    found: list[Record] = []
    for day in range(days):
        busy = weight * r.choice((0.3, 0.7, 1.0, 1.4, 1.8))
        for n in range(max(1, round(a_day * busy))):
            at_us = now_us - day * _DAY_US - r.randrange(1, _DAY_US // 2)
            provider = r.choice(tools)
            account, models = _TOOLS[provider]
            found.append(
                UsageEvent(
                    provider=provider,
                    account=account,
                    at_us=at_us,
                    kind=EventKind.MESSAGE,
                    event_key=_key(machine.name, day, n),
                    model=r.choices(models, range(len(models), 0, -1))[0],
                    project=_PROJECTS[min(int(r.expovariate(0.6)), len(_PROJECTS) - 1)],
                    client="CLI",
                    session=f"{machine.name}-{day}-{n // 20}",
                    tokens=TokenCounts(
                        input=r.randrange(50, 4000),
                        output=r.randrange(200, 9000),
                        cache_read=r.randrange(20_000, 400_000),
                        cache_write_5m=r.randrange(0, 20_000),
                    ),
                )
            )
    return [*found, *(limit for tool in tools for limit in _limits(tool, machine, now_us))]


def _limits(provider: str, machine: Invented, now_us: int) -> Iterator[Record]:
    """Machines of even and of odd numbers share an account each."""
    account = _TOOLS[provider][0]
    owner = machine.number % 2
    yield AccountFact(
        provider=provider,
        account=account,
        key="account_key",
        value=_hex(f"{provider}{owner}", 32),
        at_us=now_us,
    )
    shapes = {
        "claude_code": (
            ("usage_five_hour", "5h", 83.0 - 60 * owner, 78),
            ("usage_seven_day", "7d", 61.0 - 40 * owner, 51 * 60),
        ),
        "codex": (
            ("rate_limit_primary", "5h", 97.0 - 70 * owner, 12),
            ("rate_limit_secondary", "7d", 31.0, 4000),
        ),
        "gemini_cli": (("usage_one_day", "1d", 12.0, 600),),
    }
    for key, window, used, minutes in shapes[provider]:
        yield QuotaReading(
            provider=provider,
            account=account,
            key=key,
            unit="%",
            window=window,
            used=used,
            limit=100.0,
            resets_at_us=now_us + minutes * 60_000_000,
            behaviour=Behaviour.CAP,
            scope=Scope.ACCOUNT,
            at_us=now_us,
        )


def send(
    hub: httpx.Client, machine: Invented, sent: Sequence[Record], now: dt.datetime, after: int = 0
) -> None:
    """Records to `/v1/records`, in as many batches as it takes."""
    for start in range(0, len(sent), MAX_RECORDS):
        part = list(sent[start : start + MAX_RECORDS])
        first = after + start
        batch = RecordBatch(
            machine=machine.name,
            machine_id=machine.id,
            store_id=_hex(f"store {machine.name}", 16),
            version="0.9.0",
            sent_at=now,
            after=first,
            upto=first + len(part),
            records=part,
        )
        hub.post("/v1/records", content=msgspec.json.encode(batch)).raise_for_status()


def more(machine: Invented, now: dt.datetime) -> list[Record]:
    """One more message, just now; another one at every time."""
    provider = next(iter(_TOOLS))
    account, models = _TOOLS[provider]
    said = UsageEvent(
        provider=provider,
        account=account,
        at_us=to_us(now),
        kind=EventKind.MESSAGE,
        event_key=_key(machine.name, to_us(now)),
        model=models[0],
        project=_PROJECTS[0],
        client="CLI",
        session=f"{machine.name}-now",
        tokens=TokenCounts(input=3000, output=9000, cache_read=300_000, cache_write_5m=9000),
    )
    return [said]


def push(hub: httpx.Client, machine: Invented, now: dt.datetime, calls: int = 812) -> None:
    """A snapshot with what records do not hold."""
    used = {"tool_edit": calls, "tool_bash": 640, "tool_read": 511, "lang_python": 720, "lang_rust": 96}
    metrics = {key: Metric(used=float(value), unit="calls", window="7d") for key, value in used.items()}
    metrics["tool_success_rate"] = Metric(used=98.7, unit="%", window="7d")
    said = UsageSnapshot(
        provider_id="claude_code", account_id="claude-code", timestamp=now, status="OK", metrics=metrics
    )
    envelope = RemoteEnvelope(
        machine=machine.name, machine_id=machine.id, version="0.9.0", sent_at=now, snapshots=[said]
    )
    hub.post("/v1/push", content=msgspec.json.encode(envelope)).raise_for_status()


def fill(
    hub: httpx.Client, now: dt.datetime, *, count: int = 5, days: int = 12, a_day: int = 12
) -> dict[Invented, int]:
    """A whole fleet, just heard: machine -> how many records it has sent."""
    sent = {}
    for machine in machines(count):
        said = records(machine, now, days=days, a_day=a_day)
        send(hub, machine, said, now)
        push(hub, machine, now)
        sent[machine] = len(said)
    return sent


def _key(*parts: object) -> bytes:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


def _hex(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
