"""Every machine the hub knows, by snapshots, by records or from before its last start: `GET /v1/machines`.

In the store a machine is known by its id; one that sends none by its name. Two that live under one id (a
cloned disk) are shown both; what the store has under that id is the one's whose name it has.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from openusage.hub.board import Board, Identity, MachineInfo, free_name
from openusage.hub.opener import OWN
from openusage.read_model.windows import from_us, to_us
from openusage.store import Answers, Machine, Met, Store
from openusage.wire.envelope import aware
from openusage.wire.fleet import NAMED, AccountName, MachineState, State, store_id
from openusage.wire.records import RecordBatch
from openusage.wire.rollups import By, Window

GONE_AFTER = dt.timedelta(days=1)
TELL_US = 60_000_000
"""The store is told anew when a machine was heard so much later than it knows."""
_SAMPLES = 8
"""Messages of a machine that its clock is judged by: the quickest of them was hardly under way."""
_MOST_HEARD = 50_000


class Kept(NamedTuple):
    """What the store knows of all machines."""

    machines: dict[str, Machine]
    accounts: dict[str, list[AccountName]]
    """Those with events, by machine."""


NOTHING = Kept({}, {})


class _Heard(msgspec.Struct, gc=False):
    """The newest batch of records of a machine."""

    name: str
    version: str
    received_at: dt.datetime
    sent_at: dt.datetime
    backlog: int


class _Crowd(NamedTuple):
    """All machines at one moment."""

    known: dict[Identity, MachineInfo | None]
    """`None`: not on the board."""
    labels: dict[Identity, str]
    owners: set[Identity]
    """Whose the store's figures are: of several under one id, the one whose name it has."""


class Found(NamedTuple):
    """One machine, as it is known in every place."""

    name: str
    """As shown."""
    id: str
    number: str
    """Its id in the store; empty: what the store has under that id is another one's (a cloned disk)."""
    identities: list[Identity]
    """On the board: under its present name, and under older ones."""


class _Clock(msgspec.Struct, gc=False):
    """Offsets of a machine's clock, sender's time less ours, in seconds."""

    offsets: tuple[float, ...] = ()
    """The newest last."""
    received_at: dt.datetime | None = None

    def is_news(self, received_at: dt.datetime) -> bool:
        return self.received_at is None or self.received_at < received_at

    def note(self, sent_at: dt.datetime | None, received_at: dt.datetime) -> None:
        self.received_at = received_at
        if sent_at is not None:
            offset_s = (sent_at - received_at).total_seconds()
            self.offsets = (*self.offsets[1 - _SAMPLES :], offset_s)

    @property
    def is_known(self) -> bool:
        return bool(self.offsets)

    @property
    def skew_s(self) -> float | None:
        return round(max(self.offsets), 3) if self.offsets else None

    @property
    def lag_s(self) -> float | None:
        return round(max(self.offsets) - self.offsets[-1], 3) if self.offsets else None


def ask_kept(ask: Answers) -> Kept:
    """O(rows of `rollup_day`)."""
    accounts: dict[str, list[AccountName]] = {}
    for row in ask.usage(Window("all"), (By.MACHINE, By.PROVIDER, By.ACCOUNT)):
        name = AccountName(row.key[By.PROVIDER] or "", row.key[By.ACCOUNT] or "")
        accounts.setdefault(row.key[By.MACHINE] or "", []).append(name)
    return Kept({m.id: m for m in ask.machines() if m.id != OWN.id}, accounts)


