"""Tasks of Roo Code and its kin (Kilo Code before its second generation) -> what was used.

Sources: `packages/types/src/message.ts`, `src/core/task/Task.ts`, `src/shared/cost.ts`,
`src/core/environment/getEnvironmentDetails.ts`, `src/core/task-persistence/` of the Roo-Code repository.

A task is a folder. `ui_messages.json` has an entry for every request, written anew with its counts when the
request is through. It does not name the model: that stands in what was sent, in the same task's
`api_conversation_history.json`. `history_item.json` tells the workspace and whose subtask it is. The same
task in two editors is one: a request is its task and time.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from openusage.errors import SourceUnavailable
from openusage.lineage.names import upstream_by_name
from openusage.providers import _documents
from openusage.providers._contract import Chunk, Env
from openusage.providers._jsonl import FileState
from openusage.providers._loose import Bytes, Unreadable, array_of, reader
from openusage.providers._reading import Reading, Remembers
from openusage.providers._roo_places import folders, is_terminal
from openusage.providers._single import Files
from openusage.providers._touched import file_key, language_of
from openusage.providers._values import (
    child,
    count,
    disjoint,
    json_object,
    nano_usd,
    number,
    project_of,
    text,
    time_us,
)
from openusage.wire.events import (
    Account,
    EventKind,
    Record,
    TokenCounts,
    UsageEvent,
    event_key,
)

MESSAGES, HISTORY, ITEM = "ui_messages.json", "api_conversation_history.json", "history_item.json"
SUBTASK = "subtask"
_SENT = re.compile(rb'</name>\\n<model>(?P<model>[^<\\"]{1,200})</model>|(?<!\\)"ts":\s*(?P<ts>\d{13})\b')
"""In a history, whose strings are JSON: the model that a message was for, and when a message was sent."""
_REQUESTS = ("api_req_started", "api_req_finished")
"""The first versions told what a request used in an entry of its own."""
_TOOLS = ("tool", "command", "use_mcp_server")
"""What a person is asked to allow: calls of tools."""
_CHANGING = ("appliedDiff", "editedExistingFile", "newFileCreated", "insertContent", "searchAndReplace")
_NOT_TOOLS = ("finishTask", "imageGenerated")
"""Told like calls, and ends of calls."""


class Entry(msgspec.Struct, gc=False):
    """Something that is shown to the person."""

    ts: Any = None
    type: Any = None
    say: Any = None
    ask: Any = None
    text: Any = None
    partial: Any = None
    contextCondense: Any = None


class Memory(msgspec.Struct):
    """Nothing need be known of earlier versions of a task: each has all that is left of it."""


class Task(msgspec.Struct, frozen=True):
    """What is known of a task besides its messages."""

    id: str
    client: str = "IDE"
    workspace: str = ""
    is_subtask: bool = False
    sent: tuple[tuple[int, str], ...] = ()
    """When something was sent, and to which model; in the order of time. 0: not told when."""


_read_entry = reader(Entry)
_REMEMBERS = Remembers(Memory)


def _is_messages(relative: str) -> bool:
    return relative.count("/") == 1 and relative.endswith(f"/{MESSAGES}")


def _chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    """Chunks of the tasks that changed."""
    for state in files:
        if not reading.is_read(state):
            folder = Path(state.path).parent
            yield from reading.document(state, _REMEMBERS, partial(Parser, account, partial(task_of, folder)))


TASK_FILES = Files(_is_messages, _chunks, enters=lambda relative: "/" not in relative, roots=folders)


def task_of(folder: Path) -> Task:
    """What a task's other files tell. They may be just written: what cannot be read says nothing."""
    item = json_object(_content(folder / ITEM))
    return Task(
        id=folder.name,
        client="CLI" if is_terminal(folder) else "IDE",
        workspace=text(item.get("workspace")) or "",
        is_subtask=text(item.get("parentTaskId")) is not None,
        sent=models_in(_content(folder / HISTORY)),
    )


def models_in(history: bytes) -> tuple[tuple[int, str], ...]:
    """Which model was asked when, by the details of the environment in what was sent.

    The bytes are searched and not parsed: a history may have a hundred megabytes and be half written.
    """
    found: list[tuple[int, str]] = []
    waiting: str | None = None
    for match in _SENT.finditer(history):
        if match["model"] is not None:
            waiting = match["model"].decode("utf-8", "replace")
        elif waiting is not None:
            found.append((time_us(match["ts"].decode()) or 0, waiting))
            waiting = None
    if waiting is not None:
        found.append((found[-1][0] if found else 0, waiting))
    return tuple(sorted(found, key=lambda sent: sent[0]))


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _documents.MAX_DOCUMENT_BYTES:
            return b""
        return _documents.content(path)
    except (OSError, SourceUnavailable):
        return b""


