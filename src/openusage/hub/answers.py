"""What the hub's GETs answer, as bytes with a tag, made at most once while nothing changed.

Runs in reading threads. A tag stands for the state of the store, the question and, where they are shown, the
names of the machines: so an unchanged answer is known to be that without asking the store.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from openusage.hub.accounts import Accounts
from openusage.hub.board import Board
from openusage.hub.history import History
from openusage.hub.http import match_tag
from openusage.hub.machines import NOTHING, Kept, Roll, ask_kept
from openusage.hub.usage import Asked, answer
from openusage.lineage import Lineages
from openusage.store import Answers
from openusage.wire.fleet import AccountsReply, AccountState, MachinesReply, MachineState
from openusage.wire.rollups import By

_MOST_BYTES = 16 << 20
_MOST_ANSWERS = 128


class Found(NamedTuple):
    """An answer. `body` is `None` when the client has it already, `tag` then the one it knows."""

    tag: bytes
    body: bytes | None


class FleetAnswers:
    """Belongs to one history."""

    def __init__(
        self,
        history: History,
        board: Board,
        roll: Roll,
        lineages: Lineages | None = None,
        links: Mapping[str, str] | None = None,
    ) -> None:
        self._history = history
        self.lineages = lineages or Lineages()
        """Of models; those of whoever runs the hub first."""
        self.links = links or {}
        """`telemetry.provider_links` of whoever runs the hub."""
        self._board = board
        self._roll = roll
        self._lock = threading.Lock()
        self._kept: tuple[str, Kept] = "", NOTHING
        self._accounts = Accounts()
        self._usage: OrderedDict[bytes, bytes] = OrderedDict()
        """Tag -> body."""
        self._size = 0

    def machines(self, ask: Answers) -> Found:
        """Ages move all the time, so this one has no tag."""
        kept = self.kept(ask)
        said = MachinesReply(
            now=self._board.now(), machines=self._roll.states(kept), notes=self._history.notes
        )
        return Found(b"", _encode(said))

    def accounts(self, ask: Answers, known: bytes) -> Found:
        """Made anew each time, because limits start anew by the clock; the tag is that of the bytes."""
        body = _encode(AccountsReply(accounts=self.account_states(ask)))
        return found(body, body, known)

    def account_states(self, ask: Answers) -> list[AccountState]:
        """All accounts at this moment."""
        kept = self.kept(ask)
        return self._accounts.states(ask, kept, self._roll.states(kept), self._board.now())

    def machine_states(self, ask: Answers) -> list[MachineState]:
        """All machines at this moment."""
        return self._roll.states(self.kept(ask))

    def usage(self, asked: Asked, known: bytes, ask: Answers) -> Found:
        """Raises `BadQuestion` for a machine there is not."""
        state = self._history.state()
        kept = self.kept(ask)
        is_named = By.MACHINE in asked.by or asked.where.machines
        names = self._roll.names(kept) if is_named else {}
        named = hash(frozenset(names.items()))
        question = hashlib.blake2b(msgspec.msgpack.encode((asked, named)), digest_size=12).hexdigest()
        tag = _quoted(f"{state}-{question}")
        if match := match_tag(known, _tags(tag)):
            return Found(match, None)
        with self._lock:
            body = self._usage.get(tag)
        if body is None:
            copies = {number: machine.copies for number, machine in kept.machines.items()}
            body = _encode(answer(ask, asked, names, copies, self.lineages))
            self._keep(tag, body)
        return Found(tag, body)

    def kept(self, ask: Answers) -> Kept:
        """What the store knows of all machines; asked once a state."""
        state = self._history.state()
        with self._lock:
            if self._kept[0] == state:
                return self._kept[1]
        kept = ask_kept(ask)
        with self._lock:
            self._kept = state, kept
        return kept

    def _keep(self, tag: bytes, body: bytes) -> None:
        with self._lock:
            if tag not in self._usage:
                self._usage[tag] = body
                self._size += len(body)
            while self._size > _MOST_BYTES or len(self._usage) > _MOST_ANSWERS:
                self._size -= len(self._usage.popitem(last=False)[1])


def zip_tag(tag: bytes) -> bytes:
    """The tag of the same answer compressed."""
    return tag[:-1] + b'-gzip"'


def found(body: bytes, core: bytes, known: bytes) -> Found:
    """An answer whose tag is that of `core`, the part of it that does not change with time alone."""
    tag = _quoted(hashlib.blake2b(core, digest_size=12).hexdigest())
    return Found(tag, None) if match_tag(known, _tags(tag)) else Found(tag, body)


def _tags(tag: bytes) -> tuple[bytes, bytes]:
    return tag, zip_tag(tag)


def _quoted(text: str) -> bytes:
    return f'"{text}"'.encode()


_encode = msgspec.json.Encoder().encode
