"""Answers, tool calls and turns of Claude Code while they are counted: each once, whatever copies exist.

The tool writes one answer of the API as several lines, each repeating `message.id` and the whole usage with
a growing output; it copies lines into resumed sessions and replays them into side files. So nothing is
counted by line. `Tally` folds what belongs together exactly as `wire.events.merge` would (field-wise
maximum; time, session and agent from the line of the greatest usage) and makes the events at the end.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TypeAlias

import msgspec

from openusage.providers.claude_code import _lines as lines
from openusage.providers.claude_code._tools import Touch
from openusage.wire.events import (
    EventKind,
    Outcome,
    Record,
    TokenCounts,
    UsageEvent,
    event_key,
    larger,
    merge_counts,
)
from openusage.wire.problems import Problem

PROVIDER = "claude_code"

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)

_BEDROCK, _VERTEX = "msg_bdrk_", "msg_vrtx_"
_UNIQUE_IDS = (_BEDROCK, _VERTEX)

_OUTCOME_RANK = {None: 0, Outcome.OK: -1, Outcome.ABORTED: -2, Outcome.ERROR: -3}

Key: TypeAlias = tuple[object, ...]


class Call(msgspec.Struct, array_like=True, gc=False):
    """A tool call (or a turn, which has no tool), enough to tell it again when its outcome is known."""

    at_us: int
    tool: str
    session: str
    project: str
    agent: str | None
    client: str
    language: str | None = None
    lines_added: int | None = None
    lines_removed: int | None = None
    file_key: int | None = None
    outcome: Outcome | None = None


class Where(msgspec.Struct, gc=False):
    """What a line says of when, where and by whom."""

    at_us: int
    session: str
    project: str
    agent: str | None
    client: str


def call_of(where: Where, tool: str, touch: Touch, outcome: Outcome | None = None) -> Call:
    """A tool call that did `touch`."""
    return Call(
        where.at_us,
        tool,
        where.session,
        where.project,
        where.agent,
        where.client,
        touch.language,
        touch.lines_added,
        touch.lines_removed,
        touch.file_key,
        outcome,
    )


class Answer(msgspec.Struct, gc=False):
    """What is known of one answer: the greatest counts, and the description by the line that carried most."""

    total: int
    """Of the line that carried most."""
    where: Where
    model: str | None
    tokens: TokenCounts
    web_searches: int | None
    web_fetches: int | None
    cost_nano: int | None


class Tally:
    """Everything found in some lines of any number of files, each event once."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._answers: dict[Key, Answer] = {}
        self._repeated: dict[Key, tuple[Answer, Answer]] = {}
        """Answers that two sessions have, as the first two of them tell it."""
        self._calls: dict[str, Call] = {}
        self._turns: dict[str, Call] = {}
        self.problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self._answers) + len(self._calls) + len(self._turns)

    def answer(self, key: Key, new: Answer) -> None:
        old = self._answers.setdefault(key, new)
        if old is not new:
            if old.where.session != new.where.session:
                self._repeated.setdefault(key, (old, new))
            self._answers[key] = _fold(old, new)

    def call(self, tool_use_id: str, new: Call) -> None:
        old = self._calls.setdefault(tool_use_id, new)
        if old is not new:
            self._calls[tool_use_id] = better(old, new)

    def turn(self, uuid: str, new: Call) -> None:
        old = self._turns.setdefault(uuid, new)
        if old is not new:
            self._turns[uuid] = better(old, new)

    def records(self) -> list[Record]:
        """All of it as events: one each, and a second one of an answer that a resumed session repeats, so
        that the store can tell how many those are."""
        made: list[Record] = [self._message(key, answer) for key, answer in self._answers.items()]
        for key, (a, b) in self._repeated.items():
            is_kept = a.where.session == self._answers[key].where.session
            made.append(self._message(key, b if is_kept else a))
        made += [self._tool(tool_use_id, call) for tool_use_id, call in self._calls.items()]
        made += [self._turn(uuid, turn) for uuid, turn in self._turns.items()]
        return made

    def _message(self, key: Key, a: Answer) -> UsageEvent:
        where = a.where
        return UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=where.at_us,
            kind=EventKind.MESSAGE,
            event_key=event_key(PROVIDER, *key),
            tokens=a.tokens,
            model=a.model,
            upstream=upstream_of(str(key[1]), a.model),
            client=where.client or None,
            project=where.project,
            session=where.session,
            agent=where.agent,
            web_searches=a.web_searches,
            web_fetches=a.web_fetches,
            cost_reported_nano=a.cost_nano,
            carried=None if a.total == a.tokens.total else a.total,
        )

    def _tool(self, tool_use_id: str, c: Call) -> UsageEvent:
        return UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=c.at_us,
            kind=EventKind.TOOL,
            event_key=event_key(PROVIDER, "tool", tool_use_id),
            client=c.client or None,
            project=c.project,
            session=c.session,
            agent=c.agent,
            tool=c.tool,
            outcome=c.outcome,
            language=c.language,
            lines_added=c.lines_added,
            lines_removed=c.lines_removed,
            file_key=c.file_key,
        )

    def _turn(self, uuid: str, c: Call) -> UsageEvent:
        return UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=c.at_us,
            kind=EventKind.TURN,
            event_key=event_key(PROVIDER, "turn", uuid),
            client=c.client or None,
            project=c.project,
            session=c.session,
        )