class Roll:
    """The list of machines. Any thread may call."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._lock = threading.Lock()
        self._heard: dict[str, _Heard] = {}
        self._clocks: dict[Identity, _Clock] = {}
        self._told: dict[str, Met] = {}
        """What the store was told last, by machine."""
        self._store: Store | None = None
        """Which store that was: another one knows nothing yet."""

    def remember(self, kept: Kept) -> None:
        """After a start: the board gives machines the labels back that they had."""
        heard_us = {m.id: m.heard_us for m in kept.machines.values() if m.heard_us is not None}
        live_us = max(heard_us.values(), default=0) - self._board.stale_after_s * 1e6
        taken: set[str] = set()
        # Whoever was live when the hub ended had its label before those that had fallen silent.
        for machine in sorted(
            (kept.machines[id_] for id_ in heard_us),
            key=lambda m: (heard_us[m.id] <= live_us, m.first_us, m.id),
        ):
            label = free_name(machine.name, taken.__contains__)[0]
            taken.add(label)
            at = from_us(heard_us[machine.id])
            self._board.remember(_identity(machine), label, at, version=machine.version)

    def hear(self, batch: RecordBatch, store: Store) -> None:
        """A batch of records came in. Its machine, and its new name, are told to the store at once.

        Raises:
            StoreError: it could not be told.
        """
        received_at, sent_at = self._board.now(), aware(batch.sent_at)
        with self._lock:
            before = self._heard.pop(batch.machine_id, None)
            self._heard[batch.machine_id] = _Heard(
                batch.machine, batch.version, received_at, sent_at, batch.backlog
            )
            self._clock((batch.machine_id, batch.machine)).note(sent_at, received_at)
            self._turn_to(store)
            told = self._told.get(batch.machine_id)
        if before is None or told is None or told.name != batch.machine:
            met = Met(id=batch.machine_id, name=batch.machine, version=batch.version)
            store.meet(met)
            with self._lock:
                self._told[met.id] = met

    def tell(self, store: Store, everything: bool = False) -> None:
        """Keeps in the store what it does not know yet of machines that were heard.

        A machine that was only heard a little later is left out, unless `everything` is asked for.

        Raises:
            StoreError: it could not be told; it is tried again next time.
        """
        board = self._listen()
        with self._lock:
            self._turn_to(store)
            after_us = 0 if everything else TELL_US
            news = [met for met in self._mets(board) if self._is_news(met, after_us)]
        if news:
            store.meet(*news)
        with self._lock:
            self._told |= {met.id: met for met in news}

    def names(self, kept: Kept) -> dict[str, str]:
        """Id in the store -> name as shown."""
        crowd = self._crowd(kept)
        return {store_id(*i): label for i, label in crowd.labels.items() if i in crowd.owners}

    def states(self, kept: Kept) -> list[MachineState]:
        """All machines by name."""
        crowd = self._crowd(kept)
        now = self._board.now()
        with self._lock:
            states = [
                self._state(i, info, crowd.labels[i], kept if i in crowd.owners else NOTHING, now)
                for i, info in crowd.known.items()
            ]
        return sorted(states, key=lambda s: s.name)

    def find(self, kept: Kept, text: str) -> Found | None:
        """The machine of this name, as shown, or of this id; `None`: there is none."""
        crowd = self._crowd(kept)
        for identity, label in crowd.labels.items():
            if text in (label, identity[0]) and (text == label or identity in crowd.owners):
                number = store_id(*identity)
                if identity not in crowd.owners:
                    return Found(label, identity[0], "", [identity])
                known = [(i.machine_id, i.name) for i in self._board.machines()]
                older = [i for i in known if store_id(*i) == number and i not in crowd.labels]
                return Found(label, identity[0], number, [identity, *older])
        return None

    def forget(self, found: Found) -> None:
        """A machine that was found is not known any more."""
        self._board.forget(found.identities)
        with self._lock:
            for identity in found.identities:
                self._clocks.pop(identity, None)
            if found.number:
                self._heard.pop(found.number, None)
                self._told.pop(found.number, None)

    # -- inside ----------------------------------------------------------------------------------

    def _crowd(self, kept: Kept) -> _Crowd:
        known: dict[Identity, MachineInfo | None] = {(i.machine_id, i.name): i for i in self._listen()}
        with self._lock:
            names = {number: heard.name for number, heard in self._heard.items()}
        for number, name in names.items():
            known.setdefault((number, name), None)
        under = _under_one_id(known, names)
        known = {i: known[i] for those in under.values() for i in those}
        for number, machine in kept.machines.items():
            names.setdefault(number, machine.name)
            if number not in under:
                under[number] = [_identity(machine)]
                known[_identity(machine)] = None
        owners = {next((i for i in those if i[1] == names.get(n)), those[0]) for n, those in under.items()}
        return _Crowd(known, _labels(known, kept), owners)

    def _state(
        self, identity: Identity, info: MachineInfo | None, label: str, kept: Kept, now: dt.datetime
    ) -> MachineState:
        machine_id, name = identity
        number = store_id(*identity)
        stored = kept.machines.get(number)
        heard = self._heard.get(number)
        if heard is not None and heard.name != name:
            heard = None
        times = [
            info.received_at if info else None,
            heard.received_at if heard else None,
            from_us(stored.heard_us) if stored and stored.heard_us is not None else None,
        ]
        seen = [t for t in times if t is not None]
        first = from_us(stored.first_us) if stored else min(seen, default=now)
        last = max(seen, default=first)
        clock = clock if (clock := self._clocks.get(identity)) and clock.is_known else None
        skew_us = stored.skew_us if stored else None
        accounts = {AccountName(*pair) for pair in info.accounts} if info else set()
        return MachineState(
            name=label,
            id=machine_id,
            version=(heard.version if heard else "")
            or (info.version if info else "")
            or (stored.version if stored else ""),
            first_seen=min(first, last),
            last_seen=last,
            state=self._how_old(now - last, live=bool(info and info.live)),
            clock_skew_s=clock.skew_s if clock else None if skew_us is None else skew_us / 1e6,
            lag_s=clock.lag_s if clock else None,
            backlog=heard.backlog if heard else stored.backlog if stored else None,
            records=stored.events if stored else 0,
            copies=stored.copies if stored else 0,
            accounts=sorted(accounts.union(kept.accounts.get(number, ()))),
        )

    def _turn_to(self, store: Store) -> None:
        """Another store than before was told nothing yet."""
        if store is not self._store:
            self._store = store
            self._told.clear()

    def _how_old(self, age: dt.timedelta, *, live: bool) -> State:
        if live or age.total_seconds() < self._board.stale_after_s:
            return State.FRESH
        return State.STALE if age < GONE_AFTER else State.GONE

    def _listen(self) -> list[MachineInfo]:
        """The board's machines; their clocks are noted on the way."""
        board = self._board.machines()
        with self._lock:
            for info in board:
                clock = self._clock((info.machine_id, info.name))
                if info.sent_at and clock.is_news(info.received_at):
                    clock.note(_time(info.sent_at), info.received_at)
            self._bound(board)
        return board

    def _bound(self, board: Iterable[MachineInfo]) -> None:
        """Machines that come once under a name of chance, such as containers, do not add up for ever."""
        while len(self._heard) > _MOST_HEARD:
            del self._heard[next(iter(self._heard))]
        if len(self._clocks) > 2 * _MOST_HEARD:
            stay = {(i.machine_id, i.name) for i in board} | {(n, h.name) for n, h in self._heard.items()}
            self._clocks = {i: clock for i, clock in self._clocks.items() if i in stay}
            self._told.clear()

    def _clock(self, identity: Identity) -> _Clock:
        return self._clocks.setdefault(identity, _Clock())

    def _is_news(self, met: Met, after_us: int) -> bool:
        told = self._told.get(met.id)
        if told is None or (told.name, told.version, told.backlog) != (met.name, met.version, met.backlog):
            return True
        return (met.heard_us or 0) - (told.heard_us or 0) > after_us

    def _mets(self, board: Iterable[MachineInfo]) -> Iterable[Met]:
        newest: dict[str, Met] = {}
        for info in sorted(board, key=lambda i: i.received_at):
            if info.sent_at:
                clock = self._clocks.get((info.machine_id, info.name))
                number = store_id(info.machine_id, info.name)
                newest[number] = Met(
                    id=number,
                    name=info.name,
                    version=info.version,
                    heard_us=to_us(info.received_at),
                    skew_us=_us(clock),
                )
        for number, heard in self._heard.items():
            known = newest.get(number)
            heard_us = to_us(heard.received_at)
            newest[number] = Met(
                id=number,
                name=heard.name,
                version=heard.version,
                heard_us=max(heard_us, known.heard_us or 0) if known else heard_us,
                skew_us=_us(self._clocks.get((number, heard.name))),
                backlog=heard.backlog,
            )
        return newest.values()


