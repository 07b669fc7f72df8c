"""Sessions of Kiro CLI -> records, in both layouts of its files. Pure.

A turn is one request of a person; it takes some requests of a model and costs credits, Kiro's own unit.
Tokens are told in rare cases only, and not estimated in the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from openusage.providers._calls import Calls, is_unique
from openusage.providers._inputs import touch_of
from openusage.providers._loose import Unreadable, reader
from openusage.providers._values import child, count, number, project_of, text, time_us
from openusage.wire.events import NO_TOKENS, EventKind, Outcome, TokenCounts, UsageEvent, event_key

PROVIDER = "kiro_cli"
MOST_REQUESTS = 1_000
"""Of one turn: more is no count."""
_COUNTS = ("input", "output", "cache_read_input", "cache_write_input")

Spent = tuple[int, float]
"""Credits at a time."""


class Session(msgspec.Struct, omit_defaults=True):
    """What is known of a session. Travels in cursors, as JSON."""

    id: str = ""
    """Of the conversation: the same in files and database."""
    model: str | None = None
    directory: str | None = None
    started_us: int = 0

    def about(self, account: str, at_us: int, kind: EventKind) -> UsageEvent:
        """An event of this session without what it is."""
        return UsageEvent(
            provider=PROVIDER,
            account=account,
            at_us=at_us,
            kind=kind,
            event_key=b"",
            model=self.model,
            client="CLI",
            project=project_of(self.directory),
            session=self.id or None,
        )


class Turn(msgspec.Struct, frozen=True):
    """One turn of a session's header."""

    key: str
    at_us: int
    messages: list[str]
    model: str | None
    requests: int
    tokens: TokenCounts
    credits: float


class Header(msgspec.Struct, frozen=True):
    """The `<id>.json` of a session."""

    session: Session
    turns: list[Turn]
    context_pct: float | None
    context_tokens: int | None
    """Size of the context."""
    updated_us: int


class _HeaderFile(msgspec.Struct):
    session_id: Any = None
    cwd: Any = None
    created_at: Any = None
    updated_at: Any = None
    session_state: Any = None


_header = reader(_HeaderFile)


def header_of(data: bytes) -> Header:
    """A session's header.

    Raises:
        Unreadable: it is none.
    """
    given = _header(data)
    state = child(given.session_state)
    if text(given.session_id) is None or not state:
        raise Unreadable("no session in it")
    model_state = child(state, "rts_model_state")
    info = child(model_state, "model_info")
    created = time_us(given.created_at)
    updated = time_us(given.updated_at) or created or 0
    session = Session(
        id=text(model_state.get("conversation_id")) or text(given.session_id) or "",
        model=text(info.get("model_id")),
        directory=text(given.cwd),
        started_us=created or updated,
    )
    listed = child(state, "conversation_metadata").get("user_turn_metadatas")
    turns = listed if isinstance(listed, list) else []
    return Header(
        session=session,
        turns=[_turn(n, t, updated) for n, t in enumerate(turns) if isinstance(t, dict)],
        context_pct=number(model_state.get("context_usage_percentage")),
        context_tokens=count(info.get("context_window_tokens")),
        updated_us=updated,
    )


def _turn(nth: int, given: Mapping[str, Any], updated_us: int) -> Turn:
    listed = given.get("message_ids")
    messages = [m for m in map(text, listed if isinstance(listed, list) else []) if m]
    counts = [count(given.get(f"{name}_token_count")) or None for name in _COUNTS]
    return Turn(
        key=messages[-1] if messages else str(nth),
        at_us=time_us(given.get("end_timestamp")) or updated_us,
        messages=messages,
        model=text(given.get("model")),
        requests=min(count(given.get("total_request_count")) or 1, MOST_REQUESTS),
        tokens=TokenCounts(*counts) if any(counts) else NO_TOKENS,
        credits=credits_of(given.get("metering_usage"), "value"),
    )


def credits_of(usage: object, field: str) -> float:
    """Credits in a list of amounts with their units."""
    listed = [u for u in usage if isinstance(u, dict)] if isinstance(usage, list) else []
    amounts = [number(u.get(field)) or 0.0 for u in listed if str(u.get("unit")).startswith("credit")]
    return sum(max(0.0, a) for a in amounts)


def turn_events(account: str, session: Session, turn: Turn) -> Iterator[UsageEvent]:
    """A turn and its requests; what it is known to have used is with the first of them."""
    about = session.about(account, turn.at_us, EventKind.TURN)
    about = msgspec.structs.replace(about, model=turn.model or session.model)
    yield msgspec.structs.replace(about, event_key=event_key(PROVIDER, "turn", session.id, turn.key))
    for nth in range(turn.requests):
        yield msgspec.structs.replace(
            about,
            kind=EventKind.MESSAGE,
            event_key=event_key(PROVIDER, "request", session.id, turn.key, nth),
            tokens=NO_TOKENS if nth else turn.tokens,
        )


