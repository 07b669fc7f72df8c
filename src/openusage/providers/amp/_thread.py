"""A thread of Amp -> what was used. Pure: bytes in, records out.

A thread that was handed off or forked may begin with messages of the one before. They keep the time at which
their use was noted, so a call is known by that time, its model and what it read; only a call without a time
is known by its place in the thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import msgspec

from openusage.lineage.names import upstream_by_name
from openusage.providers._calls import is_unique, unchanged
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, objects_of, reader
from openusage.providers._values import count, number, project_of, text, time_us
from openusage.wire.events import (
    NO_TOKENS,
    EventKind,
    Outcome,
    QuotaReading,
    Record,
    Scope,
    TokenCounts,
    UsageEvent,
    event_key,
)

PROVIDER = "amp"

_CLIENTS = {None: "CLI", "cli": "CLI"}
_OUTCOMES = {"done": Outcome.OK, "error": Outcome.ERROR}
"""Other ends of a call (`cancelled`, `rejected-by-user`) are a person's."""
_RUNNING = (None, "in-progress", "queued", "blocked-on-user")


Ends: TypeAlias = dict[str, Outcome | None]
"""Tool call -> how it ended, as far as it did."""


class Usage(msgspec.Struct, gc=False):
    """What an answer used; caches are outside `inputTokens`."""

    model: Any = None
    inputTokens: Any = None
    outputTokens: Any = None
    cacheCreationInputTokens: Any = None
    cacheReadInputTokens: Any = None
    totalInputTokens: Any = None
    credits: Any = None
    timestamp: Any = None


class Tokens(msgspec.Struct, gc=False):
    """The same in the ledger."""

    input: Any = None
    output: Any = None
    cacheCreationInputTokens: Any = None
    cacheReadInputTokens: Any = None


class Entry(msgspec.Struct, gc=False):
    """A line of the ledger. It also tells calls that no message has: of sub-agents, for titles."""

    id: Any = None
    timestamp: Any = None
    model: Any = None
    credits: Any = None
    toMessageId: Any = None
    tokens: Tokens | None = None


class Run(msgspec.Struct, gc=False):
    status: Any = None


