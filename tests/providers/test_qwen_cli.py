"""Qwen Code: raw lines -> records, one row for every rule of counting and every known trap.

What a row says of the format is from the tool's own source (github.com/QwenLM/qwen-code, 2026-08:
`ChatRecord` in `packages/core/src/services/chatRecordingService.ts`), or from what it wrote.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from openusage.wire.events import (
    EventKind,
    Outcome,
    QuotaReading,
    Scope,
    TokenCounts,
    UsageEvent,
    event_key,
)
from tests.support.tools import NOW, Json, Machine, at, lines, us

S, B = "5b6c0000-0000-4000-8000-000000000001", "5b6c0000-0000-4000-8000-000000000002"
CHATS = ".qwen/projects/-home-ann-shop/chats"
RECORD = ".qwen/usage_record.jsonl"
MODEL = "qwen3-coder-plus"
ID = "0a000000-0000-4000-8000-00000000000"


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("qwen_cli", home)


def record(seconds: float, kind: str, n: int = 1, **more: Any) -> Json:
    made = {"uuid": f"{ID}{n}", "sessionId": S, "timestamp": at(seconds), "type": kind}
    return made | {"cwd": "/home/ann/shop"} | more


def use(given: Any, output: Any, thoughts: Any = 0, total: Any = None, cached: Any = 0) -> Json:
    return {
        "promptTokenCount": given,
        "candidatesTokenCount": output,
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": total,
        "cachedContentTokenCount": cached,
    }


USE = use(13472, 101, 24, 13573, 9000)
COUNTS = (4472, 77, 9000, None, 24)


def answer(seconds: float, n: int = 1, used: Any = USE, *calls: Json, **more: Any) -> Json:
    parts = [{"functionCall": call} for call in calls]
    made = record(seconds, "assistant", n, model=MODEL, usageMetadata=used)
    return made | {"message": {"role": "model", "parts": parts}} | more


def prompt(seconds: float, n: int = 9, **more: Any) -> Json:
    return record(seconds, "user", n, message={"role": "user", "parts": [{"text": "do it"}]}) | more


def telemetry(seconds: float, name: str, **told: Any) -> Json:
    event = {"event.name": f"qwen-code.{name}"} | told
    return record(seconds, "system", 8, subtype="ui_telemetry", systemPayload={"uiEvent": event})


def response(seconds: float) -> Json:
    return telemetry(
        seconds,
        "api_response",
        response_id=f"chatcmpl-{seconds}",
        model=MODEL,
        input_token_count=13472,
        output_token_count=101,
        cached_content_token_count=9000,
        thoughts_token_count=24,
        total_token_count=13573,
    )


# Where


@pytest.mark.parametrize(
    ("environ", "files", "roots", "flat"),
    [
        ({}, [f"{CHATS}/a.jsonl"], [".qwen/projects"], []),
        ({}, [".qwen/tmp/aa/chats/session-a.json"], [".qwen/tmp"], []),
        ({}, [RECORD], [], [".qwen"]),
        ({"QWEN_HOME": "~/q"}, ["q/projects/p/chats/a.jsonl"], ["q/projects"], []),
        (  # `packages/core/src/config/storage.ts`: chats go there, settings and the record of usage do not
            {"QWEN_RUNTIME_DIR": "~/q"},
            ["q/projects/p/chats/a.jsonl", f"{CHATS}/b.jsonl", RECORD],
            ["q/projects", ".qwen/projects"],
            [".qwen"],
        ),
        (
            {"QWEN_DATA_DIR": "~/q,~/r"},
            ["q/projects/a/x", "r/projects/a/x"],
            ["q/projects", "r/projects"],
            [],
        ),
        ({}, [".qwen/other"], None, None),
    ],
)
def test_homes_are_found_by_variable_or_default(
    home: Path,
    environ: dict[str, str],
    files: list[str],
    roots: list[str] | None,
    flat: list[str] | None,
) -> None:
    machine = Machine("qwen_cli", home, environ)
    for name in files:
        machine.write(name, "")
    found = [(a.roots, a.flat_roots) for a in machine.accounts]
    expected = [tuple(tuple(str((home / d).resolve()) for d in dirs or ()) for dirs in (roots, flat))]
    assert found == ([] if roots is None else expected)


# Counting


def test_an_answer_is_a_message_in_disjoint_buckets(machine: Machine) -> None:
    machine.write(f"{CHATS}/{S}.jsonl", lines(answer(5)))
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="qwen_cli",
            account="qwen_cli",
            at_us=us(5),
            kind=EventKind.MESSAGE,
            event_key=event_key("qwen_cli", "message", f"{ID}1"),
            tokens=TokenCounts(input=4472, output=77, cache_read=9000, reasoning=24),
            model=MODEL,
            upstream="qwen",
            client="CLI",
            project="shop",
            session=S,
        )
    ]
    assert machine.problems == []


COUNTING: dict[str, tuple[list[Any], list[tuple[int | None, ...]]]] = {
    "1: telemetry repeats what the answer said": ([answer(5), response(5), response(9)], [COUNTS]),
    "2: cached is inside the prompt": ([answer(5, used=use(100, 7, 0, 107, 40))], [(60, 7, 40, None, 0)]),
    "3: thoughts inside the answer, by the total": (
        [answer(5, used=use(100, 50, 30, 150))],
        [(100, 20, 0, None, 30)],
    ),
    "3: thoughts beside the answer, by the total": (
        [answer(5, used=use(100, 50, 30, 180))],
        [(100, 50, 0, None, 30)],
    ),
    "3: no total: inside, as behind OpenAI's interface": (
        [answer(5, used=use(100, 50, 30))],
        [(100, 20, 0, None, 30)],
    ),
    "3: more thoughts than answer cannot be inside": (
        [answer(5, used=use(100, 5, 30))],
        [(100, 5, 0, None, 30)],
    ),
    "8: other records, and what a compression counted, are no usage": (
        [
            prompt(1),
            record(2, "system", 2, subtype="chat_compression", systemPayload={"info": {"x": 1}}),
            record(3, "tool_result", 3, usageMetadata=USE),
        ],
        [],
    ),
    "trap: an answer that was broken off says nothing": ([answer(5, used=None), answer(6, 2, {})], []),
    "trap: numbers as texts, other fields odd": (
        [answer(5, used=use("100", 7.0, None, [], "40")) | {"message": "x", "model": None}],
        [(60, 7, 40, None, None)],
    ),
    "trap: no id": ([answer(5) | {"uuid": None}, answer(5) | {"uuid": None}], [COUNTS]),
    "trap: no time": ([answer(5) | {"timestamp": None}], []),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    machine.write(f"{CHATS}/{S}.jsonl", lines(*written))
    machine.read()
    assert machine.counts == expected


def test_a_branched_session_repeats_records_under_their_ids(machine: Machine) -> None:
    """`/branch` copies each message verbatim except for `sessionId` (`forkedFrom`)."""
    copied = [prompt(1), answer(5, 1, USE, {"id": "call_1", "name": "edit", "args": {}})]
    machine.write(f"{CHATS}/{S}.jsonl", lines(*copied))
    branched = (c | {"sessionId": B} for c in [*copied, answer(9, 2)])
    machine.write(f"{CHATS}/{B}.jsonl", lines(*branched))
    machine.read()
    assert [len(machine.events(kind)) for kind in EventKind] == [2, 1, 1]
    assert [e.session for e in machine.events()] == [S, B]


def test_telemetry_counts_for_a_chat_in_which_no_answer_does(machine: Machine) -> None:
    path = machine.write(f"{CHATS}/{S}.jsonl", lines(answer(5, used=None), response(5), response(6)))
    written = path.stat().st_mtime
    machine.now = NOW.fromtimestamp(written + 60, NOW.tzinfo)
    machine.read()
    assert machine.events() == []
    machine.now = NOW.fromtimestamp(written + 90_000, NOW.tzinfo)
    machine.read()
    assert machine.counts == [COUNTS, COUNTS]
    assert machine.read() == []


def test_a_sub_agent_is_told_by_its_records(machine: Machine) -> None:
    """`agentId`, `agentName`, `isSidechain`; its prompts are not a person's."""
    side: Json = {"isSidechain": True, "agentId": "explore-7f3c"}
    machine.write(
        f".qwen/projects/-home-ann-shop/subagents/{S}/agent-explore-7f3c.jsonl",
        lines(prompt(1, **side), answer(2, 1, **side, agentName="Explore"), answer(3, 2, **side)),
    )
    machine.read()
    assert [e.agent for e in machine.events()] == ["Explore", "agent"]
    assert machine.events(EventKind.TURN) == []


