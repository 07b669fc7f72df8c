"""What rows and columns of a fleet are called, and the sentences about its figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from openusage import format as fmt
from openusage import words
from openusage.tui.lines import clean
from openusage.tui.view import View
from openusage.wire.keys import provider_name
from openusage.wire.pane import Pane, PaneRow
from openusage.wire.rollups import By

_LAG_S = 30.0
_NAMED = 3
"""Machines that a sentence names; the others are counted."""
OTHER_WINDOW = "*"
"""Behind a figure that is of another window than the one asked for; a sentence says of which."""


def labels_of(rows: Sequence[PaneRow], group: By) -> list[str]:
    """The names of rows; models without the date of their release where that tells them apart."""
    names = [label_of(row, group) for row in rows]
    return fmt.model_names(names) if group is By.MODEL else names


def label_of(row: PaneRow, group: By) -> str:
    """The whole name of a row."""
    if row.others:
        return f"{row.others} more"
    if not row.label:
        return words.UNNAMED
    return provider_name(row.label) if group is By.PROVIDER else clean(row.label)


def window_title(window: str) -> str:
    """The heading of a window's column: `7 DAYS`, `ALL TIME`."""
    return fmt.window_words(window).removeprefix("last ").upper()


def key_of(row: PaneRow) -> str:
    """What tells a row from the others, over refreshes."""
    return "\0others" if row.others else "\0" if row.label is None else row.label


def sends_snapshots_only(row: PaneRow) -> bool:
    """A machine whose figures come from its snapshots: it sends no records."""
    used = row.window.tokens or row.own_window
    return row.machine is not None and not row.machine.sends_records and bool(used)


def note(row: PaneRow) -> str:
    """What is odd about a row, in few words."""
    parts = [f"figures of {fmt.window_words(row.own_window)}"] if row.own_window else []
    machine = row.machine
    if machine is not None:
        if machine.clock_skew_s is not None and abs(machine.clock_skew_s) >= words.SKEW_S:
            way = "ahead" if machine.clock_skew_s > 0 else "behind"
            parts.append(f"clock {fmt.age(abs(machine.clock_skew_s))} {way}")
        if machine.lag_s is not None and machine.lag_s >= _LAG_S:
            parts.append(f"{fmt.age(machine.lag_s)} on its way")
        if machine.backlog:
            parts.append(f"{fmt.count(machine.backlog)} records to come")
    if sends_snapshots_only(row):
        parts.append("sends snapshots only")
    return ", ".join(parts)


def warnings(pane: Pane) -> list[str]:
    """`build-1's clock is 6 m ahead of the hub's.`: what is wrong with machines, one line each."""
    machines = [row.machine for row in pane.rows if row.machine is not None]
    return words.skews((clean(machine.name), machine.clock_skew_s) for machine in machines)


def sentences(pane: Pane, view: View) -> list[str]:
    """What a reader should know of the figures, the most important first. Short, without a full stop."""
    totals = pane.totals
    found = _of_snapshots(pane)
    flat = sorted({clean(a.name) for a in pane.accounts if a.flat_plan})
    if flat and view.shows_money:
        found.append(words.flat_plans(flat))
    if totals.partial_since is not None:
        since = totals.partial_since.astimezone(view.tz)
        found.append(f"partial: our data begin {since.day} {since:%b %H:%M}")
    if totals.unpriced_requests:
        found.append(words.unpriced(totals.unpriced_requests))
    if pane.unassigned:
        found.append(clean(words.unassigned(pane.unassigned)))
    if totals.estimated_requests:
        found.append(words.estimated(totals.estimated_requests))
    if pane.history and pane.copies:
        found.append(words.copies(pane.copies))
    found += _waiting(pane)
    return found


def packed(said: Sequence[str], width: int, rows: int) -> list[str]:
    """Sentences beside each other, on at most `rows` lines; what has no room is left out."""
    lines: list[str] = []
    for sentence in said:
        joined = f"{lines[-1]} · {sentence}" if lines else sentence
        if lines and cell_len(joined) <= width:
            lines[-1] = joined
        elif len(lines) < rows:
            lines.append(sentence)
    return lines


def _of_snapshots(pane: Pane) -> list[str]:
    """Whose figures are not of the window that was asked for, or no records but snapshots."""
    if not pane.history:
        return [
            "This hub keeps no history: each machine's figures are of its own window, as it last sent them"
        ]
    if pane.group is not By.MACHINE:
        windows = {row.own_window for row in pane.rows if row.own_window}
        said = " or ".join(sorted(map(fmt.window_words, windows)))
        return [f"{OTHER_WINDOW} of machines that send snapshots only: {said}"] if windows else []
    own = [row for row in pane.rows if row.own_window]
    plain = [row for row in pane.rows if sends_snapshots_only(row) and not row.own_window]
    found = []
    if own:
        windows = {row.own_window for row in own}
        of = f"of {fmt.window_words(own[0].own_window)}" if len(windows) == 1 else "of their own windows"
        verb = "sends" if len(own) == 1 else "send"
        found.append(f"{OTHER_WINDOW} {of}: {_names(own)} {verb} snapshots only")
    if plain:
        found.append(f"{_names(plain)} {'sends' if len(plain) == 1 else 'send'} snapshots only")
    return found


def _waiting(pane: Pane) -> list[str]:
    rows = [row for row in pane.rows if row.machine is not None and row.machine.backlog]
    if not rows:
        return []
    waiting = sum(row.machine.backlog or 0 for row in rows if row.machine is not None)
    return [f"{fmt.count(waiting)} records still to come from {_names(rows)}"]


def _names(rows: Sequence[PaneRow]) -> str:
    """`home, ci and 3 others`."""
    names = [clean(row.label or words.UNNAMED) for row in rows]
    if len(names) > _NAMED:
        return f"{', '.join(names[: _NAMED - 1])} and {len(names) - _NAMED + 1} others"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
