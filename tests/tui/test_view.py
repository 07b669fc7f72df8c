"""How to draw: whose costs are shown."""

from __future__ import annotations

import msgspec
import pytest

from openusage.settings import AccountSettings, Dashboard, DashboardProvider, Settings
from openusage.tui.view import Costs, own_costs
from tests.tui.sample import CLAUDE, CODEX, VIEW


@pytest.mark.parametrize(
    ("usual", "own", "metered", "flat"),
    [
        (Costs.AUTO, None, True, False),
        (Costs.HIDE, None, False, False),
        (Costs.SHOW, None, True, True),
        (Costs.HIDE, Costs.SHOW, True, True),
        (Costs.SHOW, Costs.HIDE, False, False),
    ],
)
def test_an_accounts_own_choice_goes_before_the_usual_and_that_before_its_plan(
    usual: Costs, own: Costs | None, metered: bool, flat: bool
) -> None:
    chosen = {} if own is None else {a.account_id: own for a in (CLAUDE, CODEX)}
    view = msgspec.structs.replace(VIEW, costs=usual, own_costs=chosen)
    assert (view.shows_cost(CLAUDE), view.shows_cost(CODEX)) == (metered, flat)


def test_choices_are_read_from_both_places_of_the_settings() -> None:
    settings = Settings(
        accounts=[
            AccountSettings(provider="codex", id="a", hide_costs=True),
            AccountSettings(provider="codex", id="b", hide_costs=True),
        ],
        dashboard=Dashboard(
            providers=[
                DashboardProvider(account_id="b", hide_costs=False),
                DashboardProvider(account_id="c"),
            ]
        ),
    )
    assert own_costs(settings) == {"a": Costs.HIDE, "b": Costs.SHOW}


@pytest.mark.parametrize("costs", Costs)
def test_the_settings_word_and_ours_are_one(costs: Costs) -> None:
    assert Costs.of(costs.hide) is costs
    assert costs.next().next().next() is costs
