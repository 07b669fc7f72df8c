"""Mux: messages and totals -> records, one row for every rule of counting and every known trap.

What a row says of the format is from the tool's own source (github.com/coder/mux, 2026-08):
`src/common/types/message.ts`, `src/common/utils/tokens/displayUsage.ts`,
`src/node/services/sessionUsageService.ts`, `src/common/constants/paths.ts`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openusage.providers.mux._messages import split_model
from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent, event_key
from tests.support.tools import Json, Machine, lines, us

W, CHILD = "a1b2c3d4e5", "c0ffee0001"
SESSION = f".mux/sessions/{W}"
MODEL = "anthropic:claude-sonnet-4-5"
LONG = "toolu_01AbCdEfGhIjKlMnOp"


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("mux", home)


def ms(seconds: float) -> int:
    return us(seconds) // 1000


def used(given: Any = 44200, output: Any = 1000, reasoning: Any = 100, cached: Any = 40000) -> Json:
    counts = {"inputTokens": given, "outputTokens": output, "totalTokens": 1}
    return counts | {"reasoningTokens": reasoning, "cachedInputTokens": cached}


def message(seconds: float, name: str = "m1", role: str = "assistant", *parts: Json, **metadata: Any) -> Json:
    return {"id": name, "role": role, "parts": list(parts), "metadata": {"timestamp": ms(seconds)} | metadata}


def answer(seconds: float, name: str = "m1", usage: Any = None, *parts: Json, **metadata: Any) -> Json:
    vendor = {"anthropic": {"cacheCreationInputTokens": 3000}}
    about = {"model": MODEL, "usage": used() if usage is None else usage, "providerMetadata": vendor}
    return message(seconds, name, "assistant", *parts, **(about | metadata))


COUNTS = (1200, 900, 40000, 3000, 100)


@pytest.mark.parametrize(
    ("environ", "made", "roots"),
    [
        ({}, [".mux/sessions"], [".mux/sessions"]),
        ({}, [".xum/sessions", ".mux-dev/sessions"], [".xum/sessions", ".mux-dev/sessions"]),
        ({"MUX_ROOT": "~/m"}, ["m/sessions", ".mux/sessions"], ["m/sessions"]),
        ({"XUM_ROOT": "~/x", "MUX_ROOT": "~/m"}, ["m/sessions", "x/sessions"], ["x/sessions"]),
    ],
)
def test_places_are_found_by_variable_or_default(
    home: Path, environ: dict[str, str], made: list[str], roots: list[str]
) -> None:
    for name in made:
        (home / name).mkdir(parents=True)
    machine = Machine("mux", home, environ)
    assert [a.roots for a in machine.accounts] == [tuple(str((home / r).resolve()) for r in roots)]


def test_homes_of_older_names_are_links_and_read_once(machine: Machine) -> None:
    machine.write(f"{SESSION}/chat.jsonl", lines(answer(1)))
    for name in (".cmux", ".xum"):
        (machine.home / name).symlink_to(machine.home / ".mux")
    assert [len(a.roots) for a in machine.accounts] == [1]
    machine.read()
    assert machine.counts == [COUNTS]


def test_an_answer_is_a_message_in_disjoint_buckets(machine: Machine) -> None:
    machine.write(f"{SESSION}/metadata.json", {"projectName": "web shop", "projectPath": "/x/y"})
    machine.write(f"{SESSION}/chat.jsonl", lines(answer(6)))
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="mux",
            account="mux",
            at_us=us(6),
            kind=EventKind.MESSAGE,
            event_key=event_key("mux", "message", "m1"),
            tokens=TokenCounts(1200, 900, 40000, 3000, None, 100),
            model="claude-sonnet-4-5",
            upstream="anthropic",
            client="Desktop",
            project="web shop",
            session=W,
        )
    ]
    assert machine.problems == []


TOOL_USE = {"toolName": "advisor", "toolCallId": "c9", "timestamp": ms(5), "model": "openai:gpt-5.2"}
COUNTING: dict[str, tuple[list[Any], list[tuple[int | None, ...]]]] = {
    "3: caches are inside input": ([answer(6)], [COUNTS]),
    "3: in older versions beside it for Anthropic: more than all of it": (
        [answer(6, usage=used(given=1200))],
        [COUNTS],
    ),
    "3: without caches": (
        [answer(6, usage=used(500, 20, None, None), providerMetadata=None)],
        [(500, 20, None, None, None)],
    ),
    "3: reasoning is beside output where it is more than that (`displayUsage.ts`: older rows of a gateway)": (
        [answer(6, usage=used(500, 20, 100, None), providerMetadata=None)],
        [(500, 20, None, None, 100)],
    ),
    "3: parts may be told in details (`displayUsage.ts`)": (
        [
            answer(
                6,
                usage={
                    "inputTokens": 44200,
                    "outputTokens": 1000,
                    "inputTokenDetails": {"cacheReadTokens": 40000, "cacheWriteTokens": 3000},
                    "outputTokenDetails": {"reasoningTokens": 100},
                },
                providerMetadata=None,
            )
        ],
        [COUNTS],
    ),
    "3: reasoning that only the vendor's own part tells": (
        [answer(6, usage=used(500, 120, None, None), providerMetadata={"openai": {"reasoningTokens": 100}})],
        [(500, 20, None, None, 100)],
    ),
    "2: the last step alone (contextUsage) is how full the context is": (
        [answer(6, contextUsage=used(9, 9, 9, 9))],
        [COUNTS],
    ),
    "2: calls of tools to other models count beside it": (
        [answer(6, toolModelUsages=[TOOL_USE | {"usage": used(900, 40, 10, 700)}])],
        [(200, 30, 700, None, 10), COUNTS],
    ),
    "2: an edited row has the same id": ([answer(6, usage=used(output=1)), answer(6)], [COUNTS]),
    "trap: an answer that was broken off says nothing": ([message(6, partial=True), answer(7, usage={})], []),
    "trap: rows of persons, and without id or time": (
        [message(1, role="user", usage=used()), answer(6) | {"id": None}, answer(6, timestamp=None)],
        [],
    ),
    "trap: odd fields": (
        [answer(6, usage=used("44200", 1000.0), model=5, toolModelUsages=[5, {"usage": "x"}]), [], "junk"],
        [COUNTS],
    ),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    machine.write(f"{SESSION}/chat.jsonl", lines(*written))
    machine.read()
    assert machine.counts == expected


def test_a_cost_that_the_vendor_billed_is_kept_and_no_other_is(machine: Machine) -> None:
    """4: Mux estimates all others itself (`displayUsage.ts`: `costInUsdTicks` of xAI)."""
    billed = {"xai": {"costInUsdTicks": 123_000_000}}
    use = TOOL_USE | {"usage": used(900, 40, 10, 700), "providerMetadata": billed}
    rows = (answer(6, providerMetadata=billed), answer(7, "m2", toolModelUsages=[use]))
    background = {"timestamp": ms(8), "source": "status", "model": "xai:grok-4", "usage": used()}
    machine.write(f"{SESSION}/chat.jsonl", lines(*rows))
    machine.write(f"{SESSION}/headless-usage.jsonl", lines(background | {"providerMetadata": billed}))
    machine.read()
    costs = {e.at_us: e.cost_reported_nano for e in machine.events()}
    assert costs == {us(5): 12_300_000, us(6): 12_300_000, us(7): None, us(8): 12_300_000}


def test_calls_of_tools_say_which_tool_and_model(machine: Machine) -> None:
    uses = [TOOL_USE | {"usage": used()}, TOOL_USE | {"usage": used(), "toolCallId": None, "timestamp": None}]
    machine.write(f"{SESSION}/chat.jsonl", lines(answer(6, usage={}, toolModelUsages=uses)))
    machine.read()
    told = [(e.at_us, e.agent, e.model, e.upstream) for e in machine.events()]
    assert told == [(us(5), "advisor", "gpt-5.2", "openai"), (us(6), "advisor", "gpt-5.2", "openai")]


def test_the_archive_and_a_rotated_chat_count_once(machine: Machine) -> None:
    """A compaction moves rows from `chat.jsonl` to `chat-archive.jsonl` and writes the rest anew."""
    chat = machine.write(f"{SESSION}/chat.jsonl", lines(answer(1), answer(2, "m2")))
    machine.read()
    machine.write(f"{SESSION}/chat-archive.jsonl", lines(answer(1)))
    chat.write_text(lines(answer(2, "m2"), answer(3, "m3")))
    machine.read()
    assert len(machine.events()) == 3


def test_a_forked_workspace_repeats_messages_under_their_ids(machine: Machine) -> None:
    call = {"type": "dynamic-tool", "toolCallId": "c1", "toolName": "bash", "state": "output-available"}
    copied = [message(0, "u1", "user"), answer(1, "m1", None, call)]
    for name in (W, "fork"):
        machine.write(f".mux/sessions/{name}/chat.jsonl", lines(*copied))
    machine.read()
    assert [len(machine.events(kind)) for kind in EventKind] == [1, 1, 1]


def test_calls_in_the_background_have_no_message(machine: Machine) -> None:
    told = {"source": "status", "model": "anthropic:claude-haiku-4-5", "usage": used(300, 20, None, None)}
    rows = [told | {"timestamp": ms(n)} for n in (1, 2)]
    machine.write(f"{SESSION}/headless-usage.jsonl", lines(*rows, told, {"source": "x", "timestamp": ms(3)}))
    machine.read()
    assert machine.counts == [(300, 20, None, None, None)] * 2
    assert {(e.agent, e.model) for e in machine.events()} == {("status", "claude-haiku-4-5")}


# Workspaces


@pytest.mark.parametrize(
    ("files", "project"),
    [
        ({f"{SESSION}/metadata.json": {"projectName": "shop"}}, "shop"),
        ({f"{SESSION}/metadata.json": {"projectPath": "/home/ann/shop"}}, "shop"),
        ({".mux/config.json": {"projects": [["/home/ann/shop", {"workspaces": [{"id": W}]}]]}}, "shop"),
        ({".mux/config.json": {"projects": [5, ["x"], ["/a", {"workspaces": [5, {}]}], ["/b", []]]}}, None),
        ({".mux/config.json": "[]", f"{SESSION}/metadata.json": "junk"}, None),
    ],
)
def test_the_project_of_a_workspace(machine: Machine, files: dict[str, Any], project: str | None) -> None:
    for name, content in files.items():
        machine.write(name, content)
    machine.write(f"{SESSION}/chat.jsonl", lines(answer(1)))
    machine.read()
    assert [e.project for e in machine.events()] == [project]


def test_a_sub_agent_is_of_the_workspace_that_started_it_also_when_it_is_deleted(machine: Machine) -> None:
    """A deleted sub-agent's chat is kept below its parent."""
    chat = lines(message(0, "u1", "user"), answer(1, agentId="explore"))
    live = machine.write(f".mux/sessions/{CHILD}/chat.jsonl", chat)
    machine.write(f".mux/sessions/{CHILD}/metadata.json", {"parentWorkspaceId": W, "projectName": "shop"})
    machine.write(f"{SESSION}/metadata.json", {"projectName": "shop"})
    machine.read()
    live.unlink()
    machine.write(f"{SESSION}/subagent-transcripts/{CHILD}/chat.jsonl", chat)
    machine.read()
    assert [(e.session, e.agent, e.project) for e in machine.events()] == [(W, "explore", "shop")]
    assert machine.events(EventKind.TURN) == []