def _under_one_id(
    known: Mapping[Identity, MachineInfo | None], names: Mapping[str, str]
) -> dict[str, list[Identity]]:
    """Id in the store -> the machines that go by it now. A name that fell silent under it was an old one.

    `names`: those that records came under.
    """
    all_names: dict[str, list[Identity]] = {}
    for identity in known:
        all_names.setdefault(store_id(*identity), []).append(identity)
    under: dict[str, list[Identity]] = {}
    for number, those in all_names.items():
        now = [i for i in those if i[1] == names.get(number) or ((info := known[i]) and info.live)]
        under[number] = now or [max(those, key=lambda i: _received_at(known[i]))]
    return under


def _received_at(info: MachineInfo | None) -> dt.datetime:
    return info.received_at if info else from_us(0)


def _labels(known: Mapping[Identity, MachineInfo | None], kept: Kept) -> dict[Identity, str]:
    """A name for each, all different: live ones keep theirs, then those last seen, then those remembered."""

    def order(identity: Identity) -> tuple[bool, bool, int, Identity]:
        info = known[identity]
        stored = kept.machines.get(store_id(*identity))
        return not (info and info.live), info is None, stored.first_us if stored else 0, identity

    labels: dict[Identity, str] = {}
    taken: set[str] = set()
    for identity in sorted(known, key=order):
        info = known[identity]
        label = free_name(info.label if info else identity[1], taken.__contains__)[0]
        labels[identity] = label
        taken.add(label)
    return labels


def _identity(machine: Machine) -> Identity:
    """As the board knows it."""
    named = machine.id.startswith(NAMED)
    return ("" if named else machine.id), machine.name


def _us(clock: _Clock | None) -> int | None:
    return None if clock is None or clock.skew_s is None else round(clock.skew_s * 1e6)


def _time(text: str) -> dt.datetime | None:
    """The board's text as a time; `None` for the zero time and for what lies outside the calendar."""
    try:
        time = aware(msgspec.convert(text, dt.datetime))
    except msgspec.ValidationError:
        return None
    return time if time.year > 1 else None
