"""When a question is asked again, and what is kept of answers."""

from __future__ import annotations

import datetime as dt

import pytest

from openusage.errors import PeerRefused, PeerUnreachable
from openusage.tui.asker import Answer
from openusage.tui.asking import Kept, has_no_history, sentence

NOW = dt.datetime(2026, 11, 22, 12, 41, tzinfo=dt.UTC)


def later(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def answered(took_s: float = 0.01) -> Kept:
    kept = Kept()
    kept.asked["q"] = (NOW, "data")
    kept.take(Answer(key="q", value=1, took_s=took_s))
    return kept


def test_what_was_never_asked_is_due() -> None:
    assert Kept().is_due("q", "data", NOW)


@pytest.mark.parametrize(
    ("seconds", "same", "new"), [(1, False, False), (3, False, True), (59, False, True), (61, True, True)]
)
def test_it_is_asked_again_when_data_are_new_and_at_times_when_not(
    seconds: float, same: bool, new: bool
) -> None:
    kept = answered()
    assert kept.is_due("q", "data", later(seconds)) is same
    assert kept.is_due("q", "other", later(seconds)) is new


def test_what_takes_long_is_asked_seldom() -> None:
    kept = answered(took_s=9.0)
    assert not kept.is_due("q", "other", later(80))
    assert kept.is_due("q", "data", later(91))


def test_after_an_error_it_is_tried_soon_again_but_not_where_it_can_never_be_had() -> None:
    kept = answered()
    kept.take(Answer(key="q", error=PeerUnreachable("gone")))
    assert kept.values["q"] == 1
    assert not kept.is_due("q", "data", later(4))
    assert kept.is_due("q", "data", later(6))
    kept.take(Answer(key="q", error=PeerRefused("no history", status=404)))
    assert not kept.is_due("q", "other", later(50))


def test_the_answers_used_last_are_kept() -> None:
    kept = Kept()
    for n in range(40):
        kept.asked[n] = (NOW, "data")
        kept.take(Answer(key=n, value=n))
    assert 0 not in kept.values
    assert kept.values[39] == 39
    assert kept.values.keys() == kept.told.keys()
    assert 0 not in kept.asked


def test_errors_in_words() -> None:
    assert (
        sentence(PeerUnreachable("No daemon answers", "Start one: x")) == "No daemon answers. Start one: x."
    )
    assert sentence(PeerUnreachable("Gone.")) == "Gone."
    assert has_no_history(PeerRefused("no", status=404))
    assert not has_no_history(PeerRefused("no", status=401))
    assert not has_no_history(None)
