"""What rows of a fleet are ordered and filtered by. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

import msgspec

from openusage.tui.fleet.words import label_of
from openusage.tui.sections.daily import Measure
from openusage.wire.pane import Pane, PaneRow, Used
from openusage.wire.rollups import By
from openusage.words import STATES


class Sort(enum.StrEnum):
    """What rows are ordered by; each is a column."""

    NAME = "name"
    TODAY = "today"
    WINDOW = "window"
    LIMIT = "limit"
    SEEN = "seen"


class Look(msgspec.Struct, frozen=True):
    """How the table is asked for."""

    sort: Sort = Sort.WINDOW
    reverse: bool = False
    filter: str = ""
    measure: Measure = Measure.COST

    @property
    def falls(self) -> bool:
        """The greatest comes first."""
        return (self.sort is not Sort.NAME) is not self.reverse


def fitting(look: Look, pane: Pane) -> Look:
    """The same, by the window where the pane's rows have no such column: models have no limit."""
    gone = [Sort.TODAY] if pane.window == "1d" else []
    gone += [] if pane.group is By.MACHINE else [Sort.LIMIT, Sort.SEEN]
    return msgspec.structs.replace(look, sort=Sort.WINDOW, reverse=False) if look.sort in gone else look


def ordered(rows: Sequence[PaneRow], group: By, look: Look) -> list[PaneRow]:
    """In the order that was asked for; rows without such a figure, and the sum of the others, stay last."""
    weigh = _weight(group, look)
    weighed = [(weigh(row), row) for row in rows if not row.others]
    known = [(weight, row) for weight, row in weighed if weight is not None]
    known.sort(key=lambda pair: pair[0], reverse=look.falls)
    unknown = [row for weight, row in weighed if weight is None]
    return [*(row for _, row in known), *unknown, *(row for row in rows if row.others)]


def _weight(group: By, look: Look) -> Callable[[PaneRow], tuple[float, str] | None]:
    """What rows are compared by; rows of equal weight stay in the order of their use."""

    def used(used: Used) -> tuple[float, str] | None:
        if look.measure is Measure.TOKENS:
            return used.tokens, ""
        return None if used.cost_usd is None else (used.cost_usd, "")

    return {
        Sort.NAME: lambda row: (0.0, label_of(row, group).casefold()) if row.label else None,
        Sort.TODAY: lambda row: used(row.today),
        Sort.WINDOW: lambda row: used(row.window),
        Sort.LIMIT: lambda row: (row.limit.gauge.used_pct, "") if row.limit else None,
        Sort.SEEN: lambda row: (row.machine.last_seen.timestamp(), "") if row.machine else None,
    }[look.sort]


def matches(row: PaneRow, group: By, text: str) -> bool:
    """Whether every word is part of the name, the state, the top model or the tools of a machine."""
    if not text:
        return True
    machine = row.machine
    fields = [label_of(row, group), row.top or ""]
    if machine is not None:
        fields += [STATES[machine.state][1], machine.version]
        fields += [part for a in machine.accounts for part in (a.provider, a.account)]
    known = " ".join(fields).casefold()
    return all(word in known for word in text.casefold().split())
