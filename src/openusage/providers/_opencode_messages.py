"""Messages of OpenCode and its descendants -> records. Pure: JSON in, events out, for all three storages.

Sources: `packages/opencode/src/session/message-v2.ts`, `processor.ts` and `session.sql.ts` (1.x),
`packages/core/src/session-message.ts` (2.x) of the OpenCode repository.

A message's identity is its time, model and counts, not its id: a forked session copies its messages under
new ids with all their figures, and one session may be found in the old JSON storage, in the database of 1.x
and in that of 2.x. A copy is older than the session that it is in, which tells it from its original.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from openusage.providers._calls import is_unique
from openusage.providers._inputs import touch_of
from openusage.providers._values import child, count, decoded, disjoint, nano_usd, project_of, text, time_us
from openusage.wire.events import (
    NO_TOKENS,
    Account,
    EventKind,
    Outcome,
    TokenCounts,
    UsageEvent,
    event_key,
)

TAKEN_OVER = "legacy"
"""Vendor and model of messages that Kilo Code copied from its former storage, where they are read."""
STALE_US = 24 * 3_600_000_000
"""A message that nobody wrote for so long will not be finished."""

_BUILT_IN = frozenset(
    (
        *("apply_patch", "bash", "batch", "codesearch", "edit", "glob", "grep", "invalid", "list", "lsp"),
        *(
            "lsp_diagnostics",
            "lsp_hover",
            "multiedit",
            "patch",
            "plan_enter",
            "plan_exit",
            "question",
            "read",
        ),
        *("shell", "skill", "subagent", "task", "todoread", "todowrite", "webfetch", "websearch"),
        *("read", "write"),
    )
)
"""Names of OpenCode's own tools; any other with a `_` is `<MCP server>_<tool>`."""
_ABORTED = ("Tool execution aborted", "The user rejected", "The user dismissed", "Tool execution was inter")


class ToolState(msgspec.Struct, gc=False):
    """How a call goes."""

    status: Any = None
    input: Any = None
    error: Any = None
    time: Any = None


class Part(msgspec.Struct, gc=False):
    """A piece of a message: a row or file of its own in 1.x, an item of `content` in 2.x."""

    type: Any = None
    id: Any = None
    callID: Any = None
    tool: Any = None
    name: Any = None
    state: ToolState | None = None
    tokens: Any = None
    cost: Any = None
    time: Any = None


class Message(msgspec.Struct, gc=False):
    """A message of either side, as all versions write it."""

    id: Any = None
    sessionID: Any = None
    role: Any = None
    providerID: Any = None
    modelID: Any = None
    model: Any = None
    agent: Any = None
    mode: Any = None
    path: Any = None
    cost: Any = None
    tokens: Any = None
    time: Any = None
    error: Any = None
    content: list[Part] | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing of it will change any more."""
        return child(self.time).get("completed") is not None or self.error is not None


class Session(msgspec.Struct, frozen=True):
    """What a message's session tells of it."""

    id: str | None
    directory: str | None = None
    parent: str | None = None
    created_us: int | None = None


_message = msgspec.json.Decoder(Message)
_part = msgspec.json.Decoder(Part)


def message_of(data: bytes, role: str | None = None) -> Message | None:
    """A message out of its JSON; in 2.x the role is told beside it. `None`: no such JSON."""
    found = decoded(data, _message)
    if found is not None and role is not None:
        found.role = role
    return found


def part_of(data: bytes) -> Part | None:
    """A part of 1.x out of its JSON."""
    return decoded(data, _part)


def is_running(parts: Sequence[Part]) -> bool:
    """Whether a tool call among the parts has not ended."""
    return any(p.type == "tool" and p.state is not None and p.state.status in _GOES_ON for p in parts)


_GOES_ON = ("pending", "running", "streaming")


def events(
    account: Account, message: Message, session: Session, parts: Sequence[Part], *, final: bool
) -> Iterator[UsageEvent]:
    """What a message tells: its steps and tool calls, or that a person asked.

    `final`: nobody will write it any more, as it is.
    """
    times = child(message.time)
    at_us = time_us(times.get("created")) or time_us(times.get("completed"))
    if at_us is None or message.role not in ("assistant", "user"):
        return
    is_copy = session.created_us is not None and at_us < session.created_us
    about = _about(account, message, session, at_us + is_copy)
    if about.upstream == about.model == TAKEN_OVER:
        return
    if message.role == "user":
        if session.parent is None:
            yield msgspec.structs.replace(about, event_key=_key("turn", at_us, about))
        return
    yield from _answers(about, message, parts, at_us, final=final)
    for part in parts:
        if part.type == "tool" and part.state is not None:
            call = _call(about, message, part, part.state, at_us)
            if call is not None:
                yield call


