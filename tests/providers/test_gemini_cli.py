"""Gemini CLI: raw lines -> records, one row for every rule of counting and every known trap.

What a row says of the format is from the tool's own source (github.com/google-gemini/gemini-cli, 2026-08), or
from what it wrote; the file is named with the row, below `packages/core/src/` where nothing else is said.
"""

from __future__ import annotations

import base64
import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from openusage.errors import AuthRequired, SourceUnavailable
from openusage.providers._gemini_chats import tool_name
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
from tests.support.tools import NOW, Json, Machine, at, lines, us

SESSION = "2f0e1d3c-0000-4000-8000-000000000001"
AGENT = "7d110000-0000-4000-8000-0000000000a1"
NAME = "session-2026-03-02T10-00-2f0e1d3c"
CHATS = ".gemini/tmp/shop/chats"
HEAD = {"sessionId": SESSION, "projectHash": "ab12", "startTime": at(0), "lastUpdated": at(0), "kind": "main"}
MODEL = "gemini-2.5-pro"
ID = "0b000000-0000-4000-8000-000000000001"


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("gemini_cli", home)


def tokens(given: Any, output: Any, cached: Any = 0, thoughts: Any = 0, tool: Any = 0) -> Json:
    told = {"input": given, "output": output, "cached": cached, "thoughts": thoughts, "tool": tool}
    return told | {"total": 1}


def answer(seconds: float, id: Any = ID, used: Any = None, **more: Any) -> Json:
    used = tokens(9000, 120, 7000, 300) if used is None else used
    made = {"id": id, "timestamp": at(seconds), "type": "gemini", "content": "", "model": MODEL}
    return {k: v for k, v in (made | {"tokens": used} | more).items() if v is not ...}


def prompt(seconds: float, content: Any = "do it", id: str = ID[:-1] + "9") -> Json:
    return {"id": id, "timestamp": at(seconds), "type": "user", "content": content}


def call(name: str, status: str = "success", **more: Any) -> Json:
    return {
        "id": f"{name}-17724456-1f",
        "name": name,
        "args": {},
        "status": status,
        "timestamp": at(9),
    } | more


# Where


@pytest.mark.parametrize(
    ("environ", "files", "roots"),
    [
        ({}, [".gemini/tmp/shop/x"], [".gemini/tmp"]),
        ({"GEMINI_CLI_HOME": "~/g"}, ["g/.gemini/tmp/shop/x", ".gemini/tmp/y"], ["g/.gemini/tmp"]),
        ({"GEMINI_DATA_DIR": "~/a, ~/b,~/c"}, ["a/x", "b/x", ".gemini/tmp/y"], ["a", "b"]),
        ({}, [".gemini/google_accounts.json"], []),
        ({}, [".gemini/settings.json"], []),
        ({}, [".gemini/antigravity/conversations/1.pb"], None),
    ],
)
def test_homes_are_found_by_variable_or_default(
    home: Path, environ: dict[str, str], files: list[str], roots: list[str] | None
) -> None:
    machine = Machine("gemini_cli", home, environ)
    for name in files:
        machine.write(name, "")
    expected = [] if roots is None else [tuple(str((home / r).resolve()) for r in roots)]
    assert [a.roots for a in machine.accounts] == expected
    assert all(a.id == "gemini-cli" for a in machine.accounts)


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        (f"{CHATS}/{NAME}.jsonl", True),
        (f"{CHATS}/{SESSION}/{AGENT}.jsonl", True),
        (f".gemini/tmp/{'a' * 64}/chats/{NAME}.jsonl", True),
        (f"{CHATS}/{NAME}.jsonl.unreadable-1772446800000", False),
        (f"{CHATS}/{NAME}.jsonl.tmp-4711", False),
        (f"{CHATS}/backup/{NAME}.jsonl", False),
        (f".gemini/tmp/backup/chats/{NAME}.jsonl", False),
        (f".gemini/tmp/shop/checkpoints/{NAME}.jsonl", False),
        (f"{CHATS}/other.jsonl", False),
    ],
)
def test_names_are_matched_exactly(machine: Machine, name: str, is_read: bool) -> None:
    """`services/chatRecordingService.ts` keeps an unreadable file and writes a temporary one beside it."""
    machine.write(name, lines(HEAD, answer(1)))
    machine.read()
    assert len(machine.events()) == is_read


