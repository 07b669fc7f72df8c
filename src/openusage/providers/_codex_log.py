"""Lines of one Codex rollout file -> records. Pure: what it must remember between reads is a `State`.

One message is one step of the file's cumulative counter T, never `last_token_usage`, which is repeated with
every refresh. Not covered: what a deleted parent thread replayed into a fork over more than a second.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from openusage.providers import _codex_lines as lines_of
from openusage.providers import _codex_quota as quota
from openusage.providers import _codex_tools as tools
from openusage.providers._codex_lines import BadLine, Usage
from openusage.wire.events import (
    AccountFact,
    EventKind,
    Outcome,
    QuotaReading,
    Record,
    Scope,
    TokenCounts,
    UsageEvent,
    event_key,
)

PROVIDER = quota.PROVIDER
MAX_PENDING = 64
"""Tool calls that wait for their output. Real sessions run a handful at once."""
LONG_ID = 16
"""Ids this long are the vendor's and unique; shorter ones (`call_1`) come from local models, per session."""

Total = tuple[int, int, int, int, int]
"""input, cached, cache write, output, reasoning: as Codex counts, cached and written inside input."""
ZERO: Total = (0, 0, 0, 0, 0)


class Step(msgspec.Struct, omit_defaults=True, gc=False):
    """One message, ready to be counted."""

    at_us: int
    total: Total
    used: Total
    told: tuple[bool, bool, bool]
    """Whether cached, written and reasoning tokens were reported."""
    model: str | None = None
    project: str | None = None


class Pending(msgspec.Struct, omit_defaults=True, gc=False):
    """A tool call without its output yet."""

    at_us: int
    key: bytes
    tool: str
    model: str | None = None
    project: str | None = None
    language: str | None = None
    lines_added: int | None = None
    lines_removed: int | None = None
    file_key: int | None = None


class State(msgspec.Struct, omit_defaults=True):
    """What a file's parser knows at the end of a line. Small, and stored as JSON."""

    session: str = ""
    named: bool = False
    """The first `session_meta` was seen: later ones are copies of other threads'."""
    foreign: bool = False
    """Another thread's `session_meta` was seen: its lines are replayed here."""
    birth_s: int = -1
    """Second of the first `session_meta`: a replay is stamped with it."""
    client: str | None = None
    upstream: str = "openai"
    agent: str | None = None
    project: str | None = None
    cwd: str = ""
    model: str | None = None
    turn: str = ""
    at_us: int = 0
    total: Total | None = None
    step: Total | None = None
    """The last step of T that was counted or recognised as replayed; `None` when it was not."""
    parents: list[str] = []
    """Threads whose counters may be replayed here; empty once the replay is over."""
    matched: int = 0
    """How many counters were recognised as replayed."""
    first_s: int = -1
    """Second of the first counter, while a replay is possible."""
    held: Step | None = None
    """The first counter of a thread with an unknown parent: the next one tells if it was replayed."""
    record_turn: str | None = None
    """Last turn whose responses were counted one by one, by the vendor's ids."""
    pending: dict[str, Pending] = {}


class Seen(msgspec.Struct, gc=False):
    """A session's last counter, for its totals."""

    at_us: int
    total: Total
    context: int
    window: int | None


