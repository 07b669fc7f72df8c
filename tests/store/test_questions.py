from __future__ import annotations

from collections.abc import Iterator

import pytest

from openusage.store import Store
from openusage.wire.events import EventKind, Outcome, Scope
from openusage.wire.rollups import By, Filter, Questions, Rollup, Window
from tests.store.samples import ALL, DAY_US, HOUR_US, NOW_US, fact, message, open_store, reading, tool

MIDNIGHT_US = NOW_US // DAY_US * DAY_US


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store()
    yield store
    store.close()


def test_a_store_keeps_the_contract_of_questions(store: Store) -> None:
    questions: Questions = store.reader()
    assert questions.accounts() == []


def test_an_empty_store_answers_with_nothing(store: Store) -> None:
    assert store.usage(ALL) == [Rollup()]
    assert store.usage(ALL, [By.MODEL]) == []
    assert (store.sessions(ALL), store.files_changed(ALL), store.oldest_us()) == (0, 0, None)
    assert store.readings() == []
    assert store.facts() == []


def test_a_window_without_use_is_one_empty_row(store: Store) -> None:
    store.add([message("a")])
    before = Window("custom", 0, NOW_US - DAY_US)
    assert store.usage(before) == [Rollup()]
    assert store.usage(Window("custom", NOW_US + 1, None)) == [Rollup()]
    assert store.usage(Window("custom", NOW_US + 1, NOW_US)) == [Rollup()]


