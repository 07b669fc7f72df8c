"""GitHub Copilot: raw lines and rows -> records, one row for every rule of counting and every known trap.

Sources: events are those of `nodejs/src/generated/session-events.ts` in github.com/github/copilot-sdk
(2026-08); telemetry is that of `docs/monitoring/agent_monitoring.md` in
github.com/microsoft/vscode-copilot-chat; logs of chats are those of `objectMutationLog.ts` and
`chatSessionOperationLog.ts` (`src/vs/workbench/contrib/chat/common/model`) in github.com/microsoft/vscode.
The store and the quota endpoint have no published form: their rows are as the tools wrote them.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import pytest
from pytest_httpserver import HTTPServer

from openusage.errors import AuthRequired, SourceUnavailable
from openusage.providers.copilot._account import gh_token
from openusage.wire.events import (
    Behaviour,
    EventKind,
    Outcome,
    QuotaReading,
    Scope,
    TokenCounts,
    UsageEvent,
    event_key,
)
from openusage.wire.identity import account_key
from tests.support import databases
from tests.support.tools import FIXTURES, NOW, Json, Machine, at, lines, us

S = "5a000000-0000-4000-8000-000000000001"
EVENTS = f".copilot/session-state/{S}/events.jsonl"
CHATS = ".config/Code/User/workspaceStorage/ab12/chatSessions"
TELEMETRY = ".copilot/otel/t.jsonl"
MODEL = "claude-sonnet-4.5"


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("copilot", home)


# Where


@pytest.mark.parametrize(
    ("environ", "files", "roots", "flat"),
    [
        ({}, [EVENTS], [".copilot/session-state"], []),
        ({}, [".copilot/config.json"], [], [".copilot"]),
        ({}, [".copilot/session-store.db", TELEMETRY], [".copilot/otel"], [".copilot"]),
        ({"COPILOT_HOME": "~/c"}, ["c/session-state/x/y", EVENTS], ["c/session-state"], []),
        ({}, [f"{CHATS}/a.json"], [CHATS], []),
        (
            {},
            [
                ".config/VSCodium/User/globalStorage/emptyWindowChatSessions/a.json",
                ".vscode-server/data/User/workspaceStorage/x/chatSessions/a.json",
                "Library/Application Support/Code/User/workspaceStorage/y/chatSessions/a.json",
            ],
            [
                ".config/VSCodium/User/globalStorage/emptyWindowChatSessions",
                "Library/Application Support/Code/User/workspaceStorage/y/chatSessions",
                ".vscode-server/data/User/workspaceStorage/x/chatSessions",
            ],
            [],
        ),
        ({"APPDATA": "~/r"}, ["r/Code/User/workspaceStorage/x/chatSessions/a.json"], None, []),
        ({}, [".config/Code/User/workspaceStorage/x/other/a.json", ".copilot/logs/a.log"], [], None),
    ],
)
def test_places_are_found_by_variable_or_default(
    home: Path, environ: dict[str, str], files: list[str], roots: list[str] | None, flat: list[str] | None
) -> None:
    machine = Machine("copilot", home, environ)
    for name in files:
        machine.write(name, "")
    if flat is None:
        assert machine.accounts == []
        return
    roots = [str(Path(files[0]).parent)] if roots is None else roots
    [account] = machine.accounts
    assert account.roots == tuple(str((home / r).resolve()) for r in roots)
    assert account.flat_roots == tuple(str((home / r).resolve()) for r in flat)


# The store


SCHEMA = [
    s
    for s in databases.statements((FIXTURES / "copilot/home/.copilot/session-store.db.sql").read_text())
    if s.startswith("CREATE")
]


class Store:
    """The database of the command line tool, open as it is while the tool runs."""

    def __init__(self, machine: Machine, schema: list[str] = SCHEMA) -> None:
        path = machine.home / ".copilot/session-store.db"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = apsw.Connection(str(path))
        self.db.pragma("journal_mode", "wal")
        for statement in schema:
            self.db.execute(statement)
        self.session(S)

    def session(self, session: str, cwd: str | None = "/home/ann/shop") -> None:
        self.db.execute("INSERT INTO sessions (id, cwd) VALUES (?, ?)", (session, cwd))

    def call(self, **columns: Any) -> None:
        row = {"session_id": S, "model": MODEL, "created_at": "2026-03-02 10:00:05"} | columns
        sql = f"INSERT INTO assistant_usage_events ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
        self.db.execute(sql, tuple(row.values()))


def test_a_row_of_the_store_is_a_call_in_disjoint_buckets(machine: Machine) -> None:
    """71282 = 4 + 35495 + 35783 was seen: both caches are inside `input_tokens`."""
    store = Store(machine)
    store.call(
        input_tokens=71282,
        cache_read_tokens=35495,
        cache_write_tokens=35783,
        output_tokens=90,
        reasoning_tokens=20,
    )
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="copilot",
            account="copilot",
            at_us=us(5),
            kind=EventKind.MESSAGE,
            event_key=event_key("copilot", "call", S, 1),
            tokens=TokenCounts(4, 70, 35495, 35783, None, 20),
            model=MODEL,
            upstream="anthropic",
            client="CLI",
            project="shop",
            session=S,
        )
    ]
    assert machine.problems == []


def test_rows_written_since_are_read_while_the_tool_runs(machine: Machine) -> None:
    store = Store(machine)
    for n in range(1, 4):
        store.call(input_tokens=n, created_at=at(n))
        machine.read()
        assert len(machine.events()) == n


@pytest.mark.parametrize(
    ("columns", "agent"),
    [
        ({}, None),
        ({"agent_id": "main"}, None),
        ({"agent_id": "a-1"}, "agent"),
        ({"parent_tool_call_id": "toolu_1"}, "agent"),
    ],
)
def test_calls_of_sub_agents_are_in_the_store(
    machine: Machine, columns: dict[str, Any], agent: str | None
) -> None:
    Store(machine).call(input_tokens=1, **columns)
    machine.read()
    assert [e.agent for e in machine.events()] == [agent]


def test_credits_are_a_unit_of_their_own_and_no_dollars(machine: Machine) -> None:
    """`totalNanoAiu`: 10^9 of it are one AI credit."""
    store = Store(machine)
    for _ in range(2):
        store.call(input_tokens=1, total_nano_aiu=1_650_000_000)
    machine.read()
    assert machine.readings["cli_ai_credits"] == QuotaReading(
        provider="copilot",
        account="copilot",
        key="cli_ai_credits",
        at_us=us(5),
        unit="credits",
        window="all-time",
        used=3.3,
        behaviour=Behaviour.COUNTER,
        scope=Scope.MACHINE,
    )
    assert [e.cost_reported_nano for e in machine.events()] == [None, None]


def test_turns_of_the_store_count_where_no_events_tell_them(machine: Machine) -> None:
    store = Store(machine)
    store.session("gone", cwd=None)
    turn = "INSERT INTO turns (session_id, turn_index, user_message, timestamp) VALUES (?, 0, 'x', ?)"
    store.db.execute(turn, (S, at(1)))
    store.db.execute(turn, ("gone", at(2)))
    machine.write(EVENTS, lines(start(0), prompt(1)))
    machine.read()
    assert [(e.session, e.at_us) for e in machine.events(EventKind.TURN)] == [(S, us(1)), ("gone", us(2))]


def test_a_store_from_before_the_table_has_sessions_and_turns_alone(machine: Machine) -> None:
    Store(machine, [s for s in SCHEMA if "assistant_usage_events" not in s])
    machine.write(EVENTS, lines(start(0), shutdown(9)))
    machine.read()
    assert [e.tokens.total for e in machine.events()] == [21480]
    assert machine.problems == []


# Events of a session


def event(seconds: float, kind: str, agent: str | None = None, **data: Any) -> Json:
    made = {"type": kind, "id": f"{kind} {seconds}", "timestamp": at(seconds), "parentId": None, "data": data}
    return made | ({"agentId": agent} if agent else {})


def start(seconds: float, kind: str = "session.start", **more: Any) -> Json:
    context = {"cwd": "/home/ann/shop", "repository": "ann/web"}
    known = {"sessionId": S, "copilotVersion": "1.0.68", "selectedModel": MODEL, "context": context}
    return event(seconds, kind, **(known | more))


def prompt(seconds: float, **more: Any) -> Json:
    return event(seconds, "user.message", content="do it", **more)


def answer(seconds: float, output: Any = 100, **more: Any) -> Json:
    return event(seconds, "assistant.message", messageId="m", content="", outputTokens=output, **more)


def metric(given: Any, output: Any, read: Any = 0, written: Any = 0, reasoning: Any = 0) -> Json:
    usage = {"inputTokens": given, "outputTokens": output, "cacheReadTokens": read}
    usage |= {"cacheWriteTokens": written, "reasoningTokens": reasoning}
    return {"requests": {"count": 4, "cost": 1}, "usage": usage}


SUM = metric(21000, 480, 15000, 2000, 80)
SUMMED = (4000, 400, 15000, 2000, 80)


def shutdown(seconds: float, requests: float = 1, metrics: Any = None) -> Json:
    metrics = {MODEL: SUM} if metrics is None else metrics
    return event(seconds, "session.shutdown", totalPremiumRequests=requests, modelMetrics=metrics)


def usage(seconds: float, **more: Any) -> Json:
    counts = {"inputTokens": 900, "outputTokens": 40, "cacheReadTokens": 700, "cacheWriteTokens": 100}
    return event(seconds, "assistant.usage", model="gpt-5.2", **(counts | more))


COUNTING: dict[str, tuple[list[Any], list[tuple[int | None, ...]]]] = {
    "2: a shutdown sums its stretch up by model": (
        [start(0), shutdown(9, metrics={MODEL: SUM, "gpt-5.2": metric(900, 40, 700)})],
        [SUMMED, (200, 40, 700, 0, 0)],
    ),
    "2: a resumed session has several, which add up": (
        [start(0), shutdown(9), start(20, "session.resume"), shutdown(29)],
        [SUMMED, SUMMED],
    ),
    "2: one told again, in a log written anew, is the same": (
        [first := start(0), sum_ := shutdown(9), first, sum_],
        [SUMMED],
    ),
    "2: a model without tokens is no usage": ([start(0), shutdown(9, metrics={"x": metric(0, 0)})], []),
    "2: a killed stretch has the output of its answers, once the next begins": (
        [start(0), answer(3), answer(4, 23), start(20, "session.resume"), shutdown(29)],
        [(None, 123, None, None, None), SUMMED],
    ),
    "2: pieces of one answer repeat its output (chunkIndex)": (
        [start(0), answer(3, chunkIndex=0), answer(3, chunkIndex=1), start(20, "session.resume")],
        [(None, 100, None, None, None)],
    ),
    "2: a shutdown tells better than the answers before it": (
        [start(0), answer(3), shutdown(9), start(20, "session.resume")],
        [SUMMED],
    ),
    "1: usage events tell call by call, and their sum does not count": (
        [start(0), usage(3, reasoningTokens=10), usage(4), shutdown(9)],
        [(100, 30, 700, 100, 10), (100, 40, 700, 100, None)],
    ),
    "1: the stretch after them counts again": (
        [start(0), usage(3), shutdown(9), start(20, "session.resume"), shutdown(29)],
        [(100, 40, 700, 100, None), SUMMED],
    ),
    "1: one call told twice has one id (apiCallId)": (
        [start(0), usage(3, apiCallId="c-1"), usage(3, apiCallId="c-1")],
        [(100, 40, 700, 100, None)],
    ),
    "3: caches cannot be more than input": (
        [start(0), shutdown(9, metrics={MODEL: metric(10, 5, 40, 8)})],
        [(0, 5, 40, 8, 0)],
    ),
    "trap: odd fields": (
        [
            start(0),
            shutdown(9, metrics={MODEL: metric("900", 40.0, None), "b": 5, "c": {"usage": []}}),
            {"type": "session.shutdown", "timestamp": at(9), "data": "x"},
            {"type": [], "data": {}},
        ],
        [(900, 40, None, 0, 0)],
    ),
    "trap: the beginning is gone": ([shutdown(9)], [SUMMED]),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    machine.write(EVENTS, lines(*written))
    machine.read()
    assert Counter(machine.counts) == Counter(expected)  # models of one shutdown have one time
    assert machine.problems == []


def test_a_sum_is_known_by_its_stretch_and_says_where_it_was(machine: Machine) -> None:
    machine.write(EVENTS, lines(begin := start(0), shutdown(9)))
    machine.read()
    [event] = machine.events()
    assert event.event_key == event_key("copilot", "stretch", S, begin["id"], MODEL)
    assert (event.at_us, event.model, event.upstream) == (us(9), MODEL, "anthropic")
    assert (event.project, event.session, event.client) == ("shop", S, "CLI")
    assert (event.estimated, event.cost_reported_nano) == (False, None)
    assert machine.facts == {"copilot_version": "1.0.68"}


def test_premium_requests_are_a_unit_of_their_own(machine: Machine) -> None:
    """`requests.cost` and `totalPremiumRequests` are multiplied requests, and no dollars."""
    machine.write(EVENTS, lines(start(0), shutdown(9, 1), start(20, "session.resume"), shutdown(29, 2.33)))
    machine.read()
    reading = machine.readings["session_premium_requests"]
    assert (reading.used, reading.unit, reading.scope) == (2.33, "premium requests", Scope.MACHINE)


def test_the_output_of_a_killed_session_is_an_estimate_after_a_day(machine: Machine) -> None:
    path = machine.write(EVENTS, lines(start(0), answer(3), answer(5, model="gpt-5.2")))
    os.utime(path, (NOW.timestamp() - 3600,) * 2)
    machine.read()
    assert machine.events() == []
    os.utime(path, (NOW.timestamp() - 90_000,) * 2)
    machine.cursors.clear()
    machine.read()
    told = {(e.model, e.tokens.output, e.estimated) for e in machine.events()}
    assert told == {(MODEL, 100, True), ("gpt-5.2", 100, True)}
    assert machine.read() == []
    with path.open("a") as file:
        file.write(lines(shutdown(9)))
    machine.read()
    by_model = {e.model: (e.tokens.total, e.estimated) for e in machine.events()}
    assert by_model == {MODEL: (21480, False), "gpt-5.2": (100, True)}


def test_a_session_that_nobody_writes_to_is_settled_without_being_read_again(machine: Machine) -> None:
    path = machine.write(EVENTS, lines(start(0), answer(3)))
    written = path.stat().st_mtime
    machine.now = NOW.fromtimestamp(written + 60, NOW.tzinfo)
    machine.read()
    assert machine.events() == []
    machine.now = NOW.fromtimestamp(written + 90_000, NOW.tzinfo)
    machine.read()
    assert [e.tokens.output for e in machine.events()] == [100]


# One session, several sources


def test_what_the_store_has_is_not_counted_from_events(machine: Machine) -> None:
    store = Store(machine)
    store.call(input_tokens=10, created_at=at(5))
    machine.write(EVENTS, lines(start(0), usage(5), shutdown(9), start(20, "session.resume"), shutdown(29)))
    machine.read()
    assert [e.tokens.total for e in machine.events()] == [10, 21480]


def test_a_killed_session_that_the_store_knows_is_no_estimate(machine: Machine) -> None:
    Store(machine).call(input_tokens=10, created_at=at(3))
    machine.write(EVENTS, lines(start(0), answer(3), start(20, "session.resume")))
    machine.read()
    assert [e.tokens.total for e in machine.events()] == [10]


def test_sessions_wait_for_a_store_that_cannot_be_read(machine: Machine) -> None:
    store = Store(machine)
    store.call(input_tokens=10, created_at=at(5))
    store.db.pragma("journal_mode", "delete")
    store.db.execute("BEGIN EXCLUSIVE")
    machine.write(EVENTS, lines(start(0), shutdown(9)))
    machine.write(f"{CHATS}/c.json", {"sessionId": "c", "requests": [request(1)]})
    machine.read()
    assert ["locked" in p.what for p in machine.problems] == [True]
    assert [e.client for e in machine.events()] == ["IDE"]
    store.db.execute("COMMIT")
    machine.read()
    assert sorted(e.tokens.total for e in machine.events()) == [10, 940]


def test_what_telemetry_tells_is_not_counted_from_events(machine: Machine) -> None:
    machine.write(TELEMETRY, lines(span(5)))
    machine.read()
    machine.write(EVENTS, lines(start(0), usage(5), shutdown(9)))
    machine.read()
    assert [e.tokens.total for e in machine.events()] == [940]


def test_a_usage_event_and_its_telemetry_are_one_call_in_any_order(machine: Machine) -> None:
    machine.write(EVENTS, lines(start(0), usage(5, apiCallId="resp_1")))
    machine.read()
    machine.write(TELEMETRY, lines(span(5, answer="resp_1")))
    machine.read()
    assert len(machine.events()) == 1


def test_what_the_store_has_is_not_counted_from_telemetry(machine: Machine) -> None:
    Store(machine).call(input_tokens=10)
    machine.write(TELEMETRY, lines(span(5), span(6, session="other", answer="resp_2")))
    machine.read()
    assert sorted(e.tokens.total for e in machine.events()) == [10, 940]


def test_a_chat_that_telemetry_tells_counts_once(machine: Machine) -> None:
    machine.write(TELEMETRY, lines(span(5, session="c")))
    machine.write(f"{CHATS}/c.json", {"sessionId": "c", "requests": [request(1)]})
    machine.read()
    assert len(machine.events()) == 1
    assert len(machine.events(EventKind.TURN)) == 1


# Turns and tools of sessions


@pytest.mark.parametrize(
    ("line", "is_turn"),
    [
        (prompt(1), True),
        (prompt(1, source="user"), True),
        (prompt(1, source="skill-pdf"), False),
        (prompt(1, isAutopilotContinuation=True), False),
        (prompt(1, parentAgentTaskId="t"), False),
        (event(1, "user.message", agent="a-1", content="look"), False),
    ],
)
def test_a_turn_is_what_a_person_wrote(machine: Machine, line: Json, is_turn: bool) -> None:
    machine.write(EVENTS, lines(start(0), line, line))
    machine.read()
    assert len(machine.events(EventKind.TURN)) == is_turn


def begin(seconds: float, name: str = "edit", **more: Any) -> Json:
    return event(seconds, "tool.execution_start", toolCallId="call_1", toolName=name, **more)


def end(seconds: float, success: Any = True, **more: Any) -> Json:
    return event(seconds, "tool.execution_complete", toolCallId="call_1", success=success, **more)


def asked(seconds: float, name: str = "edit", **more: Any) -> Json:
    call = {"toolCallId": "call_1", "name": name} | more
    return event(seconds, "assistant.message", messageId="m", content="", toolRequests=[call])


EDIT = {"path": "a.py", "old_str": "a\n", "new_str": "b\nc\n"}
TOOLS: dict[str, tuple[list[Json], tuple[Any, ...]]] = {
    "asked for, begun and ended: one call": (
        [asked(1, arguments=EDIT), begin(2, arguments=EDIT), end(3)],
        ("edit", Outcome.OK, "python", 2, 1, None),
    ),
    "asked for alone": ([asked(1)], ("edit", None, None, None, None, None)),
    "begun alone": ([begin(1, "bash", arguments={"command": "ls"})], ("bash", None, None, None, None, None)),
    "failed: nothing changed": (
        [begin(1, arguments=EDIT), end(3, False)],
        ("edit", Outcome.ERROR, "python", None, None, None),
    ),
    "rejected by the person": (
        [begin(1), end(3, False, error={"code": "rejected", "message": "no"})],
        ("edit", Outcome.ABORTED, None, None, None, None),
    ),
    "of an MCP server (mcpServerName, mcpToolName)": (
        [
            asked(1, "github-search"),
            begin(2, "github-search", mcpServerName="github", mcpToolName="search"),
            end(3),
        ],
        ("mcp__github__search", Outcome.OK, None, None, None, None),
    ),
    "of an MCP server, without its own name": (
        [begin(2, "github-search", mcpServerName="github"), end(3)],
        ("mcp__github__search", Outcome.OK, None, None, None, None),
    ),
    "of a sub-agent that was announced": (
        [
            event(1, "subagent.started", toolCallId="call_0", agentName="explore"),
            begin(2, "view", agent="a-1", parentToolCallId="call_0"),
            end(3),
        ],
        ("view", Outcome.OK, None, None, None, "explore"),
    ),
    "of a sub-agent nobody announced": (
        [event(2, "tool.execution_start", agent="a-1", toolCallId="call_1", toolName="view")],
        ("view", None, None, None, None, "agent"),
    ),
}


@pytest.mark.parametrize("rule", TOOLS)
def test_tools(machine: Machine, rule: str) -> None:
    written, expected = TOOLS[rule]
    machine.write(EVENTS, lines(start(0), *written))
    machine.read()
    [call] = machine.events(EventKind.TOOL)
    found = (call.tool, call.outcome, call.language, call.lines_added, call.lines_removed, call.agent)
    assert found == expected
    assert call.event_key == event_key("copilot", "tool", S, "call_1")


def test_the_project_goes_with_the_working_directory(machine: Machine) -> None:
    moved = event(5, "session.context_changed", cwd="/home/ann/api")
    machine.write(EVENTS, lines(start(0), prompt(1), moved, prompt(6)))
    machine.read()
    assert [e.project for e in machine.events(EventKind.TURN)] == ["shop", "api"]


# Telemetry


def span(
    seconds: float,
    name: str = "chat gpt-5.2",
    answer: str | None = "resp_1",
    session: str = S,
    trace: str = "t1",
    **more: Any,
) -> Json:
    told = {
        "gen_ai.operation.name": name.split()[0],
        "gen_ai.response.model": "gpt-5.2",
        "gen_ai.conversation.id": session,
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 700,
        "gen_ai.usage.cache_write.input_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 10,
    } | ({"gen_ai.response.id": answer} if answer else {})
    made = {"type": "span", "traceId": trace, "spanId": f"s-{seconds}", "name": name}
    return made | {"endTime": [us(seconds) // 1_000_000, 0], "attributes": told} | more


def log_of(told: Json) -> Json:
    context = {"traceId": told["traceId"], "spanId": told["spanId"]}
    return {
        "type": "log",
        "hrTime": told["endTime"],
        "spanContext": context,
        "attributes": told["attributes"],
    }


CALL = (100, 30, 700, 100, 10)
TOLD: dict[str, tuple[list[Any], list[tuple[int | None, ...]]]] = {
    "a chat span is a call": ([span(5)], [CALL]),
    "5: a span and its log are one": ([span(5), log_of(span(5))], [CALL]),
    "5: a log without its span": ([log_of(span(5))], [CALL]),
    "5: the sum of an agent whose calls were told": (
        [span(5), span(6, answer="resp_2"), span(7, "invoke_agent x", None)],
        [CALL, CALL],
    ),
    "5: the sum of an agent whose calls were not": ([span(7, "invoke_agent x", None, trace="t2")], [CALL]),
    "5: a metric is an aggregate": ([span(5, type="metric")], []),
    "without the id of an answer: trace and span": ([span(5, answer=None), span(5, answer=None)], [CALL]),
    "spans of other things": (
        [{"type": "span", "name": "execute_tool", "attributes": {}}, {"type": "span"}],
        [],
    ),
    "odd": ([span(5, endTime="soon"), span(5, attributes="x"), span(5, endTime=[])], []),
}


@pytest.mark.parametrize("rule", TOLD)
def test_telemetry(machine: Machine, rule: str) -> None:
    written, expected = TOLD[rule]
    machine.write(TELEMETRY, lines(*written))
    machine.read()
    assert machine.counts == expected


def test_a_file_named_by_a_person_is_read_wherever_it_is(machine: Machine) -> None:
    machine.environ["COPILOT_OTEL_FILE_EXPORTER_PATH"] = "~/logs/mine.jsonl"
    resource = {"attributes": {"service.name": "copilot-chat"}}
    machine.write("logs/mine.jsonl", lines(span(5, resource=resource)))
    machine.write(".copilot/config.json", {})
    machine.read()
    [event] = machine.events()
    assert (event.client, event.session, event.upstream, event.at_us) == ("IDE", S, "openai", us(5))
    assert machine.read() == []


# Chats of editors


def request(n: int, **more: Any) -> Json:
    made = {"requestId": f"request_{n}", "timestamp": us(n) // 1000, "modelId": "copilot/gpt-5.2"}
    return made | {"promptTokens": 900, "completionTokens": 40, "response": []} | more


BARE = {"promptTokens": None, "completionTokens": None}
CHANGES: dict[str, tuple[list[Json], list[tuple[str | None, int]]]] = {
    "a document inside the first line": ([{"kind": 0, "v": {"requests": [request(1)]}}], [("gpt-5.2", 940)]),
    "a request that is pushed": (
        [{"kind": 0, "v": {"requests": []}}, {"kind": 2, "k": ["requests"], "v": [request(1)]}],
        [("gpt-5.2", 940)],
    ),
    "counts that come later, with the model behind `auto`": (
        [
            {"kind": 0, "v": {"requests": [request(1, **BARE, modelId="copilot/auto")]}},
            {
                "kind": 1,
                "k": ["requests", 0, "result"],
                "v": {"metadata": {"promptTokens": 900, "outputTokens": 30, "resolvedModel": MODEL}},
            },
            {"kind": 1, "k": ["requests", 0, "completionTokens"], "v": 40},
        ],
        [(MODEL, 940)],
    ),
    "a request stored anew as a whole (Key)": (
        [
            {"kind": 0, "v": {"requests": [request(1, **BARE)]}},
            {"kind": 1, "k": ["requests", 0], "v": request(2)},
        ],
        [("gpt-5.2", 940)],
    ),
    "a list cut before it grows: what was taken out was paid": (
        [
            {"kind": 0, "v": {"requests": [request(1), request(2)]}},
            {"kind": 2, "k": ["requests"], "i": 1, "v": [request(3)]},
            {"kind": 1, "k": ["requests", 1, "completionTokens"], "v": 50},
        ],
        [("gpt-5.2", 940), ("gpt-5.2", 940), ("gpt-5.2", 950)],
    ),
    "a log that is made compact repeats all": (
        [{"kind": 0, "v": {"requests": [request(1)]}}, {"kind": 0, "v": {"requests": [request(1)]}}],
        [("gpt-5.2", 940)],
    ),
    "changes of other things, and of what is not there": (
        [
            {"kind": 0, "v": {"requests": [request(1)]}},
            {"kind": 1, "k": ["inputState", "inputText"], "v": "x"},
            {"kind": 1, "k": ["requests", 7, "promptTokens"], "v": 5},
            {"kind": 1, "k": ["requests", "x"], "v": 5},
            {"kind": 3, "k": ["requests", 0, "vote"]},
            {"kind": 1, "k": [], "v": {}},
        ],
        [("gpt-5.2", 940)],
    ),
    "without counts, as in older versions": ([{"kind": 0, "v": {"requests": [request(1, **BARE)]}}], []),
}


@pytest.mark.parametrize("rule", CHANGES)
def test_logs_of_chats(machine: Machine, rule: str) -> None:
    written, expected = CHANGES[rule]
    machine.write(f"{CHATS}/c.jsonl", lines(*written))
    machine.read()
    assert [(e.model, e.tokens.total) for e in machine.events()] == expected
    assert machine.problems == []


def test_a_chat_goes_on_from_its_cursor(machine: Machine) -> None:
    changes = CHANGES["a list cut before it grows: what was taken out was paid"][0]
    path = machine.write(f"{CHATS}/c.jsonl", "")
    for change in changes:
        with path.open("a") as file:
            file.write(lines(change))
        machine.read()
    assert [e.tokens.total for e in machine.events()] == [940, 940, 950]


def test_a_document_of_a_chat_with_its_tools(machine: Machine) -> None:
    called = {"kind": "toolInvocationSerialized", "toolCallId": "call_1", "toolId": "copilot_readFile"}
    server = {"type": "mcp", "serverLabel": "docs"}
    parts = [
        called | {"isComplete": True},
        called | {"toolCallId": "call_2", "toolId": "mcp_docs_search", "source": server},
        {"value": "text"},
    ]
    folder = {"folder": "file:///x/web%20shop"}
    machine.write(".config/Code/User/workspaceStorage/ab12/workspace.json", folder)
    chat = {"version": 3, "sessionId": "c", "requests": [request(1, response=parts)]}
    machine.write(f"{CHATS}/c.json", chat)
    machine.read()
    [event] = machine.events()
    assert (event.client, event.project, event.session, event.at_us) == ("IDE", "web shop", "c", us(1))
    assert event.event_key == event_key("copilot", "chat", "request", "request_1")
    assert {name: e.outcome for name, e in machine.tools.items()} == {
        "readFile": Outcome.OK,
        "mcp__docs__docs_search": None,
    }


# GitHub


USER = {
    "login": "ann",
    "copilot_plan": "individual_pro",
    "access_type_sku": "plus_monthly_subscriber_quota",
    "analytics_tracking_id": "track-1",
    "quota_reset_date_utc": "2026-04-01T00:00:00.000Z",
    "quota_snapshots": {
        "chat": {"entitlement": 0, "remaining": 0, "percent_remaining": 100.0, "unlimited": True},
        "completions": {"percent_remaining": 75.0, "unlimited": False},
        "premium_interactions": {
            "entitlement": 1500,
            "remaining": 1200,
            "quota_remaining": 1200.67,
            "percent_remaining": 80.0,
            "unlimited": False,
            "overage_count": 0,
        },
    },
}
RATES = {"resources": {"core": {"limit": 5000, "remaining": 4990, "used": 10, "reset": 1773144000}}}


def serve(httpserver: HTTPServer, user: Json, rates: Json = RATES) -> str:
    httpserver.expect_request("/copilot_internal/user").respond_with_json(user)
    httpserver.expect_request("/rate_limit").respond_with_json(rates)
    return httpserver.url_for("")


@pytest.fixture
def signed_in(machine: Machine) -> Machine:
    machine.write(".copilot/config.json", {"model": MODEL})
    machine.write(
        ".config/github-copilot/apps.json", {"github.com:Iv1.x": {"user": "ann", "oauth_token": "secret"}}
    )
    return machine


def test_quotas_of_a_plan(signed_in: Machine, httpserver: HTTPServer) -> None:
    signed_in.poll(serve(httpserver, USER))
    resets_at_us = 1_775_001_600_000_000
    assert signed_in.readings["premium_interactions_quota"] == QuotaReading(
        provider="copilot",
        account="copilot",
        key="premium_interactions_quota",
        at_us=round(NOW.timestamp() * 1e6),
        unit="requests",
        window="month",
        used=1500 - 1200.67,
        limit=1500.0,
        remaining=1200.67,
        resets_at_us=resets_at_us,
        behaviour=Behaviour.CAP,
        scope=Scope.ACCOUNT,
    )
    told = {k: (r.used, r.limit, r.unit, r.behaviour) for k, r in signed_in.readings.items()}
    del told["premium_interactions_quota"]
    assert told == {
        "completions_quota": (25.0, 100.0, "%", Behaviour.CAP),
        "gh_core_rpm": (10.0, 5000.0, "requests", Behaviour.GAUGE),
    }
    assert signed_in.facts == {
        "copilot_plan": "individual_pro",
        "access_type_sku": "plus_monthly_subscriber_quota",
        "account_name": "ann",
        "account_key": account_key("github", "track-1"),
    }
    assert httpserver.log[0][0].headers["Authorization"] == "token secret"
    assert "secret" not in repr(signed_in.records)


def test_quotas_of_a_free_account_have_other_names(signed_in: Machine, httpserver: HTTPServer) -> None:
    free = {
        "limited_user_quotas": {"chat": 30, "completions": 1900},
        "monthly_quotas": {"chat": 50, "completions": 2000},
        "limited_user_reset_date": "2026-03-20",
    }
    signed_in.poll(serve(httpserver, free, {}))
    told = {k: (r.used, r.limit, r.unit) for k, r in signed_in.readings.items()}
    assert told == {
        "chat_quota": (20.0, 50.0, "messages"),
        "completions_quota": (100.0, 2000.0, "completions"),
    }
    assert {r.resets_at_us for r in signed_in.readings.values()} == {1_773_964_800_000_000}


@pytest.mark.parametrize("odd", [{}, {"quota_snapshots": []}, {"quota_snapshots": {"chat": 5}, "login": 7}])
def test_odd_answers_tell_nothing(signed_in: Machine, httpserver: HTTPServer, odd: Json) -> None:
    assert signed_in.poll(serve(httpserver, odd, {"resources": []})) == []


def test_a_login_without_copilot_is_no_error(signed_in: Machine, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/copilot_internal/user").respond_with_data("", status=404)
    httpserver.expect_request("/rate_limit").respond_with_json({})
    assert signed_in.poll(httpserver.url_for("")) == []


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthRequired), (429, SourceUnavailable), (500, SourceUnavailable)]
)
def test_refusals(signed_in: Machine, httpserver: HTTPServer, status: int, error: type[Exception]) -> None:
    httpserver.expect_request("/copilot_internal/user").respond_with_data("no", status=status)
    with pytest.raises(error) as told:
        signed_in.poll(httpserver.url_for(""))
    assert "secret" not in repr(told.value)


GH = """git_protocol: https
github.com:
    users:
        ann:
    user: ann
    oauth_token: "secret"
