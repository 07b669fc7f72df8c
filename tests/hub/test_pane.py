"""`GET /v1/fleet`: the pane of a real hub, and what a client makes of a hub that has none."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openusage.client import HubClient
from openusage.lineage import Lineages
from openusage.read_model.pane import Crowd, Wanted, build, rank
from openusage.wire.pane import GROUPS, WINDOWS
from openusage.wire.rollups import By, Window
from tests.hub.conftest import TOKEN, running
from tests.hub.fleet import DESKTOP, LAPTOP, SERVER, Fleet, fleet
from tests.hub.test_fleet import three_machines
from tests.store.samples import DAY_US, HOUR_US, fact, message, open_store, reading, tool

GO_PUSH = Path(__file__).parent.parent / "fixtures" / "hub" / "push-latest.body.json"
KEY = "f" * 64


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path / "hub.db") as running_hub:
        yield running_hub


@pytest.mark.parametrize("group", GROUPS)
def test_rows_of_any_group_add_up_to_the_union(hub: Fleet, group: By) -> None:
    union = open_store()
    union.add(three_machines(hub))
    [true] = [r for r in union.usage(Window("all"), (By.KIND,)) if r.key["kind"] == "message"]
    union.close()
    pane = hub.get("/v1/fleet", window="all", group=str(group))
    rows, totals = pane["rows"], pane["totals"]
    assert sum(r["window"]["tokens"] for r in rows) == totals["window"]["tokens"] == true.total_tokens
    assert sum(r["window"]["requests"] for r in rows) == totals["window"]["requests"] == true.events
    assert math.isclose(sum(r["window"]["cost_usd"] or 0.0 for r in rows), true.cost_nano / 1e9)
    assert sum(sum(r["tokens"]) for r in rows) == true.total_tokens
    assert math.isclose(sum(r["share_pct"] or 0.0 for r in rows), 100.0)
    assert totals["unpriced_requests"] == true.unpriced_events


@pytest.mark.parametrize("window", WINDOWS)
def test_a_ranking_is_the_rows_of_the_pane_without_what_is_drawn(hub: Fleet, window: str) -> None:
    three_machines(hub)
    ask, crowd = hub.history.store.reader(), Crowd(machines=[], names={}, accounts=[])
    for group in GROUPS:
        wanted = Wanted(window=window, group=group)
        rows = [r for r in build(ask, wanted, crowd, hub.clock.now()).rows if r.window.requests]
        ranked = rank(ask, wanted, crowd, hub.clock.now())
        assert [(r.label, r.window, r.share_pct) for r in ranked] == [
            (r.label, r.window, r.share_pct) for r in rows
        ]


def test_windows_have_their_days_and_today_its_hours(hub: Fleet) -> None:
    hub.send([message("a", hub.now_us - 2 * HOUR_US), message("b", hub.now_us - 40 * DAY_US)])
    days = {window: hub.get("/v1/fleet", window=window)["labels"] for window in WINDOWS}
    assert days["1d"][:2] == ["2026-11-22T00", "2026-11-22T01"]
    assert days["1d"][-1] == "2026-11-22T12"
    assert days["7d"][-1] == "2026-11-22"
    assert (len(days["7d"]), len(days["30d"]), len(days["all"])) == (8, 31, 41)
    [row] = hub.get("/v1/fleet", window="1d")["rows"]
    assert row["tokens"] == [0] * 10 + [110, 0, 0]


def test_what_was_before_is_said_only_where_our_data_reach_back(hub: Fleet) -> None:
    hub.send([message("a", hub.now_us - HOUR_US // 2), message("b", hub.now_us - 30 * HOUR_US)])
    young = hub.get("/v1/fleet", window="7d")["totals"]
    assert young["window_before"] is None
    assert young["partial_since"] == "2026-11-21T06:00:00Z"
    assert young["burn_usd_per_h"] == pytest.approx(1530e-9)
    hub.send([message("c", hub.now_us - 10 * DAY_US), message("d", hub.now_us - 20 * DAY_US)], after=2)
    old = hub.get("/v1/fleet", window="7d")["totals"]
    assert old["window_before"]["requests"] == 1
    assert old["today_before"]["requests"] == 1
    assert old["partial_since"] is None


def test_a_machine_has_state_top_model_and_its_nearest_limit(hub: Fleet) -> None:
    """A limit that two machines share stands with both, and once among the accounts."""
    resets = hub.now_us + HOUR_US
    for number, (machine, name) in enumerate(((LAPTOP, "laptop"), (DESKTOP, "desktop"))):
        hub.send(
            [
                message(f"m{number}", hub.now_us - HOUR_US, 100 * (1 + number)),
                message(f"n{number}", hub.now_us - HOUR_US, 5, model="haiku"),
                fact(KEY, key="account_key"),
                reading(hub.now_us - number, 20.0 + number, resets_at_us=resets),
            ],
            machine,
            machine=name,
        )
    hub.send([message("old", hub.now_us - 60 * DAY_US)], SERVER, machine="server")
    pane = hub.get("/v1/fleet", window="7d")
    first, second, idle = pane["rows"]
    assert [r["label"] for r in pane["rows"]] == ["desktop", "laptop", "server"]
    assert (first["machine"]["state"], first["top"]) == ("fresh", "claude-opus")
    assert (first["limit"]["name"], first["limit"]["gauge"]["used_pct"]) == ("Codex", 20.0)
    assert second["limit"] == first["limit"]
    assert (idle["window"], idle["limit"]) == ({"cost_usd": 0.0, "tokens": 0, "requests": 0}, None)
    [account] = pane["accounts"]
    assert account["machines"] == ["desktop", "laptop"]
    assert (pane["machines"], pane["active"]) == (3, 3)


def test_a_go_worker_stands_beside_machines_with_records(hub: Fleet) -> None:
    """Its figures come from its snapshots and add up with the others'; it has no records."""
    hub.send([message("a", hub.now_us - HOUR_US)])
    assert hub.http.post("/v1/push", content=GO_PUSH.read_bytes()).status_code == 200
    pane = hub.get("/v1/fleet", window="30d")
    rows = {r["label"]: r for r in pane["rows"]}
    go = rows["peer-box"]
    assert go["machine"]["records"] == 0
    assert go["window"]["tokens"] > 1e6
    assert pane["totals"]["window"]["tokens"] == go["window"]["tokens"] + rows["laptop"]["window"]["tokens"]
    assert pane["snapshots"] == 2
    by_model = hub.get("/v1/fleet", window="30d", group="model")["rows"]
    assert {r["label"] for r in by_model} > {"claude-opus"}
    # By models or projects its snapshots do not say all that it used: the sums do not depend on that.
    for group in GROUPS:
        assert hub.get("/v1/fleet", window="30d", group=str(group))["totals"] == pane["totals"]


