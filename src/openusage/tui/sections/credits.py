"""Money or credits that the vendor keeps for the account."""

from __future__ import annotations

from textual.strip import Strip

from openusage import words
from openusage.tui.lines import Part, clean, fit, left, packed, strip
from openusage.tui.sections.ranking import LABEL_WIDTH
from openusage.tui.view import View
from openusage.wire.sections import Credit, Sections


def rows(account: Sections, view: View) -> int:
    return len(account.credits)


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    return [line(credit, width, view) for credit in account.credits[:rows]]


def line(credit: Credit, width: int, view: View) -> Strip:
    """`BALANCE   $7.02 left  $1.96 used  of $10.00`."""
    palette = view.palette
    label = fit(clean(credit.label) or clean(credit.key), LABEL_WIDTH - 1).upper()
    groups: list[list[Part]] = []
    for value, word, strong in ((credit.remaining, "left", True), (credit.used, "used", False)):
        if value is not None:
            groups.append(
                [
                    (words.in_unit(value, clean(credit.unit)), palette.strong if strong else palette.text),
                    (f" {word}", palette.dim),
                ]
            )
    if credit.limit is not None:
        groups.append([("of ", palette.dim), (words.in_unit(credit.limit, clean(credit.unit)), palette.text)])
    parts: list[Part] = [(left(label, LABEL_WIDTH), palette.dim)]
    return strip([*parts, *packed(groups, width - LABEL_WIDTH, gap=2)], width)