def answer_of(line: lines.Line, message: lines.Message, usage: lines.Usage, where: Where) -> Answer | None:
    """The figures of one line; `None` when it has none."""
    split, tools = usage.cache_creation, usage.server_tool_use
    write_5m = write_1h = None
    if split is not None:
        write_5m, write_1h = split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens
    if write_5m is None and write_1h is None:
        write_5m = usage.cache_creation_input_tokens
    given, made, read = usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens
    total = (given or 0) + (made or 0) + (read or 0) + (write_5m or 0) + (write_1h or 0)
    if not total and given is None and made is None:
        return None
    model, cost = message.model, line.costUSD
    if model is not None and usage.speed == "fast" and not model.endswith("-fast"):
        model += "-fast"
    return Answer(
        total,
        where,
        model,
        TokenCounts(given, made, read, write_5m, write_1h),
        None if tools is None else tools.web_search_requests,
        None if tools is None else tools.web_fetch_requests,
        None if not cost or not 0 < cost < 1e6 else round(cost * 1e9),
    )


def key_of(line: lines.Line, message: lines.Message, a: Answer) -> Key:
    """Identity of an answer, the same in every copy of it.

    With a request id the message id alone: side questions replay it under new request ids. Bedrock and
    Vertex send no request id, but their message ids are unique. Else a gateway may have given every answer
    the same message id, and what was read of the prompt tells them apart.
    """
    if message.id and (line.requestId or message.id.startswith(_UNIQUE_IDS)):
        return ("message", message.id)
    if message.id:
        t = a.tokens
        written = (t.cache_write_5m or 0) + (t.cache_write_1h or 0)
        return ("message", message.id, t.input or 0, t.cache_read or 0, written)
    if line.uuid:
        return ("line", line.uuid)
    return ("print", a.where.session, a.where.at_us, a.model, *msgspec.structs.astuple(a.tokens))


def _fold(a: Answer, b: Answer) -> Answer:
    """One answer out of two lines of it: `wire.events.merge` on what we know of it."""
    if a.total == b.total:
        first, other = (a, b) if _answer_rank(a) <= _answer_rank(b) else (b, a)
    else:
        first, other = (a, b) if a.total > b.total else (b, a)
    first.tokens = merge_counts(first.tokens, other.tokens)
    first.web_searches = larger(first.web_searches, other.web_searches)
    first.web_fetches = larger(first.web_fetches, other.web_fetches)
    first.cost_nano = larger(first.cost_nano, other.cost_nano)
    return first


def _answer_rank(a: Answer) -> tuple[object, ...]:
    where = a.where
    return (where.at_us, where.session, where.project, where.agent or "", a.model or "", where.client)


def better(a: Call, b: Call) -> Call:
    """One call (or turn) out of two tellings of it, by the same rule. Neither is changed."""
    first, other = (a, b) if _call_rank(a) <= _call_rank(b) else (b, a)
    added = larger(first.lines_added, other.lines_added)
    removed = larger(first.lines_removed, other.lines_removed)
    if added == first.lines_added and removed == first.lines_removed:
        return first
    return msgspec.structs.replace(first, lines_added=added, lines_removed=removed)


def _call_rank(c: Call) -> tuple[object, ...]:
    return (
        _OUTCOME_RANK[c.outcome],
        c.at_us,
        c.session,
        c.project,
        c.agent or "",
        c.client,
        c.tool,
        c.language or "",
        c.file_key or 0,
    )


def microseconds(time: dt.datetime) -> int:
    """UTC microseconds since 1970 of an aware time."""
    return (time - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=1024)
def project_of(cwd: str | None) -> str:
    """Last part of a working directory of any system, "" when there is none."""
    if not cwd:
        return ""
    return (cwd if "/" in cwd else cwd.replace("\\", "/")).rstrip("/").rpartition("/")[2]


def upstream_of(message_id: str, model: str | None) -> str | None:
    """Who answered; `None` for a model that is not Anthropic's, behind a gateway that does not say."""
    if message_id.startswith(_BEDROCK):
        return "bedrock"
    if message_id.startswith(_VERTEX):
        return "vertex"
    return _upstream_by_model(model)


@lru_cache(maxsize=256)
def _upstream_by_model(model: str | None) -> str | None:
    if model is None:
        return "anthropic"
    if "anthropic.claude" in model or model.startswith("arn:aws:"):
        return "bedrock"
    if "@" in model:
        return "vertex"
    return "anthropic" if "claude" in model else None
