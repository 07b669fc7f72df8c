"""Claude Code's transcripts, files and API -> records: a table of lines for every rule, then whole homes."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import json
import os
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from openusage.errors import AuthRequired, SourceChanged, SourceUnavailable, UsageError
from openusage.providers import _jsonl, claude_code
from openusage.providers._contract import Chunk, Env
from openusage.wire.cursors import FileCursor
from openusage.wire.events import (
    Account,
    AccountFact,
    Behaviour,
    EventKind,
    Outcome,
    QuotaReading,
    Scope,
    TokenCounts,
    UsageEvent,
    event_key,
    merge,
)
from openusage.wire.identity import account_key
from openusage.wire.problems import Problem

FIXTURES = Path(__file__).parents[1] / "fixtures" / "claude_code"
NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
SLUG = "-home-ann-shop"
SESSION = "11111111-2222-4333-8444-555555555555"
AT = "2026-03-02T10:00:01.500Z"
AT_US = 1772445601500000
ACCOUNT = Account(id="claude-code", provider="claude_code")

small = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

type_ = dict[str, Any]


def usage(output: Any = 87, **more: Any) -> type_:
    return {
        "input_tokens": 4,
        "cache_creation_input_tokens": 1200,
        "cache_read_input_tokens": 9000,
        "output_tokens": output,
    } | more


def answer(
    *content: type_, id: Any = "msg_A", used: Any = None, model: Any = "claude-sonnet-4-5", **top: Any
) -> type_:
    """An assistant line; `...` as a value leaves the field out."""
    message = {"id": id, "model": model, "role": "assistant", "content": list(content)}
    line = {
        "type": "assistant",
        "timestamp": AT,
        "sessionId": SESSION,
        "uuid": "u-1",
        "requestId": "req_A",
        "cwd": "/home/ann/shop",
        "isSidechain": False,
        "message": message | {"usage": usage() if used is None else used},
    } | top
    if isinstance(line["message"], dict):
        line["message"] = {k: v for k, v in line["message"].items() if v is not ...}
    return {k: v for k, v in line.items() if v is not ...}


def prompt(content: Any = "do it", **top: Any) -> type_:
    return {
        "type": "user",
        "timestamp": AT,
        "sessionId": SESSION,
        "uuid": "u-0",
        "cwd": "/home/ann/shop",
        "isSidechain": False,
        "message": {"role": "user", "content": content},
    } | top


def use(name: str, id: str = "toolu_1", **given: Any) -> type_:
    return {"type": "tool_use", "id": id, "name": name, "input": given}


def result(id: str = "toolu_1", **more: Any) -> type_:
    return prompt([{"type": "tool_result", "tool_use_id": id, "content": "…"} | more], uuid="u-r")


def later(line: type_, seconds: int = 3) -> type_:
    return line | {"timestamp": f"2026-03-02T10:00:{1 + seconds:02}.500Z"}


Raw = type_ | bytes


def encode(lines: Iterable[Raw]) -> bytes:
    return b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines)


def write(home: Path, *lines: Raw, name: str = SESSION, slug: str = SLUG) -> Path:
    path = home / ".claude" / "projects" / slug / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(lines))
    return path


def env(home: Path, **more: Any) -> Env:
    return Env(home=home, environ=more.pop("environ", {}), now=NOW, **more)


class Kept:
    """What a store would keep: events merged by key, the newest facts, cursors as they travel."""

    def __init__(self) -> None:
        self.events: dict[bytes, UsageEvent] = {}
        self.facts: dict[str, AccountFact] = {}
        self.cursors: dict[str, FileCursor] = {}
        self.problems: list[Problem] = []

    def add(self, chunk: Chunk) -> None:
        for record in chunk.records:
            if isinstance(record, UsageEvent):
                old = self.events.get(record.event_key)
                self.events[record.event_key] = record if old is None else merge(old, record)
            elif isinstance(record, AccountFact):
                self.facts[record.key] = record
        for cursor in chunk.cursors:
            self.cursors[cursor.path] = msgspec.json.decode(msgspec.json.encode(cursor), type=FileCursor)
        for path in chunk.gone:
            del self.cursors[path]
        self.problems += chunk.problems

    def read(self, home: Path, chunks: int | None = None, **more: Any) -> int:
        """Read what is new, at most so many chunks; returns how many there were."""
        read = 0
        where = env(home, **more)
        for account in claude_code.discover(where):
            for chunk in claude_code.read(account, dict(self.cursors), where):
                self.add(chunk)
                read += 1
                if read == chunks:
                    break
        return read

    def of(self, kind: EventKind) -> list[UsageEvent]:
        return [event for event in self.events.values() if event.kind is kind]


def read_home(home: Path, **more: Any) -> Kept:
    kept = Kept()
    kept.read(home, **more)
    return kept


@pytest.fixture
def messages(home: Path) -> Any:
    """Lines of one transcript -> the messages in it."""

    def read(*lines: Raw) -> list[UsageEvent]:
        write(home, *lines)
        return read_home(home).of(EventKind.MESSAGE)

    return read


@pytest.fixture
def tools(home: Path) -> Any:
    def read(*lines: Raw) -> list[UsageEvent]:
        write(home, *lines)
        return read_home(home).of(EventKind.TOOL)

    return read


@pytest.fixture
def turns(home: Path) -> Any:
    def read(*lines: Raw) -> list[UsageEvent]:
        write(home, *lines)
        return read_home(home).of(EventKind.TURN)

    return read


# What is counted


def test_an_answer_is_one_message_with_everything_its_line_tells(messages: Any) -> None:
    assert messages(answer()) == [
        UsageEvent(
            provider="claude_code",
            account="claude-code",
            at_us=AT_US,
            kind=EventKind.MESSAGE,
            event_key=event_key("claude_code", "message", "msg_A"),
            tokens=TokenCounts(4, 87, 9000, 1200),
            model="claude-sonnet-4-5",
            upstream="anthropic",
            client="CLI",
            project="shop",
            session=SESSION,
        )
    ]


def test_a_streamed_answer_counts_once_with_its_greatest_usage_and_the_time_of_that_line(
    messages: Any,
) -> None:
    [event] = messages(answer(used=usage(3)), later(answer(used=usage(87))), later(answer(used=usage(50)), 5))
    assert event.tokens.output == 87
    assert event.at_us == AT_US + 3_000_000
    assert event.carried is None


def test_of_lines_with_equal_usage_the_earliest_gives_the_time(messages: Any) -> None:
    [event] = messages(later(answer()), answer(), later(answer(), 5))
    assert event.at_us == AT_US


def test_fields_grow_one_by_one_and_the_record_keeps_what_its_carrier_counted(messages: Any) -> None:
    low = usage(100) | {"cache_read_input_tokens": 8000}
    [event] = messages(answer(used=low), later(answer(used=usage(87))))
    assert event.tokens == TokenCounts(4, 100, 9000, 1200)
    assert event.carried == 4 + 87 + 9000 + 1200
    assert event.at_us == AT_US + 3_000_000


SPLIT = {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 1000}


@pytest.mark.parametrize(
    ("used", "tokens"),
    [
        (usage(cache_creation=SPLIT), TokenCounts(4, 87, 9000, 200, 1000)),
        (usage(cache_creation=None), TokenCounts(4, 87, 9000, 1200)),
        (usage(cache_creation={}), TokenCounts(4, 87, 9000, 1200)),
        (usage(output_tokens_details={"thinking_tokens": 50}), TokenCounts(4, 87, 9000, 1200)),
        (usage(cache_read_input_tokens=None), TokenCounts(4, 87, None, 1200)),
        ({"input_tokens": 5, "output_tokens": 6}, TokenCounts(5, 6)),
        (usage(input_tokens="4", output_tokens="87"), TokenCounts(4, 87, 9000, 1200)),
        (usage(input_tokens=4.0, cache_read_input_tokens="many"), TokenCounts(4, 87, None, 1200)),
        (usage(input_tokens=-4, output_tokens=10**30), TokenCounts(None, None, 9000, 1200)),
        (usage(input_tokens=True, cache_creation=[1]), TokenCounts(None, 87, 9000, 1200)),
        (usage(speed=7, server_tool_use="x", service_tier=None), TokenCounts(4, 87, 9000, 1200)),
    ],
)
def test_tokens(messages: Any, used: type_, tokens: TokenCounts) -> None:
    """Cache writes keep their life times, thinking stays inside the output, what is odd was not reported."""
    [event] = messages(answer(used=used))
    assert event.tokens == tokens


def test_searches_and_fetches_of_the_vendor_are_counted(messages: Any) -> None:
    counts = {"web_search_requests": 2, "web_fetch_requests": 0}
    [event] = messages(answer(used=usage(server_tool_use=counts)))
    assert (event.web_searches, event.web_fetches) == (2, 0)


@pytest.mark.parametrize(
    ("costs", "nano"),
    [([0.012345678], 12345678), ([0.1, "0.25", 0.2], 250000000), ([0], None), ([None], None), (["x"], None)],
)
def test_a_recorded_cost_is_kept_to_the_nano_dollar(
    messages: Any, costs: list[Any], nano: int | None
) -> None:
    [event] = messages(*(answer(costUSD=cost) for cost in costs))
    assert event.cost_reported_nano == nano


def test_fast_answers_have_a_model_of_their_own(messages: Any) -> None:
    [event] = messages(answer(model="claude-opus-4-6", used=usage(speed="fast")))
    assert event.model == "claude-opus-4-6-fast"
    [event] = messages(answer(model="claude-opus-4-6", used=usage(speed="standard")))
    assert event.model == "claude-opus-4-6"


@pytest.mark.parametrize(
    ("line", "upstream"),
    [
        (answer(id="msg_bdrk_01", requestId=...), "bedrock"),
        (answer(id="msg_vrtx_01", requestId=...), "vertex"),
        (answer(model="us.anthropic.claude-sonnet-4-5-v1:0"), "bedrock"),
        (answer(model="claude-sonnet-4-5@20250929"), "vertex"),
        (answer(model=...), "anthropic"),
        (answer(model="glm-4.6"), None),
    ],
)
def test_the_vendor_that_answered(messages: Any, line: type_, upstream: str | None) -> None:
    [event] = messages(line)
    assert event.upstream == upstream


@pytest.mark.parametrize(
    ("entrypoint", "client"),
    [(..., "CLI"), ("cli", "CLI"), ("claude-vscode", "IDE"), ("sdk-py", "SDK"), ("newthing", "newthing")],
)
def test_the_client(messages: Any, entrypoint: Any, client: str) -> None:
    [event] = messages(answer(entrypoint=entrypoint))
    assert event.client == client


@pytest.mark.parametrize(
    ("cwd", "project"),
    [
        ("/home/ann/shop", "shop"),
        ("/home/ann/shop/", "shop"),
        ("C:\\Users\\ann\\shop", "shop"),
        ("/home/ann/日本 app", "日本 app"),
        ("/", SLUG),
        ("", SLUG),
        (None, SLUG),
        (..., SLUG),
    ],
)
def test_the_project(messages: Any, cwd: Any, project: str) -> None:
    [event] = messages(answer(cwd=cwd))
    assert event.project == project


@pytest.mark.parametrize(
    "line",
    [
        answer(model="<synthetic>"),
        answer(isApiErrorMessage=True),
        answer(timestamp="yesterday"),
        answer(timestamp=...),
        answer(used=...),
        answer(used={}),
        answer(used="none"),
        answer(id=""),
        answer(requestId=""),
        answer(sessionId=""),
        answer(model=""),
        answer(message=...),
        answer(message="text"),
        {"type": "progress", "data": {"message": answer(id="msg_P")}, "timestamp": AT},
        {"type": "summary", "summary": '{"usage":{"input_tokens":1}}'},
    ],
)
def test_what_is_no_answer_is_not_counted(messages: Any, line: type_) -> None:
    [event] = messages(line, answer(id="msg_B"))
    assert event.event_key == event_key("claude_code", "message", "msg_B")


@pytest.mark.parametrize(
    ("time", "at_us"),
    [
        ("2026-03-02T11:00:01.500+01:00", AT_US),
        ("2026-03-02T10:00:01.5", AT_US),
        (1772445601500, AT_US),
        ("1772445601.5", AT_US),
        (1772445601500000, AT_US),
    ],
)
def test_times_of_any_make(messages: Any, time: Any, at_us: int) -> None:
    [event] = messages(answer(timestamp=time))
    assert event.at_us == at_us


# Identity: one event, whatever copies of it exist


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([answer(), answer(requestId="req_B")], 1),
        ([answer(), answer(sessionId="another")], 1),
        ([answer(), answer(used=usage() | {"input_tokens": 9})], 1),
        ([answer(requestId=...), answer(requestId=..., used=usage(99))], 1),
        ([answer(requestId=...), answer(requestId=..., used=usage() | {"input_tokens": 9})], 2),
        ([answer(requestId=...), answer(requestId=..., used=usage(cache_read_input_tokens=1))], 2),
        ([answer(id="msg_bdrk_1", requestId=...), answer(id="msg_bdrk_1")], 1),
        ([answer(id=...), answer(id=...)], 1),
        ([answer(id=...), answer(id=..., uuid="u-2")], 2),
        ([answer(id=..., uuid=...), answer(id=..., uuid=...)], 1),
        ([answer(id=..., uuid=...), later(answer(id=..., uuid=...))], 2),
        ([answer(id="msg_a"), answer(id="msg_A")], 2),
    ],
    ids=range(12),
)
def test_keys(messages: Any, lines: list[type_], count: int) -> None:
    assert len(messages(*lines)) == count


def test_a_resumed_session_copies_lines_that_count_once(home: Path) -> None:
    """Also when the copy holds an early, partial usage; tool calls and prompts are copied too."""
    lines = [prompt(), answer(use("Read", file_path="/a.py"), used=usage(3)), later(answer()), result()]
    write(home, *lines)
    once = read_home(home)
    copies = [line | {"sessionId": "zzz"} for line in lines[:2]]
    write(home, *copies, later(answer(id="msg_B", sessionId="zzz"), 9), name="zzz")
    both = read_home(home)
    new = event_key("claude_code", "message", "msg_B")
    assert both.events.pop(new).session == "zzz"
    assert both.events == once.events


def test_the_main_conversation_describes_what_a_side_question_replays(home: Path) -> None:
    """Whichever file is read first."""
    for names in [("agent-aside_question-1", SESSION), (SESSION, "agent-aside_question-1")]:
        shutil.rmtree(home / ".claude", ignore_errors=True)
        for age, name in enumerate(names):
            side = name != SESSION
            line = answer(isSidechain=side, requestId="req_side" if side else "req_A")
            os.utime(write(home, line, name=f"{SESSION}/subagents/{name}" if side else name), (age, age))
        [event] = read_home(home).of(EventKind.MESSAGE)
        assert event.agent is None


# Sub-agents


SIDE = {"isSidechain": True, "agentId": "a1"}
SUBAGENT = f"{SESSION}/subagents/agent-a1"


def test_a_subagents_type_is_told_by_the_file_beside_its_transcript(home: Path) -> None:
    path = write(home, prompt(**SIDE), answer(use("Bash"), **SIDE), name=SUBAGENT)
    path.with_name("agent-a1.meta.json").write_text('{"agentType":"Explore"}')
    kept = read_home(home)
    assert [(e.agent, e.session) for e in kept.of(EventKind.MESSAGE)] == [("Explore", SESSION)]
    assert [e.agent for e in kept.of(EventKind.TOOL)] == ["Explore"]
    assert kept.of(EventKind.TURN) == []


@pytest.mark.parametrize("name", [SUBAGENT, "agent-a1"])
@pytest.mark.parametrize("tool", ["Task", "Agent"])
def test_else_by_the_call_that_started_it(home: Path, tool: str, name: str) -> None:
    """In both layouts, though the sub-agent's file is the older one."""
    task = use(tool, subagent_type="reviewer", prompt="look at it", description="x")
    write(home, answer(task))
    child = write(home, prompt("look at it", **SIDE), answer(id="msg_S", **SIDE), name=name)
    os.utime(child, (1, 1))
    agents = {e.event_key: e.agent for e in read_home(home).of(EventKind.MESSAGE)}
    assert agents[event_key("claude_code", "message", "msg_S")] == "reviewer"


