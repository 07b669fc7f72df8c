"""A chat of Qwen Code -> what was used. Pure: bytes in, records out.

Every record has an id of its own, which a branched session keeps in its copies. What an answer used stands
in its record; the telemetry record behind it repeats the counts, and is only counted for a chat in which no
answer says any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.lineage.names import upstream_by_name
from openusage.providers._calls import Calls, unchanged
from openusage.providers._figures import context
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, reader
from openusage.providers._values import child, count, disjoint, json_object, project_of, text, time_us
from openusage.wire.events import (
    AccountFact,
    EventKind,
    Outcome,
    QuotaReading,
    Record,
    TokenCounts,
    UsageEvent,
    event_key,
)

PROVIDER = "qwen_cli"
UPSTREAM = "qwen"
CLIENT = "CLI"
AGENT = "agent"
KEPT_HELD = 500
HELD = b'"held":['
"""Stands in a memory that holds something back."""

_OUTCOMES = {"success": Outcome.OK, "error": Outcome.ERROR, "cancelled": Outcome.ABORTED}
_WEB = {"web_search": (1, None), "web_fetch": (None, 1)}
"""Tool -> (searches, fetches)."""
_TYPED = (None, "mid_turn_user_message")
"""Subtypes of what a person wrote; others are of the tool's own making."""


class Part(msgspec.Struct, gc=False):
    functionCall: msgspec.Raw = NOTHING
    functionResponse: msgspec.Raw = NOTHING
    text: msgspec.Raw = NOTHING


class Message(msgspec.Struct, gc=False):
    parts: list[Part] | None = None


class Usage(msgspec.Struct, gc=False):
    promptTokenCount: Any = None
    candidatesTokenCount: Any = None
    thoughtsTokenCount: Any = None
    cachedContentTokenCount: Any = None
    totalTokenCount: Any = None


class Result(msgspec.Struct, gc=False):
    callId: Any = None
    status: Any = None


class Payload(msgspec.Struct, gc=False):
    uiEvent: msgspec.Raw = NOTHING


class Line(msgspec.Struct, gc=False):
    uuid: Any = None
    sessionId: Any = None
    timestamp: Any = None
    type: Any = None
    subtype: Any = None
    provenance: Any = None
    cwd: Any = None
    version: Any = None
    model: Any = None
    message: Message | None = None
    usageMetadata: Usage | None = None
    toolCallResult: Result | None = None
    systemPayload: Payload | None = None
    contextWindowSize: Any = None
    agentId: Any = None
    agentName: Any = None
    isSidechain: Any = None


