"""The record log of an agent of Kimi Code -> what was used. Pure: bytes in, records out.

Sources: `packages/agent-core/src/agent/records/types.ts`, `agent/usage/index.ts`, `loop/events.ts` and
`packages/migration-legacy` of the kimi-code repository. A `usage.record` is the usage of one call, whichever
scope it has: `session` are calls outside of a turn, mostly compactions. It has no id: it is its time, model,
counts and agent, which the copies of a forked session keep. Sessions taken over from the Python program have
no usage records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers._calls import Calls, is_unique, unchanged
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, reader
from openusage.providers._values import child, count, disjoint, text, time_us
from openusage.providers.kimi_cli._place import WEB, Place
from openusage.wire.events import EventKind, Outcome, Record, UsageEvent

AGENTS, MAIN, AGENT = "agents", "main", "subagent"
_FOLDER = re.compile(r"wd_(?P<name>.+)_[0-9a-f]{12}")


class Usage(msgspec.Struct, gc=False):
    inputOther: Any = None
    output: Any = None
    inputCacheRead: Any = None
    inputCacheCreation: Any = None


class Event(msgspec.Struct, gc=False):
    """Of a turn: a call of a tool, or its result."""

    type: Any = None
    toolCallId: Any = None
    name: Any = None
    args: msgspec.Raw = NOTHING
    result: Any = None


class Line(msgspec.Struct, gc=False):
    type: Any = None
    time: Any = None
    model: Any = None
    modelAlias: Any = None
    agentId: Any = None
    usage: Usage | None = None
    origin: Any = None
    event: Event | None = None


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of an agent from its earlier lines."""

    model: str | None = None
    """The real name behind `alias`."""
    alias: str | None = None
    calls: Calls = msgspec.field(default_factory=Calls)


_read = reader(Line)


class Parser:
    """Parses one log."""

    def __init__(self, place: Place, memory: Memory) -> None:
        self._place = place
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        line, memory = _read(data), self.memory
        at_us = time_us(line.time)
        if line.type == "llm.request":
            memory.model, memory.alias = text(line.model), text(line.modelAlias)
        elif at_us is None:
            return
        elif line.type == "usage.record" and line.usage is not None:
            yield from self._used(line, line.usage, at_us)
        elif line.type == "turn.prompt" and self._place.agent is None:
            # What a hook, a schedule or the program itself asks is nobody's turn.
            if line.origin == "user" or child(line.origin).get("kind") == "user":
                yield self._event(EventKind.TURN, at_us, "turn", at_us)
        elif line.type == "context.append_loop_event" and line.event is not None:
            yield from self._step(line.event, at_us)

    def _used(self, line: Line, usage: Usage, at_us: int) -> Iterator[Record]:
        told = (usage.inputOther, usage.output, usage.inputCacheRead, usage.inputCacheCreation)
        given, output, read, written = map(count, told)
        tokens = disjoint(input=given, output=output, cache_read=read, cache_write=written)
        if not tokens.total:
            return
        alias, agent = text(line.model), text(line.agentId) or self._place.agent_id
        model = self.memory.model if alias is None or self.memory.alias in (None, alias) else None
        yield self._place.event(
            EventKind.MESSAGE,
            at_us,
            model or (alias or "").removeprefix("kimi-code/") or None,
            self._place.agent,
            *("message", at_us, alias, given, output, read, written, agent),
            tokens=tokens,
        )

    def _step(self, event: Event, at_us: int) -> Iterator[Record]:
        call_id = text(event.toolCallId)
        if call_id is None:
            return
        if event.type == "tool.result":
            failed = child(event.result).get("isError") is True
            ended = self.memory.calls.end(call_id, Outcome.ERROR if failed else Outcome.OK)
            if ended is not None:
                yield unchanged(ended) if failed else ended
        elif event.type == "tool.call":
            name = text(event.name) or "unknown"
            touch = touch_of(bytes(event.args))
            searches, fetches = WEB.get(name, (None, None))
            scope = () if is_unique(call_id) else (at_us, self._place.agent_id)
            made = self._event(
                EventKind.TOOL,
                at_us,
                *("tool", *scope, call_id),
                tool=name,
                language=touch.language,
                lines_added=touch.lines_added,
                lines_removed=touch.lines_removed,
                file_key=touch.file_key,
                web_searches=searches,
                web_fetches=fetches,
            )
            yield unchanged(self.memory.calls.begin(call_id, made))

    def _event(self, kind: EventKind, at_us: int, *key: object, **more: Any) -> UsageEvent:
        return self._place.event(kind, at_us, self.memory.model, self._place.agent, *key, **more)


def project(folder: str) -> str | None:
    """A project by the folder of its sessions.

    >>> project("wd_web-shop_0123456789ab")
    'web-shop'
    """
    found = _FOLDER.fullmatch(folder)
    return None if found is None else found["name"]
