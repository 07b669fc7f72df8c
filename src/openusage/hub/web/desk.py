"""An address -> what the hub has for it. Runs in the reading threads of the history."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from openusage.hub.answers import FleetAnswers
from openusage.hub.pane import PaneAnswers
from openusage.hub.usage import BadQuestion
from openusage.hub.web import words
from openusage.hub.web.address import Address
from openusage.hub.web.page import Material
from openusage.hub.web.words import Thresholds
from openusage.store import Answers
from openusage.wire.fleet import AccountState
from openusage.wire.rollups import By

RANKED = (By.MODEL, By.PROJECT, By.PROVIDER)
"""What a page ranks below its table: the first of them that the table is not of."""
MOST_RANKINGS = 2


class NotThere(Exception):
    """There is no machine or account of that name; the text says so."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever runs the hub has chosen for its page."""

    thresholds: Thresholds = Thresholds()
    tz: str = "UTC"
    """Whose days are shown until the viewer's zone is known."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks, and how."""

    host: str
    tz: str
    """Of the viewer's browser; empty: not known."""
    signed_in: bool


class Desk:
    """Belongs to one history."""

    def __init__(self, panes: PaneAnswers, fleet: FleetAnswers, look: Look) -> None:
        self._panes, self._fleet, self._look = panes, fleet, look

    def find(self, address: Address, visit: Visit, ask: Answers) -> Material:
        """Raises `NotThere`, and `BadQuestion` for a filter on a machine there is not."""
        address = msgspec.structs.replace(address, tz=address.tz or visit.tz)
        tz = address.tz or self._look.tz
        account = self._account(address, ask) if address.account else None
        where = _only(account) if account else {}
        wanted = address.wanted(tz, where)
        ranked = [by for by in RANKED if by is not address.grouped_by][:MOST_RANKINGS]
        try:
            pane, rankings = self._panes.made(wanted, ranked, ask)
        except BadQuestion:
            if address.machine:
                raise NotThere(f'There is no machine "{words.name(address.machine)}".') from None
            raise
        machine = None
        if address.machine:
            states = {m.name: m for m in self._fleet.machine_states(ask)}
            machine = states.get(address.machine)
            if machine is None:  # it was asked for by its id
                machine = next((m for m in states.values() if m.id == address.machine), None)
        return Material(
            address=address,
            host=visit.host,
            pane=pane,
            rankings=rankings,
            account=account,
            machine=machine,
            told=self._panes.told(machine.name) if machine else (),
            zones=_zones(tz, visit.tz, self._look.tz),
            signed_in=visit.signed_in,
            thresholds=self._look.thresholds,
        )

    def _account(self, address: Address, ask: Answers) -> AccountState:
        provider, name = address.account or ("", "")
        for state in self._fleet.account_states(ask):
            if state.provider == provider and any(
                m.account == name and address.on in ("", m.machine) for m in state.members
            ):
                return state
        raise NotThere(f'There is no account "{words.name(name)}" of {words.name(provider)}.')


def state_of(found: Material) -> bytes:
    """Changes whenever the page may: with what was found, and with each minute, because forecasts move."""
    minute = found.pane.now.replace(second=0, microsecond=0)
    still = msgspec.structs.replace(found.pane, now=minute)
    return msgspec.msgpack.encode((still, found.rankings, found.machine, found.told))


def _only(account: AccountState) -> dict[str, list[str]]:
    """The filters of an account's page: its machines, and its names there."""
    return {
        "provider": [account.provider],
        "account": list(dict.fromkeys(m.account for m in account.members)),
        "machine": list(account.machines),
    }


def _zones(shown: str, viewers: str, hubs: str) -> Sequence[str]:
    return list(dict.fromkeys(filter(None, (shown, viewers, hubs, "UTC"))))