class Sink:
    """Records of a chunk. Of figures that are replaced by newer ones only the newest is kept."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.events: list[Record] = []
        self.limits: dict[tuple[bytes, int], tuple[int, bytes]] = {}
        """Newest `rate_limits` of every shape: shapes differ in which limits and fields they hold."""
        self.seen: Seen | None = None
        self._newest: dict[tuple[type, str], QuotaReading | AccountFact] = {}

    def put(self, records: Iterable[QuotaReading | AccountFact]) -> None:
        for record in records:
            known = self._newest.get((type(record), record.key))
            if known is None or known.at_us <= record.at_us:
                self._newest[type(record), record.key] = record

    def take(self) -> list[Record]:
        """All records so far; the sink is empty afterwards."""
        for at_us, raw in self.limits.values():
            found = _decoded(raw)
            if isinstance(found, dict):
                self.put(quota.from_log(self.account, found, at_us))
        if self.seen is not None:
            self.put(_session(self.account, self.seen))
        records = [*self.events, *self._newest.values()]
        self.events, self.limits, self.seen, self._newest = [], {}, None, {}
        return records


class Parser:
    """Reads one file's lines in order, into a sink."""

    def __init__(
        self, sink: Sink, state: State, parent: Callable[[list[str]], Sequence[int]] = lambda ids: ()
    ) -> None:
        self.state = state
        self.bad: list[tuple[int, str]] = []
        """Offset in the fed lines and reason of what could not be read."""
        self.counters = array("q")
        """Hashes of the distinct counters seen, in order: what a fork of this thread begins with."""
        self._sink = sink
        self._parent = parent
        self._replay: Sequence[int] | None = None
        self._fresh: set[str] = set()
        self._lines: list[bytes] = []
        self._at = self._start = 0
        self._events: dict[bytes, Callable[[bytes], None]] = {
            b"token_co": self._counter,
            b"user_mes": self._prompt,
            b"agent_me": _nothing,
            b"agent_re": _nothing,
        }
        self._items: dict[bytes, Callable[[bytes], None]] = {
            b"reasonin": _nothing,
            b'message"': _nothing,
            b"function": self._function,
        }
        self._kinds: dict[str, Callable[[bytes], None]] = {
            "session_meta": self._meta,
            "turn_context": self._turn,
            "token_usage_record": self._response,
        }

    def feed(self, lines: list[bytes], start: int) -> None:
        """Read whole lines that begin at byte `start` of the file."""
        self._lines, self._start = lines, start
        events, items, other = self._events, self._items, self._other
        for self._at, line in enumerate(lines):
            try:
                if line.startswith(_EVENT, _AFTER_TIME):
                    events.get(line[_EVENT_KIND : _EVENT_KIND + 8], other)(line)
                elif line.startswith(_ITEM, _AFTER_TIME):
                    items.get(line[_ITEM_KIND : _ITEM_KIND + 8], other)(line)
                else:
                    other(line)
            except BadLine:
                self._cut(line)

    def flush(self) -> None:
        """Put the calls that still wait for their output into the sink; they come again with their outcome."""
        for call in self._fresh:
            self._tool(self.state.pending[call], None)
        self._fresh.clear()

    def release(self) -> None:
        """Count what was held back: the file is complete, nothing will tell more."""
        held, self.state.held = self.state.held, None
        if held is not None:
            self.state.parents = []
            self._message(held)

    def offset(self) -> int:
        """Where the line being read begins in the file."""
        return self._start + sum(map(len, self._lines[: self._at])) + self._at

    def _other(self, line: bytes) -> None:
        kind, sub = lines_of.kind_of(line)
        if kind == "event_msg":
            handler = {"token_count": self._counter, "user_message": self._prompt}.get(sub, _nothing)
            if sub == "token_usage_record":
                handler = self._response
        elif kind == "response_item":
            handler = (
                self._call if sub.endswith("_call") else self._output if sub.endswith("_output") else _nothing
            )
        else:
            handler = self._kinds.get(kind, _nothing)
        handler(line)

    def _function(self, line: bytes) -> None:
        if line.startswith(b'function_call"', _ITEM_KIND):
            self._call(line)
        else:
            self._output(line)

    def _cut(self, line: bytes) -> None:
        """A line that is no JSON: say so, and read the line that a crash left glued to its end."""
        self.bad.append((self.offset(), "not a JSON line"))
        glued = line.rfind(b'{"timestamp":"')
        if glued > 0:
            try:
                self._other(line[glued:])
            except BadLine:
                return

    def _time(self, text: str) -> int:
        """Time of a line; of one without a time, that of the line before."""
        at_us = lines_of.time_us(text)
        if at_us is None:
            return self.state.at_us
        self.state.at_us = at_us
        return at_us

    # Who and where

    def _meta(self, line: bytes) -> None:
        read = lines_of.read(line, _META)
        at_us = self._time(read.timestamp)
        st, meta = self.state, read.payload
        if st.named:
            st.foreign = True
            return
        st.named = True
        st.session = meta.id or meta.session_id or st.session
        st.birth_s = at_us // 1_000_000
        spawn = _spawn(meta.source)
        st.agent = _agent(meta)
        st.client = client_class(meta.originator or "", meta.source)
        st.upstream = meta.model_provider or "openai"
        parents = (meta.forked_from_id, spawn.get("parent_thread_id"), meta.parent_thread_id)
        st.parents = [p for p in dict.fromkeys(parents) if isinstance(p, str) and p and p != st.session]
        self._where(meta.cwd)
        if meta.cli_version and at_us:
            version = AccountFact(
                provider=PROVIDER,
                account=self._sink.account,
                key="cli_version",
                value=meta.cli_version,
                at_us=at_us,
            )
            self._sink.put([version])

    def _where(self, cwd: str | None) -> None:
        if cwd:
            self.state.cwd = cwd
            self.state.project = re.split(r"[\\/]", cwd.rstrip("\\/"))[-1] or None

    def _turn(self, line: bytes) -> None:
        read = lines_of.read(line, _TURN)
        self._time(read.timestamp)
        turn = read.payload
        self.state.model = turn.model or self.state.model
        self.state.turn = turn.turn_id or ""
        self._where(turn.cwd)

    def _prompt(self, line: bytes) -> None:
        read = lines_of.read(line, _PROMPT)
        at_us = self._time(read.timestamp)
        if read.payload.kind not in (None, "plain"):
            return  # what older versions wrote about the surroundings, in the person's name
        st = self.state
        if st.turn:
            key = turn_key(st.session, st.turn)
        elif self._replayed_now(at_us):
            return
        else:
            key = event_key(PROVIDER, "prompt", st.session, at_us)
        self._sink.events.append(
            UsageEvent(
                provider=PROVIDER,
                account=self._sink.account,
                at_us=at_us,
                kind=EventKind.TURN,
                event_key=key,
                model=st.model,
                upstream=st.upstream,
                client=st.client,
                project=st.project,
                session=st.session,
                agent=st.agent,
            )
        )

    def _replayed_now(self, at_us: int) -> bool:
        """Whether a line without an id of its own is part of a replay: stamped with the fork's second."""
        return self.state.foreign and at_us // 1_000_000 == self.state.birth_s

    # Tokens

    def _counter(self, line: bytes) -> None:
        read = lines_of.read(line, _COUNTER)
        at_us = self._time(read.timestamp)
        counter = read.payload
        info = counter.info
        if (self._count(at_us, counter, info) if info else self._replayed_now(at_us)) or not at_us:
            return
        limits = bytes(counter.rate_limits)
        if limits.startswith(b"{"):
            shape = limits[: limits.find(b'"primary"') + 12], limits.count(b"null")
            known = self._sink.limits.get(shape)
            if known is None or known[0] <= at_us:
                self._sink.limits[shape] = (at_us, limits)

    def _count(self, at_us: int, counter: lines_of.Counter, info: lines_of.Info) -> bool:
        """Count the step to this counter, if it is one. True when it was replayed from another thread."""
        st, last = self.state, info.last_token_usage
        model = _model(counter, info) or st.model
        if info.total_token_usage is None:
            if last is not None and st.total is None and (last.input_tokens or last.output_tokens):
                used = _total(last)
                key = event_key(PROVIDER, "last", st.session, at_us, *used)
                self._emit(key, Step(at_us, used, used, _told(last), model, st.project), st.session, st.agent)
            return False
        usage = info.total_token_usage
        total, before = _total(usage), st.total
        if total == before:
            return st.matched > 0 and bool(st.parents)
        st.total = total
        self.counters.append(hash(total))
        step = Step(at_us, total, _step(before, total, last), _told(usage), model, st.project)
        st.step = step.used
        if st.parents and self._replayed(step):
            return True
        if self._sink.seen is None or self._sink.seen.at_us <= at_us:
            context = last.total_tokens if last else 0
            self._sink.seen = Seen(at_us, total, context, info.model_context_window)
        if st.record_turn is not None and st.record_turn == st.turn:
            st.step = None
        else:
            self._message(step)
        return False

    def _replayed(self, step: Step) -> bool:
        """Whether a counter of a fork or sub-agent is its parent's: the longest common beginning is.

        Without the parent's file: leading counters within one second, if there are two or more.
        """
        st = self.state
        if self._replay is None:
            self._replay = self._parent(st.parents)
        theirs, second = self._replay, step.at_us // 1_000_000
        if st.first_s < 0:
            st.first_s = second
        if st.held is not None and theirs and theirs[0] == hash(st.held.total):
            st.held, st.matched = None, 1
        if st.matched < len(theirs):
            if theirs[st.matched] == hash(step.total) and st.held is None:
                st.matched += 1
                return True
        elif st.matched == 0 and st.held is None:
            st.held = step
            return True
        elif second == st.first_s:
            # The parent's file is gone or ends here, yet this is the same burst of lines.
            st.held = None
            st.matched += 1
            return True
        self.release()
        st.parents = []
        return False

    def _message(self, step: Step) -> None:
        if step.used[0] or step.used[3]:
            st = self.state
            self._emit(_step_key(st.session, step.total), step, st.session, st.agent)

    def _response(self, line: bytes) -> None:
        """One response under the vendor's own id; the counters of the same turn tell the same once more."""
        read = lines_of.read(line, _RESPONSE)
        at_us = self._time(read.timestamp)
        st, found = self.state, read.payload
        if found.usage is None:
            return
        used, session = _total(found.usage), found.thread_id or st.session
        whole = None if found.thread_token_usage is None else _total(found.thread_token_usage)
        counted = st.record_turn != st.turn and st.step is not None and (st.step == used or st.total == whole)
        st.record_turn = st.turn
        if not (used[0] or used[3]):
            return
        if counted and st.total is not None:
            key = _step_key(session, st.total)  # this response's counter came first and was counted
        elif found.response_id:
            key = event_key(PROVIDER, "response", found.response_id)
        else:
            key = event_key(PROVIDER, "response", session, at_us, *used)
        agent = st.agent if session == st.session else None
        self._emit(key, Step(at_us, used, used, _told(found.usage), st.model, st.project), session, agent)

    def _emit(self, key: bytes, step: Step, session: str, agent: str | None) -> None:
        total_in, cached, written, total_out, reasoning = step.used
        cached = min(cached, total_in)
        written = min(written, total_in - cached)
        reasoning = min(reasoning, total_out)
        told = step.told
        self._sink.events.append(
            UsageEvent(
                provider=PROVIDER,
                account=self._sink.account,
                at_us=step.at_us,
                kind=EventKind.MESSAGE,
                event_key=key,
                tokens=TokenCounts(
                    total_in - cached - written,
                    total_out - reasoning,
                    cached if told[0] else None,
                    written if told[1] else None,
                    None,
                    reasoning if told[2] else None,
                ),
                model=step.model,
                upstream=self.state.upstream,
                client=self.state.client,
                project=step.project,
                session=session,
                agent=agent,
            )
        )

    # Tools

    def _call(self, line: bytes) -> None:
        read = lines_of.read(line, _CALL)
        at_us = self._time(read.timestamp)
        st, call = self.state, read.payload
        call_id = call.call_id or call.id or ""
        if not call_id and self._replayed_now(at_us):
            return
        name = call.name or call.type.removesuffix("_call") or "unknown"
        if call.namespace or "__" in name:
            name = tools.tool_name(name, call.namespace)
        key = tool_key(st.session, call_id or f"@{self.offset()}")
        found = Pending(at_us, key, name, st.model, st.project)
        if tools.PATCH_SIGN in line:
            given = lines_of.read(line, _GIVEN).payload
            patch = tools.patch_in([given.input, given.arguments, given.action], st.cwd)
            if patch is not None:
                found.language, found.file_key = patch.language, patch.file_key
                found.lines_added, found.lines_removed = patch.lines_added, patch.lines_removed
        if not call.call_id:  # the vendor's own tools: no output of theirs is written
            web = (None, None) if call.type != "web_search_call" else tools.web_use(_action(line))
            self._tool(found, _STATUS.get(call.status or ""), web)
            return
        if len(st.pending) >= MAX_PENDING:
            oldest = next(iter(st.pending))
            if oldest in self._fresh:
                self._fresh.remove(oldest)
                self._tool(st.pending[oldest], None)
            del st.pending[oldest]
        st.pending[call_id] = found
        self._fresh.add(call_id)

    def _output(self, line: bytes) -> None:
        head = _OUTPUT_HEAD.match(line, _OUTPUT_ID) or _OUTPUT_HEAD.search(line, 0, 600)
        if head is not None and line[head.end() : head.end() + 1] in (b'"', b"["):
            call_id, value, at = head[1].decode("utf-8", "replace"), line, head.end()
        else:
            read = lines_of.read(line, _OUTPUT).payload
            call_id, value, at = read.call_id or "", bytes(read.output), 0
        call = self.state.pending.pop(call_id, None)
        if call is not None:
            self._fresh.discard(call_id)
            self._tool(call, tools.outcome(value, at))

    def _tool(
        self, call: Pending, outcome: Outcome | None, web: tuple[int | None, int | None] = (None, None)
    ) -> None:
        event = UsageEvent(
            provider=PROVIDER,
            account=self._sink.account,
            at_us=call.at_us,
            kind=EventKind.TOOL,
            event_key=call.key,
            model=call.model,
            upstream=self.state.upstream,
            client=self.state.client,
            project=call.project,
            session=self.state.session,
            agent=self.state.agent,
            tool=call.tool,
            outcome=outcome,
        )
        if call.file_key is not None:
            done = outcome is Outcome.OK  # a patch that was refused changed nothing
            event = msgspec.structs.replace(
                event,
                language=call.language,
                lines_added=call.lines_added if done else None,
                lines_removed=call.lines_removed if done else None,
                file_key=call.file_key if done else None,
            )
        if web != (None, None):
            event = msgspec.structs.replace(event, web_searches=web[0], web_fetches=web[1])
        self._sink.events.append(event)


