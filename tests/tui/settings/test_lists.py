"""Lists of the file: altered in place, nothing of them lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.tui.settings import lists
from tests.tui.settings.sample import written


@pytest.mark.parametrize(
    ("id_", "step", "after"),
    [("b", -1, "bac"), ("b", 1, "acb"), ("a", -1, "abc"), ("c", 1, "abc"), ("a", 1, "bac")],
)
def test_one_place_up_or_down(id_: str, step: int, after: str) -> None:
    assert "".join(lists.moved(list("abc"), id_, step)) == after


@given(st.permutations(list("abcde")), st.sampled_from("abcde"), st.sampled_from([-1, 1]))
def test_nobody_is_lost_by_a_move(order: list[str], id_: str, step: int) -> None:
    after = lists.moved(order, id_, step)
    assert sorted(after) == sorted(order)
    assert abs(after.index(id_) - order.index(id_)) <= 1


def test_unknown_keys_and_entries_stay(tmp_path: Path) -> None:
    before = {
        "mine": 1,
        "dashboard": {
            "colour": "teal",
            "providers": [
                {"account_id": "a", "enabled": True, "note": "x"},
                {"account_id": "gone", "enabled": False},
            ],
        },
    }
    act = lists.changed("dashboard", "providers", "account_id", ["b", "a"], "a", enabled=False)
    assert written(tmp_path / "s.json", act, before=before) == {
        "mine": 1,
        "dashboard": {
            "colour": "teal",
            "providers": [
                {"account_id": "b", "enabled": True},
                {"account_id": "a", "enabled": False, "note": "x"},
                {"account_id": "gone", "enabled": False},
            ],
        },
    }


def test_none_takes_a_value_away(tmp_path: Path) -> None:
    before = {"dashboard": {"providers": [{"account_id": "a", "hide_costs": True}]}}
    act = lists.changed("dashboard", "providers", "account_id", ["a"], "a", hide_costs=None)
    assert written(tmp_path / "s.json", act, before=before) == {
        "dashboard": {"providers": [{"account_id": "a"}]}
    }


@pytest.mark.parametrize("before", [{}, {"dashboard": None}, {"dashboard": {"providers": None}}])
def test_a_list_that_is_not_there_is_made(tmp_path: Path, before: dict[str, object]) -> None:
    act = lists.changed("dashboard", "providers", "account_id", ["a"])
    assert written(tmp_path / "s.json", act, before=before)["dashboard"]["providers"] == [
        {"account_id": "a", "enabled": True}
    ]