def call(
    about: UsageEvent, call_id: object, name: object, given: object, cwd: str | None, calls: Calls
) -> UsageEvent | None:
    """A tool call, for now without its end."""
    known, tool = text(call_id), text(name)
    if known is None or tool is None:
        return None
    touch = touch_of(given, cwd or "")
    scope = () if is_unique(known) else (about.session,)
    event = msgspec.structs.replace(
        about,
        kind=EventKind.TOOL,
        event_key=event_key(PROVIDER, "tool", known, *scope),
        tool=tool_name(tool),
        language=touch.language,
        lines_added=touch.lines_added,
        lines_removed=touch.lines_removed,
        file_key=touch.file_key,
    )
    return calls.begin(known, event)


def transcript_events(
    account: str, header: Header, line: Mapping[str, Any], calls: Calls
) -> Iterator[UsageEvent]:
    """Tool calls and their ends in a line of a `<id>.jsonl`, dated by the line, else by its turn."""
    data = child(line, "data")
    at_us = time_us(data.get("timestamp")) or _time_of(header, text(data.get("message_id")))
    about = header.session.about(account, at_us, EventKind.TOOL)
    content = data.get("content")
    for item in content if isinstance(content, list) else []:
        part = child(item, "data")
        kind = item.get("kind") if isinstance(item, dict) else None
        event = None
        if kind == "toolUse":
            given = part.get("input", part.get("args"))
            event = call(
                about, part.get("toolUseId"), part.get("name"), given, header.session.directory, calls
            )
        elif kind == "toolResult":
            failed = str(part.get("status")).lower() in ("error", "failed")
            event = calls.end(str(part.get("toolUseId")), Outcome.ERROR if failed else Outcome.OK)
        if event is not None:
            yield event


def _time_of(header: Header, message: str | None) -> int:
    found = (t.at_us for t in header.turns if message in t.messages)
    return next(found, header.session.started_us)


class Log(msgspec.Struct, omit_defaults=True):
    """What is remembered of a `messages.jsonl` of the newer layout. Travels in its cursor, as JSON."""

    session: Session = msgspec.field(default_factory=Session)
    calls: Calls = msgspec.field(default_factory=Calls)
    executions: dict[str, float] = {}
    """Newest executions and what they cost: a summary may come again."""
    context: tuple[int, float] | None = None
    """When it was told how full the context is, and that in percent."""

    def events(self, account: str, line: Mapping[str, Any], spent: list[Spent]) -> Iterator[UsageEvent]:
        """What a line tells; credits go to `spent`."""
        at_us, payload = time_us(line.get("timestamp")), child(line, "payload")
        if at_us is None:
            return
        about = self.session.about(account, at_us, EventKind.TURN)
        kind = payload.get("type")
        if kind == "user" and text(line.get("id")):
            yield msgspec.structs.replace(about, event_key=event_key(PROVIDER, "turn", line["id"]))
        elif kind == "usage_summary":
            yield from self._summary(about, line, payload, spent)
        elif kind == "session_metadata" and payload.get("key") == "contextUsage":
            pct = number(child(payload, "value").get("usagePercentage"))
            self.context = self.context if pct is None else (at_us, pct)
        event = None
        if kind == "tool_call":
            given = payload.get("args")
            directory = self.session.directory
            event = call(
                about, payload.get("toolCallId"), payload.get("toolName"), given, directory, self.calls
            )
        elif kind == "tool_result":
            outcome = Outcome.ERROR if payload.get("success") is False else Outcome.OK
            event = self.calls.end(str(payload.get("toolCallId")), outcome)
        if event is not None:
            yield event

    def _summary(
        self, about: UsageEvent, line: Mapping[str, Any], payload: Mapping[str, Any], spent: list[Spent]
    ) -> Iterator[UsageEvent]:
        """The whole turn, what it started included; one of the same execution replaces an earlier one."""
        execution = text(payload.get("executionId")) or text(line.get("id")) or str(about.at_us)
        cost = credits_of(payload.get("promptTurnSummaries"), "usage")
        if cost > (known := self.executions.pop(execution, 0.0)):
            spent.append((about.at_us, cost - known))
        self.executions[execution] = max(cost, known)
        if len(self.executions) > 64:
            del self.executions[next(iter(self.executions))]
        listed = payload.get("requestIds")
        requests = [r for r in map(text, listed if isinstance(listed, list) else []) if r]
        for request in requests[:MOST_REQUESTS] or [execution]:
            yield msgspec.structs.replace(
                about, kind=EventKind.MESSAGE, event_key=event_key(PROVIDER, "request", request)
            )


def tool_name(name: str) -> str:
    """A tool as it travels; an MCP server's tools are `@<server>/<tool>`.

    >>> tool_name("fs_write"), tool_name("@github/search")
    ('fs_write', 'mcp__github__search')
    """
    server, slash, tool = name.removeprefix("@").partition("/")
    return f"mcp__{server}__{tool}" if name.startswith("@") and slash and server and tool else name
