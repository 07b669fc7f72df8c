"""`events.jsonl` of a session of the Copilot command line tool -> what was used. Pure: bytes in, records out.

A session is one or more stretches, each from a start or a resume to a shutdown. A shutdown tells the calls of
its stretch summed up by model, and counts where no better source told them one by one: rows of the store,
telemetry, or usage events (which only some versions keep). A stretch that ended without one, because the
program was killed, has the output of its answers and nothing else; that is counted as an estimate once the
next stretch begins or nobody writes any more, under the name that its shutdown would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from openusage.providers._calls import Calls, unchanged
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, loosely, reader
from openusage.providers._values import count, disjoint, json_object, number, project_of, text, time_us
from openusage.providers.copilot._places import PROVIDER
from openusage.providers.copilot._store import AGENT, CLI, upstream_of
from openusage.wire.events import (
    NO_TOKENS,
    AccountFact,
    EventKind,
    Outcome,
    QuotaReading,
    Record,
    Scope,
    TokenCounts,
    UsageEvent,
    event_key,
)

KEPT_AGENTS = 100
HELD = b'"output":{'
"""Stands in a memory that holds something back."""
_REJECTED = ("rejected", "denied", "cancelled", "aborted")


class Context(msgspec.Struct, gc=False):
    cwd: Any = None
    repository: Any = None


class Request(msgspec.Struct, gc=False):
    """A call that an answer asks for."""

    toolCallId: Any = None
    name: Any = None
    arguments: msgspec.Raw = NOTHING
    mcpServerName: Any = None
    mcpToolName: Any = None


class Failure(msgspec.Struct, gc=False):
    code: Any = None


class Data(msgspec.Struct, gc=False):
    """What an event holds: the fields of all kinds."""

    sessionId: Any = None
    copilotVersion: Any = None
    selectedModel: Any = None
    newModel: Any = None
    context: Context | None = None
    cwd: Any = None
    model: Any = None
    source: Any = None
    isAutopilotContinuation: Any = None
    parentAgentTaskId: Any = None
    outputTokens: Any = None
    chunkIndex: Any = None
    parentToolCallId: Any = None
    toolRequests: list[Request] | None = None
    toolCallId: Any = None
    toolName: Any = None
    mcpServerName: Any = None
    mcpToolName: Any = None
    arguments: msgspec.Raw = NOTHING
    success: Any = None
    error: Failure | None = None
    agentName: Any = None
    apiCallId: Any = None
    inputTokens: Any = None
    cacheReadTokens: Any = None
    cacheWriteTokens: Any = None
    reasoningTokens: Any = None
    totalPremiumRequests: Any = None
    modelMetrics: msgspec.Raw = NOTHING


class Line(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    timestamp: Any = None
    agentId: Any = None
    data: Data | None = None


class Used(msgspec.Struct, gc=False):
    """Tokens as this tool counts: caches are inside input, reasoning is inside output."""

    inputTokens: Any = None
    outputTokens: Any = None
    cacheReadTokens: Any = None
    cacheWriteTokens: Any = None
    reasoningTokens: Any = None


class Metric(msgspec.Struct, gc=False):
    usage: Used | None = None


_read = reader(Line)


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of a session from its earlier lines."""

    session: str | None = None
    project: str | None = None
    model: str | None = None
    stretch: str = "first"
    """Id of the event that the present stretch began with."""
    from_us: int = 0
    last_us: int = 0
    told: bool = False
    """Usage events told the calls of the stretch one by one."""
    output: dict[str, int] = {}
    """Model -> output of the stretch's answers so far: held back until nothing tells better."""
    agents: dict[str, str] = {}
    """Tool call -> the sub-agent that it started."""
    calls: Calls = msgspec.field(default_factory=Calls)


