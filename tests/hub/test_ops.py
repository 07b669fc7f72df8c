"""What whoever runs a hub asks it: is it ready, how is it, forget that machine."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from openusage.hub import Board, History, HubServer, Policy, Role, TokenBook, TokenFile
from openusage.hub.metrics import FIGURES_S, MOST_MACHINES
from tests.hub.conftest import NOON, TOKEN, running
from tests.hub.fleet import DESKTOP, LAPTOP, SERVER, Fleet, fleet
from tests.store.samples import many, message, price


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path / "hub.db") as hub:
        yield hub


def metrics(hub: Fleet) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """(name, labels) -> value, by the client library's own parser."""
    text = hub.http.get("/metrics").text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name.removeprefix("openusage_hub_"), frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def value(hub: Fleet, name: str, **labels: str) -> float | None:
    return metrics(hub).get((name, frozenset(labels.items())))


def settled(hub: Fleet) -> None:
    """Sums of the history are due again, and asked for."""
    hub.clock.seconds += FIGURES_S
    hub.http.get("/metrics")
    wait = hub.server.operations._fleet
    for _ in range(1000):
        if wait._asking is None:
            return
        hub.http.get("/healthz")


# -- /readyz -------------------------------------------------------------------------------------


def test_a_hub_is_ready_and_says_so_to_anybody(hub: Fleet) -> None:
    for method in ("GET", "HEAD"):
        assert httpx.request(method, hub.server.url + "/readyz").status_code == 200
    assert httpx.get(hub.server.url + "/readyz").json() == {"status": "ready"}


def test_it_is_not_ready_while_its_history_cannot_be_written_and_names_no_path(hub: Fleet) -> None:
    hub.send([message("a")])
    db = hub.history.store._db
    db.pragma("max_page_count", db.pragma("page_count"))
    assert hub.send(many(3000), DESKTOP).status_code == 507
    answer = httpx.get(hub.server.url + "/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "why": "the database cannot be written"}
    assert value(hub, "history_writable") == 0
    assert httpx.get(hub.server.url + "/healthz").status_code == 200  # alive all the same
    db.pragma("max_page_count", 100_000)
    hub.send(many(3000), DESKTOP)
    assert httpx.get(hub.server.url + "/readyz").status_code == 200
    assert value(hub, "history_writable") == 1


def test_it_is_not_ready_with_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    other = tmp_path / "hub.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE somebody_elses (x)")
    db.close()
    with fleet(other) as hub:
        answer = httpx.get(hub.server.url + "/readyz")
        assert (answer.status_code, answer.json()["why"]) == (503, "the database cannot be opened")


def test_a_hub_that_ends_is_not_ready_for_anybody_new() -> None:
    with running() as hub:
        hub.server.begin_end()
        answer = hub.http.get("/readyz")
        assert (answer.status_code, answer.json()["why"]) == (503, "the hub is ending")


# -- /metrics ------------------------------------------------------------------------------------


def test_metrics_need_a_token_that_reads_unless_they_are_public(tmp_path: Path) -> None:
    path = tmp_path / "hub-tokens.json"
    file = TokenFile(path)
    _, push = file.create("laptop", Role.PUSH, now=NOON)
    _, view = file.create("prometheus", Role.VIEW, now=NOON)
    with running(tokens=TokenBook(path)) as hub:
        for token, status in (("", 401), ("wrong", 401), (push, 403), (view, 200), (TOKEN, 200)):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            assert httpx.get(hub.server.url + "/metrics", headers=headers).status_code == status, token
        assert hub.http.post("/metrics").status_code == 405
    with running(policy=Policy(metrics_public=True)) as hub:
        assert httpx.get(hub.server.url + "/metrics").status_code == 200
        assert httpx.get(hub.server.url + "/v1/snapshots").status_code == 401


def test_what_came_in_is_counted_by_what_became_of_it(hub: Fleet) -> None:
    hub.push("laptop", LAPTOP)
    hub.http.post("/v1/push", content=b"{")
    hub.http.post("/v1/push", content=b"{}", headers={"Content-Encoding": "br"})
    httpx.post(hub.server.url + "/v1/push", content=b"{}")
    hub.send([message("a"), message("b")])
    hub.send([message("c")], after=7)
    found = metrics(hub)

    def of(name: str, label: str) -> dict[str, float]:
        return {dict(labels)[label]: n for (key, labels), n in found.items() if key == name}

    assert of("pushes_total", "result") == {"accepted": 1, "invalid": 1, "coding": 1, "unauthorised": 1}
    assert of("record_batches_total", "result") == {"accepted": 1, "gap": 1}
    assert found["records_total", frozenset()] == 2
    assert of("auth_failures_total", "reason") == {"missing": 1}
    assert found["requests_total", frozenset({("path", "/v1/push"), ("code", "401")})] == 1
    assert found["request_seconds_count", frozenset({("path", "/v1/push")})] == 4
    assert found["received_bytes_total", frozenset()] > 500
    assert found["sent_bytes_total", frozenset()] > 50
    assert found["connections", frozenset()] >= 1


