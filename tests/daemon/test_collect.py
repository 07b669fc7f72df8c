"""One pass over providers, with a real store and a provider of our own making."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import msgspec
import pytest

from openusage.daemon.collect import KEPT_PROBLEMS, Collector, Pass
from openusage.daemon.schedule import Progress
from openusage.errors import AuthRequired, SourceUnavailable, StoreError
from openusage.machine import Machine
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.store import Store
from openusage.wire.events import Account, EventKind, Record, TokenCounts, UsageEvent, event_key
from openusage.wire.problems import Problem
from openusage.wire.rollups import Window

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
NOW_US = int(NOW.timestamp() * 1e6)
ALL = Window("all")


def event(name: str, provider: str = "fake") -> UsageEvent:
    return UsageEvent(
        provider=provider,
        account=provider,
        at_us=NOW_US - 3_600_000_000,
        kind=EventKind.MESSAGE,
        event_key=event_key(provider, name),
        tokens=TokenCounts(input=10, output=1),
        model="m",
    )


class Fake:
    """A provider that yields given chunks, then fails if told to."""

    def __init__(
        self, name: str, chunks: list[Chunk], *, fails: Exception | None = None, bytes_to_read: int = 10
    ) -> None:
        self.SPEC = ProviderSpec(id=name, name=name.title(), kind=Kind.LOCAL, default_account=name)
        self.chunks = chunks
        self.fails = fails
        self.bytes_to_read = bytes_to_read
        self.yielded = 0
        self.polled_us: list[int | None] = []

    def discover(self, env: Env) -> Iterator[Account]:
        yield Account(id=self.SPEC.id, provider=self.SPEC.id, roots=("/nowhere",))

    def plan(self, account: Account, cursors: Cursors, env: Env) -> Plan:
        return Plan(files=1, bytes_to_read=self.bytes_to_read)

    def read(
        self, account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
    ) -> Iterator[Chunk]:
        for chunk in self.chunks:
            self.yielded += 1
            yield chunk
        if self.fails is not None:
            raise self.fails

    def poll(self, account: Account, env: Env) -> Iterator[Record]:
        self.polled_us.append(env.polled_us)
        if self.fails is not None:
            raise self.fails
        yield from self.chunks[0].records


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(
        tmp_path / "t.db", machine=Machine("ab" * 16, "m"), price=lambda _: None, now=lambda: NOW_US
    )
    yield opened
    opened.close()


def env(tmp_path: Path) -> Env:
    return Env(home=tmp_path, environ={}, now=NOW)


def collector(store: Store, tmp_path: Path, *providers: Fake, **options: object) -> Collector:
    return Collector(store, list(providers), lambda: env(tmp_path), **options)  # type: ignore[arg-type]


def said(passed: Pass) -> list[str]:
    return [problem.sentence for problem in passed.problems]


def count(store: Store) -> int:
    return store.usage(ALL)[0].events


def test_what_was_read_before_a_failure_stays_and_the_others_go_on(store: Store, tmp_path: Path) -> None:
    failing = Fake("a", [Chunk(records=[event("1", "a")])], fails=SourceUnavailable("a is locked"))
    fine = Fake("b", [Chunk(records=[event("1", "b")]), Chunk(records=[event("2", "b")])])
    passed = collector(store, tmp_path, failing, fine).run()
    assert passed.inserted == 3
    assert said(passed) == ["a is locked"]
    assert count(store) == 3


def test_a_surprise_in_one_provider_stops_no_other(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Fake("a", [], fails=ZeroDivisionError("oops"))
    fine = Fake("b", [Chunk(records=[event("1", "b")])])
    passed = collector(store, tmp_path, broken, fine).run()
    assert passed.inserted == 1
    (problem,) = said(passed)
    assert problem.startswith("A: ZeroDivisionError at daemon/collect.py:")
    assert "reading failed: ZeroDivisionError at daemon/collect.py:" in caplog.text
    assert "oops" not in problem + caplog.text


def test_a_store_that_cannot_be_written_ends_the_pass(store: Store, tmp_path: Path) -> None:
    reader = Fake("a", [Chunk(records=[event("1", "a")])])

    def full(*_: object, **__: object) -> None:
        raise StoreError("no room")

    store.add = full  # type: ignore[method-assign, assignment]
    with pytest.raises(StoreError, match="no room"):
        collector(store, tmp_path, reader).run()


def test_a_pass_ends_between_chunks_when_it_is_told_to(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openusage.daemon.collect.RECORDS_A_TRANSACTION", 1)
    many = Fake("a", [Chunk(records=[event(str(i), "a")]) for i in range(10)])
    passed = collector(store, tmp_path, many, should_stop=lambda: count(store) >= 3).run()
    assert passed.inserted == 3
    assert many.yielded == 3


def test_a_problem_names_file_and_place(store: Store, tmp_path: Path) -> None:
    odd = Chunk(problems=[Problem(path="/x.jsonl", offset=17, what="not JSON")])
    assert said(collector(store, tmp_path, Fake("a", [odd])).run()) == ["/x.jsonl, byte 17: not JSON"]


def test_small_chunks_are_stored_together(store: Store, tmp_path: Path) -> None:
    before = store.revision()
    many = Fake("a", [Chunk(records=[event(str(i), "a")], bytes_read=7) for i in range(10)])
    passed = collector(store, tmp_path, many).run()
    assert (passed.inserted, passed.bytes_read) == (10, 70)
    assert store.revision() == before + 1


def test_progress_counts_over_all_providers(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openusage.daemon.collect.RECORDS_A_TRANSACTION", 0)
    told: list[Progress] = []
    a = Fake("a", [Chunk(bytes_read=40), Chunk(bytes_read=60)], bytes_to_read=100)
    b = Fake("b", [Chunk(bytes_read=50)], bytes_to_read=50)
    collector(store, tmp_path, a, b, on_progress=told.append).run()
    assert [(p.provider, p.bytes_done, p.bytes_total) for p in told] == [
        ("A", 40, 150),
        ("A", 100, 150),
        ("B", 150, 150),
    ]


def test_polling_gathers_records_and_failures(store: Store, tmp_path: Path) -> None:
    refused = Fake("a", [], fails=AuthRequired("log in"))
    fine = Fake("b", [Chunk(records=[event("1", "b")])])
    answers = collector(store, tmp_path, refused, fine).poll()
    assert [(p.provider, p.records, p.error and p.error.message) for p in answers] == [
        ("a", [], "log in"),
        ("b", [event("1", "b")], None),
    ]


def test_a_poll_knows_until_when_it_is_stored_what_was_told(store: Store, tmp_path: Path) -> None:
    """Not before it is stored, and not of an account that failed."""
    fine, refused = Fake("a", [Chunk()]), Fake("b", [], fails=AuthRequired("log in"))
    collects = collector(store, tmp_path, fine, refused)
    collects.poll()
    collects.kept(collects.poll())
    collects.poll()
    assert fine.polled_us == [None, None, NOW_US]
    assert refused.polled_us == [None, None, None]


def test_places_that_only_the_tools_own_file_tells_are_watched(store: Store, tmp_path: Path) -> None:
    looks: list[str] = []

    class Scattered(Fake):
        def watched(self, account: Account) -> Iterator[str]:
            looks.append(account.id)
            yield "/elsewhere"

    collects = collector(store, tmp_path, Scattered("a", [Chunk(records=[event("1", "a")])]))
    [(_, account)] = collects.accounts()
    assert (account.roots, account.flat_roots) == (("/nowhere",), ("/elsewhere",))
    assert collects.run({"/somewhere/else"}).inserted == 0
    assert collects.run({"/elsewhere/crush.db-wal"}).inserted == 1
    assert looks == ["a"], "a burst does not look them up again"
    collects.run()
    assert looks == ["a", "a"]


def test_only_those_are_polled_who_are_to_be_asked(store: Store, tmp_path: Path) -> None:
    collects = collector(store, tmp_path, Fake("a", [Chunk()]), Fake("b", [Chunk()]))
    assert [p.provider for p in collects.poll(lambda provider, account: provider == "b")] == ["b"]


def test_only_the_first_read_of_an_account_is_planned(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan looks at every file. One that could not be read to its end is planned again."""
    planned: list[str] = []
    fine = Fake("a", [Chunk(records=[event("1", "a")])], bytes_to_read=5)
    broken = Fake("b", [], bytes_to_read=5, fails=SourceUnavailable("no"))
    for fake in (fine, broken):
        monkeypatch.setattr(fake, "plan", _counting(planned, fake.SPEC.id))
    collects = collector(store, tmp_path, fine, broken)
    for _ in range(3):
        collects.run()
    assert planned == ["a", "b", "b", "b"]


