"""The board: the newest batch of every machine, kept as the bytes that `/v1/snapshots` is joined from; once
they are joined, as pieces of the result, so that nothing is held twice.

A machine is known by `(machine_id, name)`. Its label is its name, or `name~2` while another machine of that
name lives. A snapshot's display key is `label:provider:account`; where two triples join to one key, the later
gets `~2`. Labels and keys stay as long as their machine lives, and a machine that returns gets its label back
when it is free. Age is measured by the monotonic clock handed in; `sent_at` decides nothing.

Any thread may call; one lock, held for well under a millisecond by a usual push.
"""

from __future__ import annotations

import datetime as dt
import enum
import threading
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

import msgspec

from openusage.hub.ingest import Batch, Fragment, PushRefused

STALE_AFTER_S = 300.0
"""Seconds of silence after which a machine leaves, unless set otherwise."""
MAX_BLOCK = 16 * 1_048_576
"""Bytes that joined names may add to one machine's batch."""
MAX_TOTAL = 512 * 1_048_576
"""Bytes all machines may take."""
PART_BYTES = 4 * 1_048_576
"""A part of the joined body is about so long. While the next body is made, old parts go one by one."""
_SNAPSHOT_BYTES = 500
_MACHINE_BYTES = 2_000
_CHARACTER_BYTES = 4
"""What a snapshot, a machine and each character of its names take besides the block."""
_AT_ONCE = 250
"""Machines that are looked at while a push waits: a third of a millisecond."""
_MAX_GONE = 25_000
"""How many silent machines are remembered: after a start that is all there are."""

Identity = tuple[str, str]
"""(machine_id, name); a Go exporter has no id."""
Pair = tuple[str, str]
"""(provider_id, account_id)."""


class Change(enum.StrEnum):
    """What happened to a machine; said once."""

    HEARD = "heard"
    """Nothing but that it sent another batch."""
    APPEARED = "appeared"
    RETURNED = "came back"
    WENT_STALE = "went stale"
    FORGOTTEN = "was forgotten"


class MachineInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A machine as the hub knows it, live or last seen."""

    label: str
    """Unique among live machines."""
    name: str
    machine_id: str
    version: str
    sent_at: str
    """RFC 3339, the sender's clock."""
    received_at: dt.datetime
    """The hub's clock."""
    live: bool
    accounts: tuple[Pair, ...]
    """Those of its newest snapshots."""

    @property
    def snapshots(self) -> int:
        return len(self.accounts)


class _Machine(msgspec.Struct, gc=False):
    """Of 20,000 of these the collector would look at each again and again, though none is in a circle."""

    label: str
    received_at: dt.datetime
    keys: dict[Pair, str] = {}
    block: bytes | memoryview = b""
    """`"key":{snapshot},"key":{snapshot}…` without the braces around it; a view of the body, once joined."""
    size: int = 0
    """Bytes it counts for."""
    heard_s: float = 0.0
    """Monotonic seconds."""
    sent_at: str = ""
    version: str = ""


