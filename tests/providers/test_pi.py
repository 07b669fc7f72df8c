"""Pi: raw lines -> records, one row for every rule of counting and every known trap.

What a row says of the format is from the tool's own source (github.com/badlogic/pi-mono, 2026-03:
`packages/coding-agent/docs/session.md`, `packages/coding-agent/src/core/session-manager.ts`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent, event_key
from tests.support.tools import Json, Machine, at, lines, us

A, B = "6a1f0000-0000-4000-8000-00000000000a", "6a1f0000-0000-4000-8000-00000000000b"
FOLDER = ".pi/agent/sessions/--home-ann-shop--"
MODEL = "claude-sonnet-4-5"
HEAD = {"type": "session", "version": 3, "id": A, "timestamp": at(0), "cwd": "/home/ann/shop"}
LONG = "toolu_01AbCdEfGhIjKlMnOp"


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("pi", home)


def write(machine: Machine, *entries: Any, session: str = A, folder: str = FOLDER) -> Path:
    return machine.write(f"{folder}/2026-03-02T10-00-00-000Z_{session}.jsonl", lines(*entries))


def used(given: Any = 12, output: Any = 90, read: Any = 7000, written: Any = 400, **more: Any) -> Json:
    counts = {"input": given, "output": output, "cacheRead": read, "cacheWrite": written}
    return counts | {"totalTokens": 1, "cost": {"input": 0, "total": 0.00499}} | more


def entry(seconds: float, n: int = 1, **message: Any) -> Json:
    made = {"type": "message", "id": f"a1b2c3d{n}", "parentId": None, "timestamp": at(seconds)}
    return made | {"message": message}


def answer(seconds: float, usage: Any = None, *content: Json, **more: Any) -> Json:
    usage = used() if usage is None else usage
    about = {"provider": "anthropic", "model": MODEL, "usage": usage, "content": list(content)}
    return entry(seconds, role="assistant", **(about | more))


@pytest.mark.parametrize(
    ("environ", "roots"),
    [
        ({}, [".pi/agent/sessions", ".omp/agent/sessions"]),
        ({"PI_CODING_AGENT_DIR": "~/a"}, ["a/sessions", ".omp/agent/sessions"]),
        ({"PI_CODING_AGENT_SESSION_DIR": "~/b"}, [".pi/agent/sessions", "b", ".omp/agent/sessions"]),
        ({"PI_AGENT_DIR": "~/b, ~/c"}, ["b", "c"]),
    ],
)
def test_places_are_found_by_variable_or_default(
    home: Path, environ: dict[str, str], roots: list[str]
) -> None:
    for name in (".pi/agent/sessions", ".omp/agent/sessions", "a/sessions", "b", "c"):
        (home / name).mkdir(parents=True)
    machine = Machine("pi", home, environ)
    assert [a.roots for a in machine.accounts] == [tuple(str((home / r).resolve()) for r in roots)]


def test_an_answer_is_a_message_in_disjoint_buckets_with_its_recorded_cost(machine: Machine) -> None:
    write(machine, HEAD, answer(4, used(reasoning=30)))
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="pi",
            account="pi",
            at_us=us(4),
            kind=EventKind.MESSAGE,
            event_key=event_key("pi", "message", us(4), MODEL, 12, 90, 7000, 400),
            tokens=TokenCounts(12, 60, 7000, 400, None, 30),
            model=MODEL,
            upstream="anthropic",
            client="CLI",
            project="shop",
            session=A,
            cost_reported_nano=4_990_000,
        )
    ]
    assert machine.problems == []


COUNTS = (12, 90, 7000, 400, None)
COUNTING: dict[str, tuple[list[Any], list[tuple[int | None, ...]]]] = {
    "2: every branch of the tree was paid for": ([answer(4), answer(5), answer(6)], [COUNTS] * 3),
    "3: reasoning is inside output": ([answer(4, used(1, 50, 0, 0, reasoning=20))], [(1, 30, 0, 0, 20)]),
    "3: a total alone": ([answer(4, {"totalTokens": 700})], [(700, None, None, None, None)]),
    "3: a total is not looked at where the parts are told": ([answer(4, used(totalTokens=99999))], [COUNTS]),
    "5: a compaction and a branch's summary that say what they used": (
        [
            {"type": "compaction", "timestamp": at(4), "summary": "x", "usage": used()},
            {"type": "branch_summary", "timestamp": at(5), "summary": "x", "usage": used()},
            {"type": "compaction", "timestamp": at(6), "summary": "x", "tokensBefore": 50000},
        ],
        [COUNTS, COUNTS],
    ),
    "6: answers that failed or were aborted count": (
        [answer(4, stopReason="error"), answer(5, stopReason="aborted")],
        [COUNTS, COUNTS],
    ),
    "6: one of zeros does not": ([answer(4, used(0, 0, 0, 0, cost=None))], []),
    "7: the message's time where the entry has none": (
        [answer(4, timestamp=us(9) // 1000) | {"timestamp": None}],
        [COUNTS],
    ),
    "7: no time at all": ([answer(4) | {"timestamp": None}], []),
    "trap: other entries and roles": (
        [
            {"type": "custom", "timestamp": at(4), "usage": used()},
            entry(5, role="bashExecution", usage=used()),
            {"type": "label", "id": "x", "timestamp": at(6)},
        ],
        [],
    ),
    "trap: numbers as texts, other fields odd": (
        [answer(4, used("12", 90.0, cost="x", reasoning=[]), content="text") | {"id": 5}],
        [COUNTS],
    ),
    "trap: no usage, or one that is none": ([answer(4, "x"), entry(5, role="assistant")], []),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    write(machine, HEAD, *written)
    machine.read()
    assert machine.counts == expected


def test_a_forked_session_repeats_entries_and_they_count_once(machine: Machine) -> None:
    """2: same entry id, time and usage; the head names `parentSession`. ccusage counts them twice."""
    call = {"type": "toolCall", "id": "call_1", "name": "bash", "arguments": {}}
    copied = [entry(1, role="user", content="x"), answer(4, None, call)]
    write(machine, HEAD, *copied)
    write(machine, HEAD | {"id": B, "parentSession": "/x.jsonl"}, *copied, answer(9), session=B)
    machine.read()
    assert [len(machine.events(kind)) for kind in EventKind] == [2, 1, 1]
    assert [e.session for e in machine.events()] == [A, B]


def test_ids_of_entries_are_short_and_tell_nothing_between_files(machine: Machine) -> None:
    """1: two sessions may well have an entry of the same id."""
    write(machine, HEAD, answer(4))
    write(machine, HEAD | {"id": B}, answer(5), session=B)
    machine.read()
    assert len(machine.events()) == 2


def test_the_first_version_has_no_ids(machine: Machine) -> None:
    old = [{k: v for k, v in answer(n).items() if k != "id"} for n in (4, 5)]
    write(machine, {k: v for k, v in HEAD.items() if k != "version"}, *old, *old)
    machine.read()
    assert len(machine.events()) == 2


def test_a_session_without_its_head_is_named_by_its_file(machine: Machine) -> None:
    write(machine, answer(4))
    machine.read()
    assert [(e.session, e.project) for e in machine.events()] == [(A, None)]


def test_the_way_to_the_model_is_kept_as_it_is_named(machine: Machine) -> None:
    changed = {"type": "model_change", "timestamp": at(5), "provider": "github-copilot", "modelId": "gpt-5.2"}
    write(machine, HEAD, answer(4), changed, answer(6, None, provider=None, model=None))
    machine.read()
    assert [(e.upstream, e.model) for e in machine.events()] == [
        ("anthropic", MODEL),
        ("github-copilot", "gpt-5.2"),
    ]


@pytest.mark.parametrize(("role", "turns"), [("user", 1), ("custom", 0), ("compactionSummary", 0)])
def test_a_turn_is_what_a_person_wrote(machine: Machine, role: str, turns: int) -> None:
    write(machine, HEAD, entry(1, role=role, content="do it"))
    machine.read()
    assert len(machine.events(EventKind.TURN)) == turns


EDIT = {"path": "a.py", "oldText": "x\n", "newText": "y\nz\n"}


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([False], (Outcome.OK, "python", 2, 1)),
        ([True], (Outcome.ERROR, "python", None, None)),
        ([], (None, "python", None, None)),
    ],
)
@pytest.mark.parametrize("call_id", [LONG, "call_1"])
def test_tools(machine: Machine, call_id: str, ends: list[bool], expected: tuple[Any, ...]) -> None:
    call = {"type": "toolCall", "id": call_id, "name": "edit", "arguments": EDIT}
    results = [entry(9, role="toolResult", toolCallId=call_id, toolName="edit", isError=e) for e in ends]
    write(machine, HEAD, answer(4, None, call, {"type": "text"}, {"type": "toolCall"}), *results)
    machine.read()
    [event] = machine.events(EventKind.TOOL)
    assert (event.outcome, event.language, event.lines_added, event.lines_removed) == expected
    assert (event.tool, event.at_us, event.model) == ("edit", us(4), MODEL)
    key = (call_id,) if call_id == LONG else (us(4), call_id)
    assert event.event_key == event_key("pi", "tool", *key)


def test_images_make_lines_of_megabytes(machine: Machine) -> None:
    """The Go program stops silently at a line over 1 MiB."""
    image = {"type": "image", "data": "A" * 3_000_000}
    write(machine, HEAD, entry(1, role="user", content=[image]), answer(4, None, image))
    machine.read()
    assert machine.counts == [COUNTS]


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("pi", home)
    machine.read()
    by_model: dict[str | None, tuple[int, int]] = {}
    for event in machine.events():
        tokens, cost = by_model.get(event.model, (0, 0))
        by_model[event.model] = (tokens + event.tokens.total, cost + (event.cost_reported_nano or 0))
    assert by_model == {
        MODEL: ((12 + 90 + 7400) + (20 + 30 + 7500), 7_990_000),
        "gpt-5.2": ((900 + 40) + (8000 + 200), 12_000_000),
        "gemini-3-pro": (550, 1_000_000),
    }
    assert {name: (e.outcome, e.project) for name, e in machine.tools.items()} == {
        "edit": (Outcome.OK, "web shop"),
        "bash": (Outcome.ERROR, "web shop"),
        "write": (None, "api"),
    }
    assert len(machine.events(EventKind.TURN)) == 3
    assert machine.problems == []
