"""The board against a plain model of it, and its rules one by one."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.hub import Board, Change
from openusage.hub.board import MAX_BLOCK
from openusage.hub.ingest import PushRefused, read_push
from tests.hub.conftest import NOON, Clock


def body(machine: str, *accounts: str, provider: str = "p", machine_id: str = "", used: float = 1) -> bytes:
    snapshots = [
        {
            "provider_id": provider,
            "account_id": a,
            "timestamp": "2026-11-22T07:00:00Z",
            "status": "OK",
            "metrics": {"m": {"used": used, "unit": "USD", "window": "1d"}},
        }
        for a in accounts
    ]
    sent: dict[str, Any] = {"machine": machine, "sent_at": "2026-11-22T07:00:00Z", "snapshots": snapshots}
    if machine_id:
        sent["machine_id"] = machine_id
    return msgspec.json.encode(sent)


def put(board: Board, machine: str, *accounts: str, **rest: Any) -> None:
    board.put(read_push(body(machine, *accounts, **rest)))


def held(board: Board) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b"".join(board.body()[1]))
    return found


def test_a_push_replaces_the_machines_earlier_batch_as_a_whole(board: Board) -> None:
    put(board, "laptop", "one", "two")
    put(board, "laptop", "three")
    assert list(held(board)) == ["laptop:p:three"]


def test_first_of_two_snapshots_of_one_account_wins(board: Board) -> None:
    first, second = (json.loads(body("m", "a", used=u))["snapshots"][0] for u in (1, 2))
    board.put(read_push(msgspec.json.encode({"machine": "m", "snapshots": [first, second]})))
    assert held(board)["m:p:a"]["metrics"]["m"]["used"] == 1


def test_two_machines_of_one_name_stay_two(board: Board) -> None:
    """They push in turns and neither overwrites the other; who came first keeps the plain name."""
    for used in (1, 2, 3):
        put(board, "laptop", "a", machine_id="x", used=used)
        put(board, "laptop", "a", machine_id="y", used=-used)
        put(board, "laptop", "a", used=100 + used)
        assert {k: v["metrics"]["m"]["used"] for k, v in held(board).items()} == {
            "laptop:p:a": used,
            "laptop~2:p:a": -used,
            "laptop~3:p:a": 100 + used,
        }
    assert board.names() == ("laptop", "laptop~2", "laptop~3")


def test_a_machine_that_is_really_called_with_a_suffix_is_not_overwritten(board: Board) -> None:
    put(board, "laptop", "a", machine_id="x")
    put(board, "laptop~2", "a", machine_id="y")
    put(board, "laptop", "a", machine_id="z")
    assert board.names() == ("laptop", "laptop~2", "laptop~3")


def test_a_returning_machine_gets_its_label_back(board: Board, clock: Clock) -> None:
    put(board, "laptop", "a", machine_id="x", used=1)
    put(board, "laptop", "a", machine_id="y", used=2)
    clock.seconds += 200
    put(board, "laptop", "a", machine_id="y", used=2)
    clock.seconds += 200
    assert list(held(board)) == ["laptop~2:p:a"]
    put(board, "laptop", "a", machine_id="x", used=1)
    assert {k: v["metrics"]["m"]["used"] for k, v in held(board).items()} == {
        "laptop:p:a": 1,
        "laptop~2:p:a": 2,
    }


def test_a_label_with_a_suffix_comes_back_too(board: Board, clock: Clock) -> None:
    """Though the plain name is free just then: its tiles keep their place."""
    put(board, "laptop", "a", machine_id="x")
    put(board, "laptop", "a", machine_id="y")
    clock.seconds += 301
    put(board, "laptop", "a", machine_id="y")
    put(board, "laptop", "a", machine_id="z")
    assert [(m.machine_id, m.label) for m in board.machines() if m.live] == [
        ("z", "laptop"),
        ("y", "laptop~2"),
    ]


def test_keys_that_join_to_the_same_text_are_both_kept(board: Board) -> None:
    """`a:b`+`c`+`d` and `a`+`b:c`+`d`; the later one has the suffix, and keeps it while both live."""
    for _ in range(3):
        put(board, "a:b", "d", provider="c", used=1)
        put(board, "a", "d", provider="b:c", used=2)
        found = held(board)
        assert {k: (v["provider_id"], v["account_id"]) for k, v in found.items()} == {
            "a:b:c:d": ("c", "a:b:c:d"),
            "a:b:c:d~2": ("b:c", "a:b:c:d~2"),
        }


def test_keys_collide_inside_one_machine_too(board: Board) -> None:
    one, two = (json.loads(body("m", a, provider=p))["snapshots"][0] for p, a in (("b", "c:d"), ("b:c", "d")))
    for order in ([one, two], [two, one], [two, one]):
        board.put(read_push(msgspec.json.encode({"machine": "m", "snapshots": order})))
        assert {k: v["provider_id"] for k, v in held(board).items()} == {"m:b:c:d": "b", "m:b:c:d~2": "b:c"}


def test_a_dropped_account_frees_its_key(board: Board) -> None:
    put(board, "a:b", "d", provider="c")
    put(board, "a:b", "other", provider="c")
    put(board, "a", "d", provider="b:c")
    assert sorted(held(board)) == ["a:b:c:d", "a:b:c:other"]


def test_silence_is_measured_by_the_hubs_clock_alone(board: Board, clock: Clock) -> None:
    put(board, "laptop", "a")
    clock.seconds += 299.9
    assert board.names() == ("laptop",)
    version, _ = board.body()
    clock.seconds += 0.1
    assert board.names() == ()
    assert board.body() == (version + 1, (b"{}",))


def test_an_unchanged_push_keeps_the_version_and_the_machine_alive(board: Board, clock: Clock) -> None:
    put(board, "laptop", "a")
    version = board.version()
    clock.seconds += 200
    put(board, "laptop", "a")
    clock.seconds += 200
    assert board.version() == version
    assert board.names() == ("laptop",)


def test_body_is_built_once_for_each_version(board: Board) -> None:
    put(board, "laptop", "a")
    assert board.body()[1] is board.body()[1]


@pytest.mark.parametrize("size", [1, 1000, 10**6])
def test_a_large_body_is_made_in_parts_and_held_once(
    board: Board, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what a machine pushes after they were made changes its own piece alone."""
    for machine in "abcdefgh":
        put(board, machine, "x", "y")
    whole = board.body()[1]
    monkeypatch.setattr("openusage.hub.board.PART_BYTES", size)
    put(board, "i", "x", "y")
    _, parts = board.body()
    assert len(parts) == {1: 9, 1000: 3, 10**6: 1}[size]
    assert b"".join(parts)[: len(whole[0]) - 1] == whole[0][:-1]
    assert {id(memoryview(m.block).obj) for m in board._live.values()} == set(map(id, parts))
    before, version = held(board), board.version()
    put(board, "d", "x", "y")
    assert board.version() == version
    put(board, "d", "x", "y", used=2)
    after = held(board)
    assert {key for key in before if before[key] != after[key]} == {"d:p:x", "d:p:y"}
    assert json.loads(board.batches("a")["a"]) == {key: after[key] for key in ("a:p:x", "a:p:y")}


