"""OpenCode: raw messages -> records, one row for every rule of counting and every known trap.

`repo` in a source is the OpenCode repository (anomalyco/opencode, once sst/opencode).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import apsw
import httpx
import pytest
from pytest_httpserver import HTTPServer

from openusage.errors import AuthRequired, SourceChanged, SourceUnavailable
from openusage.providers import _opencode_messages as messages
from openusage.providers import opencode
from openusage.providers._contract import Env
from openusage.providers._opencode_messages import Session, tool_name
from openusage.providers._touched import file_key
from openusage.wire.cursors import FileCursor
from openusage.wire.events import (
    Account,
    AccountFact,
    EventKind,
    Outcome,
    Record,
    TokenCounts,
    UsageEvent,
    merge,
)
from openusage.wire.problems import Problem
from tests.support import databases
from tests.support.tools import chunks_of, remember

FIXTURE = Path(__file__).parents[1] / "fixtures" / "opencode" / "home"
NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
T = 1772445600_000
"""2026-03-02 10:00:00, in milliseconds."""
US = T * 1000
Json = dict[str, Any]
ACCOUNT = Account(id="opencode", provider="opencode")
SES = Session("ses_1", "/home/ann/shop", None, US)


def tokens(given: int, output: int, reasoning: int = 0, read: int = 0, write: int = 0, **more: int) -> Json:
    cache = {"read": read, "write": write}
    return {"input": given, "output": output, "reasoning": reasoning, "cache": cache, **more}


def answer(used: Any, cost: Any = 0, *, at: int = T, **more: Any) -> Json:
    return {
        "role": "assistant",
        "time": {"created": at, "completed": at + 5000},
        "modelID": "claude-sonnet-4-5",
        "providerID": "anthropic",
        "mode": "build",
        "agent": "build",
        "path": {"cwd": "/home/ann/shop", "root": "/home/ann/shop"},
        "cost": cost,
        "tokens": used,
        **more,
    }


def step(used: Json, cost: float = 0) -> Json:
    return {"type": "step-finish", "reason": "stop", "tokens": used, "cost": cost}


def call(
    name: str, given: Any, status: str = "completed", call_id: str = "toolu_0123456789abcdef", **more: Any
) -> Json:
    state = {"status": status, "input": given, "time": {"start": T + 1000, "end": T + 2000}, **more}
    return {"type": "tool", "callID": call_id, "tool": name, "state": state}


def parsed(
    message: Json, *parts: Json, session: Session = SES, role: str | None = None, final: bool = False
) -> list[UsageEvent]:
    found = messages.message_of(json.dumps(message).encode(), role)
    assert found is not None
    pieces = [messages.part_of(json.dumps(p).encode()) for p in parts]
    return list(messages.events(ACCOUNT, found, session, [p for p in pieces if p], final=final))


def answers(*args: Any, **kwargs: Any) -> list[tuple[TokenCounts, int | None]]:
    return [(e.tokens, e.cost_reported_nano) for e in parsed(*args, **kwargs) if e.kind is EventKind.MESSAGE]


COUNTS = [
    pytest.param(
        [answer(tokens(900, 120, 0, 8000, 300), 0.0123)],
        [(TokenCounts(900, 120, 8000, 300, None, 0), 12_300_000)],
        id="a message without steps is itself; input excludes the cache (repo session/index.ts getUsage)",
    ),
    pytest.param(
        [
            answer(tokens(7, 30, 0, 600), 0.03),
            step(tokens(100, 20, write=500), 0.02),
            step(tokens(7, 30, 0, 600), 0.01),
        ],
        [
            (TokenCounts(100, 20, 0, 500, None, 0), 20_000_000),
            (TokenCounts(7, 30, 600, 0, None, 0), 10_000_000),
        ],
        id="trap: of several steps it has the last one's tokens, all their cost (repo processor.ts)",
    ),
    pytest.param(
        [answer(tokens(5, 5)), step(tokens(5, 5)), step(tokens(5, 5))],
        [(TokenCounts(5, 5, 0, 0, None, 0), None)] * 2,
        id="two steps of equal counts are two",
    ),
    pytest.param(
        [answer(tokens(10, 100, 40, total=110))],
        [(TokenCounts(10, 60, 0, 0, None, 40), None)],
        id="trap: `total` says that reasoning is inside output (older versions, OpenAI)",
    ),
    pytest.param(
        [answer(tokens(10, 100, 40, total=150))],
        [(TokenCounts(10, 100, 0, 0, None, 40), None)],
        id="`total` says that reasoning is beside output",
    ),
    pytest.param(
        [answer(tokens(10, 100), 0)],
        [(TokenCounts(10, 100, 0, 0, None, 0), None)],
        id="a cost of 0 is a subscription or no price: not known",
    ),
    pytest.param(
        [answer(tokens(0, 0), 0.5)], [(TokenCounts(), 500_000_000)], id="trap: a cost and no counts"
    ),
    pytest.param(
        [answer(tokens(0, 0), 0.5, error={"name": "MessageAbortedError"})], [], id="trap: aborted early"
    ),
    pytest.param(
        [answer(tokens(3, 4), 0, error={"name": "MessageAbortedError"})],
        [(TokenCounts(3, 4, 0, 0, None, 0), None)],
        id="aborted with counts: they were used",
    ),
    pytest.param([answer(tokens(9, 9), 0, time={"created": T})], [], id="still running"),
    pytest.param(
        [
            answer({"input": 3.0, "output": "4", "cache": None}),
        ],
        [(TokenCounts(3, 4, None, None, None, None), None)],
        id="trap: counts as floats and texts, no cache object",
    ),
    pytest.param([answer(None)], [], id="no counts at all"),
    pytest.param([answer(tokens(5, 5), time=None)], [], id="no time"),
    pytest.param([answer(tokens(5, 5), role="tool")], [], id="an unknown role"),
    pytest.param(
        [answer(tokens(5, 5), model={"providerID": "x", "modelID": "y"}, summary=True)],
        [(TokenCounts(5, 5, 0, 0, None, 0), None)],
        id="a compaction is a real call",
    ),
]


@pytest.mark.parametrize(("given", "expected"), COUNTS)
def test_what_a_message_counts(given: list[Json], expected: list[tuple[TokenCounts, int | None]]) -> None:
    assert answers(*given) == expected


def test_who_where_and_when() -> None:
    (event,) = parsed(answer(tokens(5, 5)))
    assert (event.at_us, event.model, event.upstream) == (US, "claude-sonnet-4-5", "anthropic")
    assert (event.project, event.session, event.agent) == ("shop", "ses_1", None)
    child = Session("ses_2", "/home/ann/web", "ses_1", US)
    (event,) = parsed(answer(tokens(5, 5), agent="explore", path=None), session=child)
    assert (event.project, event.session, event.agent) == ("web", "ses_2", "explore")


def test_a_request_of_a_person_is_a_turn_and_one_of_an_agent_is_not() -> None:
    asked = {"role": "user", "time": {"created": T}, "model": {"providerID": "anthropic", "modelID": "m"}}
    (turn,) = parsed(asked)
    assert (turn.kind, turn.model, turn.tokens) == (EventKind.TURN, "m", TokenCounts())
    assert parsed(asked, session=Session("ses_2", None, "ses_1", US)) == []


def test_a_forked_copy_is_its_original_whatever_the_order() -> None:
    """A fork has its messages under new ids, with their times and counts (repo session/index.ts fork)."""
    original = parsed(answer(tokens(5, 5), id="msg_1"), call("bash", {}))
    copy = parsed(
        answer(tokens(5, 5), id="msg_9"), call("bash", {}), session=Session("ses_0", "/x", None, US + 9)
    )
    for a, b in zip(original, copy, strict=True):
        assert a.event_key == b.event_key
        assert merge(a, b) == merge(b, a) == a


def test_two_messages_are_two_when_anything_differs() -> None:
    variants = [
        answer(tokens(5, 5)),
        answer(tokens(5, 5), at=T + 1),
        answer(tokens(5, 6)),
        answer(tokens(5, 5), modelID="other"),
        answer(tokens(5, 5), providerID="github-copilot"),
    ]
    assert len({e.event_key for v in variants for e in parsed(v)}) == len(variants)


def test_an_answer_of_2_x_is_one_step_with_its_calls_inside() -> None:
    """repo packages/core/src/session-message.ts: the role is a column, the model an object."""
    message = {
        "agent": "build",
        "model": {"id": "claude-sonnet-4-5", "providerID": "anthropic"},
        "content": [
            {"type": "text", "text": "some words of it"},
            {
                "type": "tool",
                "id": "toolu_0123456789abcdef",
                "name": "write",
                "state": {"status": "completed", "input": {"filePath": "a.ts", "content": "a\nb"}},
                "time": {"created": T + 900, "ran": T + 1000, "completed": T + 2000},
            },
        ],
        "cost": 0.5,
        "tokens": tokens(5, 5),
        "time": {"created": T, "completed": T + 5000},
    }
    found = messages.message_of(json.dumps(message).encode(), "assistant")
    assert found is not None
    answer_, tool = messages.events(ACCOUNT, found, SES, found.content or [], final=False)
    old_answer, old_tool = parsed(
        answer(tokens(5, 5), 0.5), call("write", {"filePath": "a.ts", "content": "a\nb"})
    )
    assert answer_.event_key == old_answer.event_key, "what 2.x takes over from 1.x is the same event"
    assert tool.event_key == old_tool.event_key
    assert (tool.tool, tool.language, tool.lines_added, tool.at_us) == (
        "write",
        "typescript",
        2,
        US + 1_000_000,
    )


@pytest.mark.parametrize(
    ("part", "tool", "outcome"),
    [
        (call("edit", {"filePath": "a.py"}), "edit", Outcome.OK),
        (call("bash", {}, "error", error="exit 1"), "bash", Outcome.ERROR),
        (call("bash", {}, "error", error="Tool execution aborted"), "bash", Outcome.ABORTED),
        (
            call("bash", {}, "error", error={"message": "The user rejected permission"}),
            "bash",
            Outcome.ABORTED,
        ),
        (call("github_list_issues", {}), "mcp__github__list_issues", Outcome.OK),
        (call("bash", {}, "running"), None, None),
        (call("bash", {}, "pending"), None, None),
        (call("", {}), None, None),
        ({"type": "tool", "tool": "bash"}, None, None),
        ({"type": "reasoning", "text": "long thoughts of it"}, None, None),
    ],
)
def test_what_a_call_was(part: Json, tool: str | None, outcome: Outcome | None) -> None:
    found = [(e.tool, e.outcome) for e in parsed(answer(None), part)]
    assert found == ([] if tool is None else [(tool, outcome)])


def test_an_edit_tells_its_file_and_lines() -> None:
    edit = call("edit", {"filePath": "/home/ann/shop/a.py", "oldString": "x", "newString": "x\ny"})
    (event,) = parsed(answer(None), edit)
    assert (event.language, event.lines_added, event.lines_removed) == ("python", 2, 1)
    assert event.file_key == file_key("/home/ann/shop/a.py")


def test_ids_that_a_model_counts_anew_are_of_one_message_only() -> None:
    """Kimi's calls are `functions.bash:0`, local models' `call_1`, in every session."""
    for name in ("functions.bash:0", "call_1"):
        keys = {
            parsed(answer(None, at=at), call("bash", {}, call_id=name))[0].event_key for at in (T, T + 1, T)
        }
        assert len(keys) == 2


def test_names_of_tools() -> None:
    assert tool_name("lsp_diagnostics") == "lsp_diagnostics"
    assert tool_name("playwright_browser_click") == "mcp__playwright__browser_click"
    assert tool_name("mcp__a__b") == "mcp__a__b"
    assert tool_name("_odd") == "_odd"


# Whole homes


class Machine:
    """A home with an OpenCode in it, and a store that remembers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / ".local/share/opencode"
        self.root.mkdir(parents=True)
        self.now = NOW
        self.cursors: dict[str, FileCursor] = {}
        self.environ: dict[str, str] = {}
        self.known: dict[bytes, UsageEvent] = {}
        self.problems: list[Problem] = []

    def read(self) -> list[Record]:
        env = Env(home=self.home, environ=MappingProxyType(self.environ), now=self.now)
        new: list[Record] = []
        for chunk in chunks_of(opencode, env, self.cursors):
            new += chunk.records
            self.problems += chunk.problems
        events = [r for r in new if isinstance(r, UsageEvent)]
        assert len(events) == len(new)
        remember(self.known, events)
        return new

    def events(self, kind: EventKind) -> list[UsageEvent]:
        return sorted((e for e in self.known.values() if e.kind is kind), key=lambda e: e.at_us)

    def total(self) -> int:
        return sum(e.tokens.total for e in self.known.values())

    def write(self, path: str, content: Any, at_s: float = T / 1000) -> Path:
        full = self.root / "storage" / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(content if isinstance(content, str) else json.dumps(content))
        os.utime(full, (at_s, at_s))
        return full


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine(home)


