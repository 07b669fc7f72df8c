"""Kimi CLI and Kimi Code: raw lines -> records, one row for every rule of counting and every known trap.

What a row says of the formats is from the tools' own sources: github.com/MoonshotAI/kimi-cli (2026-07,
`src/kimi_cli/wire/types.py`, `wire/file.py`, `metadata.py`, `session_fork.py`, `subagents/runner.py`,
`subagents/store.py`, `config.py`, `ui/shell/usage.py`) and github.com/MoonshotAI/kimi-code (2026-08,
`packages/agent-core/src/agent/records/types.ts`, `agent/usage/index.ts`, `loop/events.ts`,
`packages/migration-legacy/src/sessions/translator.ts`, `packages/oauth/src/managed-usage.ts`, `storage.ts`).
"""

from __future__ import annotations

import json
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from openusage.errors import AuthRequired, SourceUnavailable
from openusage.wire.events import Behaviour, EventKind, Outcome, TokenCounts, UsageEvent, event_key
from tests.support.tools import DAY, NOW, Json, Machine, at, lines, us

GROUP = md5(b"/home/ann/shop", usedforsecurity=False).hexdigest()
A, B = "8d3e0000-0000-4000-8000-00000000000a", "8d3e0000-0000-4000-8000-00000000000b"
STEP = "chatcmpl-6a1f0c2d4e5b7a9012345601"
CODE = ".kimi-code/sessions/wd_shop_0123456789ab"
COUNTS = (300, 90, 9000, 0, None)


@pytest.fixture
def machine(home: Path) -> Machine:
    machine = Machine("kimi_cli", home)
    machine.write(".kimi/kimi.json", {"work_dirs": [{"path": "/home/ann/shop", "kaos": "local"}]})
    return machine


def write(machine: Machine, *entries: Any, session: str = A, agent: str = "", group: str = GROUP) -> Path:
    below = f"/subagents/{agent}" if agent else ""
    return machine.write(f".kimi/sessions/{group}/{session}{below}/wire.jsonl", lines(*entries))


def wire(seconds: float, kind: str, **payload: Any) -> Json:
    return {"timestamp": DAY.timestamp() + seconds, "message": {"type": kind, "payload": payload}}


def usage(given: Any = 300, output: Any = 90, read: Any = 9000, written: Any = 0) -> Json:
    return {
        "input_other": given,
        "output": output,
        "input_cache_read": read,
        "input_cache_creation": written,
    }


def status(seconds: float, message_id: str | None = None, **more: Any) -> Json:
    told = {"token_usage": usage(), "message_id": message_id or f"{STEP}{seconds}"}
    return wire(seconds, "StatusUpdate", **(told | more))


def inside(seconds: float, event: Json, **more: Any) -> Json:
    about = {"parent_tool_call_id": "call_1", "agent_id": "ab12", "subagent_type": "coder"} | more
    return wire(seconds, "SubagentEvent", **about, event=event["message"])


def record(seconds: float, **more: Any) -> Json:
    told = {"inputOther": 300, "output": 90, "inputCacheRead": 9000, "inputCacheCreation": 0}
    about = {"type": "usage.record", "agentId": "main", "model": "kimi-code/k3", "usage": told}
    return about | {"usageScope": "turn", "time": us(seconds) // 1000} | more


def request(seconds: float, model: str, alias: str | None) -> Json:
    return {"type": "llm.request", "model": model, "modelAlias": alias, "time": us(seconds) // 1000}


def write_code(machine: Machine, *entries: Any, session: str = A, agent: str = "main") -> Path:
    return machine.write(f"{CODE}/session_{session}/agents/{agent}/wire.jsonl", lines(*entries))


@pytest.mark.parametrize(
    ("environ", "roots"),
    [
        ({}, [".kimi-code/sessions", ".kimi/sessions"]),
        ({"KIMI_SHARE_DIR": "~/a", "KIMI_CODE_HOME": "~/b"}, ["b/sessions", "a/sessions"]),
        ({"KIMI_DATA_DIR": "~/a,~/b"}, [".kimi-code/sessions", "a/sessions", "b/sessions"]),
    ],
)
def test_places_are_found_by_variable_or_default(
    home: Path, environ: dict[str, str], roots: list[str]
) -> None:
    for name in (".kimi", ".kimi-code", "a", "b"):
        (home / name / "sessions").mkdir(parents=True)
    machine = Machine("kimi_cli", home, environ)
    assert [a.roots for a in machine.accounts] == [tuple(str((home / r).resolve()) for r in roots)]


# --- Kimi CLI ----------------------------------------------------------------------------------------


def test_a_step_is_a_message_in_disjoint_buckets(machine: Machine) -> None:
    """1: usage is that of one step and never the sum of those before; output has the thoughts in it."""
    write(machine, {"type": "metadata", "protocol_version": "1.9"}, status(4, STEP))
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="kimi_cli",
            account="kimi_cli",
            at_us=us(4),
            kind=EventKind.MESSAGE,
            event_key=event_key("kimi_cli", "message", STEP),
            tokens=TokenCounts(300, 90, 9000, 0),
            model="kimi-for-coding",
            upstream="moonshotai",
            client="CLI",
            project="shop",
            session=A,
        )
    ]
    assert machine.problems == []


