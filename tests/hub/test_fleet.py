"""What a hub answers about its machines: who they are, what they used, which limits they share."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from openusage import __version__
from openusage.wire.events import Record, Scope
from openusage.wire.rollups import By, Window, add
from tests.hub.conftest import Clock
from tests.hub.fleet import DESKTOP, LAPTOP, SERVER, Fleet, fleet, rfc3339
from tests.store.samples import DAY_US, HOUR_US, Name, fact, many, message, open_store, reading, tool


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path / "hub.db") as hub:
        yield hub


# -- machines ------------------------------------------------------------------------------------


def test_a_machine_is_listed_with_all_that_is_known(hub: Fleet) -> None:
    sent_at = hub.clock.now()
    hub.clock.seconds += 1
    hub.send([message("a"), tool("b")], version="1.2", backlog=30, sent_at=sent_at)
    found = hub.get("/v1/machines")
    assert found["now"] == "2026-11-22T12:00:01Z"
    assert found["notes"] == []
    assert found["machines"] == [
        {
            "name": "laptop",
            "id": LAPTOP,
            "version": "1.2",
            "first_seen": "2026-11-22T12:00:01Z",
            "last_seen": "2026-11-22T12:00:01Z",
            "state": "fresh",
            "clock_skew_s": -1.0,
            "lag_s": 0.0,
            "backlog": 30,
            "records": 2,
            "copies": 0,
            "accounts": [{"provider": "claude_code", "account": "claude-code"}],
        }
    ]


def test_a_machine_that_only_pushes_snapshots_is_listed_too(hub: Fleet) -> None:
    hub.push("from-go")
    hub.push("ours", DESKTOP)
    found = hub.machines()
    assert {n: (m["id"], m["backlog"], m["records"]) for n, m in found.items()} == {
        "from-go": ("", None, 0),
        "ours": (DESKTOP, None, 0),
    }
    assert found["ours"]["accounts"] == [{"provider": "codex", "account": "codex"}]
    assert found["ours"]["version"] == "9.9"
    hub.send([message("a")], DESKTOP, machine="ours", backlog=0)
    ours = hub.machines()["ours"]
    assert (len(hub.machines()), ours["records"], ours["backlog"]) == (2, 1, 0)
    assert [a["provider"] for a in ours["accounts"]] == ["claude_code", "codex"]


def test_a_machine_is_fresh_then_stale_then_gone(hub: Fleet) -> None:
    hub.push("pushes", DESKTOP)
    hub.send([message("a")])
    for seconds, state in ((0, "fresh"), (299, "fresh"), (2, "stale"), (86_000, "stale"), (100, "gone")):
        hub.clock.seconds += seconds
        assert {m["state"] for m in hub.machines().values()} == {state}
    hub.send([], upto=0)
    assert {n: m["state"] for n, m in hub.machines().items()} == {"laptop": "fresh", "pushes": "gone"}


def test_names_are_those_of_the_board_and_equal_ones_are_told_apart(hub: Fleet) -> None:
    hub.push("laptop", DESKTOP)
    hub.send([message("a")], LAPTOP)
    hub.send([message("b")], SERVER)
    found = {name: m["id"] for name, m in hub.machines().items()}
    assert found["laptop"] == DESKTOP
    assert sorted(found) == ["laptop", "laptop~2", "laptop~3"]
    hub.push("laptop", LAPTOP)
    board = {name.split(":")[0] for name in hub.http.get("/v1/snapshots").json()}
    assert board < set(hub.machines())


def test_names_stay_over_a_restart_whoever_comes_first(tmp_path: Path) -> None:
    clock = Clock()
    with fleet(tmp_path / "hub.db", clock) as hub:
        for number, machine_id in enumerate((LAPTOP, DESKTOP, SERVER)):
            clock.seconds += 1
            hub.push("laptop", machine_id)
            hub.send([message(number)], machine_id)
        before = {name: m["id"] for name, m in hub.machines().items()}
    with fleet(tmp_path / "hub.db", clock) as hub:
        assert {name: m["id"] for name, m in hub.machines().items()} == before
        for machine_id in (SERVER, DESKTOP, LAPTOP):
            hub.push("laptop", machine_id)
        assert {name: m["id"] for name, m in hub.machines().items()} == before
        assert {key.split(":")[0] for key in hub.http.get("/v1/snapshots").json()} == set(before)


def test_a_machine_that_was_set_up_anew_has_the_plain_name_after_a_restart_too(tmp_path: Path) -> None:
    """The one before it, whose identity is lost, sent records only and is not heard of again."""
    clock = Clock()
    with fleet(tmp_path / "hub.db", clock) as hub:
        hub.send([message("a")], LAPTOP)
        clock.seconds += 30
        hub.push("laptop", DESKTOP)
        hub.send([message("b")], DESKTOP)
        clock.seconds += 400
        hub.push("laptop", DESKTOP)
        before = {name: m["id"] for name, m in hub.machines().items()}
        assert before == {"laptop": DESKTOP, "laptop~2": LAPTOP}
    with fleet(tmp_path / "hub.db", clock) as hub:
        assert {name: m["id"] for name, m in hub.machines().items()} == before
        hub.push("laptop", DESKTOP)
        assert {name: m["id"] for name, m in hub.machines().items()} == before


@pytest.mark.parametrize("name", ["work:mac", "a:b:c~2", "é 🖥 \u202e", "x" * 1024, "name:", "a\x00b", '"\\'])
def test_any_name_is_kept_as_it_is(tmp_path: Path, name: str) -> None:
    with fleet(tmp_path / "hub.db") as hub:
        hub.send([message("a")], machine=name)
        hub.push(name)
        found = hub.machines()
        assert set(found) == {name, f"{name}~2"}
        assert hub.totals(machine=name)["requests"] + hub.totals(machine=f"{name}~2")["requests"] == 1
    with fleet(tmp_path / "hub.db") as hub:
        assert len(hub.machines()) == 2


def test_a_renamed_machine_is_the_same_one(hub: Fleet) -> None:
    hub.push("old", LAPTOP)
    hub.send([message("a")], machine="old")
    hub.clock.seconds += 200
    hub.push("new", LAPTOP)
    hub.send([message("b")], after=1, machine="new")
    hub.clock.seconds += 200
    [machine] = hub.get("/v1/machines")["machines"]
    assert (machine["name"], machine["records"]) == ("new", 2)
    hub.clock.seconds += 200
    assert list(hub.machines()) == ["new"]
    assert hub.totals(machine="new")["requests"] == 2


def test_a_cloned_disk_is_two_machines_under_one_id(hub: Fleet) -> None:
    """Both are seen; what the store has under the id is shown once."""
    hub.push("one", LAPTOP)
    hub.push("two", LAPTOP)
    hub.send([message("a")], machine="two")
    found = hub.machines()
    assert {n: m["records"] for n, m in found.items()} == {"one": 0, "two": 1}
    assert hub.totals(machine="two")["requests"] == 1


def test_a_clock_that_is_wrong_is_told_from_a_slow_way(hub: Fleet) -> None:
    """The quickest of the last messages tells the clock; what took longer was under way."""
    for delay_s in (2.0, 0.5, 3.5):
        hub.clock.seconds += 60
        sent_at = hub.clock.now()
        hub.clock.seconds += delay_s
        hub.send([], upto=0, sent_at=sent_at.replace(year=sent_at.year))
    machine = hub.machines()["laptop"]
    assert (machine["clock_skew_s"], machine["lag_s"]) == (-0.5, 3.0)


def test_an_event_that_two_have_is_one_and_said_to_be_a_copy(hub: Fleet) -> None:
    events = many(90, end_us=hub.now_us)
    hub.send(events[:60], LAPTOP)
    hub.send(events[30:], DESKTOP, machine="desktop")
    found = hub.machines()
    assert sum(m["records"] for m in found.values()) == 90
    assert sum(m["copies"] for m in found.values()) == 30
    assert hub.get("/v1/usage", window="all")["copies"] == 30
    assert hub.get("/v1/usage", window="all", machine="laptop")["copies"] == found["laptop"]["copies"]


# -- usage ---------------------------------------------------------------------------------------


def three_machines(hub: Fleet) -> list[Record]:
    """Three stores of which each two overlap, their outboxes sent in pieces; the union."""
    pool = many(300, end_us=hub.now_us - HOUR_US, days=5)
    for number, (machine_id, name) in enumerate(
        ((LAPTOP, "laptop"), (DESKTOP, "desktop"), (SERVER, "server"))
    ):
        store = open_store(machine=Name(machine_id, name))
        store.add(pool[number * 75 : number * 75 + 150])
        after = 0
        while True:
            box = store.outbox(after, 40)
            more = {"store_id": box.store_id, "upto": box.upto, "machine": name}
            assert hub.send(box.records, machine_id, after, **more).json()["stored"] == box.upto
            if after == box.upto:
                break
            after = box.upto
        store.close()
    return list(pool)


def test_usage_is_that_of_the_union(hub: Fleet) -> None:
    """Totals and every grouping but by machine equal those of one store that has each event once."""
    union = open_store()
    union.add(three_machines(hub))
    for by in ([], [By.MODEL], [By.DAY, By.PROJECT], [By.KIND, By.TOOL], [By.HOUR], [By.SESSION]):
        for tz in ("UTC", "Asia/Kathmandu"):
            found = hub.get("/v1/usage", window="all", by=",".join(by), tz=tz) if by else None
            rows = union.usage(Window("all"), by, tz=tz)
            if found is not None:
                assert [r["key"] for r in found["rows"]] == [row.key for row in rows]
                for row, true in zip(found["rows"], rows, strict=True):
                    assert row["tokens"]["total"] == true.total_tokens
                    assert row["requests"] + row["tool_calls"] + row["turns"] == true.events
                    assert math.isclose(row["cost_usd"] or 0.0, true.cost_nano / 1e9)
            true = add(rows)
            totals = hub.totals(tz=tz)
            assert totals["tokens"]["total"] == true.total_tokens
            assert totals["unpriced_requests"] == true.unpriced_events
            assert totals["cost_reported_usd"] == true.cost_reported_nano / 1e9
    assert hub.get("/v1/usage", window="all")["sessions"] == union.sessions(Window("all"))
    union.close()


def test_rows_by_machine_add_up_and_have_names_and_ids(hub: Fleet) -> None:
    three_machines(hub)
    found = hub.get("/v1/usage", window="all", by="machine")
    assert [(r["key"]["machine"], r["machine_id"]) for r in found["rows"]] == [
        ("desktop", DESKTOP),
        ("laptop", LAPTOP),
        ("server", SERVER),
    ]
    for name in ("input", "output", "cache_read", "total"):
        assert sum(r["tokens"][name] for r in found["rows"]) == found["totals"]["tokens"][name]
    for asked in ("laptop", LAPTOP):
        one = hub.get("/v1/usage", window="all", machine=asked)["totals"]
        assert one["requests"] == found["rows"][1]["requests"]
    two = hub.get("/v1/usage", window="all", machine=["laptop", DESKTOP, "desktop"])["totals"]
    assert two["requests"] == found["rows"][0]["requests"] + found["rows"][1]["requests"]


def test_a_row_is_documented_in_full(hub: Fleet) -> None:
    hub.send(
        [
            message("a", hub.now_us - 60_000_000, cost_reported_nano=41_870_000_001, estimated=True),
            message("b", hub.now_us - 60_000_000, model="unknown", web_searches=2),
            tool("c", hub.now_us, lines_added=3, lines_removed=1),
        ]
    )
    found = hub.get("/v1/usage", window="3d", by="provider")
    assert found == {
        "window": {"name": "3d", "from": "2026-11-19T12:00:00Z", "to": "2026-11-24T00:00:00Z"},
        "tz": "UTC",
        "by": ["provider"],
        "rows": [{"key": {"provider": "claude_code"}} | SUMS],
        "totals": {"key": {}} | SUMS,
        "sessions": 1,
        "copies": 0,
    }


SUMS = {
    "requests": 2,
    "tool_calls": 1,
    "turns": 0,
    "tokens": {
        "input": 20,
        "output": 200,
        "cache_read": 0,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "reasoning": 0,
        "total": 220,
    },
    "cost_usd": 41.870000001,
    "cost_reported_usd": 41.870000001,
    "cost_computed_usd": 0.00000153,
    "unpriced_requests": 1,
    "unpriced_tokens": 110,
    "estimated_requests": 1,
    "lines_added": 3,
    "lines_removed": 1,
    "web_searches": 2,
    "web_fetches": 0,
    "first_at": "2026-11-22T11:59:00Z",
    "last_at": "2026-11-22T12:00:00Z",
}


def test_a_cost_that_nobody_knows_is_null_and_money_has_no_noise(hub: Fleet) -> None:
    hub.send([message("a", model="unknown")])
    assert hub.totals()["cost_usd"] is None
    hub.send([message(n, model="unknown", cost_reported_nano=100_000_000) for n in range(3)], after=1, upto=4)
    assert '"cost_usd":0.3,' in hub.http.get("/v1/usage?window=all").text
    assert hub.totals(window="1d")["cost_usd"] == 0.0


def test_windows_and_days_are_the_viewers(hub: Fleet) -> None:
    at = {"tomorrow in Auckland": hub.now_us - HOUR_US // 2, "two hours ago": hub.now_us - 2 * HOUR_US}
    hub.send([message(n, at_us) for n, at_us in at.items()])
    assert hub.totals(window="1d")["requests"] == 2
    assert hub.totals(window="1d", tz="Pacific/Auckland")["requests"] == 1
    assert hub.totals(window="3d")["requests"] == 2
    days = hub.get("/v1/usage", by="day", window="all", tz="Pacific/Auckland")["rows"]
    assert [d["key"]["day"] for d in days] == ["2026-11-22", "2026-11-23"]
    start, end = rfc3339(at["two hours ago"]), rfc3339(at["two hours ago"] + 1)
    assert hub.get("/v1/usage", **{"from": start, "to": end})["totals"]["requests"] == 1
    assert hub.get("/v1/usage", **{"from": end})["totals"]["requests"] == 1
    assert hub.get("/v1/usage", **{"from": end, "to": end})["totals"]["requests"] == 0
    assert hub.get("/v1/usage", to=start)["totals"]["requests"] == 0
    assert hub.get("/v1/usage", to=end)["totals"]["requests"] == 1
    unescaped = hub.http.get("/v1/usage?from=2026-11-22T11:00:00+01:00&to=2026-11-22T10:00:01.5Z")
    assert unescaped.json()["window"] == {
        "name": "custom",
        "from": "2026-11-22T10:00:00Z",
        "to": "2026-11-22T10:00:01.500000Z",
    }
    assert unescaped.json()["totals"]["requests"] == 1


def test_filters_may_be_repeated_and_blank_means_not_said(hub: Fleet) -> None:
    hub.send(
        [message(1, project="a"), message(2, project="b"), message(3, project=None), tool(4, project="a")]
    )
    count = {
        ("project", "a"): (1, 1),
        ("project", ("a", "b")): (2, 1),
        ("project", ""): (1, 0),
        ("kind", "message"): (3, 0),
        ("kind", ("tool", "message")): (3, 1),
        ("model", "opus"): (3, 0),
        ("provider", "codex"): (0, 0),
        ("account", "claude-code"): (3, 1),
    }
    for (name, value), expected in count.items():
        totals = hub.totals(**{name: value})
        assert (totals["requests"], totals["tool_calls"]) == expected, (name, value)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("window=5d", 'window: "5d" is none of: 1d, 3d, 7d, 30d, all'),
        ("window=1d&window=3d", "window: may be given once only"),
        ("window=1d&from=2026-11-22T00:00:00Z", "window: not together with from or to"),
        ("from=yesterday", 'from: "yesterday" is no RFC 3339 time'),
        ("to=2026-02-30T00:00:00Z", 'to: "2026-02-30T00:00:00Z" is no RFC 3339 time'),
        ("from=2026-11-22", "RFC 3339"),
        ("from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z", "to: lies before from"),
        ("by=planet", 'by: "planet" is none of: machine, provider, account, kind, model'),
        ("by=", 'by: "" is none of'),
        ("by=model,,day", 'by: "" is none of'),
        ("kind=dream", 'kind: "dream" is none of: message, tool, turn'),
        ("tz=Mars/Base", 'tz: There is no time zone "Mars/Base".'),
        ("tz=../../etc/passwd", "tz: There is no time zone"),
        ("machine=laptop~9", 'machine: there is no "laptop~9"; a name or an id of: laptop'),
        ("color=red", 'there is no parameter "color"; allowed: window, from, to, tz, by, machine'),
        ("by", "the query cannot be read"),
        ("project=%ff", "the query cannot be read"),
        ("&".join("project=a" for _ in range(501)), "at most 500"),
    ],
)
def test_a_bad_parameter_is_named_with_what_is_allowed(hub: Fleet, query: str, said: str) -> None:
    hub.send([message("a")])
    refused = hub.http.get(f"/v1/usage?{query}")
    assert (refused.status_code, refused.json()["error"]) == (400, "bad query")
    assert said in refused.json()["detail"]


@pytest.mark.parametrize(
    "query", ["from=0001-01-01T00:00:00%2B14:00", "to=9999-12-31T23:59:59-23:59", "project=%00&model=%27;--"]
)
def test_odd_questions_have_answers(hub: Fleet, query: str) -> None:
    hub.send([message("a")])
    assert hub.http.get(f"/v1/usage?{query}").status_code == 200


def test_an_unchanged_answer_is_not_sent_again(hub: Fleet) -> None:
    hub.send([message("a")])
    first = hub.http.get("/v1/usage?window=all&by=machine")
    tag = first.headers["etag"]
    assert hub.http.get("/v1/usage?window=all&by=machine", headers={"If-None-Match": tag}).status_code == 304
    other = hub.http.get("/v1/usage?window=all&by=model", headers={"If-None-Match": tag})
    assert (other.status_code, other.headers["etag"] == tag) == (200, False)
    hub.send([message("b")], after=1)
    again = hub.http.get("/v1/usage?window=all&by=machine", headers={"If-None-Match": tag})
    assert (again.status_code, again.json()["totals"]["requests"]) == (200, 2)
    tag = again.headers["etag"]
    hub.send([], after=2, machine="renamed")
    renamed = hub.http.get("/v1/usage?window=all&by=machine", headers={"If-None-Match": tag})
    assert renamed.json()["rows"][0]["key"] == {"machine": "renamed"}


def test_answers_are_compressed_for_those_who_take_it(hub: Fleet) -> None:
    hub.send(many(300, end_us=hub.now_us))
    plain = hub.http.get("/v1/usage?by=hour", headers={"Accept-Encoding": "identity"})
    packed = hub.http.get("/v1/usage?by=hour", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 4
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    for tag in (packed.headers["etag"], plain.headers["etag"], f'W/{plain.headers["etag"]}, "x"'):
        assert hub.http.get("/v1/usage?by=hour", headers={"If-None-Match": tag}).status_code == 304


def test_the_answer_of_a_rolling_window_moves_with_the_minute(hub: Fleet) -> None:
    hub.send([message("a", hub.now_us - 3 * DAY_US + 30_000_000)])
    assert hub.totals(window="3d")["requests"] == 1
    hub.clock.seconds += 59
    assert hub.totals(window="3d")["requests"] == 1
    hub.clock.seconds += 1
    assert hub.totals(window="3d")["requests"] == 0


# -- accounts ------------------------------------------------------------------------------------

KEY = "f" * 64


def test_a_plan_that_two_machines_share_is_one_account(hub: Fleet) -> None:
    """The newest reading, once, with both names; facts of either."""
    old, new = hub.now_us - HOUR_US, hub.now_us - 60_000_000
    resets = hub.now_us + HOUR_US
    per_machine: dict[str, Any] = {"key": "sessions", "scope": Scope.MACHINE, "unit": "n", "limit": None}
    hub.send(
        [
            fact(KEY, old, key="account_key"),
            fact("pro", old),
            reading(old, 20.0, resets_at_us=resets),
            reading(old, 7.0, **per_machine),
        ],
        LAPTOP,
    )
    hub.send(
        [
            fact(KEY, new, key="account_key", account="codex-work"),
            fact("plus", new, account="codex-work"),
            reading(new, 35.0, account="codex-work", resets_at_us=resets),
            reading(new, 9.0, account="codex-work", **per_machine),
        ],
        DESKTOP,
        machine="desktop",
    )
    [account] = hub.get("/v1/accounts")["accounts"]
    quotas = account.pop("quotas")
    assert account == {
        "provider": "codex",
        "account": "codex-work",
        "account_key": KEY,
        "machines": ["desktop", "laptop"],
        "members": [
            {"machine": "desktop", "machine_id": DESKTOP, "account": "codex-work"},
            {"machine": "laptop", "machine_id": LAPTOP, "account": "codex"},
        ],
        "facts": {"plan_type": "plus"},
    }
    assert quotas[0] == {
        "key": "rate_limit_primary",
        "unit": "%",
        "window": "5h",
        "used": 35.0,
        "limit": 100.0,
        "remaining": 65.0,
        "resets_at": "2026-11-22T13:00:00Z",
        "read_at": "2026-11-22T11:59:00Z",
        "behaviour": "cap",
        "scope": "account",
        "machine": "desktop",
    }
    assert [(q["key"], q["machine"], q["used"]) for q in quotas[1:]] == [
        ("sessions", "desktop", 9.0),
        ("sessions", "laptop", 7.0),
    ]


def test_without_the_key_each_machines_account_is_its_own(hub: Fleet) -> None:
    for machine_id, name in ((LAPTOP, "laptop"), (DESKTOP, "desktop")):
        hub.send([reading(hub.now_us), message(name)], machine_id, machine=name)
    hub.push("from-go")
    found = [
        (a["provider"], a["machines"], a["account_key"], len(a["quotas"]))
        for a in hub.get("/v1/accounts")["accounts"]
    ]
    assert found == [
        ("claude_code", ["desktop"], None, 0),
        ("claude_code", ["laptop"], None, 0),
        ("codex", ["desktop"], None, 1),
        ("codex", ["from-go"], None, 0),
        ("codex", ["laptop"], None, 1),
    ]


def test_other_keys_and_other_tools_stay_apart(hub: Fleet) -> None:
    hub.send([fact(KEY, key="account_key"), fact(KEY, key="account_key", provider="claude_code")], LAPTOP)
    hub.send([fact(KEY[::-1][:-1], key="account_key")], DESKTOP, machine="desktop")
    assert [(a["provider"], a["machines"]) for a in hub.get("/v1/accounts")["accounts"]] == [
        ("claude_code", ["laptop"]),
        ("codex", ["desktop"]),
        ("codex", ["laptop"]),
    ]


def test_a_limit_whose_time_is_over_has_begun_anew(hub: Fleet) -> None:
    hub.send([reading(hub.now_us, 90.0, resets_at_us=hub.now_us + 60_000_000)])
    tag = hub.http.get("/v1/accounts").headers["etag"]
    assert hub.http.get("/v1/accounts", headers={"If-None-Match": tag}).status_code == 304
    hub.clock.seconds += 61
    moved = hub.http.get("/v1/accounts", headers={"If-None-Match": tag})
    [quota] = moved.json()["accounts"][0]["quotas"]
    assert (quota["used"], quota["remaining"], quota["resets_at"]) == (0.0, 100.0, None)


def test_a_reading_from_a_clock_far_ahead_does_not_hide_the_true_one(hub: Fleet) -> None:
    hub.send([fact(KEY, key="account_key"), reading(hub.now_us, 40.0)], LAPTOP)
    hub.send([fact(KEY, key="account_key"), reading(hub.now_us + DAY_US, 5.0)], DESKTOP, machine="desktop")
    [account] = hub.get("/v1/accounts")["accounts"]
    assert [(q["used"], q["machine"]) for q in account["quotas"]] == [(40.0, "laptop")]


# -- the rest ------------------------------------------------------------------------------------


def test_capabilities_say_what_there_is(hub: Fleet) -> None:
    assert hub.get("/v1/capabilities") == {
        "version": __version__,
        "records": True,
        "usage": True,
        "machines": True,
        "accounts": True,
        "fleet": True,
        "sessions": True,
        "blocks": True,
        "durable": True,
        "stream": True,
        "openapi": True,
    }


def test_snapshots_go_on_as_ever(hub: Fleet) -> None:
    """A hub with a history answers push, snapshots and healthz as one without."""
    hub.send([message("a")])
    assert hub.http.get("/v1/snapshots").json() == {}
    hub.push("laptop", DESKTOP)
    assert httpx.get(f"{hub.server.url}/healthz").json() == {"status": "ok", "machines": ["laptop"]}
    refused = httpx.post(f"{hub.server.url}/v1/push", content=gzip.compress(b"{}"))
    assert refused.status_code == 401
    doubled: Any = hub.http.get(f"{hub.server.url}//v1/machines", follow_redirects=False)
    assert (doubled.status_code, doubled.headers["location"]) == (307, "/v1/machines")
