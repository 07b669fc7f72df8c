"""Codebuff: chats -> records, one row for every rule of counting and every known trap.

What a row says of messages and blocks is from the tool's own source (github.com/CodebuffAI/codebuff, 2026:
`cli/src/types/chat.ts`); what it says of use, from what the tool wrote.
"""

from __future__ import annotations

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
from tests.support.tools import Json, Machine, at, us

CHAT = "2026-03-02T10-00-00.000Z"
PROJECTS = ".config/manicode/projects"
MODEL = "claude-sonnet-4-5"


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("codebuff", home)


def write(machine: Machine, *messages: Any, chat: str = CHAT, project: str = "shop") -> Path:
    return machine.write(f"{PROJECTS}/{project}/chats/{chat}/chat-messages.json", list(messages))


def used(**more: Any) -> Json:
    counts = {"inputTokens": 100, "outputTokens": 50}
    return counts | {"cacheCreationInputTokens": 20, "cacheReadInputTokens": 10} | more


def answer(seconds: float = 6, metadata: Any = None, **more: Any) -> Json:
    metadata = {"model": MODEL, "usage": used()} if metadata is None else metadata
    made = {"id": "a1", "variant": "ai", "timestamp": at(seconds), "content": "", "metadata": metadata}
    return made | more


def history(*told: Any) -> Json:
    past = [{"role": "assistant", "providerOptions": t} for t in told]
    past.append({"role": "user", "providerOptions": {"usage": used(inputTokens=9)}})
    return {"runState": {"sessionState": {"mainAgentState": {"messageHistory": past}}}}


@pytest.mark.parametrize(
    ("environ", "roots"),
    [
        (
            {},
            [f".config/{c}/projects" for c in ("manicode", "manicode-dev", "manicode-staging")],
        ),
        ({"CODEBUFF_DATA_DIR": "~/a, ~/b/projects"}, ["a/projects", "b/projects"]),
    ],
)
def test_places_are_found_by_variable_or_default(
    home: Path, environ: dict[str, str], roots: list[str]
) -> None:
    for name in ("manicode", "manicode-dev", "manicode-staging"):
        (home / ".config" / name / "projects").mkdir(parents=True)
    for name in ("a/projects", "b/projects"):
        (home / name).mkdir(parents=True)
    machine = Machine("codebuff", home, environ)
    assert [a.roots for a in machine.accounts] == [tuple(str((home / r).resolve()) for r in roots)]


def test_an_answer_is_a_message_in_disjoint_buckets(machine: Machine) -> None:
    write(machine, answer())
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="codebuff",
            account="codebuff",
            at_us=us(6),
            kind=EventKind.MESSAGE,
            event_key=event_key("codebuff", CHAT, "message", "a1"),
            tokens=TokenCounts(100, 50, 10, 20),
            model=MODEL,
            upstream="anthropic",
            client="CLI",
            project="shop",
            session=CHAT,
        )
    ]
    assert machine.problems == []