def test_machines_usage_and_store_are_told(hub: Fleet) -> None:
    hub.send([message("a", output=5), message("b", model="unknown")], machine="laptop", backlog=3)
    hub.send([message("c", provider="codex")], DESKTOP, machine="desktop", backlog=4)
    hub.push("from-go")
    settled(hub)
    assert value(hub, "machines", state="fresh") == 3
    assert value(hub, "backlog_records") == 7
    assert value(hub, "messages", provider="claude_code") == 2
    assert value(hub, "unpriced_messages", provider="claude_code") == 1
    assert value(hub, "tokens", provider="claude_code", kind="output") == 105
    assert value(hub, "tokens", provider="codex", kind="input") == 10
    assert value(hub, "cost_dollars", provider="claude_code") == (3 * 10 + 15 * 5) / 1e9
    assert value(hub, "machine_cost_dollars", machine="laptop") == (3 * 10 + 15 * 5) / 1e9
    heard = value(hub, "machine_last_seen_timestamp_seconds", machine="from-go")
    assert heard == hub.clock.now().timestamp() - FIGURES_S
    assert value(hub, "history_events") == 3
    files = [value(hub, "history_bytes", file=file) or 0 for file in ("database", "log")]
    assert sum(files) > 50_000
    hub.clock.seconds += 400
    assert value(hub, "machines", state="fresh") == 0
    assert value(hub, "machines", state="stale") == 3


def test_no_name_of_a_peer_breaks_the_text_or_a_terminal_and_none_gets_lost(hub: Fleet) -> None:
    nasty = ['a"b', "a\\b", "a\nb", "a\x1b[31mb", "a\\x1b[31mb", "é" * 300, "é" * 300 + "2"]
    for number, name in enumerate(nasty):
        hub.push(name, f"{number:032x}")
    text = hub.http.get("/metrics").text
    assert all(line.isprintable() for line in text.splitlines())
    names = [k for k in metrics(hub) if k[0] == "machine_last_seen_timestamp_seconds"]
    assert len(names) == len(nasty)


def test_series_do_not_grow_with_projects_sessions_models_or_machines(tmp_path: Path) -> None:
    with fleet(tmp_path / "hub.db", serves={"policy": Policy()}) as hub:
        hub.send([message("first")])
        hub.push("laptop", LAPTOP)
        hub.http.get("/healthz")
        settled(hub)
        before = len(metrics(hub))
        hub.send(
            [
                message(n, project=f"p{n}", session=f"s{n}", model=f"m{n}", account=f"a{n}")
                for n in range(300)
            ],
            after=1,
        )
        settled(hub)
        after = set(metrics(hub))
        assert len(after) == before
        for n in range(MOST_MACHINES + 50):
            hub.push(f"machine-{n:04}", f"{n:032x}")
        hub.send([message(("p", n), provider=f"provider{n}") for n in range(80)], after=301, upto=381)
        settled(hub)
        found = metrics(hub)
        seen = [k for k in found if k[0] == "machine_last_seen_timestamp_seconds"]
        assert len(seen) == MOST_MACHINES
        assert value(hub, "machines", state="fresh") == MOST_MACHINES + 51
        providers = {dict(labels)["provider"] for name, labels in found if name == "messages"}
        assert len(providers) == 51
        assert sum(v for (name, _), v in found.items() if name == "messages") == 381


def test_unknown_paths_are_one_series(hub: Fleet) -> None:
    for n in range(30):
        hub.http.get(f"/nothing/{n}")
    assert value(hub, "requests_total", path="other", code="404") == 30


def test_metrics_are_packed_and_typed_as_asked(hub: Fleet) -> None:
    answer = hub.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["content-encoding"] == "gzip"
    with hub.http.stream("GET", "/metrics") as packed:
        raw = b"".join(packed.iter_raw())
    assert b"openusage_hub_machines" in gzip.decompress(raw)
    asked = "application/openmetrics-text; version=1.0.0"
    answer = hub.http.get("/metrics", headers={"Accept": asked})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    head = hub.http.head("/metrics")
    assert (head.status_code, head.content) == (200, b"")


def test_a_hub_without_a_history_has_metrics_too() -> None:
    with running() as hub:
        assert "openusage_hub_machines" in hub.http.get("/metrics").text


