"""What lies outside of us: vendors' keys, and what we put into other tools. Keys are told, never shown."""

from __future__ import annotations

from openusage.tui.lines import clean
from openusage.tui.settings.tab import Act, Deed, Do, Keys, KeyState, Mood, Plain, Row, State


class KeysTab(Plain):
    """One row a key: where it is, never what it is."""

    title = "Keys"

    def about(self, state: State) -> str:
        if state.keys is None:
            return "Looking for keys …"
        return "Keys of vendors' APIs. They stand in variables or the tools' own files, never in ours."

    def rows(self, state: State) -> list[Row]:
        return [_key_row(key) for key in state.keys or ()]

    def keys(self, key: str) -> Keys:
        return ()

    def act(self, deed: Deed, state: State, key: str) -> Act:
        return None


def _key_row(key: KeyState) -> Row:
    if not key.masked:
        state, mood, note = "MISS", Mood.DIM, f"set {key.variable}" if key.variable else ""
    elif key.source == "env":
        state, mood, note = "ENV", Mood.GOOD, f"{key.masked} in {key.variable}"
    else:
        state, mood, note = "OK", Mood.GOOD, f"{key.masked} in {key.source}"
    return Row(
        key=f"{key.provider}:{key.variable}:{key.source}",
        name=clean(key.provider),
        value=state,
        mood=mood,
        note=clean(note),
    )


class IntegrationsTab(Plain):
    """One row a hook or status line of ours in another tool."""

    title = "Integrations"

    def about(self, state: State) -> str:
        return "What we put into other tools' settings, so that they tell us at once."

    def rows(self, state: State) -> list[Row]:
        rows = []
        for one in state.integrations:
            word = one.state()
            mood = Mood.GOOD if word == "installed" else Mood.WARN if word == "outdated" else Mood.DIM
            rows.append(Row(key=one.name, name=clean(one.name), value=clean(word), mood=mood))
        return rows

    def keys(self, key: str) -> Keys:
        return (("Space", "install or renew"), ("x", "take away"))

    def act(self, deed: Deed, state: State, key: str) -> Act:
        one = next((i for i in state.integrations if i.name == key), None)
        if one is None or deed not in (Deed.PICK, Deed.REMOVE):
            return None
        return Do(one.install if deed is Deed.PICK else one.uninstall)