@pytest.fixture
def db(machine: Machine) -> Iterator[apsw.Connection]:
    """A database of 1.x without rows."""
    script = FIXTURE / ".local/share/opencode/opencode.db.sql"
    connection = databases.without_rows(machine.root / "opencode.db", script)
    connection.execute(
        "INSERT INTO session VALUES ('ses_1', 'p', NULL, 's', '/home/ann/shop', 't', '1', ?, ?)", (T, T)
    )
    yield connection
    connection.close()


def put(db: apsw.Connection, name: str, data: Json, at: int = T) -> None:
    db.execute(
        "INSERT INTO message VALUES (?, 'ses_1', ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET data = excluded.data, time_updated = excluded.time_updated",
        (name, at, at, json.dumps(data)),
    )


def test_a_message_is_followed_until_it_is_finished(machine: Machine, db: apsw.Connection) -> None:
    put(db, "msg_1", answer(tokens(0, 0), time={"created": T}))
    machine.read()
    assert machine.total() == 0
    for n in range(3):
        put(db, f"msg_{n + 2}", answer(tokens(1, 0), at=T + 10 + n))
    machine.read()
    assert machine.total() == 3
    put(db, "msg_1", answer(tokens(100, 20)), at=T + 5000)
    machine.read()
    assert machine.total() == 123
    put(db, "msg_9", answer(tokens(1, 0), at=T + 99))
    assert len(machine.read()) == 1, "what is finished is not read again"


