"""Kiro CLI: headers, lines and rows -> records, one row for every rule of counting and every known trap.

Kiro is closed source: facts are from its files and from what is said in the issues of kirodotdev/Kiro; the
database's are from the Amazon Q Developer CLI (aws/amazon-q-developer-cli, `crates/chat-cli/src/cli/chat`).
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from types import MappingProxyType
from typing import Any

import apsw
import pytest

from openusage.errors import SourceChanged
from openusage.providers import kiro_cli
from openusage.providers._contract import Env
from openusage.providers.kiro_cli._turns import tool_name
from openusage.wire.cursors import FileCursor
from openusage.wire.events import (
    Behaviour,
    EventKind,
    Outcome,
    QuotaReading,
    Scope,
    TokenCounts,
    UsageEvent,
)
from openusage.wire.problems import Problem
from tests.support.tools import chunks_of, remember

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
US = 1772445600_000_000
"""2026-03-02 10:00:00."""
Json = dict[str, Any]


def stamp(seconds: float) -> str:
    return (dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)).isoformat()


def turn(*messages: str, end: float = 9, spent: float = 0.1, requests: int = 1, **more: Any) -> Json:
    return {
        "message_ids": list(messages),
        "end_timestamp": stamp(end),
        "total_request_count": requests,
        "metering_usage": [{"value": spent, "unit": "credit"}],
        "input_token_count": 0,
    } | more


def header(*turns: Json, session: str = "s1", **more: Any) -> Json:
    return {
        "session_id": session,
        "cwd": "/home/ann/shop",
        "created_at": stamp(0),
        "updated_at": stamp(60),
        "session_state": {
            "rts_model_state": {
                "conversation_id": session,
                "model_info": {"model_id": "claude-sonnet-4.5", "context_window_tokens": 200_000},
            },
            "conversation_metadata": {"user_turn_metadatas": list(turns)},
        },
    } | more


def line(kind: str, message: str, *content: Json, **more: Any) -> Json:
    return {"version": "v1", "kind": kind, "data": {"message_id": message, "content": list(content)} | more}


def use(call: str, name: str, given: Json | None = None) -> Json:
    return {"kind": "toolUse", "data": {"toolUseId": call, "name": name, "input": given or {}}}


def result(call: str, status: str = "success") -> Json:
    return {"kind": "toolResult", "data": {"toolUseId": call, "status": status}}


def entry(seconds: float, kind: str, **payload: Any) -> Json:
    return {"id": f"l{seconds}", "timestamp": stamp(seconds), "payload": {"type": kind} | payload}


def summary(seconds: float, execution: str, spent: float | None, *requests: str) -> Json:
    amounts = [] if spent is None else [{"unit": "credit", "usage": spent}, {"unit": "minute", "usage": 7}]
    return entry(
        seconds,
        "usage_summary",
        executionId=execution,
        requestIds=list(requests),
        promptTurnSummaries=amounts,
    )


class Machine:
    """A home with a Kiro in it, and a store that remembers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cli = home / ".kiro/sessions/cli"
        self.cli.mkdir(parents=True)
        self.cursors: dict[str, FileCursor] = {}
        self.known: dict[bytes, UsageEvent] = {}
        self.readings: list[QuotaReading] = []
        self.problems: list[Problem] = []

    def header(self, *turns: Json, session: str = "s1", **more: Any) -> None:
        (self.cli / f"{session}.json").write_text(json.dumps(header(*turns, session=session, **more)))

    def lines(self, *lines: Json, session: str = "s1") -> None:
        with (self.cli / f"{session}.jsonl").open("a") as file:
            file.writelines(f"{json.dumps(text)}\n" for text in lines)

    def log(self, *lines: Json, session: str = "sess_1", **more: Any) -> None:
        folder = self.home / ".kiro/sessions/9f8e" / session
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "session.json").write_text(
            json.dumps({"modelId": "m", "workspace": "/home/ann/web"} | more)
        )
        with (folder / "messages.jsonl").open("a") as file:
            file.writelines(f"{json.dumps(text)}\n" for text in lines)

    def read(self) -> list[UsageEvent]:
        env = Env(home=self.home, environ=MappingProxyType({}), now=NOW)
        new: list[UsageEvent] = []
        for chunk in chunks_of(kiro_cli, env, self.cursors):
            new += [r for r in chunk.records if isinstance(r, UsageEvent)]
            self.readings += [r for r in chunk.records if isinstance(r, QuotaReading)]
            self.problems += chunk.problems
        remember(self.known, new)
        return new

    def events(self, kind: EventKind) -> list[UsageEvent]:
        return sorted((e for e in self.known.values() if e.kind is kind), key=lambda e: e.at_us)

    def credits(self) -> list[tuple[int, float]]:
        """Second of the day's test and the counter."""
        found = [r for r in self.readings if r.key == "credits"]
        assert all(
            (r.unit, r.behaviour, r.scope) == ("credits", Behaviour.COUNTER, Scope.MACHINE) for r in found
        )
        return [((r.at_us - US) // 1_000_000, round(r.used or 0, 6)) for r in found]


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine(home)


def test_a_turn_and_its_requests(machine: Machine) -> None:
    counted = {"input_token_count": 900, "output_token_count": 40, "cache_read_input_token_count": 3000}
    machine.header(turn("u1", "a1", requests=2), turn("u2", "a2", end=50, model="auto", **counted))
    machine.read()
    assert [e.at_us - US for e in machine.events(EventKind.TURN)] == [9_000_000, 50_000_000]
    first, second, third = machine.events(EventKind.MESSAGE)
    assert (first.model, first.project, first.session) == ("claude-sonnet-4.5", "shop", "s1")
    assert (first.tokens, first.cost_reported_nano) == (TokenCounts(), None)
    assert first.event_key != second.event_key
    assert (third.model, third.tokens) == ("auto", TokenCounts(900, 40, 3000))


def test_trap_nothing_is_estimated_where_no_tokens_are_told(machine: Machine) -> None:
    """A share of the context is no count, and each turn tells the whole context once more."""
    machine.header(turn("a1", context_usage_percentage=1.76))
    machine.read()
    assert {e.tokens for e in machine.known.values()} == {TokenCounts()}


def test_a_session_goes_on(machine: Machine) -> None:
    machine.header(turn("a1"))
    machine.read()
    machine.header(turn("a1"), turn("a2", end=50))
    machine.read()
    assert len(machine.events(EventKind.MESSAGE)) == 2
    assert machine.read() == []


def test_credits_are_a_counter_over_all_sessions_and_no_money(machine: Machine) -> None:
    machine.header(turn("a1", spent=0.5), turn("a2", end=4000, spent=0.25))
    machine.log(summary(100, "x1", 2.0))
    machine.read()
    assert machine.credits() == [(100, 2.5), (4000, 2.75)]
    machine.header(turn("a1", spent=0.5), turn("a2", end=4000, spent=0.25), turn("a3", end=8000, spent=1))
    machine.read()
    assert machine.credits()[2:] == [(8000, 3.75)]
    assert {e.cost_reported_nano for e in machine.known.values()} == {None}


def test_the_counter_outlives_its_sessions(machine: Machine) -> None:
    machine.header(turn("a1", spent=5))
    machine.log(summary(10, "x1", 1.0))
    machine.read()
    (machine.cli / "s1.json").unlink()
    shutil.rmtree(machine.home / ".kiro/sessions/9f8e/sess_1")
    machine.read()
    machine.header(turn("a1", spent=5))
    machine.header(turn("c1", end=9000, spent=0.5), session="new")
    machine.read()
    assert machine.credits()[-1] == (9000, 6.5)


def test_credits_that_are_found_late_do_not_turn_the_counter_back(machine: Machine) -> None:
    machine.header(turn("a1", end=9000, spent=5))
    machine.read()
    machine.header(turn("b1", end=10, spent=1), session="s2")
    machine.read()
    assert machine.credits() == [(9000, 5.0), (9000, 6.0)]


def test_the_context_of_the_newest_session(machine: Machine) -> None:
    machine.header(turn("a1"))
    state = header(turn("b1"), updated_at=stamp(99))["session_state"]
    state["rts_model_state"]["context_usage_percentage"] = 2.5
    machine.header(turn("b1"), session="s2", session_state=state, updated_at=stamp(99))
    machine.read()
    (context,) = (r for r in machine.readings if r.key == "context_window")
    assert (context.used, context.limit, context.unit) == (5000.0, 200_000.0, "tokens")


def test_calls_are_dated_by_their_turn(machine: Machine) -> None:
    machine.header(turn("u1", "a1", "t1"), turn("a2", end=50))
    edit = {"command": "str_replace", "path": "a.py", "old_str": "x", "new_str": "x\ny"}
    machine.lines(line("AssistantMessage", "a1", use("tooluse_0123456789", "fs_write", edit)))
    machine.lines(line("AssistantMessage", "a2", use("c2", "@github/search")), line("Prompt", "u9"))
    machine.read()
    machine.lines(
        line("ToolResults", "t1", result("tooluse_0123456789"), result("c2", "error"), result("zz"))
    )
    machine.read()
    found = [(e.tool, e.outcome, e.at_us - US) for e in machine.events(EventKind.TOOL)]
    assert found == [
        ("fs_write", Outcome.OK, 9_000_000),
        ("mcp__github__search", Outcome.ERROR, 50_000_000),
    ]
    (edited,) = (e for e in machine.events(EventKind.TOOL) if e.lines_added)
    assert (edited.language, edited.lines_added, edited.lines_removed) == ("python", 2, 1)


def test_a_line_with_a_time_of_its_own_has_that(machine: Machine) -> None:
    machine.lines(line("AssistantMessage", "a1", use("c1", "fs_read"), timestamp=stamp(33)))
    machine.read()
    assert [e.at_us - US for e in machine.events(EventKind.TOOL)] == [33_000_000]


def test_trap_the_last_of_two_lines_of_one_message_counts(machine: Machine) -> None:
    machine.header(turn("a1"))
    machine.lines(*[line("AssistantMessage", "a1", use("tooluse_0123456789", "fs_read"))] * 2)
    machine.read()
    assert len(machine.events(EventKind.TOOL)) == 1


def test_a_log_of_the_newer_layout(machine: Machine) -> None:
    machine.log(
        entry(0, "user", content="please do this thing"),
        entry(1, "tool_call", toolCallId="tooluse_0123456789", toolName="read_file", args={"path": "b.ts"}),
        entry(2, "assistant", content="so it is done"),
    )
    machine.read()
    assert [e.outcome for e in machine.events(EventKind.TOOL)] == [None]
    machine.log(
        entry(3, "tool_result", toolCallId="tooluse_0123456789", success=False),
        entry(4, "session_metadata", key="contextUsage", value={"usagePercentage": 3.25}),
        summary(5, "x1", 1.2, "r1", "r2"),
    )
    machine.read()
    (call,) = machine.events(EventKind.TOOL)
    assert (call.tool, call.outcome, call.language) == ("read_file", Outcome.ERROR, "typescript")
    assert [(e.model, e.project) for e in machine.events(EventKind.MESSAGE)] == [("m", "web")] * 2
    assert len(machine.events(EventKind.TURN)) == 1
    assert machine.credits() == [(5, 1.2)]
    (context,) = (r for r in machine.readings if r.key == "context_window")
    assert (context.used, context.limit, context.unit) == (3.25, 100.0, "%")


def test_trap_a_summary_replaces_an_earlier_one_of_its_execution(machine: Machine) -> None:
    """It is of the whole turn, what it started included."""
    machine.log(summary(1, "x1", 1.0, "r1"))
    machine.read()
    machine.log(summary(2, "x1", 1.5, "r1", "r2"), summary(3, "x1", 1.5, "r1", "r2"), summary(4, "x2", None))
    machine.read()
    assert machine.credits() == [(1, 1.0), (2, 1.5)]
    assert len(machine.events(EventKind.MESSAGE)) == 3, "r1, r2, and an aborted turn"


def test_trap_what_a_turn_started_is_no_usage_of_its_own(machine: Machine) -> None:
    machine.log(summary(1, "x1", 1.0, "r1"))
    inner = machine.home / ".kiro/sessions/9f8e/sess_1/sub-executions"
    inner.mkdir()
    (inner / "messages.jsonl").write_text(json.dumps(summary(1, "x9", 50.0, "r9")) + "\n")
    machine.read()
    assert machine.credits() == [(1, 1.0)]


@pytest.mark.parametrize(
    "usage",
    [
        None,
        5,
        [None, {"value": "x", "unit": "credit"}],
        [{"value": 3, "unit": "token"}],
        [{"value": -1, "unit": "credit"}],
    ],
)
def test_what_are_no_credits(machine: Machine, usage: Any) -> None:
    machine.header(turn("a1", metering_usage=usage))
    machine.read()
    assert machine.credits() == []


@pytest.mark.parametrize(
    "content", ["", "[1]", '{"session_state": 5}', '{"session_state": {"conversation_metadata": []}}']
)
def test_odd_headers_cost_only_themselves(machine: Machine, content: str) -> None:
    machine.header(turn("a1"))
    (machine.cli / "odd.json").write_text(content)
    machine.read()
    assert len(machine.events(EventKind.MESSAGE)) == 1
    machine.read()
    machine.header(turn("b1"), session="odd")
    machine.read()
    assert len(machine.events(EventKind.MESSAGE)) == 2


def test_names_of_tools() -> None:
    assert [tool_name(n) for n in ("@", "@a", "@a/", "a/b")] == ["@", "@a", "@a/", "a/b"]


# The database of before


def history(message: str, at_ms: int = US // 1000, uses: Any = (), results: Any = ()) -> Json:
    content: Json = {"Prompt": {"prompt": "please do this thing"}}
    if results:
        content = {"ToolUseResults": {"tool_use_results": list(results)}}
    answer: Json = {"ToolUse": {"tool_uses": list(uses)}} if uses else {"Response": {"content": "done"}}
    meta = {"message_id": message, "model_id": "claude-sonnet-4", "request_start_timestamp_ms": at_ms}
    return {"user": {"content": content}, "assistant": answer, "request_metadata": meta}


@pytest.fixture
def db(machine: Machine) -> apsw.Connection:
    folder = machine.home / ".local/share/amazon-q"
    folder.mkdir(parents=True)
    db = apsw.Connection(str(folder / "data.sqlite3"))
    db.pragma("synchronous", 0)
    db.execute("CREATE TABLE conversations (key TEXT PRIMARY KEY, value TEXT)")
    return db


def talk(db: apsw.Connection, *entries: Json, conversation: str = "c1") -> None:
    value = json.dumps({"conversation_id": conversation, "history": list(entries)})
    db.execute("INSERT OR REPLACE INTO conversations VALUES ('/home/ann/shop', ?)", (value,))


def test_a_conversation_in_the_database(machine: Machine, db: apsw.Connection) -> None:
    uses = [{"id": "tooluse_0123456789", "name": "execute_bash", "args": {}}]
    talk(db, history("m1", uses=uses))
    machine.read()
    talk(
        db,
        history("m1", uses=uses),
        history("m2", results=[{"tool_use_id": "tooluse_0123456789", "status": "Error"}]),
    )
    machine.read()
    assert [(e.model, e.project, e.session) for e in machine.events(EventKind.MESSAGE)] == [
        ("claude-sonnet-4", "shop", "c1")
    ] * 2
    assert [(e.tool, e.outcome) for e in machine.events(EventKind.TOOL)] == [("execute_bash", Outcome.ERROR)]
    assert len(machine.events(EventKind.TURN)) == 1
    assert machine.read() == []


def test_trap_a_conversation_that_is_in_the_files_too_counts_once(
    machine: Machine, db: apsw.Connection
) -> None:
    machine.header(turn("a1"), session="c1")
    talk(db, history("m1"))
    machine.read()
    assert len(machine.events(EventKind.MESSAGE)) == 1


def test_trap_a_new_chat_in_the_folder_overwrites_the_old_one(machine: Machine, db: apsw.Connection) -> None:
    talk(db, history("m1"))
    machine.read()
    talk(db, history("m2"), conversation="c2")
    machine.read()
    assert {e.session for e in machine.events(EventKind.MESSAGE)} == {"c1", "c2"}


def test_another_format_is_told(machine: Machine, db: apsw.Connection) -> None:
    db.execute("ALTER TABLE conversations RENAME TO talks")
    with pytest.raises(SourceChanged, match="no table `conversations`"):
        machine.read()


def test_where_it_is_looked_for(home: Path) -> None:
    for place in ("other/sessions/cli", "cli", "data"):
        (home / place).mkdir(parents=True)
    (home / "data/data.sqlite3").touch()

    def found(**environ: str) -> list[tuple[str, ...]]:
        env = Env(home=home, environ=MappingProxyType(environ), now=NOW)
        names = [(*a.roots, *a.flat_roots) for a in kiro_cli.discover(env)]
        return [tuple(n.removeprefix(f"{home}/") for n in group) for group in names]

    assert found() == []
    assert found(KIRO_HOME=f"{home}/other") == [("other/sessions", "other/sessions/cli")]
    assert found(KIRO_SESSIONS_DIR=f"{home}/cli") == [("cli",)]
    assert found(KIRO_DATA_DIR=f"{home}/data") == [("data",)]