@pytest.mark.parametrize(
    ("model", "upstream"),
    [("coder-model", "qwen"), ("claude-sonnet-4.5", "anthropic"), ("my-own", "qwen"), (None, "qwen")],
)
def test_whoever_answered_is_told_by_the_model(machine: Machine, model: str | None, upstream: str) -> None:
    machine.write(f"{CHATS}/{S}.jsonl", lines(answer(1, model=model)))
    machine.read()
    assert [(e.model, e.upstream) for e in machine.events()] == [(model, upstream)]


def test_the_project_is_the_working_directory_else_the_folder(machine: Machine) -> None:
    machine.write(f"{CHATS}/{S}.jsonl", lines(answer(1), answer(2, 2) | {"cwd": None}))
    machine.read()
    assert [e.project for e in machine.events()] == ["shop", "-home-ann-shop"]


def test_how_full_the_context_is(machine: Machine) -> None:
    machine.write(f"{CHATS}/{S}.jsonl", lines(answer(5, contextWindowSize=1_000_000), answer(1, 2)))
    machine.read()
    assert machine.readings["context_window"] == QuotaReading(
        provider="qwen_cli",
        account="qwen_cli",
        key="context_window",
        at_us=us(5),
        unit="tokens",
        window="session",
        used=13472.0,
        limit=1_000_000.0,
        remaining=986_528.0,
        scope=Scope.MACHINE,
    )