def test_a_subagent_that_starts_after_a_restart_still_has_its_type(home: Path) -> None:
    write(home, answer(use("Task", subagent_type="reviewer", prompt="look at it")))
    kept = read_home(home)
    child = write(home, prompt("look at it", **SIDE), name=SUBAGENT)
    kept.read(home)
    with child.open("ab") as file:
        file.write(encode([answer(id="msg_S", **SIDE)]))
    kept.read(home)
    assert kept.events[event_key("claude_code", "message", "msg_S")].agent == "reviewer"


def test_else_it_is_just_an_agent(home: Path) -> None:
    write(home, prompt("who am I", **SIDE), answer(**SIDE), name=SUBAGENT)
    assert [e.agent for e in read_home(home).of(EventKind.MESSAGE)] == ["agent"]


def test_subagents_inside_their_parents_file_are_told_apart_by_the_thread_of_lines(home: Path) -> None:
    """Versions 1 and 2.0: two sub-agents at a time, their lines in turns; also across a restart."""

    def side(uuid: str, parent: str | None) -> type_:
        return {"isSidechain": True, "uuid": uuid, "parentUuid": parent}

    calls = [use("Task", f"toolu_{n}", subagent_type=n, prompt=f"be {n}") for n in ("red", "blue")]
    path = write(home, answer(*calls), prompt("be red", **side("r1", None)))
    kept = read_home(home)
    with path.open("ab") as file:
        file.write(
            encode(
                [
                    prompt("be blue", **side("b1", None)),
                    answer(id="msg_R", **side("r2", "r1")),
                    answer(id="msg_B", **side("b2", "b1")),
                    answer(id="msg_R2", **side("r3", "r2")),
                    answer(id="msg_lost", **side("x2", "x1")),
                    answer(id="msg_M", uuid="m1"),
                ]
            )
        )
    kept.read(home)
    agents = {n: kept.events[event_key("claude_code", "message", f"msg_{n}")].agent for n in AGENTS}
    assert agents == AGENTS


