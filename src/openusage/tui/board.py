"""What the screens know and how they came to know it: last frame, error, filter, selection.

No Textual in here.

A refresh replaces the accounts and keeps everything a person chose. Every text of the status line is made
here.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from openusage import format as fmt
from openusage.client import Frame, PaneFrame
from openusage.errors import OpenUsageError
from openusage.settings import DashboardProvider
from openusage.tui.lines import clean
from openusage.wire.pane import Pane
from openusage.wire.rollups import By
from openusage.wire.sections import Sections
from openusage.wire.snapshot import UsageSnapshot

_HINT_S = 8

WINDOWS = ("1d", "3d", "7d", "30d", "all")


class Decode(Protocol):
    """A snapshot as what is drawn: `openusage.wire.decode.decode`."""

    def __call__(self, snapshot: UsageSnapshot, *, display_key: str, now: dt.datetime) -> Sections: ...


class Account(msgspec.Struct, frozen=True):
    """One tile: its key stays the same over refreshes."""

    key: str
    snapshot: UsageSnapshot
    sections: Sections


class Decoder:
    """Snapshots to accounts; what did not change is not decoded again. Used by the polling thread alone."""

    def __init__(self, decode: Decode, now: Callable[[], dt.datetime]) -> None:
        self._decode, self._now = decode, now
        self._known: dict[str, Account] = {}

    def accounts(self, frame: Frame) -> list[Account]:
        """The frame's accounts, in its order."""
        now = self._now()
        found: dict[str, Account] = {}
        for key, snapshot in frame.snapshots.items():
            known = self._known.get(key)
            if known is None or not _same(known, snapshot) or _reset_since(known.sections, now):
                known = Account(key, snapshot, self._decode(snapshot, display_key=key, now=now))
            found[key] = known
        self._known = found
        return list(found.values())


def _same(known: Account, snapshot: UsageSnapshot) -> bool:
    return known.snapshot is snapshot or known.snapshot == snapshot


def _reset_since(account: Sections, now: dt.datetime) -> bool:
    """Whether a limit has started anew, which changes what the same snapshot means."""
    return any(g.used_pct > 0 and g.resets_at is not None and g.resets_at <= now for g in account.gauges)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one poll brought."""

    window: str
    frame: Frame | None = None
    accounts: list[Account] = []
    pane: PaneFrame | None = None
    """Instead of `frame`, when the fleet was asked for."""
    error: OpenUsageError | None = None
    retry_in_s: float = 0.0


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which tiles are shown: those of one row of the fleet, or of one account."""

    by: By
    label: str
    """As a person reads it."""
    key: str
    """As the row has it."""
    models: tuple[str, ...] = ()
    """Of a model: the names that tools give it, which a tile may know alone."""
    provider: str = ""
    machines: tuple[str, ...] = ()
    """Of an account, with its provider: each of them may name it in its own way."""

    def holds(self, account: Sections) -> bool:
        """Whether the tile is, or has used, what the row stands for."""
        if self.machines:
            return account.provider_id == self.provider and account.machine in self.machines
        names = {
            By.MACHINE: [account.machine],
            By.PROVIDER: [account.provider_id],
            By.ACCOUNT: [account.account_id],
            By.MODEL: [name for row in account.models for name in (row.name, *row.raw_names)],
            By.PROJECT: [row.name for row in account.projects],
            By.CLIENT: [row.name for row in account.clients],
        }
        return not {self.key, *self.models}.isdisjoint(names[self.by])