x.example:
    oauth_token: other
"""


@pytest.mark.parametrize(
    ("environ", "files"),
    [
        ({"GH_TOKEN": "secret", "GITHUB_TOKEN": "other"}, {}),
        ({"COPILOT_GITHUB_TOKEN": "secret", "GH_TOKEN": "other"}, {}),
        ({}, {".copilot/config.json": {"copilot_tokens": {"https://github.com:ann": "secret"}}}),
        ({}, {".config/github-copilot/hosts.json": {"github.com": {"oauth_token": "secret"}}}),
        ({}, {".config/gh/hosts.yml": GH}),
        ({"XDG_CONFIG_HOME": "~/x"}, {"x/gh/hosts.yml": GH}),
    ],
)
def test_logins_are_found(
    home: Path, httpserver: HTTPServer, environ: dict[str, str], files: dict[str, Any]
) -> None:
    machine = Machine("copilot", home, environ)
    machine.write(".copilot/config.json", {})
    for name, content in files.items():
        machine.write(name, content)
    machine.poll(serve(httpserver, USER))
    assert httpserver.log[0][0].headers["Authorization"] == "token secret"


@pytest.mark.parametrize(
    "hosts",
    ["", "x.example:\n  oauth_token: a\n", "github.com:\n  user: ann\n", "github.com: {oauth_token: a}"],
)
def test_a_login_kept_elsewhere_is_none(hosts: str) -> None:
    assert gh_token(hosts) is None


def test_without_a_login_nothing_is_asked(machine: Machine, httpserver: HTTPServer) -> None:
    machine.write(".copilot/config.json", json.dumps({"copilot_tokens": [], "x": 1}))
    machine.write(".config/github-copilot/apps.json", "[]")
    machine.write(".config/github-copilot/hosts.json", {"github.com": 5, "ghe.example": {"oauth_token": "x"}})
    assert machine.poll(httpserver.url_for("")) == []
    assert httpserver.log == []


# The fixture home


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("copilot", home)
    machine.read()
    totals: dict[tuple[str | None, str | None], int] = {}
    for event in machine.events():
        totals[event.client, event.model] = totals.get((event.client, event.model), 0) + event.tokens.total
    assert totals == {
        ("CLI", MODEL): (43792 + 320) + (44300 + 80) + (21000 + 480) + (5000 + 200),
        ("CLI", "claude-haiku-4.5"): 2000 + 40,
        ("CLI", "gpt-5.2"): (900 + 40) + 77 + (900 + 40) + (1200 + 60),
        ("IDE", "gpt-5.2"): 940 + (1600 + 10) + (100 + 5),
        ("IDE", MODEL): 1500 + 90,
    }
    assert len(machine.events(EventKind.TURN)) == 13
    assert {name: (e.outcome, e.agent) for name, e in machine.tools.items()} == {
        "view": (Outcome.OK, None),
        "task": (Outcome.OK, None),
        "mcp__github__search_code": (Outcome.ABORTED, "explore"),
        "edit": (Outcome.OK, None),
        "readFile": (Outcome.OK, None),
        "mcp__docs__docs_search": (Outcome.OK, None),
        "findFiles": (None, None),
    }
    assert machine.facts == {"copilot_version": "1.0.68", "default_model": MODEL}
    assert machine.problems == []
