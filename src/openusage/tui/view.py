"""How to draw, apart from what: colours, the moment, thresholds, whether costs are shown."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping

import msgspec

from openusage import format as fmt
from openusage.settings import Settings
from openusage.tui import choice
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

    @classmethod
    def of(cls, hide: bool | None) -> Costs:
        """By a `hide_costs` of the settings."""
        return {None: cls.AUTO, True: cls.HIDE, False: cls.SHOW}[hide]

    @property
    def hide(self) -> bool | None:
        """As the settings say it."""
        return {Costs.AUTO: None, Costs.HIDE: True, Costs.SHOW: False}[self]


def own_costs(settings: Settings) -> dict[str, Costs]:
    """Account id -> what was chosen for this account alone."""
    by_hand = {a.id: a.hide_costs for a in settings.accounts}
    chosen = {p.account_id: p.hide_costs for p in settings.dashboard.providers if p.hide_costs is not None}
    return {id_: Costs.of(hide) for id_, hide in (by_hand | chosen).items() if hide is not None}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All that a section is drawn with besides its data."""

    palette: Palette
    now: dt.datetime
    tz: dt.tzinfo
    warn_pct: float = 80.0
    crit_pct: float = 95.0
    costs: Costs = Costs.AUTO
    """For accounts without a choice of their own."""
    own_costs: Mapping[str, Costs] = {}
    """Account id -> the choice of its own."""
    tile_sections: tuple[str, ...] = choice.DRAWN
    """Modules of `sections/` that draw a tile, from the top down."""
    detail_sections: tuple[str, ...] = choice.DETAIL_IDS
    """Ids of the sections of an account's page, from the top down."""
    hides_empty: bool = True
    """Sections without data are left out."""

    def own_day(self, account: Sections) -> str:
        """What its today is called: `today`, or of a snapshot of an earlier day `22 Nov`."""
        made_at = account.timestamp
        if made_at is None or account.is_of(self.local_now):
            return "today"
        return fmt.day_label(made_at.astimezone(self.tz).date().isoformat())

    def costs_of(self, account: Sections) -> Costs:
        """What was chosen for this account."""
        return self.own_costs.get(account.account_id, self.costs)

    def shows_cost(self, account: Sections) -> bool:
        """Whether this account's money is drawn."""
        costs = self.costs_of(account)
        if costs is Costs.AUTO:
            return not account.flat_plan
        return costs is Costs.SHOW

    @property
    def shows_money(self) -> bool:
        """Whether the money of a fleet is drawn, flat plans and all; then it is said what it stands for."""
        return self.costs is not Costs.HIDE

    @property
    def today(self) -> str:
        """The viewer's local day."""
        return self.local_now.date().isoformat()

    @property
    def local_now(self) -> dt.datetime:
        """By the viewer's clock and zone."""
        return self.now.astimezone(self.tz)