def test_changes_are_told_once_each(board: Board, clock: Clock) -> None:
    told: list[tuple[Change, str]] = []
    board.listeners.append(lambda change, label: told.append((change, label)))
    put(board, "laptop", "a")
    put(board, "laptop", "b")
    clock.seconds += 301
    board.version()
    board.version()
    put(board, "laptop", "b")
    changes = [Change.APPEARED, Change.HEARD, Change.WENT_STALE, Change.RETURNED]
    assert told == [(change, "laptop") for change in changes]


def test_staleness_is_told_even_when_the_push_that_noticed_it_is_refused(clock: Clock) -> None:
    board = Board(monotonic=clock.monotonic, now=clock.now, max_total=20_000)
    told: list[str] = []
    board.listeners.append(lambda change, label: told.append(f"{label} {change}"))
    put(board, "laptop", "a")
    clock.seconds += 301
    with pytest.raises(PushRefused):
        put(board, "desktop", *(f"account-{i}" for i in range(50)))
    assert told == ["laptop appeared", "laptop went stale"]


def test_machines_are_listed_after_they_left(board: Board, clock: Clock) -> None:
    put(board, "laptop", "a", "b", machine_id="x")
    clock.seconds += 400
    put(board, "desktop", "a")
    desktop, laptop = board.machines()
    assert (desktop.label, desktop.live, desktop.snapshots) == ("desktop", True, 1)
    assert (laptop.label, laptop.live, laptop.machine_id) == ("laptop", False, "x")
    assert laptop.received_at == NOON
    assert laptop.sent_at == "2026-11-22T07:00:00Z"


def test_a_full_hub_refuses_and_keeps_what_it_has(clock: Clock) -> None:
    board = Board(monotonic=clock.monotonic, now=clock.now, max_total=25_000)
    put(board, "laptop", "a")
    before = board.body()
    with pytest.raises(PushRefused, match="hub is full") as refusal:
        put(board, "desktop", *(f"account-{i}" for i in range(50)))
    assert refusal.value.status == 507
    assert board.body() == before
    assert board.names() == ("laptop",)