def test_what_was_killed_in_the_middle_counts_a_day_later(machine: Machine, db: apsw.Connection) -> None:
    put(db, "msg_1", answer(tokens(100, 20), time={"created": T}))
    machine.read()
    assert machine.total() == 0
    machine.now += dt.timedelta(days=2)
    db.execute("UPDATE message SET time_updated = time_updated + 1")
    machine.read()
    assert machine.total() == 120


def test_messages_taken_back_and_others_in_their_rows_are_seen(machine: Machine, db: apsw.Connection) -> None:
    """A revert deletes rows (repo session/revert.ts); SQLite gives their rowids to the next ones."""
    for n in range(9):
        put(db, f"msg_{n}", answer(tokens(1, 0), at=T + n))
    machine.read()
    db.execute("DELETE FROM message WHERE id >= 'msg_5'")
    for n in range(3):
        put(db, f"msg_new{n}", answer(tokens(10, 0), at=T + 50 + n))
    machine.read()
    assert machine.total() == 9 + 30


def test_a_row_that_is_no_json_is_told_and_costs_only_itself(machine: Machine, db: apsw.Connection) -> None:
    put(db, "msg_1", answer(tokens(1, 0)))
    db.execute("INSERT INTO message VALUES ('msg_2', 'ses_1', 1, 1, '{broken')")
    put(db, "msg_3", answer(tokens(1, 0), at=T + 1))
    machine.read()
    assert machine.total() == 2
    assert [p.what for p in machine.problems] == ["row 2 of `message` is no JSON"]


