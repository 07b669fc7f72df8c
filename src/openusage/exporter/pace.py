"""How fast a back-fill goes, by its last batches: how long the rest will roughly take."""

from __future__ import annotations

from collections import deque

_BATCHES = 8


class Pace:
    """Told of every batch that went through. Seconds of any clock that only moves forward."""

    def __init__(self) -> None:
        self._batches: deque[tuple[float, int]] = deque(maxlen=_BATCHES)

    def stopped(self) -> None:
        """Nothing goes through now: what was before tells nothing of what comes."""
        self._batches.clear()

    def took(self, records: int, at_s: float) -> None:
        """A batch of so many went through."""
        self._batches.append((at_s, records))

    def left_s(self, waiting: int) -> float | None:
        """Seconds that so many more will take; `None`: it cannot be said yet."""
        if len(self._batches) < 2:
            return None
        spent_s = self._batches[-1][0] - self._batches[0][0]
        sent = sum(records for _, records in list(self._batches)[1:])
        return waiting * spent_s / sent if sent else None
