"""The accounts of a hub's machines, which are asked for after every change: only what is new is read.

In a fleet some machine says something new all the time, and the others do not.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence

from openusage.hub.machines import NOTHING, Kept
from openusage.read_model.accounts import Folding
from openusage.store import Answers, Told
from openusage.wire.fleet import AccountState, MachineState


class Accounts:
    """Of one history. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ask: Answers | None = None
        """Whose numbers `_upto` is one of."""
        self._kept = NOTHING
        self._upto = -1
        self._told: dict[str, Told] = {}
        self._folding = Folding()

    def states(
        self, ask: Answers, kept: Kept, machines: Sequence[MachineState], now: dt.datetime
    ) -> list[AccountState]:
        """All accounts at this moment, by provider and name. O(machines + what is new since the last time).

        `kept` is what the store knows of all machines, asked before.
        """
        with self._lock:
            if ask is not self._ask or _lacks(kept, self._kept):
                self._upto, self._told = -1, {}
            self._ask, self._kept = ask, kept
            self._upto, news = ask.told(self._upto)
            for machine_id, told in news.items():
                before = self._told.get(machine_id)
                self._told[machine_id] = told if before is None else _renewed(before, told)
            return self._folding.fold(machines, self._told, now)


def _lacks(kept: Kept, before: Kept) -> bool:
    """Whether a machine was forgotten, though it may have come back."""
    if kept is before:
        return False
    now = kept.machines
    return any(id not in now or now[id].first_us != m.first_us for id, m in before.machines.items())


def _renewed(before: Told, news: Told) -> Told:
    facts = {(f.provider, f.account, f.key): f for f in (*before.facts, *news.facts)}
    readings = {(r.provider, r.account, r.key): r for r in (*before.readings, *news.readings)}
    return Told(
        [facts[key] for key in sorted(facts)],
        [readings[key] for key in sorted(readings)],
    )
