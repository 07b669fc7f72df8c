"""Chats of Mux, and its calls in the background -> what was used. Pure: bytes in, records out.

A message has an id that it keeps wherever it is copied: into a forked workspace, into the archive of a chat,
beside its parent when a sub-agent's workspace is deleted. `usage` is the sum of all steps of an answer; calls
that its tools made to other models are told beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers._calls import is_unique, unchanged
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, reader
from openusage.providers._values import child, count, disjoint, first_count, nano_usd, number, text, time_us
from openusage.wire.events import NO_TOKENS, EventKind, Outcome, Record, TokenCounts, UsageEvent, event_key

PROVIDER = "mux"
CLIENT = "Desktop"
AGENT = "agent"
TICKS_A_DOLLAR = 10_000_000_000

_OUTCOMES = {"output-available": Outcome.OK, "output-error": Outcome.ERROR}
_FAILED = b'{"success":false'
"""How the output of a call begins that did not do what it should."""


class Used(msgspec.Struct, gc=False):
    """Some lines have the parts as the library below Mux tells them: in details."""

    inputTokens: Any = None
    outputTokens: Any = None
    reasoningTokens: Any = None
    cachedInputTokens: Any = None
    inputTokenDetails: Any = None
    outputTokenDetails: Any = None


class ToolUse(msgspec.Struct, gc=False):
    """A model call that a tool made."""

    toolName: Any = None
    toolCallId: Any = None
    timestamp: Any = None
    model: Any = None
    usage: Used | None = None
    providerMetadata: Any = None


class Part(msgspec.Struct, gc=False):
    type: Any = None
    toolCallId: Any = None
    toolName: Any = None
    state: Any = None
    input: msgspec.Raw = NOTHING
    output: msgspec.Raw = NOTHING


class Metadata(msgspec.Struct, gc=False):
    timestamp: Any = None
    model: Any = None
    usage: Used | None = None
    providerMetadata: Any = None
    toolModelUsages: list[ToolUse] | None = None
    agentId: Any = None
    synthetic: Any = None
    kind: Any = None


class Line(msgspec.Struct, gc=False):
    """A message, or (`source`) a call in the background."""

    id: Any = None
    role: Any = None
    parts: list[Part] | None = None
    metadata: Metadata | None = None
    timestamp: Any = None
    source: Any = None
    model: Any = None
    usage: Used | None = None
    providerMetadata: Any = None


class Memory(msgspec.Struct):
    """Nothing need be known of earlier lines."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a workspace is: one of several working copies of a project."""

    account: str
    session: str
    """The workspace; of a sub-agent's, the one that started it."""
    project: str | None
    is_agent: bool


_read = reader(Line)