class Board:
    """See the module. `listeners` are called with what happened and a label, without the lock held."""

    def __init__(
        self,
        *,
        stale_after_s: float = STALE_AFTER_S,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        max_total: int = MAX_TOTAL,
    ) -> None:
        self._monotonic = monotonic
        self.now = now
        """The wall clock, as an aware time."""
        self.stale_after_s = stale_after_s
        self._max_total = max_total
        self._lock = threading.Lock()
        self._live: dict[Identity, _Machine] = {}
        self._gone: dict[Identity, _Machine] = {}
        self._labels: set[str] = set()
        self._owners: dict[str, Identity] = {}
        """Display key -> the live machine that has it."""
        self._total = 0
        self._next_stale_s = float("inf")
        self._version = 0
        self._body: tuple[int, tuple[bytes, ...]] = (-1, ())
        self._names: tuple[str, ...] | None = ()
        self.listeners: list[Callable[[Change, str], None]] = []

    def put(self, batch: Batch) -> None:
        """`batch` replaces what its machine sent before. Raises `PushRefused`; then nothing has changed."""
        stale: list[str] = []
        try:
            with self._lock:
                stale = self._evict()
                change, label = self._put((batch.machine_id, batch.machine), batch)
        finally:
            self._tell(stale)
        self._tell([label], change)

    def version(self) -> int:
        """Rises whenever `body()` changes, by a push or by silence; the same number is the same bytes."""
        with self._lock:
            stale = self._evict()
            version = self._version
        self._tell(stale)
        return version

    def body(self) -> tuple[int, tuple[bytes, ...]]:
        """(version, parts of the JSON of display key -> snapshot), joined once for each version."""
        with self._lock:
            stale = self._evict()
            if self._body[0] != self._version:
                self._body = -1, ()  # the old one goes before the new one is made: they are large
                self._body = self._version, self._join()
            body = self._body
        self._tell(stale)
        return body

    def names(self) -> tuple[str, ...]:
        """Labels of the live machines, sorted; the same object until they change."""
        with self._lock:
            stale = self._evict()
            if self._names is None:
                self._names = tuple(sorted(self._labels))
            names = self._names
        self._tell(stale)
        return names

    def machines(self) -> list[MachineInfo]:
        """Live machines and those last seen, by label. Each as it was at one moment; of many, pushes come in
        between."""
        with self._lock:
            stale = self._evict()
            known = [(identity, machine, True) for identity, machine in self._live.items()]
            known += [(identity, machine, False) for identity, machine in self._gone.items()]
        self._tell(stale)
        infos: list[MachineInfo] = []
        for at in range(0, len(known), _AT_ONCE):
            with self._lock:
                infos += [_info(i, m, live=live) for i, m, live in known[at : at + _AT_ONCE]]
            if len(infos) < len(known):
                time.sleep(0)  # else this thread had the lock again before anybody else
        return sorted(infos, key=lambda m: (m.label, not m.live, m.machine_id, m.name))

    def batches(self, labels: Container[str]) -> dict[str, bytes]:
        """Label -> JSON of display key -> snapshot, of live machines; unchanged ones are equal bytes."""
        with self._lock:
            return {
                m.label: b"".join((b"{", m.block, b"}")) for m in self._live.values() if m.label in labels
            }

    def remember(
        self, identity: Identity, label: str, received_at: dt.datetime, *, version: str = ""
    ) -> None:
        """A machine from before this start: not live, but its label is its own when it comes back."""
        with self._lock:
            if identity in self._live or identity in self._gone:
                return
            age_s = (self.now() - received_at).total_seconds()
            self._gone[identity] = _Machine(
                label=label, received_at=received_at, heard_s=self._monotonic() - age_s, version=version
            )
            self._bound_gone()

    def forget(self, identities: Iterable[Identity]) -> None:
        """These machines were never heard, live ones included."""
        forgotten = []
        with self._lock:
            stale = self._evict()
            for identity in identities:
                if identity in self._live:
                    self._forget(identity)
                if (machine := self._gone.pop(identity, None)) is not None:
                    forgotten.append(machine.label)
        self._tell(stale)
        self._tell(forgotten, Change.FORGOTTEN)

    def _put(self, identity: Identity, batch: Batch) -> tuple[Change, str]:
        old = self._live.get(identity)
        label = old.label if old is not None else self._label_for(identity)
        chosen: dict[Pair, Fragment] = {}
        for fragment in batch.snapshots:
            chosen.setdefault((fragment.provider_id, fragment.account_id), fragment)
        _refuse_if_long(label, chosen)
        if old is not None and old.keys.keys() == chosen.keys():
            keys = old.keys
        else:
            keys = self._keys_for(identity, label, chosen)
        block = _block(keys, chosen)
        names = len(label) + len(identity[0]) + len(identity[1]) + len(batch.version)
        beside = len(keys) * _SNAPSHOT_BYTES + _MACHINE_BYTES + names * _CHARACTER_BYTES
        size = len(block) + beside
        before = old.size if old is not None else 0
        if self._total - before + size > self._max_total:
            raise PushRefused(507, "hub is full", f"more than {self._max_total} bytes from all machines")
        self._total += size - before
        machine = old if old is not None else self._admit(identity, label)
        if keys is not machine.keys:
            self._own(identity, machine, keys)
        if block != bytes(machine.block):  # a view would be compared byte by byte
            self._version += 1
            machine.block = block
        machine.size = size
        machine.heard_s = self._monotonic()
        machine.received_at = self.now()
        machine.sent_at = batch.sent_at
        machine.version = batch.version
        self._next_stale_s = min(self._next_stale_s, machine.heard_s + self.stale_after_s)
        if old is not None:
            return Change.HEARD, label
        return Change.APPEARED if self._gone.pop(identity, None) is None else Change.RETURNED, label

    def _admit(self, identity: Identity, label: str) -> _Machine:
        machine = self._live[identity] = _Machine(label=label, received_at=self.now())
        self._labels.add(label)
        self._names = None
        return machine

    def _own(self, identity: Identity, machine: _Machine, keys: dict[Pair, str]) -> None:
        for key in machine.keys.values():
            del self._owners[key]
        self._owners.update((key, identity) for key in keys.values())
        machine.keys = keys

    def _label_for(self, identity: Identity) -> str:
        former = self._gone.get(identity)
        if former is not None and former.label not in self._labels:
            return former.label
        return free_name(identity[1], self._labels.__contains__)[0]

    def _keys_for(self, identity: Identity, label: str, chosen: Mapping[Pair, Fragment]) -> dict[Pair, str]:
        """A key for each pair: the one it has, else a free one; in the order of the keys."""
        old = self._live.get(identity)
        held = old.keys if old is not None else {}
        keys = {pair: held[pair] for pair in chosen if pair in held}
        given = set(keys.values())
        tried: dict[str, int] = {}

        def taken(key: str) -> bool:
            return key in given or self._owners.get(key, identity) != identity

        for pair in chosen:
            if pair not in keys:
                wanted = f"{label}:{pair[0]}:{pair[1]}"
                key, tried[wanted] = free_name(wanted, taken, tried.get(wanted, 1))
                keys[pair] = key
                given.add(key)
        return dict(sorted(keys.items(), key=lambda item: item[1]))

    def _evict(self) -> list[str]:
        """Labels of the machines that fell silent just now. Looks at all of them only when one may be due."""
        now_s = self._monotonic()
        if now_s < self._next_stale_s:
            return []
        stale = [i for i, m in self._live.items() if now_s - m.heard_s >= self.stale_after_s]
        labels = [self._forget(identity) for identity in stale]
        self._next_stale_s = min(
            (m.heard_s + self.stale_after_s for m in self._live.values()), default=float("inf")
        )
        return labels

    def _forget(self, identity: Identity) -> str:
        machine = self._live.pop(identity)
        for key in machine.keys.values():
            del self._owners[key]
        self._labels.discard(machine.label)
        self._names = None
        self._total -= machine.size
        if machine.block:
            self._version += 1
        machine.block = b""
        self._gone[identity] = machine
        self._bound_gone()
        return machine.label

    def _bound_gone(self) -> None:
        while len(self._gone) > _MAX_GONE:
            del self._gone[next(iter(self._gone))]

    def _join(self) -> tuple[bytes, ...]:
        """The parts, at least one. What a machine had until then goes as soon as its part is made."""
        machines = sorted((m for m in self._live.values() if m.block), key=lambda m: m.label)
        parts = []
        first = size = 0
        for after, machine in enumerate(machines, 1):
            size += len(machine.block)
            if size >= PART_BYTES and after < len(machines):
                parts.append(_part(machines[first:after], b"," if first else b"{"))
                first, size = after, 0
        return (*parts, _part(machines[first:], b"," if first else b"{", b"}"))

    def _tell(self, labels: list[str], change: Change = Change.WENT_STALE) -> None:
        for label in labels:
            for listener in self.listeners:
                listener(change, label)


