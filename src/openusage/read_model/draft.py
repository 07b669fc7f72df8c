"""A snapshot in the making: metrics and series under their names. Names with one slug are added together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from openusage.wire import keys
from openusage.wire.keys import Family
from openusage.wire.snapshot import DayValue, Metric

TODAY, WEEK, MONTH, ALL_TIME, BLOCK = "1d", "7d", "30d", "all-time", "current 5h block"
BEFORE = "before"
"""How windows other than the shown one are labelled."""


class Draft:
    """Collects what a snapshot will hold. `None` and, where said, 0 are left out."""

    def __init__(self, window: str) -> None:
        self.window = window
        self.metrics: dict[str, Metric] = {}
        self.series: dict[str, list[DayValue]] = {}
        self.attributes: dict[str, str] = {}
        self._raw_names: dict[str, str] = {}

    def put(self, key: str, used: float | None, unit: str, window: str = "") -> None:
        """Add a figure, also when it is 0."""
        if used is None:
            return
        before = self.metrics.get(key)
        if before is not None:
            used += before.used or 0.0
        self.metrics[key] = Metric(used=used, unit=unit, window=window or self.window)

    def put_some(self, key: str, used: float | None, unit: str, window: str = "") -> None:
        """Add a figure unless it is 0: no rows for what is not there."""
        if used:
            self.put(key, used, unit, window)

    def name(self, family: Family, raw: str, function: str = "") -> None:
        """Remember a raw name that its slug does not show; the first of several with one slug stays."""
        shown = function or raw
        if keys.slug(shown) != shown:
            self._raw_names.setdefault(keys.raw_name_key(family, raw, function), shown)

    def days(self, key: str, values: Mapping[str, float | None]) -> None:
        """Add a daily series."""
        sums = {d.date: d.value for d in self.series.get(key, ())}
        for day, value in values.items():
            if value is not None:
                sums[day] = sums.get(day, 0.0) + value
        if sums:
            self.series[key] = [DayValue(day, sums[day]) for day in sorted(sums)]

    def note(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add attributes."""
        self.attributes.update(pairs)

    def all_attributes(self) -> dict[str, str]:
        """Attributes with the raw names among them."""
        if not self._raw_names:
            return self.attributes
        names = msgspec.json.encode(self._raw_names).decode()
        return self.attributes | {keys.ATTR_RAW_NAMES: names}
