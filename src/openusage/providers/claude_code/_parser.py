"""Lines of Claude Code transcripts -> what was used. Pure: bytes in, events out, no file is opened here.

What lines tell of the same thing is put together in `_tally`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec

from openusage.providers._jsonl import Block, Mark
from openusage.providers.claude_code import _lines as lines
from openusage.providers.claude_code._tally import (
    Call,
    Tally,
    Where,
    answer_of,
    better,
    call_of,
    key_of,
    microseconds,
    project_of,
)
from openusage.providers.claude_code._tools import prompt_key, touch_of
from openusage.wire.events import Outcome
from openusage.wire.problems import Problem

SYNTHETIC = "<synthetic>"
"""Model of messages that the tool made itself."""
UNKNOWN_AGENT = "agent"

KEPT_CALLS = 200
KEPT_TASKS = 200
KEPT_THREADS = 64
SHOWN_PROBLEMS = 20
"""Of one file and read; the rest is only counted."""

_CLIENTS = {
    None: "CLI",
    "cli": "CLI",
    "claude-vscode": "IDE",
    "claude-jetbrains": "IDE",
    "claude-desktop": "Desktop",
    "local-agent": "Desktop",
    "remote": "Cloud",
    "claude-code-github-action": "GitHub Action",
    "sdk-cli": "SDK",
    "sdk-py": "SDK",
    "sdk-ts": "SDK",
    "mcp": "MCP",
}
"""`entrypoint` of a line -> client; what is not here is shown as it is."""

_NOT_TYPED = (
    "<local-command-",
    "<command-name>",
    "<bash-",
    "<task-notification>",
    "[Request interrupted by user",
    "Caveat: The messages below",
    "This session is being continued from a previous conversation",
)
"""How `user` lines begin that ask the model nothing: local commands and their output, notices, summaries."""
_REJECTED = (b"The user doesn't want to", b"[Request interrupted by user")

T = TypeVar("T")
FindTask: TypeAlias = Callable[[str, str], str | None]
"""(session, prompt key) -> sub-agent type that the session's own transcript started with this prompt."""


class Memory(msgspec.Struct, omit_defaults=True):
    """What must be known of a file to go on reading it. Travels in its cursor, as JSON."""

    pending: dict[str, Call] = {}
    """Tool calls without a result yet, by their id."""
    tasks: dict[str, str] = {}
    """Prompt key -> type of the sub-agent that was given this prompt."""
    threads: dict[str, str] = {}
    """Line id -> sub-agent type, for sub-agents that write into their parent's file (versions 1 and 2.0)."""
    agent: str | None = None
    """A sub-agent's own file: its type."""
    mark: Mark | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a file's place tells."""

    path: str
    session: str
    """For lines that do not say their session."""
    project: str
    """For lines that do not say where they were written."""
    is_agent: bool = False
    """The transcript of a sub-agent."""
    agent: str | None = None
    """Its type, when a file beside it tells."""