class Parser:
    """Parses the messages of one task."""

    def __init__(self, account: Account, task: Callable[[], Task], memory: Memory) -> None:
        self._account = account
        self._task_of = task
        self._task = Task("")
        self._starts: list[int] = []
        self._model: str | None = None
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        """Raises `Unreadable` when it is no array."""
        entries = list(_entries(bytes(data)))
        self._task = self._task_of()
        requests = (e.ts for e in entries if e.say == _REQUESTS[0])
        self._starts = sorted(filter(None, map(time_us, requests)))
        for nth, entry in enumerate(entries):
            at_us = time_us(entry.ts)
            if at_us is not None:
                yield from self._entry(entry, at_us, is_first=nth == 0)

    def _entry(self, entry: Entry, at_us: int, *, is_first: bool) -> Iterator[Record]:
        if entry.say in _REQUESTS:
            self._model = self._model_at(at_us)
            told = json_object(text(entry.text))
            yield from self._used(told, at_us, text(told.get("inferenceProvider")))
        elif entry.say == "condense_context":
            cost = nano_usd(child(entry.contextCondense).get("cost"))
            if cost is not None:
                key = ("condense", self._task.id, at_us)
                yield self._event(EventKind.MESSAGE, at_us, *key, model=self._model, cost_reported_nano=cost)
        elif entry.partial is not True and (entry.ask in _TOOLS or (entry.say == "tool")):
            yield from self._called(entry, at_us)
        elif entry.say == "user_feedback" or (is_first and entry.say == "text"):
            if not self._task.is_subtask or not is_first:
                yield self._event(EventKind.TURN, at_us, "turn", self._task.id, at_us)

    def _used(self, told: dict[str, Any], at_us: int, vendor: str | None) -> Iterator[UsageEvent]:
        tokens = tokens_of(told)
        cost = number(told.get("cost"))
        if not tokens.total and not cost:
            return  # running, or given up before anything came
        upstream = upstream_by_name(self._model) or (vendor.lower() if vendor else None)
        yield self._event(
            EventKind.MESSAGE,
            at_us,
            *("message", self._task.id, at_us),
            tokens=tokens,
            model=self._model,
            upstream=upstream,
            cost_reported_nano=nano_usd(cost),
        )

    def _called(self, entry: Entry, at_us: int) -> Iterator[UsageEvent]:
        told = json_object(text(entry.text))
        if entry.ask == "command":
            name = "command"
        elif entry.ask == "use_mcp_server":
            server = text(told.get("serverName"))
            name = text(told.get("toolName")) or text(told.get("type")) or "unknown"
            name = f"mcp__{server}__{name}" if server else name
        else:
            name = text(told.get("tool")) or "unknown"
        if name not in _NOT_TOOLS:
            yield self._event(
                EventKind.TOOL,
                at_us,
                *("tool", self._task.id, at_us),
                model=self._model,
                tool=name,
                **self._touched(name, told),
            )

    def _touched(self, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """What a call did to which file: of several the first is named, and the lines of all are counted."""
        batch = told.get("batchDiffs")
        parts = [child(part) for part in batch] if isinstance(batch, list) and batch else [told]
        path = text(parts[0].get("path"))
        if path is None:
            return {}
        if name not in _CHANGING:
            return {"language": language_of(path)}
        stats = [child(part, "diffStats") for part in parts]
        lines = {
            field: [n for n in (count(s.get(key)) for s in stats) if n is not None]
            for field, key in (("lines_added", "added"), ("lines_removed", "removed"))
        }
        return {
            "language": language_of(path),
            "file_key": file_key(posixpath.normpath(posixpath.join(self._task.workspace, path))),
            **{field: sum(counts) for field, counts in lines.items() if counts},
        }

    def _model_at(self, at_us: int) -> str | None:
        """The model of the request that began at `at_us`: what it sent is dated before the next one began."""
        after = bisect_left(self._starts, at_us + 1)
        until = self._starts[after] if after < len(self._starts) else None
        before = [model for sent_us, model in self._task.sent if until is None or sent_us < until]
        return before[-1] if before else None

    def _event(self, kind: EventKind, at_us: int, *key: Any, **more: Any) -> UsageEvent:
        provider = self._account.provider
        return UsageEvent(
            provider=provider,
            account=self._account.id,
            at_us=at_us,
            kind=kind,
            event_key=event_key(provider, *key),
            client=self._task.client,
            project=project_of(self._task.workspace),
            session=self._task.id,
            agent=SUBTASK if self._task.is_subtask else None,
            **more,
        )


def _entries(data: bytes) -> Iterator[Entry]:
    for item in array_of(data.removeprefix(b"\xef\xbb\xbf")):
        try:
            yield _read_entry(item)
        except Unreadable:
            continue  # something else in the array: it costs only itself


def tokens_of(told: dict[str, Any]) -> TokenCounts:
    """Cached tokens are inside input, as current versions write it; before they were beside it for one of the
    two protocols, which shows where they are more than it."""
    given, read, written = (count(told.get(name)) for name in ("tokensIn", "cacheReads", "cacheWrites"))
    return disjoint(
        input=given,
        output=count(told.get("tokensOut")),
        cache_read=read,
        cache_write=written,
        cache_inside=(given or 0) >= (read or 0) + (written or 0),
    )
