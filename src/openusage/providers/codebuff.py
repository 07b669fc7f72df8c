"""Codebuff (before: Manicode): a document for every chat in `~/.config/manicode/projects`.

Seen: chats of 2025 and 2026 and of the three channels, and of Freebuff, which writes into the same place and
says nothing of use: its chats have requests alone. Credits are Codebuff's own unit and no dollars; those of
sub-agents are inside their parent's. Not covered: `run-state.json`, which repeats the chat, and what is left
of the credits, which needs the tool's own login.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from openusage.lineage.names import upstream_by_name
from openusage.providers import _walk
from openusage.providers._calls import is_unique
from openusage.providers._contract import Chunk, Env, Kind, ProviderSpec
from openusage.providers._inputs import touch_of
from openusage.providers._jsonl import FileState
from openusage.providers._loose import NOTHING, array_of, objects_of, reader
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import Files, one_account
from openusage.providers._values import child, count, disjoint, json_object, number, text, time_us
from openusage.wire.events import (
    NO_TOKENS,
    Account,
    EventKind,
    Outcome,
    QuotaReading,
    Record,
    Scope,
    TokenCounts,
    UsageEvent,
    event_key,
)

SPEC = ProviderSpec(
    id="codebuff",
    name="Codebuff",
    kind=Kind.LOCAL,
    default_account="codebuff",
    docs_url="https://www.codebuff.com/docs",
    patterns=("~/.config/manicode/projects/*/chats/*/chat-messages.json",),
    binaries=("codebuff",),
    retention_hint="Codebuff keeps its chats until they are deleted.",
)

CLIENT = "CLI"
CHANNELS = ("manicode", "manicode-dev", "manicode-staging")
CHAT = "chat-messages.json"

_PLACE = re.compile(rf"(?P<project>[^/]+)/chats/(?P<chat>[^/]+)/{re.escape(CHAT)}")
_BEGAN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d.*)")
"""A chat's name: the time it began at, with `-` for `:`."""
_ANSWERS = ("ai", "agent", "assistant")
_INPUT = ("inputTokens", "input_tokens", "promptTokens", "prompt_tokens")
_OUTPUT = ("outputTokens", "output_tokens", "completionTokens", "completion_tokens")
_READ = ("cacheReadInputTokens", "cache_read_input_tokens")
_WRITTEN = ("cacheCreationInputTokens", "cache_creation_input_tokens")
_DETAILS = ("promptTokensDetails", "prompt_tokens_details", "inputTokensDetails")
_CACHED = ("cachedTokens", "cached_tokens")


class Block(msgspec.Struct, gc=False):
    """A piece of an answer: a tool call, or what a sub-agent did."""

    type: Any = None
    toolCallId: Any = None
    toolName: Any = None
    input: msgspec.Raw = NOTHING
    output: msgspec.Raw = NOTHING
    agentType: Any = None
    blocks: msgspec.Raw = NOTHING


class AgentState(msgspec.Struct, gc=False):
    messageHistory: msgspec.Raw = NOTHING


class SessionState(msgspec.Struct, gc=False):
    mainAgentState: AgentState | None = None


class RunState(msgspec.Struct, gc=False):
    sessionState: SessionState | None = None


class Metadata(msgspec.Struct, gc=False):
    model: Any = None
    usage: msgspec.Raw = NOTHING
    codebuff: msgspec.Raw = NOTHING
    timestamp: Any = None
    runState: RunState | None = None


class Message(msgspec.Struct, gc=False):
    id: Any = None
    variant: Any = None
    role: Any = None
    timestamp: Any = None
    createdAt: Any = None
    credits: Any = None
    metadata: Metadata | None = None
    blocks: msgspec.Raw = NOTHING


class Past(msgspec.Struct, gc=False):
    """A message of the history that the model is given."""

    role: Any = None
    providerOptions: msgspec.Raw = NOTHING


class Memory(msgspec.Struct):
    """Nothing need be known of earlier versions of a chat."""


