"""Goose: rows and lines -> records, one row for every rule of counting and every known trap.

`repo` in a source is the Goose repository (aaif-goose/goose at 017176d, once block/goose).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from openusage.errors import SourceChanged
from openusage.providers import goose
from openusage.providers._contract import Env
from openusage.providers._touched import file_key
from openusage.providers.goose._sessions import counts_of, tool_name
from openusage.wire.cursors import FileCursor
from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent
from openusage.wire.problems import Problem
from tests.support import databases
from tests.support.tools import chunks_of, remember

FIXTURE = Path(__file__).parents[1] / "fixtures" / "goose" / "home" / ".local/share"
NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
S = 1772445600
"""2026-03-02 10:00:00."""
US = S * 1_000_000
CREATED = "2026-03-02 10:00:00"
MODEL = '{"model_name":"claude-sonnet-4-5","context_limit":200000}'


class Machine:
    """A home with a Goose that writes it, and a store that remembers."""

    def __init__(self, home: Path, version: str = "goose") -> None:
        self.home = home
        self.folder = home / ".local/share/goose/sessions"
        self.folder.mkdir(parents=True)
        self.now = NOW
        self.cursors: dict[str, FileCursor] = {}
        self.known: dict[bytes, UsageEvent] = {}
        self.problems: list[Problem] = []
        script = FIXTURE / version / "sessions/sessions.db.sql"
        self.tool = databases.without_rows(self.folder / "sessions.db", script)

    def session(self, name: str = "20260302_1", **columns: Any) -> None:
        usual = {
            "id": name,
            "working_dir": "/home/ann/shop",
            "created_at": CREATED,
            "updated_at": CREATED,
            "provider_name": "anthropic",
            "model_config_json": MODEL,
        }
        databases.insert(self.tool, "sessions", usual | columns, replacing=True)

    def totals(self, given: int, output: int, name: str = "20260302_1", **more: Any) -> None:
        summed = {"total": given + output, "input": given, "output": output}
        self.session(name, **{f"accumulated_{k}_tokens": v for k, v in summed.items()}, **more)

    def request(
        self, given: Any, output: Any, *, session: str = "20260302_1", at: Any = S, **columns: Any
    ) -> None:
        row = {"session_id": session, "created_timestamp": at, "input_tokens": given, "output_tokens": output}
        row |= {"model": "claude-sonnet-4-5", "cost_source": "estimated"} | columns
        databases.insert(self.tool, "usage_ledger", row)

    def message(
        self, role: str, *content: Any, session: str = "20260302_1", at: Any = S, meta: str = "{}"
    ) -> None:
        self.tool.execute(
            "INSERT INTO messages (session_id, role, content_json, created_timestamp, metadata_json)"
            " VALUES (?, ?, ?, ?, ?)",
            (session, role, json.dumps(content), at, meta),
        )

    def read(self) -> list[UsageEvent]:
        env = Env(home=self.home, environ=MappingProxyType({}), now=self.now)
        new: list[UsageEvent] = []
        for chunk in chunks_of(goose, env, self.cursors):
            new += [r for r in chunk.records if isinstance(r, UsageEvent)]
            self.problems += chunk.problems
        remember(self.known, new)
        return new

    def events(self, kind: EventKind) -> list[UsageEvent]:
        return [e for e in self.known.values() if e.kind is kind]

    @property
    def messages(self) -> list[UsageEvent]:
        return self.events(EventKind.MESSAGE)

    def sums(self) -> tuple[int, int]:
        return (
            sum(e.tokens.input or 0 for e in self.messages),
            sum(e.tokens.output or 0 for e in self.messages),
        )


@pytest.fixture
def machine(home: Path) -> Iterator[Machine]:
    machine = Machine(home)
    yield machine
    machine.tool.close()


@pytest.fixture
def old(home: Path) -> Iterator[Machine]:
    """Before the ledger: schema version 6."""
    machine = Machine(home, "Block/goose")
    yield machine
    machine.tool.close()


def text(words: str = "please do this thing") -> dict[str, Any]:
    return {"type": "text", "text": words}


def request(call: str, name: str, arguments: Any = None) -> dict[str, Any]:
    value = {"name": name, "arguments": arguments or {}}
    return {"type": "toolRequest", "id": call, "toolCall": {"status": "success", "value": value}}


def response(call: str, status: str = "success", **value: Any) -> dict[str, Any]:
    return {"type": "toolResponse", "id": call, "toolResult": {"status": status, "value": value}}


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        # repo session_manager.rs, version 14: cached tokens are inside input.
        ((5000, 100, 5100, 3000, 1000), TokenCounts(1000, 100, 3000, 1000)),
        ((5000, 100, 5100), TokenCounts(5000, 100)),
        # Trap: a total above its parts is no reasoning; it is not counted.
        ((5000, 100, 9000, None, None), TokenCounts(5000, 100)),
        ((None, None, 700), TokenCounts(700)),
        ((None, None, None), TokenCounts()),
        (("5000", 100.0, None, None, None), TokenCounts(5000, 100)),
    ],
)
def test_counts(fields: tuple[Any, ...], counts: TokenCounts) -> None:
    assert counts_of(*fields) == counts


def test_every_row_of_the_ledger_is_a_request(machine: Machine) -> None:
    """repo session_manager.rs, version 15."""
    machine.session(
        accumulated_total_tokens=10250, accumulated_input_tokens=10000, accumulated_output_tokens=250
    )
    machine.request(5000, 100, cost=0.0092, cache_read_tokens=3000, at=S + 5)
    machine.request(5000, 150, model="claude-haiku-4-5", at=str(S + 9))
    machine.read()
    first, second = sorted(machine.messages, key=lambda e: e.at_us)
    assert first.tokens == TokenCounts(2000, 100, 3000)
    assert (first.at_us, first.cost_reported_nano) == (US + 5_000_000, 9_200_000)
    assert (first.upstream, first.project, first.session) == ("anthropic", "shop", "20260302_1")
    assert (second.model, second.cost_reported_nano) == ("claude-haiku-4-5", None)


def test_a_row_without_a_model_has_its_sessions(machine: Machine) -> None:
    machine.session()
    machine.request(10, 5, model=None)
    machine.request(None, None)
    machine.read()
    assert [e.model for e in machine.messages] == ["claude-sonnet-4-5"]


def test_trap_what_was_carried_forward_is_what_the_total_was(machine: Machine) -> None:
    """A session of before the upgrade: its total was told then, the row of the ledger repeats it."""
    machine.totals(15000, 200)
    machine.read()
    assert machine.sums() == (15000, 200)
    machine.request(15000, 200, cost_source="carried_forward", model=None)
    machine.request(3000, 100, at=S + 600)
    machine.totals(18000, 300)
    machine.read()
    assert machine.sums() == (18000, 300)


def test_a_total_beyond_the_ledger_is_told_once_it_is_settled(machine: Machine) -> None:
    """A total may be written before its row: only minutes later the difference is one."""
    machine.now = dt.datetime(2026, 3, 2, 10, 1, tzinfo=dt.UTC)
    machine.totals(18000, 300)
    machine.request(3000, 100)
    machine.read()
    assert machine.sums() == (3000, 100)
    machine.now += dt.timedelta(hours=1)
    machine.message("assistant")
    machine.read()
    assert machine.sums() == (18000, 300)


def test_without_a_ledger_a_total_is_told_as_it_grows(old: Machine) -> None:
    old.totals(50_000, 2000)
    old.read()
    old.totals(300_000, 9000, updated_at="2026-03-04 10:00:00")
    old.read()
    assert old.sums() == (300_000, 9000)
    days = {e.at_us // 86_400_000_000 for e in old.messages}
    assert len(days) == 2
    assert old.read() == []


@pytest.mark.parametrize("accumulated", [None, 0])
def test_trap_sums_of_nothing_are_unknown_and_the_last_request_is_told(
    old: Machine, accumulated: Any
) -> None:
    names = [f"accumulated_{n}_tokens" for n in ("total", "input", "output")]
    old.session(total_tokens=700, input_tokens=600, output_tokens=100, **dict.fromkeys(names, accumulated))
    old.read()
    assert old.sums() == (600, 100)


def test_a_total_without_parts_is_an_estimate(old: Machine) -> None:
    old.session(accumulated_total_tokens=5000)
    old.read()
    assert {e.estimated for e in old.messages} == {True}
    assert old.sums() == (5000, 0)


def test_trap_an_imported_session_was_counted_where_it_was_exported(old: Machine) -> None:
    """repo session_manager.rs import: a new id, the same totals, messages older than the session."""
    old.totals(50_000, 2000, created_at="2026-02-01 10:00:00")
    old.totals(50_000, 2000, "20260302_9")
    old.message("user", text(), session="20260302_9", at=S - 86_400)
    old.read()
    assert old.sums() == (50_000, 2000)
    assert old.events(EventKind.TURN) == [], "nor are its copied messages new"


def test_trap_two_sessions_of_equal_totals_that_are_no_copies(old: Machine) -> None:
    old.totals(1000, 50)
    old.totals(1000, 50, "20260302_2")
    old.read()
    assert old.sums() == (2000, 100)


def test_trap_ids_of_two_machines_are_equal(tmp_path: Path) -> None:
    """repo session_manager.rs create_session: a date and a counter."""
    found = []
    for n, created in enumerate((CREATED, "2026-03-02 10:00:07")):
        machine = Machine(tmp_path / str(n))
        machine.totals(1000, 50, created_at=created)
        machine.request(1000, 50)
        machine.read()
        machine.tool.close()
        found.append(set(machine.known))
    assert not found[0] & found[1]


def test_sub_agents_are_sessions_of_their_own(machine: Machine) -> None:
    machine.session()
    machine.session("20260302_2", session_type="sub_agent", parent_session_id="20260302_1")
    machine.request(10, 5)
    machine.request(800, 100, session="20260302_2")
    machine.message("user", text(), session="20260302_2")
    machine.read()
    assert {e.session: e.agent for e in machine.messages} == {"20260302_1": None, "20260302_2": "subagent"}
    assert machine.events(EventKind.TURN) == [], "its task is given by a model"


def test_turns_are_what_a_person_wrote(machine: Machine) -> None:
    machine.session()
    machine.message("user", text())
    machine.message("user", response("c1"), at=S + 1)
    machine.message("user", text("a summary of it"), at=S + 2, meta='{"userVisible": false}')
    machine.message("assistant", text(), at=S + 3)
    machine.read()
    assert [e.at_us for e in machine.events(EventKind.TURN)] == [US]


def test_a_conversation_written_anew_is_the_same(machine: Machine) -> None:
    """repo session_manager.rs replace_conversation: after a compaction all rows get new ids."""
    machine.session()
    machine.message("user", text())
    machine.message("assistant", request("toolu_0123456789abcdef", "developer__shell"), at=S + 1)
    machine.message("user", response("toolu_0123456789abcdef"), at=S + 2)
    machine.read()
    before = dict(machine.known)
    rows = machine.tool.execute(
        "SELECT session_id, role, content_json, created_timestamp FROM messages"
    ).fetchall()
    machine.tool.execute("DELETE FROM messages")
    for row in rows:
        machine.tool.execute(
            "INSERT INTO messages (session_id, role, content_json, created_timestamp) VALUES (?, ?, ?, ?)",
            row,
        )
    assert machine.read()
    assert machine.known == before


def test_calls_and_their_ends(machine: Machine) -> None:
    machine.session()
    edit = {"path": "a.py", "old_str": "x", "new_str": "x\ny", "command": "str_replace"}
    machine.message(
        "assistant",
        request("toolu_0123456789abcdef", "developer__text_editor", edit),
        request("call_1", "github__search"),
        request("call_2", "todo"),
    )
    machine.message("assistant", request("call_1", "github__search"), at=S + 60)
    machine.message("user", response("toolu_0123456789abcdef"), response("call_1", "error"), at=S + 61)
    machine.message("user", response("call_2", isError=True), at=S + 62)
    machine.read()
    found = sorted((e.tool or "", e.outcome or "", e.at_us) for e in machine.events(EventKind.TOOL))
    assert found == [
        ("mcp__developer__text_editor", Outcome.OK, US),
        ("mcp__github__search", "", US),
        ("mcp__github__search", Outcome.ERROR, US + 60_000_000),
        ("todo", Outcome.ERROR, US),
    ]
    (edited,) = (e for e in machine.events(EventKind.TOOL) if e.lines_added)
    assert (edited.language, edited.lines_added, edited.lines_removed) == ("python", 2, 1)
    assert edited.file_key == file_key("/home/ann/shop/a.py")


def test_names_of_tools() -> None:
    assert tool_name("mcp__a__b") == "mcp__a__b"
    assert tool_name("_odd_") == "_odd_"


def test_odd_rows_cost_only_themselves(machine: Machine) -> None:
    machine.session(model_config_json="{broken")
    machine.request(10, 5, session="gone", at="never")
    machine.request(20, 5)
    machine.message("user", at=S)
    machine.tool.execute("UPDATE messages SET content_json = '{'")
    machine.read()
    assert machine.sums() == (20, 5)
    assert [p.what for p in machine.problems] == ["row 1 of `usage_ledger` has no time"]


def test_another_format_is_told(machine: Machine) -> None:
    machine.tool.execute("ALTER TABLE sessions RENAME TO talks")
    with pytest.raises(SourceChanged, match="no table `sessions`"):
        machine.read()


def test_an_older_file_and_the_database_that_took_it_over_are_one(old: Machine) -> None:
    """repo session/legacy.rs: imported under the same id; the file stays."""
    content = (FIXTURE / "goose/sessions/20250705_120000.jsonl").read_text()
    (old.folder / "20250705_120000.jsonl").write_text(content)
    old.read()
    assert old.sums() == (2400, 200)
    assert {e.at_us for e in old.messages} == {1751716800_000_000}, "dated by its first message"
    assert [(e.tool, e.outcome) for e in old.events(EventKind.TOOL)] == [
        ("mcp__developer__shell", Outcome.OK)
    ]
    old.totals(2400, 200, "20250705_120000", created_at="2025-07-05T12:00:00+00:00")
    old.read()
    assert old.sums() == (2400, 200)


def test_backups_are_not_read(old: Machine) -> None:
    old.totals(1000, 50)
    backups = old.folder / "backups"
    backups.mkdir()
    (backups / "sessions.db").write_bytes(b"not even a database")
    (old.folder / "sessions.db.bak").write_bytes(b"nor this")
    old.read()
    assert old.sums() == (1000, 50)


def test_where_it_is_looked_for(home: Path) -> None:
    for place in (
        "root/data/sessions",
        "xdg/goose/sessions",
        "Library/Application Support/Block/goose/sessions",
    ):
        (home / place).mkdir(parents=True)

    def found(**environ: str) -> list[str]:
        env = Env(home=home, environ=MappingProxyType(environ), now=NOW)
        return [root.removeprefix(f"{home}/") for a in goose.discover(env) for root in a.flat_roots]

    mac = "Library/Application Support/Block/goose/sessions"
    assert found() == [mac]
    assert found(XDG_DATA_HOME=f"{home}/xdg") == ["xdg/goose/sessions", mac]
    assert found(GOOSE_PATH_ROOT=f"{home}/root") == ["root/data/sessions"]
