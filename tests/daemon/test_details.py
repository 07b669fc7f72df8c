"""What a daemon tells of this machine beside snapshots: right, remembered, without hidden accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from openusage.daemon.details import Asked, Details
from openusage.lineage import Lineages
from openusage.store import Store
from openusage.wire.events import UsageEvent
from openusage.wire.local import BlocksRequest, PaneRequest, SessionsRequest, TurnsRequest
from openusage.wire.rollups import By, Filter, Rollup, Window
from openusage.wire.sessions import PriceNote
from tests.daemon.conftest import NOW, Start
from tests.store.samples import message, open_store
from tests.support.homes import claude_line, write_claude
from tests.support.processes import until

AT = "2026-11-22T10:00:00.000Z"
SESSION = "5e551011-0000-4000-8000-000000000001"
NOW_US = int(NOW.timestamp() * 1e6)
HOUR_US = 3_600_000_000


@pytest.fixture
def ask(start: Start, home: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a running daemon whose home has one Claude Code answer."""
    write_claude(home, claude_line("1", at=AT))
    start()
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(tmp_path / "d.sock")), base_url="http://x"
    ) as client:
        until(lambda: client.get("/v1/status").json()["first_read_done"], "the first read is through")
        yield client


def post(ask: httpx.Client, path: str, **body: Any) -> Any:
    answer = ask.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_log_line_becomes_a_session_a_turn_a_block_and_a_pane(ask: httpx.Client) -> None:
    (row,) = post(ask, "/v1/sessions", window={"name": "1d"})["rows"]
    assert (row["session"], row["project"], row["used"]["events"]) == (SESSION, "shop", 1)
    assert row["machines"] == [{"id": "ab" * 16, "name": "laptop"}]
    turns = ask.post("/v1/turns", json={"provider": "claude_code", "session": SESSION})
    (turn,) = turns.json()["turns"]
    assert turn["cost_nano"] == row["used"]["cost_nano"]
    assert (turn["model"], turn["known"]) == ("claude-sonnet-4-5-20250929", "computed")
    assert (turn["tokens"]["cache_read"], turn["tokens"]["reasoning"]) == (1000, None)
    assert "secret" not in turns.text
    (block,) = post(ask, "/v1/blocks", window={"name": "7d"})["blocks"]
    assert (block["running"], block["machines"]) == (True, ["laptop"])
    pane = post(ask, "/v1/pane", window="1d", group="model", tz="UTC")
    assert [(r["label"], r["models"]) for r in pane["rows"]] == [
        ("claude-sonnet-4-5", ["claude-sonnet-4-5-20250929"])
    ]
    assert (pane["machines"], pane["active"], pane["history"]) == (1, 1, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/pane", {"window": "7d"}),
        ("/v1/sessions", {"window": {"name": "all"}}),
        ("/v1/turns", {"provider": "claude_code", "session": SESSION}),
        ("/v1/blocks", {"window": {"name": "all"}}),
    ],
)
def test_an_unchanged_answer_is_a_304_until_something_is_used(
    ask: httpx.Client, home: Path, path: str, body: Any
) -> None:
    tag = {"If-None-Match": ask.post(path, json=body).headers["ETag"]}
    assert ask.post(path, json=body, headers=tag).status_code == 304
    write_claude(home, claude_line("2", at=AT))
    until(lambda: ask.post(path, json=body, headers=tag).status_code == 200, "a new turn is seen")


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/v1/pane", {"window": "9d"}, "window: "),
        ("/v1/pane", {"group": "tool"}, "group: "),
        ("/v1/pane", {"tz": "Nowhere/Land"}, "time zone"),
        ("/v1/sessions", {}, "window"),
        ("/v1/sessions", {"window": {"name": "7d"}, "tz": "Nowhere/Land"}, "time zone"),
        ("/v1/turns", {"provider": "claude_code"}, "session"),
        ("/v1/turns", {"provider": "claude_code", "session": "s", "before": "x"}, "before: "),
        ("/v1/blocks", {"window": {"name": 5}}, "decode request"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(
    ask: httpx.Client, path: str, body: Any, error: str
) -> None:
    answer = ask.post(path, json=body)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


# -- without a socket ----------------------------------------------------------------------------


def details(store: Store, *, hidden: frozenset[str] = frozenset(), notes: list[str] | None = None) -> Details:
    def explain(event: UsageEvent) -> PriceNote | None:
        return None

    def accounts() -> list[tuple[str, str]]:
        return [a for a in store.accounts() if a[1] not in hidden]

    return Details(
        store,
        accounts=accounts,
        hidden=hidden,
        now=lambda: NOW,
        explain=explain,
        lineages=Lineages(),
        links={},
        notes=lambda: list(notes or ()),
    )


def decoded(body: bytes) -> Any:
    return httpx.Response(200, content=body).json()


def test_hidden_accounts_are_in_no_answer() -> None:
    store = open_store(now_us=NOW_US)
    store.add([message("a", NOW_US - HOUR_US), message("b", NOW_US - HOUR_US, account="work", session="s2")])
    shown = details(store, hidden=frozenset({"work"}))
    pane = decoded(shown.answer(PaneRequest(window="7d")).body)
    assert pane["totals"]["window"]["requests"] == 1
    assert [a["account"] for a in pane["rows"][0]["machine"]["accounts"]] == ["claude-code"]
    page = decoded(shown.answer(SessionsRequest(window=Window("all"))).body)
    assert [row["session"] for row in page["rows"]] == ["s1"]
    asked = SessionsRequest(window=Window("all"), where=Filter(accounts=("work",)))
    assert decoded(shown.answer(asked).body)["total"] == 0
    found = decoded(shown.answer(BlocksRequest(window=Window("all"))).body)
    assert [block["account"] for block in found["blocks"]] == ["claude-code"]
    store.close()


def test_nothing_is_asked_twice_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(now_us=NOW_US)
    asked: list[Any] = []
    usage = store.usage

    def counted(*question: Any) -> list[Rollup]:
        asked.append(question)
        return usage(*question)

    monkeypatch.setattr(store, "usage", counted)
    store.add([message("a", NOW_US - HOUR_US)])
    notes = ["Cannot push."]
    one = details(store, notes=notes)
    questions: list[Asked] = [
        PaneRequest(),
        SessionsRequest(window=Window("7d")),
        BlocksRequest(window=Window("7d")),
    ]
    first = [one.answer(question) for question in questions]
    before = len(asked)
    assert before
    assert [one.answer(question) for question in questions] == first
    notes[:] = ["Cannot push, for 2 minutes."]
    again = one.answer(questions[0])
    assert decoded(again.body)["notes"] == notes
    assert again.etag != first[0].etag
    assert len(asked) == before
    store.add([message("b", NOW_US)])
    assert one.answer(questions[0]).body != again.body
    store.close()


def test_answers_that_are_remembered_are_bounded() -> None:
    store = open_store(now_us=NOW_US)
    store.add([message(n, NOW_US - n, session=f"{n}-" + "x" * 4000) for n in range(500)])
    one = details(store)
    for offset in range(12):
        one.answer(SessionsRequest(window=Window("all"), limit=500, offset=offset))
    assert sum(len(told.body) for _, _, told in one._made.values()) <= 8 << 20
    assert one.answer(TurnsRequest(provider="claude_code", session="nobody")).body
    store.close()


def test_models_are_asked_for_by_any_of_their_names_and_what_is_unassigned_is_told() -> None:
    store = open_store(now_us=NOW_US)
    owner: dict[str, Any] = {"provider": "opencode", "account": "opencode", "upstream": "anthropic"}
    store.add(
        [
            message("a", NOW_US - HOUR_US, model="claude-4.6-opus-high-thinking", session="s1"),
            message("b", NOW_US - HOUR_US, model="claude-opus-4-6", session="s2", **owner),
            message("c", NOW_US - HOUR_US, model="gpt-5.1", session="s3"),
        ]
    )
    made = details(store)
    where = Filter(models=("claude-opus-4-6",))
    pane = decoded(made.answer(PaneRequest(window="7d", group=By.MODEL, where=where)).body)
    assert [(row["label"], len(row["models"])) for row in pane["rows"]] == [("claude-opus-4-6", 2)]
    assert [(u["provider"], u["upstream"], u["requests"]) for u in pane["unassigned"]] == [
        ("opencode", "anthropic", 1)
    ]
    sessions = decoded(made.answer(SessionsRequest(window=Window("7d"), where=where)).body)
    assert {row["session"] for row in sessions["rows"]} == {"s1", "s2"}
    store.close()