def test_after_the_upgrade_to_2_x_only_its_tables_are_read_and_nothing_counts_twice(
    machine: Machine, db: apsw.Connection
) -> None:
    put(db, "msg_1", answer(tokens(100, 20)))
    machine.read()
    script = (FIXTURE / ".local/share/opencode/opencode-beta.db.sql").read_text()
    for statement in databases.statements(script):
        if statement.startswith("CREATE TABLE session_"):
            db.execute(statement)
    new = {
        "model": {"id": "claude-sonnet-4-5", "providerID": "anthropic"},
        "content": [],
        "time": {"created": T, "completed": T + 5000},
    }
    for n, used in enumerate((tokens(100, 20), tokens(5, 5))):
        data = json.dumps({**new, "tokens": used, "time": {"created": T + n, "completed": T + 5000}})
        db.execute(
            "INSERT INTO session_message VALUES (?, 'ses_1', 'assistant', ?, ?, ?, ?)",
            (f"m{n}", n, T, T, data),
        )
    put(db, "msg_2", answer(tokens(7777, 0), at=T + 77))
    machine.read()
    assert machine.total() == 130


def test_a_database_of_another_format_is_told_by_its_table(machine: Machine, db: apsw.Connection) -> None:
    db.execute("ALTER TABLE message RENAME COLUMN data TO payload")
    with pytest.raises(SourceChanged, match="`message` has no column `data`"):
        machine.read()


