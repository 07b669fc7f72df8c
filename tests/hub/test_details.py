"""`/v1/sessions`, `/v1/turns` and `/v1/blocks` of a hub with three machines, who may ask and how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from openusage.client import HubClient
from openusage.hub import Role, TokenBook, TokenFile
from openusage.store import Store
from openusage.wire.events import EventKind
from openusage.wire.rollups import Filter, Window, add
from openusage.wire.sessions import SessionOrder, SessionRow
from tests.hub.conftest import NOON, TOKEN
from tests.hub.fleet import DESKTOP, LAPTOP, SERVER, Fleet, fleet
from tests.hub.test_fleet import three_machines
from tests.store.samples import HOUR_US, fact, message, open_store, reading

ALL = Window("all")
PATHS = ("/v1/sessions", "/v1/turns?provider=claude_code&session=s1", "/v1/blocks")
SESSION = {"provider": "claude_code", "session": "s1"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path / "hub.db") as running_hub:
        yield running_hub


@pytest.fixture
def union(hub: Fleet) -> Iterator[Store]:
    """One store with what three machines know, among it copies; the hub has it from each of them."""
    store = open_store()
    store.add(three_machines(hub))
    yield store
    store.close()


@pytest.fixture
def client(hub: Fleet) -> Iterator[HubClient]:
    with closing(HubClient(hub.server.url, token=TOKEN, now=hub.clock.now)) as asking:
        yield asking


def plain(row: SessionRow) -> SessionRow:
    """Without machines, which a store of one does not tell apart."""
    return msgspec.structs.replace(row, machines=[])


def test_each_event_of_a_session_counts_once_whatever_machines_have_it(
    union: Store, client: HubClient
) -> None:
    for order in SessionOrder:
        ours, true = client.sessions(ALL, order=order), union.session_rows(ALL, order=order)
        assert sorted(map(plain, ours.rows), key=_name) == sorted(map(plain, true.rows), key=_name)
        assert (ours.total, ours.used, ours.outside) == (true.total, true.used, true.outside)
    for row in ours.rows:
        here = client.turns(row.provider, row.session, limit=1000)
        there = union.turns(row.provider, row.session, limit=1000)
        assert [t.at_us for t in here.turns] == [t.at_us for t in there.turns]
        assert here.total == there.total == row.used.events
        assert {t.machine.name for t in here.turns} == {m.name for m in row.machines}


def test_sessions_of_a_machine_are_asked_for_by_name_or_id(union: Store, client: HubClient) -> None:
    named = client.sessions(ALL, Filter(machines=("laptop",)))
    assert named.rows
    assert named == client.sessions(ALL, Filter(machines=(LAPTOP,)))
    assert {m.name for row in named.rows for m in row.machines} == {"laptop"}
    parts = [client.sessions(ALL, Filter(machines=(name,))).used for name in ("laptop", "desktop", "server")]
    assert add(parts) == client.sessions(ALL).used


def _name(row: SessionRow) -> tuple[str, str]:
    return row.provider, row.session


def test_two_machines_of_one_name_are_told_apart(hub: Fleet, client: HubClient) -> None:
    hub.send([message("a", hub.now_us)], LAPTOP)
    hub.send([message("b", hub.now_us - HOUR_US)], DESKTOP)
    (row,) = client.sessions(ALL).rows
    assert sorted((m.name, m.id) for m in row.machines) == [("laptop", LAPTOP), ("laptop~2", DESKTOP)]
    assert [t.machine.name for t in client.turns("claude_code", "s1").turns] == ["laptop", "laptop~2"]


def test_blocks_are_those_of_real_accounts(hub: Fleet, client: HubClient) -> None:
    """Two machines share one; the third has its own of the same name, and its own blocks."""
    shared = fact("f" * 64, hub.now_us, provider="claude_code", account="claude-code", key="account_key")
    ends = reading(hub.now_us - 1, 40.0, provider="claude_code", account="claude-code", key="usage_five_hour")
    limit = msgspec.structs.replace(ends, resets_at_us=hub.now_us + HOUR_US)
    hub.send([message("a", hub.now_us - 5 * HOUR_US), shared], LAPTOP)
    hub.send([message("b", hub.now_us - HOUR_US), shared, limit], DESKTOP, machine="desktop")
    hub.send([message("c", hub.now_us - HOUR_US)], SERVER, machine="server")
    found = client.blocks(ALL)
    told = [(b.machines, (b.start_us - hub.now_us) // HOUR_US, b.used.events) for b in found.blocks]
    assert sorted(told) == [
        (["desktop", "laptop"], -5, 1),
        (["desktop", "laptop"], -4, 1),
        (["server"], -1, 1),
    ]
    assert [b.running for b in found.blocks] == [True, True, False]
    (history,) = found.limits
    assert history.key == "usage_five_hour"
    assert [p.used_pct for p in history.points] == [40.0]


def test_blocks_add_up_to_the_messages_of_all_machines(union: Store, client: HubClient) -> None:
    found = client.blocks(ALL)
    messages = Filter(providers=("claude_code",), kinds=(EventKind.MESSAGE,))
    (true,) = union.usage(ALL, (), messages)
    used = add([*(b.used for b in found.blocks), found.outside])
    assert (used.events, used.total_tokens, used.cost_nano) == (
        true.events,
        true.total_tokens,
        true.cost_nano,
    )


@pytest.mark.parametrize("path", PATHS)
def test_an_unchanged_answer_is_a_304(hub: Fleet, path: str) -> None:
    """Also of a block that runs, within a minute of the clock."""
    hub.send([message("a", hub.now_us - HOUR_US)])
    first = hub.http.get(path)
    assert first.status_code == 200
    hub.clock.seconds += 50
    again = hub.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    hub.send([message("b", hub.now_us - 1)], after=1)
    changed = hub.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        ("/v1/sessions", {"machine": "nobody"}, 'machine: there is no "nobody"'),
        ("/v1/sessions", {"order": "up"}, "order: "),
        ("/v1/sessions", {"limit": "501"}, "limit: "),
        ("/v1/sessions", {"limit": "0"}, "limit: "),
        ("/v1/sessions", {"offset": "-1"}, "offset: "),
        ("/v1/sessions", {"offset": "²"}, "offset: "),
        ("/v1/sessions", {"kind": "message"}, 'no parameter "kind"'),
        ("/v1/sessions", {"window": "1d", "from": "2026-01-01T00:00:00Z"}, "window: "),
        ("/v1/sessions", {"search": ["a", "b"]}, "search: may be given once only"),
        ("/v1/turns", {}, "provider: is missing"),
        ("/v1/turns", {"provider": "claude_code"}, "session: is missing"),
        ("/v1/turns", SESSION | {"before": "x"}, "before: "),
        ("/v1/turns", SESSION | {"limit": "1e3"}, "limit: "),
        ("/v1/blocks", {"session": "s1"}, 'no parameter "session"'),
        ("/v1/blocks", {"tz": "Nowhere/Land"}, "tz: "),
    ],
)
def test_a_wrong_parameter_is_named(hub: Fleet, path: str, given: dict[str, Any], said: str) -> None:
    answer = hub.http.get(path, params=given)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_who_reads_may_ask_and_who_pushes_may_not(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    _, push = file.create("laptop", Role.PUSH, now=NOON)
    _, view = file.create("viewer", Role.VIEW, now=NOON)
    with fleet(None, serves={"tokens": TokenBook(tmp_path / "tokens.json")}) as hub:
        hub.send([message("a", hub.now_us)])

        def status(path: str, token: str) -> int:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return httpx.get(hub.server.url + path, headers=headers).status_code

        for path in PATHS:
            assert [status(path, token) for token in (TOKEN, view, push, "", "x")] == [
                200,
                200,
                403,
                401,
                401,
            ]


def test_usage_can_be_asked_of_a_client_and_a_session(hub: Fleet) -> None:
    hub.send([message("a", client="IDE"), message("b", session="s2"), message("c", session=None)])
    assert hub.totals(client="IDE")["requests"] == 1
    assert hub.totals(session="s2")["requests"] == 1
    assert hub.totals(session=["s1", "s2"])["requests"] == 2
    assert hub.totals(session="")["requests"] == 1
