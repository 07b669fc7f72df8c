"""Snapshots of many accounts, and of any events against a brute-force store."""

from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.read_model import build, build_all, window
from openusage.read_model.windows import before, day_start, from_us, local_date, to_us
from openusage.wire.events import EventKind, TokenCounts, UsageEvent
from openusage.wire.rollups import Filter, Window, add
from tests.read_model.fake import NO_PRICE, FakeStore, one_row
from tests.read_model.records import BERLIN, NOW, at, message, used


def test_every_account_sees_its_own_events_only() -> None:
    store = FakeStore(
        [
            message("2026-11-22T07:00", TokenCounts(1)),
            message("2026-11-22T07:00", TokenCounts(10), account="second"),
            message("2026-11-22T07:00", TokenCounts(100), provider="codex", account="second"),
        ]
    )
    accounts = [
        ("codex", "second"),
        ("claude_code", "claude-code"),
        ("claude_code", "second"),
        ("amp", "amp"),
    ]
    found = build_all(store, accounts, window=window("7d", NOW, BERLIN), now=NOW, tz=BERLIN)
    assert {k: used(s, "window_tokens")[0] for k, s in found.items()} == {
        "second": 100,
        "claude-code": 1,
        "claude_code/second": 10,
        "amp": None,
    }
    assert list(found) == ["second", "claude-code", "claude_code/second", "amp"]


def test_few_questions_are_asked() -> None:
    store = FakeStore(
        [message(f"2026-11-{d:02}T07:00", project=f"p{d}", model=f"m{d}") for d in range(1, 23)]
    )
    build(store, "claude_code", "claude-code", window=window("30d", NOW, BERLIN), now=NOW, tz=BERLIN)
    assert store.asked <= 20


_words = st.none() | st.sampled_from(["a-b", "a.b", "B"])
_events = st.lists(
    st.builds(
        UsageEvent,
        provider=st.just("codex"),
        account=st.just("main"),
        at_us=st.integers(at("2026-10-10T00:00"), to_us(NOW)),
        kind=st.just(EventKind.MESSAGE),
        event_key=st.binary(min_size=16, max_size=16),
        tokens=st.builds(TokenCounts, *(st.none() | st.integers(0, 10**7) for _ in range(6))),
        model=st.sampled_from(["gpt-5", "gpt-5.1", "gpt-5-1", NO_PRICE]),
        client=_words,
        project=_words,
        upstream=_words,
        session=_words,
        cost_reported_nano=st.none() | st.integers(0, 10**10),
    ),
    max_size=12,
)


@given(
    _events, st.sampled_from(["1d", "3d", "7d", "30d", "all"]), st.sampled_from([BERLIN, "Asia/Kathmandu"])
)
@settings(max_examples=60, deadline=None)
def test_every_total_is_what_the_events_add_up_to(events: list[UsageEvent], shown: str, tz: str) -> None:
    """Cutting overlapping periods into pieces loses and doubles nothing."""
    store = FakeStore(events)
    snapshot = build(store, "codex", "main", window=window(shown, NOW, tz), now=NOW, tz=tz)
    periods = {
        "window_cost": window(shown, NOW, tz),
        "today_api_cost": window("1d", NOW, tz),
        "7d_api_cost": window("7d", NOW, tz),
        "30d_api_cost": window("30d", NOW, tz),
        "all_time_api_cost": Window("all"),
    }
    for key, period in periods.items():
        (row,) = store.usage(period)
        no_price = row.unpriced_events and not row.cost_nano
        if not events or no_price:
            assert key not in snapshot.metrics
        else:
            assert snapshot.metrics[key].used == row.cost_nano / 1e9
    for name, of in (("window", periods["window_cost"]), ("today", periods["today_api_cost"])):
        span = before(of, NOW, tz)
        first = min((e.at_us for e in events), default=None)
        reaches = (
            span is not None and span.from_us is not None and first is not None and first <= span.from_us
        )
        assert (f"{name}_tokens_before" in snapshot.metrics) is reaches
        if span is not None and reaches:
            (row,) = store.usage(span)
            assert used(snapshot, f"{name}_tokens_before") == [row.total_tokens]
            cost = None if row.unpriced_events and not row.cost_nano else row.cost_nano / 1e9
            assert used(snapshot, f"{name}_cost_before") == [cost]
    (total,) = store.usage(periods["window_cost"])
    models = [m.total_tokens or 0 for m in snapshot.model_usage]
    assert sum(models) == total.total_tokens
    assert sum(m.requests or 0 for m in snapshot.model_usage) == total.events
    if events:
        assert used(snapshot, "window_tokens", "window_cache_read_tokens", "window_requests") == [
            total.total_tokens - total.cache_read,
            total.cache_read,
            total.events,
        ]

    start = min(window(shown, NOW, tz).from_us or 0, to_us(NOW - dt.timedelta(days=7)))
    first_day = day_start(local_date(from_us(start), tz), tz)
    drawn = add(one_row(e) for e in store.events if e.at_us >= to_us(first_day))
    series = snapshot.daily_series.get("analytics_tokens", [])
    assert sum(d.value for d in series) == drawn.total_tokens
    assert [d.date for d in series] == sorted({d.date for d in series})


def test_the_fake_store_answers_by_the_contract() -> None:
    """The oracle itself: half-open windows, one row without groups, labels as they are."""
    store = FakeStore([message("2026-11-22T07:00", project=None), message("2026-11-22T08:00")])
    span = Window("custom", at("2026-11-22T07:00"), at("2026-11-22T08:00"))
    assert store.usage(span)[0].events == 1
    assert store.usage(Window("none", 0, 1)) == [add([])]
    assert store.sessions(span, Filter(accounts=("other",))) == 0