class Session:
    """Parses one session.

    `is_covered(session, from, to)`: whether another source told the calls between two moments.
    """

    def __init__(
        self, account: str, name: str, is_covered: Callable[[str, int, int], bool], memory: Memory
    ) -> None:
        self._account = account
        self._name = name
        self._is_covered = is_covered
        self.memory = memory
        self._kinds: dict[object, Callable[[Line, Data, int], Iterator[Record]]] = {
            "session.start": self._start,
            "session.resume": self._start,
            "session.model_change": self._change,
            "session.context_changed": self._change,
            "user.message": self._prompt,
            "assistant.message": self._answer,
            "assistant.usage": self._usage,
            "tool.execution_start": self._begin,
            "tool.execution_complete": self._end,
            "subagent.started": self._agent_started,
            "session.shutdown": self._shutdown,
        }

    def feed(self, data: Bytes) -> Iterator[Record]:
        line = _read(data)
        kind = self._kinds.get(line.type) if isinstance(line.type, str) else None
        at_us = time_us(line.timestamp)
        if kind is not None and line.data is not None and at_us is not None:
            yield from kind(line, line.data, at_us)
            self.memory.last_us = max(self.memory.last_us, at_us)

    def settle(self) -> Iterator[Record]:
        """The output of a stretch that will have no shutdown."""
        memory, output = self.memory, self.memory.output
        if output and not self._has_better(memory.last_us):
            for model, tokens in output.items():
                yield self._summed(memory.last_us, model, TokenCounts(output=tokens), estimated=True)
        memory.output = {}

    def _start(self, line: Line, data: Data, at_us: int) -> Iterator[Record]:
        yield from self.settle()
        memory = self.memory
        memory.session = text(data.sessionId) or memory.session
        memory.model = text(data.selectedModel) or memory.model
        if data.context is not None:
            where = data.context
            memory.project = project_of(where.cwd) or project_of(where.repository) or memory.project
        memory.stretch, memory.from_us = text(line.id) or str(at_us), at_us
        memory.told = False
        if version := text(data.copilotVersion):
            yield AccountFact(
                provider=PROVIDER, account=self._account, key="copilot_version", value=version, at_us=at_us
            )

    def _change(self, line: Line, data: Data, at_us: int) -> Iterator[Record]:
        self.memory.model = text(data.newModel) or self.memory.model
        self.memory.project = project_of(data.cwd) or self.memory.project
        return iter(())

    def _prompt(self, line: Line, data: Data, at_us: int) -> Iterator[Record]:
        """What a person wrote; skills, other agents and the autopilot write such events too."""
        if data.source not in (None, "", "user") or data.isAutopilotContinuation is True:
            return
        if data.parentAgentTaskId is None and line.agentId is None:
            yield self._event(EventKind.TURN, at_us, ("turn", text(line.id) or at_us))

    def _answer(self, line: Line, data: Data, at_us: int) -> Iterator[Record]:
        model = text(data.model) or self.memory.model or ""
        tokens = count(data.outputTokens)
        if tokens and not count(data.chunkIndex):
            self.memory.output[model] = self.memory.output.get(model, 0) + tokens
        agent = self._agent_of(line, data)
        for asked in data.toolRequests or ():
            yield from self._called(asked, at_us, agent)

    def _usage(self, line: Line, data: Data, at_us: int) -> Iterator[Record]:
        """One call. Telemetry tells it under the same id of the answer."""
        self.memory.told = True
        answer = text(data.apiCallId)
        if self._is_covered(self._session, at_us, at_us) and not answer:
            return
        key = ("answer", answer) if answer else ("usage", self._session, text(line.id) or at_us)
        yield self._event(
            EventKind.MESSAGE,
            at_us,
            key,
            tokens=_tokens(msgspec.convert(data, Used, from_attributes=True)),
            agent=self._agent_of(line, data),
            **_of(text(data.model) or self.memory.model),
        )

    def _begin(self, line: Line, data: Data, at_us: int) -> Iterator[Record]:
        asked = Request(data.toolCallId, data.toolName, data.arguments, data.mcpServerName, data.mcpToolName)
        yield from self._called(asked, at_us, self._agent_of(line, data))

    def _called(self, asked: Request, at_us: int, agent: str | None) -> Iterator[Record]:
        call_id = text(asked.toolCallId)
        if call_id is None:
            return
        known = self.memory.calls.waiting.get(call_id)
        touch = touch_of(bytes(asked.arguments))
        made = self._event(
            EventKind.TOOL,
            at_us if known is None else known.at_us,
            ("tool", self._session, call_id),
            tool=_tool_name(asked),
            agent=agent,
            language=touch.language,
            lines_added=touch.lines_added,
            lines_removed=touch.lines_removed,
            file_key=touch.file_key,
        )
        yield unchanged(self.memory.calls.begin(call_id, made))

    def _end(self, line: Line, data: Data, at_us: int) -> Iterator[Record]:
        outcome = Outcome.OK if data.success is True else Outcome.ERROR
        if outcome is Outcome.ERROR and data.error is not None and data.error.code in _REJECTED:
            outcome = Outcome.ABORTED
        ended = self.memory.calls.end(text(data.toolCallId) or "", outcome)
        if ended is not None:
            yield ended if outcome is Outcome.OK else unchanged(ended)

    def _agent_started(self, line: Line, data: Data, at_us: int) -> Iterator[Record]:
        call_id, name = text(data.toolCallId), text(data.agentName)
        if call_id and name:
            agents = self.memory.agents
            agents[call_id] = name
            if len(agents) > KEPT_AGENTS:
                del agents[next(iter(agents))]
        return iter(())

    def _shutdown(self, line: Line, data: Data, at_us: int) -> Iterator[Record]:
        metrics = json_object(bytes(data.modelMetrics))
        if not self._has_better(at_us):
            for model, metric in metrics.items():
                used = loosely(metric, Metric).usage if isinstance(metric, dict) else None
                tokens = NO_TOKENS if used is None else _tokens(used)
                if tokens.total:
                    yield self._summed(at_us, model, tokens)
        self.memory.output = {}
        requests = number(data.totalPremiumRequests)
        if requests is not None:
            yield QuotaReading(
                provider=PROVIDER,
                account=self._account,
                key="session_premium_requests",
                at_us=at_us,
                unit="premium requests",
                window="session",
                used=requests,
                scope=Scope.MACHINE,
            )

    def _has_better(self, to_us: int) -> bool:
        """Whether the calls of the present stretch were told one by one."""
        return self.memory.told or self._is_covered(self._session, self.memory.from_us, to_us)

    def _summed(self, at_us: int, model: str, tokens: TokenCounts, *, estimated: bool = False) -> UsageEvent:
        key = ("stretch", self._session, self.memory.stretch, model)
        about = _of(model or None)
        return self._event(EventKind.MESSAGE, at_us, key, tokens=tokens, estimated=estimated, **about)

    @property
    def _session(self) -> str:
        return self.memory.session or self._name

    def _agent_of(self, line: Line, data: Data) -> str | None:
        parent = text(data.parentToolCallId)
        if parent is None and line.agentId is None:
            return None
        return self.memory.agents.get(parent or "") or AGENT

    def _event(self, kind: EventKind, at_us: int, key: tuple[object, ...], **more: Any) -> UsageEvent:
        return UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(PROVIDER, *key),
            client=CLI,
            project=self.memory.project,
            session=self._session,
            **more,
        )


def _of(model: str | None) -> dict[str, str | None]:
    """What is said of a model; `auto` is none."""
    name = None if model in (None, "", "auto") else model
    return {"model": name, "upstream": upstream_of(name)}


def _tokens(used: Used) -> TokenCounts:
    return disjoint(
        input=count(used.inputTokens),
        output=count(used.outputTokens),
        cache_read=count(used.cacheReadTokens),
        cache_write=count(used.cacheWriteTokens),
        reasoning=count(used.reasoningTokens),
        cache_inside=True,
        reasoning_inside=True,
    )


def _tool_name(asked: Request) -> str:
    """`mcp__<server>__<tool>` where the event names the server, else as it is."""
    server = text(asked.mcpServerName)
    name = text(asked.name) or "unknown"
    if server is None:
        return name
    return f"mcp__{server}__{text(asked.mcpToolName) or name.removeprefix(f'{server}-')}"