def test_days_are_those_of_the_zone_that_asks(store: Store) -> None:
    """23:30 UTC is already tomorrow in Berlin, and still today in New York."""
    store.add([message("a", MIDNIGHT_US - HOUR_US // 2), message("b", MIDNIGHT_US + HOUR_US // 2)])

    def days(tz: str) -> list[tuple[str | None, int]]:
        return [(row.key["day"], row.events) for row in store.usage(ALL, [By.DAY], tz=tz)]

    assert days("UTC") == [("2026-09-20", 1), ("2026-09-21", 1)]
    assert days("Europe/Berlin") == [("2026-09-21", 2)]
    assert days("America/New_York") == [("2026-09-20", 2)]


def test_the_day_that_clocks_go_back_has_25_hours(store: Store) -> None:
    """2026-10-25 in Berlin: the hour from two to three comes twice, and is one row."""
    start = 1_792_879_200_000_000
    store.add([message(n, start + n * HOUR_US) for n in range(26)])
    days = store.usage(ALL, [By.DAY], tz="Europe/Berlin")
    assert [(row.key["day"], row.events) for row in days] == [("2026-10-25", 25), ("2026-10-26", 1)]
    hours = {row.key["hour"]: row.events for row in store.usage(ALL, [By.HOUR], tz="Europe/Berlin")}
    assert hours["2026-10-25T02"] == 2
    assert hours["2026-10-25T23"] == 1
    assert len(hours) == 25


def test_keys_come_in_the_order_they_were_asked_for(store: Store) -> None:
    store.add([message("a")])
    (row,) = store.usage(ALL, [By.MODEL, By.DAY, By.SESSION, By.KIND])
    assert list(row.key.items()) == [
        ("model", "opus"),
        ("day", "2026-09-21"),
        ("session", "s1"),
        ("kind", "message"),
    ]


def test_filters_let_through_what_they_name(store: Store) -> None:
    store.add(
        [
            message("a"),
            message("b", provider="codex", account="codex", model="gpt-5"),
            tool("c", project="other"),
        ]
    )
    store.add([message("d", client="IDE", session="s2")], machine="m2")
    store.add([message("e", provider="codex", project="z", model="z", session=None)], machine="m3")

    def events(**where: tuple[str, ...]) -> int:
        return store.usage(ALL, (), Filter(**where))[0].events  # type: ignore[arg-type]

    assert events() == 5
    assert events(providers=("codex",)) == 2
    assert events(providers=("codex", "claude_code")) == 5
    assert events(accounts=("claude-code",), machines=("m-laptop",)) == 2
    assert events(kinds=(EventKind.MESSAGE,)) == 4
    assert events(projects=("other",)) == 1
    assert events(clients=("IDE",)) == 1
    assert events(clients=("IDE", "")) == 5
    assert events(sessions=("s1",)) == 3
    assert events(sessions=("s1", "s2")) == 4
    assert events(sessions=("s1",), providers=("codex",)) == 1
    assert events(sessions=("",)) == 1
    assert events(sessions=("s1",), clients=("IDE",)) == 0
    assert events(models=("gpt-5", "opus")) == 3
    assert events(models=("'; DROP TABLE event; --",)) == 0


def test_a_session_is_counted_by_its_messages(store: Store) -> None:
    store.add([message("a"), message("b"), message("c", session="s2"), tool("d", session="s3")])
    store.add([message("e", session=None), message("f", provider="codex")])
    assert store.sessions(ALL) == 3
    assert store.sessions(ALL, Filter(providers=("claude_code",))) == 2
    assert store.sessions(Window("custom", NOW_US + 1, None)) == 0


def test_files_are_changed_when_lines_are(store: Store) -> None:
    store.add(
        [
            tool("a", file_key=1, lines_added=3),
            tool("b", file_key=1, lines_removed=1),
            tool("c", file_key=2, lines_added=0),
            tool("read", file_key=3, tool="Read"),
        ]
    )
    assert store.files_changed(ALL) == 2


def test_the_newest_reading_of_an_account_is_shared_by_its_machines(store: Store) -> None:
    store.add([reading(NOW_US, 10.0)], machine="m1")
    store.add([reading(NOW_US - 5, 99.0), reading(NOW_US + 5, 12.0)], machine="m2")
    assert [r.used for r in store.readings()] == [12.0]
    assert [r.used for r in store.readings(Filter(machines=("m1",)))] == [10.0]


def test_readings_of_a_machine_stay_apart(store: Store) -> None:
    mine = [reading(NOW_US, 1.0, scope=Scope.MACHINE), reading(NOW_US - 9, 0.5, scope=Scope.MACHINE)]
    store.add(mine)
    store.add([reading(NOW_US, 2.0, scope=Scope.MACHINE)], machine="m2")
    assert sorted(r.used or 0 for r in store.readings()) == [1.0, 2.0]
    assert [r.used for r in store.reading_history("codex", "codex", "rate_limit_primary", 0)] == [0.5, 1.0]


def test_a_reading_comes_back_as_it_went_in(store: Store) -> None:
    """Also what is missing: `None` stays `None`, 0 stays 0."""
    whole = reading(remaining=0.0, resets_at_us=NOW_US + 7)
    bare = reading(used=None, limit=None, key="other")
    store.add([whole, bare])
    assert store.readings() == [bare, whole]


def test_history_begins_with_the_last_reading_before(store: Store) -> None:
    store.add([reading(NOW_US + n * 1_000_000, float(n)) for n in range(-5, 1)])
    name = ("codex", "codex", "rate_limit_primary")
    assert [r.used for r in store.reading_history(*name, NOW_US - 2_500_000)] == [-3.0, -2.0, -1.0, 0.0]
    assert [r.used for r in store.reading_history(*name, NOW_US - 2_000_000)] == [-2.0, -1.0, 0.0]
    assert len(store.reading_history(*name, 0)) == 6
    assert store.reading_history("codex", "codex", "no such key", 0) == []


def test_the_newest_fact_wins(store: Store) -> None:
    store.add([fact("pro", NOW_US), fact("free", NOW_US - 1)])
    store.add([fact("max", NOW_US + 1)], machine="m2")
    assert [(f.value, f.at_us) for f in store.facts()] == [("max", NOW_US + 1)]
    assert [f.value for f in store.facts(Filter(machines=("m-laptop",)))] == ["pro"]
    assert store.facts(Filter(providers=("other",))) == []


def test_accounts_are_those_that_have_something(store: Store) -> None:
    store.add([message("a"), reading(), fact("x", provider="cursor", account="work")])
    assert store.accounts() == [("claude_code", "claude-code"), ("codex", "codex"), ("cursor", "work")]


def test_an_account_that_lost_its_only_event_is_gone(store: Store) -> None:
    """A fuller record may say that it was another account's."""
    store.add([message("a", account="one")])
    store.add([message("a", account="two", output=900)])
    assert store.accounts() == [("claude_code", "two")]


def test_the_oldest_event_says_where_our_knowledge_begins(store: Store) -> None:
    store.add([message("a", NOW_US - 5 * DAY_US), message("b"), tool("c", NOW_US - 7 * DAY_US)])
    assert store.oldest_us() == NOW_US - 7 * DAY_US


def test_outcomes_are_told_apart(store: Store) -> None:
    store.add([tool("a"), tool("b", outcome=Outcome.ERROR), tool("c", outcome=None)])
    rows = store.usage(ALL, [By.OUTCOME])
    assert [(row.key["outcome"], row.events) for row in rows] == [(None, 1), ("error", 1), ("ok", 1)]


def test_what_each_machine_said_is_one_question(store: Store) -> None:
    """Also what other machines say of the same account, and what they said last under each key."""
    store.add([reading(NOW_US, 15.0), fact("pro"), fact("max", NOW_US + 1)])
    store.add(
        [reading(NOW_US + 5, 20.0), reading(NOW_US, 1.0, scope=Scope.MACHINE, key="load")], machine="m2"
    )
    store.add([fact("free", NOW_US - 1)], machine="m2")
    upto, said = store.told()
    assert sorted(said) == ["m-laptop", "m2"]
    assert [f.value for f in said["m-laptop"].facts] == ["max"]
    assert [r.used for r in said["m-laptop"].readings] == [15.0]
    assert [f.value for f in said["m2"].facts] == ["free"]
    assert [(r.key, r.used) for r in said["m2"].readings] == [("load", 1.0), ("rate_limit_primary", 20.0)]
    for machine, told in said.items():
        where = Filter(machines=(machine,))
        assert (told.facts, told.readings) == (store.facts(where), store.readings(where))
    assert store.told(upto) == (upto, {})
    store.add([reading(NOW_US + 9, 16.0), fact("max", NOW_US + 1)])
    later, news = store.told(upto)
    assert later > upto
    assert [r.used for r in news.pop("m-laptop").readings] == [16.0]
    assert not news
