"""What the tabs say where they have nothing to draw. Pure."""

from __future__ import annotations

from openusage.tui.detail.tabs import Tab
from openusage.tui.spans import Span

_WHAT = {
    Tab.OVERVIEW: "Nothing was used",
    Tab.MODELS: "No model answered",
    Tab.PROJECTS: "Nothing was used in any project",
    Tab.SESSIONS: "There was no session",
    Tab.TOOLS: "No tool was called",
}


def nothing(tab: Tab, span: Span, search: str = "") -> list[str]:
    """Of a span in which nothing was used."""
    if search:
        return [f"No session has “{search}” in its name or its project.", "Esc shows all again."]
    said = f"{_WHAT.get(tab, 'Nothing was used')}: {span.words}."
    return [said] if span.name == "all" else [said, "w asks for another window, d for any days."]


OF_SNAPSHOT = "Shown is what the snapshot says, over its own window."
WITHOUT_RECORDS = "This machine sends snapshots only."
WITHOUT_HISTORY = "Only what the snapshot says can be shown: this source keeps no history."