def counters(lines: Iterable[bytes]) -> Iterator[int]:
    """Hashes of the distinct counters in a file's lines, as `Parser.counters` has them, and nothing else."""
    before: Total | None = None
    for line in lines:
        if b'"token_count"' not in line[:400]:
            continue
        try:
            info = lines_of.read(line, _COUNTER).payload.info
        except BadLine:
            continue
        if info is not None and info.total_token_usage is not None:
            total = _total(info.total_token_usage)
            if total != before:
                before = total
                yield hash(total)


def turn_key(session: str, turn: str) -> bytes:
    """Identity of a turn: its id, within its thread when the id is a mere number."""
    return (
        event_key(PROVIDER, "turn", turn)
        if len(turn) >= LONG_ID
        else event_key(PROVIDER, "turn", session, turn)
    )


def tool_key(session: str, call_id: str) -> bytes:
    """Identity of a tool call, the same in the copies that forks carry."""
    if len(call_id) >= LONG_ID and not call_id.startswith("@"):
        return event_key(PROVIDER, "tool", call_id)
    return event_key(PROVIDER, "tool", session, call_id)


def client_class(originator: str, source: object) -> str:
    """Which surface of Codex was used. The desktop app calls its source `vscode`: the originator goes first.

    >>> client_class("codex_cli_rs", "cli"), client_class("Codex Desktop", "vscode"), client_class("", {})
    ('CLI', 'Desktop App', 'Other')
    """
    for text in (originator.lower(), source.lower() if isinstance(source, str) else ""):
        for sign, name in _CLIENTS.items():
            if sign in text:
                return name
    return "Other"


