"""Ollama: log lines, rows and answers -> records, one row for every rule of counting and every known trap.

What a row says of the formats is from the tool's own source (github.com/ollama/ollama, 2026-08:
`app/store/database.go`, `app/store/store.go`, `app/logrotate/logrotate.go`, `app/server/server_unix.go`,
`envconfig/config.go`, `api/types.go`, `docs/api/usage.mdx`) and of the logger that it uses
(github.com/gin-gonic/gin, `logger.go`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest
from pytest_httpserver import HTTPServer

from openusage.errors import AuthRequired, SourceChanged, SourceUnavailable
from openusage.providers import _sqlite
from openusage.providers.ollama import _server
from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent, event_key
from tests.support import databases
from tests.support.tools import Machine, us

LOG = ".ollama/logs/server.log"
FOLDER = "Library/Application Support/Ollama"
DATABASE = f"{FOLDER}/db.sqlite"
CHAT = "0a1b0000-0000-4000-8000-00000000000a"
TABLES = (
    "CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id TEXT NOT NULL, role TEXT NOT NULL,"
    " content TEXT NOT NULL DEFAULT '', thinking TEXT NOT NULL DEFAULT '', model_name TEXT,"
    " created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL);",
    "CREATE TABLE tool_calls (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id INTEGER NOT NULL,"
    " type TEXT NOT NULL, function_name TEXT NOT NULL, function_arguments TEXT NOT NULL,"
    " function_result TEXT);",
)


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("ollama", home, {"TZ": "Europe/Berlin"})


def gin(seconds: int, path: str = "/api/chat", status: int = 200, took: str = "1.5s") -> str:
    """A line as the server writes it, in the time of Berlin."""
    minute, second = divmod(seconds, 60)
    at = f"2026/03/02 - 11:{minute:02d}:{second:02d}"
    return f'[GIN] {at} | {status} | {took:>12} |       127.0.0.1 | POST     "{path}"\n'


def message(key: int, seconds: float, role: str, content: str = "", thinking: str = "") -> str:
    minute, second = divmod(seconds, 60)
    at = f"2026-03-02 10:{int(minute):02d}:{second:06.3f}"
    model = "'qwen3:8b'" if role == "assistant" else "NULL"
    values = f"{key}, '{CHAT}', '{role}', '{content}', '{thinking}', {model}, '{at}', '{at}'"
    return f"INSERT INTO messages VALUES ({values});"


def test_the_installation_and_the_cloud_are_two_accounts(home: Path) -> None:
    """1: data alone is enough; the Go program wants the binary on the daemon's PATH."""
    assert Machine("ollama", home).accounts == []
    (home / ".ollama").mkdir()
    assert [a.id for a in Machine("ollama", home).accounts] == ["ollama-local"]
    with_key = Machine("ollama", home, {"OLLAMA_API_KEY": "made-up"})
    assert [a.id for a in with_key.accounts] == ["ollama-local", "ollama-cloud"]


# --- the log -----------------------------------------------------------------------------------------


def test_a_line_is_a_request_without_a_model_or_counts(machine: Machine) -> None:
    machine.write(LOG, gin(5, "/api/generate"))
    machine.read()
    [event] = machine.events()
    assert (event.at_us, event.tokens, event.model, event.upstream) == (us(5), TokenCounts(), None, "ollama")
    assert (event.account, event.client, event.session, event.estimated) == (
        "ollama-local",
        "API",
        None,
        False,
    )


REQUESTS: dict[str, tuple[str, int]] = {
    "1: chat": (gin(1, "/api/chat") + gin(2, "/v1/responses") + gin(3, "/v1/messages?beta=true"), 3),
    "1: generate": (gin(1, "/api/generate") + gin(2, "/v1/completions"), 2),
    "1: speech, which a model that chats writes down (`server/routes.go`)": (
        gin(1, "/v1/audio/transcriptions"),
        1,
    ),
    "1: embeddings": (gin(1, "/api/embed") + gin(2, "/v1/embeddings"), 2),
    "1: what is no request of a model": (gin(1, "/api/show") + gin(2, "/api/me"), 0),
    "1: failed ones": (gin(1, status=404) + gin(2, status=500), 0),
    "1: lines of another kind": ('time=2026-03-02 level=INFO msg="x"\n\n[GIN] nonsense\n' + gin(3), 1),
    "1: a day that cannot be": (gin(3).replace("03/02", "13/42"), 0),
    "two in the same moment": (gin(3, took="0s") * 2, 2),
    "units of time": (gin(1, took="850.1µs") + gin(2, took="1m2.5s") + gin(3, took="12.3ms"), 3),
}


