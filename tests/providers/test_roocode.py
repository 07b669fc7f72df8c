"""Roo Code: raw entries -> records, one row for every rule of counting and every known trap.

What a row says of the format is from the tool's own source (github.com/RooCodeInc/Roo-Code, 2026-04:
`packages/types/src/message.ts`, `packages/types/src/history.ts`, `src/core/task/Task.ts`,
`src/shared/cost.ts`, `src/core/environment/getEnvironmentDetails.ts`, `src/utils/storage.ts`,
`apps/vscode-nightly/package.nightly.json`,
`packages/core/src/message-utils/consolidateTokenUsage.ts`, `apps/cli/src/lib/task-history/index.ts`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from openusage.providers import _roo_places, roocode
from openusage.providers._roo_tasks import models_in
from openusage.wire.events import EventKind, TokenCounts, UsageEvent, event_key
from tests.support.tools import Json, Machine, at, us

A, B = "01a00000-0000-4000-8000-00000000000a", "01b00000-0000-4000-8000-00000000000a"
STORAGE = "User/globalStorage/rooveterinaryinc.roo-cline/tasks"
FOLDER = f".config/Code/{STORAGE}"
MODEL = "claude-sonnet-4.5"
COUNTS = (1000, 120, 8000, 300, None)


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("roocode", home)


def write(machine: Machine, *entries: Any, task: str = A, folder: str = FOLDER) -> Path:
    return machine.write(f"{folder}/{task}/ui_messages.json", list(entries))


def ms(seconds: float) -> int:
    return us(seconds) // 1000


def say(seconds: float, what: str, text: Any = None, **more: Any) -> Json:
    text = text if isinstance(text, str | None) else json.dumps(text)
    return {"ts": ms(seconds), "type": "say", "say": what, "text": text} | more


def ask(seconds: float, what: str, text: Any, **more: Any) -> Json:
    return {"ts": ms(seconds), "type": "ask", "ask": what, "text": json.dumps(text), "partial": False} | more


def used(**more: Any) -> Json:
    told = {"apiProtocol": "anthropic", "tokensIn": 9300, "tokensOut": 120, "cacheWrites": 300}
    return told | {"cacheReads": 8000, "cost": 0.0123} | more


def request(seconds: float, **more: Any) -> Json:
    return say(seconds, "api_req_started", used(**more))


def sent(seconds: float | None, model: str | None) -> Json:
    """A message of the history, with the details of the environment that Roo puts into it."""
    details = f"# Current Mode\n<slug>code</slug>\n<name>Code</name>\n<model>{model}</model>\n"
    content = [{"type": "text", "text": "x"}, {"type": "text", "text": details if model else "y"}]
    made: Json = {"role": "user", "content": content}
    return made if seconds is None else made | {"ts": ms(seconds)}


def history(machine: Machine, *messages: Json, task: str = A) -> None:
    machine.write(f"{FOLDER}/{task}/api_conversation_history.json", list(messages))


def test_tasks_of_all_editors_and_of_the_terminal_are_found(home: Path) -> None:
    places = [
        f".config/Code/{STORAGE}",
        f".config/VSCodium/{STORAGE}",
        f"Library/Application Support/Cursor/{STORAGE}",
        f".vscode-server/data/{STORAGE}",
        ".vscode-mock/global-storage/tasks",
        f".config/Code/{STORAGE.replace('roo-cline', 'roo-code-nightly')}",
    ]
    for place in places:
        (home / place).mkdir(parents=True)
    [account] = Machine("roocode", home).accounts
    assert _roo_places.folders(account) == [str((home / place).resolve()) for place in places]
    [moved] = Machine("roocode", home, {"XDG_CONFIG_HOME": str(home / "elsewhere")}).accounts
    assert len(_roo_places.folders(moved)) == 3


CHOSEN: dict[str, tuple[str, str, bool]] = {
    "as the tool's own question writes it": ("User", '{"roo-cline.customStoragePath": %s}', True),
    "with comments, commas and a mark before it": (
        "User",
        '\ufeff{ // mine\n  "editor.tabSize": 2, /* , */\n  "roo-cline.customStoragePath": %s,\n}\n',
        True,
    ),
    "of a profile": ("User/profiles/6f1a", '{"roo-cline.customStoragePath": %s}', True),
    "of the machine that a remote editor works on": ("Machine", '{"roo-cline.customStoragePath": %s}', True),
    "of another extension": ("User", '{"kilo-code.customStoragePath": %s}', False),
    "in a comment": ("User", '{\n// "roo-cline.customStoragePath": %s\n}', False),
    "half written": ("User", '{"roo-cline.customStoragePath": %s', False),
    "empty, as it is by default": ("User", '{"roo-cline.customStoragePath": "", "x": %s}', False),
    "of another type": ("User", '{"roo-cline.customStoragePath": [%s]}', False),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_tasks_at_a_place_of_ones_own_choice_are_read(machine: Machine, case: str) -> None:
    """1: `getStorageBasePath`. Tasks from before it was chosen stay where they were, and so does a key."""
    folder, settings, is_read = CHOSEN[case]
    data = FOLDER.partition("/User/")[0]
    chosen = machine.home / "my tasks"
    written = settings % json.dumps(str(chosen))
    (machine.home / data / folder).mkdir(parents=True, exist_ok=True)
    (machine.home / data / folder / "settings.json").write_text(written, "utf-8")
    write(machine, request(1))
    write(machine, request(1), folder="my tasks/tasks")
    write(machine, request(2), task=B, folder="my tasks/tasks")
    machine.read()
    told = [(e.session, e.client) for e in machine.events()]
    assert told == [(A, "IDE"), (B, "IDE")][: 1 + is_read]
    [account] = machine.accounts
    watched = [path for path in roocode.watched(account) if path.startswith(str(chosen))]
    assert watched == [str(chosen / "tasks"), *(str(chosen / "tasks" / t) for t in (A, B))][: 3 * is_read]
    assert machine.problems == []


def test_a_place_that_is_away_says_nothing(machine: Machine) -> None:
    """The tool then writes where it wrote before."""
    settings = {"roo-cline.customStoragePath": "/nowhere/at/all"}
    machine.write(f"{FOLDER.partition('/globalStorage/')[0]}/settings.json", settings)
    write(machine, request(1))
    machine.read()
    assert (len(machine.events()), machine.problems) == (1, [])


def test_of_many_tasks_the_last_are_watched_and_none_of_their_checkpoints(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task keeps a repository of checkpoints beside its files: hundreds of folders that say nothing."""
    monkeypatch.setattr(_roo_places, "WATCHED_TASKS", 2)
    for nth, name in enumerate(("c", "a", "b")):
        path = write(machine, request(1), task=name)
        (path.parent / "checkpoints/.git/objects").mkdir(parents=True)
        os.utime(path.parent, (nth, nth))
    [account] = machine.accounts
    watched = [Path(folder).name for folder in roocode.watched(account)]
    assert (account.roots, watched) == ((), ["a", "b"])


