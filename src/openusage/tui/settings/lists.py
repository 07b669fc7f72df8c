"""Lists of settings.json with entries that have an id: altered in place, so that unknown keys stay. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openusage.settings import Change


def moved(ids: Sequence[str], id_: str, step: int) -> list[str]:
    """The ids with one of them a place further up or down."""
    order = list(ids)
    at = order.index(id_)
    to = min(max(at + step, 0), len(order) - 1)
    order.insert(to, order.pop(at))
    return order


def changed(
    section: str, field: str, id_field: str, order: Sequence[str], id_: str = "", **new: Any
) -> Change:
    """Write the list `section.field` in this order, and new values into the entry of `id_`.

    Entries of `order` that are not there are made; what else stands in the list stays behind them. `None`
    takes a value away.
    """

    def change(tree: dict[str, Any]) -> None:
        if not isinstance(tree.get(section), dict):
            tree[section] = {}
        old = tree[section].get(field)
        entries = [e for e in old if isinstance(e, dict)] if isinstance(old, list) else []
        first: dict[str, dict[str, Any]] = {}
        for entry in entries:
            first.setdefault(str(entry.get(id_field)), entry)
        made = [first.get(name) or {id_field: name, "enabled": True} for name in order]
        rest = [e for e in entries if not any(e is m for m in made)]
        for entry in made:
            if entry.get(id_field) == id_:
                entry.update(new)
                for name in [name for name, value in new.items() if value is None]:
                    del entry[name]
        tree[section][field] = [*made, *rest]

    return change
