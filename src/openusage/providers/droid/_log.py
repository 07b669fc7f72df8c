"""The log beside a Droid session's totals -> turns and tool calls; it has no token counts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers._calls import Calls, is_unique, unchanged
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, reader
from openusage.providers._values import project_of, text, time_us
from openusage.wire.events import EventKind, Outcome, Record, UsageEvent, event_key

PROVIDER = "droid"
CLIENT = "CLI"

_NOT_TYPED = (b'"<system-', b'"<factory-')
"""How texts begin that the tool puts into a person's message."""
_MCP = "___"
"""Between server and tool."""


class Block(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = NOTHING
    text: msgspec.Raw = NOTHING
    tool_use_id: Any = None
    is_error: Any = None


class Message(msgspec.Struct, gc=False):
    role: Any = None
    modelId: Any = None
    content: list[Block] | None = None


class Line(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    timestamp: Any = None
    cwd: Any = None
    message: Message | None = None


_read = reader(Line)


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of a session from its log's earlier lines."""

    project: str | None = None
    model: str | None = None
    """Of the newest answer that says it."""
    from_us: int = 0
    """Time of the first line that has one."""
    calls: Calls = msgspec.field(default_factory=Calls)


class Log:
    """Parses one session's log."""

    def __init__(self, account: str, session: str, memory: Memory) -> None:
        self._account = account
        self._session = session
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        line, memory = _read(data), self.memory
        if line.type == "session_start":
            memory.project = project_of(line.cwd) or memory.project
        at_us = time_us(line.timestamp)
        if at_us is None:
            return
        memory.from_us = memory.from_us or at_us
        message = line.message
        if line.type != "message" or message is None:
            return
        memory.model = text(message.modelId) or memory.model
        if message.role == "assistant":
            yield from self._called(message, at_us)
        elif message.role == "user":
            yield from self._asked(line, message.content or [], at_us)

    def _called(self, message: Message, at_us: int) -> Iterator[Record]:
        for block in message.content or ():
            call_id = text(block.id)
            if block.type != "tool_use" or call_id is None:
                continue
            touch = touch_of(bytes(block.input))
            where = () if is_unique(call_id) else (self._session,)
            made = self._event(
                EventKind.TOOL,
                at_us,
                "tool",
                *where,
                call_id,
                model=text(message.modelId),
                tool=tool_name(text(block.name) or "unknown"),
                language=touch.language,
                lines_added=touch.lines_added,
                lines_removed=touch.lines_removed,
                file_key=touch.file_key,
            )
            yield unchanged(self.memory.calls.begin(call_id, made))

    def _asked(self, line: Line, blocks: list[Block], at_us: int) -> Iterator[Record]:
        results = [block for block in blocks if block.type == "tool_result"]
        for block in results:
            outcome = Outcome.ERROR if block.is_error is True else Outcome.OK
            ended = self.memory.calls.end(text(block.tool_use_id) or "", outcome)
            if ended is not None:
                yield ended if outcome is Outcome.OK else unchanged(ended)
        typed = [b for b in blocks if b.type != "text" or not bytes(b.text).startswith(_NOT_TYPED)]
        if typed and not results:
            yield self._event(EventKind.TURN, at_us, "turn", self._session, text(line.id) or at_us)

    def _event(self, kind: EventKind, at_us: int, *key: object, **more: Any) -> UsageEvent:
        return UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(PROVIDER, *key),
            client=CLIENT,
            project=self.memory.project,
            session=self._session,
            **more,
        )


def tool_name(name: str) -> str:
    """`mcp__<server>__<tool>` for an MCP call, any other name as it is.

    >>> tool_name("linear___list_issues"), tool_name("Edit")
    ('mcp__linear__list_issues', 'Edit')
    """
    server, found, tool = name.partition(_MCP)
    return f"mcp__{server}__{tool}" if found and server and tool else name