def test_json_files_and_the_database_that_took_them_over_are_one(
    machine: Machine, db: apsw.Connection
) -> None:
    machine.write(
        "session/p/ses_1.json", {"id": "ses_1", "directory": "/home/ann/shop", "time": {"created": T}}
    )
    machine.write("message/ses_1/msg_1.json", {"id": "msg_1", **answer(tokens(100, 20))})
    put(db, "msg_1", answer(tokens(100, 20)))
    machine.read()
    assert machine.total() == 120
    assert [(e.session, e.project) for e in machine.events(EventKind.MESSAGE)] == [("ses_1", "shop")]


def test_a_json_file_is_followed_until_it_is_whole_and_finished(machine: Machine) -> None:
    now_s = NOW.timestamp()
    path = "message/ses_1/msg_1.json"
    machine.write(path, '{"role": "assist', at_s=now_s - 1)
    machine.read()
    machine.write(path, answer(tokens(0, 0), time={"created": T}), at_s=now_s)
    machine.read()
    assert (machine.total(), machine.problems) == (0, [])
    machine.write("part/msg_1/prt_1.json", step(tokens(40, 5)))
    machine.write("part/msg_1/prt_2.json", step(tokens(60, 15)))
    machine.write(path, answer(tokens(60, 15)), at_s=now_s + 1)
    machine.read()
    assert machine.total() == 120
    assert machine.read() == []


def test_a_json_file_that_stays_broken_is_told(machine: Machine) -> None:
    path = machine.write("message/ses_1/msg_1.json", "{broken")
    machine.write("message/ses_1/msg_2.json", answer(tokens(5, 5)))
    machine.read()
    assert [(p.path, p.what) for p in machine.problems] == [(str(path), "not a JSON object")]
    assert machine.total() == 10