# The layout Codex writes: a timestamp of 24 characters, the type, then the payload's own type.
_AFTER_TIME = len('{"timestamp":"2026-01-01T00:00:00.000Z",')
_EVENT = b'"type":"event_msg","payload":{"type":"'
_ITEM = b'"type":"response_item","payload":{"type":"'
_EVENT_KIND = _AFTER_TIME + len(_EVENT)
_ITEM_KIND = _AFTER_TIME + len(_ITEM)
_OUTPUT_ID = _ITEM_KIND + len('function_call_output",')

_CLIENTS = {
    "desktop": "Desktop App",
    "exec": "Exec",
    "vscode": "IDE",
    "jetbrains": "IDE",
    "xcode": "IDE",
    "ide": "IDE",
    "cli": "CLI",
    "tui": "CLI",
}
_STATUS = {"completed": Outcome.OK, "failed": Outcome.ERROR, "cancelled": Outcome.ABORTED}
_OUTPUT_HEAD = re.compile(rb'"call_id"\s*:\s*"([^"\\]{1,200})"\s*,\s*"output"\s*:\s*')
_COUNTER = lines_of.reader(lines_of.CounterLine)
_META = lines_of.reader(lines_of.MetaLine)
_TURN = lines_of.reader(lines_of.TurnLine)
_PROMPT = lines_of.reader(lines_of.PromptLine)
_CALL = lines_of.reader(lines_of.CallLine)
_GIVEN = lines_of.reader(lines_of.GivenLine)
_OUTPUT = lines_of.reader(lines_of.OutputLine)
_RESPONSE = lines_of.reader(lines_of.ResponseLine)