def test_of_a_machine_whose_records_all_count_elsewhere_no_snapshot_is_added(hub: Fleet) -> None:
    """A copied home: what the one has counts for the other, though its snapshots tell it again."""
    common = message("a", hub.now_us - HOUR_US)
    for machine, name in ((LAPTOP, "laptop"), (DESKTOP, "desktop")):
        hub.send([common], machine, machine=name)
        told = json.loads(GO_PUSH.read_bytes()) | {"machine": name, "machine_id": machine}
        assert hub.http.post("/v1/push", json=told).status_code == 200
    assert sorted((m["records"], m["copies"]) for m in hub.machines().values()) == [(0, 1), (1, 0)]
    for group in (By.MACHINE, By.MODEL):
        pane = hub.get("/v1/fleet", window="30d", group=str(group))
        assert sum(row["window"]["tokens"] for row in pane["rows"]) == 110
        assert pane["totals"]["window"]["tokens"] == 110


def test_a_model_is_one_row_with_all_its_names_and_can_be_asked_for_by_either(tmp_path: Path) -> None:
    own = {"lineages": Lineages({"my-alias": "claude-opus-4-6"})}
    with fleet(tmp_path / "hub.db", serves=own) as hub:
        named = {
            "claude-opus-4-6": 10,
            "claude-4.6-opus-high-thinking": 300,
            "us.anthropic.claude-opus-4-6-v1": 20,
            "my-alias": 40,
            "gpt-4o-2024-08-06": 5,
        }
        at_us = hub.now_us - HOUR_US
        hub.send([message(name, at_us, tokens, model=name) for name, tokens in named.items()])
        rows = hub.get("/v1/fleet", window="7d", group="model")["rows"]
        assert [(r["label"], r["models"], r["window"]["requests"]) for r in rows] == [
            ("claude-opus-4-6", sorted(named, key=lambda n: -named[n])[:4], 4),
            ("gpt-4o", ["gpt-4o-2024-08-06"], 1),
        ]
        assert sum(rows[0]["tokens"]) == rows[0]["window"]["tokens"] == 370 + 4 * 10
        for asked, requests in (("claude-opus-4-6", 4), ("my-alias", 1), ("nobody", 0)):
            pane = hub.get("/v1/fleet", window="7d", group="model", model=asked)
            assert pane["totals"]["window"]["requests"] == requests
        [machine] = hub.get("/v1/fleet", window="7d")["rows"]
        assert (machine["top"], machine["models"]) == ("claude-opus-4-6", [])
        usage = hub.get("/v1/usage", window="7d", by="lineage")
        assert {r["key"]["lineage"]: r["requests"] for r in usage["rows"]} == {
            "claude-opus-4-6": 4,
            "gpt-4o": 1,
        }
        both = hub.get("/v1/usage", window="7d", by="lineage,model")
        assert {r["key"]["model"] for r in both["rows"]} == set(named)
        assert both["totals"] == usage["totals"]


