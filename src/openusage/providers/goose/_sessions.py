"""Sessions and messages of Goose -> records, the same for its database and its older JSON lines. Pure.

Sources: `crates/goose/src/session/session_manager.rs` and `crates/goose/src/conversation/message.rs` of the
Goose repository (block/goose, now aaif-goose/goose).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from openusage.providers._calls import Calls, is_unique
from openusage.providers._inputs import touch_of
from openusage.providers._values import child, count, disjoint, json_object, project_of, text
from openusage.wire.events import NO_TOKENS, EventKind, Outcome, TokenCounts, UsageEvent, event_key

PROVIDER = "goose"
CARRIED_US = 60_000_000
"""A message that is older than its session by more than this was copied or imported into it."""

_TIMED_ID = re.compile(r"\d{8}_\d{6}")
_CLIENTS = {"acp": "IDE", "terminal": "CLI", "scheduled": "Scheduled", "gateway": "Gateway"}


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a session, whoever keeps it."""

    id: str
    created_us: int | None = None
    kind: str | None = None
    directory: str | None = None
    vendor: str | None = None
    model: str | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """Ids count the sessions of a day and are the same on every machine; the oldest name a second."""
        if _TIMED_ID.fullmatch(self.id) or self.created_us is None:
            return (self.id,)
        return (self.id, str(self.created_us // 1_000_000))

    def about(self, account: str, at_us: int, kind: EventKind) -> UsageEvent:
        """An event of this session without what it is."""
        return UsageEvent(
            provider=PROVIDER,
            account=account,
            at_us=at_us,
            kind=kind,
            event_key=b"",
            model=self.model,
            upstream=self.vendor,
            client=_CLIENTS.get(self.kind or ""),
            project=project_of(self.directory),
            session=self.id,
            agent="subagent" if self.kind == "sub_agent" else None,
        )


def model_of(config: object) -> str | None:
    """The model in a `model_config_json`."""
    return text(json_object(config).get("model_name"))


def counts_of(
    given: object, output: object, total: object, read: object = None, written: object = None
) -> TokenCounts:
    """Counts of a request or a session. What went through a cache is inside input, where it is told.

    A total without its parts is taken as input: that is most of it.
    """
    known = [count(n) for n in (given, output, read, written)]
    if known[0] is None and known[1] is None:
        return TokenCounts(count(total)) if count(total) else NO_TOKENS
    return disjoint(
        input=known[0], output=known[1], cache_read=known[2], cache_write=known[3], cache_inside=True
    )


def is_estimate(given: object, output: object, total: object) -> bool:
    """Whether only the total of a request is known."""
    return count(given) is None and count(output) is None and bool(count(total))


def message_events(
    about: UsageEvent, session: Session, role: object, content: list[Any], calls: Calls, *, shown: bool
) -> Iterator[UsageEvent]:
    """Turns, calls and the ends of calls in one message, which `about` tells time and place of.

    `shown`: a person sees it, so may have written it.
    """
    at_us = about.at_us
    if session.created_us is not None and at_us < session.created_us - CARRIED_US:
        return
    items = [item for item in content if isinstance(item, dict)]
    is_prompt = any(item.get("type") == "text" for item in items)
    if role == "user" and shown and is_prompt and about.agent is None:
        key = event_key(PROVIDER, "turn", *session.identity, at_us)
        yield msgspec.structs.replace(about, event_key=key)
    for item in items:
        event = None
        if item.get("type") == "toolRequest":
            event = _call(about, session, item, calls)
        elif item.get("type") == "toolResponse":
            event = calls.end(_name(session, item.get("id")), _outcome(child(item, "toolResult")))
        if event is not None:
            yield event


def _call(about: UsageEvent, session: Session, item: Mapping[str, Any], calls: Calls) -> UsageEvent | None:
    value = child(item, "toolCall", "value")
    call, name = text(item.get("id")), text(value.get("name"))
    if call is None or name is None:
        return None
    touch = touch_of(value.get("arguments"), session.directory or "")
    scope = () if is_unique(call) else (*session.identity, about.at_us)
    event = msgspec.structs.replace(
        about,
        kind=EventKind.TOOL,
        event_key=event_key(PROVIDER, "tool", call, *scope),
        tool=tool_name(name),
        language=touch.language,
        lines_added=touch.lines_added,
        lines_removed=touch.lines_removed,
        file_key=touch.file_key,
    )
    return calls.begin(_name(session, call), event)


def _name(session: Session, call: object) -> str:
    return f"{session.id} {call}"


def _outcome(result: Mapping[str, Any]) -> Outcome:
    failed = result.get("status") == "error" or child(result, "value").get("isError") is True
    return Outcome.ERROR if failed else Outcome.OK


def tool_name(name: str) -> str:
    """A tool as it travels: Goose's extensions are MCP servers, also those that come with it.

    >>> tool_name("developer__shell"), tool_name("todo")
    ('mcp__developer__shell', 'todo')
    """
    return f"mcp__{name}" if "__" in name.strip("_") and not name.startswith("mcp__") else name
