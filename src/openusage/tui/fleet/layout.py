"""How the lines of a fleet's screen are shared out among its zones. Pure.

First what must be seen: figures, some rows, the accounts that are nearest to their limit. Then all rows and
accounts, then the chart; it grows into the room that nobody else wants.
"""

from __future__ import annotations

import msgspec

from openusage.tui.fleet import chart

_LEAST_ROWS, _FEWEST_ROWS, _LEAST_ACCOUNTS = 5, 3, 4
"""Lines with the head; the fewest rows while a person looks at the accounts."""
_MOST_ACCOUNTS = 8
_A_SENTENCE = 10
"""For so many lines one sentence before the rest is shared out."""
_BLANKS_FROM, _FOOT_FROM = 12, 20
"""Lines from which on blank ones stand between zones, and one below the last."""


class Zones(msgspec.Struct, frozen=True):
    """Lines of each zone; a blank line above a zone is not counted in it."""

    top: int
    """Figures: 3, 1 for all of them in one line, or none."""
    chart: int
    """With the blank line above it; 0: none."""
    rows: int
    """With the head; the chart and the accounts leave it at least half of what it wants."""
    accounts: int
    """With the head; 0: none."""
    said: int
    """Sentences."""
    gap: int
    """Blank lines above rows, accounts and sentences: 1 or 0."""

    @property
    def used(self) -> int:
        """Of all zones, blank lines and all."""
        gaps = (1 + bool(self.accounts) + bool(self.said)) * self.gap
        return self.top + self.chart + self.rows + self.accounts + self.said + gaps


def shared_out(
    room: int, width: int, *, rows: int, accounts: int, said: int, has_chart: bool, on_accounts: bool = False
) -> Zones:
    """`rows`, `accounts` and `said` as many lines as each would like, heads included, in `room` lines.

    `on_accounts`: a person is looking at the accounts.
    """
    gap = 1 if room >= _BLANKS_FROM else 0
    room -= 1 if room >= _FOOT_FROM else 0
    top = 3 if room >= 10 and width >= 40 else 1 if room >= 6 else 0
    least = max(min(rows, _FEWEST_ROWS if on_accounts else _LEAST_ROWS, room - top - gap), 1)
    most = accounts if on_accounts else min(accounts, _MOST_ACCOUNTS)
    left = room - top - gap - least
    shown = min(most, max(left - gap, 0)) if on_accounts else min(most, _LEAST_ACCOUNTS, max(left - gap, 0))
    shown = shown if shown >= 2 else 0
    left -= shown + gap * bool(shown)
    sentences = min(said, max(left - gap, 0), room // _A_SENTENCE)
    left -= sentences + gap * bool(sentences)
    rest = max(left, 0)
    more = min(rest, rows - least)
    charted = chart.rows(rest - min(more, rest // 2), width) if has_chart else 0
    more = min(more, rest - charted)
    rest -= more + charted
    wider = min(rest, most - shown) if shown else 0
    rest -= wider
    longer = min(rest, said - sentences) if sentences else 0
    rest -= longer
    if charted:
        charted = chart.rows(charted + rest, width)
    return Zones(top, charted, least + more, shown + wider, sentences + longer, gap)
