"""What a hub does to its store besides what it is asked for, and how it sees that the file is not well."""

from __future__ import annotations

import apsw

from openusage.errors import StoreError
from openusage.store import Store


def begin(store: Store) -> None:
    """First of all, with every store: the sums a fleet is asked for, and prices that are known by now."""
    store.keep_levels()
    store.reprice()


def look(store: Store) -> None:
    """No work: lets the writer see whether its file is still there."""


def is_damage(error: StoreError) -> bool:
    """The database cannot be relied on any more."""
    return isinstance(error.__cause__, apsw.CorruptError | apsw.NotADBError)
