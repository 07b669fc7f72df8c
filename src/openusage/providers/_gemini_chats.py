"""A chat of Gemini CLI, or of what was made of it (Qwen Code) -> what was used. Pure: bytes in, records out.

A log's line and the whole of an older document are the same kind of object: a head (which session), a
message, an update of the head (`$set`), or a head with all messages in it. A message is written again
whenever something of it becomes known, is taken out of the conversation by a rewind, or written anew by a
checkpoint. Whoever paid for it paid once, so every id counts once, whatever became of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from openusage.providers._figures import context
from openusage.providers._inputs import touch_of
from openusage.providers._loose import NOTHING, Bytes, items_of, objects_of, reader
from openusage.providers._touched import file_key, language_of
from openusage.providers._values import count, disjoint, json_object, json_value, project_of, text, time_us
from openusage.wire.events import (
    EventKind,
    Outcome,
    QuotaReading,
    Record,
    TokenCounts,
    UsageEvent,
    event_key,
)

CLIENT = "CLI"
ANSWERS = ("gemini", "qwen")
"""How an answer is called."""
AGENT = "agent"
"""A sub-agent's own log does not tell its kind."""
LONG_ID = 16
"""Ids this long are random and unique; shorter ones only in their session."""

CONTEXT_TOKENS, GEMMA_TOKENS = 1_048_576, 256_000
"""What a model takes, as the tool itself counts on."""

_OUTCOMES = {"success": Outcome.OK, "error": Outcome.ERROR, "cancelled": Outcome.ABORTED}
_WEB = {"google_web_search": (1, None), "web_fetch": (None, 1)}
"""Tool -> (searches, fetches)."""
_NOT_TYPED = ("<session_context>", "This is the Gemini CLI. We are setting up the context")
"""How messages begin that the tool writes in the person's name."""
_SHOWN_SERVER = re.compile(r"\((?P<server>[^()]+) MCP Server\)$")
_QUALIFIED = re.compile(r"mcp_(?P<server>[^_]+)_(?P<tool>.+)")


class Tokens(msgspec.Struct, gc=False):
    input: Any = None
    output: Any = None
    cached: Any = None
    thoughts: Any = None
    tool: Any = None


class Call(msgspec.Struct, gc=False):
    id: Any = None
    name: Any = None
    args: msgspec.Raw = NOTHING
    status: Any = None
    timestamp: Any = None
    displayName: Any = None
    resultDisplay: msgspec.Raw = NOTHING


class Line(msgspec.Struct, gc=False):
    """A head, a message or an update: whichever fields it has."""

    id: Any = None
    timestamp: Any = None
    type: Any = None
    model: Any = None
    content: msgspec.Raw = NOTHING
    tokens: Tokens | None = None
    toolCalls: list[Call] | None = None
    sessionId: Any = None
    startTime: Any = None
    lastUpdated: Any = None
    kind: Any = None
    directories: Any = None
    messages: msgspec.Raw = NOTHING
    update: msgspec.Raw = msgspec.field(default=NOTHING, name="$set")


_read = reader(Line)


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of a chat from its earlier lines."""

    session: str | None = None
    at_us: int = 0
    """When it started: for messages that do not say when they are of."""
    is_agent: bool = False
    project: str | None = None
    """Of the first directory it names."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a chat's place tells."""

    provider: str
    account: str
    upstream: str
    session: str
    """Of a sub-agent: the session that started it."""
    is_agent: bool
    project: Callable[[], str | None]
    folder: str
    """Name of the project's directory: the last resort for a label."""