# Turns and tools


@pytest.mark.parametrize(
    ("line", "is_turn"),
    [
        (prompt(1), True),
        (prompt(1, provenance="real_user"), True),
        (prompt(1, subtype="mid_turn_user_message"), True),
        (prompt(1, subtype="notification", provenance="system"), False),
        (prompt(1, subtype="cron"), False),
        (prompt(1, provenance="goal_runtime"), False),
        (prompt(1, message={"parts": [{"functionResponse": {"id": "c"}}]}), False),
    ],
)
def test_a_turn_is_what_a_person_wrote(machine: Machine, line: Json, is_turn: bool) -> None:
    machine.write(f"{CHATS}/{S}.jsonl", lines(line, line))
    machine.read()
    assert len(machine.events(EventKind.TURN)) == is_turn


EDIT = {"file_path": "a.py", "old_string": "x\n", "new_string": "y\nz\n"}


def result(call_id: str, status: Any = None, answered: Any = None) -> Json:
    parts = [{"functionResponse": {"id": call_id, "name": "n", "response": answered or {"output": "ok"}}}]
    told = {"toolCallResult": {"callId": call_id, "status": status}} if status else {}
    return record(7, "tool_result", 7, message={"role": "user", "parts": parts}) | told


TOOLS: dict[str, tuple[list[Any], tuple[Any, ...]]] = {
    "an edit": ([result("c", "success")], (Outcome.OK, "python", 2, 1)),
    "an edit that failed changed nothing": (
        [result("c", "error")],
        (Outcome.ERROR, "python", None, None),
    ),
    "an edit that was cancelled": ([result("c", "cancelled")], (Outcome.ABORTED, "python", None, None)),
    "by the response alone": ([result("c")], (Outcome.OK, "python", 2, 1)),
    "by an error in the response alone": (
        [result("c", None, {"error": "no"})],
        (Outcome.ERROR, "python", None, None),
    ),
    "by telemetry": (
        [telemetry(8, "tool_call", call_id="c", function_name="edit", status="success")],
        (Outcome.OK, "python", 2, 1),
    ),
    "not over": ([result("other", "success")], (None, "python", None, None)),
}


@pytest.mark.parametrize("rule", TOOLS)
def test_tools(machine: Machine, rule: str) -> None:
    ends, expected = TOOLS[rule]
    call = {"id": "c", "name": "edit", "args": EDIT}
    machine.write(f"{CHATS}/{S}.jsonl", lines(answer(5, 1, USE, call), *ends))
    machine.read()
    [event] = machine.events(EventKind.TOOL)
    assert (event.outcome, event.language, event.lines_added, event.lines_removed) == expected
    assert (event.tool, event.at_us, event.model) == ("edit", us(5), MODEL)


def test_ids_that_are_counted_anew_in_every_session_are_no_identity(machine: Machine) -> None:
    call = {"id": "call_1", "name": "web_search", "args": {}}
    machine.write(f"{CHATS}/{S}.jsonl", lines(answer(1, 1, USE, call), answer(2, 2, USE, call)))
    machine.write(f"{CHATS}/{B}.jsonl", lines(answer(3, 3, USE, call | {"id": None})))
    machine.read()
    assert [e.web_searches for e in machine.events(EventKind.TOOL)] == [1, 1, 1]