# Turns and tools


@pytest.mark.parametrize(
    ("metadata", "is_turn"),
    [({}, True), ({"synthetic": True}, False), ({"kind": "goal_continuation"}, False)],
)
def test_a_turn_is_what_a_person_wrote(machine: Machine, metadata: Json, is_turn: bool) -> None:
    row = message(1, "u1", "user", **metadata)
    machine.write(f"{SESSION}/chat.jsonl", lines(row, row))
    machine.read()
    assert len(machine.events(EventKind.TURN)) == is_turn


EDIT = {"path": "a.py", "old_string": "x\n", "new_string": "y\nz\n"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"state": "output-available", "output": {"success": True}}, (Outcome.OK, "python", 2, 1)),
        ({"state": "output-available", "output": {"success": False}}, (Outcome.ERROR, "python", None, None)),
        ({"state": "output-error"}, (Outcome.ERROR, "python", None, None)),
        ({"state": "input-available"}, (None, "python", None, None)),
    ],
)
@pytest.mark.parametrize("call_id", [LONG, "call_1"])
def test_tools(machine: Machine, call_id: str, more: Json, expected: tuple[Any, ...]) -> None:
    call = {"type": "dynamic-tool", "toolCallId": call_id, "toolName": "edit", "input": EDIT} | more
    other = {"type": "text", "text": "x"}
    machine.write(
        f"{SESSION}/chat.jsonl", lines(answer(4, "m1", None, call, other, {"type": "dynamic-tool"}))
    )
    machine.read()
    [event] = machine.events(EventKind.TOOL)
    assert (event.outcome, event.language, event.lines_added, event.lines_removed) == expected
    key = (call_id,) if call_id == LONG else ("m1", call_id)
    assert event.event_key == event_key("mux", "tool", *key)