NONE = (None, None, None, None, None)
COUNTS = (100, 50, 10, 20, None)
COUNTING: dict[str, tuple[list[Any], list[tuple[int | None, ...]]]] = {
    "2: older answers are told by their role": ([answer(variant=None, role="assistant")], [COUNTS]),
    "2: sub-agents' own messages": ([answer(variant="agent")], [COUNTS]),
    "2: names with underscores": (
        [
            answer(
                metadata={
                    "usage": {
                        "input_tokens": 100,
                        "output_tokens": 50,
                        "cache_read_input_tokens": 10,
                        "cache_creation_input_tokens": 20,
                    }
                }
            )
        ],
        [COUNTS],
    ),
    "3: in `codebuff`": ([answer(metadata={"codebuff": {"usage": used()}})], [COUNTS]),
    "3: in the history, the newest answer": (
        [answer(metadata=history({"usage": used(inputTokens=5)}, {"codebuff": {"usage": used()}}))],
        [COUNTS],
    ),
    "3: the history is not looked at where the answer says it": (
        [answer(metadata={"usage": used()} | history({"usage": used(inputTokens=5)}))],
        [COUNTS],
    ),
    "4: cached tokens of a prompt are inside it": (
        [
            answer(
                metadata={
                    "usage": {
                        "promptTokens": 900,
                        "completionTokens": 40,
                        "promptTokensDetails": {"cachedTokens": 700},
                    }
                }
            )
        ],
        [(200, 40, 700, None, None)],
    ),
    "5: an answer with credits alone is a request": ([answer(metadata={}, credits=1.25)], [NONE]),
    "1: Freebuff's answers say nothing and are requests": ([answer(metadata={})], [NONE]),
    "1: answers without ids are told by their place": (
        [answer(id=None), answer(7, id=None)],
        [COUNTS, COUNTS],
    ),
    "trap: other messages, and things that are none": (
        [
            {"id": "u", "variant": "user"},
            {"id": "e", "variant": "error", "metadata": {"usage": used()}},
            5,
            None,
        ],
        [],
    ),
    "trap: odd fields": (
        [
            answer(metadata="x"),
            answer(7, {"usage": 5, "runState": []}, id="a2"),
            answer(8, id="a3", blocks=5),
        ],
        [NONE, NONE, COUNTS],
    ),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    write(machine, *written)
    machine.read()
    assert machine.counts == expected


@pytest.mark.parametrize(
    ("metadata", "model"),
    [
        ({"model": MODEL, "usage": used(model="x")}, MODEL),
        ({"usage": used(model="gpt-5.2")}, "gpt-5.2"),
        ({"codebuff": {"model": "gpt-5.2", "usage": used()}}, "gpt-5.2"),
        (history({"codebuff": {"model": "gpt-5.2", "usage": used()}}), "gpt-5.2"),
        ({"usage": used()}, None),
    ],
)
def test_which_model(machine: Machine, metadata: Json, model: str | None) -> None:
    write(machine, answer(metadata=metadata))
    machine.read()
    assert [e.model for e in machine.events()] == [model]


@pytest.mark.parametrize(
    ("more", "chat", "expected"),
    [
        ({}, CHAT, us(6)),
        ({"timestamp": "10:00 AM", "createdAt": at(7)}, CHAT, us(7)),
        ({"timestamp": None, "metadata": {"timestamp": at(8)}}, CHAT, us(8)),
        ({"timestamp": "10:00 AM"}, CHAT, us(0)),
    ],
)
def test_when_it_was(machine: Machine, more: Json, chat: str, expected: int) -> None:
    """6: a message may only say how late it was; the chat's name is the time at which it began."""
    write(machine, answer(**more), chat=chat)
    machine.read()
    assert [e.at_us for e in machine.events()] == [expected]


def test_a_chat_whose_name_is_no_time_is_dated_by_its_file(machine: Machine) -> None:
    path = write(machine, answer(timestamp=None), chat="mine")
    machine.read()
    assert [e.at_us for e in machine.events()] == [path.stat().st_mtime_ns // 1000]


def test_ids_of_messages_are_of_their_chat(machine: Machine) -> None:
    """1: the Go program keys on the bare id and drops equal ids of other chats."""
    write(machine, answer())
    write(machine, answer(), chat="2026-03-02T11-00-00.000Z")
    machine.read()
    assert len(machine.events()) == 2


def test_a_chat_that_grew_gives_the_same_and_the_new(machine: Machine) -> None:
    messages = [answer(n, id=f"a{n}") for n in range(9)]
    for size in (1, 4, 4, 9):
        write(machine, *messages[:size])
        machine.read()
        assert len(machine.events()) == size


def test_credits_are_a_unit_of_their_own_and_no_dollars(machine: Machine) -> None:
    write(machine, answer(credits=1.25), answer(9, id="a2", credits=0.5), answer(4, id="a3", credits="x"))
    machine.read()
    assert machine.readings["session_credits"] == QuotaReading(
        provider="codebuff",
        account="codebuff",
        key="session_credits",
        at_us=us(9),
        unit="credits",
        window="session",
        used=1.75,
        scope=Scope.MACHINE,
    )
    assert {e.cost_reported_nano for e in machine.events()} == {None}


EDIT = {"path": "a.py", "old_str": "x\n", "new_str": "y\nz\n"}
LONG = "toolu_01AbCdEfGhIjKlMnOp"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"output": "done"}, (Outcome.OK, "python", 2, 1, None)),
        ({"output": None}, (None, "python", 2, 1, None)),
        ({}, (None, "python", 2, 1, None)),
    ],
)
@pytest.mark.parametrize("call_id", [LONG, "t1"])
def test_tools(machine: Machine, call_id: str, more: Json, expected: tuple[Any, ...]) -> None:
    call = {"type": "tool", "toolCallId": call_id, "toolName": "str_replace", "input": EDIT} | more
    write(machine, answer(blocks=[call, {"type": "tool"}, {"type": "text"}, 5]))
    machine.read()
    [event] = machine.events(EventKind.TOOL)
    found = (event.outcome, event.language, event.lines_added, event.lines_removed, event.agent)
    assert found == expected
    assert event.event_key == event_key("codebuff", *(() if call_id == LONG else (CHAT,)), "tool", call_id)


def test_tools_of_sub_agents_lie_in_their_blocks(machine: Machine) -> None:
    inner = {"type": "agent", "agentType": "reviewer", "blocks": [{"type": "tool", "toolCallId": "t1"}]}
    outer = {"type": "agent", "agentType": "editor", "blocks": [inner, {"type": "tool", "toolCallId": "t2"}]}
    write(machine, answer(blocks=[outer]))
    machine.read()
    assert sorted(str(e.agent) for e in machine.events(EventKind.TOOL)) == ["editor", "reviewer"]


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("codebuff", home)
    machine.read()
    by_model: dict[str | None, int] = {}
    for event in machine.events():
        by_model[event.model] = by_model.get(event.model, 0) + event.tokens.total
    assert by_model == {MODEL: 180, "gpt-5.2": 940, "gemini-3-pro": 330, None: 0}
    assert {name: (e.outcome, e.agent) for name, e in machine.tools.items()} == {
        "str_replace": (Outcome.OK, None),
        "read_files": (Outcome.OK, "reviewer"),
        "run_terminal_command": (None, None),
    }
    assert len(machine.events(EventKind.TURN)) == 3
    assert {e.project for e in machine.events()} == {"web shop", "api"}
    assert machine.readings["session_credits"].used == 2.0
    assert machine.problems == []