@pytest.mark.parametrize("rule", REQUESTS)
def test_requests(machine: Machine, rule: str) -> None:
    written, expected = REQUESTS[rule]
    machine.write(LOG, written)
    machine.read()
    assert len(machine.events()) == expected
    assert machine.problems == []


def test_a_log_that_is_renamed_counts_once(machine: Machine) -> None:
    """Trap: `server.log` becomes `server-1.log` at the next start."""
    path = machine.write(LOG, gin(1) + gin(1) + gin(2))
    machine.read()
    path.rename(path.with_name("server-1.log"))
    machine.write(LOG, gin(9))
    machine.read()
    assert [e.at_us for e in machine.events()] == [us(1), us(1), us(2), us(9)]


def test_a_log_that_grows_is_read_from_where_it_was(machine: Machine) -> None:
    path = machine.write(LOG, gin(1))
    machine.read()
    with path.open("a") as file:
        file.write(gin(2) + gin(3)[:20])
    assert [r.at_us for r in machine.read()] == [us(2)]


# --- the desktop program -----------------------------------------------------------------------------


def test_an_answer_is_a_message_with_estimated_counts(machine: Machine) -> None:
    """3: there are texts and no counts. What was said since the last answer is what is newly read."""
    said = [message(1, 0, "user", "x" * 40), message(2, 4, "assistant", "y" * 81, "z" * 8)]
    more = [message(3, 5, "tool", "x" * 400), message(4, 6, "user", "x" * 4), message(5, 9, "assistant", "y")]
    databases.apply(machine.home / DATABASE, [*TABLES, *said, *more])
    machine.read()
    first, second = machine.events()
    assert first == UsageEvent(
        provider="ollama",
        account="ollama-local",
        at_us=us(4),
        kind=EventKind.MESSAGE,
        event_key=event_key("ollama", EventKind.MESSAGE, CHAT, 2),
        tokens=TokenCounts(input=10, output=21, reasoning=2),
        model="qwen3:8b",
        upstream="ollama",
        client="Desktop",
        session=CHAT,
        estimated=True,
    )
    assert second.tokens == TokenCounts(input=101, output=1)
    assert [e.at_us for e in machine.events(EventKind.TURN)] == [us(0), us(6)]


def test_an_answer_that_is_streamed_grows(machine: Machine) -> None:
    machine.now = machine.now.replace(month=3, day=2, hour=10, minute=1)
    databases.apply(machine.home / DATABASE, [*TABLES, message(1, 4, "assistant", "y")])
    machine.read()
    grown = "UPDATE messages SET content = 'yyyyyyyy', updated_at = '2026-03-02 10:00:09';"
    databases.apply(machine.home / DATABASE, [grown])
    machine.read()
    assert [e.tokens.output for e in machine.events()] == [2]


def test_times_are_of_any_zone(machine: Machine) -> None:
    """5: the Go program compares texts, and so is wrong by the offset."""
    with_zone = message(1, 4, "assistant", "y").replace("10:00:04.000", "11:00:04.000000001+01:00")
    databases.apply(machine.home / DATABASE, [*TABLES, with_zone, message(2, 5, "assistant", "y")])
    machine.read()
    assert [e.at_us for e in machine.events()] == [us(4), us(5)]


def test_a_call_of_a_tool_is_that_of_its_answer(machine: Machine) -> None:
    calls = [
        "INSERT INTO tool_calls VALUES (1, 1, 'function', 'web_search', '{}', 'found');",
        "INSERT INTO tool_calls VALUES (2, 1, 'function', 'read_file', '{}', NULL);",
    ]
    databases.apply(machine.home / DATABASE, [*TABLES, message(1, 4, "assistant")])
    machine.now = machine.now.replace(month=3, day=2, hour=10, minute=1)
    machine.read()
    databases.apply(machine.home / DATABASE, calls)
    machine.read()
    told = {name: (e.outcome, e.web_searches, e.at_us) for name, e in machine.tools.items()}
    assert told == {"web_search": (Outcome.OK, 1, us(4)), "read_file": (None, None, us(4))}


