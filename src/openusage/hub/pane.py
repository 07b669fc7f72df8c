"""`GET /v1/fleet`: a query string -> what is wanted, history and board -> the `Pane`, as bytes with a tag.

Runs in reading threads. What was asked of the store is remembered while nothing changed; in a fleet that
changes all the time, for a few times as long as asking took, so that viewers cost a bounded share of a core.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, NamedTuple

import msgspec

from openusage.hub.answers import FleetAnswers, Found, found
from openusage.hub.board import Board
from openusage.hub.history import History
from openusage.hub.machines import Kept, Roll
from openusage.hub.usage import BadQuestion, filter_of, find_machines, read_query, single, zone_name
from openusage.read_model.pane import Crowd, Wanted, build, rank
from openusage.store import Answers
from openusage.wire.decode import decode
from openusage.wire.envelope import decode_snapshots
from openusage.wire.fleet import MachineState, store_id
from openusage.wire.pane import GROUPS, WINDOWS, Pane, PaneRow
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window
from openusage.wire.sections import Sections
from openusage.wire.snapshot import ZERO_TIME

_FILTERS = ("machine", "provider", "account", "model", "project", "client", "session")
ALLOWED = ("window", "group", "tz", *_FILTERS)
REST = 4.0
"""An answer stays good for so many times as long as asking took, whatever changed."""
_MOST_ANSWERS = 64
"""Seven panes' worth: of many machines and days one takes megabytes."""


def parse(query: bytes) -> Wanted:
    """What is wanted; its machines still as they were asked for. Raises `BadQuestion`."""
    given = read_query(query, ALLOWED)
    once = {name: single(name, given[name]) for name in ("window", "group", "tz") if name in given}
    for name, allowed in (("window", WINDOWS), ("group", GROUPS)):
        if name in once and once[name] not in allowed:
            raise BadQuestion(f'{name}: "{once[name][:80]}" is none of: {", ".join(allowed)}')
    return Wanted(
        window=once.get("window", "7d"),
        group=By(once.get("group", By.MACHINE)),
        tz=zone_name(once.get("tz", "UTC")),
        where=filter_of({name: given[name] for name in _FILTERS if name in given}),
    )


class PaneAnswers:
    """Belongs to one history."""

    def __init__(
        self,
        history: History,
        board: Board,
        roll: Roll,
        desk: FleetAnswers,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._history, self._board, self._roll, self._desk = history, board, roll, desk
        self._lock = Lock()
        self._asked: OrderedDict[bytes, _Asked] = OrderedDict()
        self._decoded: dict[str, tuple[bytes, list[Sections]]] = {}

    def pane(self, wanted: Wanted, known: bytes, ask: Answers) -> Found:
        """Raises `BadQuestion` for a machine there is not."""
        said, _ = self.made(wanted, (), ask)
        core = msgspec.json.encode(msgspec.structs.replace(said, now=ZERO_TIME))
        return found(msgspec.json.encode(said), core, known)

    def made(
        self, wanted: Wanted, ranked: Iterable[By], ask: Answers
    ) -> tuple[Pane, dict[By, list[PaneRow]]]:
        """The pane itself, and rankings by other groups. Raises `BadQuestion` for a machine there is not."""
        kept = self._desk.kept(ask)
        names = self._roll.names(kept)
        machines = find_machines(wanted.where.machines, names)
        asked, lineages = Remembering(ask, self), self._desk.lineages
        where = msgspec.structs.replace(wanted.where, machines=machines)
        wanted = msgspec.structs.replace(wanted, where=lineages.spelled(where, asked.usage))
        states = self._roll.states(kept)
        shown = [m for m in states if not machines or store_id(m.id, m.name) in machines]
        crowd = Crowd(
            machines=shown,
            names=names,
            accounts=self._desk.account_states(ask),
            strangers=self._strangers(shown, kept, wanted),
            snapshots=sum(info.snapshots for info in self._board.machines() if info.live),
            copies=sum(m.copies for m in shown),
            notes=self._history.notes,
        )
        now = self._board.now()
        rankings = {
            by: rank(asked, msgspec.structs.replace(wanted, group=by), crowd, now, lineages) for by in ranked
        }
        return build(asked, wanted, crowd, now, lineages, self._desk.links), rankings

    def told(self, label: str) -> list[Sections]:
        """What the newest snapshots of a machine say; none of one that fell silent."""
        return [s for body in self._board.batches({label}).values() for s in self._sections(label, body)]

    def remembered(self, question: bytes, ask: Callable[[], Any]) -> Any:
        """The answer to a question, asked anew only when it may have changed."""
        state, now_s = self._history.state(), self._monotonic()
        with self._lock:
            last = self._asked.get(question)
        if last is not None and (last.state == state or now_s < last.good_until_s):
            return last.answer
        answer = ask()
        took_s = self._monotonic() - now_s
        with self._lock:
            self._asked[question] = _Asked(state, now_s + (1 + REST) * took_s, answer)
            self._asked.move_to_end(question)
            while len(self._asked) > _MOST_ANSWERS:
                self._asked.popitem(last=False)
        return answer

    def _strangers(self, machines: Sequence[MachineState], kept: Kept, wanted: Wanted) -> list[Sections]:
        """Of machines that have no records here. A filter on what they do not tell leaves them out."""
        where = wanted.where
        if where.models or where.projects or where.clients or where.sessions:
            return []
        labels = {m.name for m in machines if not m.sends_records}
        decoded: dict[str, tuple[bytes, list[Sections]]] = {}
        for label, body in self._board.batches(labels).items():
            known = self._decoded.get(label)
            decoded[label] = known if known and known[0] == body else (body, self._sections(label, body))
        self._decoded = decoded
        providers, accounts = wanted.where.providers, wanted.where.accounts
        return [
            said
            for _, batch in decoded.values()
            for said in batch
            if (not providers or said.provider_id in providers)
            and (not accounts or said.account_id in accounts)
        ]

    def _sections(self, label: str, body: bytes) -> list[Sections]:
        now = self._board.now()
        return [
            decode(snapshot, display_key=key, machine=label, now=now)
            for key, snapshot in decode_snapshots(body).items()
        ]


class _Asked(NamedTuple):
    state: str
    good_until_s: float
    """Monotonic."""
    answer: Any


class Remembering:
    """The questions of a pane, or of blocks, through the memory of `PaneAnswers`."""

    def __init__(self, ask: Answers, memory: PaneAnswers) -> None:
        self._ask, self._memory = ask, memory

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        question = msgspec.msgpack.encode(("usage", window, by, where, tz))
        rows: list[Rollup] = self._memory.remembered(question, lambda: self._ask.usage(window, by, where, tz))
        return rows

    def sessions(self, window: Window, where: Filter = ANY) -> int:
        question = msgspec.msgpack.encode(("sessions", window, where))
        number: int = self._memory.remembered(question, lambda: self._ask.sessions(window, where))
        return number

    def oldest_us(self) -> int | None:
        oldest: int | None = self._memory.remembered(b"oldest", self._ask.oldest_us)
        return oldest
