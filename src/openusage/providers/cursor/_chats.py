"""Chats of Cursor ("composers") and their messages ("bubbles") -> records. Pure.

What a chat used and cost is known to Cursor's dashboard. On the machine there is what older versions noted:
the size of the context at each answer, which is no usage but the nearest there is, and what a chat cost so
far. That is told only where nobody is signed in: else the dashboard tells the same usage exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.lineage.names import upstream_by_name
from openusage.providers._calls import is_unique
from openusage.providers._figures import context
from openusage.providers._totals import Totals
from openusage.providers._values import child, count, decoded, number, text, time_us
from openusage.wire.events import (
    NO_TOKENS,
    EventKind,
    Outcome,
    QuotaReading,
    TokenCounts,
    UsageEvent,
    event_key,
)

PROVIDER = "cursor"
USER, ASSISTANT = 1, 2
_OUTCOMES = {"completed": Outcome.OK, "error": Outcome.ERROR, "cancelled": Outcome.ABORTED}
_VERSION = re.compile(r"_v\d+$")
_MCP_USER = re.compile(r"mcp-(?P<server>.+)-user-(?P=server)-(?P<tool>.+)")


class Chat(msgspec.Struct, gc=False, omit_defaults=True):
    """The value of `composerData:<id>`, as much of it as is looked at."""

    createdAt: Any = None
    lastUpdatedAt: Any = None
    usageData: Any = None
    modelConfig: Any = None
    subagentInfo: Any = None
    contextTokensUsed: Any = None
    contextTokenLimit: Any = None

    @property
    def agent(self) -> str | None:
        """Kind of sub-agent that the chat is of."""
        if not isinstance(self.subagentInfo, dict):
            return None
        return text(self.subagentInfo.get("subagentTypeName")) or "subagent"

    @property
    def model(self) -> str | None:
        return text(child(self.modelConfig).get("modelName"))


class Bubble(msgspec.Struct, gc=False):
    """The value of `bubbleId:<chat>:<id>`, as much of it as is looked at."""

    type: Any = None
    createdAt: Any = None
    tokenCount: Any = None
    modelInfo: Any = None
    toolFormerData: Any = None


_chat = msgspec.json.Decoder(Chat)
_bubble = msgspec.json.Decoder(Bubble)


def chat_of(data: bytes | None) -> Chat | None:
    """A chat out of its value; `None`: no such JSON."""
    return None if data is None else decoded(data, _chat)


def bubble_of(data: bytes | None) -> Bubble | None:
    """A message out of its value; `None`: no such JSON."""
    return None if data is None else decoded(data, _bubble)


def about(account: str, name: str, chat: Chat, project: str | None) -> UsageEvent:
    """An event of a chat without what it is."""
    return UsageEvent(
        provider=PROVIDER,
        account=account,
        at_us=time_us(chat.lastUpdatedAt) or time_us(chat.createdAt) or 0,
        kind=EventKind.MESSAGE,
        event_key=b"",
        model=chat.model,
        upstream=upstream_of(chat.model),
        client="IDE",
        project=project,
        session=name,
        agent=chat.agent,
    )


def chat_events(about: UsageEvent, chat: Chat, totals: Totals) -> Iterator[UsageEvent]:
    """What a chat cost by model so far. Newer versions leave that empty."""
    usage = chat.usageData
    for model, told in usage.items() if isinstance(usage, dict) else ():
        cents = number(child(told).get("costInCents"))
        if about.at_us and about.session and cents is not None and 0 < cents < 1e9:
            part = msgspec.structs.replace(
                about,
                model=text(model),
                upstream=upstream_of(text(model)),
                cost_reported_nano=round(cents * 10_000_000),
            )
            yield from totals.events(part, (about.session, str(model)))


def context_of(account: str, chat: Chat) -> QuotaReading | None:
    """How full a chat's context is."""
    used, limit = count(chat.contextTokensUsed), count(chat.contextTokenLimit)
    at_us = time_us(chat.lastUpdatedAt) or time_us(chat.createdAt)
    if used is None or not limit or at_us is None:
        return None
    return context(PROVIDER, account, at_us=at_us, used=used, limit=limit)


def bubble_events(
    about: UsageEvent, chat: Chat, name: str, bubble: Bubble, *, with_usage: bool
) -> Iterator[UsageEvent]:
    """A prompt, a tool call, or an answer with what its context held (`with_usage`)."""
    at_us = time_us(bubble.createdAt) or time_us(chat.createdAt)
    if at_us is None:
        return
    model = text(child(bubble.modelInfo).get("modelName")) or about.model
    about = msgspec.structs.replace(about, at_us=at_us, model=model, upstream=upstream_of(model))
    if bubble.type == USER and about.agent is None:
        yield msgspec.structs.replace(about, kind=EventKind.TURN, event_key=event_key(PROVIDER, "turn", name))
    tool = child(bubble.toolFormerData)
    called = text(tool.get("name"))
    if called is not None:
        call = text(tool.get("toolCallId"))
        key = (call,) if call is not None and is_unique(call) else (name,)
        yield msgspec.structs.replace(
            about,
            kind=EventKind.TOOL,
            event_key=event_key(PROVIDER, "tool", *key),
            tool=tool_name(called),
            outcome=_OUTCOMES.get(str(tool.get("status"))),
        )
    counts = counts_of(bubble)
    if bubble.type == ASSISTANT and with_usage and counts.total:
        yield msgspec.structs.replace(
            about, event_key=event_key(PROVIDER, "bubble", name), tokens=counts, estimated=True
        )


def counts_of(bubble: Bubble) -> TokenCounts:
    """What a message noted of its tokens; 0 of both is what newer versions write."""
    noted = child(bubble.tokenCount)
    given, output = count(noted.get("inputTokens")), count(noted.get("outputTokens"))
    return TokenCounts(given, output) if given or output else NO_TOKENS


def upstream_of(model: str | None) -> str | None:
    """Who made a model; those that Cursor chooses or makes itself are its own."""
    if model is None:
        return None
    return upstream_by_name(model) or (
        "cursor" if model.startswith(("auto", "default", "composer", "cursor")) else None
    )


def tool_name(name: str) -> str:
    """A tool as it travels.

    >>> tool_name("edit_file_v2"), tool_name("mcp_github_search"), tool_name("mcp-git hub-user-git hub-find")
    ('edit_file', 'mcp__github__search', 'mcp__git hub__find')
    """
    if found := _MCP_USER.fullmatch(name):
        return f"mcp__{found['server']}__{found['tool']}"
    if name.startswith("mcp_") and not name.startswith("mcp__"):
        server, _, tool = name.removeprefix("mcp_").partition("_")
        return f"mcp__{server}__{tool}" if server and tool else name
    return _VERSION.sub("", name)
