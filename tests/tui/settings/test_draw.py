"""The page of the settings in cells."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.tui.lines import strip
from openusage.tui.settings import draw
from openusage.tui.settings.accounts import AccountsTab
from openusage.tui.settings.tab import Row
from tests.tui.sample import VIEW
from tests.tui.settings.sample import state

PALETTE = VIEW.palette
TITLES = ["Accounts", "Sections", "Theme", "View", "Keys", "Data", "Integrations"]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (
            100,
            "SETTINGS   1 Accounts [2 Sections] 3 Theme  4 View  5 Keys  6 Data  7 Integrations",
        ),
        (76, " 1 Accounts [2 Sections] 3 Theme  4 View  5 Keys  6 Data  7 Integrations"),
        (40, " 1 [2 Sections] 3  4  5  6  7"),
    ],
)
def test_the_tabs_say_as_much_as_fits(width: int, text: str) -> None:
    head = draw.head(TITLES, 1, width, PALETTE)
    assert head.line.text.rstrip() == text
    assert [head.at(start) for start, _ in head.spans] == list(range(7))
    assert head.line.text[slice(*head.spans[1])] == "[2 Sections]"
    assert head.at(width - 1) is None


def test_rows_stand_under_each_other() -> None:
    lines = draw.rows(AccountsTab().rows(state()), 1, 60, PALETTE)
    assert "\n".join(line.text.rstrip() for line in lines) == (
        """\
      All accounts  costs: auto  hidden for plans with a fl…
▌ [x] claude-code                Claude Code
  [x] codex-cli                  OpenAI Codex CLI
  [x] gemini-cli                 Gemini CLI
  [x] openrouter                 OpenRouter"""
    )


@given(
    st.lists(st.tuples(st.text(max_size=50), st.text(max_size=12), st.text(max_size=30)), max_size=6),
    st.integers(20, 120),
)
@settings(max_examples=60)
def test_rows_are_exactly_as_wide_as_asked(texts: list[tuple[str, str, str]], width: int) -> None:
    found = [
        Row(key=str(n), name=name.encode("ascii", "ignore").decode(), mark="[x]", value=value, note=note)
        for n, (name, value, note) in enumerate(texts)
        if name.isprintable() and value.isprintable() and note.isprintable()
    ]
    lines = draw.rows(found, 0, width, PALETTE)
    assert len(lines) == len(found)
    assert {line.cell_length for line in lines} <= {width}


def test_two_columns_of_different_height() -> None:
    one, two = [strip([("a", PALETTE.text)], 3)], [strip([(c, PALETTE.text)], 2) for c in "xy"]
    assert [line.text for line in draw.beside(one, two, 3, 2)] == ["a  x ", "   y "]