def test_what_machines_take_is_counted_by_the_length_of_their_names(clock: Clock) -> None:
    """Twenty with usual names find room where four with the longest do not."""
    usual = Board(monotonic=clock.monotonic, now=clock.now, max_total=60_000)
    for n in range(20):
        put(usual, f"laptop-{n}", "a", machine_id=f"{n:032x}")
    assert len(usual.names()) == 20
    long = Board(monotonic=clock.monotonic, now=clock.now, max_total=60_000)
    for n in range(3):
        put(long, f"{n}" * 1024, "a", machine_id=f"{n}" * 1024)
    with pytest.raises(PushRefused, match="hub is full"):
        put(long, "3" * 1024, "a", machine_id="3" * 1024)


def test_a_long_name_cannot_multiply_a_body(board: Board) -> None:
    """4 MiB of tiny snapshots under a name of 1024 characters would be 94 MB of keys."""
    accounts = [str(i) for i in range(12_000)]
    with pytest.raises(PushRefused) as refusal:
        put(board, "x" * 1024, *accounts)
    assert refusal.value.status == 413
    assert b"".join(board.body()[1]) == b"{}"
    assert 2 * 1024 * len(accounts) > MAX_BLOCK


def test_a_thousand_colliding_keys_are_quick(board: Board) -> None:
    """One text of many colons can be split into provider and account in as many ways."""
    parts = ["x"] * 1200
    snapshots = [
        {"provider_id": ":".join(parts[:i]), "account_id": ":".join(parts[i:])} for i in range(1, len(parts))
    ]
    board.put(read_push(msgspec.json.encode({"machine": "m", "snapshots": snapshots})))
    assert len(held(board)) == 1199


NAMES = st.sampled_from(["laptop", "desktop", "a:b", "a", " dup ", "dup", "é\u2028\x00", "laptop~2"])
PUSHES = st.lists(
    st.tuples(NAMES, st.lists(st.sampled_from(["one", "two", "b:c", "é"]), unique=True), st.integers(0, 3)),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(pushes=PUSHES)
def test_board_equals_the_model_after_any_pushes(pushes: list[tuple[str, list[str], int]]) -> None:
    """The last batch of each machine, nothing else, nothing lost."""
    clock, model = Clock(), dict[str, list[tuple[str, float]]]()
    board = Board(monotonic=clock.monotonic, now=clock.now)
    for machine, accounts, used in pushes:
        put(board, machine, *accounts, used=used)
        model[machine] = [(a, used) for a in accounts]
    expected = sorted((f"{m}:p:{a}", float(used)) for m, batch in model.items() for a, used in batch)
    assert sorted((k, v["metrics"]["m"]["used"]) for k, v in held(board).items()) == expected
    assert all(v["account_id"] == k for k, v in held(board).items())
    assert list(board.names()) == sorted(model)


@settings(max_examples=40, deadline=None)
@given(
    batches=st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]), st.lists(st.sampled_from("xyz"), unique=True)
    ),
    data=st.data(),
)
def test_order_of_distinct_machines_does_not_matter(
    batches: dict[str, list[str]], data: st.DataObject
) -> None:
    """Not even to the bytes."""
    order = data.draw(st.permutations(list(batches)))
    one, two = Board(), Board()
    for machine in batches:
        put(one, machine, *batches[machine])
    for machine in order:
        put(two, machine, *batches[machine])
    assert one.body()[1] == two.body()[1]


@settings(max_examples=60, deadline=None)
@given(junk=st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode)), cut=st.integers(0, 400))
def test_refused_pushes_change_nothing(junk: bytes, cut: int) -> None:
    board = Board()
    put(board, "laptop", "a")
    before, names = board.body(), board.names()
    whole = body("laptop", "b")
    for bad in (junk, whole[: min(cut, len(whole) - 1)], whole + junk + b"x", whole[:-1] + b',"machine":5}'):
        with pytest.raises(PushRefused):
            board.put(read_push(bad))
    assert (board.body(), board.names()) == (before, names)


def test_the_list_of_many_machines_has_each_once_while_they_push(board: Board) -> None:
    """Looked at in parts: those that come, fall silent or are forgotten meanwhile are in it or not."""
    names = [f"machine-{n:04}" for n in range(600)]
    for name in names:
        put(board, name, "a")

    def pushing() -> None:
        for name in (*names, *(f"new-{n}" for n in range(100))):
            put(board, name, "a", used=2)

    with ThreadPoolExecutor(1) as pool:
        pushed = pool.submit(pushing)
        while not pushed.done():
            found = [m.label for m in board.machines() if m.label in names]
            assert found == names
        pushed.result()
    assert len(board.machines()) == 700