def test_first_schemas_have_fewer_columns(machine: Machine) -> None:
    old = (
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, chat_id TEXT, role TEXT, content TEXT,"
        " created_at TEXT);",
        f"INSERT INTO messages VALUES (1, '{CHAT}', 'assistant', 'yyyy', '2026-03-02 10:00:04');",
    )
    databases.apply(machine.home / DATABASE, old)
    machine.read()
    assert [(e.tokens.output, e.model) for e in machine.events()] == [(1, None)]


def test_the_desktop_programs_own_requests_are_told_once(machine: Machine) -> None:
    """2: its calls stand in the log, too. An answer takes one request, not all at about its time."""
    databases.apply(machine.home / DATABASE, [*TABLES, message(1, 4, "assistant", "y")])
    machine.write(LOG, gin(2) + gin(5, took="2s") + gin(5, took="2.1s") + gin(5, "/v1/messages") + gin(9))
    machine.read()
    assert [(e.client, e.at_us) for e in machine.events()] == [
        ("API", us(2)),
        ("Desktop", us(4)),
        ("API", us(5)),
        ("API", us(5)),
        ("API", us(9)),
    ]


def test_a_later_request_of_the_desktop_program_is_known_when_only_the_log_woke_us(machine: Machine) -> None:
    databases.apply(machine.home / DATABASE, [*TABLES, message(1, 4, "assistant", "y")])
    path = machine.write(LOG, gin(5))
    machine.read()
    databases.apply(machine.home / DATABASE, [message(2, 14, "assistant", "y")])
    with path.open("a") as file:
        file.write(gin(15))
    [account] = machine.accounts
    woken = list(machine.tool.read(account, dict(machine.cursors), machine.env(), changed={str(path)}))
    assert [r.client for c in woken for r in c.records if isinstance(r, UsageEvent)] == ["Desktop"]


@pytest.mark.parametrize(
    ("harm", "error", "requests"),
    [("locked", SourceUnavailable, 0), ("other tables", SourceChanged, 1)],
)
def test_the_log_waits_for_a_locked_database_and_not_for_one_of_another_form(
    machine: Machine, harm: str, error: type[Exception], requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqlite, "BUSY_TIMEOUT_MS", 1)
    found: list[Any] = []
    machine.write(LOG, gin(5))
    path = machine.home / DATABASE
    if harm == "locked":
        databases.apply(path, [*TABLES, message(1, 4, "assistant", "y")])
        owner = apsw.Connection(str(path))
        owner.pragma("locking_mode", "exclusive")
        owner.execute("BEGIN EXCLUSIVE")
    else:
        databases.apply(path, ["CREATE TABLE other (id TEXT);"])
    with pytest.raises(error):
        _read_into(found, machine)
    assert len(found) == requests


def _read_into(found: list[Any], machine: Machine) -> None:
    [account] = machine.accounts
    for chunk in machine.tool.read(account, {}, machine.env()):
        found += chunk.records


def test_who_is_signed_in_and_what_is_set(home: Path) -> None:
    machine = Machine.of_fixture("ollama", home)
    machine.read()
    assert machine.facts == {
        "account_email": "ann@example.com",
        "plan_type": "pro",
        "active_model": "qwen3:8b",
        "cloud_disabled": "true",
    }


# --- the server and the cloud ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://localhost:8080/", "http://localhost:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("10.0.0.7", None),
        ("ollama.example.com", None),
        ("http://127.0.0.1:port", None),
    ],
)
def test_only_a_server_on_this_machine_is_asked(machine: Machine, host: str, base: str | None) -> None:
    """Trap: another host only when the settings name it."""
    machine.environ["OLLAMA_HOST"] = host
    assert _server.base_url(machine.env()) == base
    assert _server.base_url(machine.env(base="http://10.0.0.7:1/")) == "http://10.0.0.7:1"


MODELS = {
    "models": [
        {"name": "qwen3:8b", "size": 5_000},
        {"name": "gpt-oss:120b-cloud", "size": 300},
        {"name": "mine", "size": 10, "remote_model": "gpt-oss:120b"},
    ]
}
LOADED = {"models": [{"name": "qwen3:8b", "size_vram": 4_000, "context_length": 8192}]}


