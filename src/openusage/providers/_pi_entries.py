"""Sessions in the format of Pi, which OpenClaw took over -> what was used. Pure: bytes in, records out.

A session is a tree whose branches were all paid for, so every answer counts. A forked session is a new file
with copies of entries: they keep their time, model and counts, which are an answer's identity here; ids are
short and only tell entries of one session apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers._calls import Calls, is_unique, unchanged
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, objects_of, reader
from openusage.providers._values import count, disjoint, json_object, nano_usd, project_of, text, time_us
from openusage.wire.events import EventKind, Outcome, Record, TokenCounts, UsageEvent, event_key

CLIENT = "CLI"
_SUMMARIES = ("compaction", "branch_summary")
"""Entries that a model wrote and that are no message."""


class Cost(msgspec.Struct, gc=False):
    total: Any = None


class Usage(msgspec.Struct, gc=False):
    input: Any = None
    output: Any = None
    cacheRead: Any = None
    cacheWrite: Any = None
    reasoning: Any = None
    totalTokens: Any = None
    cost: Cost | None = None


class Block(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    name: Any = None
    arguments: msgspec.Raw = NOTHING


class Message(msgspec.Struct, gc=False):
    role: Any = None
    provider: Any = None
    model: Any = None
    modelId: Any = None
    timestamp: Any = None
    usage: Usage | None = None
    cost: Cost | None = None
    content: msgspec.Raw = NOTHING
    toolCallId: Any = None
    isError: Any = None


class Entry(msgspec.Struct, gc=False):
    """A line: the session's head, a message, or something else that is noted."""

    type: Any = None
    id: Any = None
    timestamp: Any = None
    cwd: Any = None
    provider: Any = None
    modelId: Any = None
    customType: Any = None
    data: msgspec.Raw = NOTHING
    usage: Usage | None = None
    message: Message | None = None


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of a session from its earlier lines."""

    session: str | None = None
    project: str | None = None
    provider: str | None = None
    model: str | None = None
    calls: Calls = msgspec.field(default_factory=Calls)


_read = reader(Entry)
_read_block = reader(Block)


class Place(msgspec.Struct, frozen=True):
    """Where a session was found."""

    provider: str
    account: str
    session: str
    """For one whose head is gone."""
    agent: str | None = None
    by_message: bool = False
    """A message's own time goes before that of its entry."""


class Parser:
    """Parses one session."""

    def __init__(self, place: Place, memory: Memory) -> None:
        self._place = place
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        entry, memory = _read(data), self.memory
        message = entry.message
        times = [time_us(entry.timestamp), None if message is None else time_us(message.timestamp)]
        at_us = next(filter(None, reversed(times) if self._place.by_message else times), None)
        if entry.type == "session":
            memory.session = text(entry.id) or memory.session
            memory.project = project_of(entry.cwd) or memory.project
        elif entry.type == "model_change":
            memory.provider, memory.model = text(entry.provider), text(entry.modelId)
        elif entry.type == "custom" and entry.customType == "model-snapshot":
            told = json_object(bytes(entry.data))
            memory.provider = text(told.get("provider")) or memory.provider
            memory.model = text(told.get("modelId")) or memory.model
        elif at_us is not None and entry.type in _SUMMARIES and entry.usage is not None:
            yield from self._used(entry.usage, entry.usage.cost, at_us)
        elif at_us is not None and entry.type == "message" and message is not None:
            yield from self._message(message, at_us)

    def _message(self, message: Message, at_us: int) -> Iterator[Record]:
        if message.role == "assistant":
            self.memory.provider = text(message.provider) or self.memory.provider
            self.memory.model = text(message.model) or text(message.modelId) or self.memory.model
            if message.usage is not None:
                yield from self._used(message.usage, message.usage.cost or message.cost, at_us)
            for item in objects_of(message.content):
                block = _read_block(item)
                if block.type == "toolCall":
                    yield from self._called(block, at_us)
        elif message.role == "toolResult":
            outcome = Outcome.ERROR if message.isError is True else Outcome.OK
            ended = self.memory.calls.end(text(message.toolCallId) or "", outcome)
            if ended is not None:
                yield ended if outcome is Outcome.OK else unchanged(ended)
        elif message.role == "user":
            yield self._event(EventKind.TURN, at_us, "turn", at_us)

    def _used(self, usage: Usage, told_cost: Cost | None, at_us: int) -> Iterator[Record]:
        tokens, cost = tokens_of(usage), None if told_cost is None else nano_usd(told_cost.total)
        if tokens.total or cost:
            told = (usage.input, usage.output, usage.cacheRead, usage.cacheWrite)
            key = ("message", at_us, self.memory.model, *map(count, told))
            about = {"model": self.memory.model, "upstream": self.memory.provider}
            yield self._event(EventKind.MESSAGE, at_us, *key, tokens=tokens, cost_reported_nano=cost, **about)

    def _called(self, block: Block, at_us: int) -> Iterator[Record]:
        call_id = text(block.id)
        if call_id is None:
            return
        touch = touch_of(bytes(block.arguments))
        made = self._event(
            EventKind.TOOL,
            at_us,
            "tool",
            *(() if is_unique(call_id) else (at_us,)),
            call_id,
            model=self.memory.model,
            upstream=self.memory.provider,
            tool=text(block.name) or "unknown",
            language=touch.language,
            lines_added=touch.lines_added,
            lines_removed=touch.lines_removed,
            file_key=touch.file_key,
        )
        yield unchanged(self.memory.calls.begin(call_id, made))

    def _event(self, kind: EventKind, at_us: int, *key: Any, **more: Any) -> UsageEvent:
        return UsageEvent(
            provider=self._place.provider,
            account=self._place.account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(self._place.provider, *key),
            client=CLIENT,
            project=self.memory.project,
            session=self.memory.session or self._place.session,
            agent=self._place.agent,
            **more,
        )


def tokens_of(usage: Usage) -> TokenCounts:
    """Caches are beside input, reasoning is inside output. A total alone is taken as what was read."""
    given, output = count(usage.input), count(usage.output)
    if given is None and output is None:
        given = count(usage.totalTokens)
    return disjoint(
        input=given,
        output=output,
        cache_read=count(usage.cacheRead),
        cache_write=count(usage.cacheWrite),
        reasoning=count(usage.reasoning),
        reasoning_inside=True,
    )