COUNTING: dict[str, tuple[list[Any], int]] = {
    "1: every step counts": ([status(4), status(5)], 2),
    "2: the same step again": ([status(4, STEP), status(9, STEP)], 1),
    "2: a step without an id is its time and counts": ([status(4, message_id=None)], 1),
    "2: ids of small servers come again in other steps": (
        [status(4, "chatcmpl-417"), status(9, "chatcmpl-417", token_usage=usage(301))],
        2,
    ),
    "3: no usage in it": ([wire(4, "StatusUpdate", plan_mode=True), status(5, token_usage=None)], 0),
    "3: usage of zeros": ([status(4, token_usage=usage(0, 0, 0, 0))], 0),
    "5: no time at all": ([status(4) | {"timestamp": None}], 0),
    "trap: types that are not known yet, and those that are no objects": (
        [wire(3, "Hologram", token_usage=usage()), {"timestamp": 4, "message": "x"}, status(5)],
        1,
    ),
    "trap: numbers as texts": ([status(4, token_usage=usage("300", 90.0))], 1),
    "trap: a line of megabytes": ([wire(3, "ContentPart", text="A" * 3_000_000), status(4)], 1),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    write(machine, *written)
    machine.read()
    assert len(machine.events()) == expected


@pytest.mark.parametrize("message_id", [STEP, "chatcmpl-417", None])
def test_a_forked_session_copies_lines_and_they_count_once(machine: Machine, message_id: str | None) -> None:
    """2: ccusage has the session in the key, and the Go program no key at all."""
    copied = [wire(1, "TurnBegin", user_input="x"), wire(4, "StatusUpdate", token_usage=usage())]
    copied[1]["message"]["payload"]["message_id"] = message_id
    write(machine, *copied)
    write(machine, *copied, status(9), session=B)
    machine.read()
    assert [e.session for e in machine.events()] == [A, B]
    assert len(machine.events(EventKind.TURN)) == 1


@pytest.mark.parametrize("message_id", [STEP, "chatcmpl-417", None])
def test_a_step_of_a_subagent_stands_in_two_logs_and_counts_once(
    machine: Machine, message_id: str | None
) -> None:
    """2: in its own, and wrapped in its parent's, a moment later."""
    call = wire(4, "ToolCall", id="functions.Shell:0", function={"name": "Shell", "arguments": "{}"})
    step = wire(5, "StatusUpdate", token_usage=usage(), message_id=message_id, context_tokens=9390)
    machine.write(
        f".kimi/sessions/{GROUP}/{A}/subagents/ab12/meta.json",
        {"subagent_type": "coder", "launch_spec": {"effective_model": None}},
    )
    write(machine, wire(3, "TurnBegin", user_input="x"), call, step, agent="ab12")
    write(machine, inside(4.001, call), inside(5.001, step))
    machine.read()
    assert [(e.agent, e.session, e.at_us) for e in machine.events()] == [("coder", A, us(5))]
    assert [e.agent for e in machine.events(EventKind.TOOL)] == ["coder"]
    assert machine.events(EventKind.TURN) == []


def test_a_subagent_of_before_has_no_log_of_its_own(machine: Machine) -> None:
    step = wire(5, "StatusUpdate", token_usage=usage())
    old = {
        "parent_tool_call_id": None,
        "agent_id": None,
        "subagent_type": None,
        "task_tool_call_id": "Task:0",
    }
    write(machine, inside(5, step, **old), inside(6, step, **old | {"task_tool_call_id": "Task:1"}))
    machine.read()
    assert [e.agent for e in machine.events()] == ["subagent", "subagent"]


MODELS: dict[str, tuple[dict[str, str], str]] = {
    "no settings": ({}, "kimi-for-coding"),
    "an alias": (
        {"config.toml": 'default_model = "a"\n[models.a]\nprovider = "p"\nmodel = "kimi-k2.5"\n'},
        "kimi-k2.5",
    ),
    "a name": ({"config.toml": 'default_model = "kimi-code/kimi-k3"\n'}, "kimi-k3"),
    "settings of before": ({"config.json": '{"default_model": "kimi-k2"}'}, "kimi-k2"),
    "settings that are just written": ({"config.toml": 'default_model = "a'}, "kimi-for-coding"),
}


@pytest.mark.parametrize("case", MODELS)
def test_the_model_is_that_of_the_settings(machine: Machine, case: str) -> None:
    """4: no line names it. The Go program and ccusage look for `config.json`, which is gone."""
    files, expected = MODELS[case]
    for name, content in files.items():
        machine.write(f".kimi/{name}", content)
    write(machine, status(4))
    machine.read()
    assert [e.model for e in machine.events()] == [expected]


def test_a_subagent_may_have_another_model(machine: Machine) -> None:
    meta = {"subagent_type": "explore", "launch_spec": {"effective_model": "kimi-k2.5"}}
    machine.write(f".kimi/sessions/{GROUP}/{A}/subagents/ab12/meta.json", meta)
    write(machine, status(4), agent="ab12")
    machine.read()
    assert [(e.model, e.agent) for e in machine.events()] == [("kimi-k2.5", "explore")]


def test_a_project_on_another_machine_is_known_by_the_same_hash(machine: Machine) -> None:
    """6."""
    write(machine, status(4), group=f"ssh_{GROUP}")
    write(machine, status(5), group="0" * 32, session=B)
    machine.read()
    assert [e.project for e in machine.events()] == ["shop", None]


EDIT = json.dumps({"path": "/home/ann/shop/a.py", "edit": [{"old": "x\n", "new": "y\nz\n"}]})


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([False], (Outcome.OK, "python", 2, 1)),
        ([True], (Outcome.ERROR, "python", None, None)),
        ([], (None, "python", None, None)),
    ],
)
@pytest.mark.parametrize("call_id", ["call_AbCdEfGhIjKlMnOp", "functions.StrReplaceFile:0"])
def test_tools(machine: Machine, call_id: str, ends: list[bool], expected: tuple[Any, ...]) -> None:
    call = wire(4, "ToolCall", id=call_id, function={"name": "StrReplaceFile", "arguments": EDIT})
    results = [wire(9, "ToolResult", tool_call_id=call_id, return_value={"is_error": e}) for e in ends]
    write(machine, call, *results)
    machine.read()
    [event] = machine.events(EventKind.TOOL)
    assert (event.outcome, event.language, event.lines_added, event.lines_removed) == expected
    assert (event.tool, event.at_us) == ("StrReplaceFile", us(4))


