"""A Droid session's `settings.json` -> what it used so far. Pure.

The document holds running totals of this session alone; sub-agents have documents of their own, so that the
totals with the children in them (`inclusiveTokenUsage`) would count these twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.lineage.names import upstream_by_name
from openusage.providers._loose import Bytes, reader
from openusage.providers._totals import Totals
from openusage.providers._values import child, count, disjoint, number, text, time_us
from openusage.providers.droid._log import CLIENT, PROVIDER
from openusage.wire.events import (
    NO_TOKENS,
    EventKind,
    QuotaReading,
    Record,
    Scope,
    TokenCounts,
    UsageEvent,
)

AGENT = "agent"
CUSTOM = "custom:"
"""In front of the name that a person gave a model with a key of their own."""
_REMARK = re.compile(r"\[[^\]]*\]")
_NOT_NAME = re.compile(r"[\s.]+")
_DASHES = re.compile(r"-{2,}")


class Used(msgspec.Struct, gc=False):
    inputTokens: Any = None
    outputTokens: Any = None
    cacheCreationTokens: Any = None
    cacheReadTokens: Any = None
    thinkingTokens: Any = None
    totalTokens: Any = None
    factoryCredits: Any = None


class Settings(msgspec.Struct, gc=False):
    model: Any = None
    providerLock: Any = None
    apiProviderLock: Any = None
    providerLockTimestamp: Any = None
    tags: Any = None
    tokenUsage: Used | None = None
    inclusiveTokenUsage: Used | None = None
    childInclusiveTokenUsageBySessionId: Any = None


_read = reader(Settings)


class Memory(msgspec.Struct):
    """What was seen last."""

    totals: Totals = msgspec.field(default_factory=Totals)
    credits: float | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a session's place and its log tell."""

    account: str
    session: str
    project: str | None
    model: str | None
    from_us: int
    """When its log begins, 0 when it does not say."""
    written_us: int
    """When the totals were written."""


class Parser:
    """Parses one session's totals."""

    def __init__(self, place: Place, memory: Memory) -> None:
        self._place = place
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        settings, place = _read(data), self._place
        used = settings.tokenUsage
        if used is None and not settings.childInclusiveTokenUsageBySessionId:
            used = settings.inclusiveTokenUsage
        if used is None:
            return
        tokens = tokens_of(used)
        if not tokens.total:
            return  # a draft that was never sent
        model = model_name(text(settings.model) or place.model)
        parent, agent = _started_by(settings.tags)
        vendor = text(settings.apiProviderLock) or text(settings.providerLock)
        about = UsageEvent(
            provider=PROVIDER,
            account=place.account,
            at_us=self._when(settings),
            kind=EventKind.MESSAGE,
            event_key=b"",
            tokens=tokens,
            model=model,
            upstream=vendor or upstream_by_name(model),
            client=CLIENT,
            project=place.project,
            session=parent or place.session,
            agent=agent,
        )
        yield from self.memory.totals.events(about, (place.session,))
        credits = number(used.factoryCredits)
        if credits is not None and credits != self.memory.credits:
            self.memory.credits = credits
            yield QuotaReading(
                provider=PROVIDER,
                account=place.account,
                key="session_credits",
                at_us=place.written_us,
                unit="credits",
                window="session",
                used=credits,
                scope=Scope.MACHINE,
            )

    def _when(self, settings: Settings) -> int:
        """What a session used before it was first seen is dated by its beginning, growth by when it was
        written."""
        if self.memory.totals.sessions:
            return self._place.written_us
        began_us = time_us(settings.providerLockTimestamp) or self._place.from_us
        return began_us or self._place.written_us


def tokens_of(used: Used) -> TokenCounts:
    """Disjoint buckets, thoughts beside the answer. Caches are inside input only where the total says so."""
    given, output = count(used.inputTokens), count(used.outputTokens)
    if given is None and output is None:
        return NO_TOKENS
    read, written = count(used.cacheReadTokens), count(used.cacheCreationTokens)
    total = count(used.totalTokens)
    cached = (read or 0) + (written or 0)
    return disjoint(
        input=given,
        output=output,
        cache_read=read,
        cache_write=written,
        reasoning=count(used.thinkingTokens),
        cache_inside=cached > 0 and total == (given or 0) + (output or 0),
    )


def model_name(name: str | None) -> str | None:
    """The model behind a name that a person gave it; any other as it is.

    >>> model_name("custom:Claude-Opus-4.5-Thinking-[Anthropic]-0"), model_name("gpt-5.1")
    ('claude-opus-4-5-thinking-0', 'gpt-5.1')
    """
    if name is None or not name.startswith(CUSTOM):
        return name
    bare = _NOT_NAME.sub("-", _REMARK.sub("", name.removeprefix(CUSTOM)).lower())
    return _DASHES.sub("-", bare).strip("-") or name


def _started_by(tags: object) -> tuple[str | None, str | None]:
    """(session that started this one, its kind of sub-agent); nothing for a person's own."""
    for tag in tags if isinstance(tags, list) else ():
        parent = text(child(tag, "metadata").get("callingSessionId"))
        if parent is not None:
            return parent, text(tag.get("name")) or AGENT
    return None, None