def _about(account: Account, message: Message, session: Session, at_us: int) -> UsageEvent:
    model = child(message.model)
    directory = child(message.path).get("cwd") or session.directory
    return UsageEvent(
        provider=account.provider,
        account=account.id,
        at_us=at_us,
        kind=EventKind.TURN,
        event_key=b"",
        model=text(message.modelID) or text(model.get("modelID")) or text(model.get("id")),
        upstream=text(message.providerID) or text(model.get("providerID")),
        project=project_of(directory),
        session=session.id,
        agent=None if session.parent is None else text(message.agent) or text(message.mode) or "subagent",
    )


def _answers(
    about: UsageEvent, message: Message, parts: Sequence[Part], at_us: int, *, final: bool
) -> Iterator[UsageEvent]:
    """One event a step. A message's own counts are those of its last step, its cost is that of all."""
    steps = [(p.tokens, p.cost) for p in parts if p.type == "step-finish"]
    if not steps:
        if not final and not message.is_done:
            return
        steps = [(message.tokens, message.cost)]
    seen: dict[bytes, int] = {}
    for tokens, cost in steps:
        counts, nano = counts_of(tokens), nano_usd(cost)
        # Without counts: of a vendor that reports none, unless it was given up before any came.
        if not counts.total and (nano is None or message.error is not None):
            continue
        key = _key("message", at_us, about, *_raw(tokens))
        seen[key] = seen.get(key, 0) + 1
        if seen[key] > 1:
            key = event_key(about.provider, key.hex(), seen[key])
        yield msgspec.structs.replace(
            about,
            kind=EventKind.MESSAGE,
            event_key=key,
            tokens=counts if counts.total else NO_TOKENS,
            cost_reported_nano=nano,
        )


def _key(kind: str, at_us: int, about: UsageEvent, *rest: object) -> bytes:
    return event_key(about.provider, kind, at_us, about.upstream, about.model, *rest)


def _raw(tokens: object) -> tuple[int | None, ...]:
    given = child(tokens)
    cache = child(given, "cache")
    counts = given.get("input"), given.get("output"), cache.get("read"), cache.get("write")
    return tuple(map(count, counts))


def counts_of(tokens: object) -> TokenCounts:
    """A `tokens` object. Older versions have reasoning inside output for some vendors: `total` tells."""
    read, reasoning = count(child(tokens, "cache").get("read")), count(child(tokens).get("reasoning"))
    given, output, _, write = _raw(tokens)
    total = count(child(tokens).get("total"))
    known = sum(n or 0 for n in (given, output, read, write))
    return disjoint(
        input=given,
        output=output,
        cache_read=read,
        cache_write=write,
        reasoning=reasoning,
        reasoning_inside=bool(reasoning) and total == known,
    )


def _call(about: UsageEvent, message: Message, part: Part, state: ToolState, at_us: int) -> UsageEvent | None:
    call, name = text(part.callID) or text(part.id), text(part.tool) or text(part.name)
    if call is None or name is None or state.status not in ("completed", "error"):
        return None
    scope = ("tool", call) if is_unique(call) else ("tool", at_us, about.upstream, about.model, call, name)
    touch = touch_of(state.input, text(child(message.path).get("cwd")) or "")
    times = child(state.time) or child(part.time)
    started_us = time_us(times.get("start")) or time_us(times.get("ran")) or time_us(times.get("created"))
    return msgspec.structs.replace(
        about,
        kind=EventKind.TOOL,
        at_us=about.at_us if started_us is None else started_us + (about.at_us - at_us),
        event_key=event_key(about.provider, *scope),
        tool=tool_name(name),
        outcome=_outcome(state),
        language=touch.language,
        lines_added=touch.lines_added,
        lines_removed=touch.lines_removed,
        file_key=touch.file_key,
    )


def _outcome(state: ToolState) -> Outcome:
    if state.status == "completed":
        return Outcome.OK
    told = state.error if isinstance(state.error, str) else child(state.error).get("message")
    return Outcome.ABORTED if isinstance(told, str) and told.startswith(_ABORTED) else Outcome.ERROR


def tool_name(name: str) -> str:
    """A tool as it travels: OpenCode calls the tools of an MCP server `<server>_<tool>`.

    >>> tool_name("bash"), tool_name("github_list_issues"), tool_name("apply_patch")
    ('bash', 'mcp__github__list_issues', 'apply_patch')
    """
    server, underscore, tool = name.partition("_")
    if name in _BUILT_IN or not underscore or not server or not tool or name.startswith("mcp__"):
        return name
    return f"mcp__{server}__{tool}"