def test_an_mcp_tool_gets_the_name_of_the_server_that_told_it(machine: Machine) -> None:
    """7: a call has the tool's plain name."""
    servers = {"servers": [{"name": "github", "status": "connected", "tools": ["list_issues"]}]}
    call = {"name": "list_issues", "arguments": None}
    write(
        machine,
        wire(1, "StatusUpdate", mcp_status=servers),
        wire(2, "ToolCall", id="call_AbCdEfGhIjKlMnOp", function=call),
        wire(3, "ToolCall", id="call_BbCdEfGhIjKlMnOp", function={"name": "SearchWeb", "arguments": "{}"}),
    )
    machine.read()
    assert {name: e.web_searches for name, e in machine.tools.items()} == {
        "mcp__github__list_issues": None,
        "SearchWeb": 1,
    }


def test_the_context_is_that_of_the_main_agent(machine: Machine) -> None:
    of_agent = status(9, context_tokens=5, max_context_tokens=10)
    write(machine, status(4, context_tokens=9300, max_context_tokens=262_144), inside(9, of_agent))
    machine.read()
    reading = machine.readings["context_window"]
    assert (reading.used, reading.limit, reading.unit) == (9300.0, 262_144.0, "tokens")


# --- Kimi Code ---------------------------------------------------------------------------------------


def test_a_usage_record_is_the_usage_of_one_call(machine: Machine) -> None:
    write_code(machine, request(1, "kimi-k3", "kimi-code/k3"), record(4))
    machine.read()
    key = ("message", us(4), "kimi-code/k3", 300, 90, 9000, 0, "main")
    assert machine.events() == [
        UsageEvent(
            provider="kimi_cli",
            account="kimi_cli",
            at_us=us(4),
            kind=EventKind.MESSAGE,
            event_key=event_key("kimi_cli", *key),
            tokens=TokenCounts(300, 90, 9000, 0),
            model="kimi-k3",
            upstream="moonshotai",
            client="CLI",
            project="shop",
            session=A,
        )
    ]