AGENTS = {"R": "red", "B": "blue", "R2": "red", "lost": "agent", "M": None, "A": None}


# Tool calls and turns


def test_a_tool_call_is_one_event_with_the_outcome_of_its_later_result(tools: Any) -> None:
    call = use("Edit", file_path="/home/ann/shop/a.py", old_string="x\ny\n", new_string="z")
    [event] = tools(answer(call), later(result()))
    assert event == UsageEvent(
        provider="claude_code",
        account="claude-code",
        at_us=AT_US,
        kind=EventKind.TOOL,
        event_key=event_key("claude_code", "tool", "toolu_1"),
        client="CLI",
        project="shop",
        session=SESSION,
        tool="Edit",
        outcome=Outcome.OK,
        language="python",
        lines_added=1,
        lines_removed=2,
        file_key=event.file_key,
    )
    assert event.file_key is not None
    assert 0 <= event.file_key < 1 << 63


def test_tool_calls_of_all_lines_of_an_answer_count_once_each(tools: Any) -> None:
    lines = [
        answer(use("Bash", "t1")),
        answer(use("Grep", "t2")),
        answer(use("Grep", "t2"), use("Read", "t3")),
    ]
    assert sorted(event.tool for event in tools(*lines)) == ["Bash", "Grep", "Read"]