class Chat:
    """Parses one chat."""

    def __init__(self, place: Place, memory: Memory) -> None:
        self._place = place
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        """Records of a line, or of a whole document."""
        line = _read(data)
        if line.update is not NOTHING:
            yield from self._checkpoint(_read(line.update))
        elif line.type is None:
            self._head(line)
        elif line.type in ANSWERS:
            yield from self._answer(line)
        elif line.type == "user":
            yield from self._prompt(line)
        for message in objects_of(line.messages):
            yield from self.feed(message)

    def _checkpoint(self, line: Line) -> Iterator[Record]:
        """An update. What a person wrote in it stands in lines before; the rest are the tool's summaries."""
        self._head(line)
        for message in objects_of(line.messages):
            told = _read(message)
            if told.type in ANSWERS:
                yield from self._answer(told)

    def _head(self, line: Line) -> None:
        memory = self.memory
        memory.session = text(line.sessionId) or memory.session
        memory.at_us = memory.at_us or time_us(line.startTime) or time_us(line.lastUpdated) or 0
        memory.is_agent = memory.is_agent or line.kind == "subagent"
        if memory.project is None and isinstance(line.directories, list) and line.directories:
            memory.project = project_of(line.directories[0])

    def _answer(self, line: Line) -> Iterator[Record]:
        at_us = time_us(line.timestamp) or self.memory.at_us
        if not at_us:
            return
        tokens = None if line.tokens is None else tokens_of(line.tokens)
        if tokens is not None and tokens.total:
            key = self._key("message", text(line.id) or at_us)
            yield self._event(EventKind.MESSAGE, key, at_us, tokens=tokens, model=text(line.model))
            if not self._is_agent:
                yield self._context(at_us, tokens.total, text(line.model) or "")
        for n, call in enumerate(line.toolCalls or ()):
            yield self._tool(line, n, call, at_us)

    def _prompt(self, line: Line) -> Iterator[Record]:
        at_us = time_us(line.timestamp) or self.memory.at_us
        if at_us and not self._is_agent and is_typed(line.content):
            yield self._event(EventKind.TURN, self._key("turn", text(line.id) or at_us), at_us)

    def _tool(self, line: Line, n: int, call: Call, at_us: int) -> UsageEvent:
        call_id, name = text(call.id), text(call.name) or "unknown"
        key = ("tool", self._session, call_id) if call_id else ("call", self._session, text(line.id), n)
        searches, fetches = _WEB.get(name, (None, None))
        made = self._event(
            EventKind.TOOL,
            event_key(self._place.provider, *key),
            time_us(call.timestamp) or at_us,
            model=text(line.model),
            tool=tool_name(name, text(call.displayName) or ""),
            outcome=_OUTCOMES.get(str(call.status)),
            web_searches=searches,
            web_fetches=fetches,
        )
        return _touched(made, call)

    @property
    def _session(self) -> str:
        return self.memory.session or self._place.session

    @property
    def _is_agent(self) -> bool:
        return self._place.is_agent or self.memory.is_agent

    def _key(self, kind: str, name: str | int) -> bytes:
        is_unique = isinstance(name, str) and len(name) >= LONG_ID
        return event_key(self._place.provider, kind, *((name,) if is_unique else (self._session, name)))

    def _event(self, kind: EventKind, key: bytes, at_us: int, **more: Any) -> UsageEvent:
        place = self._place
        return UsageEvent(
            provider=place.provider,
            account=place.account,
            at_us=at_us,
            kind=kind,
            event_key=key,
            upstream=place.upstream,
            client=CLIENT,
            project=place.project() or self.memory.project or place.folder,
            session=place.session if place.is_agent else self._session,
            agent=AGENT if self._is_agent else None,
            **more,
        )

    def _context(self, at_us: int, used: int, model: str) -> QuotaReading:
        limit = GEMMA_TOKENS if model.startswith("gemma") else CONTEXT_TOKENS
        return context(self._place.provider, self._place.account, at_us=at_us, used=used, limit=limit)


def tokens_of(told: Tokens) -> TokenCounts:
    """Disjoint buckets: cached tokens are inside `input`, what tools put into the prompt is beside it, and
    thoughts are beside `output`."""
    found = disjoint(
        input=count(told.input),
        output=count(told.output),
        cache_read=count(told.cached),
        reasoning=count(told.thoughts),
        cache_inside=True,
    )
    tool = count(told.tool)
    if not tool:
        return found
    return msgspec.structs.replace(found, input=(found.input or 0) + tool)


def tool_name(name: str, shown: str) -> str:
    """`mcp__<server>__<tool>` for every spelling of an MCP call, any other name as it is.

    >>> tool_name("mcp_github_list_issues", ""), tool_name("github__search", ""), tool_name("replace", "Edit")
    ('mcp__github__list_issues', 'mcp__github__search', 'replace')
    >>> tool_name("mcp_my_db_query", "query (my_db MCP Server)")
    'mcp__my_db__query'
    """
    server = _SHOWN_SERVER.search(shown)
    if server is not None:
        bare = name.removeprefix("mcp_").removeprefix(server["server"]).lstrip("_")
        return f"mcp__{server['server']}__{bare or name}"
    if "__" in name.strip("_"):
        return f"mcp__{name.removeprefix('mcp__').removeprefix('mcp_')}"
    found = _QUALIFIED.fullmatch(name)
    return f"mcp__{found['server']}__{found['tool']}" if found else name


def is_typed(content: msgspec.Raw) -> bool:
    """Whether a person wrote this: not what tools gave back, and not the surroundings told by the tool."""
    given = json_value(bytes(next(items_of(content), content)))
    if isinstance(given, dict):
        if "functionResponse" in given:
            return False
        given = given.get("text", "…")
    return isinstance(given, str) and given != "" and not given.lstrip().startswith(_NOT_TYPED)


def _touched(event: UsageEvent, call: Call) -> UsageEvent:
    """The event with the file that the call touched. A call that failed changed nothing."""
    args = json_object(bytes(call.args))
    touch = touch_of({"file_path": args.get("absolute_path")} | args)
    if touch.file_key is None or event.outcome is not Outcome.OK:
        return msgspec.structs.replace(event, language=touch.language)
    display = json_object(bytes(call.resultDisplay))
    stat, path = display.get("diffStat"), text(display.get("filePath"))
    added, removed = touch.lines_added, touch.lines_removed
    if isinstance(stat, dict):
        added, removed = count(stat.get("model_added_lines")), count(stat.get("model_removed_lines"))
    return msgspec.structs.replace(
        event,
        language=language_of(path) if path else touch.language,
        lines_added=added,
        lines_removed=removed,
        file_key=file_key(path) if path else touch.file_key,
    )