STEP_END = {"type": "step.end", "messageId": STEP, "usage": {"inputOther": 300, "output": 90}}
CODE_COUNTING: dict[str, tuple[list[Any], list[str | None]]] = {
    "both scopes count": (
        [record(4), record(5, usageScope="session"), record(6, usageScope=None)],
        ["k3"] * 3,
    ),
    "a step's end repeats its call": (
        [record(4), {"type": "context.append_loop_event", "event": STEP_END, "time": us(4) // 1000}],
        ["k3"],
    ),
    "the model is that of the request, if it is its alias": (
        [request(1, "kimi-k3", "kimi-code/k3"), record(4), record(5, model="kimi-code/k2")],
        ["kimi-k3", "k2"],
    ),
    "a request of older versions has no alias": ([request(1, "kimi-k3", None), record(4)], ["kimi-k3"]),
    "no time": ([record(4, time=None)], []),
    "nothing used": ([record(4, usage={"inputOther": 0, "output": 0})], []),
    "records of newer versions": (
        [{"type": "hologram", "usage": {"output": 5}, "time": 1}, record(4)],
        ["k3"],
    ),
}


@pytest.mark.parametrize("rule", CODE_COUNTING)
def test_counting_in_kimi_code(machine: Machine, rule: str) -> None:
    written, expected = CODE_COUNTING[rule]
    write_code(machine, {"type": "metadata", "protocol_version": "1.5"}, *written)
    machine.read()
    assert [e.model for e in machine.events()] == expected


def test_a_fork_of_kimi_code_copies_records_and_they_count_once(machine: Machine) -> None:
    write_code(machine, record(4))
    write_code(machine, record(4), {"type": "forked", "time": us(5) // 1000}, record(9), session=B)
    machine.read()
    assert [e.session for e in machine.events()] == [A, B]


def test_each_agent_of_kimi_code_has_its_own_log(machine: Machine) -> None:
    """The same counts at the same moment in two agents are two calls."""
    prompt = {"type": "turn.prompt", "origin": {"kind": "user"}, "time": us(1) // 1000}
    machine.write(f"{CODE}/session_{A}/state.json", {"workDir": "/home/ann/My Shop"})
    write_code(machine, prompt, record(4))
    write_code(machine, prompt, record(4, agentId="agent-7"), agent="agent-7")
    machine.read()
    assert [(e.agent, e.project) for e in machine.events()] == [(None, "My Shop"), ("subagent", "My Shop")]
    assert len(machine.events(EventKind.TURN)) == 1


@pytest.mark.parametrize(
    ("origin", "turns"), [({"kind": "user"}, 1), ("user", 1), ({"kind": "hook_result"}, 0), (None, 0)]
)
def test_a_turn_is_what_a_person_asked(machine: Machine, origin: Any, turns: int) -> None:
    write_code(machine, {"type": "turn.prompt", "origin": origin, "time": us(1) // 1000})
    machine.read()
    assert len(machine.events(EventKind.TURN)) == turns


@pytest.mark.parametrize(
    ("result", "outcome", "added"), [({}, Outcome.OK, 1), ({"isError": True}, Outcome.ERROR, None)]
)
def test_tools_of_kimi_code(machine: Machine, result: Json, outcome: Outcome, added: int | None) -> None:
    call: Json = {"type": "tool.call", "toolCallId": "tool_AbCdEfGhIjKlMnOp", "name": "Write"}
    call |= {"args": {"path": "a.go", "content": "package a\n"}}
    end = {"type": "tool.result", "toolCallId": call["toolCallId"], "result": result}
    events = [
        {"type": "context.append_loop_event", "event": e, "time": us(n) // 1000}
        for n, e in ((4, call), (9, end))
    ]
    write_code(machine, *events)
    machine.read()
    [event] = machine.events(EventKind.TOOL)
    assert (event.outcome, event.language, event.lines_added) == (outcome, "go", added)


# --- limits ------------------------------------------------------------------------------------------

ANSWER = {
    "usage": {"used": "40", "limit": "1000", "resetTime": "2026-03-15T05:20:51Z"},
    "limits": [
        {
            "window": {"duration": 300, "timeUnit": "TIME_UNIT_MINUTE"},
            "detail": {"limit": "100", "remaining": "75", "resetTime": "2026-03-10T14:00:00Z"},
        },
        {"window": {"duration": 3, "timeUnit": "TIME_UNIT_FORTNIGHT"}, "detail": {"used": 1, "limit": 2}},
    ],
    "boosterWallet": {
        "balance": {"type": "BOOSTER", "amount": "2000000000", "amountLeft": "1250000000"},
        "monthlyUsed": {"priceInCents": "750", "currency": "USD"},
    },
}


def signed_in(machine: Machine, until_s: float, home: str = ".kimi-code") -> None:
    (machine.home / ".kimi" / "sessions").mkdir(parents=True, exist_ok=True)
    login = {"access_token": "made-up-token", "expires_at": until_s}
    machine.write(f"{home}/credentials/kimi-code.json", login)


@pytest.mark.parametrize("home_of_login", [".kimi-code", ".kimi"])
def test_limits_are_asked_with_the_tools_own_login(
    machine: Machine, httpserver: HTTPServer, home_of_login: str
) -> None:
    signed_in(machine, NOW.timestamp() + 60, home_of_login)
    headers = {"Authorization": "Bearer made-up-token"}
    httpserver.expect_oneshot_request("/usages", headers=headers).respond_with_json(ANSWER)
    machine.poll(httpserver.url_for(""))
    told = {key: (r.used, r.limit, r.remaining, r.unit, r.window) for key, r in machine.readings.items()}
    assert told == {
        "usage_weekly": (4.0, 100.0, 96.0, "%", "7d"),
        "usage_five_hour": (25.0, 100.0, 75.0, "%", "5h"),
        "credit_balance": (None, None, 12.5, "USD", "current"),
    }
    assert machine.readings["credit_balance"].behaviour is Behaviour.BALANCE
    assert machine.readings["usage_five_hour"].resets_at_us == us(8 * 86_400 + 4 * 3600)


def test_a_limit_whose_reset_has_passed_is_not_used(machine: Machine, httpserver: HTTPServer) -> None:
    signed_in(machine, NOW.timestamp() + 60)
    past = {"usage": {"used": 9, "limit": 10, "resetTime": at(0)}}
    httpserver.expect_oneshot_request("/usages").respond_with_json(past)
    machine.poll(httpserver.url_for(""))
    assert (machine.readings["usage_weekly"].used, machine.readings["usage_weekly"].resets_at_us) == (
        0.0,
        None,
    )


def test_a_login_that_is_over_is_not_used(machine: Machine, httpserver: HTTPServer) -> None:
    signed_in(machine, NOW.timestamp() - 1)
    assert machine.poll(httpserver.url_for("")) == []
    assert httpserver.log == []


def test_a_plan_without_limits_has_none(machine: Machine, httpserver: HTTPServer) -> None:
    signed_in(machine, NOW.timestamp() + 60)
    httpserver.expect_oneshot_request("/usages").respond_with_data("no such thing", 404)
    assert machine.poll(httpserver.url_for("")) == []


@pytest.mark.parametrize(("code", "error"), [(401, AuthRequired), (429, SourceUnavailable)])
def test_a_refusal_is_told_and_never_the_login(
    machine: Machine, httpserver: HTTPServer, code: int, error: type[Exception]
) -> None:
    signed_in(machine, NOW.timestamp() + 60)
    httpserver.expect_oneshot_request("/usages").respond_with_data("no", code)
    with pytest.raises(error) as told:
        machine.poll(httpserver.url_for(""))
    assert "made-up" not in str(told.value)


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("kimi_cli", home)
    machine.read()
    by_agent: dict[tuple[str | None, str | None, str | None], int] = {}
    for event in machine.events():
        who = (event.model, event.project, event.agent)
        by_agent[who] = by_agent.get(who, 0) + event.tokens.total
    assert by_agent == {
        ("kimi-for-coding", "web shop", None): 9390 + 9560 + 10_060 + 9100,
        ("kimi-for-coding", "web shop", "explore"): 530 + 600,
        ("kimi-for-coding", "api", "subagent"): 77,
        ("kimi-for-coding", "api", None): 1100,
        ("kimi-k3", "web shop", None): 9390 + 20_800,
        ("other", "web-shop", None): 11,
        ("kimi-k2.5", "web shop", "subagent"): 55,
    }
    assert {name: e.outcome for name, e in machine.tools.items()} == {
        "StrReplaceFile": Outcome.OK,
        "mcp__github__list_issues": Outcome.ERROR,
        "Agent": Outcome.OK,
        "Grep": Outcome.OK,
        "Write": Outcome.OK,
    }
    assert len(machine.events(EventKind.TURN)) == 5
    assert machine.problems == []
