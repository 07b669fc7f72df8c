"""What changed most between two spans of time. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from openusage.tui.cuts import Cut, names, value
from openusage.tui.sections.daily import Measure
from openusage.wire.rollups import By, Rollup


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One label in both spans."""

    by: By
    name: str
    now: float
    earlier: float

    @property
    def more(self) -> float:
        """By how much; below 0: less."""
        return self.now - self.earlier


def changes(cuts: Iterable[Cut], measure: Measure, most: int) -> list[Change]:
    """The greatest differences first, of labels of which there are several: a single one is what sums say.

    What is unpriced in either span says nothing of cost and is left out.
    """
    found = [change for cut in cuts for change in _of(cut, measure)]
    found = [change for change in found if change.more]
    return sorted(found, key=lambda c: (-abs(c.more), c.by, c.name))[:most]


def _of(cut: Cut, measure: Measure) -> list[Change]:
    if cut.before is None:
        return []
    now = {row.key[cut.by]: row for row in cut.sums}
    earlier = {row.key[cut.by]: row for row in cut.before}
    labels = list(dict.fromkeys((*now, *earlier)))
    if len(labels) < 2:
        return []
    found = []
    for label, name in zip(labels, names(labels, cut.by), strict=True):
        new, old = (value(rows.get(label, Rollup()), measure) for rows in (now, earlier))
        if new is not None and old is not None:
            found.append(Change(by=cut.by, name=name, now=new, earlier=old))
    return found