def test_a_call_told_twice_before_its_result_is_the_earlier_one(tools: Any) -> None:
    [event] = tools(answer(use("Bash")), later(answer(use("Bash"))), later(result(), 5))
    assert (event.at_us, event.outcome) == (AT_US, Outcome.OK)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_copies_of_a_call_give_one_event_in_whatever_order_they_are_read(
    home: Path, order: tuple[int, ...]
) -> None:
    write_call = use("Write", file_path="/a.py", content="1")
    longer = use("Write", file_path="/a.py", content="1\n2")
    copies = [
        later(answer(write_call, sessionId="aaa")),
        answer(write_call, sessionId="bbb"),
        later(answer(longer, sessionId="ccc"), 9),
    ]
    for name, copy in enumerate(copies):
        os.utime(write(home, copy, name=str(name)), (order[name], order[name]))
    [event] = read_home(home).of(EventKind.TOOL)
    assert (event.at_us, event.session, event.lines_added) == (AT_US, "bbb", 2)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (result(is_error=False), Outcome.OK),
        (result(), Outcome.OK),
        (result(is_error=True), Outcome.ERROR),
        (result(is_error="true"), Outcome.ERROR),
        (result(is_error=True, content="The user doesn't want to proceed with this…"), Outcome.ABORTED),
        (result(is_error=True, content=[{"text": "[Request interrupted by user]"}]), Outcome.ABORTED),
        (result("toolu_other"), None),
        (prompt("no result"), None),
    ],
    ids=range(8),
)
def test_outcomes(tools: Any, said: type_, outcome: Outcome | None) -> None:
    [event] = tools(answer(use("Bash")), said)
    assert event.outcome is outcome


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (use("Write", file_path="/x/b.TSX", content="1\n2\n3\n"), ("typescript", 3, None)),
        (use("Write", file_path="/x/Dockerfile", content=""), ("dockerfile", 0, None)),
        (
            use(
                "MultiEdit",
                file_path="C:\\x\\c.go",
                edits=[
                    {"old_string": "a", "new_string": "b\nc"},
                    {"old_string": "d\ne", "new_string": ""},
                    "odd",
                ],
            ),
            ("go", 2, 3),
        ),
        (use("NotebookEdit", notebook_path="/n.ipynb", new_source="x\ny"), ("jupyter", 2, None)),
        (use("Edit", file_path="/x/noext", old_string="a", new_string=7), (None, None, 1)),
        (use("Edit", file_path="/x/\ud83d.rs", old_string="a", new_string="b"), ("rust", 1, 1)),
        (use("Read", file_path="/x/a.rs"), ("rust", None, None)),
        (use("Edit", old_string="a", new_string="b"), (None, None, None)),
        (use("Bash", command="vi /x/a.rs"), (None, None, None)),
        (use("mcp__files__write", file_path="/x/a.rs", content="1"), (None, None, None)),
        (use("Write") | {"input": "odd"}, (None, None, None)),
    ],
    ids=range(11),
)
def test_what_a_call_did(tools: Any, call: type_, expected: tuple[Any, ...]) -> None:
    [event] = tools(answer(call))
    assert (event.language, event.lines_added, event.lines_removed) == expected
    assert (event.file_key is not None) == (event.lines_added is not None or event.lines_removed is not None)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (prompt(), 1),
        (prompt([{"type": "text", "text": "look"}, {"type": "image", "source": {}}]), 1),
        (prompt([{"type": "image", "source": {}}]), 1),
        (prompt("<command-message>init</command-message>\n<command-name>/init</command-name>"), 1),
        (prompt("half a \ud83d"), 1),
        (prompt(isMeta=True), 0),
        (prompt(isSidechain=True), 0),
        (prompt(isCompactSummary=True), 0),
        (prompt(isVisibleInTranscriptOnly=True), 0),
        (prompt("<local-command-stdout>ok</local-command-stdout>"), 0),
        (prompt("<command-name>/clear</command-name>"), 0),
        (prompt([{"type": "text", "text": "[Request interrupted by user]"}]), 0),
        (prompt(""), 0),
        (prompt([]), 0),
        (prompt(None), 0),
        (prompt(timestamp="?"), 0),
        (result(), 0),
    ],
    ids=range(17),
)
def test_turns(turns: Any, line: type_, count: int) -> None:
    assert len(turns(line)) == count