# Counting


def test_an_answer_is_a_message_in_disjoint_buckets(machine: Machine) -> None:
    machine.write(f"{CHATS}/{NAME}.jsonl", lines(HEAD, answer(6)))
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="gemini_cli",
            account="gemini-cli",
            at_us=us(6),
            kind=EventKind.MESSAGE,
            event_key=event_key("gemini_cli", "message", ID),
            tokens=TokenCounts(input=2000, output=120, cache_read=7000, reasoning=300),
            model=MODEL,
            upstream="google",
            client="CLI",
            project="shop",
            session=SESSION,
        )
    ]
    assert machine.problems == []


TWO = ID[:-1] + "2"
A, B = tokens(9000, 120, 7000, 300), tokens(9100, 20)
COUNT_A, COUNT_B = (2000, 120, 7000, None, 300), (9100, 20, 0, None, 0)

COUNTING: dict[str, tuple[list[Any], list[tuple[int | None, ...]]]] = {
    "1: counts are of one message, never a running total": (
        [answer(1, used=A), answer(2, TWO, B)],
        [COUNT_A, COUNT_B],
    ),
    "2: a message written again replaces itself (pushMessage)": (
        [answer(1, used=...), answer(1, used=A), answer(1, used=A, toolCalls=[call("x")])],
        [COUNT_A],
    ),
    "2: the last copy may have lost its tokens": ([answer(1, used=A), answer(1, used=...)], [COUNT_A]),
    "3: a rewind takes nothing back ($rewindTo)": (
        [answer(1, used=A), answer(2, TWO, B), {"$rewindTo": ID}],
        [COUNT_A, COUNT_B],
    ),
    "3: a checkpoint repeats and drops messages ($set.messages)": (
        [answer(1, used=A), {"$set": {"messages": [answer(2, TWO, B)], "lastUpdated": at(9)}}],
        [COUNT_A, COUNT_B],
    ),
    "5: cached is inside input, thoughts beside output (recordMessageTokens)": (
        [answer(1, used=tokens(100, 7, 40, 5))],
        [(60, 7, 40, None, 5)],
    ),
    "5: what tools put into the prompt is beside input (toolUsePromptTokenCount)": (
        [answer(1, used=tokens(100, 7, 40, 5, 37))],
        [(97, 7, 40, None, 5)],
    ),
    "5: cached cannot be more than input": ([answer(1, used=tokens(10, 7, 40))], [(0, 7, 40, None, 0)]),
    "5: optional counts are not told (chatRecordingTypes.ts)": (
        [answer(1, used={"input": 10, "output": 2, "cached": 0, "total": 12})],
        [(10, 2, 0, None, None)],
    ),
    "6: other kinds, and answers without tokens, are no usage": (
        [
            prompt(1),
            answer(1, used=...),
            answer(2, TWO, None) | {"tokens": None},
            *({"id": k, "timestamp": at(3), "type": k, "tokens": A} for k in ("info", "error", "warning")),
        ],
        [],
    ),
    "6: an answer of zeros is no usage": ([answer(1, used=tokens(0, 0))], []),
    "trap: numbers as texts, other fields odd": (
        [answer(1, used=tokens("100", 7.0, "40", None, "x"), toolCalls="none", model=5)],
        [(60, 7, 40, None, None)],
    ),
    "trap: an answer without an id": ([answer(1, None, A), answer(1, None, A)], [COUNT_A]),
    "trap: lines that are none": (["[1]", "null", '{"id":', answer(1, used=A)], [COUNT_A]),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    machine.write(f"{CHATS}/{NAME}.jsonl", lines(HEAD, *written))
    machine.read()
    assert machine.counts == expected


def test_growing_conversations_are_not_subtracted(machine: Machine) -> None:
    """A prompt of 9,000 tokens after one of 8,900 counts 9,000: the Go program counts 100."""
    machine.write(
        f"{CHATS}/{NAME}.jsonl", lines(HEAD, answer(1, used=tokens(8900, 1)), answer(2, TWO, tokens(9000, 1)))
    )
    machine.read()
    assert sum(e.tokens.input or 0 for e in machine.events()) == 17_900


DOCUMENT = {k: v for k, v in HEAD.items() if k != "kind"}


def test_a_document_and_the_log_it_went_on_in_count_once(machine: Machine) -> None:
    """`initialize` in `services/chatRecordingService.ts` copies all messages into a `.jsonl` beside it."""
    machine.write(f"{CHATS}/{NAME}.json", DOCUMENT | {"messages": [prompt(0), answer(1, used=A)]})
    machine.read()
    machine.write(f"{CHATS}/{NAME}.jsonl", lines(HEAD, prompt(0), answer(1, used=A), answer(2, TWO, B)))
    machine.read()
    assert machine.counts == [COUNT_A, COUNT_B]
    assert len(machine.events(EventKind.TURN)) == 1


def test_a_document_that_grew_gives_the_same_and_the_new(machine: Machine) -> None:
    messages = [answer(n, ID[:-2] + f"{n:02}", B) for n in range(12)]
    for size in (1, 5, 5, 12):
        machine.write(f"{CHATS}/{NAME}.json", DOCUMENT | {"messages": messages[:size]})
        machine.read()
        assert len(machine.events()) == size


def test_the_first_versions_kept_documents_beside_the_chats_folder(machine: Machine) -> None:
    machine.write(f".gemini/tmp/shop/{NAME}.json", DOCUMENT | {"messages": [answer(1), None, 5, "x"]})
    machine.read()
    assert [e.session for e in machine.events()] == [SESSION]


def test_a_directory_copied_when_it_got_its_name_counts_once(machine: Machine) -> None:
    """`config/storageMigration.ts` copies `tmp/<hash>` to `tmp/<name>`."""
    content = lines(HEAD, prompt(0), answer(1, toolCalls=[call("glob")]))
    for folder in ("shop", sha256(b"/home/ann/shop").hexdigest()):
        machine.write(f".gemini/tmp/{folder}/chats/{NAME}.jsonl", content)
    machine.read()
    assert [len(machine.events(k)) for k in EventKind] == [1, 1, 1]


def test_short_ids_count_in_their_session_only(machine: Machine) -> None:
    for n in (1, 2):
        head = HEAD | {"sessionId": f"s-{n}"}
        machine.write(f"{CHATS}/session-{n}.jsonl", lines(head, answer(1, "m1")))
    machine.read()
    assert len(machine.events()) == 2


@pytest.mark.parametrize(
    ("head", "stamp", "expected"),
    [
        (HEAD, at(5), us(5)),
        (HEAD, None, us(0)),
        (HEAD | {"startTime": None, "lastUpdated": at(3)}, "soon", us(3)),
        ({"sessionId": SESSION}, None, None),
    ],
)
def test_when_it_was(machine: Machine, head: Json, stamp: Any, expected: int | None) -> None:
    machine.write(f"{CHATS}/{NAME}.jsonl", lines(head, answer(1) | {"timestamp": stamp}))
    machine.read()
    assert [e.at_us for e in machine.events()] == ([] if expected is None else [expected])


def test_a_sub_agent_is_usage_of_the_session_that_started_it(machine: Machine) -> None:
    """`chats/<parent's session>/<its own>.jsonl`, `kind: subagent`; its prompts are not a person's."""
    head = HEAD | {"sessionId": AGENT, "kind": "subagent"}
    machine.write(f"{CHATS}/{SESSION}/{AGENT}.jsonl", lines(head, prompt(1), answer(2)))
    machine.read()
    [event] = machine.events()
    assert (event.session, event.agent, event.tokens.total) == (SESSION, "agent", 9420)
    assert machine.events(EventKind.TURN) == []
    assert machine.readings == {}


# Projects


REGISTRY = {"projects": {"/home/ann/web-shop": "shop", "/home/ann/api": "api", "/odd": 5}}


@pytest.mark.parametrize(
    ("files", "folder", "directories", "project"),
    [
        ({".gemini/tmp/shop/.project_root": "/home/ann/the shop\n"}, "shop", None, "the shop"),
        ({".gemini/projects.json": REGISTRY}, "shop", None, "web-shop"),
        ({".gemini/projects.json": REGISTRY}, sha256(b"/home/ann/api").hexdigest(), None, "api"),
        ({".gemini/projects.json": "[]"}, "shop", ["/home/ann/other"], "other"),
        ({}, "f" * 64, ["/home/ann/other"], "other"),
        ({}, "f" * 64, "odd", "f" * 64),
        ({}, "shop", None, "shop"),
    ],
)
def test_projects(
    machine: Machine, files: dict[str, Any], folder: str, directories: Any, project: str
) -> None:
    """`config/projectRegistry.ts`: short names in `projects.json`, the root in `.project_root`."""
    for name, content in files.items():
        machine.write(name, content)
    head = HEAD | {"directories": directories}
    machine.write(f".gemini/tmp/{folder}/chats/{NAME}.jsonl", lines(head, answer(1)))
    machine.read()
    assert [e.project for e in machine.events()] == [project]


# Turns


@pytest.mark.parametrize(
    ("content", "is_turn"),
    [
        ("fix it", True),
        ([{"text": "fix it"}], True),
        ([{"inlineData": {"data": "…"}}], True),
        (["fix it"], True),
        ({"text": "fix it"}, True),
        ("", False),
        (None, False),
        ([{"functionResponse": {"name": "glob", "response": {}}}], False),
        ([{"text": "<session_context>\nToday is …"}], False),
        ("This is the Gemini CLI. We are setting up the context for our chat.", False),
    ],
)
def test_a_turn_is_what_a_person_wrote(machine: Machine, content: Any, is_turn: bool) -> None:
    """`core/geminiChat.ts` records tool responses and the surroundings as `user` messages too."""
    machine.write(f"{CHATS}/{NAME}.jsonl", lines(HEAD, prompt(1, content), prompt(1, content)))
    machine.read()
    assert len(machine.events(EventKind.TURN)) == is_turn


# Tools


EDITED = {
    "fileDiff": "@@",
    "fileName": "cart.py",
    "filePath": "/home/ann/shop/cart.py",
    "diffStat": {"model_added_lines": 5, "model_removed_lines": 1, "user_added_lines": 9},
}
REPLACE = {"file_path": "web/basket.ts", "old_string": "a\nb\n", "new_string": "c"}

TOOLS: dict[str, tuple[Json, tuple[Any, ...]]] = {
    "an edit, by its display (tools/tools.ts: DiffStat)": (
        call("replace", args=REPLACE, resultDisplay=EDITED),
        (Outcome.OK, "python", 5, 1),
    ),
    "an edit without a display": (call("replace", args=REPLACE), (Outcome.OK, "typescript", 1, 2)),
    "an edit with a text as its display": (
        call("replace", args=REPLACE, resultDisplay="done"),
        (Outcome.OK, "typescript", 1, 2),
    ),
    "an edit that failed changed nothing": (
        call("replace", "error", args=REPLACE),
        (Outcome.ERROR, "typescript", None, None),
    ),
    "an edit that was refused": (
        call("replace", "cancelled", args=REPLACE),
        (Outcome.ABORTED, "typescript", None, None),
    ),
    "a new file": (
        call("write_file", args={"file_path": "a.go", "content": "x\ny\n"}),
        (Outcome.OK, "go", 2, None),
    ),
    "a look, as it was named before": (
        call("read_file", args={"absolute_path": "/a/b.rs"}),
        (Outcome.OK, "rust", None, None),
    ),
    "a command": (call("run_shell_command", args={"command": "ls"}), (Outcome.OK, None, None, None)),
    "one that is not over (scheduler/types.ts)": (call("glob", "executing"), (None, None, None, None)),
    "odd arguments": (call("replace", args="text", resultDisplay=[1]), (Outcome.OK, None, None, None)),
}


@pytest.mark.parametrize("rule", TOOLS)
def test_tools(machine: Machine, rule: str) -> None:
    written, expected = TOOLS[rule]
    machine.write(f"{CHATS}/{NAME}.jsonl", lines(HEAD, answer(1), answer(1, toolCalls=[written])))
    machine.read()
    [event] = machine.events(EventKind.TOOL)
    assert (event.outcome, event.language, event.lines_added, event.lines_removed) == expected
    assert (event.tool, event.at_us, event.model) == (written["name"], us(9), MODEL)
    assert event.event_key == event_key("gemini_cli", "tool", SESSION, written["id"])


def test_a_call_without_an_id_is_known_by_its_place(machine: Machine) -> None:
    calls = [call("glob") | {"id": None}, call("glob") | {"id": None}]
    machine.write(
        f"{CHATS}/{NAME}.jsonl", lines(HEAD, answer(1, toolCalls=calls), answer(1, toolCalls=calls))
    )
    machine.read()
    assert len(machine.events(EventKind.TOOL)) == 2


def test_searches_and_fetches_of_the_web_are_counted(machine: Machine) -> None:
    calls = [call("google_web_search"), call("web_fetch")]
    machine.write(f"{CHATS}/{NAME}.jsonl", lines(HEAD, answer(1, toolCalls=calls)))
    machine.read()
    assert machine.tools["google_web_search"].web_searches == 1
    assert machine.tools["web_fetch"].web_fetches == 1


@pytest.mark.parametrize(
    ("name", "shown", "expected"),
    [
        ("replace", "Edit", "replace"),
        ("mcp_github_list_issues", "", "mcp__github__list_issues"),
        ("mcp_my_db_query", "query (my_db MCP Server)", "mcp__my_db__query"),
        ("query", "query (my_db MCP Server)", "mcp__my_db__query"),
        ("my_db__query", "query (my_db MCP Server)", "mcp__my_db__query"),
        ("github__list_issues", "", "mcp__github__list_issues"),
        ("mcp__github__list_issues", "", "mcp__github__list_issues"),
        ("mcp_odd", "", "mcp_odd"),
        ("read_many_files", "", "read_many_files"),
    ],
)
def test_names_of_mcp_calls(name: str, shown: str, expected: str) -> None:
    """`tools/mcp-tool.ts`: `mcp_<server>_<tool>`, in older versions `<server>__<tool>` or the bare name."""
    assert tool_name(name, shown) == expected


# Readings and facts of files


def test_the_newest_answer_tells_how_full_the_context_is(machine: Machine) -> None:
    """`core/tokenLimits.ts`: 1,048,576 for every Gemini model, 256,000 for Gemma."""
    machine.write(
        f"{CHATS}/{NAME}.jsonl", lines(HEAD, answer(5, TWO, tokens(500, 20, 0, 5)), answer(1, used=A))
    )
    machine.read()
    assert machine.readings["context_window"] == QuotaReading(
        provider="gemini_cli",
        account="gemini-cli",
        key="context_window",
        at_us=us(5),
        unit="tokens",
        window="session",
        used=525.0,
        limit=1_048_576.0,
        remaining=1_048_051.0,
        scope=Scope.MACHINE,
    )
    gemma = answer(9, "another-long-identity", tokens(1, 1), model="gemma-4-31b-it")
    machine.write(f"{CHATS}/session-2.jsonl", lines(HEAD, gemma))
    machine.read()
    assert machine.readings["context_window"].limit == 256_000.0


def token(claims: Json) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"


def sign_in(machine: Machine, access: Any = "secret-access", expires: float = 60.0) -> Path:
    expiry = int((NOW.timestamp() + expires) * 1000)
    creds = {"access_token": access, "refresh_token": "secret-refresh", "expiry_date": expiry}
    return machine.write(
        ".gemini/oauth_creds.json", creds | {"id_token": token({"sub": "100", "email": "ann@example.com"})}
    )


def test_facts_of_the_small_files(machine: Machine) -> None:
    sign_in(machine)
    machine.write(".gemini/google_accounts.json", {"active": "ann@example.com", "old": []})
    machine.write(
        ".gemini/settings.json",
        {"security": {"auth": {"selectedType": "oauth-personal"}}, "model": {"name": MODEL}},
    )
    machine.read()
    assert machine.facts == {
        "account_key": account_key("google", "100"),
        "account_email": "ann@example.com",
        "auth_type": "oauth-personal",
        "active_model": MODEL,
    }
    assert "secret" not in repr(machine.records)


@pytest.mark.parametrize("content", ["", "[]", '{"selectedAuthType":', '{"security":5,"model":[],"x":1}'])
def test_odd_settings_tell_nothing(machine: Machine, content: str) -> None:
    machine.write(".gemini/settings.json", content)
    machine.read()
    assert (machine.facts, machine.problems) == ({}, [])


def test_settings_of_the_first_versions(machine: Machine) -> None:
    machine.write(
        ".gemini/settings.json", {"selectedAuthType": "gemini-api-key", "model": "gemini-2.5-flash"}
    )
    machine.read()
    assert machine.facts == {"auth_type": "gemini-api-key", "active_model": "gemini-2.5-flash"}


# Google's quota


TIER = {
    "currentTier": {"id": "standard-tier", "name": "Gemini Code Assist"},
    "cloudaicompanionProject": "proj-1",
}
RESET = "2026-03-11T08:00:00Z"
BUCKETS = [
    {"modelId": MODEL, "tokenType": "REQUESTS", "remainingFraction": 0.75, "resetTime": RESET},
    {"modelId": "gemini-3-pro", "remainingFraction": 0.125, "resetTime": RESET},
    {"modelId": "gemini-2.5-flash", "tokenType": "REQUESTS", "remainingAmount": "0"},
    {"modelId": "gemini-2.5-flash-lite"},
    {"remainingFraction": 0.5},
    "odd",
]


def serve(httpserver: HTTPServer, plan: Json, quota: Json) -> str:
    for method, body in (("loadCodeAssist", plan), ("retrieveUserQuota", quota)):
        httpserver.expect_request(f"/v1internal:{method}", method="POST").respond_with_json(body)
    return httpserver.url_for("")


def test_quota_of_every_model_and_the_worst(machine: Machine, httpserver: HTTPServer) -> None:
    """`code_assist/types.ts`: RetrieveUserQuotaResponse; `config/config.ts`: refreshUserQuota."""
    sign_in(machine)
    machine.poll(serve(httpserver, TIER, {"buckets": BUCKETS}))
    resets_at_us = 1_773_216_000_000_000
    assert machine.readings["quota_model_gemini_2_5_pro_requests"] == QuotaReading(
        provider="gemini_cli",
        account="gemini-cli",
        key="quota_model_gemini_2_5_pro_requests",
        at_us=round(NOW.timestamp() * 1e6),
        unit="%",
        window="1d",
        used=25.0,
        limit=100.0,
        remaining=75.0,
        resets_at_us=resets_at_us,
        behaviour=Behaviour.CAP,
        scope=Scope.ACCOUNT,
    )
    used = {key: (r.used, r.unit, r.resets_at_us) for key, r in machine.readings.items()}
    del used["quota_model_gemini_2_5_pro_requests"]
    assert used == {
        "quota_model_gemini_3_pro_requests": (87.5, "%", resets_at_us),
        "quota_model_gemini_2_5_flash_requests": (100.0, "%", None),
        "quota": (100.0, "%", None),
        "quota_pro": (87.5, "%", resets_at_us),
        "quota_flash": (100.0, "%", None),
        "quota_models_tracked": (3.0, "models", None),
        "quota_models_low": (1.0, "models", None),
        "quota_models_exhausted": (1.0, "models", None),
    }
    assert machine.facts == {
        "tier_id": "standard-tier",
        "tier_name": "Gemini Code Assist",
        "plan_type": "Gemini Code Assist",
        "quota_api": "live",
    }
    plan, quota = (request for request, _ in httpserver.log)
    assert plan.json["metadata"]["pluginType"] == "GEMINI"
    assert quota.json == {"project": "proj-1"}
    assert quota.headers["Authorization"] == "Bearer secret-access"
    assert "secret" not in repr(machine.records)


def test_a_tier_that_is_paid_for_is_the_plan(machine: Machine, httpserver: HTTPServer) -> None:
    sign_in(machine)
    paid = {"paidTier": {"id": "g1-pro-tier", "name": "Google AI Pro"}}
    machine.poll(serve(httpserver, TIER | paid, {}))
    assert machine.facts["plan_type"] == "Google AI Pro"


@pytest.mark.parametrize("variable", ["GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID"])
def test_a_project_of_the_environment_is_asked_for(
    machine: Machine, httpserver: HTTPServer, variable: str
) -> None:
    sign_in(machine)
    machine.environ[variable] = "mine"
    machine.poll(serve(httpserver, TIER, {"buckets": BUCKETS}))
    assert httpserver.log[-1][0].json == {"project": "mine"}


def test_a_login_without_quota_is_told_and_is_no_error(machine: Machine, httpserver: HTTPServer) -> None:
    """Google ended the tool for personal logins in 2026: their history stays, their quota does not."""
    sign_in(machine)
    httpserver.expect_request("/v1internal:loadCodeAssist").respond_with_data("no", status=403)
    machine.poll(httpserver.url_for(""))
    assert machine.readings == {}
    assert machine.facts == {"quota_api": "no quota for this login"}


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthRequired), (429, SourceUnavailable), (500, SourceUnavailable)]
)
def test_refusals(machine: Machine, httpserver: HTTPServer, status: int, error: type[Exception]) -> None:
    sign_in(machine)
    httpserver.expect_request("/v1internal:loadCodeAssist").respond_with_data("no", status=status)
    with pytest.raises(error) as told:
        machine.poll(httpserver.url_for(""))
    assert "secret" not in repr(told.value)