class Parser:
    """Parses one file of messages."""

    def __init__(self, place: Place, memory: Memory) -> None:
        self._place = place
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        line = _read(data)
        if line.source is not None and line.usage is not None:
            yield from self._background(line)
        about, name = line.metadata or Metadata(), text(line.id)
        at_us = time_us(about.timestamp)
        if name is None or at_us is None:
            return
        if line.role == "assistant":
            yield from self._answer(line, about, name, at_us)
        elif line.role == "user" and not self._place.is_agent:
            if about.synthetic is not True and about.kind is None:
                yield self._event(EventKind.TURN, at_us, "turn", name)

    def _answer(self, line: Line, about: Metadata, name: str, at_us: int) -> Iterator[Record]:
        agent = (text(about.agentId) or AGENT) if self._place.is_agent else None
        tokens = tokens_of(about.usage, about.providerMetadata)
        if tokens.total:
            told = {"cost_reported_nano": billed_of(about.providerMetadata), **_model(about.model)}
            yield self._event(EventKind.MESSAGE, at_us, "message", name, tokens=tokens, agent=agent, **told)
        for nth, use in enumerate(about.toolModelUsages or ()):
            tokens = tokens_of(use.usage, use.providerMetadata)
            if tokens.total:
                yield self._event(
                    EventKind.MESSAGE,
                    time_us(use.timestamp) or at_us,
                    "tool model",
                    name,
                    text(use.toolCallId) or nth,
                    use.model,
                    tokens=tokens,
                    agent=text(use.toolName) or AGENT,
                    cost_reported_nano=billed_of(use.providerMetadata),
                    **_model(use.model),
                )
        for part in line.parts or ():
            call_id = text(part.toolCallId)
            if part.type == "dynamic-tool" and call_id is not None:
                yield self._tool(part, call_id, name, at_us, agent)

    def _tool(self, part: Part, call_id: str, name: str, at_us: int, agent: str | None) -> UsageEvent:
        outcome = _OUTCOMES.get(str(part.state))
        if bytes(part.output)[: len(_FAILED)] == _FAILED:
            outcome = Outcome.ERROR
        touch = touch_of(bytes(part.input))
        event = self._event(
            EventKind.TOOL,
            at_us,
            "tool",
            *(() if is_unique(call_id) else (name,)),
            call_id,
            agent=agent,
            tool=text(part.toolName) or "unknown",
            outcome=outcome,
            language=touch.language,
            lines_added=touch.lines_added,
            lines_removed=touch.lines_removed,
            file_key=touch.file_key,
        )
        return event if outcome is Outcome.OK else unchanged(event)

    def _background(self, line: Line) -> Iterator[Record]:
        """A call without a message: for a title, a status, the memory."""
        at_us, tokens = time_us(line.timestamp), tokens_of(line.usage, line.providerMetadata)
        if at_us is not None and tokens.total:
            key = ("background", at_us, line.source, line.model, tokens.prompt, tokens.output)
            about = {"agent": text(line.source) or AGENT, **_model(line.model)}
            cost = billed_of(line.providerMetadata)
            yield self._event(EventKind.MESSAGE, at_us, *key, tokens=tokens, cost_reported_nano=cost, **about)

    def _event(self, kind: EventKind, at_us: int, *key: object, **more: Any) -> UsageEvent:
        place = self._place
        return UsageEvent(
            provider=PROVIDER,
            account=place.account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(PROVIDER, *key),
            client=CLIENT,
            project=place.project,
            session=place.session,
            **more,
        )


def tokens_of(used: Used | None, vendor: object) -> TokenCounts:
    """Reasoning is inside output, caches are inside input. In older versions they were beside it for some
    vendors, which shows where they are more than all of it."""
    if used is None:
        return NO_TOKENS
    given, output = count(used.inputTokens), count(used.outputTokens)
    if given is None and output is None:
        return NO_TOKENS
    parts = child(used.inputTokenDetails)
    read = first_count(used.cachedInputTokens, parts.get("cacheReadTokens"))
    written = first_count(
        child(vendor, "anthropic").get("cacheCreationInputTokens"), parts.get("cacheWriteTokens")
    )
    reasoning = first_count(
        used.reasoningTokens,
        child(used.outputTokenDetails).get("reasoningTokens"),
        child(vendor, "openai").get("reasoningTokens"),
    )
    return disjoint(
        input=given,
        output=output,
        cache_read=read,
        cache_write=written,
        reasoning=reasoning,
        cache_inside=(read or 0) + (written or 0) <= (given or 0),
        reasoning_inside=(reasoning or 0) <= (output or 0),
    )


def billed_of(vendor: object) -> int | None:
    """What the vendor billed; xAI alone tells."""
    ticks = number(child(vendor, "xai").get("costInUsdTicks"))
    return None if ticks is None else nano_usd(ticks / TICKS_A_DOLLAR)


def split_model(name: str) -> tuple[str | None, str]:
    """(vendor, model): at the first colon, behind which a gateway's own names go on.

    >>> split_model("mux-gateway:anthropic/claude-sonnet-4-5"), split_model("claude")
    (('mux-gateway', 'anthropic/claude-sonnet-4-5'), (None, 'claude'))
    """
    vendor, found, model = name.partition(":")
    return (vendor, model) if found and vendor and model else (None, name)


def _model(name: object) -> dict[str, Any]:
    full = text(name)
    if full is None:
        return {"model": None, "upstream": None}
    vendor, model = split_model(full)
    return {"model": model, "upstream": vendor}