class Transcript:
    """Parses one file, block after block. `memory` is what to keep until more of it is there."""

    def __init__(self, source: Source, memory: Memory, find_task: FindTask) -> None:
        self._source = source
        self._find_task = find_task
        self._problems = 0
        self.memory = memory

    def feed(self, block: Block, tally: Tally) -> None:
        """Add what the block's lines tell to `tally`."""
        if block.skipped:
            self._problem(tally, block.start - block.skipped, "a line too long to be read")
        decode, refused = lines.decode, lines.REFUSED
        for offset, view in block.views():
            try:
                line: lines.Line | None = decode(view)
            except refused:
                line = self._salvage(view, offset, tally)
            if line is None:
                continue
            if line.type == "assistant":
                self._assistant(line, offset, tally)
            elif line.type == "user":
                self._user(line, tally)
        self.memory.mark = block.mark

    def close(self, tally: Tally) -> None:
        """Say how many problems were not told one by one."""
        if self._problems > SHOWN_PROBLEMS:
            more = f"{self._problems - SHOWN_PROBLEMS} more lines cannot be read"
            tally.problems.append(Problem(path=self._source.path, what=more))

    def _salvage(self, view: memoryview, offset: int, tally: Tally) -> lines.Line | None:
        try:
            return lines.salvage(view)
        except lines.BadLine as e:
            self._problem(tally, offset, str(e))
            return None

    def _problem(self, tally: Tally, offset: int, what: str) -> None:
        self._problems += 1
        if self._problems <= SHOWN_PROBLEMS:
            tally.problems.append(Problem(path=self._source.path, offset=offset, what=what))

    def _assistant(self, line: lines.Line, offset: int, tally: Tally) -> None:
        message = line.message
        if message is None or line.isApiErrorMessage or message.model == SYNTHETIC:
            return
        if "" in (message.id, message.model, line.requestId, line.sessionId):
            self._problem(tally, offset, "an answer with an empty id or model")
            return
        if line.timestamp is None:
            self._problem(tally, offset, "an answer without a time that can be read")
            return
        is_side = line.isSidechain or self._source.is_agent
        where = self._where(line, line.timestamp, self._agent(line) if is_side else None)
        if message.usage is not None:
            if message.usage.refused:
                self._problem(tally, offset, "an answer with a token count that cannot be")
            new = answer_of(line, message, message.usage, where)
            if new is not None:
                tally.answer(key_of(line, message, new), new)
        if isinstance(message.content, list):
            for block in message.content:
                if block.type == "tool_use" and block.id:
                    self._tool_use(block, where, tally)

    def _where(self, line: lines.Line, time: dt.datetime, agent: str | None) -> Where:
        entrypoint = line.entrypoint
        return Where(
            microseconds(time),
            line.sessionId or self._source.session,
            project_of(line.cwd) or self._source.project,
            agent,
            _CLIENTS.get(entrypoint) or entrypoint or "CLI",
        )

    def _tool_use(self, block: lines.ContentBlock, where: Where, tally: Tally) -> None:
        tool, tool_use_id, memory = block.name or "unknown", block.id or "", self.memory
        touch = touch_of(tool, block.input)
        call = call_of(where, tool, touch)
        if touch.task and touch.task_key:
            _remember(memory.tasks, touch.task_key, touch.task, KEPT_TASKS)
        known = memory.pending.get(tool_use_id)
        _remember(memory.pending, tool_use_id, call if known is None else better(known, call), KEPT_CALLS)
        tally.call(tool_use_id, call)

    def _user(self, line: lines.Line, tally: Tally) -> None:
        content = None if line.message is None else line.message.content
        if line.isSidechain or self._source.is_agent:
            self._agent(line)
        if isinstance(content, list):
            results = [block for block in content if block.type == "tool_result"]
            for block in results:
                self._tool_result(block, tally)
            if results:
                return
        if line.timestamp is not None and line.uuid and self._is_prompt(line, content):
            where = self._where(line, line.timestamp, None)
            turn = Call(where.at_us, "", where.session, where.project, None, where.client)
            tally.turn(line.uuid, turn)

    def _tool_result(self, block: lines.ContentBlock, tally: Tally) -> None:
        call = self.memory.pending.pop(block.tool_use_id or "", None)
        if call is None:
            return
        call.outcome = Outcome.OK
        if block.is_error:
            told = bytes(block.content)
            call.outcome = Outcome.ABORTED if any(r in told for r in _REJECTED) else Outcome.ERROR
        tally.call(block.tool_use_id or "", call)

    def _is_prompt(self, line: lines.Line, content: list[lines.ContentBlock] | str | None) -> bool:
        if line.isSidechain or self._source.is_agent:
            return False
        if line.isMeta or line.isCompactSummary or line.isVisibleInTranscriptOnly:
            return False
        if isinstance(content, list):
            first = next((bytes(b.text).lstrip(b'"') for b in content if b.type == "text"), b"")
            return bool(content) and not first.startswith(_NOT_TYPED_BYTES)
        return bool(content) and not (content or "").lstrip().startswith(_NOT_TYPED)

    def _agent(self, line: lines.Line) -> str:
        """Type of the sub-agent that a line is of."""
        memory = self.memory
        if self._source.is_agent:
            if memory.agent is None:
                memory.agent = self._source.agent or self._started_as(line) or UNKNOWN_AGENT
            return memory.agent
        agent = memory.threads.get(line.parentUuid or "") or self._started_as(line) or UNKNOWN_AGENT
        if line.uuid:
            _remember(memory.threads, line.uuid, agent, KEPT_THREADS)
        return agent

    def _started_as(self, line: lines.Line) -> str | None:
        prompt = None if line.message is None else line.message.content
        if line.type != "user" or not isinstance(prompt, str):
            return None
        key = prompt_key(prompt)
        return self.memory.tasks.get(key) or self._find_task(line.sessionId or self._source.session, key)


_NOT_TYPED_BYTES = tuple(text.encode() for text in _NOT_TYPED)


def _remember(kept: dict[str, T], key: str, value: T, limit: int) -> None:
    """Keep the newest `limit` of them."""
    kept[key] = value
    if len(kept) > limit:
        del kept[next(iter(kept))]