def test_a_stream_is_a_request_under_way_until_it_ends(hub: Fleet) -> None:
    with hub.http.stream("GET", "/v1/stream") as stream:
        parts = stream.iter_raw()
        next(parts)
        other = httpx.get(hub.server.url + "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert 'openusage_hub_requests_in_progress{path="/v1/stream"} 1.0' in other.text


# -- DELETE /v1/machines/… -----------------------------------------------------------------------


def delete(hub: Fleet, name: str, token: str = TOKEN) -> httpx.Response:
    return hub.http.request(
        "DELETE", f"/v1/machines/{name}", headers={"Authorization": f"Bearer {token}"} if token else {}
    )


def test_a_machine_is_forgotten_everywhere_at_once(hub: Fleet) -> None:
    common = many(40, seed=1, end_us=hub.now_us)
    hub.send([*common, message("mine")], LAPTOP, machine="laptop")
    hub.send(common, DESKTOP, machine="desktop")
    hub.push("laptop", LAPTOP)
    before = hub.totals()
    answer = delete(hub, "laptop")
    assert answer.status_code == 200
    assert answer.json() == {
        "machine": "laptop", "id": LAPTOP, "dropped": 1, "moved": 40, "last_seen": "2026-11-22T12:00:00Z",
    }  # fmt: skip
    assert list(hub.machines()) == ["desktop"]
    assert hub.get("/v1/snapshots") == {}
    assert hub.get("/healthz")["machines"] == []
    after = hub.totals()
    assert (after["requests"], after["tool_calls"]) == (before["requests"] - 1, before["tool_calls"])
    assert delete(hub, "laptop").status_code == 404


def test_by_id_by_label_and_with_a_slash_in_its_name(hub: Fleet) -> None:
    hub.push("twin", LAPTOP)
    hub.push("twin", DESKTOP)
    hub.push("a/b c?", SERVER)
    hub.push("from-go")
    assert delete(hub, "twin~2").json()["id"] == DESKTOP
    assert delete(hub, LAPTOP).json()["machine"] == "twin"
    assert delete(hub, "a%2Fb%20c%3F").json()["id"] == SERVER
    assert delete(hub, "from-go").json()["id"] == ""
    assert hub.machines() == {}


def test_a_machine_of_before_the_last_start_can_be_forgotten(tmp_path: Path) -> None:
    with fleet(tmp_path / "hub.db") as hub:
        hub.send([message("a")], machine="old")
    with fleet(tmp_path / "hub.db") as hub:
        assert delete(hub, "old").json()["dropped"] == 1
        assert hub.machines() == {}
    with fleet(tmp_path / "hub.db") as hub:
        assert hub.machines() == {}


def test_of_a_cloned_disk_the_other_name_alone_goes_and_no_record(hub: Fleet) -> None:
    hub.send([message("a")], machine="laptop")
    hub.push("clone", LAPTOP)
    hub.push("laptop", LAPTOP)
    assert set(hub.machines()) == {"laptop", "clone"}
    assert delete(hub, "clone").json()["dropped"] == 0
    assert set(hub.machines()) == {"laptop"}
    assert hub.totals()["requests"] == 1


@pytest.mark.parametrize("name", ["", "nobody", "name:", "%00", "..%2f..%2fetc%2fpasswd", "x" * 5000])
def test_what_is_no_machine_is_404(hub: Fleet, name: str) -> None:
    hub.push("laptop", LAPTOP)
    assert delete(hub, name).status_code == 404
    assert list(hub.machines()) == ["laptop"]


def test_who_may_not_forget(hub: Fleet) -> None:
    hub.push("laptop", LAPTOP)
    for token, status in (("", 401), ("wrong", 401)):
        answer = httpx.delete(
            hub.server.url + "/v1/machines/laptop",
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        assert answer.status_code == status
    for method in ("GET", "POST", "PUT"):
        answer = hub.http.request(method, "/v1/machines/laptop")
        assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE")
    assert list(hub.machines()) == ["laptop"]


# -- tokens of machines, through the whole hub -----------------------------------------------------


class Keyed:
    def __init__(self, hub: Fleet, file: TokenFile) -> None:
        self.hub = hub
        self.file = file

    def ask(self, token: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
        return httpx.request(method, self.hub.server.url + path, headers=headers, **more)

    def push(self, token: str, machine: str, machine_id: str = "") -> int:
        body = {
            "machine": machine,
            "machine_id": machine_id,
            "sent_at": "2026-01-01T00:00:00Z",
            "snapshots": [],
        }
        return self.ask(token, "POST", "/v1/push", json=body).status_code

    def records(self, token: str, machine: str, machine_id: str, *names: str) -> int:
        body = self.hub.batch([message(n) for n in names], machine_id, machine=machine)
        return self.ask(token, "POST", "/v1/records", content=body).status_code


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[Keyed]:
    path = tmp_path / "hub-tokens.json"
    with fleet(tmp_path / "hub.db", serves={"tokens": TokenBook(path)}) as hub:
        yield Keyed(hub, TokenFile(path))


def test_a_push_token_cannot_write_another_machines_snapshots_or_records(keyed: Keyed) -> None:
    _, token = keyed.file.create("laptop", Role.PUSH, now=NOON)
    keyed.hub.send([message("theirs")], DESKTOP, machine="desktop")
    assert keyed.push(token, "laptop", LAPTOP) == 200
    assert keyed.records(token, "laptop", LAPTOP, "mine") == 200
    assert keyed.push(token, "desktop", DESKTOP) == 403
    assert keyed.push(token, "laptop", DESKTOP) == 403
    assert keyed.records(token, "desktop", DESKTOP, "forged") == 403
    assert keyed.records(token, "laptop", DESKTOP, "forged") == 403
    assert {m["name"]: m["records"] for m in keyed.hub.machines().values()} == {"desktop": 1, "laptop": 1}
    assert value(keyed.hub, "auth_failures_total", reason="forbidden") == 4
    assert value(keyed.hub, "pushes_total", result="forbidden") == 2


def test_whose_an_id_is_outlives_a_restart_and_ends_when_the_machine_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "hub-tokens.json"
    _, token = TokenFile(path).create("laptop", Role.PUSH, now=NOON)
    with fleet(tmp_path / "hub.db") as hub:
        hub.send([message("theirs")], DESKTOP, machine="desktop")
    with fleet(tmp_path / "hub.db", serves={"tokens": TokenBook(path)}) as hub:
        keyed = Keyed(hub, TokenFile(path))
        assert keyed.push(token, "laptop", DESKTOP) == 403
        assert delete(hub, "desktop").status_code == 200
        assert keyed.push(token, "laptop", DESKTOP) == 200


def test_a_lost_machine_is_cut_off_without_touching_the_others(keyed: Keyed) -> None:
    _, lost = keyed.file.create("laptop", Role.PUSH, now=NOON)
    _, kept = keyed.file.create("desktop", Role.PUSH, now=NOON)
    assert keyed.push(lost, "laptop") == keyed.push(kept, "desktop") == 200
    keyed.file.revoke(lambda t: t.machine == "laptop")
    assert keyed.push(lost, "laptop") == 401
    assert keyed.push(kept, "desktop") == 200
    assert keyed.push(TOKEN, "laptop") == 200


def test_an_open_stream_of_a_revoked_token_ends(keyed: Keyed) -> None:
    _, view = keyed.file.create("phone", Role.VIEW, now=NOON)
    headers = {"Authorization": f"Bearer {view}"}
    with httpx.stream("GET", keyed.hub.server.url + "/v1/stream", headers=headers, timeout=30) as stream:
        parts = stream.iter_raw()
        next(parts)
        keyed.file.revoke(lambda t: True)
        for _ in parts:
            pass
    assert keyed.ask(view, "GET", "/v1/stream").status_code == 401


def test_a_view_token_reads_everything_and_writes_nothing(keyed: Keyed) -> None:
    _, view = keyed.file.create("phone", Role.VIEW, now=NOON)
    for path in (
        "/v1/snapshots",
        "/v1/machines",
        "/v1/usage",
        "/v1/accounts",
        "/v1/capabilities",
        "/metrics",
    ):
        assert keyed.ask(view, "GET", path).status_code == 200, path
    assert keyed.push(view, "phone") == 403
    assert keyed.records(view, "phone", LAPTOP, "x") == 403
    assert keyed.ask(view, "DELETE", "/v1/machines/phone").status_code == 403


def test_what_runs_in_the_hubs_own_process_comes_in_without_a_shared_token(tmp_path: Path) -> None:
    path = tmp_path / "hub-tokens.json"
    TokenFile(path).create("laptop", Role.PUSH, now=NOON)
    history = History(None, now=lambda: NOON, price=price)
    with history, HubServer(Board(), "127.0.0.1", 0, history=history, tokens=TokenBook(path)) as server:
        assert httpx.get(server.own_url + "/v1/machines").status_code == 401
        own = {"Authorization": f"Bearer {server.gate.own}"}
        assert httpx.get(server.own_url + "/v1/machines", headers=own).status_code == 200


def test_last_use_is_written_while_it_runs(keyed: Keyed) -> None:
    made, token = keyed.file.create("laptop", Role.PUSH, now=NOON)
    keyed.push(token, "laptop")
    keyed.hub.server.follow()
    assert list(keyed.file.last_used()) == [made.id]
