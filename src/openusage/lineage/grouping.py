"""Which lineage a model's name belongs to, and how sure that is; rows by model as rows by lineage. Pure.

A lineage is one model, whatever gateways, dates and efforts its names carry. Prices never follow it: they
follow the name that was reported. That name is kept everywhere; lineages are made when somebody looks.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from openusage.lineage.root import is_joined, model_maker, root, without_seller
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window, add

MOST_KNOWN = 20_000
"""Names remembered before starting anew: a log full of invented names must not fill the memory."""

Ask = Callable[[Window, Sequence[By], Filter, str], list[Rollup]]
"""`Questions.usage`."""


class Confidence(enum.StrEnum):
    """How a name led to its lineage."""

    SETTINGS = "settings"
    """The person's own `models.lineages`."""
    EXACT = "exact"
    """It is the name of the lineage, in any case."""
    NORMALISED = "normalised"
    """It is that name beside what says no other model: gateway, region, date, effort, another spelling."""
    LIKELY = "likely"
    """A guess: it names a family without a version, or hides the model behind a reseller's word."""
    UNKNOWN = "unknown"
    """No maker that we know calls a model like this: it stands for itself."""

    @property
    def share(self) -> float:
        """The same as a number from 0 to 1, as it travels in a snapshot."""
        return _SHARES[self]


_SHARES = {
    Confidence.SETTINGS: 1.0,
    Confidence.EXACT: 1.0,
    Confidence.NORMALISED: 0.9,
    Confidence.LIKELY: 0.5,
    Confidence.UNKNOWN: 0.0,
}


class Lineage(msgspec.Struct, frozen=True):
    """What one name belongs to."""

    id: str
    """The model's own name, as its maker spells it: `claude-sonnet-4-5`, `gpt-5.1`."""
    confidence: Confidence
    maker: str | None = None
    """Who made it: `anthropic`; `None`: its name does not tell."""


def lineage_of(name: str) -> Lineage:
    """The lineage of a model's name by the name alone."""
    if name.strip().startswith("<"):
        return Lineage(name.strip().lower(), Confidence.UNKNOWN)
    found = root(name)
    if not found:
        return Lineage(name, Confidence.UNKNOWN)
    maker = model_maker(found)
    if maker is None:
        return Lineage(found, Confidence.UNKNOWN)
    if is_joined(without_seller(name)) or not any(c.isdigit() for c in found):
        return Lineage(found, Confidence.LIKELY, maker)
    is_same = found == name.strip().lower()
    return Lineage(found, Confidence.EXACT if is_same else Confidence.NORMALISED, maker)


class Lineages:
    """Lineages by name, a person's own first. Remembers what it was asked."""

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        """`own`: `models.lineages`, a model's name -> the lineage (or any name of it) that it belongs to."""
        self._own = {_folded(n): target for n, target in (own or {}).items() if target.strip()}
        self._known: dict[str, Lineage] = {}

    def of(self, name: str) -> Lineage:
        """The lineage of a model's name. O(1) for a name that was asked before."""
        found = self._known.get(name)
        if found is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            found = self._known[name] = self._find(name)
        return found

    def id_of(self, name: str | None) -> str | None:
        """The lineage's id; `None` for a model that has no name."""
        return None if name is None else self.of(name).id

    def spelled(self, where: Filter, ask: Ask) -> Filter:
        """A filter that names models as tools do, or by their lineage, as a store takes it: by all their
        names. One cheap question, and only where models are named."""
        if not where.models:
            return where
        wanted = set(where.models)
        known = [row.key[By.MODEL] for row in ask(Window("all"), (By.MODEL,), ANY, "UTC")]
        found = [name for name in known if name and not wanted.isdisjoint((name, self.of(name).id))]
        return msgspec.structs.replace(where, models=tuple(found) or where.models)

    def usage(self, ask: Ask, window: Window, by: Sequence[By], where: Filter, tz: str) -> list[Rollup]:
        """The answer of a store, which knows no lineages, to a question that may ask for them."""
        if By.LINEAGE not in by:
            return ask(window, by, where, tz)
        return self.grouped(ask(window, self.asked(by), where, tz), by)

    @staticmethod
    def asked(by: Sequence[By]) -> tuple[By, ...]:
        """How a store is asked for such rows."""
        return tuple(dict.fromkeys(By.MODEL if b is By.LINEAGE else b for b in by))

    def grouped(self, rows: Iterable[Rollup], by: Sequence[By]) -> list[Rollup]:
        """Rows that were asked as `asked` says, summed by `by`; in the order of their keys. O(rows)."""
        if By.LINEAGE not in by:
            return list(rows)
        groups: dict[tuple[str | None, ...], list[Rollup]] = {}
        for row in rows:
            labels = tuple(self.id_of(row.key[By.MODEL]) if b is By.LINEAGE else row.key[str(b)] for b in by)
            groups.setdefault(labels, []).append(row)
        names = [str(b) for b in by]
        return [
            msgspec.structs.replace(add(groups[labels]), key=dict(zip(names, labels, strict=True)))
            for labels in sorted(groups, key=lambda labels: [label or "" for label in labels])
        ]

    def _find(self, name: str) -> Lineage:
        plain = lineage_of(name)
        own = self._own.get(_folded(name)) or self._own.get(plain.id)
        if own is None:
            return plain
        target = lineage_of(own)
        return Lineage(target.id, Confidence.SETTINGS, target.maker)


def _folded(name: str) -> str:
    return name.strip().lower()
