"""Pi coding agent, and its fork omp: a log for every session in `~/.pi/agent/sessions`.

Seen: versions 1 to 3 of its sessions. A session is a tree whose branches were all paid for, so every answer
counts. A forked session is a new file with copies of entries: they keep their time, model and counts, which
are an answer's identity here; ids are short and only tell entries of one file apart. Costs are as recorded:
list prices, also for logins whose subscription pays. Not covered: summaries of compactions and branches in
versions that do not say what these used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from openusage.providers import _walk
from openusage.providers._calls import Calls, is_unique, unchanged
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, objects_of, reader
from openusage.providers._reading import Reading, Remembers
from openusage.providers._values import count, disjoint, nano_usd, project_of, text, time_us
from openusage.wire.events import (
    Account,
    EventKind,
    Outcome,
    Record,
    TokenCounts,
    UsageEvent,
    event_key,
)

SPEC = ProviderSpec(
    id="pi",
    name="Pi",
    kind=Kind.LOCAL,
    default_account="pi",
    docs_url="https://github.com/badlogic/pi-mono",
    patterns=("~/.pi/agent/sessions/**/*.jsonl", "~/.omp/agent/sessions/**/*.jsonl"),
    retention_hint="Pi keeps its sessions until they are deleted.",
)

CHUNK_BYTES = 8 << 20
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
    timestamp: Any = None
    usage: Usage | None = None
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
_REMEMBERS = Remembers(Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all session directories."""
    roots = _walk.real_dirs(_places(env))
    if roots:
        yield Account(id=SPEC.default_account, provider=SPEC.id, roots=tuple(roots), label=SPEC.name)


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    return _walk.plan(_find(account).files, cursors)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`."""
    reading = Reading(account, cursors, CHUNK_BYTES, changed)
    found = _find(account, changed)
    for state in found.files:
        name = Path(state.path).stem.rpartition("_")[2]
        yield from reading.log(state, _REMEMBERS, partial(Parser, account.id, name))
    yield from reading.rest(_walk.gone(cursors, found.files, account.roots, changed), found.problems)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: what is left of a plan, the vendors behind it tell."""
    return iter(())


def _places(env: Env) -> list[Path]:
    own = [agent / "sessions" for agent in _walk.named(env, "PI_CODING_AGENT_DIR")]
    usual = [*(own or [env.home / ".pi" / "agent" / "sessions"]), env.home / ".omp" / "agent" / "sessions"]
    return _walk.named(env, "PI_AGENT_DIR") or usual


def _find(account: Account, changed: Collection[str] | None = None) -> _walk.Found:
    return _walk.find(account.roots, _is_log, changed)


def _is_log(relative: str) -> bool:
    return relative.endswith(".jsonl")


class Parser:
    """Parses one session. `name` is that of its file, for one whose head is gone."""

    def __init__(self, account: str, name: str, memory: Memory) -> None:
        self._account = account
        self._name = name
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        entry, memory = _read(data), self.memory
        message = entry.message
        at_us = time_us(entry.timestamp) or (None if message is None else time_us(message.timestamp))
        if entry.type == "session":
            memory.session = text(entry.id) or memory.session
            memory.project = project_of(entry.cwd) or memory.project
        elif entry.type == "model_change":
            memory.provider, memory.model = text(entry.provider), text(entry.modelId)
        elif at_us is not None and entry.type in _SUMMARIES and entry.usage is not None:
            yield from self._used(entry.usage, at_us)
        elif at_us is not None and entry.type == "message" and message is not None:
            yield from self._message(message, at_us)

    def _message(self, message: Message, at_us: int) -> Iterator[Record]:
        if message.role == "assistant":
            self.memory.provider = text(message.provider) or self.memory.provider
            self.memory.model = text(message.model) or self.memory.model
            if message.usage is not None:
                yield from self._used(message.usage, at_us)
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

    def _used(self, usage: Usage, at_us: int) -> Iterator[Record]:
        tokens, cost = tokens_of(usage), None if usage.cost is None else nano_usd(usage.cost.total)
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

    def _event(self, kind: EventKind, at_us: int, *key: object, **more: Any) -> UsageEvent:
        return UsageEvent(
            provider=SPEC.id,
            account=self._account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(SPEC.id, *key),
            client=CLIENT,
            project=self.memory.project,
            session=self.memory.session or self._name,
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
