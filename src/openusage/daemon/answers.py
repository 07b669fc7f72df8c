"""The store's state as snapshots, made at most once per change and minute.

A rolling window moves even when nothing happens, so an answer is good for one minute of the clock; within
that minute it is made again only when the store's revision rose.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Callable, Sequence

import msgspec

from openusage.lineage import Lineages
from openusage.read_model import build_all, window
from openusage.read_model.assign import BORROWERS, BY, MESSAGES, Links, unassigned
from openusage.store import Store
from openusage.wire.local import ReadModelReply, Unassigned
from openusage.wire.rollups import Window
from openusage.wire.snapshot import UsageSnapshot

WINDOWS = ("1d", "3d", "7d", "30d", "all")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Snapshots of one window, ready to send."""

    snapshots: dict[str, UsageSnapshot]
    """Account id -> snapshot."""
    body: bytes
    """The encoded `ReadModelReply`."""
    etag: str


class Answers:
    """Snapshots of this machine for any window. Safe to ask from several threads."""

    def __init__(
        self,
        store: Store,
        *,
        accounts: Callable[[], Sequence[tuple[str, str]]],
        links: dict[str, str],
        now: Callable[[], dt.datetime],
        tz: str,
        lineages: Lineages | None = None,
        notes: Callable[[], list[str]] = list,
    ) -> None:
        """`accounts` gives (provider, account id) in the order of the tiles, also those without data."""
        self._store = store
        self._accounts = accounts
        self._links = links
        self._now = now
        self._tz = tz
        self._lineages = lineages or Lineages()
        self._notes = notes
        self._lock = threading.Lock()
        self._made: dict[str, tuple[object, dict[str, UsageSnapshot]]] = {}
        self._sent: dict[str, tuple[object, Answer]] = {}
        self._unassigned: tuple[object, list[Unassigned]] = None, []

    def snapshots(self, name: str) -> dict[str, UsageSnapshot]:
        """Account id -> snapshot for one of `WINDOWS` (an unknown name counts as `30d`)."""
        name = name if name in WINDOWS else "30d"
        with self._lock:
            now = self._now()
            accounts = tuple(self._accounts())
            state = (self._store.revision(), int(now.timestamp() // 60), accounts)
            made = self._made.get(name)
            if made is None or made[0] != state:
                made = (
                    state,
                    build_all(
                        self._store.reader(),
                        accounts,
                        window=window(name, now, self._tz),
                        now=now,
                        tz=self._tz,
                        links=self._links,
                        lineages=self._lineages,
                    ),
                )
                self._made[name] = made
            return made[1]

    def unassigned(self) -> list[Unassigned]:
        """What no account is known to pay for, of all time. Asked anew only when something changed."""
        with self._lock:
            accounts = tuple(self._accounts())
            state = (self._store.revision(), accounts)
            if self._unassigned[0] != state:
                borrowers = tuple({provider for provider, _ in accounts} & BORROWERS)
                where = msgspec.structs.replace(MESSAGES, providers=borrowers)
                rows = self._store.reader().usage(Window("all"), BY, where) if borrowers else []
                self._unassigned = state, unassigned(rows, Links(self._links, accounts))
            return self._unassigned[1]

    def answer(self, name: str, only: Sequence[str] = ()) -> Answer:
        """The reply to `POST /v1/read-model`; `only` these account ids when given."""
        snapshots = self.snapshots(name)
        notes = self._notes()
        state = (id(snapshots), tuple(notes), tuple(only))
        sent = self._sent.get(name)
        if sent is not None and sent[0] == state:
            return sent[1]
        kept = {k: s for k, s in snapshots.items() if not only or k in only}
        body = msgspec.json.encode(ReadModelReply(snapshots=kept, notes=notes))
        answer = Answer(
            snapshots=kept, body=body, etag=f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        )
        self._sent[name] = (state, answer)
        return answer