# Totals


def bucket(tokens: int, cost: float | None = None) -> Json:
    return {"tokens": tokens} | ({} if cost is None else {"cost_usd": cost})


def sums(output: int = 900, **more: Any) -> Json:
    made = {"input": bucket(1200, 0.0036), "cached": bucket(40000, 0.012)}
    made |= {"cacheCreate": bucket(3000, 0.01125), "reasoning": bucket(100, 0.0015)}
    return made | {"output": bucket(output, output * 0.000015)} | more


def totals(by_model: Any, seconds: float = 60, **more: Any) -> Json:
    return {"version": 1, "byModel": by_model, "lastRequest": {"timestamp": ms(seconds)}} | more


def write_totals(machine: Machine, content: Any, workspace: str = W) -> None:
    machine.write(f".mux/sessions/{workspace}/session-usage.json", content)


def added(machine: Machine) -> dict[str | None, tuple[int, ...]]:
    """(input, output, cache read, cache write, reasoning, cost in nano-dollars) by model."""
    found: dict[str | None, list[int]] = {}
    for e in machine.events():
        t = e.tokens
        told = (t.input, t.output, t.cache_read, t.cache_write_5m, t.reasoning, e.cost_reported_nano)
        known = found.setdefault(e.model, [0] * 6)
        found[e.model] = [a + (b or 0) for a, b in zip(known, told, strict=True)]
    return {model: tuple(figures) for model, figures in found.items()}


