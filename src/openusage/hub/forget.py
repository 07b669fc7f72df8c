"""A machine is forgotten in every place that knows it: the same for a running hub and for its file alone."""

from __future__ import annotations

from openusage.errors import UsageError
from openusage.hub.board import Board
from openusage.hub.machines import Found, Kept, Roll, ask_kept
from openusage.store import Forgotten, Store
from openusage.wire.fleet import ForgetReply


def forget_offline(store: Store, name: str) -> ForgetReply:
    """Removes a machine from a store that no hub has open.

    Raises:
        UsageError: there is none of this name or id.
        StoreError: the store cannot be written; what was done until then stays done.
    """
    roll = Roll(Board())
    kept = ask_kept(store)
    roll.remember(kept)
    found = roll.find(kept, name) if name else None
    if found is None:
        raise UsageError(f"The hub knows no machine {name}.", no_machine_hint(roll, kept))
    done = Forgotten()
    while done.backlog:
        done = store.forget(found.number, done)
    return told(found, done, roll, kept)


def told(found: Found, done: Forgotten, roll: Roll, kept: Kept) -> ForgetReply:
    """What it meant. Asked while the roll still knows the machine."""
    last_seen = next((state.last_seen for state in roll.states(kept) if state.name == found.name), None)
    return ForgetReply(
        machine=found.name, id=found.id, dropped=done.dropped, moved=done.moved, last_seen=last_seen
    )


def no_machine_hint(roll: Roll, kept: Kept) -> str:
    """Which there are, as far as that fits into a line."""
    names = sorted(state.name for state in roll.states(kept))
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"It knows {', '.join(names[:10])}{more}." if names else "It knows none."
