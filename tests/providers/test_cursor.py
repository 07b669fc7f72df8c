"""Cursor: keys, rows and answers -> records, one row for every rule of counting and every known trap.

Cursor is closed source: its formats are known from its databases, its dashboard's own requests, and the
programs that read them (ccusage, tokscale, cursor-stats).
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import apsw
import httpx
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from openusage.errors import AuthRequired, SourceChanged
from openusage.providers import cursor
from openusage.providers._contract import Env
from openusage.providers._touched import file_key
from openusage.providers.cursor import _dashboard
from openusage.providers.cursor._chats import tool_name, upstream_of
from openusage.wire.cursors import FileCursor
from openusage.wire.events import (
    AccountFact,
    Behaviour,
    EventKind,
    Outcome,
    QuotaReading,
    Record,
    Scope,
    TokenCounts,
    UsageEvent,
)
from openusage.wire.identity import account_key
from tests.support import databases
from tests.support.tools import chunks_of, remember

FIXTURE = Path(__file__).parents[1] / "fixtures" / "cursor" / "home"
NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
T = 1772445600_000
"""2026-03-02 10:00:00, in milliseconds."""
US = T * 1000
CLAIMS = base64.urlsafe_b64encode(b'{"sub": "auth0|user_01"}').decode().rstrip("=")
TOKEN = f"made.{CLAIMS}.up"
Json = dict[str, Any]


class Machine:
    """A home with a Cursor that writes it, and a store that remembers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.user = home / ".config/Cursor/User"
        self.cursors: dict[str, FileCursor] = {}
        self.known: dict[bytes, UsageEvent] = {}
        self.readings: dict[str, QuotaReading] = {}
        self.facts: dict[str, str] = {}
        self.tool = self.database("globalStorage")
        self.tracking = apsw.Connection(":memory:")

    def database(self, folder: str) -> apsw.Connection:
        (self.user / folder).mkdir(parents=True)
        tool = apsw.Connection(str(self.user / folder / "state.vscdb"))
        tool.pragma("synchronous", 0)
        for table in ("ItemTable", "cursorDiskKV"):
            tool.execute(f"CREATE TABLE {table} (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)")
        return tool

    def track(self) -> None:
        folder = self.home / ".cursor/ai-tracking"
        folder.mkdir(parents=True)
        script = FIXTURE / ".cursor/ai-tracking/ai-code-tracking.db.sql"
        self.tracking = databases.without_rows(folder / "ai-code-tracking.db", script)

    def item(self, key: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self.tool.execute("INSERT INTO ItemTable VALUES (?, ?)", (key, text))

    def put(self, key: str, value: Any) -> None:
        self.tool.execute("INSERT INTO cursorDiskKV VALUES (?, ?)", (key, json.dumps(value).encode()))

    def chat(self, name: str = "c1", **fields: Any) -> None:
        self.put(f"composerData:{name}", {"createdAt": T, "modelConfig": {"modelName": "auto"}} | fields)

    def bubble(self, name: str, kind: int = 2, chat: str = "c1", **fields: Any) -> None:
        self.put(f"bubbleId:{chat}:{name}", {"type": kind} | fields)

    def sign_in(self, token: str = TOKEN) -> None:
        self.item("cursorAuth/accessToken", token)

    def code(
        self, name: str, source: str = "composer", request: str | None = "r1", at: int = T, **more: Any
    ) -> None:
        row = {"hash": name, "source": source, "requestId": request, "timestamp": at, "createdAt": at}
        row |= {"fileExtension": "py", "fileName": "/home/ann/shop/a.py", "conversationId": "c1"} | more
        databases.insert(self.tracking, "ai_code_hashes", row)

    def take(self, records: Iterator[Record] | list[Record]) -> list[UsageEvent]:
        new: list[UsageEvent] = []
        for r in records:
            if isinstance(r, QuotaReading):
                self.readings[r.key] = r
            elif isinstance(r, AccountFact):
                self.facts[r.key] = r.value
            else:
                new.append(r)
        remember(self.known, new)
        return new

    def read(self) -> list[UsageEvent]:
        env = Env(home=self.home, environ=MappingProxyType({}), now=NOW)
        new: list[UsageEvent] = []
        for chunk in chunks_of(cursor, env, self.cursors):
            new += self.take(chunk.records)
        return new

    def poll(self, http: httpx.Client, base: str, polled_us: int | None = None) -> list[UsageEvent]:
        env = Env(
            home=self.home,
            environ=MappingProxyType({}),
            now=NOW,
            http=http,
            base_urls={"cursor": base},
            polled_us=polled_us,
        )
        return self.take(r for account in cursor.discover(env) for r in cursor.poll(account, env))

    def events(self, kind: EventKind) -> list[UsageEvent]:
        return sorted(
            (e for e in self.known.values() if e.kind is kind), key=lambda e: (e.at_us, e.event_key)
        )


@pytest.fixture
def machine(home: Path) -> Iterator[Machine]:
    machine = Machine(home)
    yield machine
    machine.tool.close()
    machine.tracking.close()


# Chats


def test_prompts_and_calls(machine: Machine) -> None:
    machine.chat()
    machine.bubble("b1", 1, createdAt="2026-03-02T10:00:01Z")
    tool = {"name": "edit_file_v2", "status": "completed", "toolCallId": "toolu_0123456789abcdef"}
    machine.bubble(
        "b2", createdAt=T + 5000, toolFormerData=tool, modelInfo={"modelName": "claude-4.5-sonnet"}
    )
    machine.bubble("b3", toolFormerData={"name": "mcp_github_search", "status": "cancelled"})
    machine.bubble("b4", toolFormerData={"name": "grep", "status": "error"})
    machine.bubble("b5", toolFormerData={"name": "grep", "status": "loading"})
    machine.bubble("b6", toolFormerData={"name": ""})
    machine.read()
    assert [(e.at_us - US, e.session) for e in machine.events(EventKind.TURN)] == [(1_000_000, "c1")]
    found = {(e.tool, e.outcome, e.model, e.at_us - US) for e in machine.events(EventKind.TOOL)}
    assert found == {
        ("edit_file", Outcome.OK, "claude-4.5-sonnet", 5_000_000),
        ("mcp__github__search", Outcome.ABORTED, "auto", 0),
        ("grep", Outcome.ERROR, "auto", 0),
        ("grep", None, "auto", 0),
    }


def test_trap_a_message_without_a_time_has_its_chats(machine: Machine) -> None:
    """Only newer versions write `createdAt`, as ISO text or as milliseconds."""
    machine.bubble("b1", 1)
    machine.bubble("b2", 1, chat="gone")
    machine.chat(createdAt="2026-03-02T10:00:00.000Z")
    machine.read()
    assert [e.at_us for e in machine.events(EventKind.TURN)] == [US]


def test_a_sub_agents_chat_has_no_person_in_it(machine: Machine) -> None:
    machine.chat(subagentInfo={"subagentTypeName": "explore"})
    machine.bubble("b1", 1)
    machine.bubble("b2", toolFormerData={"name": "grep", "status": "completed"})
    machine.read()
    assert machine.events(EventKind.TURN) == []
    assert [e.agent for e in machine.events(EventKind.TOOL)] == ["explore"]


def test_a_key_that_is_written_again_is_read_again_and_only_that(machine: Machine) -> None:
    machine.chat()
    for n in range(50):
        machine.bubble(f"b{n}", 1)
    machine.put("agentKv:blob:1", "x" * 5000)
    machine.read()
    machine.bubble("b7", toolFormerData={"name": "grep", "status": "completed"})
    machine.put("checkpointId:1", {})
    assert [e.tool for e in machine.read()] == ["grep"]
    assert machine.read() == []


def test_trap_rows_of_a_database_that_was_made_anew(machine: Machine) -> None:
    machine.chat()
    for n in range(20):
        machine.bubble(f"b{n}", 1)
    machine.read()
    machine.tool.execute("DELETE FROM cursorDiskKV")
    machine.chat()
    machine.bubble("new", 1)
    machine.read()
    assert len(machine.events(EventKind.TURN)) == 21


def test_what_older_versions_noted_is_told_while_nobody_is_signed_in(machine: Machine) -> None:
    machine.chat(
        usageData={"claude-4.5-sonnet": {"costInCents": 12.5, "amount": 3}}, lastUpdatedAt=T + 60_000
    )
    machine.bubble("b1", tokenCount={"inputTokens": 1500, "outputTokens": 200})
    machine.bubble("b2", tokenCount={"inputTokens": 0, "outputTokens": 0})
    machine.bubble("b3", 1, tokenCount={"inputTokens": 9, "outputTokens": 9})
    machine.read()
    messages = machine.events(EventKind.MESSAGE)
    assert [(e.tokens, e.estimated) for e in messages if e.tokens.total] == [(TokenCounts(1500, 200), True)]
    paid = [e for e in messages if e.cost_reported_nano]
    assert sum(e.cost_reported_nano or 0 for e in paid) == 125_000_000
    assert {(e.model, e.at_us) for e in paid} == {("claude-4.5-sonnet", US + 60_000_000)}


def test_what_a_chat_cost_grows(machine: Machine) -> None:
    for cents in (5, 250, 250, 300):
        machine.chat(usageData={"auto": {"costInCents": cents}, "odd": None, "x": {"costInCents": "?"}})
        machine.read()
    assert sum(e.cost_reported_nano or 0 for e in machine.events(EventKind.MESSAGE)) == 3_000_000_000


def test_trap_the_dashboard_tells_the_same_usage_of_who_is_signed_in(machine: Machine) -> None:
    machine.sign_in()
    machine.chat(usageData={"auto": {"costInCents": 12.5}})
    machine.bubble("b1", tokenCount={"inputTokens": 1500, "outputTokens": 200})
    machine.bubble("b2", 1)
    machine.read()
    assert machine.events(EventKind.MESSAGE) == []
    assert len(machine.events(EventKind.TURN)) == 1


def test_who_is_signed_in(machine: Machine) -> None:
    machine.sign_in(f'"{TOKEN}"')
    machine.item("cursorAuth/cachedEmail", "ann@example.com")
    machine.item("cursorAuth/stripeMembershipType", "pro")
    machine.read()
    assert machine.facts == {
        "account_email": "ann@example.com",
        "membership_type": "pro",
        "account_key": account_key("cursor", "auth0|user_01"),
    }


def test_lines_of_the_day_and_the_context(machine: Machine) -> None:
    for day, lines in (("2026-03-01", 5), ("2026-03-02", 40)):
        name = f"aiCodeTracking.dailyStats.v1.5.{day}"
        machine.item(name, {"date": day, "tabSuggestedLines": lines, "composerAcceptedLines": None})
    machine.chat(contextTokensUsed=18_000, contextTokenLimit=200_000)
    machine.read()
    lines_ = machine.readings["tab_suggested_lines"]
    assert (lines_.used, lines_.unit, lines_.window, lines_.scope) == (40.0, "lines", "1d", Scope.MACHINE)
    assert "composer_accepted_lines" not in machine.readings
    context = machine.readings["context_window"]
    assert (context.used, context.limit, context.remaining) == (18_000.0, 200_000.0, 182_000.0)


def test_projects_are_those_of_the_workspaces(machine: Machine) -> None:
    workspace = machine.database("workspaceStorage/9f8e")
    listed = {"allComposers": [{"composerId": "c1"}, None, {}]}
    workspace.execute("INSERT INTO ItemTable VALUES ('composer.composerData', ?)", (json.dumps(listed),))
    workspace.close()
    (machine.user / "workspaceStorage/9f8e/workspace.json").write_text('{"folder": "file:///home/ann/shop"}')
    for name in ("c1", "c2"):
        machine.chat(name)
        machine.bubble(f"b {name}", 1, chat=name)
    machine.read()
    assert {e.session: e.project for e in machine.events(EventKind.TURN)} == {"c1": "shop", "c2": None}
    machine.bubble("later", 1)
    assert [e.project for e in machine.read()] == ["shop"]


def test_odd_values_cost_only_themselves(machine: Machine) -> None:
    machine.chat()
    for n, value in enumerate((b"", b"{", b"[1]", b"\xff", None, b'{"type": "1"}', b'{"toolFormerData": 5}')):
        machine.tool.execute("INSERT INTO cursorDiskKV VALUES (?, ?)", (f"bubbleId:c1:odd{n}", value))
    machine.tool.execute("INSERT INTO cursorDiskKV VALUES ('composerData:odd', '{')")
    machine.bubble("b1", 1)
    machine.read()
    assert len(machine.known) == 1


def test_a_database_without_chats_yet_is_read(machine: Machine) -> None:
    machine.tool.execute("DROP TABLE cursorDiskKV")
    machine.sign_in()
    assert machine.read() == []
    assert "account_key" in machine.facts


def test_another_format_is_told(machine: Machine) -> None:
    machine.tool.execute("ALTER TABLE ItemTable RENAME TO a; ALTER TABLE cursorDiskKV RENAME TO b")
    with pytest.raises(SourceChanged, match="no table `ItemTable`"):
        machine.read()


def test_names() -> None:
    assert [tool_name(n) for n in ("mcp_", "mcp__a__b", "read_file")] == ["mcp_", "mcp__a__b", "read_file"]
    assert [upstream_of(m) for m in ("claude-4.5-sonnet-thinking", "composer-1", "default", "odd", None)] == [
        "anthropic",
        "cursor",
        "cursor",
        None,
        None,
    ]


# Code


def test_rows_are_lines_and_a_request_is_one(machine: Machine) -> None:
    machine.track()
    for n in range(3):
        machine.code(f"h{n}", at=T + n)
    machine.code("h3", fileExtension=".ts", fileName=None)
    machine.code("h4", "human", None)
    machine.code("h5", "tab", None, T + 4000)
    machine.code("h6", "cli", "r2")
    machine.read()
    found = {(e.tool, e.language, e.lines_added, e.client) for e in machine.events(EventKind.TOOL)}
    assert found == {
        ("composer", "python", 3, "IDE"),
        ("composer", "typescript", 1, "IDE"),
        ("tab", "python", 1, "IDE"),
        ("cli", "python", 1, "CLI"),
    }
    assert file_key("/home/ann/shop/a.py") in {e.file_key for e in machine.known.values()}
    machine.code("late", at=T + 9000)
    machine.read()
    assert {e.lines_added for e in machine.events(EventKind.TOOL)} == {4, 1}


def test_trap_a_commit_on_two_branches_is_one(machine: Machine) -> None:
    machine.track()
    for branch, name in (("main", "a"), ("other", "a"), ("main", "b")):
        machine.tracking.execute(
            "INSERT INTO scored_commits (commitHash, branchName, scoredAt, linesAdded, tabLinesAdded,"
            " composerLinesAdded) VALUES (?, ?, ?, 100, 10, ?)",
            (name, branch, T, 60 if name == "a" else None),
        )
    machine.read()
    assert machine.readings["scored_commits"].used == 2.0
    assert machine.readings["ai_code_percentage"].used == 40.0


def test_columns_vary_by_version(machine: Machine) -> None:
    machine.track()
    machine.tracking.execute("ALTER TABLE ai_code_hashes DROP COLUMN model")
    machine.tracking.execute("ALTER TABLE ai_code_hashes DROP COLUMN requestId")
    machine.tracking.execute("DROP TABLE scored_commits")
    machine.tracking.execute(
        "INSERT INTO ai_code_hashes (hash, source, createdAt) VALUES ('h', 'composer', ?)", (T,)
    )
    machine.read()
    assert [(e.tool, e.language, e.at_us) for e in machine.known.values()] == [("composer", None, US)]


# The dashboard

PERIOD = {
    "billingCycleStart": str(T - 86_400_000),
    "billingCycleEnd": "2026-04-01T10:00:00Z",
    "planUsage": {
        "totalSpend": 1230,
        "includedSpend": 1000,
        "bonusSpend": 230,
        "limit": 2000,
        "autoPercentUsed": 12.5,
        "apiPercentUsed": 70,
        "totalPercentUsed": 61.5,
    },
    "spendLimitUsage": {
        "pooledLimit": 10_000,
        "pooledUsed": 4000,
        "individualUsed": 1500,
        "limitType": "team",
    },
}


def row(at: int = T, given: int | None = 900, **more: Any) -> Json:
    used = {"inputTokens": given, "outputTokens": 120, "cacheWriteTokens": 300, "cacheReadTokens": 8000}
    return {
        "timestamp": str(at),
        "model": "claude-4.5-sonnet",
        "kind": "USAGE_EVENT_KIND_INCLUDED_IN_PRO",
        "tokenUsage": None if given is None else used | {"totalCents": 2.5},
    } | more


def serve(server: HTTPServer, *rows: Json, pages: int = 0) -> list[Json]:
    """A dashboard; returns the bodies that the list of requests is asked with."""
    asked: list[Json] = []

    def listed(request: Request) -> Response:
        assert request.headers["Cookie"] == f"WorkosCursorSessionToken=user_01%3A%3A{TOKEN}"
        asked.append(json.loads(request.data))
        first = (asked[-1]["page"] - 1) * _dashboard.PAGE_ROWS
        shown = rows[first : first + _dashboard.PAGE_ROWS]
        return Response(json.dumps({"usageEventsDisplay": shown} if shown else {}))

    service = "/aiserver.v1.DashboardService/"
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    server.expect_request(f"{service}GetCurrentPeriodUsage", method="POST", headers=bearer).respond_with_json(
        PERIOD
    )
    plan = {"planInfo": {"planName": "Pro", "price": "$20/mo", "includedAmountCents": 2000}}
    server.expect_request(f"{service}GetPlanInfo", method="POST", headers=bearer).respond_with_json(plan)
    server.expect_request("/api/dashboard/get-filtered-usage-events", method="POST").respond_with_handler(
        listed
    )
    return asked


def test_the_plans_period(machine: Machine, httpserver: HTTPServer) -> None:
    machine.sign_in()
    serve(httpserver)
    with httpx.Client() as http:
        machine.poll(http, httpserver.url_for("").rstrip("/"))
    spend = machine.readings["plan_spend"]
    assert (spend.used, spend.limit, spend.unit) == (12.3, 20.0, "USD")
    assert spend.remaining == pytest.approx(7.7)
    assert (spend.window, spend.behaviour, spend.scope) == ("billing-cycle", Behaviour.CAP, Scope.ACCOUNT)
    assert spend.resets_at_us == round(dt.datetime(2026, 4, 1, 10, tzinfo=dt.UTC).timestamp() * 1e6)
    used = {key: r.used for key, r in machine.readings.items()}
    progress = used.pop("billing_cycle_progress")
    assert progress is not None
    assert 29 < progress < 30
    assert used == {
        "plan_spend": 12.3,
        "plan_included": 10.0,
        "plan_bonus": 2.3,
        "plan_percent_used": 61.5,
        "plan_auto_percent_used": 12.5,
        "plan_api_percent_used": 70.0,
        "spend_limit": 40.0,
        "individual_spend": 15.0,
        "team_budget": 40.0,
        "team_budget_self": 15.0,
        "team_budget_others": 25.0,
        "plan_included_amount": 20.0,
    }
    assert machine.facts == {"plan_name": "Pro", "plan_price": "$20/mo", "spend_limit_type": "team"}


def test_requests_of_the_period(machine: Machine, httpserver: HTTPServer) -> None:
    """Times as texts of milliseconds: an ISO date is answered with HTTP 500."""
    machine.sign_in()
    rows = [
        row(conversationId="c1"),
        row(),
        row(T + 1, None, chargedCents=4),
        row(T + 2, kind="Errored, Not Charged"),
    ]
    asked = serve(httpserver, *rows, {"timestamp": None})
    with httpx.Client() as http:
        base = httpserver.url_for("").rstrip("/")
        machine.poll(http, base)
        before = dict(machine.known)
        machine.poll(http, base)
    assert machine.known == before
    first, second, bare, failed = machine.events(EventKind.MESSAGE)
    assert {first.session, second.session} == {"c1", None}, "equal rows are two requests"
    assert first.tokens == TokenCounts(900, 120, 8000, 300)
    assert (first.model, first.upstream, first.cost_reported_nano) == (
        "claude-4.5-sonnet",
        "anthropic",
        25_000_000,
    )
    assert (bare.tokens, bare.cost_reported_nano) == (TokenCounts(), 40_000_000)
    assert (failed.tokens.total, failed.cost_reported_nano) == (9320, 0)
    assert (asked[0]["startDate"], asked[0]["page"]) == (str(T - 86_400_000), 1)


def test_requests_come_page_by_page(
    machine: Machine, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_dashboard, "PAGE_ROWS", 2)
    machine.sign_in()
    asked = serve(httpserver, *(row(T + n) for n in range(4)))
    with httpx.Client() as http:
        machine.poll(http, httpserver.url_for("").rstrip("/"))
    assert len(machine.events(EventKind.MESSAGE)) == 4
    assert [body["page"] for body in asked] == [1, 2, 3]


def test_requests_that_are_stored_are_asked_for_again_for_a_day_only(
    machine: Machine, httpserver: HTTPServer
) -> None:
    machine.sign_in()
    asked = serve(httpserver, row())
    polled = NOW - dt.timedelta(minutes=5)
    with httpx.Client() as http:
        machine.poll(http, httpserver.url_for("").rstrip("/"), round(polled.timestamp() * 1e6))
    since = polled - dt.timedelta(days=1)
    assert asked[0]["startDate"] == str(round(since.timestamp() * 1000))


def test_a_refused_login_is_told_without_it(machine: Machine, httpserver: HTTPServer) -> None:
    machine.sign_in()
    httpserver.expect_request("/aiserver.v1.DashboardService/GetCurrentPeriodUsage").respond_with_data(
        "no", status=401
    )
    with httpx.Client() as http, pytest.raises(AuthRequired) as told:
        machine.poll(http, httpserver.url_for("").rstrip("/"))
    assert TOKEN not in f"{told.value} {told.value.hint}"


@pytest.mark.parametrize("answer", [{}, {"planUsage": 5}, {"planUsage": None}])
def test_an_answer_of_another_form_is_told(machine: Machine, httpserver: HTTPServer, answer: Json) -> None:
    machine.sign_in()
    httpserver.expect_request("/aiserver.v1.DashboardService/GetCurrentPeriodUsage").respond_with_json(answer)
    with httpx.Client() as http, pytest.raises(SourceChanged):
        machine.poll(http, httpserver.url_for("").rstrip("/"))


def test_a_plan_that_is_not_told_costs_only_itself(machine: Machine, httpserver: HTTPServer) -> None:
    machine.sign_in()
    service = "/aiserver.v1.DashboardService/"
    httpserver.expect_request(f"{service}GetCurrentPeriodUsage").respond_with_json(
        {"planUsage": {"totalSpend": 5}}
    )
    httpserver.expect_request(f"{service}GetPlanInfo").respond_with_data("", status=404)
    httpserver.expect_request("/api/dashboard/get-filtered-usage-events").respond_with_json({})
    with httpx.Client() as http:
        machine.poll(http, httpserver.url_for("").rstrip("/"))
    assert (machine.readings["plan_spend"].used, machine.readings["plan_spend"].limit) == (0.05, None)


def test_without_a_login_nothing_is_asked(machine: Machine) -> None:
    machine.chat()
    with httpx.Client() as http:
        assert machine.poll(http, "http://127.0.0.1:9") == []
    assert machine.readings == {}


def test_where_it_is_looked_for(home: Path) -> None:
    mac = "Library/Application Support/Cursor/User/globalStorage"
    for place in (mac, "xdg/Cursor/User/globalStorage"):
        (home / place).mkdir(parents=True)
        (home / place / "state.vscdb").touch()

    def found(**environ: str) -> list[str]:
        env = Env(home=home, environ=MappingProxyType(environ), now=NOW)
        return [root.removeprefix(f"{home}/") for a in cursor.discover(env) for root in a.flat_roots]

    assert found() == [mac]
    assert found(XDG_CONFIG_HOME=f"{home}/xdg") == ["xdg/Cursor/User/globalStorage", mac]