def served(httpserver: HTTPServer) -> str:
    httpserver.expect_request("/api/version").respond_with_json({"version": "0.13.1"})
    httpserver.expect_request("/api/tags").respond_with_json(MODELS)
    httpserver.expect_request("/api/ps").respond_with_json(LOADED)
    return httpserver.url_for("")


def test_what_the_server_has(machine: Machine, httpserver: HTTPServer) -> None:
    (machine.home / ".ollama").mkdir()
    httpserver.expect_request("/api/me", method="POST").respond_with_json({"error": "no"}, 401)
    machine.poll(served(httpserver))
    assert {key: (r.used, r.unit) for key, r in machine.readings.items()} == {
        "models_total": (3.0, "models"),
        "models_local": (1.0, "models"),
        "models_cloud": (2.0, "models"),
        "model_storage_bytes": (5310.0, "bytes"),
        "loaded_models": (1.0, "models"),
        "loaded_vram_bytes": (4000.0, "bytes"),
    }
    assert machine.facts == {"local_server": "running", "cli_version": "0.13.1"}


def test_who_is_signed_in_at_the_server(machine: Machine, httpserver: HTTPServer) -> None:
    (machine.home / ".ollama").mkdir()
    httpserver.expect_request("/api/me", method="POST").respond_with_json({"Email": "a@b.c", "Plan": "max"})
    machine.poll(served(httpserver))
    assert (machine.facts["account_email"], machine.facts["plan_type"]) == ("a@b.c", "max")


def test_a_server_that_does_not_run_is_no_trouble(machine: Machine) -> None:
    (machine.home / ".ollama").mkdir()
    machine.poll("http://127.0.0.1:9")
    assert machine.facts == {"local_server": "not running"}


def cloud(machine: Machine, base: str) -> None:
    machine.environ["OLLAMA_API_KEY"] = "made-up-key"
    env = machine.env()
    account = next(a for a in machine.accounts if a.id == "ollama-cloud")
    with httpx.Client() as http:
        here = type(env)(
            home=env.home, environ=env.environ, now=env.now, http=http, base_urls={"ollama-cloud": base}
        )
        machine.records += machine.tool.poll(account, here)


def test_the_cloud_tells_the_plan_and_its_windows(machine: Machine, httpserver: HTTPServer) -> None:
    answer = {
        "ID": "u-1",
        "Email": "a@b.c",
        "plan": "pro",
        "session_usage": 12.5,
        "Weekly_Usage": {"used": 30, "limit": 40, "resets_at": "2026-03-12T00:00:00Z"},
    }
    headers = {"Authorization": "Bearer made-up-key"}
    httpserver.expect_oneshot_request("/api/me", "POST", headers=headers).respond_with_json(answer)
    cloud(machine, httpserver.url_for(""))
    told = {key: (r.used, r.remaining, r.window) for key, r in machine.readings.items()}
    assert told == {"usage_five_hour": (12.5, 87.5, "5h"), "usage_weekly": (75.0, 25.0, "7d")}
    assert (machine.facts["plan_type"], machine.facts["account_email"]) == ("pro", "a@b.c")
    assert "u-1" not in machine.facts["account_key"]
    assert {r.account for r in machine.records} == {"ollama-cloud"}


@pytest.mark.parametrize(("code", "error"), [(401, AuthRequired), (429, SourceUnavailable)])
def test_a_refusal_of_the_cloud_is_told_and_never_the_key(
    machine: Machine, httpserver: HTTPServer, code: int, error: type[Exception]
) -> None:
    httpserver.expect_oneshot_request("/api/me").respond_with_data("no", code)
    with pytest.raises(error) as told:
        cloud(machine, httpserver.url_for(""))
    assert "made-up" not in str(told.value)


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("ollama", home)
    machine.read()
    by_model: dict[tuple[str | None, bool], tuple[int, int]] = {}
    for event in machine.events():
        requests, tokens = by_model.get((event.model, event.estimated), (0, 0))
        by_model[event.model, event.estimated] = (requests + 1, tokens + event.tokens.total)
    assert by_model == {
        (None, False): (5, 0),
        ("qwen3:8b", True): (2, (5 + 0 + 6) + (5 + 7)),
        ("gpt-oss:120b-cloud", True): (1, 6 + 2),
    }
    assert set(machine.tools) == {"web_search"}
    assert len(machine.events(EventKind.TURN)) == 2
    assert machine.problems == []