def _counting(planned: list[str], name: str) -> Callable[..., Plan]:
    def plan(*_: object) -> Plan:
        planned.append(name)
        return Plan(files=1, bytes_to_read=5)

    return plan


def test_impossible_records_are_told_and_the_others_are_stored(store: Store, tmp_path: Path) -> None:
    old = msgspec.structs.replace(event("1", "a"), at_us=-1)
    passed = collector(store, tmp_path, Fake("a", [Chunk(records=[old, event("2", "a")])])).run()
    assert passed.inserted == 1
    assert said(passed) == ["A: 1 record has a time or a count that cannot be, and no place in the sums"]


def test_very_many_problems_are_counted_and_each_is_one_line(store: Store, tmp_path: Path) -> None:
    odd = [Problem(path=f"/{n}\n\udcff", offset=0, what="cut") for n in range(KEPT_PROBLEMS + 3)]
    problems = said(collector(store, tmp_path, Fake("a", [Chunk(problems=odd)])).run())
    assert problems[0] == "/0\\n\\udcff, byte 0: cut"
    assert problems[KEPT_PROBLEMS:] == ["A: 3 more places cannot be read"]


def test_a_plan_that_fails_stops_nobody(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> Plan:
        raise PermissionError("no")

    blind = Fake("a", [Chunk(records=[event("1", "a")])])
    monkeypatch.setattr(blind, "plan", unreadable)
    fine = Fake("b", [Chunk(records=[event("1", "b")])])
    assert collector(store, tmp_path, blind, fine).run().inserted == 2
