"""Time window, and whose a vendor's answers are that a tool without logins of its own got."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openusage.settings import Change
from openusage.tui.board import WINDOWS
from openusage.tui.lines import clean
from openusage.tui.settings.tab import Act, Deed, Keys, Mood, Plain, Row, State, dot

_WINDOW, _LINK = "window:", "link:"
_WORDS = {
    "1d": "today",
    "3d": "3 days",
    "7d": "7 days",
    "30d": "30 days",
    "all": "all time",
}


class DataTab(Plain):
    """Windows, then links."""

    title = "Data"

    def about(self, state: State) -> str:
        if not _sources(state):
            return "The time window."
        return (
            "The time window; and whose tile counts what a vendor answered. "
            "The daemon takes a changed link up by itself."
        )

    def rows(self, state: State) -> list[Row]:
        rows = [
            Row(key=_WINDOW + name, name=_WORDS[name], mark=dot(name == state.window), note=name)
            for name in WINDOWS
        ]
        links = state.settings.telemetry.provider_links
        for source in _sources(state):
            to = links.get(source, "")
            rows.append(
                Row(
                    key=_LINK + source,
                    name=clean(source),
                    value=f"→ {clean(to)}" if to else "unassigned",
                    mood=Mood.PLAIN if to else Mood.WARN,
                )
            )
        return rows

    def keys(self, key: str) -> Keys:
        if key.startswith(_LINK):
            return (("Space", "next account"), ("x", "no link"))
        return (("Space", "choose"),)

    def act(self, deed: Deed, state: State, key: str) -> Act:
        if key.startswith(_WINDOW):
            return {"data.time_window": key.removeprefix(_WINDOW)} if deed is Deed.PICK else None
        source = key.removeprefix(_LINK)
        if deed is Deed.PICK:
            return _linked(source, _next(state, source))
        return _linked(source, "") if deed is Deed.REMOVE else None


def _sources(state: State) -> list[str]:
    """Vendors of which nobody knows whose they are, and those that are linked."""
    seen: Iterable[str] = (vendor for a in state.accounts for vendor in a.sections.unassigned)
    return sorted({*seen, *state.settings.telemetry.provider_links})


def _next(state: State, source: str) -> str:
    """The next one that it could belong to: a provider, or one of several accounts of a provider."""
    links = state.settings.telemetry.provider_links
    ids: dict[str, set[str]] = {}
    for account in state.accounts:
        ids.setdefault(account.sections.provider_id, set()).add(account.sections.account_id)
    several = {id_ for found in ids.values() if len(found) > 1 for id_ in found}
    names = sorted({*ids, *several, *links.values()})
    now = links.get(source, "")
    at = names.index(now) + 1 if now in names else 0
    return names[at] if at < len(names) else ""


def _linked(source: str, to: str) -> Change:
    """The link, or none."""

    def change(tree: dict[str, Any]) -> None:
        telemetry = tree.get("telemetry")
        tree["telemetry"] = telemetry = telemetry if isinstance(telemetry, dict) else {}
        links = telemetry.get("provider_links")
        telemetry["provider_links"] = links = dict(links) if isinstance(links, dict) else {}
        links.pop(source, None)
        if to:
            links[source] = to

    return change