def test_what_no_account_is_known_to_pay_for_is_told_until_the_hubs_settings_say_it(tmp_path: Path) -> None:
    owner: dict[str, Any] = {"provider": "opencode", "account": "opencode", "upstream": "anthropic"}
    for links, told in (({}, [("opencode", "anthropic", 2, 220)]), ({"anthropic": "claude_code"}, [])):
        with fleet(tmp_path / f"{len(links)}.db", serves={"links": links}) as hub:
            at_us = hub.now_us - HOUR_US
            hub.send([message(n, at_us, **owner) for n in "ab"] + [message("c", at_us), tool("d", **owner)])
            pane = hub.get("/v1/fleet", window="7d")
            found = [(u["provider"], u["upstream"], u["requests"], u["tokens"]) for u in pane["unassigned"]]
            assert found == told
            assert hub.get("/v1/fleet", window="7d", provider="claude_code")["unassigned"] == []
            assert pane["totals"]["window"]["requests"] == 3


def test_an_unchanged_pane_is_not_sent_again(hub: Fleet) -> None:
    hub.send([message("a", hub.now_us - HOUR_US)])
    tag = hub.http.get("/v1/fleet").headers["etag"]
    hub.clock.seconds += 1.0
    assert hub.http.get("/v1/fleet", headers={"If-None-Match": tag}).status_code == 304
    hub.send([message("b", hub.now_us)], after=1)
    assert hub.http.get("/v1/fleet", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("window=2d", 'window: "2d" is none of: 1d, 3d, 7d, 30d, all'),
        ("group=day", 'group: "day" is none of: machine, provider, account, model, project, client'),
        ("tz=Nowhere", "tz: "),
        ("machine=nobody", 'machine: there is no "nobody"'),
        ("by=model", 'there is no parameter "by"'),
        ("group=model&group=project", "group: may be given once only"),
    ],
)
def test_a_bad_parameter_is_named(hub: Fleet, query: str, said: str) -> None:
    answer = hub.http.get(f"/v1/fleet?{query}")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(said)


def test_a_filter_leaves_only_its_machines(hub: Fleet) -> None:
    three_machines(hub)
    pane = hub.get("/v1/fleet", window="all", machine="laptop")
    assert [r["label"] for r in pane["rows"]] == ["laptop"]
    assert pane["machines"] == 1


def test_a_client_gets_the_pane_and_knows_when_nothing_changed(hub: Fleet) -> None:
    three_machines(hub)
    client = HubClient(hub.server.url, token=TOKEN, now=hub.clock.now)
    first = client.pane("30d", By.MODEL, "Europe/Berlin")
    again = client.pane("30d", By.MODEL, "Europe/Berlin")
    assert first.pane.history
    assert (first.changed, again.changed) == (True, False)
    assert again.pane is first.pane
    client.close()


def test_of_a_hub_without_history_the_snapshots_tell() -> None:
    with running() as plain:
        assert plain.push(GO_PUSH.read_bytes()).status_code == 200
        client = HubClient(plain.server.url, token=TOKEN, now=plain.clock.now)
        for group in GROUPS:
            pane = client.pane("30d", group, "UTC").pane
            assert not pane.history
            assert pane.rows
            assert pane.totals == client.pane("30d", By.MACHINE, "UTC").pane.totals
        [row] = client.pane("30d", By.MACHINE, "UTC").pane.rows
        assert (row.label, row.share_pct) == ("peer-box", 100.0)
        assert row.machine is not None
        client.close()
