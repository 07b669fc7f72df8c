"""What is told to the store's writer, and what it and the readers answer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from openusage.wire.events import AccountFact, QuotaReading


class MachineName(Protocol):
    """A machine as the store needs to know it."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


class Met(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a hub sees of a machine besides its records. `None` and empty: as it was."""

    id: str
    name: str
    version: str = ""
    heard_us: int | None = None
    """When it was heard, by our clock."""
    skew_us: int | None = None
    """How far its clock was ahead of ours."""
    backlog: int | None = None
    """Records that wait there."""


class AddResult(msgspec.Struct, frozen=True):
    """What one `add` did."""

    inserted: int = 0
    """Events not seen before."""
    updated: int = 0
    """Known events that this made fuller."""
    unchanged: int = 0
    """Known events, also those whose raw row was pruned."""
    seen_elsewhere: int = 0
    """Of the known ones: those that another machine has too. They count once."""
    readings: int = 0
    """Readings that were new."""
    facts: int = 0
    """Facts that were new."""
    refused: int = 0
    """Events with impossible figures (a negative count, a time before 1970): not stored."""
    heard: int | None = None
    """With a `Run`: up to which number everything of that store is here now. Less than the end of the run: it
    begins after that number, and nothing of it was stored."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the store is."""

    size_bytes: int
    events: int
    """Raw events kept."""
    revision: int
    notes: list[str] = []
    """Sentences for people: what was damaged and saved, why the last write failed. Empty: all is well."""


class Machine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A machine whose records are kept here."""

    id: str
    name: str
    first_us: int
    """When its first record came in."""
    events: int = 0
    """Events that count for it."""
    first_event_us: int | None = None
    last_event_us: int | None = None
    """Times of the first and the last of them; `None`: there are none."""
    copies: int = 0
    """Events of it that count for another machine, which has them too (of the raw events kept)."""
    version: str = ""
    """Of its openusage, as it told when it was last heard."""
    heard_us: int | None = None
    """When it was last heard, by this machine's clock."""
    skew_us: int | None = None
    """How far its clock was ahead of ours then."""
    backlog: int | None = None
    """Records that waited there then."""


class Told(NamedTuple):
    """What one machine said of its accounts: the newest under each key."""

    facts: list[AccountFact]
    readings: list[QuotaReading]
