"""Accounts: which are shown, in which order, and whether their costs are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openusage.settings import Change
from openusage.tui.lines import clean
from openusage.tui.settings import lists
from openusage.tui.settings.tab import Act, Deed, Keys, Plain, Row, State, box
from openusage.tui.view import Costs, own_costs

_ALL = ""
"""Key of the row for all accounts without a choice of their own."""


def with_fields(ids: Sequence[str], id_: str, **new: Any) -> Change:
    """New values for one account, the order as it is seen."""
    return lists.changed("dashboard", "providers", "account_id", ids, id_, **new)


class AccountsTab(Plain):
    """One row an account."""

    title = "Accounts"

    def about(self, state: State) -> str:
        return "Accounts in the order of their tiles, and what is said of their costs."

    def rows(self, state: State) -> list[Row]:
        usual = Costs.of(state.settings.dashboard.hide_costs)
        own = own_costs(state.settings)
        off = {p.account_id for p in state.settings.dashboard.providers if not p.enabled}
        rows = [Row(key=_ALL, name="All accounts", value=f"costs: {usual}", note=_COSTS[usual])]
        for id_ in state.ids:
            costs = own.get(id_)
            rows.append(
                Row(
                    key=id_,
                    name=clean(id_),
                    mark=box(id_ not in off),
                    value="" if costs is None else f"costs: {costs}",
                    note=_who(id_, state),
                )
            )
        return rows

    def keys(self, key: str) -> Keys:
        if key == _ALL:
            return (("Space", "costs"),)
        return (("Space", "on/off"), ("K J", "up/down"), ("c", "costs"))

    def act(self, deed: Deed, state: State, key: str) -> Act:
        if key == _ALL:
            usual = Costs.of(state.settings.dashboard.hide_costs)
            next_ = {"dashboard.hide_costs": usual.next().hide}
            return next_ if deed in (Deed.PICK, Deed.COSTS) else None
        if deed is Deed.PICK:
            off = any(p.account_id == key and not p.enabled for p in state.settings.dashboard.providers)
            return with_fields(state.ids, key, enabled=off)
        if deed is Deed.COSTS:
            own = own_costs(state.settings).get(key, Costs.AUTO)
            return with_fields(state.ids, key, hide_costs=own.next().hide)
        if deed in (Deed.UP, Deed.DOWN):
            order = lists.moved(state.ids, key, -1 if deed is Deed.UP else 1)
            return lists.changed("dashboard", "providers", "account_id", order)
        return None


_COSTS = {
    Costs.AUTO: "hidden for plans with a flat price",
    Costs.HIDE: "hidden",
    Costs.SHOW: "flat plans: what the API would charge",
}


def _who(id_: str, state: State) -> str:
    """Tool and machine behind an id."""
    found = [a.sections for a in state.accounts if a.sections.account_id == id_]
    if not found:
        return "not there now"
    names = list(dict.fromkeys(clean(a.name) or clean(a.provider_id) for a in found))
    machines = list(dict.fromkeys(clean(a.machine) for a in found if a.machine))
    if len(machines) > 1:
        return f"{', '.join(names)}, {len(machines)} machines"
    return ", ".join([*names, *machines])
