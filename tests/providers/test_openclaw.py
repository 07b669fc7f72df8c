"""OpenClaw: raw lines and rows -> records, one row for every rule of counting and every known trap.

What a row says of the format is from the tool's own source (github.com/openclaw/openclaw, 2026:
`src/config/sessions/artifacts.ts` and `archive-compression.ts` for the names of files,
`src/state/openclaw-agent-schema.sql`, `src/state/openclaw-agent-db.paths.ts`, `transcript-payload.ts` and
`session-cold-storage.ts` for the database) and, for what a line
holds, of Pi (github.com/badlogic/pi-mono: `packages/coding-agent/docs/session.md`), whose format it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from openusage.providers import _jsonl, _reading, openclaw
from openusage.providers.openclaw import is_log
from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent, event_key
from tests.support import databases
from tests.support.tools import Json, Machine, at, lines, us

A, B = "7c2f0000-0000-4000-8000-00000000000a", "7c2f0000-0000-4000-8000-00000000000b"
FOLDER = ".openclaw/agents/main/sessions"
DATABASE = ".openclaw/agents/main/agent/openclaw-agent.sqlite"
MODEL = "claude-sonnet-4-5"
HEAD = {"type": "session", "version": 3, "id": A, "timestamp": at(0), "cwd": "/home/ann/shop"}
COUNTS = (12, 90, 7000, 400, None)
TABLES = (
    "CREATE TABLE session_windows (session_id TEXT NOT NULL PRIMARY KEY, session_key TEXT NOT NULL) STRICT;",
    "CREATE TABLE transcript_events (session_id TEXT NOT NULL, seq INTEGER NOT NULL,"
    " event_json TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (session_id, seq)) STRICT;",
)


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("openclaw", home)


def write(machine: Machine, *entries: Any, name: str = f"{A}.jsonl", folder: str = FOLDER) -> Path:
    return machine.write(f"{folder}/{name}", lines(*entries))


def used(given: Any = 12, output: Any = 90, read: Any = 7000, written: Any = 400, **more: Any) -> Json:
    counts = {"input": given, "output": output, "cacheRead": read, "cacheWrite": written}
    return counts | {"totalTokens": 1, "cost": {"total": 0.00499}} | more


def entry(seconds: float, **message: Any) -> Json:
    made = {"type": "message", "id": f"m{seconds}", "parentId": None, "timestamp": at(seconds)}
    return made | {"message": message}


def answer(seconds: float, usage: Any = None, *content: Json, **more: Any) -> Json:
    usage = used() if usage is None else usage
    about = {"provider": "anthropic", "model": MODEL, "usage": usage, "content": list(content)}
    return entry(seconds, role="assistant", **(about | more))


def row(session: str, seq: int, event: Json) -> str:
    text = lines(event).strip().replace("'", "''")
    return f"INSERT INTO transcript_events VALUES ('{session}', {seq}, '{text}', {us(seq) // 1000});"


def packed_row(event: Json) -> str:
    """A row's content as newer versions write it, and its size."""
    data = lines(event).strip().encode()
    return f"x'{zstandard.compress(data).hex()}', {len(data)}"


@pytest.mark.parametrize(
    ("environ", "roots"),
    [
        ({}, [".openclaw/agents", ".openclaw-work/agents", ".clawdbot/agents", ".moltbot/agents"]),
        ({"OPENCLAW_HOME": "~/c"}, ["c/.openclaw/agents"]),
        ({"OPENCLAW_STATE_DIR": "~/a"}, ["a/agents"]),
        ({"OPENCLAW_DIR": "~/b, ~/a"}, ["b/agents", "a/agents"]),
    ],
)
def test_all_homes_are_read_and_a_linked_one_once(
    home: Path, environ: dict[str, str], roots: list[str]
) -> None:
    """1: the older names are often links to the new one. The Go program reads the first only. A profile
    (`--profile work`, `--dev`) has a home of its own (`docs/help/environment.md`)."""
    for name in (".openclaw", ".openclaw-work", ".clawdbot", ".moltbot", "a", "b", "c/.openclaw"):
        (home / name / "agents").mkdir(parents=True)
    (home / ".moldbot").symlink_to(home / ".openclaw")
    machine = Machine("openclaw", home, environ)
    assert [a.roots for a in machine.accounts] == [tuple(str((home / r).resolve()) for r in roots)]


