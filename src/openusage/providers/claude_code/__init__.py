"""Claude Code: transcripts as JSON lines in `~/.claude/projects`, its account file, its usage API.

Versions seen: 1.0 to 2.1. One event per answer of the API, tool call and prompt, however many lines and
copies tell of it. Not covered: what was deleted before we first read it (the tool's own `stats-cache.json` is
not read), the cost of a subscription, which no file tells, and limits on a Mac, whose keychain has the login.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from openusage.errors import SourceUnavailable
from openusage.providers import _jsonl, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._single import one_account
from openusage.providers.claude_code import _account, _files
from openusage.providers.claude_code._account import poll
from openusage.providers.claude_code._files import TranscriptFile
from openusage.providers.claude_code._hook import parse_hook
from openusage.providers.claude_code._parser import FindTask, Memory, Source, Transcript
from openusage.providers.claude_code._tally import PROVIDER, Tally
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account
from openusage.wire.problems import Problem

__all__ = ["SPEC", "discover", "parse_hook", "plan", "poll", "read"]

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Claude Code",
    kind=Kind.BOTH,
    default_account="claude-code",
    docs_url="https://docs.claude.com/en/docs/claude-code",
    patterns=("~/.claude/projects/**/*.jsonl", "~/.config/claude/projects/**/*.jsonl", "~/.claude.json"),
    binaries=("claude",),
    retention_hint=(
        "Claude Code deletes transcripts after 30 days; `cleanupPeriodDays` in ~/.claude/settings.json keeps "
        "them longer."
    ),
)

LONG_DAYS = 365
"""Whoever keeps transcripts so long has thought about it."""
CHUNK_BYTES = 16 << 20
CHUNK_RECORDS = 5000


def discover(env: Env) -> Iterator[Account]:
    """One account over all configuration directories, when there is a trace of the tool."""
    is_traced = any(path.is_file() for path in _account.traces(env))
    return one_account(SPEC, _files.project_roots(env), is_traced=is_traced)


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    sizes = [
        max(0, file.state.size - start)
        for file in _files.find(_roots(account, env)).files
        if (start := file.state.start(cursors.get(file.state.path))) is not None
    ]
    return Plan(files=len(sizes), bytes_to_read=sum(sizes))


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: facts of the account, then transcripts."""
    facts = _account.read_facts(account, cursors, env)
    found = _files.find(_roots(account, env), changed)
    here = {file.state.path for file in found.files}
    looked_for = cursors if changed is None else [path for path in changed if path in cursors]
    gone = [path for path in looked_for if path not in here and _walk.is_gone(path)]
    first = msgspec.structs.replace(facts, gone=gone, problems=facts.problems + found.problems)
    if first != Chunk():
        yield first
    yield from _Pass(account, cursors).run(found.files)


def advise(env: Env) -> Iterator[str]:
    """How soon transcripts are deleted, where that is soon."""
    days = _account.cleanup_days(env)
    if days < LONG_DAYS:
        yield (
            f"it deletes transcripts after {days} days; what was read stays here. To keep them longer set "
            "`cleanupPeriodDays` in ~/.claude/settings.json"
        )


def _roots(account: Account, env: Env) -> list[str]:
    return list(account.roots) or _files.project_roots(env)


class _Pass:
    """One reading of all changed files, collected into chunks across file borders."""

    def __init__(self, account: Account, cursors: Cursors) -> None:
        self._account = account
        self._old = cursors
        self._memories: dict[str, Memory] = {}
        """Of main conversations read in this pass."""
        self._reset()

    def _reset(self) -> None:
        self._tally = Tally(self._account.id)
        self._cursors: dict[str, FileCursor] = {}
        self._bytes = 0

    def run(self, files: list[TranscriptFile]) -> Iterator[Chunk]:
        for file in files:
            start = file.state.start(self._old.get(file.state.path))
            if start is not None:
                yield from self._file(file, start)
        if self._cursors or self._tally.problems:
            yield self._chunk()

    def _file(self, file: TranscriptFile, start: int) -> Iterator[Chunk]:
        path, memory = file.state.path, Memory()
        if start:
            memory = _memory(self._old.get(path))
            if not _jsonl.is_continued(path, start, memory.mark):
                start, memory = 0, Memory()
        transcript = Transcript(self._source(file), memory, self._finder(file))
        if not file.is_agent:
            self._memories[path] = memory
        offset, whole = start, True
        try:
            for block in _jsonl.blocks(path, start):
                transcript.feed(block, self._tally)
                self._bytes += block.end - offset
                offset = block.end
                if self._bytes >= CHUNK_BYTES or len(self._tally) >= CHUNK_RECORDS:
                    self._cursors[path] = file.state.cursor(offset, _state(memory), whole=False)
                    yield self._chunk()
        except SourceUnavailable as e:
            whole = False
            self._tally.problems.append(Problem.of(e, path, offset))
        transcript.close(self._tally)
        if whole or offset > start:
            self._cursors[path] = file.state.cursor(offset, _state(memory), whole=whole)

    def _chunk(self) -> Chunk:
        chunk = Chunk(
            records=self._tally.records(),
            cursors=list(self._cursors.values()),
            problems=self._tally.problems,
            bytes_read=self._bytes,
        )
        self._reset()
        return chunk

    def _source(self, file: TranscriptFile) -> Source:
        return Source(
            path=file.state.path,
            session=file.session,
            project=file.slug,
            is_agent=file.is_agent,
            agent=_account.agent_type(file.meta_path) if file.is_agent else None,
        )

    def _finder(self, file: TranscriptFile) -> FindTask:
        def find_task(session: str, key: str) -> str | None:
            path = file.parent_path(session)
            memory = self._memories.get(path) or _memory(self._old.get(path))
            return memory.tasks.get(key)

        return find_task


def _state(memory: Memory) -> bytes:
    return msgspec.json.encode(memory)


def _memory(cursor: FileCursor | None) -> Memory:
    """What a cursor remembers; nothing, when it was written by another version of this program."""
    if cursor is None or not cursor.state:
        return Memory()
    try:
        return msgspec.json.decode(cursor.state, type=Memory)
    except msgspec.MsgspecError:
        return Memory()
