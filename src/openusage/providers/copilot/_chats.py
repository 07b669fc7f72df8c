"""Chats of Copilot in VS Code and its kin -> what was used. Pure: bytes in, records out.

An older chat is a document, a newer one a log of changes to the same document: a whole one first, then values
that were set and lists that grew, by path. What is kept of a request is its id, model and two counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import msgspec

from openusage.providers._loose import NOTHING, Bytes, loosely, objects_of, reader
from openusage.providers._values import child, count, first_count, json_value, text, time_us
from openusage.providers.copilot._places import PROVIDER
from openusage.providers.copilot._store import upstream_of
from openusage.providers.copilot._telemetry import IDE
from openusage.wire.events import EventKind, Outcome, Record, TokenCounts, UsageEvent, event_key

INITIAL, SET, PUSH = 0, 1, 2
"""Kinds of a change (a fourth, 3, takes a value away, which takes no usage back)."""
_TOOL = "toolInvocationSerialized"
_PREFIX = "copilot/"


class Part(msgspec.Struct, gc=False):
    """A piece of an answer."""

    kind: Any = None
    toolCallId: Any = None
    toolId: Any = None
    isComplete: Any = None
    source: Any = None


class Metadata(msgspec.Struct, gc=False):
    promptTokens: Any = None
    outputTokens: Any = None
    resolvedModel: Any = None


class Result(msgspec.Struct, gc=False):
    metadata: Metadata | None = None


class Request(msgspec.Struct, gc=False):
    requestId: Any = None
    timestamp: Any = None
    modelId: Any = None
    promptTokens: Any = None
    completionTokens: Any = None
    result: Result | None = None
    response: list[Part] | None = None


class Chat(msgspec.Struct, gc=False):
    """The document, or a change (`kind`, path `k`, value `v`, list cut at `i`)."""

    sessionId: Any = None
    requests: msgspec.Raw = NOTHING
    kind: Any = None
    k: Any = None
    v: msgspec.Raw = NOTHING
    i: Any = None


_read = reader(Chat)
_read_request = reader(Request)


class Known(msgspec.Struct, omit_defaults=True):
    """What is kept of a request."""

    id: str = ""
    at_us: int = 0
    model: str | None = None
    prompt: int | None = None
    completion: int | None = None


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of a chat from its earlier lines."""

    session: str | None = None
    requests: list[Known] = []


class Conversation:
    """Parses one chat. `is_covered`: whether a session's calls are counted from elsewhere."""

    def __init__(
        self,
        account: str,
        name: str,
        project: Callable[[], str | None],
        is_covered: Callable[[str], bool],
        memory: Memory,
    ) -> None:
        self._account = account
        self._name = name
        self._find_project = project
        self._is_covered = is_covered
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        """Records of a change, or of a whole document."""
        found = _read(data)
        if found.kind is None:
            if found.requests is not NOTHING:
                yield from self._whole(found)
        elif found.kind == INITIAL:
            yield from self._whole(_read(found.v))
        elif isinstance(found.k, list) and found.k[:1] == ["requests"]:
            yield from self._change(found, found.k[1:])

    def _whole(self, chat: Chat) -> Iterator[Record]:
        self.memory.session = text(chat.sessionId) or self.memory.session
        self.memory.requests = []
        yield from self._more(chat.requests)

    def _more(self, requests: msgspec.Raw) -> Iterator[Record]:
        for item in objects_of(requests):
            request, known = _read_request(item), Known()
            self.memory.requests.append(known)
            yield from self._request(request, known)

    def _change(self, change: Chat, path: list[Any]) -> Iterator[Record]:
        requests = self.memory.requests
        if not path:
            kept = 0 if change.kind == SET else count(change.i)
            if kept is not None:
                del requests[kept:]
            yield from self._more(change.v)
            return
        nth = count(path[0])
        if nth is None or nth >= len(requests):
            return
        if path[1:] == [] and change.kind == SET:
            requests[nth] = Known()
            yield from self._request(_read_request(change.v), requests[nth])
        elif len(path) == 2:
            # One field of a request, as an object with this field alone.
            field = {str(path[1]): json_value(bytes(change.v))}
            yield from self._request(loosely(field, Request), requests[nth])

    def _request(self, request: Request, known: Known) -> Iterator[Record]:
        known.id = text(request.requestId) or known.id
        known.at_us = time_us(request.timestamp) or known.at_us
        told = request.result.metadata if request.result is not None else None
        told = told or Metadata()
        known.model = _name_of(told.resolvedModel) or _name_of(request.modelId) or known.model
        known.prompt = first_count(request.promptTokens, told.promptTokens, known.prompt)
        known.completion = first_count(request.completionTokens, told.outputTokens, known.completion)
        if not known.id or not known.at_us:
            return
        yield self._event(EventKind.TURN, known, "turn", known.id)
        if (known.prompt or known.completion) and not self._is_covered(self._session):
            yield self._event(
                EventKind.MESSAGE,
                known,
                "request",
                known.id,
                tokens=TokenCounts(input=known.prompt, output=known.completion),
                model=known.model,
                upstream=upstream_of(known.model),
            )
        for part in request.response or ():
            call_id = text(part.toolCallId) if part.kind == _TOOL else None
            if call_id is not None:
                done = Outcome.OK if part.isComplete is True else None
                yield self._event(EventKind.TOOL, known, "tool", call_id, tool=_tool_name(part), outcome=done)

    @cached_property
    def _project(self) -> str | None:
        return self._find_project()

    @property
    def _session(self) -> str:
        return self.memory.session or self._name

    def _event(self, kind: EventKind, known: Known, *key: str, **more: Any) -> UsageEvent:
        return UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=known.at_us,
            kind=kind,
            event_key=event_key(PROVIDER, "chat", *key),
            client=IDE,
            project=self._project,
            session=self._session,
            **more,
        )


def _name_of(model: object) -> str | None:
    """A model's name without whose it is; `auto` is none."""
    name = (text(model) or "").removeprefix(_PREFIX)
    return None if name in ("", "auto") else name


def _tool_name(part: Part) -> str:
    """`mcp__<server>__<tool>` where the part names the server, else the tool's id."""
    name = (text(part.toolId) or "unknown").removeprefix("copilot_")
    source = child({"source": part.source}, "source")
    server = text(source.get("serverLabel")) or text(source.get("label"))
    if source.get("type") != "mcp" or server is None:
        return name
    return f"mcp__{server}__{name.rpartition('__')[2].removeprefix('mcp_')}"