def test_an_answer_is_a_message_in_disjoint_buckets_with_its_recorded_cost(machine: Machine) -> None:
    write(machine, HEAD, answer(4, timestamp=us(3) // 1000))
    machine.read()
    assert machine.events() == [
        UsageEvent(
            provider="openclaw",
            account="openclaw",
            at_us=us(3),
            kind=EventKind.MESSAGE,
            event_key=event_key("openclaw", "message", us(3), MODEL, 12, 90, 7000, 400),
            tokens=TokenCounts(12, 90, 7000, 400),
            model=MODEL,
            upstream="anthropic",
            client="CLI",
            project="shop",
            session=A,
            cost_reported_nano=4_990_000,
        )
    ]
    assert machine.problems == []


COUNTING: dict[str, tuple[list[Any], list[tuple[int | None, ...]]]] = {
    "3: an answer that a channel's delivery made has no usage": (
        [answer(4, used(0, 0, 0, 0, cost=None), provider="openclaw", model="delivery-mirror")],
        [],
    ),
    "4: a total alone": ([answer(4, {"totalTokens": 700})], [(700, None, None, None, None)]),
    "4: a total is not looked at where the parts are told": ([answer(4, used(totalTokens=9**9))], [COUNTS]),
    "7: a message's time as ISO": ([answer(4, timestamp=at(3)) | {"timestamp": None}], [COUNTS]),
    "7: no time at all": ([answer(4) | {"timestamp": None}], []),
    "trap: numbers as texts, other fields odd": (
        [answer(4, used("12", 90.0, cost="x"), content=5)],
        [COUNTS],
    ),
    "trap: entries that are no messages": ([{"type": "custom", "timestamp": at(4), "usage": used()}], []),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    written, expected = COUNTING[rule]
    write(machine, HEAD, *written)
    machine.read()
    assert machine.counts == expected


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        (f"{A}.jsonl", True),
        (f"{A}-topic-7.jsonl", True),
        (f"{A}.jsonl.reset.2026-03-02T10-00-00.000Z", True),
        (f"{A}.jsonl.deleted.2026-03-02T10-00-00.000Z", True),
        (f"{A}.jsonl.deleted.2026-03-02T10-00-00.000Z.zst", True),
        (f"{A}.trajectory.jsonl", False),
        (f"{A}.checkpoint.{B}.jsonl", False),
        (f"{A}.jsonl.bak.2026-03-02T10-00-00.000Z", False),
        (f"{A}.jsonl.tmp", False),
        ("sessions.json", False),
    ],
)
def test_sessions_that_were_put_away_count_and_what_repeats_one_does_not(name: str, counts: bool) -> None:
    """2: the Go program follows the index, and so loses all but the newest sessions."""
    assert is_log(f"main/sessions/{name}") is counts
    assert not is_log(f"main/other/{name}")


def test_a_packed_session_is_read_once(machine: Machine) -> None:
    path = machine.home / FOLDER / f"{A}.jsonl.deleted.2026-03-02T10-00-00.000Z.zst"
    path.parent.mkdir(parents=True)
    path.write_bytes(zstandard.compress(lines(HEAD, *(answer(n) for n in range(50))).encode()))
    assert len(machine.read()) == 50
    assert machine.read() == []
    assert machine.problems == []


def test_a_packed_session_is_read_on_after_every_stop(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_jsonl, "BLOCK_BYTES", 600)
    monkeypatch.setattr(_reading, "CHUNK_RECORDS", 3)
    path = machine.home / FOLDER / f"{A}.jsonl.deleted.2026-03-02T10-00-00.000Z.zst"
    path.parent.mkdir(parents=True)
    path.write_bytes(zstandard.compress(lines(HEAD, *(answer(n) for n in range(20))).encode()))
    [account] = machine.accounts
    reads = 0
    while chunk := next(openclaw.read(account, dict(machine.cursors), machine.env()), None):
        machine.records += chunk.records
        machine.cursors.update((c.path, c) for c in chunk.cursors)
        reads += 1
    assert len(machine.records) == len(machine.events()) == 20
    assert reads > 5


def test_a_session_that_is_reset_counts_once(machine: Machine) -> None:
    """2: the file is renamed; its session is what its name begins with."""
    path = write(machine, answer(4))
    machine.read()
    path.rename(f"{path}.reset.2026-03-02T10-00-00.000Z")
    write(machine, answer(9))
    machine.read()
    assert [(e.at_us, e.session) for e in machine.events()] == [(us(4), A), (us(9), A)]


def test_a_forked_session_repeats_entries_and_they_count_once(machine: Machine) -> None:
    """8: and so does a session that was moved to the home of the new name."""
    write(machine, HEAD, answer(4))
    write(machine, HEAD | {"id": B}, answer(4), answer(9), name=f"{B}.jsonl")
    write(machine, HEAD, answer(4), folder=".clawdbot/agents/main/sessions")
    machine.read()
    assert [e.session for e in machine.events()] == [A, B]


@pytest.mark.parametrize(
    ("before", "message", "expected"),
    [
        ([], {}, ("anthropic", MODEL)),
        ([], {"model": None, "modelId": "x"}, ("anthropic", "x")),
        (
            [{"type": "model_change", "timestamp": at(1), "provider": "openai-codex", "modelId": "gpt-5.2"}],
            {"model": None, "provider": None},
            ("openai-codex", "gpt-5.2"),
        ),
        (
            [
                {
                    "type": "custom",
                    "customType": "model-snapshot",
                    "timestamp": at(1),
                    "data": {"provider": "google", "modelId": "gemini-3-pro"},
                }
            ],
            {"model": None, "provider": None},
            ("google", "gemini-3-pro"),
        ),
        ([], {"model": None, "provider": None}, (None, None)),
    ],
)
def test_the_model_is_the_messages_own_else_the_last_that_was_chosen(
    machine: Machine, before: list[Json], message: Json, expected: tuple[str | None, str | None]
) -> None:
    """5: the Go program looks for an entry of type `model`, which no current file has."""
    write(machine, HEAD, *before, answer(4, **message))
    machine.read()
    assert [(e.upstream, e.model) for e in machine.events()] == [expected]


@pytest.mark.parametrize(
    ("usage", "cost", "nano"),
    [
        (used(), None, 4_990_000),
        (used(cost=None), {"total": 0.5}, 500_000_000),
        (used(cost=None), None, None),
    ],
)
def test_the_cost_is_that_of_the_usage_else_of_the_message(
    machine: Machine, usage: Json, cost: Any, nano: int | None
) -> None:
    """6."""
    write(machine, HEAD, answer(4, usage, cost=cost))
    machine.read()
    assert [e.cost_reported_nano for e in machine.events()] == [nano]


def test_a_session_of_a_subagent_is_told_by_the_index(machine: Machine) -> None:
    """3: the counts of the index are those of the last run and never usage."""
    counts = {"inputTokens": 9**9, "totalTokens": 9**9}
    index = {"agent:main:main": {"sessionId": A} | counts, "agent:main:subagent:1": {"sessionId": B}}
    machine.write(f"{FOLDER}/sessions.json", index)
    write(machine, HEAD, answer(4))
    write(machine, HEAD | {"id": B}, answer(5), name=f"{B}.jsonl")
    machine.read()
    assert [(e.session, e.agent) for e in machine.events()] == [(A, None), (B, "subagent")]
    assert sum(e.tokens.total for e in machine.events()) == 2 * sum(c for c in COUNTS if c)


def test_an_index_that_is_just_written_costs_nothing_but_itself(machine: Machine) -> None:
    machine.write(f"{FOLDER}/sessions.json", '{"agent:main:sub')
    write(machine, HEAD, answer(4))
    machine.read()
    assert machine.counts == [COUNTS]


def test_rows_of_the_database_are_the_lines_of_a_log(machine: Machine) -> None:
    call = {
        "type": "toolCall",
        "id": "call_1",
        "name": "exec",
        "arguments": {"path": "a.py", "content": "x\n"},
    }
    result = entry(6, role="toolResult", toolCallId="call_1", isError=False)
    todo = [*TABLES, f"INSERT INTO session_windows VALUES ('{A}', 'agent:main:subagent:1');"]
    events = [HEAD, entry(1, role="user", content="x"), answer(4, None, call)]
    todo += [row(A, seq, event) for seq, event in enumerate(events)]
    databases.apply(machine.home / DATABASE, todo)
    machine.read()
    databases.apply(machine.home / DATABASE, [row(A, 3, result), row(A, 4, answer(7))])
    machine.read()
    assert machine.counts == [COUNTS, COUNTS]
    assert {(e.session, e.project, e.agent) for e in machine.events()} == {(A, "shop", "subagent")}
    assert machine.tools["exec"].outcome is Outcome.OK
    assert len(machine.events(EventKind.TURN)) == 1
    assert machine.read() == []


def test_a_session_that_moved_into_the_database_counts_once(machine: Machine) -> None:
    """And one whose rows are written anew: OpenClaw rewrites a session when it compacts it."""
    write(machine, HEAD, answer(4), answer(5))
    machine.read()
    todo = [*TABLES, row(A, 0, HEAD), row(A, 1, answer(4)), row(A, 2, answer(5))]
    databases.apply(machine.home / DATABASE, todo)
    machine.read()
    again = ["DELETE FROM transcript_events;", row(A, 0, HEAD), row(A, 1, answer(5)), row(A, 2, answer(6))]
    databases.apply(machine.home / DATABASE, again)
    machine.read()
    assert machine.counts == [COUNTS] * 3


def test_a_row_that_is_no_json_is_told_and_the_others_count(machine: Machine) -> None:
    bad = f"INSERT INTO transcript_events VALUES ('{A}', 1, 'no such json', 1);"
    databases.apply(machine.home / DATABASE, [*TABLES, row(A, 0, HEAD), bad, row(A, 2, answer(5))])
    machine.read()
    assert machine.counts == [COUNTS]
    assert [p.what for p in machine.problems] == ["row 2 of `transcript_events`: not JSON"]


def test_a_large_row_is_packed(machine: Machine) -> None:
    """Since 2026.9.6: `event_json` is NULL then. The session's head never is."""
    newer = (
        "CREATE TABLE transcript_events (session_id TEXT NOT NULL, seq INTEGER NOT NULL, event_json TEXT,"
        " event_zstd BLOB, event_utf8_bytes INTEGER, created_at INTEGER NOT NULL,"
        " PRIMARY KEY (session_id, seq)) STRICT;"
    )
    insert = "INSERT INTO transcript_events VALUES"
    rows = [f"{insert} ('{A}', 0, '{json.dumps(HEAD)}', NULL, NULL, 1);"]
    rows += [f"{insert} ('{A}', {n}, NULL, {packed_row(answer(n))}, 1);" for n in (4, 5)]
    rows.append(f"{insert} ('{A}', 6, NULL, x'00ff', 9, 1);")
    databases.apply(machine.home / DATABASE, [TABLES[0], newer, *rows])
    machine.read()
    assert machine.counts == [COUNTS] * 2
    assert {(e.session, e.project) for e in machine.events()} == {(A, "shop")}
    assert [p.what for p in machine.problems] == ["row 4 of `transcript_events`: damaged, as it is packed"]
    databases.apply(machine.home / DATABASE, [f"{insert} ('{A}', 7, NULL, {packed_row(answer(7))}, 1);"])
    machine.read()
    assert machine.counts == [COUNTS] * 3
    assert len(machine.problems) == 1


ARCHIVES = (
    "CREATE TABLE session_transcript_archives (session_id TEXT NOT NULL, generation TEXT NOT NULL,"
    " session_key TEXT NOT NULL, encoding TEXT NOT NULL, archive_blob BLOB NOT NULL,"
    " PRIMARY KEY (session_id, generation)) STRICT;",
    "CREATE TABLE session_transcript_cold_archives (session_id TEXT NOT NULL PRIMARY KEY,"
    " generation TEXT NOT NULL, archive_name TEXT NOT NULL UNIQUE, storage TEXT NOT NULL, archive_blob BLOB)"
    " STRICT;",
)
COLD = f"{'0a' * 32}.jsonl.zst"


def archived(session: str, encoding: str, data: bytes, key: str = "agent:main:main") -> str:
    values = f"'{session}', 'g', '{key}', '{encoding}', x'{data.hex()}'"
    return f"INSERT INTO session_transcript_archives VALUES ({values});"


def cold_lines(session: str, *events: Json) -> bytes:
    head = {"kind": "header", "version": 1, "sessionId": session, "generation": "g"}
    rows = [{"seq": n, "event_json": json.dumps(e), "created_at": 1} for n, e in enumerate(events)]
    others = {"kind": "fts", "row": {"text": "x", "message_id": "m4", "role": "user", "timestamp": 1}}
    return lines(head, *({"kind": "event", "row": one} for one in rows), others).encode()


def test_a_session_that_only_the_archive_of_the_database_holds_is_read(machine: Machine) -> None:
    """2: what was reset or deleted is a log in a row. The file that is made of it adds nothing."""
    log = lines(HEAD, answer(4))
    packed = zstandard.compress(lines(HEAD | {"id": B}, answer(5), "half a li").encode())
    todo = [*TABLES, *ARCHIVES, archived(A, "identity", log.rstrip().encode())]
    databases.apply(machine.home / DATABASE, [*todo, archived(B, "zstd", packed, "agent:main:subagent:1")])
    machine.write(f"{FOLDER}/{A}.jsonl.deleted.2026-03-03T00-00-00.000Z", log)
    machine.read()
    assert [(e.session, e.agent, e.project) for e in machine.events()] == [
        (A, None, "shop"),
        (B, "subagent", "shop"),
    ]
    where = "row 2 of `session_transcript_archives`"
    assert [p.what for p in machine.problems] == [f"{where}: 1 lines cannot be read"]
    assert machine.read() == []


@pytest.mark.parametrize("storage", ["file", "sqlite"])
def test_a_session_that_was_not_used_for_long_is_read_where_it_was_packed(
    machine: Machine, storage: str
) -> None:
    """`session.maintenance.coldStorage`: beside the logs, in a restored backup in the row."""
    packed = zstandard.compress(cold_lines(A, HEAD, answer(4), answer(5)))
    blob = f"x'{packed.hex()}'" if storage == "sqlite" else "NULL"
    if storage == "file":
        path = machine.write(f"{FOLDER}/cold/{COLD}", "")
        path.write_bytes(packed)
    window = f"INSERT INTO session_windows VALUES ('{A}', 'agent:main:subagent:1');"
    cold = f"INSERT INTO session_transcript_cold_archives VALUES ('{A}', 'g', '{COLD}', '{storage}', {blob});"
    databases.apply(machine.home / DATABASE, [*TABLES, *ARCHIVES, window, row(A, 1, answer(4)), cold])
    machine.read()
    assert machine.counts == [COUNTS] * 2
    assert {(e.session, e.agent) for e in machine.events()} == {(A, "subagent")}
    assert machine.problems == []


@pytest.mark.parametrize("name", [COLD, "../../../secret"])
def test_an_archive_that_is_not_there_is_told_once_and_nothing_else_is_opened(
    machine: Machine, name: str
) -> None:
    machine.write(".openclaw/agents/secret", "x")
    cold = f"INSERT INTO session_transcript_cold_archives VALUES ('{A}', 'g', '{name}', 'file', NULL);"
    databases.apply(machine.home / DATABASE, [*TABLES, *ARCHIVES, row(B, 1, answer(4)), cold])
    machine.read()
    machine.read()
    assert machine.counts == [COUNTS]
    [problem] = machine.problems
    assert problem.what.startswith("row 1 of `session_transcript_cold_archives`: ")


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("openclaw", home)
    machine.read()
    by_model: dict[str | None, tuple[int, int]] = {}
    for event in machine.events():
        tokens, cost = by_model.get(event.model, (0, 0))
        by_model[event.model] = (tokens + event.tokens.total, cost + (event.cost_reported_nano or 0))
    assert by_model == {
        MODEL: (7502 + 7550 + 3290 + 3340, 4_990_000 + 3_000_000 + 4_000_000 + 1_000_000),
        "gpt-5.2": (110_643 + 560, 22_000_000),
        "claude-haiku-4-5": (340 + 120, 700_000),
        "gemini-3-pro": (700 + 50, 1_000_000 + 200_000),
    }
    assert {name: (e.outcome, e.project) for name, e in machine.tools.items()} == {
        "edit": (Outcome.OK, "shop"),
        "exec": (Outcome.ERROR, "shop"),
        "write": (Outcome.OK, "api"),
    }
    assert [e.tokens.total for e in machine.events() if e.agent == "subagent"] == [340, 120]
    assert len(machine.events(EventKind.TURN)) == 4
    assert machine.problems == []
