"""What a tab of the settings is: rows, keys, and the change that a key means. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from textual.strip import Strip

from openusage.settings import Change, Settings
from openusage.tui.board import Account
from openusage.tui.scheme import Schemes
from openusage.tui.view import View


class Mood(enum.StrEnum):
    """What a value says, for its colour."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    DIM = "dim"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line that can be selected."""

    key: str
    """Stays the same while the row moves."""
    name: str
    mark: str = ""
    """`[x]`, `(●)`: whether it is chosen."""
    value: str = ""
    mood: Mood = Mood.PLAIN
    note: str = ""


def box(is_on: bool) -> str:
    """The mark of one of many."""
    return "[x]" if is_on else "[ ]"


def dot(is_on: bool) -> str:
    """The mark of one out of several."""
    return "(●)" if is_on else "( )"


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's key, and where it is. Never the key itself."""

    provider: str
    variable: str
    masked: str = ""
    """`sk-p…9xyz`; empty: it is nowhere."""
    source: str = ""
    """`env`, or the file it was found in."""


class Integration(Protocol):
    """Something of ours that is put into another tool's configuration: a hook, a status line."""

    @property
    def name(self) -> str:
        """As a person reads it."""
        ...

    def state(self) -> str:
        """In a word: `installed`, `outdated`, `not installed`."""
        ...

    def install(self) -> str:
        """Put it there, or renew it; the answer is a sentence. Raises `OpenUsageError`."""
        ...

    def uninstall(self) -> str:
        """Take it away; the answer is a sentence. Raises `OpenUsageError`."""
        ...


class State(msgspec.Struct, frozen=True, kw_only=True):
    """All that the tabs are made of."""

    settings: Settings
    accounts: Sequence[Account]
    """In the order of the tiles; also those that are switched off."""
    ids: Sequence[str]
    """Accounts of the settings and those there are, in the order of the tiles."""
    window: str
    schemes: Schemes
    """The themes there are."""
    theme: str
    keys: Sequence[KeyState] | None = None
    """`None`: not looked for yet."""
    integrations: Sequence[Integration] = ()


class Do(msgspec.Struct, frozen=True):
    """Something else than a change of settings; `run` answers with a sentence."""

    run: Callable[[], str]


Act = Change | Do | None
"""What a key means; `None`: nothing in the settings."""

Keys = Sequence[tuple[str, str]]
"""(key, what it does)."""


class Deed(enum.StrEnum):
    """What a person can want of a row; several keys mean the same."""

    PICK = "pick"
    UP = "up"
    DOWN = "down"
    COSTS = "costs"
    EMPTY = "empty"
    REMOVE = "remove"
    OTHER = "other"
    """The other list of the tab."""


class Tab(Protocol):
    """One tab."""

    title: str

    def about(self, state: State) -> str:
        """A sentence above the rows."""
        ...

    def rows(self, state: State) -> list[Row]:
        """From the top down."""
        ...

    def keys(self, key: str) -> Keys:
        """What works on the row of this key, the most important first."""
        ...

    def act(self, deed: Deed, state: State, key: str) -> Act:
        """What a deed means for the row of this key."""
        ...

    def preview(self, state: State, key: str, width: int, height: int, view: View) -> list[Strip]:
        """What the row of this key would look like, at most `height` lines; nothing: there is no room."""
        ...


class Plain:
    """A tab without a preview."""

    def preview(self, state: State, key: str, width: int, height: int, view: View) -> list[Strip]:
        return []
