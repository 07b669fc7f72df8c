"""A wire log of the Python Kimi CLI -> what was used. Pure: bytes in, records out.

Sources: `src/kimi_cli/wire/types.py`, `wire/file.py`, `session_fork.py`, `subagents/runner.py` of the
kimi-cli repository. A step's id is the vendor's own and stands in all copies of it: a forked session copies
lines as they are, and a sub-agent's step stands in its own log and, wrapped, in that of the agent that
started it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers._calls import Calls, is_unique, unchanged
from openusage.providers._figures import context
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, reader
from openusage.providers._values import child, count, disjoint, text, time_us
from openusage.providers.kimi_cli._place import PROVIDER, WEB, Place
from openusage.wire.events import EventKind, Outcome, Record, TokenCounts, UsageEvent

AGENTS = "subagents"
AGENT = "subagent"
KEPT_TOOLS = 400
"""Names of MCP tools that are remembered."""
LONG_ID = 24
"""Ids of steps that are at least so long tell steps of all vendors apart; `chatcmpl-417` does not."""


class Function(msgspec.Struct, gc=False):
    name: Any = None
    arguments: Any = None


class Payload(msgspec.Struct, gc=False):
    """Of any message that is read here."""

    id: Any = None
    function: Function | None = None
    tool_call_id: Any = None
    return_value: Any = None
    token_usage: Any = None
    message_id: Any = None
    model: Any = None
    context_tokens: Any = None
    max_context_tokens: Any = None
    mcp_status: Any = None
    parent_tool_call_id: Any = None
    task_tool_call_id: Any = None
    agent_id: Any = None
    subagent_type: Any = None
    event: msgspec.Raw = NOTHING


class Message(msgspec.Struct, gc=False):
    type: Any = None
    payload: Payload | None = None


class Line(msgspec.Struct, gc=False):
    timestamp: Any = None
    message: Message | None = None


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of a session from its earlier lines."""

    calls: Calls = msgspec.field(default_factory=Calls)
    servers: dict[str, str] = {}
    """MCP tool -> its server."""


class Agent(msgspec.Struct, frozen=True):
    """Who did it: `None` is a session's main agent."""

    id: str | None = None
    type: str | None = None


_read = reader(Line)
_read_inner = reader(Message)


class Parser:
    """Parses one log."""

    def __init__(self, place: Place, memory: Memory) -> None:
        self._place = place
        self._own = Agent(place.agent_id, place.agent)
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        line = _read(data)
        at_us = time_us(line.timestamp)
        if line.message is not None and at_us is not None:
            yield from self._message(line.message, self._own, at_us)

    def _message(self, message: Message, who: Agent, at_us: int) -> Iterator[Record]:
        payload = message.payload
        if message.type == "TurnBegin" and who.id is None:
            yield self._place.event(EventKind.TURN, at_us, self._place.model, None, "turn", at_us)
        elif payload is None:
            return
        elif message.type == "StatusUpdate":
            yield from self._status(payload, who, at_us)
        elif message.type == "ToolCall":
            yield from self._called(payload, who, at_us)
        elif message.type == "ToolResult":
            failed = child(payload.return_value).get("is_error") is True
            ended = self.memory.calls.end(
                _scope(who, text(payload.tool_call_id) or ""), Outcome.ERROR if failed else Outcome.OK
            )
            if ended is not None:
                yield unchanged(ended) if failed else ended
        elif message.type == "SubagentEvent":
            inner = _read_inner(payload.event) if payload.event else Message()
            agent = text(payload.agent_id) or text(payload.parent_tool_call_id)
            agent = agent or text(payload.task_tool_call_id) or AGENT
            yield from self._message(inner, Agent(agent, text(payload.subagent_type) or AGENT), at_us)

    def _status(self, payload: Payload, who: Agent, at_us: int) -> Iterator[Record]:
        self._servers(payload.mcp_status)
        tokens = tokens_of(payload.token_usage)
        if tokens.total:
            key = ("message", *_step(payload, who, at_us))
            model = text(payload.model) or self._place.model
            yield self._place.event(EventKind.MESSAGE, at_us, model, who.type, *key, tokens=tokens)
        used, limit = count(payload.context_tokens), count(payload.max_context_tokens)
        if used is not None and limit and who.id is None:
            yield context(PROVIDER, self._place.account, at_us=at_us, used=used, limit=limit)

    def _servers(self, status: object) -> None:
        """Which server has which tool: a call names the tool alone."""
        servers = child(status).get("servers")
        for server in servers if isinstance(servers, list) else ():
            name, tools = text(child(server).get("name")), child(server).get("tools")
            for tool in tools if isinstance(tools, list) else ():
                if name and isinstance(tool, str) and len(self.memory.servers) < KEPT_TOOLS:
                    self.memory.servers[tool] = name

    def _called(self, payload: Payload, who: Agent, at_us: int) -> Iterator[UsageEvent]:
        call_id, function = text(payload.id), payload.function or Function()
        name = text(function.name) or "unknown"
        if call_id is None:
            return
        # Kimi's own models count their calls anew in every conversation.
        scope = () if is_unique(call_id) else (who.id or at_us,)
        touch = touch_of(function.arguments)
        searches, fetches = WEB.get(name, (None, None))
        server = self.memory.servers.get(name)
        made = self._place.event(
            EventKind.TOOL,
            at_us,
            self._place.model,
            who.type,
            *("tool", *scope, call_id),
            tool=name if server is None else f"mcp__{server}__{name}",
            language=touch.language,
            lines_added=touch.lines_added,
            lines_removed=touch.lines_removed,
            file_key=touch.file_key,
            web_searches=searches,
            web_fetches=fetches,
        )
        yield unchanged(self.memory.calls.begin(_scope(who, call_id), made))


def _scope(who: Agent, call_id: str) -> str:
    return call_id if who.id is None else f"{who.id}/{call_id}"


def _step(payload: Payload, who: Agent, at_us: int) -> tuple[object, ...]:
    """What tells a step from all others, in all its copies."""
    message_id, told = text(payload.message_id), child(payload.token_usage)
    if message_id is not None and len(message_id) >= LONG_ID:
        return (message_id,)
    counts = (count(told.get(name)) for name in ("input_other", "input_cache_read", "output"))
    where = at_us if who.id is None else f"{who.id}/{count(payload.context_tokens)}"
    return (message_id or where, *counts)


def tokens_of(told: object) -> TokenCounts:
    """A `token_usage`: disjoint as it is; thoughts are inside output and not told."""
    given = child(told)
    return disjoint(
        input=count(given.get("input_other")),
        output=count(given.get("output")),
        cache_read=count(given.get("input_cache_read")),
        cache_write=count(given.get("input_cache_creation")),
    )