def test_a_session_that_did_not_change_costs_one_stat(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        machine.write(f"message/ses_{n}/msg_1.json", answer(tokens(1, 0), at=T + n))
        os.utime(machine.root / f"storage/message/ses_{n}", (T / 1000, T / 1000))
    machine.read()
    read_bytes, opened = Path.read_bytes, []

    def noted(path: Path) -> bytes:
        opened.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    machine.write("message/ses_1/msg_2.json", answer(tokens(10, 0), at=T + 9))
    machine.read()
    assert machine.total() == 13
    assert opened == ["msg_2.json"]


def test_where_it_is_looked_for(home: Path) -> None:
    named, other = home / "named", home / "xdg"
    for root in (named, other / "opencode"):
        (root / "storage/message").mkdir(parents=True)
    (named / "opencode-beta.db").touch()
    (named / "opencodex.db").touch()

    def found(**environ: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        env = Env(home=home, environ=MappingProxyType(environ), now=NOW)
        return [(a.roots, a.flat_roots) for a in opencode.discover(env)]

    assert found() == []
    xdg = str(other / "opencode")
    assert found(XDG_DATA_HOME=str(other)) == [((f"{xdg}/storage/message",), (xdg,))]
    assert found(OPENCODE_DATA_DIR=f"{named},{xdg}") == [((f"{xdg}/storage/message",), (str(named), xdg))]
    assert found(OPENCODE_DATA_DIR=str(named)) == [((), (str(named),))]


@pytest.mark.parametrize(
    ("named", "lies"), [("{home}/a/mine.db", "a/mine.db"), ("mine.db", ".local/share/opencode/mine.db")]
)
def test_a_database_that_a_person_named_is_read_beside_the_usual_one(
    machine: Machine, db: apsw.Connection, named: str, lies: str
) -> None:
    """`OPENCODE_DB`, absolute or below the data folder (repo packages/core/src/database/database.ts). What
    was used before it was named stays in the usual one."""
    put(db, "msg_1", answer(tokens(1, 0)))
    (machine.home / lies).parent.mkdir(exist_ok=True)
    script = FIXTURE / ".local/share/opencode/opencode.db.sql"
    with contextlib.closing(databases.without_rows(machine.home / lies, script)) as own:
        put(own, "msg_2", answer(tokens(20, 0), at=T + 1))
    machine.environ = {"OPENCODE_DB": named.format(home=machine.home)}
    machine.read()
    assert machine.total() == 21
    assert machine.read() == []


# The gateway


def poll(home: Path, http: httpx.Client, base: str, **environ: str) -> list[Record]:
    env = Env(home=home, environ=MappingProxyType(environ), now=NOW, http=http, base_urls={"opencode": base})
    return [r for account in opencode.discover(env) for r in opencode.poll(account, env)]


def test_the_key_of_zen_is_checked(home: Path, httpserver: HTTPServer) -> None:
    root = home / ".local/share/opencode"
    (root / "storage/message").mkdir(parents=True)
    models = {"data": [{"id": "kimi-k2"}, {"id": "big-pickle"}]}
    httpserver.expect_request("/models", headers={"Authorization": "Bearer made-up"}).respond_with_json(
        models
    )
    with httpx.Client() as http:
        assert poll(home, http, httpserver.url_for("")) == [], "no key, no question"
        (root / "auth.json").write_text('{"opencode-go": {"type": "api", "key": "made-up"}, "x": 1}')
        facts = poll(home, http, httpserver.url_for(""))
        assert {f.key: f.value for f in facts if isinstance(f, AccountFact)}["available_models_count"] == "2"
        assert "made-up" not in repr(facts)
        assert poll(home, http, httpserver.url_for(""), ZEN_API_KEY="made-up") == facts


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, "no", AuthRequired),
        (429, "slow", SourceUnavailable),
        (500, "", SourceUnavailable),
        (200, "<html>", SourceChanged),
    ],
)
def test_a_refusal_is_told_without_the_key(
    home: Path, httpserver: HTTPServer, status: int, body: str, error: type[Exception]
) -> None:
    (home / ".local/share/opencode/storage/message").mkdir(parents=True)
    httpserver.expect_request("/models").respond_with_data(body, status=status)
    with httpx.Client() as http, pytest.raises(error) as told:
        poll(home, http, httpserver.url_for(""), OPENCODE_API_KEY="made-up")
    assert "made-up" not in str(told.value)