def test_a_turn_is_known_by_its_line(turns: Any) -> None:
    [event] = turns(prompt(), prompt(sessionId="zzz"))
    assert event.event_key == event_key("claude_code", "turn", "u-0")
    assert (event.session, event.project, event.at_us) == (SESSION, "shop", AT_US)


def test_nothing_of_a_text_a_command_or_a_path_is_in_a_record_or_a_problem(home: Path) -> None:
    secret = "hunter2"
    calls = [
        use("Edit", "t1", file_path=f"/home/{secret}/a.py", old_string=secret, new_string=secret),
        use("Bash", "t2", command=secret),
        use("Task", "t3", prompt=secret, subagent_type="x"),
    ]
    text = {"type": "text", "text": secret}
    broken = b'{"type":"assistant","message":"' + secret.encode()
    write(home, prompt(secret), answer(text, *calls), result("t2", content=secret, is_error=True), broken)
    kept = read_home(home)
    assert len(kept.events) == 5
    assert secret not in repr(kept.events)
    assert [p.what for p in kept.problems] == ["a line that is not JSON"]
    assert all(secret.encode() not in cursor.state for cursor in kept.cursors.values())


# Lines that cannot be used as they are


SURROGATE = json.dumps(answer({"type": "text", "text": "cut \ud83d"}, use("Bash"))).encode()


@pytest.mark.parametrize(
    "line",
    [
        SURROGATE,
        b"\0\0\0" + json.dumps(answer()).encode(),
        b"\xef\xbb\xbf" + json.dumps(answer()).encode() + b"\r",
        json.dumps(answer({"type": "text", "text": "X"})).encode().replace(b"X", b"\xff\xfe \x07"),
        json.dumps(answer(uuid=5, isSidechain="false", cwd=["odd"], parentUuid={}, isMeta=0)).encode(),
        json.dumps(answer(7, None, {"type": 3, "name": {}}, version=2)).encode(),  # type: ignore[arg-type]
        json.dumps(answer(toolUseResult={"a": [1e400, None]})).encode(),
    ],
    ids=range(7),
)
def test_an_odd_line_is_not_lost(messages: Any, line: bytes) -> None:
    [event] = messages(line)
    assert event.tokens == TokenCounts(4, 87, 9000, 1200)
    assert event.event_key == event_key("claude_code", "message", "msg_A")


def test_text_that_cannot_travel_is_repaired(messages: Any) -> None:
    [event] = messages(answer(cwd="/x/\ud83d"))
    assert event.project == "?"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"\0" * 600, "NUL bytes"),
        (os.urandom(50).replace(b"\n", b"") + b"\xff", "not JSON"),
        (b'{"type":"assistant","message":{"usage":{"input_tokens":99999', "not JSON"),
        (b"[1,2]", "no JSON object"),
        (b"[" * 200_000, "not JSON"),
        (json.dumps(answer(timestamp="?")).encode(), "without a time"),
        (json.dumps(answer(id="")).encode(), "empty id"),
        (json.dumps(answer(used=usage() | {"output_tokens": -87})).encode(), "token count"),
    ],
    ids=["nul", "binary", "cut", "list", "deep", "time", "id", "count"],
)
def test_a_bad_line_is_told_with_its_place_and_the_others_count(home: Path, line: bytes, what: str) -> None:
    path = write(home, answer(), b"", line, answer(id="msg_B"))
    kept = read_home(home)
    assert len(kept.of(EventKind.MESSAGE)) == 2
    [problem] = kept.problems
    assert what in problem.what
    assert (problem.path, problem.offset) == (str(path), len(encode([answer(), b""])))


def test_many_bad_lines_are_told_one_by_one_up_to_twenty(home: Path) -> None:
    write(home, *[b"x"] * 50, answer())
    kept = read_home(home)
    assert len(kept.of(EventKind.MESSAGE)) == 1
    assert len(kept.problems) == 21
    assert kept.problems[-1].what == "30 more lines cannot be read"


@pytest.mark.slow
def test_a_line_of_fifty_megabytes_is_read(home: Path) -> None:
    image = {"type": "text", "text": "x" * (50 << 20)}
    write(home, prompt([image]), answer(image), answer(id="msg_B"))
    kept = read_home(home)
    assert len(kept.of(EventKind.MESSAGE)) == 2
    assert len(kept.of(EventKind.TURN)) == 1


# Folding lines is merging records

TEXTS = st.sampled_from(["a", "b"])
COUNTS = st.sampled_from([None, 0, 1, 2, 5])


@st.composite
def random_line(draw: st.DrawFn) -> type_:
    if draw(st.booleans()):
        return later(result(draw(TEXTS), is_error=draw(st.booleans())), draw(st.integers(0, 9)))
    counts = [
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
    ]
    used = {name: draw(COUNTS) for name in counts}
    call = use(
        "Write", draw(TEXTS), file_path="/" + draw(TEXTS), content=draw(st.sampled_from(["", "1", "1\n2"]))
    )
    line = answer(
        *([call] if draw(st.booleans()) else []),
        id=draw(TEXTS),
        used=used,
        model=draw(TEXTS),
        sessionId=draw(TEXTS),
        cwd="/" + draw(TEXTS),
        isSidechain=draw(st.booleans()),
        entrypoint=draw(TEXTS),
        costUSD=draw(st.sampled_from([None, 0.5, 1.5])),
        uuid=str(draw(st.integers(0, 99))),
    )
    return later(line, draw(st.integers(0, 5)))


