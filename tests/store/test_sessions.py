"""Sessions and their turns, against lists of events that are looked through one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusage.errors import UsageError
from openusage.store import Store
from openusage.wire.events import EventKind, TokenCounts, UsageEvent
from openusage.wire.rollups import ANY, Filter, Rollup, Window, add
from openusage.wire.sessions import (
    MOST_MODELS,
    MOST_SESSIONS,
    CostKnown,
    SessionMachine,
    SessionOrder,
    SessionRow,
    Turn,
)
from tests.store.samples import ALL, DAY_US, HOUR_US, NOW_US, key, many, message, open_store, price, tool

MACHINES = ("m-laptop", "m0", "m2")
NAMES = {"m-laptop": "laptop", "m0": "m0", "m2": "m2"}

Seen = tuple[str, UsageEvent]
"""The machine that an event counts for, and the event."""


def one(event: UsageEvent) -> Rollup:
    """What one event adds."""
    is_message = event.kind is EventKind.MESSAGE
    priced = price(event) if is_message else None
    computed = priced.nano if priced else None
    cost = computed if event.cost_reported_nano is None else event.cost_reported_nano
    unpriced = is_message and cost is None
    t = event.tokens
    return Rollup(
        events=1,
        input=t.input or 0,
        output=t.output or 0,
        cache_read=t.cache_read or 0,
        cache_write_5m=t.cache_write_5m or 0,
        cache_write_1h=t.cache_write_1h or 0,
        reasoning=t.reasoning or 0,
        cost_reported_nano=event.cost_reported_nano or 0,
        cost_computed_nano=computed or 0,
        cost_nano=cost or 0,
        unpriced_events=int(unpriced),
        unpriced_tokens=t.total if unpriced else 0,
        estimated_events=int(event.estimated),
        lines_added=event.lines_added or 0,
        lines_removed=event.lines_removed or 0,
        web_searches=event.web_searches or 0,
        web_fetches=event.web_fetches or 0,
        tool_calls=int(event.kind is EventKind.TOOL),
        turns=int(event.kind is EventKind.TURN),
        first_us=event.at_us,
        last_us=event.at_us,
    )


def lets_through(where: Filter, machine: str, event: UsageEvent) -> bool:
    said = (
        (where.machines, machine),
        (where.providers, event.provider),
        (where.accounts, event.account),
        (where.kinds, event.kind),
        (where.projects, event.project or ""),
        (where.models, event.model or ""),
        (where.clients, event.client or ""),
        (where.sessions, event.session or ""),
    )
    return all(not wanted or value in wanted for wanted, value in said)


def inside(window: Window, event: UsageEvent) -> bool:
    after = window.from_us is None or event.at_us >= window.from_us
    return after and (window.to_us is None or event.at_us < window.to_us)


def greatest(events: Iterable[Seen], label: Callable[[Seen], str | None]) -> list[str]:
    weights: dict[str, tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
    for seen in events:
        name, row = label(seen), one(seen[1])
        if name is not None:
            cost, tokens, count = weights[name]
            weights[name] = cost + row.cost_nano, tokens + row.total_tokens, count + 1
    return sorted(weights, key=lambda name: (*(-n for n in weights[name]), name))


def listed(seen: Sequence[Seen], window: Window, where: Filter, search: str) -> list[SessionRow]:
    """All sessions, in no order."""
    groups: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for machine, event in seen:
        if event.session and inside(window, event) and lets_through(where, machine, event):
            groups[event.provider, event.session].append((machine, event))
    rows = []
    for (provider, session), members in groups.items():
        named = [session, *(e.project or "" for _, e in members)]
        if any(e.kind is EventKind.MESSAGE for _, e in members) and any(
            search.lower() in name.lower() for name in named
        ):
            rows.append(
                SessionRow(
                    session=session,
                    provider=provider,
                    account=greatest(members, lambda s: s[1].account)[0],
                    machines=[SessionMachine(m, NAMES[m]) for m in greatest(members, lambda s: s[0])],
                    project=next(iter(greatest(members, lambda s: s[1].project)), None),
                    client=next(iter(greatest(members, lambda s: s[1].client)), None),
                    models=greatest(members, lambda s: s[1].model)[:MOST_MODELS],
                    used=add(one(e) for _, e in members),
                )
            )
    return rows


def rank(row: SessionRow, order: SessionOrder) -> tuple[int, ...]:
    if order is SessionOrder.NEWEST:
        return (-row.last_us,)
    return -row.used.cost_nano, -row.used.total_tokens


_text = st.sampled_from
_events = st.lists(
    st.fixed_dictionaries(
        {
            "kind": _text(list(EventKind)),
            "at_us": st.integers(NOW_US - 3 * DAY_US, NOW_US),
            "provider": _text(["claude_code", "codex"]),
            "account": _text(["one", "two"]),
            "session": _text([None, "s1", "s2", "S3"]),
            "project": _text([None, "Shop", "site"]),
            "client": _text([None, "CLI", "IDE"]),
            "model": _text([None, "opus", "haiku", "unknown", "m4", "m5", "m6"]),
            "tokens": st.builds(TokenCounts, st.none() | st.integers(0, 99), st.integers(0, 999)),
            "cost_reported_nano": st.none() | st.integers(0, 10**6),
        }
    ),
    min_size=12,
    max_size=40,
)
_wheres = st.sampled_from(
    [
        ANY,
        ANY,
        ANY,
        Filter(machines=("m0",)),
        Filter(machines=("m2", "m-laptop"), projects=("Shop", "")),
        Filter(providers=("codex",)),
        Filter(models=("opus", "m4", "")),
        Filter(clients=("CLI",)),
        Filter(sessions=("s1", "S3"), accounts=("one",)),
    ]
)
_begins = st.sampled_from([None, NOW_US - 2 * DAY_US + 7, NOW_US - DAY_US])
_finishes = st.sampled_from([None, NOW_US - HOUR_US, NOW_US - DAY_US // 2 + 1])


def told(store: Store, drawn: Sequence[dict[str, Any]], owners: Sequence[str]) -> list[Seen]:
    """Gives events to a store, every third of them twice, by two machines; who they count for."""
    seen: list[Seen] = []
    for n, (fields, owner) in enumerate(zip(drawn, owners, strict=False)):
        is_message = fields["kind"] is EventKind.MESSAGE
        more = {} if is_message else {"tokens": TokenCounts(), "model": None, "cost_reported_nano": None}
        event = UsageEvent(event_key=key(n), **(fields | more))
        copies = [owner, MACHINES[n % 3]] if n % 3 == 0 else [owner]
        for machine in copies:
            store.add([event], machine=machine)
        seen.append((min(copies), event))
    return seen


@given(
    _events,
    st.lists(_text(MACHINES), min_size=40, max_size=40),
    st.tuples(_begins, _finishes),
    _wheres,
    _text(["", "", "SHOP", "s1", "i"]),
    st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sessions_are_what_their_events_are(
    drawn: list[dict[str, Any]],
    owners: list[str],
    ends: tuple[int | None, int | None],
    where: Filter,
    search: str,
    coarser: bool,
) -> None:
    store = open_store()
    if coarser:
        store.keep_levels()
    seen = told(store, drawn, owners)
    window = Window("custom", *ends)
    rows = listed(seen, window, where, search)
    for order in SessionOrder:
        page = store.session_rows(window, where, search=search, order=order)
        assert sorted(page.rows, key=_name) == sorted(rows, key=_name)
        assert [rank(row, order) for row in page.rows] == sorted(rank(row, order) for row in rows)
        assert (page.total, page.used) == (len(rows), add(row.used for row in rows))
        parts = [
            store.session_rows(window, where, search=search, order=order, limit=2, offset=n) for n in (0, 2)
        ]
        assert [row for part in parts for row in part.rows] == page.rows[:4]
        assert all(part.total == page.total for part in parts)
    if not search:
        (whole,) = store.usage(window, (), where)
        both = add([page.used, page.outside])
        assert (both.requests, both.total_tokens) == (whole.requests, whole.total_tokens)
        assert (both.cost_nano, both.unpriced_events) == (whole.cost_nano, whole.unpriced_events)
        assert page.total == store.sessions(window, where)
    store.close()


def _name(row: SessionRow) -> tuple[str, str]:
    return row.provider, row.session


@given(_events, st.lists(_text(MACHINES), min_size=40, max_size=40), st.integers(1, 7))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_turns_are_the_events_of_a_session_newest_first(
    drawn: list[dict[str, Any]], owners: list[str], limit: int
) -> None:
    store = open_store()
    seen = told(store, drawn, owners)
    for provider in ("claude_code", "codex"):
        for session in ("s1", "s2", "S3"):
            mine = [(m, e) for m, e in seen if (e.provider, e.session) == (provider, session)]
            mine.sort(key=lambda s: (s[1].at_us, s[1].event_key), reverse=True)
            assert all_turns(store, provider, session, limit) == [shown(m, e) for m, e in mine]
    store.close()


def all_turns(store: Store, provider: str, session: str, limit: int) -> list[Turn]:
    """Page by page."""
    turns: list[Turn] = []
    before = ""
    while True:
        page = store.turns(provider, session, limit=limit, before=before)
        assert len(page.turns) <= limit
        turns += page.turns
        assert len(turns) <= page.total
        before = page.next
        if not before:
            assert page.total - page.pruned == len(turns)
            return turns


def shown(machine: str, event: UsageEvent) -> Turn:
    row, is_message = one(event), event.kind is EventKind.MESSAGE
    priced = price(event) if is_message else None
    computed = priced.nano if priced else None
    reported = event.cost_reported_nano
    known = None
    if is_message:
        known = CostKnown.UNPRICED if row.unpriced_events else CostKnown.COMPUTED
        known = known if reported is None else CostKnown.REPORTED
    return Turn(
        at_us=event.at_us,
        kind=event.kind,
        model=event.model,
        account=event.account,
        machine=SessionMachine(machine, NAMES[machine]),
        project=event.project,
        client=event.client,
        tokens=event.tokens,
        cost_nano=computed if reported is None else reported,
        known=known,
        cost_reported_nano=reported,
        cost_computed_nano=computed,
        price_version=priced.version if priced else None,
    )


def test_sessions_outlive_their_turns(tmp_path: Path) -> None:
    """What was pruned is said, and is in the sums."""
    store = open_store(tmp_path / "usage.db")
    store.add(many(300, days=20))
    before = store.session_rows(ALL)
    whole = store.turns("claude_code", "s1", limit=1000)
    assert (whole.pruned, whole.raw_from_us, before.raw_from_us) == (0, 0, 0)
    store.prune(NOW_US, 5)
    after = store.session_rows(ALL)
    assert (after.rows, after.total, after.used) == (before.rows, before.total, before.used)
    left = store.turns("claude_code", "s1", limit=1000)
    raw_from_us = (NOW_US - 5 * DAY_US) // DAY_US * DAY_US
    assert after.raw_from_us == left.raw_from_us == raw_from_us
    assert left.turns == [turn for turn in whole.turns if turn.at_us >= raw_from_us]
    assert 0 < left.pruned == whole.total - len(left.turns)
    assert left.total == whole.total
    store.close()


def test_a_session_of_which_nothing_is_kept_has_no_turns(tmp_path: Path) -> None:
    store = open_store(tmp_path / "usage.db")
    store.add([message("old", NOW_US - 30 * DAY_US), message("new", session="s2")])
    store.prune(NOW_US, 5)
    page = store.turns("claude_code", "s1")
    assert (page.turns, page.total, page.pruned, page.next) == ([], 1, 1, "")
    store.close()


def test_a_session_that_there_is_not_has_no_turns() -> None:
    store = open_store()
    store.add([message("a")])
    assert store.turns("codex", "s1").total == 0
    assert store.turns("claude_code", "").turns == []
    store.close()


def test_what_came_meanwhile_does_not_shift_the_pages_of_turns() -> None:
    store = open_store()
    store.add([message(n, NOW_US - n * HOUR_US) for n in range(4)])
    first = store.turns("claude_code", "s1", limit=2)
    store.add([message("late", NOW_US + HOUR_US), tool("tie", NOW_US - HOUR_US)])
    later = store.turns("claude_code", "s1", limit=9, before=first.next)
    assert NOW_US - 3 * HOUR_US == later.turns[-1].at_us
    assert {t.at_us for t in first.turns}.isdisjoint(
        t.at_us for t in later.turns if t.kind is EventKind.MESSAGE
    )
    store.close()


@pytest.mark.parametrize(
    "before", ["x", "1-", "-1-" + "0" * 32, "1-" + "0" * 31, f"{1 << 63}-" + "0" * 32, "²-00"]
)
def test_a_cursor_that_nobody_gave_is_refused(before: str) -> None:
    store = open_store()
    with pytest.raises(UsageError, match="before"):
        store.turns("claude_code", "s1", before=before)
    store.close()


def test_an_answer_is_bounded() -> None:
    store = open_store()
    store.add([message(n, NOW_US - n, session=f"s{n}") for n in range(MOST_SESSIONS + 3)])
    page = store.session_rows(ALL, limit=10**9)
    assert (len(page.rows), page.total) == (MOST_SESSIONS, MOST_SESSIONS + 3)
    assert store.session_rows(ALL, offset=10**9).rows == []
    assert store.session_rows(ALL, limit=0).total == page.total
    assert store.session_rows(Window("custom", NOW_US + HOUR_US)).total == 0
    store.close()


def test_an_empty_store_has_no_sessions() -> None:
    store = open_store()
    page = store.session_rows(ALL, ANY, search="x")
    assert (page.rows, page.total, page.used) == ([], 0, Rollup())
    store.close()