# --- the plugin ------------------------------------------------------------------------------------------


def hooked(payload: Any) -> list[Any]:
    return opencode.parse_hook(json.dumps(payload).encode(), "opencode", US + 9_000_000)


def told(part: Json, **more: Any) -> Json:
    """As our plugin tells it: a message that still goes on, and what of it has ended."""
    message = answer(None, at=T, sessionID="ses_1", id="msg_1") | more
    message["time"] = {"created": T}
    return {"openusage": 1, "message": message, "part": part}


def test_a_step_of_the_plugin_is_the_same_event_as_the_databases() -> None:
    used, cost = tokens(100, 20, 3, 4, 500), 0.02
    [event] = hooked(told(step(used, cost)))
    [logged] = [e for e in parsed(answer(used, cost), step(used, cost)) if e.kind is EventKind.MESSAGE]
    assert event.event_key == logged.event_key
    assert merge(event, logged) == logged == merge(logged, event)


def test_a_tool_call_of_the_plugin_is_the_databases_which_knows_more_of_it() -> None:
    """The plugin sends no input, so neither language nor lines; the sub-agent is the database's, too."""
    ended = call("edit", {"filePath": "/home/ann/shop/a.py", "oldString": "a", "newString": "b\nc"})
    sub_agent = Session("ses_1", "/home/ann/shop", "ses_0", US)
    [logged] = [e for e in parsed(answer(tokens(0, 0)), ended, session=sub_agent) if e.kind is EventKind.TOOL]
    state = {key: value for key, value in ended["state"].items() if key != "input"}
    [event] = hooked(told(ended | {"state": state}))
    assert (event.tool, event.outcome, event.language) == ("edit", Outcome.OK, None)
    assert merge(event, logged) == logged == merge(logged, event)
    assert (logged.language, logged.agent) == ("python", "build")


def test_a_message_that_is_told_to_be_complete_beside_a_tool_call_counts_nothing() -> None:
    payload = told(call("bash", {}), tokens=tokens(5, 5), cost=1.0)
    payload["message"]["time"]["completed"] = T + 1
    assert [e.kind for e in hooked(payload)] == [EventKind.TOOL]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"event": {"type": "message.updated", "properties": {"info": answer(tokens(1, 1))}}},
        {"hook": "chat.message", "input": {"sessionID": "s", "messageID": "m"}, "timestamp": T},
        {"hook": "tool.execute.after", "input": {"tool": "bash", "callID": "call_1"}},
        {"openusage": 1, "message": [], "part": "x"},
        told({"type": "text", "text": "hunter2"}),
        told({"type": "step-finish"}),
    ],
)
def test_what_says_only_that_something_happened_is_no_record(payload: Json) -> None:
    assert hooked(payload) == []


def test_a_tool_call_of_the_go_programs_plugin_is_the_databases() -> None:
    given = {"tool": "github_list_issues", "sessionID": "ses_1", "callID": "toolu_0123456789abcdef"}
    [event] = hooked({"hook": "tool.execute.after", "timestamp": T, "input": given, "output": {"title": "x"}})
    ended = call("github_list_issues", {})
    [logged] = [e for e in parsed(answer(tokens(0, 0)), ended) if e.kind is EventKind.TOOL]
    assert event.event_key == logged.event_key
    assert (event.at_us, event.tool) == (US, "mcp__github__list_issues")