@small
@given(st.lists(random_line(), min_size=1, max_size=12), st.data())
def test_reading_lines_together_gives_what_merging_their_records_gives(
    tmp_path_factory: pytest.TempPathFactory, lines: list[type_], data: st.DataObject
) -> None:
    """All lines in one chunk, or a restart before every line: the same events."""
    together, apart = (tmp_path_factory.mktemp(name) for name in ("together", "apart"))
    write(together, *lines)
    once = read_home(together)
    kept = Kept()
    for end in range(len(lines)):
        write(apart, *lines[: end + 1])
        kept.read(apart)
    assert kept.events == once.events


# Files


def growing(source: Path, home: Path, shares: list[dict[Path, int]]) -> Iterator[None]:
    """The files of `source` appear under `home` in steps, each file up to a number of bytes a step."""
    for step in shares:
        for path, size in step.items():
            target = home / ".claude" / "projects" / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            have = target.stat().st_size if target.exists() else 0
            with target.open("ab") as file:
                file.write(path.read_bytes()[have:size])
        yield


def steps(source: Path, seed: int, count: int) -> list[dict[Path, int]]:
    chance = random.Random(seed)
    files = {p: p.stat().st_size for p in sorted(source.rglob("*.jsonl"))}
    meta = {p: p.stat().st_size for p in source.rglob("*.json")}
    cuts = {
        p: [*sorted(chance.randint(0, size) for _ in range(count - 1)), size] for p, size in files.items()
    }
    return [meta | {path: cuts[path][n] for path in files} for n in range(count)]


@functools.cache
def fixture_events() -> dict[bytes, UsageEvent]:
    kept = Kept()
    account = msgspec.structs.replace(ACCOUNT, roots=(str(FIXTURES / "home/.claude/projects"),))
    for chunk in claude_code.read(account, {}, env(Path("/nonexistent"))):
        kept.add(chunk)
    return kept.events


def test_a_home_full_of_traps_is_counted_to_the_token() -> None:
    """Streamed, copied, replayed and broken lines; sub-agents; gateways. The truth is the generator's."""
    truth = json.loads((FIXTURES / "truth.json").read_text())
    found: dict[str, dict[str, dict[str, int]]] = {}
    for event in fixture_events().values():
        if event.kind is not EventKind.MESSAGE:
            continue
        day = dt.datetime.fromtimestamp(event.at_us / 1e6, dt.UTC).date().isoformat()
        row = found.setdefault(day, {}).setdefault(str(event.model), {"messages": 0})
        row["messages"] += 1
        for name in TokenCounts.__struct_fields__:
            row[name] = row.get(name, 0) + (getattr(event.tokens, name) or 0)
    assert found == truth["days"]


@settings(small, max_examples=12)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 8), chunk=st.integers(1, 400))
def test_reading_in_slices_with_restarts_equals_reading_once(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    count: int,
    chunk: int,
) -> None:
    """Files grow by any number of bytes, chunks have any size, and the program is killed between chunks."""
    monkeypatch.setattr(claude_code, "CHUNK_RECORDS", chunk)
    monkeypatch.setattr(_jsonl, "BLOCK_BYTES", 5000)
    home, source, kept = tmp_path_factory.mktemp("home"), FIXTURES / "home/.claude/projects", Kept()
    for _ in growing(source, home, steps(source, seed, count)):
        kept.read(home, chunks=random.Random(seed).randint(1, 6))
    kept.read(home)
    assert kept.events == fixture_events()
    assert kept.read(home) == 0


def test_half_the_files_deleted_changes_no_event_and_forgets_their_cursors(home: Path) -> None:
    shutil.copytree(FIXTURES / "home/.claude/projects", home / ".claude" / "projects")
    kept = read_home(home)
    files = sorted((home / ".claude").rglob("*.jsonl"))
    for path in files[::2]:
        path.unlink()
    kept.read(home)
    assert kept.events == fixture_events()
    assert set(kept.cursors) == {str(path) for path in files[1::2]}


def test_a_second_read_finds_nothing(home: Path) -> None:
    write(home, answer())
    kept = read_home(home)
    assert kept.read(home) == 0
    [account] = claude_code.discover(env(home))
    assert claude_code.plan(account, kept.cursors, env(home)).bytes_to_read == 0


def test_a_plan_knows_what_a_read_will_do(home: Path) -> None:
    path = write(home, answer())
    kept = read_home(home)
    with path.open("ab") as file:
        file.write(encode([answer(id="msg_B")]))
    other = write(home, answer(id="msg_C"), name="other")
    [account] = claude_code.discover(env(home))
    plan = claude_code.plan(account, kept.cursors, env(home))
    assert (plan.files, plan.bytes_to_read) == (2, len(encode([answer(id="msg_B")])) + other.stat().st_size)
    chunks = list(claude_code.read(account, kept.cursors, env(home)))
    assert sum(chunk.bytes_read for chunk in chunks) == plan.bytes_to_read


def test_a_replaced_or_shortened_file_is_read_again_and_nothing_counts_twice(home: Path) -> None:
    path = write(home, answer(), answer(id="msg_B"))
    kept = read_home(home)
    path.write_bytes(encode([answer(id="msg_B")]))
    kept.read(home)
    assert len(kept.events) == 2
    path.write_bytes(encode([answer(id="msg_C", uuid="other"), answer(), answer(id="msg_B")]))
    kept.read(home)
    assert len(kept.events) == 3


