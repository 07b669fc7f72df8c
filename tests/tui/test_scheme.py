"""The list of schemes: found by name, one after the other, a person's own before the built-in ones."""

from __future__ import annotations

import msgspec
import pytest

from openusage.tui.palette import DARK, LIGHT
from openusage.tui.scheme import Schemes
from openusage.tui.theme_file import built_in

SCHEMES = Schemes(built_in())


@pytest.mark.parametrize(
    ("name", "found"),
    [("", DARK), ("dark", DARK), ("Light", LIGHT), ("gruvbox", "Gruvbox"), (" Tokyo Night ", "Tokyo Night")],
)
def test_a_look_is_found_however_its_name_is_written(name: str, found: str) -> None:
    scheme = SCHEMES.find(name)
    assert scheme is not None
    assert scheme.name == found


def test_one_that_is_not_there_is_none_and_drawn_as_the_dark_one() -> None:
    assert SCHEMES.find("no such theme") is None
    assert SCHEMES.get("no such theme").name == DARK


def test_going_on_leads_through_all_and_back() -> None:
    name, seen = DARK, []
    for _ in SCHEMES.names:
        seen.append(name)
        name = SCHEMES.after(name).name
    assert name == DARK
    assert sorted(seen) == sorted(SCHEMES.names)
    assert SCHEMES.after(SCHEMES.after("Nord").name, -1).name == "Nord"


def test_a_persons_theme_replaces_one_of_its_name() -> None:
    own = msgspec.structs.replace(built_in()[0], name="NORD", icon="mine")
    schemes = Schemes([*built_in(), own])
    assert len(schemes.names) == len(SCHEMES.names)
    found = schemes.find("nord")
    assert found is not None
    assert found.icon == "mine"
