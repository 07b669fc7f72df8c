"""What could not be read: said once in the log, and shown for a while to those who ask."""

from __future__ import annotations

import logging
from collections.abc import Sequence

log = logging.getLogger("openusage.collect")

SHOWN_S = 900.0
"""Longer than sweeps are apart: what is still wrong is seen again before it would leave."""
KEPT = 50
REMEMBERED = 1000
"""So many are known not to be said again."""


class Problems:
    """Of one daemon. Times are seconds of a clock that only moves forward."""

    def __init__(self) -> None:
        self._seen_s: dict[str, float] = {}
        """Sentence -> when it was last true; the newest at the end."""

    def see(self, texts: Sequence[str], now_s: float) -> None:
        """These were met now."""
        for text in texts:
            if self._seen_s.pop(text, None) is None:
                log.warning("%s", text)
            self._seen_s[text] = now_s
        while len(self._seen_s) > REMEMBERED:
            del self._seen_s[next(iter(self._seen_s))]

    def shown(self, now_s: float) -> list[str]:
        """The newest ones, in the order in which they were met."""
        return [text for text, at_s in self._seen_s.items() if now_s - at_s < SHOWN_S][-KEPT:]