def test_a_file_that_cannot_be_opened_is_a_problem_and_the_others_count(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = write(home, answer(), name="bad")
    write(home, answer(id="msg_B"))
    real = Path.open

    def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self == bad:
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    kept = read_home(home)
    assert len(kept.events) == 1
    assert [(p.path, "Permission denied" in p.what) for p in kept.problems] == [(str(bad), True)]
    assert str(bad) not in kept.cursors


def test_files_are_read_oldest_first_and_subagents_after_their_parents(home: Path) -> None:
    for age, name in enumerate([SUBAGENT, "new", "old"]):
        os.utime(write(home, answer(id=name), name=name), (100 - age, 100 - age))
    [account] = claude_code.discover(env(home))
    [chunk] = claude_code.read(account, {}, env(home))
    assert [Path(cursor.path).stem for cursor in chunk.cursors] == ["old", "new", "agent-a1"]


# Accounts


def test_an_empty_home_has_no_account(home: Path) -> None:
    assert list(claude_code.discover(env(home))) == []


def test_transcripts_without_the_program_are_an_account(home: Path) -> None:
    path = write(home, answer())
    [account] = claude_code.discover(env(home))
    assert (account.id, account.provider) == ("claude-code", "claude_code")
    assert account.roots == (str(path.parents[1]),)


def test_an_account_file_alone_is_an_account(home: Path) -> None:
    (home / ".claude.json").write_text("{}")
    [account] = claude_code.discover(env(home))
    assert account.roots == ()


@pytest.mark.parametrize(
    ("environ", "roots"),
    [
        ({}, [".claude/projects", ".config/claude/projects"]),
        ({"XDG_CONFIG_HOME": "{home}/xdg"}, [".claude/projects", "xdg/claude/projects"]),
        ({"CLAUDE_CONFIG_DIR": "{home}/one"}, ["one/projects"]),
        (
            {"CLAUDE_CONFIG_DIR": "~/one, {home}/two/projects,,{home}/absent"},
            ["one/projects", "two/projects"],
        ),
        ({"CLAUDE_CONFIG_DIR": "{home}/one,{home}/one/projects,{home}/link"}, ["one/projects"]),
    ],
    ids=range(5),
)
def test_roots(home: Path, environ: dict[str, str], roots: list[str]) -> None:
    for name in [".claude", ".config/claude", "xdg/claude", "one", "two"]:
        (home / name / "projects").mkdir(parents=True)
    (home / "link").symlink_to(home / "one")
    where = env(home, environ={k: v.format(home=home) for k, v in environ.items()})
    [account] = claude_code.discover(where)
    assert list(account.roots) == [str(home / root) for root in roots]


def test_linked_projects_and_files_are_read_once(home: Path) -> None:
    path = write(home, answer())
    (path.parents[1] / "linked").symlink_to(path.parent)
    (path.parent / "loop").symlink_to(path.parents[1])
    (path.parent / "again.jsonl").symlink_to(path)
    (path.parent / "dangling.jsonl").symlink_to(home / "nowhere")
    kept = read_home(home)
    assert list(kept.cursors) == [str(path)]
    assert len(kept.events) == 1
    assert [Path(problem.path).name for problem in kept.problems] == ["dangling.jsonl"]


LOGIN = {
    "oauthAccount": {
        "accountUuid": "acc-1",
        "emailAddress": "ann@example.com",
        "displayName": "Ann",
        "organizationUuid": "org-1",
        "billingType": "stripe_subscription",
        "hasExtraUsageEnabled": False,
    },
    "hasAvailableSubscription": False,
}


def test_facts_of_the_account_are_read_when_their_files_change(home: Path) -> None:
    write(home)
    path = home / ".claude.json"
    path.write_text(json.dumps(LOGIN))
    (home / ".claude" / "settings.json").write_text('{"model":"opus","alwaysThinkingEnabled":true}')
    kept = read_home(home)
    assert {key: fact.value for key, fact in kept.facts.items()} == {
        "account_email": "ann@example.com",
        "account_name": "Ann",
        "organization_uuid": "org-1",
        "billing_type": "stripe_subscription",
        "extra_usage_enabled": "false",
        "account_key": account_key("anthropic", "acc-1"),
        "plan_type": "pro",
        "subscription": "active",
        "active_model": "opus",
        "always_thinking": "true",
    }
    assert kept.facts["plan_type"].at_us == path.stat().st_mtime_ns // 1000
    assert kept.read(home) == 0
    path.write_text(json.dumps({"numStartups": 1000}))
    kept.read(home)
    assert kept.facts["subscription"].value == "none"


def test_an_account_file_caught_half_written_is_read_when_it_is_whole(home: Path) -> None:
    path = home / ".claude.json"
    path.write_text(json.dumps(LOGIN)[:-20])
    kept = read_home(home)
    assert (kept.facts, len(kept.problems)) == ({}, 1)
    path.write_text(json.dumps(LOGIN))
    kept.read(home)
    assert kept.facts["account_name"].value == "Ann"


def test_a_named_directory_has_its_own_account_file(home: Path) -> None:
    (home / "one").mkdir()
    (home / "one" / ".claude.json").write_text(json.dumps(LOGIN))
    (home / ".claude.json").write_text("{}")
    kept = read_home(home, environ={"CLAUDE_CONFIG_DIR": str(home / "one")})
    assert kept.facts["account_name"].value == "Ann"


# The usage endpoint

LIMITS = {
    "five_hour": {"utilization": 33.0, "resets_at": "2026-03-02T14:00:00.5+00:00"},
    "seven_day": {"utilization": 100, "resets_at": "2026-03-02T11:00:00+00:00"},
    "seven_day_opus": None,
    "seven_day_oauth_apps": {"utilization": 1.5, "resets_at": None},
    "brand_new": {"utilization": 2, "resets_at": "soon"},
    "extra_usage": {"is_enabled": False, "monthly_limit": None, "used_credits": None, "utilization": None},
    "odd": 7,
}


def login(home: Path, expires: dt.datetime = NOW + dt.timedelta(hours=1)) -> None:
    (home / ".claude").mkdir(exist_ok=True)
    oauth = {"accessToken": "tok", "refreshToken": "ref", "expiresAt": int(expires.timestamp() * 1000)}
    (home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": oauth}))


def poll(home: Path, base: str) -> list[Any]:
    with httpx.Client(trust_env=False) as http:
        return list(claude_code.poll(ACCOUNT, env(home, http=http, base_urls={"claude_code": base})))


def test_limits_are_asked_as_the_tool_asks_and_every_window_is_kept(
    home: Path, httpserver: HTTPServer
) -> None:
    login(home)
    headers = {"Authorization": "Bearer tok", "anthropic-beta": "oauth-2025-04-20"}
    httpserver.expect_oneshot_request("/api/oauth/usage", headers=headers).respond_with_json(LIMITS)
    readings = poll(home, httpserver.url_for("/"))
    assert readings[0] == QuotaReading(
        provider="claude_code",
        account="claude-code",
        key="usage_five_hour",
        at_us=int(NOW.timestamp()) * 1_000_000,
        unit="%",
        window="5h",
        used=33.0,
        limit=100.0,
        remaining=67.0,
        resets_at_us=1772460000500000,
        behaviour=Behaviour.CAP,
        scope=Scope.ACCOUNT,
    )
    assert [(r.key, r.window, r.used, r.resets_at_us) for r in readings[1:]] == [
        ("usage_seven_day", "7d", 0.0, None),
        ("usage_seven_day_oauth_apps", "7d-oauth-apps", 1.5, None),
        ("usage_brand_new", "current", 2.0, None),
    ]
    [(request, _)] = httpserver.log
    assert request.headers["User-Agent"].startswith("claude-code/")


def test_without_a_valid_login_or_a_network_nothing_is_asked(home: Path, httpserver: HTTPServer) -> None:
    assert poll(home, httpserver.url_for("/")) == []
    login(home, expires=NOW)
    before = (home / ".claude" / ".credentials.json").read_bytes()
    assert poll(home, httpserver.url_for("/")) == []
    assert (home / ".claude" / ".credentials.json").read_bytes() == before
    login(home)
    assert list(claude_code.poll(ACCOUNT, env(home))) == []
    (home / ".claude" / ".credentials.json").write_text('{"claudeAiOauth": "odd"}')
    assert poll(home, httpserver.url_for("/")) == []
    assert httpserver.log == []


@pytest.mark.parametrize(
    ("status", "body", "error", "hint"),
    [
        (401, "{}", AuthRequired, "/login"),
        (403, "{}", AuthRequired, "/login"),
        (429, "{}", SourceUnavailable, ""),
        (500, "{}", SourceUnavailable, ""),
        (302, "{}", SourceUnavailable, ""),
        (200, "<html>", SourceChanged, ""),
        (200, "[]", SourceChanged, ""),
    ],
)
def test_refusals(
    home: Path, httpserver: HTTPServer, status: int, body: str, error: type[Exception], hint: str
) -> None:
    login(home)
    answer = httpserver.expect_oneshot_request("/api/oauth/usage")
    answer.respond_with_data(body, status=status, headers={"Retry-After": "120"})
    with pytest.raises(error) as raised:
        poll(home, httpserver.url_for("/"))
    assert hint in getattr(raised.value, "hint", "")
    assert "tok" not in str(raised.value)


def test_a_vendor_that_does_not_answer_is_unavailable(home: Path) -> None:
    login(home)
    with pytest.raises(SourceUnavailable, match="cannot be asked"):
        poll(home, "http://127.0.0.1:9")


# Hooks


def hook(payload: type_, now_us: int = AT_US) -> list[Any]:
    return list(claude_code.parse_hook(json.dumps(payload).encode(), "claude-code", now_us))


HOOKED: type_ = {
    "session_id": SESSION,
    "cwd": "/home/ann/shop",
    "hook_event_name": "PostToolUse",
    "tool_name": "Edit",
    "tool_input": {"file_path": "/a.py", "old_string": "x", "new_string": "y"},
    "tool_response": {"ok": True},
    "tool_use_id": "toolu_1",
}


def test_a_tool_hook_is_the_same_event_as_the_transcripts(home: Path) -> None:
    """Told first by the hook, a moment later by the transcript, which then describes it."""
    [told] = hook(HOOKED, AT_US + 500)
    assert (told.tool, told.outcome, told.language, told.lines_added) == ("Edit", Outcome.OK, "python", 1)
    write(home, answer(use("Edit", **HOOKED["tool_input"])), result())
    [read] = read_home(home).of(EventKind.TOOL)
    assert merge(told, read) == read


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (HOOKED, Outcome.OK),
        (HOOKED | {"hook_event_name": "PreToolUse"}, None),
        (HOOKED | {"hook_event_name": "PostToolUseFailure"}, Outcome.ERROR),
        (HOOKED | {"tool_response": {"is_error": True}}, Outcome.ERROR),
    ],
    ids=range(4),
)
def test_outcomes_of_hooks(payload: type_, outcome: Outcome | None) -> None:
    [event] = hook(payload)
    assert event.outcome is outcome


