"""What rows and columns of a fleet are called. Pure."""

from __future__ import annotations

from openusage import format as fmt
from openusage.tui.lines import clean
from openusage.wire.fleet import State
from openusage.wire.keys import provider_name
from openusage.wire.pane import PaneRow
from openusage.wire.rollups import By

UNSAID = "(not said)"
"""The label of what the records do not tell."""
SIGNS = {State.FRESH: ("●", "live"), State.STALE: ("◐", "stale"), State.GONE: ("○", "gone")}
"""As tiles have them."""


def label_of(row: PaneRow, group: By) -> str:
    """The name of a row."""
    if row.others:
        return f"{row.others} others"
    if not row.label:
        return UNSAID
    if group is By.MODEL:
        return fmt.short_model(clean(row.label))
    return provider_name(row.label) if group is By.PROVIDER else clean(row.label)
