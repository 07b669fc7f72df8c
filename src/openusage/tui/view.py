"""How to draw, apart from what: colours, the moment, thresholds, whether costs are shown."""

from __future__ import annotations

import datetime as dt
import enum

import msgspec

from openusage.tui.palette import Palette
from openusage.wire.sections import Sections


class Costs(enum.StrEnum):
    """Whether money is drawn. `auto` hides what a flat plan would have cost by the API's prices."""

    AUTO = "auto"
    HIDE = "hide"
    SHOW = "show"

    def next(self) -> Costs:
        order = list(Costs)
        return order[(order.index(self) + 1) % len(order)]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All that a section is drawn with besides its data."""

    palette: Palette
    now: dt.datetime
    tz: dt.tzinfo
    warn_pct: float = 80.0
    crit_pct: float = 95.0
    costs: Costs = Costs.AUTO

    def shows_cost(self, account: Sections) -> bool:
        """Whether this account's money is drawn."""
        if self.costs is Costs.AUTO:
            return not account.flat_plan
        return self.costs is Costs.SHOW

    @property
    def shows_money(self) -> bool:
        """Whether the money of a fleet is drawn, flat plans and all; then it is said what it stands for."""
        return self.costs is not Costs.HIDE

    @property
    def today(self) -> str:
        """The viewer's local day."""
        return self.now.astimezone(self.tz).date().isoformat()