def _nothing(line: bytes) -> None:
    """A line that tells no usage."""


def _action(line: bytes) -> object:
    return lines_of.read(line, _GIVEN).payload.action


def _step_key(session: str, total: Total) -> bytes:
    return event_key(PROVIDER, f"{session}:{total[0]}:{total[3]}:{total[1]}")


def _total(usage: Usage) -> Total:
    return (
        usage.input_tokens,
        usage.cached_input_tokens or 0,
        usage.cache_write_input_tokens or 0,
        usage.output_tokens,
        usage.reasoning_output_tokens or 0,
    )


def _told(usage: Usage) -> tuple[bool, bool, bool]:
    return (
        usage.cached_input_tokens is not None,
        usage.cache_write_input_tokens is not None,
        usage.reasoning_output_tokens is not None,
    )


def _step(before: Total | None, total: Total, last: Usage | None) -> Total:
    """What was used between two counters, nothing when only a context was measured."""
    if before is not None and total[0] >= before[0] and total[3] >= before[3]:
        return (
            total[0] - before[0],
            max(0, total[1] - before[1]),
            max(0, total[2] - before[2]),
            total[3] - before[3],
            max(0, total[4] - before[4]),
        )
    if last is not None:
        used = _total(last)
        if all(u <= t for u, t in zip(used, total, strict=True)):
            return used
    return total if before is None else ZERO