SONNET = "claude-sonnet-4-5"
TOTAL = (1200, 900, 40000, 3000, 100, 41_850_000)


def test_totals_count_for_a_workspace_without_messages(machine: Machine) -> None:
    write_totals(machine, totals({MODEL: sums()}))
    machine.read()
    assert added(machine) == {SONNET: TOTAL}
    assert {(e.at_us, e.session, e.upstream) for e in machine.events()} == {(us(60), W, "anthropic")}
    assert machine.read() == []


def test_growth_is_of_the_time_of_the_last_request(machine: Machine) -> None:
    write_totals(machine, totals({MODEL: sums()}))
    machine.read()
    write_totals(machine, totals({MODEL: sums(50_900)}, seconds=7_200))
    machine.read()
    assert added(machine)[SONNET][1] == 50_900
    assert sum(e.tokens.output or 0 for e in machine.events() if e.at_us == us(7_200)) > 45_000


TOTALS: dict[str, tuple[Any, dict[str | None, tuple[int, ...]]]] = {
    "4: one unknown price makes the whole cost unknown": (
        {MODEL: sums(input=bucket(1200))},
        {SONNET: (*TOTAL[:5], 0)},
    ),
    "4: a bucket without tokens needs no price": (
        {MODEL: sums(reasoning=bucket(0))},
        {SONNET: (1200, 900, 40000, 3000, 0, 40_350_000)},
    ),
    "8: the vendor goes to the first colon": (
        {"mux-gateway:anthropic/claude-opus-4-5": {"input": bucket(5)}},
        {"anthropic/claude-opus-4-5": (5, 0, 0, 0, 0, 0)},
    ),
    "8: sums of old compactions have no model": (
        {"historical": {"input": bucket(5)}},
        {None: (5, 0, 0, 0, 0, 0)},
    ),
    "trap: buckets missing, null or odd": (
        {MODEL: {"input": None, "output": 5, "cached": bucket(7)}, "x": 5},
        {SONNET: (0, 0, 7, 0, 0, 0)},
    ),
    "trap: nothing": ([], {}),
}


