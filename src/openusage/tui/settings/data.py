"""Time window, and which provider a vendor named in a record belongs to."""

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
        return "The time window, and under which name a vendor's share is shown."

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
                    value=f"→ {clean(to)}" if to else "as it is",
                    mood=Mood.PLAIN if to else Mood.DIM,
                    note="vendor in the records",
                )
            )
        return rows

    def keys(self) -> Keys:
        return (("Space", "choose, next name"), ("x", "remove the link"))

    def act(self, deed: Deed, state: State, key: str) -> Act:
        if key.startswith(_WINDOW):
            return {"data.time_window": key.removeprefix(_WINDOW)} if deed is Deed.PICK else None
        source = key.removeprefix(_LINK)
        if deed is Deed.PICK:
            return _linked(source, _next(state, source))
        return _linked(source, "") if deed is Deed.REMOVE else None


def _sources(state: State) -> list[str]:
    """Vendors that records name, and those that are linked."""
    seen: Iterable[str] = (share.name for a in state.accounts for share in a.sections.upstreams)
    return sorted({*seen, *state.settings.telemetry.provider_links})


def _next(state: State, source: str) -> str:
    """The next name it could go by: a tool that there is, or another vendor."""
    links = state.settings.telemetry.provider_links
    tools = {a.sections.provider_id for a in state.accounts}
    names = sorted({*tools, *_sources(state), *links.values()} - {source})
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
