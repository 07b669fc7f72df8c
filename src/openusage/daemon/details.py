"""What a detail asks of this machine beside snapshots: its pane, sessions, turns, 5-hour blocks and limits.

The answers of a hub, of a fleet of one. Rolling windows move even when nothing happens, so an answer is good
for one minute of the clock; within that minute it is made again only when the store's revision rose.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from openusage import __version__
from openusage.errors import UsageError
from openusage.lineage import Lineages
from openusage.read_model.accounts import fold
from openusage.read_model.block_list import block_list
from openusage.read_model.limit_history import limit_histories
from openusage.read_model.pane import Crowd, Wanted, build
from openusage.read_model.windows import bounded, from_us, whole_minute
from openusage.store import Machine, Store
from openusage.wire.fleet import AccountName, AccountState, MachineState, State
from openusage.wire.local import BlocksRequest, PaneRequest, SessionsRequest, TurnsRequest
from openusage.wire.pane import GROUPS, WINDOWS, Pane
from openusage.wire.rollups import By, Filter, Window
from openusage.wire.sessions import Explain
from openusage.wire.snapshot import ZERO_TIME
from openusage.zone import load_zone

Asked: TypeAlias = PaneRequest | SessionsRequest | TurnsRequest | BlocksRequest
_Accounts: TypeAlias = Sequence[tuple[str, str]]
_MOST_BYTES = 8 << 20
_NOBODY = "\x1f"
"""An account that there is not."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, ready to send."""

    body: bytes
    etag: str


class Details:
    """Of this machine. Safe to ask from several threads."""

    def __init__(
        self,
        store: Store,
        *,
        accounts: Callable[[], _Accounts],
        hidden: frozenset[str],
        now: Callable[[], dt.datetime],
        explain: Explain,
        lineages: Lineages,
        links: Mapping[str, str],
        notes: Callable[[], list[str]] = list,
        backlog: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`accounts` gives (provider, account id) of those that are shown, `hidden` the ids of the others."""
        self._store = store
        self._accounts = accounts
        self._hidden = hidden
        self._now = now
        self._explain = explain
        self._lineages = lineages
        self._links = links
        self._notes = notes
        self._backlog = backlog
        self._lock = threading.Lock()
        self._made: OrderedDict[bytes, tuple[object, object, Told]] = OrderedDict()
        """Question -> the state it was answered in, the answer and as it was sent; the newest last."""

    def answer(self, asked: Asked) -> Told:
        """The answer to a request. Raises `UsageError` for one that cannot be understood."""
        question = type(asked).__name__.encode() + msgspec.json.encode(asked)
        now = self._now()
        accounts = self._accounts()
        state = self._store.revision(), int(now.timestamp() // 60), tuple(accounts)
        with self._lock:
            made = self._made.get(question)
        is_same = made is not None and made[0] == state
        found = made[1] if made is not None and is_same else self._found(asked, accounts, now)
        if isinstance(found, Pane):
            # What its notes say of ages changes all the time.
            notes = self._notes()
            is_same = is_same and found.notes == notes
            found = msgspec.structs.replace(found, notes=notes)
        if made is not None and is_same:
            return made[2]
        told = _told(found)
        with self._lock:
            self._made[question] = state, found, told
            self._made.move_to_end(question)
            while len(self._made) > 1 and sum(len(t.body) for _, _, t in self._made.values()) > _MOST_BYTES:
                self._made.popitem(last=False)
        return told

    def _found(self, asked: Asked, accounts: _Accounts, now: dt.datetime) -> object:
        ask = self._store.reader()
        if isinstance(asked, PaneRequest):
            return self._pane(asked, accounts, now)
        if isinstance(asked, SessionsRequest):
            return ask.session_rows(
                bounded(asked.window, now, zone_name(asked.tz)),
                self._shown(asked.where, accounts),
                search=asked.search,
                order=asked.order,
                limit=asked.limit,
                offset=asked.offset,
            )
        if isinstance(asked, TurnsRequest):
            return ask.turns(
                asked.provider, asked.session, limit=asked.limit, before=asked.before, explain=self._explain
            )
        window = bounded(asked.window, now, zone_name(asked.tz))
        where = self._shown(asked.where, accounts)
        blocks = block_list(ask, window, where, self._crowd(now)[1], whole_minute(now))
        return msgspec.structs.replace(blocks, limits=limit_histories(ask, window, where, now))

    def _pane(self, asked: PaneRequest, shown: _Accounts, now: dt.datetime) -> Pane:
        for name, value, allowed in (("window", asked.window, WINDOWS), ("group", asked.group, GROUPS)):
            if value not in allowed:
                raise UsageError(f'{name}: "{value[:80]}" is none of: {", ".join(allowed)}')
        where = self._shown(asked.where, shown)
        wanted = Wanted(window=asked.window, group=asked.group, tz=zone_name(asked.tz), where=where)
        machines, accounts = self._crowd(now)
        crowd = Crowd(
            machines=machines,
            names={m.id: m.name for m in machines},
            accounts=accounts,
            snapshots=len(shown),
        )
        return build(self._store.reader(), wanted, crowd, now, self._lineages, self._links)

    def _shown(self, where: Filter, accounts: _Accounts) -> Filter:
        """The filter without accounts that are not to be shown; its models by all names that tools use."""
        where = self._lineages.spelled(where, self._store.reader().usage)
        if not self._hidden:
            return where
        wanted = where.accounts or tuple(dict.fromkeys(account for _, account in accounts))
        left = tuple(account for account in wanted if account not in self._hidden)
        return msgspec.structs.replace(where, accounts=left or (_NOBODY,))

    def _crowd(self, now: dt.datetime) -> tuple[list[MachineState], list[AccountState]]:
        """The machines of the store, of which this one is heard now, and their accounts."""
        ask = self._store.reader()
        names: dict[str, list[AccountName]] = {}
        for row in ask.usage(Window("all"), (By.MACHINE, By.PROVIDER, By.ACCOUNT)):
            name = AccountName(row.key[By.PROVIDER] or "", row.key[By.ACCOUNT] or "")
            names.setdefault(row.key[By.MACHINE] or "", []).append(name)
        machines = [self._state(m, names.get(m.id, []), now) for m in ask.machines()]
        states = fold(machines, ask.told()[1], now)
        return machines, [a for a in states if a.account not in self._hidden]

    def _state(self, machine: Machine, accounts: list[AccountName], now: dt.datetime) -> MachineState:
        is_own = machine.id == self._store.own_machine
        last_us = machine.first_us if machine.last_event_us is None else machine.last_event_us
        return MachineState(
            name=machine.name,
            id=machine.id,
            version=__version__ if is_own else machine.version,
            first_seen=from_us(machine.first_us),
            last_seen=now if is_own else from_us(last_us),
            state=State.FRESH if is_own else State.GONE,
            clock_skew_s=None,
            lag_s=None,
            backlog=self._backlog() if is_own else None,
            records=machine.events,
            copies=machine.copies,
            accounts=[a for a in accounts if a.account not in self._hidden],
        )


def zone_name(tz: str) -> str:
    """`tz`, which there is. Raises `UsageError`."""
    load_zone(tz)
    return tz


def _told(found: object) -> Told:
    """Encoded. The tag of a pane does not change with the clock alone."""
    body = core = msgspec.json.encode(found)
    if isinstance(found, Pane):
        core = msgspec.json.encode(msgspec.structs.replace(found, now=ZERO_TIME))
    return Told(body=body, etag=f'"{hashlib.blake2b(core, digest_size=12).hexdigest()}"')