class Board:
    """The state behind the screens."""

    def __init__(self, *, label: str, is_hub: bool, window: str, empty_text: str) -> None:
        self.label, self.is_hub, self.empty_text = label, is_hub, empty_text
        self.window = window
        self.frame: Frame | None = None
        self.accounts: list[Account] = []
        self.pane_frame: PaneFrame | None = None
        self.pane_heard_at: dt.datetime | None = None
        """When the hub said it first: what it says again unchanged is as old as that."""
        self.group = By.MACHINE
        """What the rows of the fleet stand for."""
        self.scope: Scope | None = None
        """Whose tiles are shown; `None`: all."""
        self.is_fleet = False
        """The fleet is on the screen, not tiles."""
        self.error: OpenUsageError | None = None
        self.next_try_at: dt.datetime | None = None
        self.filter = ""
        self.selected = ""
        self.layout_word = ""
        """How tiles are laid out, when that needs saying."""
        self.waiting = f"Asking {clean(label)} …"
        """What is said before the first answer."""
        self._providers: Sequence[DashboardProvider] = ()
        self._ordered: list[Account] = []
        self._hint = ""
        self._hint_until: dt.datetime | None = None

    def take(self, outcome: Outcome, now: dt.datetime) -> bool:
        """Put a poll's outcome in place; whether it says anything that was not known."""
        if outcome.error is not None:
            self.error = outcome.error
            self.next_try_at = now + dt.timedelta(seconds=outcome.retry_in_s)
            return True
        had_error, notes = self.error is not None, self.notes(now)
        self.error, self.next_try_at = None, None
        if outcome.pane is not None:
            if outcome.pane.pane is not self.pane:
                self.pane_heard_at = outcome.pane.fetched_at
            self.pane_frame = outcome.pane
            return True
        is_first, self.frame = self.frame is None, outcome.frame
        if is_first or not _are_same(self.accounts, outcome.accounts):
            self.accounts = outcome.accounts
            self._order()
            return True
        return had_error or not self.accounts or notes != self.notes(now)

    def arrange(self, providers: Sequence[DashboardProvider]) -> None:
        """Show accounts in this order; those that are not listed follow, those switched off are left out."""
        self._providers = providers
        self._order()

    def _order(self) -> None:
        rank = {p.account_id: at for at, p in enumerate(self._providers)}
        off = {p.account_id for p in self._providers if not p.enabled}
        shown = [a for a in self.accounts if a.sections.account_id not in off]
        self._ordered = sorted(shown, key=lambda a: rank.get(a.sections.account_id, len(rank)))

    @property
    def pane(self) -> Pane | None:
        """The fleet, as the hub last said it."""
        return self.pane_frame.pane if self.pane_frame is not None else None

    @property
    def has_data(self) -> bool:
        """There is something on the screen besides sentences."""
        return bool(self.pane and self.pane.rows) if self.is_fleet else bool(self.accounts)

    def elapsed_s(self, now: dt.datetime) -> float:
        """Since the hub said so."""
        said_at = self._said_at
        return max((now - said_at).total_seconds(), 0.0) if said_at is not None else 0.0

    @property
    def _said_at(self) -> dt.datetime | None:
        """When what is on the screen was fetched."""
        shown = self.pane_frame if self.is_fleet else self.frame
        return shown.fetched_at if shown is not None else None

    def in_scope(self) -> list[Account]:
        """The accounts that are shown without a filter."""
        scope = self.scope
        return self._ordered if scope is None else [a for a in self._ordered if scope.holds(a.sections)]

    def visible(self) -> list[Account]:
        """The accounts that match the filter."""
        if not self.filter:
            return self.in_scope()
        return [a for a in self.in_scope() if matches(a.sections, self.filter)]

    def chosen(self) -> Account | None:
        """The selected account, or the first one when it is gone."""
        shown = self.visible()
        return next((a for a in shown if a.key == self.selected), shown[0] if shown else None)

    def next_window(self) -> str:
        """The window after this one; an unknown one counts as the default."""
        at = WINDOWS.index(self.window) if self.window in WINDOWS else 3
        return WINDOWS[(at + 1) % len(WINDOWS)]

    def shown_window(self) -> str:
        """What the figures on screen are for: on a hub what the machines chose, empty when they differ."""
        if not self.is_hub or self.is_fleet:
            return self.window
        windows = {a.sections.totals.window for a in self.in_scope() if a.sections.totals.window}
        return windows.pop() if len(windows) == 1 else ""

    def status(self, now: dt.datetime, tz: dt.tzinfo, *, brief: bool = False) -> str:
        """Where the data come from and how old they are, or what is wrong; `brief`: not how many."""
        if self.error is not None:
            return self._failure(self.error, now, tz)
        parts = [clean(self.label) if brief else self.source()]
        if self._said_at is not None:
            parts.append(f"{fmt.age(self.elapsed_s(now))} ago")
        return " · ".join(parts)

    def source(self) -> str:
        """`hub http://hub.lan:9190 · 5 machine snapshots`, `this machine`."""
        label = clean(self.label)
        if not self.is_hub or self._said_at is None:
            return label
        count = self.pane.snapshots if self.is_fleet and self.pane else len(self.accounts)
        return f"{label} · {count} machine snapshots"

    def say(self, sentence: str, now: dt.datetime) -> None:
        """Answer a key with a sentence that stays for a while."""
        self._hint, self._hint_until = sentence, now + dt.timedelta(seconds=_HINT_S)

    def notes(self, now: dt.datetime) -> list[str]:
        """Further sentences: the answer to the last key, then the source's own, which without any tile
        stand where the tiles would be."""
        found = [self._hint] if self._hint_until is not None and now < self._hint_until else []
        if self.error is None and self.is_fleet and self.pane is not None and self.pane.rows:
            found += [clean(note) for note in self.pane.notes]
        elif self.error is None and not self.is_fleet and self.frame is not None and self.accounts:
            found += [clean(note) for note in self.frame.notes]
        return found

    def _failure(self, error: OpenUsageError, now: dt.datetime, tz: dt.tzinfo) -> str:
        sentences = [_sentence(clean(error.message)), _sentence(clean(error.hint))]
        if self._said_at is not None:
            clock = fmt.clock(self._said_at, tz)
            sentences.append(f"Showing data from {clock}, {fmt.age_words(self.elapsed_s(now))} old.")
        if self.next_try_at is not None:
            left = max(0, math.ceil((self.next_try_at - now).total_seconds()))
            sentences.append(f"Trying again in {fmt.duration(left)}.")
        return " ".join(filter(None, sentences))

    def nothing(self, now: dt.datetime, tz: dt.tzinfo) -> list[str]:
        """What to say where tiles would be; empty when there are tiles."""
        if self.visible():
            return []
        if self.in_scope():
            return [f"No account matches “{clean(self.filter)}”.", "Esc clears the filter."]
        if self.accounts and self.scope is not None:
            return [self._none_of(self.scope, now), "Esc goes back to the fleet."]
        if self.accounts:
            return ["All accounts are switched off.", "Press , to switch them on in the settings."]
        if self.error is not None:
            return [self._failure(self.error, now, tz)]
        if self.frame is None:
            return [self.waiting]
        if self.frame.notes:
            return [clean(note) for note in self.frame.notes]
        return [line for line in self.empty_text.splitlines() if line]

    def _none_of(self, scope: Scope, now: dt.datetime) -> str:
        """Why there is no tile of what was chosen."""
        name = clean(scope.label)
        if scope.by is not By.MACHINE or scope.machines:
            return f"No tile that the hub has now tells of {name}."
        rows = self.pane.rows if self.pane else []
        seen = next((r.machine.last_seen for r in rows if r.machine and r.machine.name == scope.key), None)
        if seen is None:
            return f"{name} has sent nothing of late."
        age = fmt.age_words((now - seen).total_seconds())
        return f"{name} was last heard {age} ago: its tiles have left."

    def nothing_of_fleet(self, now: dt.datetime, tz: dt.tzinfo) -> list[str]:
        """The same before the fleet is known, or while no machine has sent anything."""
        if self.error is not None:
            return [self._failure(self.error, now, tz)]
        if self.pane is None:
            return [self.waiting]
        notes = [clean(note) for note in self.pane.notes]
        return notes or [line for line in self.empty_text.splitlines() if line]


def _are_same(one: Sequence[Account], two: Sequence[Account]) -> bool:
    """The very same ones: what did not change is not decoded again."""
    return len(one) == len(two) and all(a is b for a, b in zip(one, two, strict=True))


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".!?…" else f"{text}."


def matches(account: Sections, text: str) -> bool:
    """Whether every word is part of the account, provider, machine or status."""
    fields = (
        account.account_id,
        account.provider_id,
        account.name,
        account.machine,
        account.status,
        account.plan,
    )
    known = " ".join(fields).casefold()
    return all(word in known for word in text.casefold().split())
