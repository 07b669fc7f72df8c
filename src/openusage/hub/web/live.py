"""What has changed in a page since it was drawn: only that is sent, a bounded part at a time.

A page says which state it shows; for as many states as are remembered the difference is known, with another
one the page has to be drawn anew. A part that differs only in how long ago something was is the same: the
page counts that on by itself.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping

import msgspec

MOST_ROWS = 25
"""In one answer: more would hold the browser up for some frames. The rest is asked for at once."""
_MOST_STATES = 256
_ages = re.compile(r"(<time [^>]*>)[^<]*")


class Parts(msgspec.Struct, frozen=True):
    """What changes in a page, by id."""

    zones: dict[str, str]
    rows: dict[str, str]
    """In their order."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    changed: list[tuple[str, str]]
    """(id, HTML) of parts and rows that are there already."""
    added: list[str]
    removed: list[str]
    order: list[str]
    """Ids of all rows; empty when their order is as it was."""
    since: str
    """The state that a page shows then."""
    more: bool
    """There is more to ask for."""


class Unknown(Exception):
    """A state that is not remembered."""


class State(msgspec.Struct, frozen=True):
    """What a page shows: id -> hash."""

    zones: dict[str, bytes]
    rows: dict[str, bytes]
    """In their order."""

    @property
    def tag(self) -> str:
        packed = msgspec.msgpack.encode((list(self.zones.items()), list(self.rows.items())))
        return hashlib.blake2b(packed, digest_size=12).hexdigest()


class Memory:
    """States that pages show. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: OrderedDict[str, State] = OrderedDict()

    def remember(self, state: State) -> str:
        """The name of a state that a page shows from now on."""
        tag = state.tag
        with self._lock:
            self._states[tag] = state
            self._states.move_to_end(tag)
            while len(self._states) > _MOST_STATES:
                self._states.popitem(last=False)
        return tag

    def since(self, tag: str, now: State, parts: Parts) -> Difference | None:
        """What differs from the state of that name; `None`: nothing. Raises `Unknown`."""
        with self._lock:
            shown = self._states.get(tag)
        if shown is None:
            raise Unknown
        rows = [id for id, digest in now.rows.items() if shown.rows.get(id) != digest]
        sent, later = rows[:MOST_ROWS], set(rows[MOST_ROWS:])
        zones = [id for id, digest in now.zones.items() if shown.zones.get(id) != digest]
        removed = [id for id in shown.rows if id not in now.rows]
        after = State(now.zones, _shown_then(shown.rows, now.rows, later))
        order = list(after.rows) if _order(shown.rows, after.rows) != list(after.rows) else []
        if not (zones or sent or removed or order):
            return None
        return Difference(
            changed=[(id, parts.zones[id]) for id in zones]
            + [(id, parts.rows[id]) for id in sent if id in shown.rows],
            added=[parts.rows[id] for id in sent if id not in shown.rows],
            removed=removed,
            order=order,
            since=self.remember(after),
            more=bool(later),
        )


def hashed(parts: Parts) -> State:
    """The state of a page that shows these parts."""
    return State(_hashes(parts.zones), _hashes(parts.rows))


def _shown_then(shown: Mapping[str, bytes], now: Mapping[str, bytes], later: set[str]) -> dict[str, bytes]:
    """Rows as they stand after this answer: those for later as they were, or not there yet."""
    return {
        id: shown[id] if id in later else digest
        for id, digest in now.items()
        if id in shown or id not in later
    }


def _order(shown: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    """Where rows stand if nothing is moved: new ones at the end."""
    return [id for id in shown if id in after] + [id for id in after if id not in shown]


def _hashes(parts: Mapping[str, str]) -> dict[str, bytes]:
    return {
        id: hashlib.blake2b(_ages.sub(r"\1", html).encode(errors="replace"), digest_size=8).digest()
        for id, html in parts.items()
    }