def test_a_hook_that_only_says_that_something_ended_is_no_record() -> None:
    assert hook({"hook_event_name": "Stop", "session_id": SESSION, "transcript_path": "/x.jsonl"}) == []
    assert hook({"hook_event_name": "PostToolUse", "tool_name": "Bash"}) == []
    assert hook({}) == []


def test_usage_in_a_hook_is_a_message_and_the_same_one_when_it_comes_again() -> None:
    payload = {"hook_event_name": "Stop", "request_id": "req-1", "model": "claude-opus-4-6", "usage": usage()}
    [first] = hook(payload)
    [again] = hook(payload, AT_US + 9)
    assert first.kind is EventKind.MESSAGE
    assert first.tokens == TokenCounts(4, 87, 9000, 1200)
    assert first.event_key == again.event_key


def test_usage_in_a_hook_with_a_message_id_is_the_transcripts_message() -> None:
    [event] = hook(
        {"message": {"id": "msg_A", "model": "m", "usage": usage()}, "request_id": "req_A", "time": AT}
    )
    assert event.event_key == event_key("claude_code", "message", "msg_A")
    assert event.at_us == AT_US


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff"])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(UsageError, match="hook payload"):
        claude_code.parse_hook(payload, "claude-code", AT_US)


def test_the_text_of_a_hook_is_not_kept() -> None:
    said = {"prompt": "hunter2", "tool_response": {"stdout": "hunter2"}}
    assert "hunter2" not in repr(hook(HOOKED | said))
