"""Amp: threads -> records, one row for every rule of counting and every known trap.

Amp's source is not public. The fields are those that its threads held, as they were written in 2025 and 2026;
blocks, `run.status` and `meta.sentAt` are also those of its plugin interface (ampcode.com/manual).
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

T = "T-11110000-0000-4000-8000-000000000001"
THREADS = ".local/share/amp/threads"
MODEL = "claude-sonnet-4-5"
LONG = "toolu_01AbCdEfGhIjKlMnOp"


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("amp", home)


def usage(seconds: float = 4, **more: Any) -> Json:
    counts = {"inputTokens": 12, "outputTokens": 90}
    counts |= {"cacheCreationInputTokens": 400, "cacheReadInputTokens": 7000}
    return {"model": MODEL, "timestamp": at(seconds), "credits": 1.5} | counts | more


COUNTS = (12, 90, 7000, 400, None)


def answer(n: Any = 1, used: Any = None, *blocks: Json) -> Json:
    used = usage() if used is None else used
    return {"role": "assistant", "messageId": n, "content": list(blocks), "usage": used}


def prompt(n: int = 0, **more: Any) -> Json:
    return {"role": "user", "messageId": n, "content": [{"type": "text", "text": "do it"}]} | more


def entry(name: Any = "e1", to: Any = 1, **more: Any) -> Json:
    made = {"id": name, "timestamp": at(4), "model": MODEL, "credits": 1.5, "operationType": "inference"}
    return made | {"toMessageId": to, "tokens": {"input": 12, "output": 90, "total": 102}} | more


ENV = {"initial": {"trees": [{"uri": "file:///home/ann/web%20shop"}], "platform": {"clientType": "cli"}}}


def thread(messages: Any, entries: Any = None, **more: Any) -> Json:
    made = {"id": T, "created": us(0) // 1000, "env": ENV, "messages": messages}
    return made | ({"usageLedger": {"events": entries}} if entries is not None else {}) | more


@pytest.mark.parametrize(
    ("environ", "files", "roots"),
    [
        ({}, [f"{THREADS}/{T}.json"], [THREADS]),
        ({"XDG_DATA_HOME": "~/d"}, [f"d/amp/threads/{T}.json", f"{THREADS}/x"], ["d/amp/threads"]),
        ({"AMP_DATA_DIR": "~/a,~/b"}, ["a/threads/x", "b/threads/x"], ["a/threads", "b/threads"]),
        (
            {},
            [f"Library/Application Support/amp/threads/{T}.json"],
            ["Library/Application Support/amp/threads"],
        ),
        ({"APPDATA": "~/r"}, ["r/amp/threads/x"], ["r/amp/threads"]),
        ({}, [".config/amp/settings.json", ".local/share/amp/history.jsonl"], None),
    ],
)
def test_places_are_found_by_variable_or_default(
    home: Path, environ: dict[str, str], files: list[str], roots: list[str] | None
) -> None:
    machine = Machine("amp", home, environ)
    for name in files:
        machine.write(name, "")
    expected = [] if roots is None else [tuple(str((home / r).resolve()) for r in roots)]
    assert [a.roots for a in machine.accounts] == expected


def test_an_answer_is_a_message_in_disjoint_buckets(machine: Machine) -> None:
    machine.write(f"{THREADS}/{T}.json", thread([prompt(), answer()]))
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="amp",
            account="amp",
            at_us=us(4),
            kind=EventKind.MESSAGE,
            event_key=event_key("amp", "at", us(4), MODEL, 12, 7000, 400),
            tokens=TokenCounts(12, 90, 7000, 400),
            model=MODEL,
            upstream="anthropic",
            client="CLI",
            project="web shop",
            session=T,
        )
    ]
    assert machine.problems == []


SPLIT = {"cacheCreationInputTokens": 5, "cacheReadInputTokens": 6}
COUNTING: dict[str, tuple[Json, list[tuple[int | None, ...]]]] = {
    "1: a line of the ledger and its message are one": (thread([answer()], [entry()]), [COUNTS]),
    "1: a ledger alone, with the caches' split": (
        thread([], [entry(tokens={"input": 1, "output": 2} | SPLIT)]),
        [(1, 2, 6, 5, None)],
    ),
    "1: of both, the larger count": (
        thread([answer(used=usage(outputTokens=50))], [entry(tokens={"input": 3, "output": 80})]),
        [(12, 80, 7000, 400, None)],
    ),
    "1: lines that lead to no message, as of sub-agents and titles": (
        thread([answer()], [entry(), entry("e2", None, timestamp=at(5)), entry("e3", 7, timestamp=at(6))]),
        [COUNTS, (12, 90, None, None, None), (12, 90, None, None, None)],
    ),
    "1: two lines that lead to one message": (
        thread([answer()], [entry(), entry("e2", timestamp=at(5))]),
        [COUNTS, (12, 90, None, None, None)],
    ),
    "1: a message of which the ledger has no line": (
        thread([answer(), answer(3, usage(9))], [entry()]),
        [COUNTS, COUNTS],
    ),
    "1: lines that do not say where they lead count alone": (
        thread([answer()], [entry(to=None)]),
        [(12, 90, None, None, None)],
    ),
    "1: an empty ledger": (thread([answer()], []), [COUNTS]),
    "3: a prompt told as a whole": (
        thread([answer(used=usage(inputTokens=None, totalInputTokens=7412))]),
        [COUNTS],
    ),
    "4: without a time: when the thread began": (
        thread([answer(used=usage(timestamp=None)), answer(3, usage(timestamp=None))]),
        [COUNTS, COUNTS],
    ),
    "trap: answers without use, and other messages": (
        thread([prompt(), {"role": "assistant", "messageId": 1, "content": []}, answer(2, {})]),
        [],
    ),
    "trap: message ids as texts": (thread([answer("1")], [entry(to="1")]), [COUNTS]),
    "trap: odd fields": (
        thread([answer(used="x"), None, 5, answer(2, usage(inputTokens="12", credits="x"))], "odd", env=[]),
        [COUNTS],
    ),
    "trap: no messages at all": (thread(None), []),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    machine.write(f"{THREADS}/{T}.json", written)
    machine.read()
    assert machine.counts == expected


@pytest.mark.parametrize("name", ["createdAt", "created_at"])
def test_older_threads_name_their_beginning_otherwise(machine: Machine, name: str) -> None:
    old = {k: v for k, v in thread([answer(used=usage(timestamp=None))]).items() if k != "created"}
    machine.write(f"{THREADS}/{T}.json", old | {name: at(0)})
    machine.read()
    assert [e.at_us for e in machine.events()] == [us(0)]


def test_message_ids_begin_anew_in_every_thread(machine: Machine) -> None:
    """2: the Go program keys on the bare id and merges threads."""
    for n, name in enumerate(("T-1", "T-2")):
        machine.write(f"{THREADS}/{name}.json", thread([answer(used=usage(4 + n))], id=name))
    machine.read()
    assert [e.session for e in machine.events()] == ["T-1", "T-2"]


def test_what_a_forked_thread_begins_with_counts_once(machine: Machine) -> None:
    """6: the same time, model and counts in two threads."""
    sent = {"sentAt": us(1) // 1000}
    call = {"type": "tool_use", "id": LONG, "name": "Read", "input": {"path": "a.py"}}
    copied = [prompt(meta=sent), answer(1, None, call)]
    machine.write(f"{THREADS}/T-1.json", thread(copied, id="T-1"))
    machine.write(f"{THREADS}/T-2.json", thread([*copied, answer(3, usage(9))], id="T-2"))
    machine.read()
    assert [len(machine.events(kind)) for kind in EventKind] == [2, 1, 1]
    assert [e.session for e in machine.events()] == ["T-1", "T-2"]


def test_a_thread_that_grew_gives_the_same_and_the_new(machine: Machine) -> None:
    messages = [answer(n, usage(n)) for n in range(9)]
    for size in (1, 4, 4, 9):
        machine.write(f"{THREADS}/{T}.json", thread(messages[:size]))
        machine.read()
        assert len(machine.events()) == size


def test_an_answer_that_is_still_streamed_is_the_one_that_it_becomes(machine: Machine) -> None:
    for output in (1, 50, 90):
        machine.write(f"{THREADS}/{T}.json", thread([answer(used=usage(outputTokens=output))]))
        machine.read()
    assert machine.counts == [COUNTS]


def test_credits_are_a_unit_of_their_own_and_no_dollars(machine: Machine) -> None:
    """5: 100 credits are a dollar to Amp; the Go program stores them as dollars."""
    free = {"tokens": {}, "credits": 0.25, "timestamp": at(6)}
    machine.write(f"{THREADS}/{T}.json", thread([answer()], [entry(), entry("e2", 9, **free)]))
    machine.read()
    assert machine.readings["session_credits"] == QuotaReading(
        provider="amp",
        account="amp",
        key="session_credits",
        at_us=us(6),
        unit="credits",
        window="session",
        used=1.75,
        scope=Scope.MACHINE,
    )
    assert [(e.cost_reported_nano, e.tokens.total) for e in machine.events()] == [(None, 7502), (None, 0)]


# Turns and tools


@pytest.mark.parametrize(
    ("message", "is_turn"),
    [
        (prompt(), True),
        (prompt(meta={"sentAt": us(1) // 1000}), True),
        (prompt(content=[{"type": "image"}]), True),
        (prompt(content=[{"type": "tool_result", "toolUseID": "t"}]), False),
        (prompt(content=[]), False),
    ],
)
def test_a_turn_is_what_a_person_wrote(machine: Machine, message: Json, is_turn: bool) -> None:
    machine.write(f"{THREADS}/{T}.json", thread([message]))
    machine.read()
    assert len(machine.events(EventKind.TURN)) == is_turn


EDIT = {"path": "a.py", "old_str": "x\n", "new_str": "y\nz\n"}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"status": "done"}, (Outcome.OK, "python", 2, 1)),
        ({"status": "error"}, (Outcome.ERROR, "python", None, None)),
        ({"status": "cancelled"}, (Outcome.ABORTED, "python", None, None)),
        ({"status": "rejected-by-user"}, (Outcome.ABORTED, "python", None, None)),
        ({"status": "in-progress"}, (None, "python", None, None)),
        (None, (None, "python", None, None)),
        ("odd", (None, "python", None, None)),
    ],
)
@pytest.mark.parametrize("call_id", [LONG, "call_1"])
def test_tools(machine: Machine, call_id: str, run: Any, expected: tuple[Any, ...]) -> None:
    call = {"type": "tool_use", "id": call_id, "name": "edit_file", "input": EDIT}
    result = {"type": "tool_result", "toolUseID": call_id, "run": run}
    machine.write(f"{THREADS}/{T}.json", thread([answer(1, None, call), prompt(2, content=[result])]))
    machine.read()
    [event] = machine.events(EventKind.TOOL)
    assert (event.outcome, event.language, event.lines_added, event.lines_removed) == expected
    assert (event.tool, event.at_us) == ("edit_file", us(4))
    key = ("tool", call_id) if call_id == LONG else ("tool", T, call_id)
    assert event.event_key == event_key("amp", *key)


@pytest.mark.parametrize(
    ("kind", "client"), [("cli", "CLI"), (None, "CLI"), ("vscode", "IDE"), ("jetbrains", "IDE")]
)
def test_where_it_was_used(machine: Machine, kind: Any, client: str) -> None:
    env = {"initial": {"trees": [], "platform": {"clientType": kind}}}
    machine.write(f"{THREADS}/{T}.json", thread([answer()], env=env))
    machine.read()
    assert [(e.client, e.project) for e in machine.events()] == [(client, None)]


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("amp", home)
    machine.read()
    by_model: dict[str | None, int] = {}
    for event in machine.events():
        by_model[event.model] = by_model.get(event.model, 0) + event.tokens.total
    assert by_model == {
        MODEL: (12 + 90 + 7400) + (20 + 40 + 7500) + (30 + 60 + 7500) + (15 + 70 + 6300),
        "claude-haiku-4-5": 530,
        "gemini-2.5-flash": 105,
    }
    assert {name: e.outcome for name, e in machine.tools.items()} == {
        "edit_file": Outcome.OK,
        "mcp__docs__search": Outcome.ERROR,
        "Task": None,
    }
    assert len(machine.events(EventKind.TURN)) == 3
    assert machine.readings["session_credits"].used == pytest.approx(2.26)
    assert machine.problems == []
