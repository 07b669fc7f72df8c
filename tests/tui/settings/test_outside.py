"""The tabs of keys and integrations."""

from __future__ import annotations

from openusage.tui.settings.outside import IntegrationsTab, KeysTab
from openusage.tui.settings.tab import Deed, Do, Mood
from tests.tui.settings.sample import Hook, state


def test_a_key_is_told_by_its_place_and_never_shown() -> None:
    rows = KeysTab().rows(state())
    assert [(r.name, r.value, r.note) for r in rows] == [
        ("openai", "ENV", "sk-p…9xyz in OPENAI_API_KEY"),
        ("openrouter", "OK", "sk-o…1abc in shell_rc:~/.bashrc"),
        ("zai", "MISS", "set ZAI_API_KEY"),
    ]
    assert [r.mood for r in rows] == [Mood.GOOD, Mood.GOOD, Mood.DIM]
    assert KeysTab().act(Deed.PICK, state(), rows[0].key) is None


def test_before_the_keys_are_known_it_says_that_it_looks() -> None:
    assert KeysTab().rows(state(keys=None)) == []
    assert KeysTab().about(state(keys=None)) == "Looking for keys …"


def test_an_integration_is_installed_and_taken_away() -> None:
    hook = Hook("Claude Code hooks", "outdated")
    found = state(integrations=[hook])
    tab = IntegrationsTab()
    assert [(r.name, r.value, r.mood) for r in tab.rows(found)] == [
        ("Claude Code hooks", "outdated", Mood.WARN)
    ]
    act = tab.act(Deed.PICK, found, "Claude Code hooks")
    assert isinstance(act, Do)
    assert act.run() == "Claude Code hooks is installed."
    assert tab.rows(found)[0].mood is Mood.GOOD
    act = tab.act(Deed.REMOVE, found, "Claude Code hooks")
    assert isinstance(act, Do)
    assert act.run() == "Claude Code hooks is gone."
    assert tab.rows(found)[0].mood is Mood.DIM
    assert tab.act(Deed.UP, found, "Claude Code hooks") is None
    assert tab.act(Deed.PICK, found, "nobody") is None
