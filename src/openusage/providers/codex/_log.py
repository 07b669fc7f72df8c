"""Lines of one Codex rollout file -> records. Pure: what it must remember between reads is a `State`.

Keeps no prompt, command, output or path. Not covered: what a deleted parent thread replayed into a fork over
more than a second.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence

import msgspec

from openusage.providers._patch import PATCH_SIGN, patch_in
from openusage.providers._values import child
from openusage.providers.codex import _lines as lines_of
from openusage.providers.codex import _tools as tools
from openusage.providers.codex._counter import COUNTER, Counting, Parents, no_parents
from openusage.providers.codex._lines import BadLine
from openusage.providers.codex._state import PROVIDER, Pending, Sink, State, tool_key, turn_key
from openusage.wire.events import AccountFact, EventKind, Outcome, UsageEvent, event_key

MAX_PENDING = 64
"""Tool calls that wait for their output. Real sessions run a handful at once."""

# The layout Codex writes: a timestamp of 24 characters, the type, then the payload's own type.
_AFTER_TIME = len('{"timestamp":"2026-01-01T00:00:00.000Z",')
_EVENT = b'"type":"event_msg","payload":{"type":"'
_ITEM = b'"type":"response_item","payload":{"type":"'
_EVENT_KIND = _AFTER_TIME + len(_EVENT)
_ITEM_KIND = _AFTER_TIME + len(_ITEM)
_OUTPUT_KIND = b'function_call_output",'
_OUTPUT_ID = _ITEM_KIND + len(_OUTPUT_KIND)
_SILENT = frozenset((b"reasonin", b'message"', b"agent_me", b"agent_re"))
"""How the kinds begin that tell no usage: reasoning, messages of either side."""
_OUTPUT_HEAD = re.compile(rb'"call_id"\s*:\s*"([^"\\]{1,200})"\s*,\s*"output"\s*:\s*(?=["\[])')

_META = lines_of.reader(lines_of.MetaLine)
_TURN = lines_of.reader(lines_of.TurnLine)
_PROMPT = lines_of.reader(lines_of.PromptLine)
_CALL = lines_of.reader(lines_of.CallLine)
_GIVEN = lines_of.reader(lines_of.GivenLine)
_OUTPUT = lines_of.reader(lines_of.OutputLine)
_RESPONSE = lines_of.reader(lines_of.ResponseLine)

_STATUS = {"completed": Outcome.OK, "failed": Outcome.ERROR, "cancelled": Outcome.ABORTED}
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
"""Sign in an originator or source -> surface; the first that is found."""

Handler = Callable[[bytes], None]


class Parser:
    """Reads one file's lines in order, into a sink."""

    def __init__(self, sink: Sink, state: State, parents: Parents = no_parents) -> None:
        self.state = state
        self.bad: list[tuple[int, str]] = []
        """Offset in the file and reason of what could not be read."""
        self._sink = sink
        self._counting = Counting(sink, state, parents)
        self._offset = 0
        """Of the line being read, in the file."""
        self._starts: dict[bytes, Handler] = {
            b"token_co": self._counter,
            b"user_mes": self._prompt,
            b"function": self._call,
        }
        self._kinds: dict[str, Handler] = {
            "session_meta": self._meta,
            "turn_context": self._turn,
            "token_usage_record": self._response,
        }
        self._event_kinds: dict[str, Handler] = {
            "token_count": self._counter,
            "user_message": self._prompt,
            "token_usage_record": self._response,
        }

    @property
    def counters(self) -> Sequence[int]:
        """Distinct counters seen by this parser, as a fork's parser wants them."""
        return self._counting.seen

    def feed(self, data: bytes, start: int) -> None:
        """Read the whole lines of `data`, which begins at byte `start` of the file.

        Most bytes are of lines that tell nothing, or little: those are not even copied.
        """
        starts, other, at = self._starts, self._other, 0
        while (end := data.find(b"\n", at)) >= 0:
            if data.startswith(_ITEM, at + _AFTER_TIME):
                kind = data[at + _ITEM_KIND : at + _ITEM_KIND + 8]
            elif data.startswith(_EVENT, at + _AFTER_TIME):
                kind = data[at + _EVENT_KIND : at + _EVENT_KIND + 8]
            else:
                kind = b""
            if kind not in _SILENT:
                self._offset = start + at
                try:
                    if kind == b"function" and data.startswith(_OUTPUT_KIND, at + _ITEM_KIND):
                        self._output(data, at, end)
                    else:
                        starts.get(kind, other)(data[at:end])
                except BadLine:
                    self._cut(data[at:end])
            at = end + 1

    def flush(self) -> None:
        """Tell of the calls that still wait for their output; they come again with their outcome."""
        for call in self.state.pending.values():
            if not call.told:
                call.told = True
                self._tool(call, None)

    def release(self) -> None:
        """Count what was held back: the file is complete, nothing will tell more."""
        self._counting.release()

    def _other(self, line: bytes) -> None:
        kind, sub = lines_of.kind_of(line)
        handler: Handler | None
        if kind == "event_msg":
            handler = self._event_kinds.get(sub)
        elif kind == "response_item":
            if sub.endswith("_output"):
                self._output(line, 0, len(line))
            handler = self._call if sub.endswith("_call") else None
        else:
            handler = self._kinds.get(kind)
        if handler is not None:
            handler(line)

    def _cut(self, line: bytes) -> None:
        """A line that is no JSON: say so, and read the line that a crash left glued to its end."""
        self.bad.append((self._offset, "not a JSON line"))
        glued = line.rfind(b'{"timestamp":"')
        if glued > 0:
            try:
                self._other(line[glued:])
            except BadLine:
                return

    def _time(self, text: str) -> int:
        """Time of a line, UTC when it tells no zone; of one without a time, that of the line before."""
        try:
            at = dt.datetime.fromisoformat(text)
            at_us = round((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * 1_000_000)
        except (ValueError, OverflowError):
            return self.state.at_us
        self.state.at_us = at_us
        return at_us

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
        st.agent = _agent(meta)
        st.client = client_class(meta.originator or "", meta.source)
        st.upstream = meta.model_provider or "openai"
        spawn = child(meta.source, "subagent", "thread_spawn")
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
        if cwd and cwd != self.state.cwd:
            self.state.cwd = cwd
            self.state.project = tools.project(cwd)

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
        elif st.replayed(at_us):
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

    def _counter(self, line: bytes) -> None:
        read = lines_of.read(line, COUNTER)
        at_us = self._time(read.timestamp)
        counter = read.payload
        info = counter.info
        replayed = (
            self.state.replayed(at_us) if info is None else self._counting.counter(at_us, counter, info)
        )
        if not replayed and at_us:
            limits = bytes(counter.rate_limits)
            if limits.startswith(b"{"):
                self._sink.limits(at_us, limits)

    def _response(self, line: bytes) -> None:
        read = lines_of.read(line, _RESPONSE)
        self._counting.response(self._time(read.timestamp), read.payload)

    def _call(self, line: bytes) -> None:
        read = lines_of.read(line, _CALL)
        at_us = self._time(read.timestamp)
        st, call = self.state, read.payload
        call_id = call.call_id or call.id or ""
        if call_id in st.pending or (not call_id and st.replayed(at_us)):
            return
        name = call.name or call.type.removesuffix("_call") or "unknown"
        if call.namespace or "__" in name:
            name = tools.tool_name(name, call.namespace)
        key = (
            tool_key(st.session, call_id)
            if call_id
            else event_key(PROVIDER, "call", st.session, self._offset)
        )
        found = Pending(at_us, key, name, st.model, st.project)
        if PATCH_SIGN in line:
            _describe(found, lines_of.read(line, _GIVEN).payload, st.cwd)
        if not call.call_id:  # the vendor's own tools: no output of theirs is written
            web = None
            if call.type == "web_search_call":
                web = tools.web_use(lines_of.read(line, _GIVEN).payload.action)
            self._tool(found, _STATUS.get(call.status or ""), web)
            return
        if len(st.pending) >= MAX_PENDING:
            oldest = st.pending.pop(next(iter(st.pending)))
            if not oldest.told:
                self._tool(oldest, None)
        st.pending[call_id] = found

    def _output(self, data: bytes, at: int, end: int) -> None:
        """The line `data[at:end]` with a call's output: only its beginning and end are looked at."""
        head = _OUTPUT_HEAD.match(data, at + _OUTPUT_ID, end) or _OUTPUT_HEAD.search(
            data, at, min(at + 600, end)
        )
        if head is not None:
            call_id = head[1].decode("utf-8", "replace")
            at = head.end()
        else:
            read = lines_of.read(data[at:end], _OUTPUT).payload
            call_id, data = read.call_id or "", bytes(read.output)
            at, end = 0, len(data)
        call = self.state.pending.pop(call_id, None)
        if call is not None:
            self._tool(call, tools.outcome(data, at, end))

    def _tool(self, call: Pending, outcome: Outcome | None, web: tools.WebUse | None = None) -> None:
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
        if web is not None:
            event = msgspec.structs.replace(event, web_searches=web.searches, web_fetches=web.fetches)
        self._sink.events.append(event)


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


def _describe(call: Pending, given: lines_of.Given, cwd: str) -> None:
    patch = patch_in([given.input, given.arguments, given.action], cwd)
    if patch is not None:
        call.language, call.file_key = patch.language, patch.file_key
        call.lines_added, call.lines_removed = patch.lines_added, patch.lines_removed


def _agent(meta: lines_of.Meta) -> str | None:
    """Sub-agent's role; `None` for a conversation of the person."""
    kind = meta.source.get("subagent") if isinstance(meta.source, dict) else None
    if kind is None:
        return (meta.agent_role or "subagent") if meta.parent_thread_id else None
    if isinstance(kind, str):
        return kind or "subagent"
    role = child(meta.source, "subagent", "thread_spawn").get("agent_role") or meta.agent_role
    return role if isinstance(role, str) else "subagent"