_read = reader(Line)


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of a chat from its earlier lines."""

    version: str | None = None
    calls: Calls = msgspec.field(default_factory=Calls)
    told: bool = False
    """An answer said what it used."""
    held: list[UsageEvent] = []
    """Answers as telemetry tells them, until an answer says so itself. Newest last."""


class Chat:
    """Parses one chat. `session` and `project` are those of its place, for lines that do not say."""

    def __init__(self, account: str, session: str, project: str, memory: Memory) -> None:
        self._account = account
        self._session = session
        self._project = project
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        line = _read(data)
        at_us = time_us(line.timestamp)
        if at_us is None or not isinstance(line.type, str):
            return
        if line.type == "assistant":
            yield from self._answer(line, at_us)
        elif line.type == "user":
            yield from self._prompt(line, at_us)
        elif line.type == "tool_result":
            yield from self._result(line)
        elif line.type == "system" and line.subtype == "ui_telemetry" and line.systemPayload is not None:
            yield from self._telemetry(line, json_object(bytes(line.systemPayload.uiEvent)), at_us)
        version = text(line.version)
        if version and version != self.memory.version:
            self.memory.version = version
            yield AccountFact(
                provider=PROVIDER, account=self._account, key="cli_version", value=version, at_us=at_us
            )

    def settle(self) -> Iterator[Record]:
        """What only telemetry told."""
        held, self.memory.held = self.memory.held, []
        yield from held

    def _answer(self, line: Line, at_us: int) -> Iterator[Record]:
        tokens = None if line.usageMetadata is None else tokens_of(line.usageMetadata)
        name = text(line.uuid) or f"{self._session_of(line)}:{at_us}"
        if tokens is not None and tokens.total:
            self.memory.told, self.memory.held = True, []
            yield self._event(EventKind.MESSAGE, line, at_us, "message", name, tokens=tokens)
            yield from self._context(line, tokens, at_us)
        for part in line.message.parts or () if line.message is not None else ():
            call = json_object(bytes(part.functionCall))
            if call:
                yield self._called(line, at_us, name, call)

    def _called(self, line: Line, at_us: int, answer: str, call: dict[str, Any]) -> UsageEvent:
        """A call is known by its answer too: many models count their calls anew in every session."""
        tool, call_id = text(call.get("name")) or "unknown", text(call.get("id"))
        touch = touch_of(call.get("args"), text(line.cwd) or "")
        searches, fetches = _WEB.get(tool, (None, None))
        event = self._event(
            EventKind.TOOL,
            line,
            at_us,
            "tool",
            answer,
            call_id or tool,
            tool=tool,
            language=touch.language,
            lines_added=touch.lines_added,
            lines_removed=touch.lines_removed,
            file_key=touch.file_key,
            web_searches=searches,
            web_fetches=fetches,
        )
        return unchanged(self.memory.calls.begin(call_id, event) if call_id else event)

    def _result(self, line: Line) -> Iterator[Record]:
        told = line.toolCallResult or Result()
        answers = line.message.parts or () if line.message is not None else ()
        responses = [json_object(bytes(part.functionResponse)) for part in answers]
        call_ids = [text(told.callId), *(text(response.get("id")) for response in responses)]
        failed = any("error" in child(response, "response") for response in responses)
        outcome = _OUTCOMES.get(str(told.status), Outcome.ERROR if failed else Outcome.OK)
        for call_id in filter(None, dict.fromkeys(call_ids)):
            ended = self.memory.calls.end(call_id, outcome)
            if ended is not None:
                yield ended if outcome is Outcome.OK else unchanged(ended)

    def _prompt(self, line: Line, at_us: int) -> Iterator[Record]:
        if _is_agent(line) or line.subtype not in _TYPED or line.provenance not in (None, "real_user"):
            return
        parts = line.message.parts or () if line.message is not None else ()
        if all(part.functionResponse is NOTHING for part in parts):
            name = text(line.uuid) or f"{self._session_of(line)}:{at_us}"
            yield self._event(EventKind.TURN, line, at_us, "turn", name)

    def _telemetry(self, line: Line, told: dict[str, Any], at_us: int) -> Iterator[Record]:
        name = text(told.get("event.name"))
        if name == "qwen-code.api_response" and not self.memory.told:
            tokens = tokens_of(
                Usage(
                    told.get("input_token_count"),
                    told.get("output_token_count"),
                    told.get("thoughts_token_count"),
                    told.get("cached_content_token_count"),
                    told.get("total_token_count"),
                )
            )
            key = text(told.get("response_id")) or text(line.uuid) or str(at_us)
            line.model = told.get("model")
            self.memory.held.append(
                self._event(EventKind.MESSAGE, line, at_us, "response", key, tokens=tokens)
            )
            del self.memory.held[:-KEPT_HELD]
        elif name == "qwen-code.tool_call":
            call_id, outcome = text(told.get("call_id")), _OUTCOMES.get(str(told.get("status")))
            if call_id and outcome and (ended := self.memory.calls.end(call_id, outcome)) is not None:
                yield ended if outcome is Outcome.OK else unchanged(ended)

    def _context(self, line: Line, tokens: TokenCounts, at_us: int) -> Iterator[QuotaReading]:
        limit = count(line.contextWindowSize)
        if limit and not _is_agent(line):
            yield context(PROVIDER, self._account, at_us=at_us, used=tokens.prompt, limit=limit)

    def _session_of(self, line: Line) -> str:
        return text(line.sessionId) or self._session

    def _event(self, kind: EventKind, line: Line, at_us: int, *key: str, **more: Any) -> UsageEvent:
        model = text(line.model)
        return UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(PROVIDER, *key),
            model=model,
            upstream=upstream_by_name(model) or UPSTREAM,
            client=CLIENT,
            project=project_of(line.cwd) or self._project,
            session=self._session_of(line),
            agent=(text(line.agentName) or AGENT) if _is_agent(line) else None,
            **more,
        )


def tokens_of(told: Usage) -> TokenCounts:
    """Cached tokens are inside the prompt. Thoughts are inside the answer where the total says so, as behind
    OpenAI's interface, and beside it where the total has them besides."""
    given, output = count(told.promptTokenCount), count(told.candidatesTokenCount)
    thoughts, total = count(told.thoughtsTokenCount), count(told.totalTokenCount)
    beside = (given or 0) + (output or 0) + (thoughts or 0)
    return disjoint(
        input=given,
        output=output,
        cache_read=count(told.cachedContentTokenCount),
        reasoning=thoughts,
        cache_inside=True,
        reasoning_inside=total != beside and (thoughts or 0) <= (output or 0),
    )


def _is_agent(line: Line) -> bool:
    return line.isSidechain is True or text(line.agentId) is not None