def free_name(wanted: str, taken: Callable[[str], bool], n: int = 1) -> tuple[str, int]:
    """`wanted`, or with the lowest visible suffix from `n` on that is free; and that number."""
    name = wanted if n == 1 else f"{wanted}~{n}"
    while taken(name):
        n += 1
        name = f"{wanted}~{n}"
    return name, n


def _refuse_if_long(label: str, chosen: Mapping[Pair, Fragment]) -> None:
    """Before anything is joined: a long name times many snapshots is far more than what was sent."""
    if 2 * len(label) * len(chosen) > MAX_BLOCK:
        raise PushRefused(413, "request body too large", "machine name too long for so many snapshots")


def _block(keys: Mapping[Pair, str], chosen: Mapping[Pair, Fragment]) -> bytes:
    """The account id comes last: should the rest hold a second one, readers take the last."""
    parts: list[bytes | memoryview] = []
    for pair, key in keys.items():
        fragment = chosen[pair]
        name = _encode(key)
        parts += (
            b"," if parts else b"",
            name,
            b':{"provider_id":',
            _encode(pair[0]),
            fragment.rest,
            b',"account_id":',
            name,
            b"}",
        )
    return b"".join(parts)


def _part(machines: Sequence[_Machine], begin: bytes, end: bytes = b"") -> bytes:
    """A part of the body; what the machines have is a piece of it from then on."""
    pieces: list[bytes | memoryview] = [begin]
    for machine in machines:
        pieces += (machine.block, b",")
    pieces[max(1, len(pieces) - 1) :] = [end]
    part = b"".join(pieces)
    view, at = memoryview(part), len(begin)
    for machine in machines:
        size = len(machine.block)
        machine.block = view[at : at + size]
        at += size + 1
    return part


def _info(identity: Identity, machine: _Machine, *, live: bool) -> MachineInfo:
    return MachineInfo(
        label=machine.label,
        name=identity[1],
        machine_id=identity[0],
        version=machine.version,
        sent_at=machine.sent_at,
        received_at=machine.received_at,
        live=live,
        accounts=tuple(machine.keys),
    )


_encode = msgspec.json.Encoder().encode