@pytest.mark.parametrize("rule", TOTALS)
def test_totals(machine: Machine, rule: str) -> None:
    by_model, expected = TOTALS[rule]
    write_totals(machine, totals(by_model))
    machine.read()
    assert added(machine) == expected


@pytest.mark.parametrize("name", ["chat.jsonl", "chat-archive.jsonl", "headless-usage.jsonl"])
def test_totals_are_not_added_to_messages_nor_after_these_are_deleted(machine: Machine, name: str) -> None:
    """2: never both."""
    chat = machine.write(f"{SESSION}/{name}", lines(answer(1)))
    write_totals(machine, totals({MODEL: sums()}))
    machine.read()
    before = machine.counts
    chat.unlink()
    write_totals(machine, totals({MODEL: sums(50_000)}))
    machine.read()
    assert machine.counts == before


def test_a_deleted_sub_agents_totals_in_its_parents_are_no_new_use(machine: Machine) -> None:
    """5: `rolledUpFrom` names the child; its own totals were counted before."""
    write_totals(machine, totals({MODEL: sums()}))
    write_totals(machine, totals({MODEL: sums(300)}), workspace=CHILD)
    machine.read()
    both = sums(1_200) | {k: bucket(2 * v["tokens"]) for k, v in sums().items() if k != "output"}
    write_totals(machine, totals({MODEL: both}, rolledUpFrom={CHILD: {"totalTokens": 1}}))
    machine.read()
    write_totals(machine, totals({MODEL: both | {"output": bucket(1_250)}}, rolledUpFrom={CHILD: True}))
    machine.read()
    assert added(machine)[SONNET][:5] == (2_400, 900 + 300 + 50, 80_000, 6_000, 200)


def test_a_parent_that_is_first_seen_with_its_childrens_totals_counts_whole(machine: Machine) -> None:
    write_totals(machine, totals({MODEL: sums()}, rolledUpFrom={CHILD: True}))
    machine.read()
    assert added(machine) == {SONNET: TOTAL}


def test_totals_that_were_rebuilt_smaller_are_a_new_baseline(machine: Machine) -> None:
    for output in (900, 100, 400):
        write_totals(machine, totals({MODEL: sums(output)}))
        machine.read()
    assert added(machine)[SONNET][1] == 900 + 300


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anthropic:claude", ("anthropic", "claude")),
        ("a:b:c", ("a", "b:c")),
        ("claude", (None, "claude")),
        (":claude", (None, ":claude")),
    ],
)
def test_names_of_models(name: str, expected: tuple[str | None, str]) -> None:
    assert split_model(name) == expected


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("mux", home)
    machine.read()
    by_model: dict[str | None, int] = {}
    for event in machine.events():
        by_model[event.model] = by_model.get(event.model, 0) + event.tokens.total
    assert by_model == {
        SONNET: (44200 + 1000) + (500 + 60 + 45200) + (2000 + 30) + (46000 + 80) + (45200),
        "gpt-5.2": 940,
        "claude-haiku-4-5": 650,
        "anthropic/claude-opus-4-5": 110,
        None: 5000,
    }
    assert {name: (e.outcome, e.agent) for name, e in machine.tools.items()} == {
        "file_edit_replace_string": (Outcome.OK, None),
        "bash": (Outcome.ERROR, None),
        "web_search": (None, None),
        "file_read": (Outcome.OK, "explore"),
    }
    assert len(machine.events(EventKind.TURN)) == 3
    assert {e.project for e in machine.events()} == {"web shop", "api"}
    assert machine.problems == []