_read = reader(Message)
_read_block = reader(Block)
_read_past = reader(Past)
_REMEMBERS = Remembers(Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all channels."""
    return one_account(SPEC, _walk.real_dirs(_places(env)))


def _chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    for state in files:
        yield from reading.document(state, _REMEMBERS, partial(Parser, _place(account, state)))


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: what is left of the credits is told to the tool's own login only."""
    return iter(())


def _places(env: Env) -> list[Path]:
    named = _walk.named(env, "CODEBUFF_DATA_DIR")
    homes = named or [env.home / ".config" / channel for channel in CHANNELS]
    return [home if home.name == "projects" else home / "projects" for home in homes]


def _is_chat(relative: str) -> bool:
    return _PLACE.fullmatch(relative) is not None


def _leads_to_chats(relative: str) -> bool:
    parts = relative.split("/")
    return len(parts) < 4 and parts[1:2] in ([], ["chats"])


_CHATS = Files(_is_chat, _chunks, enters=_leads_to_chats)
plan, read = _CHATS.plan, _CHATS.read


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a chat's place tells."""

    account: str
    project: str
    chat: str
    began_us: int
    """When the chat began: for messages that only say how late it was."""


def _place(account: Account, state: FileState) -> Place:
    _, relative = _walk.below(account.roots, state.path)
    project, _, chat, _ = relative.split("/")
    began = _BEGAN.fullmatch(chat)
    began_us = None if began is None else time_us(":".join(began.groups()))
    return Place(account=account.id, project=project, chat=chat, began_us=began_us or state.mtime_ns // 1000)


class Parser:
    """Parses one chat."""

    def __init__(self, place: Place, memory: Memory) -> None:
        self._place = place
        self.memory = memory

    def feed(self, data: bytes | memoryview) -> Iterator[Record]:
        credits, last_us = [], self._place.began_us
        for nth, item in enumerate(array_of(bytes(data))):
            if bytes(item)[:1] != b"{":
                continue
            message = _read(item)
            kind = message.variant if message.variant is not None else message.role
            at_us = self._time(message)
            if kind == "user":
                yield self._event(EventKind.TURN, at_us, "turn", self._name(message, nth))
            elif kind in _ANSWERS:
                last_us = max(last_us, at_us)
                cost = number(message.credits)
                credits += [] if cost is None else [cost]
                yield self._answer(message, nth, at_us)
                yield from self._tools(message.blocks, at_us, None)
        if credits:
            yield QuotaReading(
                provider=SPEC.id,
                account=self._place.account,
                key="session_credits",
                at_us=last_us,
                unit="credits",
                window="session",
                used=sum(credits),
                scope=Scope.MACHINE,
            )

    def _time(self, message: Message) -> int:
        told = (message.timestamp, message.createdAt, (message.metadata or Metadata()).timestamp)
        return next((t for value in told if (t := time_us(value)) is not None), self._place.began_us)

    @staticmethod
    def _name(message: Message, nth: int) -> str:
        return text(message.id) or f"#{nth}"

    def _answer(self, message: Message, nth: int, at_us: int) -> UsageEvent:
        metadata = message.metadata or Metadata()
        own, vendor = json_object(bytes(metadata.usage)), json_object(bytes(metadata.codebuff))
        usage, model = own or child(vendor, "usage"), metadata.model or vendor.get("model")
        if not tokens_of(usage).total:
            past = _last_answer(metadata.runState)
            usage = child(past, "usage") or child(past, "codebuff", "usage")
            model = model or child(past, "codebuff").get("model")
        name = text(model) or text(usage.get("model"))
        return self._event(
            EventKind.MESSAGE,
            at_us,
            "message",
            self._name(message, nth),
            tokens=tokens_of(usage),
            model=name,
            upstream=upstream_by_name(name),
        )

    def _tools(self, blocks: msgspec.Raw, at_us: int, agent: str | None) -> Iterator[Record]:
        for item in objects_of(blocks):
            block = _read_block(item)
            call_id = text(block.toolCallId)
            if block.type == "agent":
                yield from self._tools(block.blocks, at_us, text(block.agentType) or "agent")
            elif block.type == "tool" and call_id is not None:
                touch = touch_of(bytes(block.input))
                yield self._event(
                    EventKind.TOOL,
                    at_us,
                    "tool",
                    call_id,
                    is_unique=is_unique(call_id),
                    agent=agent,
                    tool=text(block.toolName) or "unknown",
                    outcome=None if bytes(block.output) in (b"", b"null") else Outcome.OK,
                    language=touch.language,
                    lines_added=touch.lines_added,
                    lines_removed=touch.lines_removed,
                    file_key=touch.file_key,
                )

    def _event(
        self, kind: EventKind, at_us: int, *key: str, is_unique: bool = False, **more: Any
    ) -> UsageEvent:
        place = self._place
        return UsageEvent(
            provider=SPEC.id,
            account=place.account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(SPEC.id, *(() if is_unique else (place.chat,)), *key),
            client=CLIENT,
            project=place.project,
            session=place.chat,
            **more,
        )


def tokens_of(usage: Mapping[str, object]) -> TokenCounts:
    """Caches of Anthropic's kind are beside input, those of OpenAI's kind are inside the prompt."""
    given, output, read, written = (_count(usage, n) for n in (_INPUT, _OUTPUT, _READ, _WRITTEN))
    details = next((d for name in _DETAILS if (d := child(usage, name))), {})
    cached = _count(details, _CACHED)
    if given is None and output is None:
        return NO_TOKENS
    return disjoint(
        input=given,
        output=output,
        cache_read=cached if read is None else read,
        cache_write=written,
        cache_inside=read is None and cached is not None,
    )


def _count(told: Mapping[str, object], names: tuple[str, ...]) -> int | None:
    return next((n for name in names if (n := count(told.get(name))) is not None), None)


def _last_answer(state: RunState | None) -> dict[str, Any]:
    """What the newest answer in the history says of itself. The history grows with every message: it is
    never added up."""
    session = None if state is None else state.sessionState
    agent = None if session is None else session.mainAgentState
    past = [] if agent is None else list(objects_of(agent.messageHistory))
    for item in reversed(past):
        message = _read_past(item)
        if message.role == "assistant" and (told := json_object(bytes(message.providerOptions))):
            return told
    return {}