def test_a_request_is_a_message_in_disjoint_buckets_with_its_recorded_cost(machine: Machine) -> None:
    write(machine, say(0, "text", "x"), request(1))
    history(machine, sent(1.2, MODEL))
    machine.write(f"{FOLDER}/{A}/history_item.json", {"id": A, "workspace": "/home/ann/shop"})
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="roocode",
            account="roocode",
            at_us=us(1),
            kind=EventKind.MESSAGE,
            event_key=event_key("roocode", "message", A, us(1)),
            tokens=TokenCounts(1000, 120, 8000, 300),
            model=MODEL,
            upstream="anthropic",
            client="IDE",
            project="shop",
            session=A,
            cost_reported_nano=12_300_000,
        )
    ]
    assert machine.problems == []


COUNTING: dict[str, tuple[list[Any], list[tuple[int | None, ...]]]] = {
    "1: a request that runs, or failed before anything came": (
        [say(1, "api_req_started", {"apiProtocol": "openai"}), say(2, "api_req_started", {"request": "x"})],
        [],
    ),
    "1: a request that was cancelled": ([request(1, cancelReason="user_cancelled")], [COUNTS]),
    "2: input has the cache in it": ([request(1, apiProtocol="openai")], [COUNTS]),
    "2: of an old version, beside the cache": (
        [request(1, tokensIn=1000, cacheReads=8000, cacheWrites=300)],
        [COUNTS],
    ),
    "2: no cache at all": ([request(1, cacheReads=None, cacheWrites=0)], [(9300, 120, None, 0, None)]),
    "3: what a condensed context cost": (
        [say(1, "condense_context", contextCondense={"cost": 0.02, "newContextTokens": 900})],
        [(None,) * 5],
    ),
    "3: one that cost nothing": ([say(1, "condense_context", contextCondense={"cost": 0})], []),
    "1: the first versions told it in an entry of its own": (
        [say(1, "api_req_started", {"request": "x"}), say(3, "api_req_finished", used())],
        [COUNTS],
    ),
    "trap: numbers as texts or with a point": ([request(1, tokensIn="9300", tokensOut=120.0)], [COUNTS]),
    "trap: a text that is empty or no JSON": (
        [
            say(1, "api_req_started", ""),
            say(2, "api_req_started", "x{"),
            say(3, "api_req_started"),
            request(4),
        ],
        [COUNTS],
    ),
    "trap: a time as text in old exports": ([request(1) | {"ts": at(1)}], [COUNTS]),
    "7: no time": ([request(1) | {"ts": None}], []),
    "trap: something else in the array": ([None, 5, [], request(1)], [COUNTS]),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    write(machine, *written)
    machine.read()
    assert machine.counts == expected


def test_a_mark_before_the_array_is_none(machine: Machine) -> None:
    path = write(machine, request(1))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    machine.read()
    assert machine.counts == [COUNTS]


def test_counts_come_later_in_the_same_entry(machine: Machine) -> None:
    """1: the array is written anew when the request is through."""
    write(machine, say(1, "api_req_started", {"apiProtocol": "anthropic"}))
    assert machine.read() == []
    write(machine, request(1))
    machine.read()
    write(machine, request(1), request(9))
    machine.read()
    assert [e.at_us for e in machine.events()] == [us(1), us(9)]


def test_a_task_in_two_editors_counts_once_and_the_larger_wins(machine: Machine) -> None:
    """4: settings sync and copies."""
    write(machine, request(1), request(2, tokensOut=1))
    write(machine, request(1), request(2), request(3), folder=f".config/Cursor/{STORAGE}")
    machine.read()
    assert machine.counts == [COUNTS] * 3


def test_messages_that_were_taken_out_of_a_task_stay_counted(machine: Machine) -> None:
    write(machine, request(1), request(2))
    machine.read()
    write(machine, request(1))
    machine.read()
    assert machine.counts == [COUNTS] * 2


def test_a_subtask_has_a_folder_of_its_own_and_counts(machine: Machine) -> None:
    """5: what it was asked is nobody's turn; what a person says into it is."""
    write(machine, say(0, "text", "x"), request(1))
    item = {"id": B, "parentTaskId": A, "workspace": "C:\\work\\shop"}
    machine.write(f"{FOLDER}/{B}/history_item.json", item)
    write(machine, say(3, "text", "x"), request(4), say(5, "user_feedback", "y"), task=B)
    machine.read()
    told = [(e.session, e.agent, e.project) for e in machine.events()]
    assert told == [(A, None, None), (B, "subtask", "shop")]
    assert [e.at_us for e in machine.events(EventKind.TURN)] == [us(0), us(5)]


MODELS: dict[str, tuple[list[Json], list[str | None]]] = {
    "6: that of what each request sent": (
        [sent(1.2, "gpt-5.2"), sent(4, None), sent(5.2, MODEL)],
        ["gpt-5.2", MODEL],
    ),
    "6: what a request sends without details is for the same model": (
        [sent(1.2, MODEL), sent(5.2, None)],
        [MODEL, MODEL],
    ),
    "6: without times, the last": ([sent(None, "gpt-5.2"), sent(None, MODEL)], [MODEL, MODEL]),
    "6: no history": ([], [None, None]),
}


@pytest.mark.parametrize("rule", MODELS)
def test_the_model_of_a_request(machine: Machine, rule: str) -> None:
    """6: the Go program takes the last of the task, and for want of one the name of a mode."""
    messages, expected = MODELS[rule]
    history(machine, *messages)
    write(machine, request(1), request(5))
    machine.read()
    assert [e.model for e in machine.events()] == expected


def test_a_model_is_only_where_the_tool_itself_names_it() -> None:
    """Files that are read may hold such tags and times, too."""
    said = {"role": "user", "content": 'see <model>no</model> and "ts": 1772446805000', "ts": ms(1)}
    details = sent(2, MODEL)
    assert models_in(json.dumps([said, details]).encode()) == ((us(2), MODEL),)


def test_a_history_that_is_half_written_still_tells_what_it_has(machine: Machine) -> None:
    whole = json.dumps([sent(1.2, MODEL), sent(5.2, MODEL)])
    machine.write(f"{FOLDER}/{A}/api_conversation_history.json", whole[:-40])
    write(machine, request(1), request(5))
    machine.read()
    assert [e.model for e in machine.events()] == [MODEL, MODEL]
    assert machine.problems == []


TOOLS: dict[str, tuple[Json, tuple[Any, ...]]] = {
    "a change with its lines": (
        ask(4, "tool", {"tool": "appliedDiff", "path": "a.py", "diffStats": {"added": 2, "removed": 1}}),
        ("appliedDiff", "python", 2, 1, True),
    ),
    "a change of several files": (
        ask(
            4,
            "tool",
            {
                "tool": "appliedDiff",
                "batchDiffs": [
                    {"path": "a.go", "diffStats": {"added": 2, "removed": 1}},
                    {"path": "b.py", "diffStats": {"added": 3, "removed": 0}},
                ],
            },
        ),
        ("appliedDiff", "go", 5, 1, True),
    ),
    "an older one does not tell lines": (
        ask(4, "tool", {"tool": "newFileCreated", "path": "a.rs", "content": "fn main() {}\n"}),
        ("newFileCreated", "rust", None, None, True),
    ),
    "reading changes nothing": (
        ask(4, "tool", {"tool": "readFile", "path": "a.py", "content": "/home/ann/a.py"}),
        ("readFile", "python", None, None, False),
    ),
    "a command": (ask(4, "command", "ls"), ("command", None, None, None, False)),
    "a tool of an MCP server": (
        ask(4, "use_mcp_server", {"serverName": "github", "type": "use_mcp_tool", "toolName": "list"}),
        ("mcp__github__list", None, None, None, False),
    ),
    "a resource of an MCP server": (
        ask(4, "use_mcp_server", {"serverName": "docs", "type": "access_mcp_resource", "uri": "x"}),
        ("mcp__docs__access_mcp_resource", None, None, None, False),
    ),
    "one that is only told": (
        say(4, "tool", {"tool": "codebaseSearch", "query": "x"}),
        ("codebaseSearch", None, None, None, False),
    ),
}


@pytest.mark.parametrize("case", TOOLS)
def test_tools(machine: Machine, case: str) -> None:
    entry, expected = TOOLS[case]
    write(machine, request(1), entry)
    machine.read()
    [e] = machine.events(EventKind.TOOL)
    assert (e.tool, e.language, e.lines_added, e.lines_removed, e.file_key is not None) == expected


def test_what_is_still_streamed_or_only_ends_a_call_is_no_call(machine: Machine) -> None:
    write(
        machine,
        ask(4, "tool", {"tool": "readFile", "path": "a.py"}, partial=True),
        ask(5, "tool", {"tool": "finishTask"}),
        ask(6, "followup", {"question": "x"}),
        say(7, "mcp_server_response", "x"),
    )
    machine.read()
    assert machine.events(EventKind.TOOL) == []


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("roocode", home)
    machine.read()
    by_model: dict[tuple[str | None, str | None], tuple[int, int]] = {}
    for event in machine.events():
        tokens, cost = by_model.get((event.model, event.client), (0, 0))
        cost += event.cost_reported_nano or 0
        by_model[event.model, event.client] = (tokens + event.tokens.total, cost)
    assert by_model == {
        ("claude-sonnet-4.5", "IDE"): (9420 + 9960, 12_300_000 + 4_000_000 + 20_000_000),
        ("openai/gpt-5.2", "IDE"): (730 + 820, 1_000_000 + 1_100_000),
        ("claude-haiku-4.5", "IDE"): (540, 500_000),
        (None, "CLI"): (6460, 3_000_000),
    }
    assert set(machine.tools) == {"appliedDiff", "mcp__github__list_issues", "command", "readFile"}
    assert len(machine.events(EventKind.TURN)) == 3
    assert machine.problems == []
