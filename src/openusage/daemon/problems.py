"""What could not be read: said once in the log, and shown for a while to those who ask."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from openusage.format import printable
from openusage.wire.problems import Problem

log = logging.getLogger("openusage.collect")

SHOWN_S = 900.0
"""Longer than sweeps are apart: what is still wrong is seen again before it would leave."""
KEPT = 50
REMEMBERED = 1000
"""So many are known not to be said again."""


def as_shown(problem: Problem, provider: str) -> Problem:
    """A tool's, in characters that every log, screen and program can take."""
    what, path = printable(problem.what), printable(problem.path)
    return msgspec.structs.replace(problem, provider=provider, what=what, path=path)


class Problems:
    """Of one daemon. Times are seconds of a clock that only moves forward."""

    def __init__(self) -> None:
        self._seen_s: dict[Problem, float] = {}
        """Problem -> when it was last true; the newest at the end."""

    def see(self, problems: Sequence[Problem], now_s: float) -> None:
        """These were met now."""
        for problem in problems:
            if self._seen_s.pop(problem, None) is None:
                log.warning("%s", problem.sentence)
            self._seen_s[problem] = now_s
        while len(self._seen_s) > REMEMBERED:
            del self._seen_s[next(iter(self._seen_s))]

    def shown(self, now_s: float) -> list[Problem]:
        """The newest ones, in the order in which they were met."""
        return [problem for problem, at_s in self._seen_s.items() if now_s - at_s < SHOWN_S][-KEPT:]