def _model(counter: lines_of.Counter, info: lines_of.Info) -> str | None:
    named = counter.metadata or info.metadata
    return (
        counter.model
        or info.model
        or counter.model_name
        or info.model_name
        or (named.model if named is not None else None)
    )


def _spawn(source: object) -> dict[str, Any]:
    """`subagent.thread_spawn` of a meta's source, which may be a text."""
    kind = source.get("subagent") if isinstance(source, dict) else None
    spawn = kind.get("thread_spawn") if isinstance(kind, dict) else None
    return spawn if isinstance(spawn, dict) else {}


def _agent(meta: lines_of.Meta) -> str | None:
    """Sub-agent's role; `None` for a conversation of the person."""
    source = meta.source
    kind = source.get("subagent") if isinstance(source, dict) else None
    if kind is None:
        return meta.agent_role if meta.parent_thread_id else None
    if isinstance(kind, str):
        return kind
    role = _spawn(source).get("agent_role") or meta.agent_role
    return role if isinstance(role, str) else "subagent"


def _session(account: str, seen: Seen) -> Iterator[QuotaReading]:
    """Totals of a session as its own counter tells them, and how full its context is."""
    total_in, cached, _, total_out, reasoning = seen.total
    figures = {
        "session_input_tokens": total_in,
        "session_output_tokens": total_out,
        "session_cached_tokens": cached,
        "session_reasoning_tokens": reasoning,
        "session_total_tokens": total_in + total_out,
    }
    limits = {}
    if seen.window and seen.context:
        figures["context_window"] = seen.context
        limits["context_window"] = seen.window
    for key, used in figures.items():
        limit = limits.get(key)
        yield QuotaReading(
            provider=PROVIDER,
            account=account,
            key=key,
            at_us=seen.at_us,
            unit="tokens",
            window="session",
            used=float(used),
            limit=None if limit is None else float(limit),
            remaining=None if limit is None else float(max(0, limit - used)),
            scope=Scope.MACHINE,
        )


def _decoded(raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