class Block(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = NOTHING
    toolUseID: Any = None
    run: Run | None = None


class Meta(msgspec.Struct, gc=False):
    sentAt: Any = None


class Message(msgspec.Struct, gc=False):
    role: Any = None
    messageId: Any = None
    content: list[Block] | None = None
    usage: Usage | None = None
    meta: Meta | None = None


class Ledger(msgspec.Struct, gc=False):
    events: list[Entry] | None = None


class Tree(msgspec.Struct, gc=False):
    uri: Any = None


class Platform(msgspec.Struct, gc=False):
    clientType: Any = None


class Initial(msgspec.Struct, gc=False):
    trees: list[Tree] | None = None
    platform: Platform | None = None


class Surroundings(msgspec.Struct, gc=False):
    initial: Initial | None = None


class Thread(msgspec.Struct, gc=False):
    id: Any = None
    created: Any = None
    createdAt: Any = None
    created_at: Any = None
    env: Surroundings | None = None
    messages: msgspec.Raw = NOTHING
    usageLedger: Ledger | None = None


class Call(msgspec.Struct, gc=False):
    """One model call, put together from a message and its line in the ledger."""

    name: str
    """In its thread."""
    model: str | None
    at_us: int | None
    tokens: TokenCounts
    credits: float | None


class Memory(msgspec.Struct):
    """Nothing need be known of earlier versions of a thread."""


_read = reader(Thread)
_read_message = reader(Message)


class Parser:
    """Parses one thread. `name` is that of its file, for one that does not say."""

    def __init__(self, account: str, name: str, memory: Memory) -> None:
        self._account = account
        self._name = name
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        thread = _read(data)
        name = text(thread.id) or self._name
        created = (thread.created, thread.createdAt, thread.created_at)
        about = _About(
            account=self._account,
            thread=name,
            created_us=next((t for value in created if (t := time_us(value)) is not None), None),
            project=_project(thread.env),
            client=_client(thread.env),
        )
        messages = [_read_message(item) for item in objects_of(thread.messages)]
        entries = None if thread.usageLedger is None else thread.usageLedger.events
        calls = list(_calls(messages, entries or []))
        yield from about.calls(calls)
        times = {call.name: call.at_us for call in calls}
        ends = _ends(messages)
        for message in messages:
            yield from about.message(message, times.get(str(message.messageId)), ends)


class _About(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a whole thread."""

    account: str
    thread: str
    created_us: int | None
    project: str | None
    client: str

    def calls(self, calls: list[Call]) -> Iterator[Record]:
        for call in calls:
            tokens, at_us = call.tokens, call.at_us or self.created_us
            if at_us is None or not (tokens.total or call.credits):
                continue
            key: tuple[object, ...] = ("call", self.thread, call.name)
            if call.at_us is not None:
                read = (tokens.input or 0, tokens.cache_read or 0, tokens.cache_write_5m or 0)
                key = ("at", call.at_us, call.model, *read)
            yield self._event(
                EventKind.MESSAGE,
                at_us,
                *key,
                tokens=tokens,
                model=call.model,
                upstream=upstream_by_name(call.model),
            )
        yield from self._credits(calls)

    def message(
        self, message: Message, at_us: int | None, ends: dict[str, Outcome | None]
    ) -> Iterator[Record]:
        """The tool calls of an answer, or a person's turn."""
        sent_us = None if message.meta is None else time_us(message.meta.sentAt)
        when = at_us or sent_us or self.created_us
        blocks = message.content or []
        if when is None:
            return
        if message.role == "user":
            if blocks and not any(block.type == "tool_result" for block in blocks):
                key = ("sent", sent_us) if sent_us else ("turn", self.thread, message.messageId)
                yield self._event(EventKind.TURN, when, *key)
            return
        for block in blocks:
            call_id = text(block.id)
            if block.type == "tool_use" and call_id is not None:
                yield self._tool(call_id, block, when, ends)

    def _tool(self, call_id: str, block: Block, at_us: int, ends: Ends) -> UsageEvent:
        outcome, touch = ends.get(call_id), touch_of(bytes(block.input))
        where = () if is_unique(call_id) else (self.thread,)
        event = self._event(
            EventKind.TOOL,
            at_us,
            "tool",
            *where,
            call_id,
            tool=text(block.name) or "unknown",
            outcome=outcome,
            language=touch.language,
            lines_added=touch.lines_added,
            lines_removed=touch.lines_removed,
            file_key=touch.file_key,
        )
        return event if outcome is Outcome.OK else unchanged(event)

    def _credits(self, calls: list[Call]) -> Iterator[QuotaReading]:
        """What a thread cost so far, in credits."""
        told = [call.credits for call in calls if call.credits is not None]
        at_us = max((call.at_us for call in calls if call.at_us is not None), default=self.created_us)
        if told and at_us is not None:
            yield QuotaReading(
                provider=PROVIDER,
                account=self.account,
                key="session_credits",
                at_us=at_us,
                unit="credits",
                window="session",
                used=sum(told),
                scope=Scope.MACHINE,
            )

    def _event(self, kind: EventKind, at_us: int, *key: object, **more: Any) -> UsageEvent:
        return UsageEvent(
            provider=PROVIDER,
            account=self.account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(PROVIDER, *key),
            client=self.client,
            project=self.project,
            session=self.thread,
            **more,
        )


def _calls(messages: list[Message], entries: list[Entry]) -> Iterator[Call]:
    """Every model call once: a line of the ledger and the message that it leads to are one.

    Where the lines do not say where they lead, they alone count: no message can be told from them.
    """
    used = {str(m.messageId): m.usage for m in messages if m.usage is not None and m.messageId is not None}
    taken: set[str] = set()
    for nth, entry in enumerate(entries):
        message = str(entry.toMessageId)
        usage = used.get(message) if message not in taken else None
        taken.add(message)
        name = message if usage is not None else f"ledger {text(entry.id) or nth}"
        yield _merged(name, entry, usage)
    if all(entry.toMessageId is not None for entry in entries):
        for message, usage in used.items():
            if message not in taken:
                yield _merged(message, Entry(), usage)


def _merged(name: str, entry: Entry, usage: Usage | None) -> Call:
    told, noted = usage or Usage(), entry.tokens or Tokens()
    credits = [c for value in (told.credits, entry.credits) if (c := number(value)) is not None]
    return Call(
        name=name,
        model=text(told.model) or text(entry.model),
        at_us=time_us(told.timestamp) or time_us(entry.timestamp),
        tokens=_tokens(told, noted),
        credits=max(credits, default=None),
    )


def _tokens(told: Usage, noted: Tokens) -> TokenCounts:
    """The larger of both tellings. A prompt told as a whole only is what its caches leave of it."""
    read = _most(told.cacheReadInputTokens, noted.cacheReadInputTokens)
    written = _most(told.cacheCreationInputTokens, noted.cacheCreationInputTokens)
    given, whole = _most(told.inputTokens, noted.input), count(told.totalInputTokens)
    if given is None and whole is not None:
        given = max(0, whole - (read or 0) - (written or 0))
    output = _most(told.outputTokens, noted.output)
    return NO_TOKENS if given is None and output is None else TokenCounts(given, output, read, written)


def _most(*told: object) -> int | None:
    return max((n for value in told if (n := count(value)) is not None), default=None)


def _ends(messages: list[Message]) -> Ends:
    ends: Ends = {}
    for block in (b for message in messages for b in message.content or []):
        call_id = text(block.toolUseID)
        if block.type == "tool_result" and call_id is not None:
            status = None if block.run is None else text(block.run.status)
            ended = status not in _RUNNING
            ends[call_id] = _OUTCOMES.get(status or "", Outcome.ABORTED) if ended else None
    return ends


def _project(env: Surroundings | None) -> str | None:
    trees = env.initial.trees if env is not None and env.initial is not None else None
    uri = text(trees[0].uri) if trees else None
    return project_of(unquote(urlsplit(uri).path)) if uri else None


def _client(env: Surroundings | None) -> str:
    platform = env.initial.platform if env is not None and env.initial is not None else None
    return _CLIENTS.get(None if platform is None else text(platform.clientType), "IDE")
