"""The head of a tile: sign of state, tool, machine, age. It is part of the tile's upper border."""

from __future__ import annotations

import enum

from rich.style import Style

from openusage import format as fmt
from openusage import words
from openusage.tui.lines import Part, clean
from openusage.tui.palette import Palette
from openusage.tui.view import View
from openusage.wire.sections import Sections

STALE_AFTER_S = 180
"""Three missed pushes at the exporter's default interval."""
GONE_AFTER_S = 3600
CLOCK_OFF_S = 120
"""A machine whose snapshot is made so far in the future has another idea of the time than we."""


class State(enum.StrEnum):
    """What a reader wants to know first; each has a sign, so that it survives without colour."""

    LIVE = "live"
    STALE = "stale"
    GONE = "gone"
    ERROR = "error"
    NONE = "none"


SIGNS = {State.LIVE: "●", State.STALE: "◐", State.GONE: "○", State.ERROR: "!", State.NONE: "○"}


def age_s(account: Sections, view: View) -> float | None:
    """Seconds since the snapshot was made."""
    return None if account.timestamp is None else (view.now - account.timestamp).total_seconds()


def state(account: Sections, view: View) -> State:
    """From status and age."""
    if account.status in ("ERROR", "AUTH_REQUIRED"):
        return State.ERROR
    if account.status in ("UNSUPPORTED", "UNKNOWN"):
        return State.NONE
    old = age_s(account, view)
    if old is None or old < STALE_AFTER_S:
        return State.LIVE
    return State.STALE if old < GONE_AFTER_S else State.GONE


def word(account: Sections) -> str:
    """The status in words, empty when all is well."""
    return words.status(clean(account.status))


def sign_style(account: Sections, found: State, palette: Palette) -> Style:
    """The sign's colour: state, and the vendor's own verdict about limits."""
    if found is State.ERROR or account.status == "LIMITED":
        return palette.crit
    if found is State.STALE or account.status == "NEAR_LIMIT":
        return palette.warn
    return palette.good if found is State.LIVE else palette.dim


def account_label(account: Sections) -> str:
    """The account's own name when it says more than the provider: `work` of two Claude accounts."""
    return clean(words.own_name(account.account_id, account.provider_id))


def title(account: Sections, view: View) -> list[list[Part]]:
    """Groups for the left of the border, the most important first."""
    palette = view.palette
    found = state(account, view)
    groups: list[list[Part]] = [
        [
            (SIGNS[found], sign_style(account, found, palette)),
            (" ▎", palette.brand(account.provider_id)),
            (clean(account.name) or clean(account.provider_id), palette.strong),
        ]
    ]
    if status := word(account):
        groups.append([(status, sign_style(account, found, palette))])
    if label := account_label(account):
        groups.append([(label, palette.dim)])
    elif account.plan:
        groups.append([(clean(account.plan), palette.dim)])
    return groups


def place(account: Sections, view: View) -> list[list[Part]]:
    """Groups for the right of the border: machine, age. The last gives way first."""
    palette = view.palette
    groups: list[list[Part]] = []
    if account.machine:
        groups.append([(clean(account.machine), palette.text)])
    old = age_s(account, view)
    if old is not None and old <= -CLOCK_OFF_S:
        groups.append([(f"clock {fmt.age(-old)} ahead", palette.warn)])
    elif old is not None:
        stale = old >= STALE_AFTER_S
        groups.append([(fmt.age(old), palette.warn if stale else palette.dim)])
    return groups