# Ended sessions


def summary(session: str, **more: Any) -> Json:
    sums = {"requests": 3, "inputTokens": 5000, "outputTokens": 300, "cachedTokens": 4000}
    sums |= {"thoughtsTokens": 20, "totalTokens": 5300}
    made = {"version": 1, "sessionId": session, "timestamp": us(60) // 1000, "project": "/home/ann/api"}
    return made | {"models": {MODEL: sums}} | more


def test_an_ended_session_counts_when_its_chat_is_gone(machine: Machine) -> None:
    machine.write(RECORD, lines(summary(B), summary(B), "junk", summary("x", models=5)))
    machine.read()
    assert machine.counts == [(1000, 280, 4000, None, 20)]
    [event] = machine.events()
    assert (event.at_us, event.project, event.session, event.model) == (us(60), "api", B, MODEL)


def test_an_ended_session_whose_chat_is_there_counts_once(machine: Machine) -> None:
    machine.write(f"{CHATS}/{S}.jsonl", lines(answer(5)))
    machine.write(RECORD, lines(summary(S)))
    machine.read()
    assert machine.counts == [COUNTS]


@pytest.mark.parametrize("woken", [False, True])
def test_a_chat_that_was_read_before_it_went_counts_once(machine: Machine, woken: bool) -> None:
    """`persistUsageBeforeTranscriptDeletion` writes the summary a moment before the chat is deleted."""
    chat = machine.write(f"{CHATS}/{S}.jsonl", lines(answer(5)))
    machine.read()
    machine.write(RECORD, lines(summary(S)))
    chat.unlink()
    if woken:
        [account] = machine.accounts
        for chunk in machine.tool.read(account, dict(machine.cursors), machine.env(), changed={str(chat)}):
            machine.records += chunk.records
            machine.cursors.update((c.path, c) for c in chunk.cursors)
            for path in chunk.gone:
                del machine.cursors[path]
        assert str(chat) not in machine.cursors
    machine.read()
    machine.read()
    assert machine.counts == [COUNTS]


# The first versions


def test_documents_of_the_first_versions(machine: Machine) -> None:
    """Gemini CLI's layout; an answer's `type` is `gemini`, later `qwen`."""
    told = {"input": 800, "output": 20, "cached": 300, "thoughts": 5, "tool": 0, "total": 825}
    messages = [
        {"id": f"{ID}{n}", "timestamp": at(n), "type": kind, "model": MODEL, "tokens": told}
        for n, kind in enumerate(("gemini", "qwen", "user"))
    ]
    machine.write(".qwen/tmp/aa11/chats/session-2025.json", {"sessionId": S, "messages": messages})
    machine.read()
    assert machine.counts == [(500, 20, 300, None, 5)] * 2
    assert {(e.provider, e.upstream, e.project) for e in machine.events()} == {("qwen_cli", "qwen", "aa11")}


def test_facts(machine: Machine) -> None:
    machine.write(".qwen/settings.json", {"security": {"auth": {"selectedType": "qwen-oauth"}}, "model": []})
    machine.write(f"{CHATS}/{S}.jsonl", lines(answer(1, version="0.9.0"), answer(2, 2, version="0.9.1")))
    machine.read()
    assert machine.facts == {"auth_type": "qwen-oauth", "cli_version": "0.9.1"}


# The fixture home


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("qwen_cli", home)
    for path in home.rglob("*.jsonl"):
        os.utime(path, (NOW.timestamp(),) * 2)
    machine.read()
    by_model: dict[str | None, int] = {}
    for event in machine.events():
        by_model[event.model] = by_model.get(event.model, 0) + event.tokens.total
    assert by_model == {
        MODEL: (13472 + 101) + (14000 + 50 + 70) + (5000 + 300) + (800 + 20),
        "coder-model": 15000 + 60,
        "qwen3-coder-flash": 3000 + 40,
    }
    assert {name: (e.outcome, e.agent) for name, e in machine.tools.items()} == {
        "edit": (Outcome.OK, None),
        "mcp__docs__search": (Outcome.ERROR, None),
        "run_shell_command": (Outcome.ABORTED, None),
        "read_file": (None, "Explore"),
    }
    assert len(machine.events(EventKind.TURN)) == 3
    assert machine.problems == []