def test_without_a_valid_login_nothing_is_asked_and_nothing_written(
    machine: Machine, httpserver: HTTPServer
) -> None:
    machine.write(".gemini/settings.json", {})
    assert machine.poll(httpserver.url_for("")) == []
    path = sign_in(machine, expires=-1)
    before = path.read_bytes()
    assert machine.poll(httpserver.url_for("")) == []
    assert path.read_bytes() == before
    for odd in (None, 5, "line\nbreak"):
        sign_in(machine, odd)
        assert machine.poll(httpserver.url_for("")) == []
    assert httpserver.log == []


# The fixture home


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("gemini_cli", home)
    machine.read()
    by_model: dict[str | None, int] = {}
    for event in machine.events():
        by_model[event.model] = by_model.get(event.model, 0) + event.tokens.total
    assert by_model == {
        MODEL: (9000 + 120 + 300) + (9600 + 40 + 10) + (9800 + 70 + 20) + (8000 + 200 + 400),
        "gemini-2.5-flash": (9400 + 60 + 37) + (3000 + 50 + 25),
    }
    assert {(e.project, e.agent) for e in machine.events()} == {
        ("shop", None),
        ("shop", "agent"),
        ("api", None),
    }
    assert {name: e.outcome for name, e in machine.tools.items()} == {
        "replace": Outcome.OK,
        "mcp__github__list_issues": Outcome.ERROR,
        "google_web_search": Outcome.OK,
        "invoke_agent": Outcome.OK,
        "read_file": Outcome.OK,
        "write_file": Outcome.OK,
        "run_shell_command": Outcome.ABORTED,
    }
    assert len(machine.events(EventKind.TURN)) == 3
    assert machine.problems == []
    shutil.rmtree(home / ".gemini/tmp")
    machine.read()
    assert len(machine.events()) == 6
