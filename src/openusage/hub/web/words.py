"""Figures and states in the words of the page, which are those of the terminal. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from openusage import format as fmt
from openusage import words
from openusage.wire import keys
from openusage.wire.fleet import MachineState
from openusage.wire.forecast import forecast
from openusage.wire.pane import PaneRow, Used
from openusage.wire.rollups import By
from openusage.wire.sections import Credit, Gauge

GROUP_WORDS = {
    By.MACHINE: "machine",
    By.PROVIDER: "tool",
    By.ACCOUNT: "account",
    By.MODEL: "model",
    By.PROJECT: "project",
    By.CLIENT: "client",
}
PLURALS = {group: f"{word}s" for group, word in GROUP_WORDS.items()}
_MOST_CHARS = 200
_SOME = 0.5
"""Percent: less than that is no trend."""


class Thresholds(msgspec.Struct, frozen=True):
    """Used shares in percent from which on a limit is near, and nearly reached."""

    warn_pct: float = 80.0
    crit_pct: float = 95.0


class Trend(msgspec.Struct, frozen=True):
    """More or less than before."""

    sign: str
    text: str
    words: str
    """The same as a sentence."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, ready to be drawn."""

    label: str
    state: words.Level
    sign: str
    """Of the state; empty when all is well."""
    text: str
    used_pct: float
    """0..100, for the bar."""
    ahead_pct: float | None
    """Where it will be at its reset, at most 100; `None`: not known."""
    resets_at: dt.datetime | None
    note: str
    """What follows the reset: `full in 48 m`, or what is left of a limit that has no reset."""
    urgent: bool = False
    """It will be full before its reset."""


def name(text: str | None) -> str:
    """A name that others gave: safe to show, and not endless."""
    if not text:
        return words.UNNAMED
    return fmt.printable(text if len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 1] + "…")


def row_names(rows: Sequence[PaneRow], group: By) -> list[str]:
    """What rows are called, each unlike the others where their labels are."""
    labels = [row.label or "" for row in rows]
    if group is By.PROVIDER:
        labels = [keys.provider_name(label) if label else "" for label in labels]
    elif group is By.MODEL:
        labels = fmt.model_names(labels)
    return [
        f"{row.others} more" if row.others else name(label) for row, label in zip(rows, labels, strict=True)
    ]


def model(label: str | None) -> str:
    return name(fmt.short_model(label)) if label else fmt.MISSING


def trend(now: Used, before: Used | None, *, of_cost: bool, than: str) -> Trend | None:
    """`None`: nothing is known of before, or there was nothing."""
    pct = words.trend_pct(now, before, of_cost=of_cost)
    if pct is None:
        return None
    if abs(pct) < _SOME:
        return Trend("±", "0 %", f"as much as {than}")
    more = pct > 0
    text = fmt.percent(abs(pct))
    return Trend("▲" if more else "▼", text, f"{text} {'more' if more else 'less'} than {than}")


def level(gauge: Gauge, now: dt.datetime, thresholds: Thresholds) -> Level:
    """Used share, figure, reset, and where it will be then at the present rate."""
    ahead = forecast(gauge, now)
    state = words.level(gauge.used_pct, thresholds.warn_pct, thresholds.crit_pct)
    return Level(
        label=name(gauge.label),
        state=state,
        sign=words.LEVEL_SIGNS[state],
        text=fmt.percent(gauge.used_pct),
        used_pct=min(max(gauge.used_pct, 0.0), 100.0),
        ahead_pct=min(ahead.at_reset_pct, 100.0) if ahead else None,
        resets_at=gauge.resets_at,
        note=words.outlook(ahead)
        if ahead
        else ""
        if gauge.resets_at
        else words.left_over(gauge, name(gauge.unit)),
        urgent=ahead is not None and ahead.full_in_s is not None,
    )


def credit(credit: Credit) -> str:
    """`balance $7.02 left, $1.96 used of $10.00`."""
    parts = [
        f"{words.in_unit(value, name(credit.unit))} {word}"
        for value, word in ((credit.remaining, "left"), (credit.used, "used"))
        if value is not None
    ]
    limit = f" of {words.in_unit(credit.limit, name(credit.unit))}" if credit.limit is not None else ""
    return f"{name(credit.label)} {', '.join(parts)}{limit}"


def machine_facts(machine: MachineState, tz: dt.tzinfo) -> list[str]:
    """What there is to say of a machine beside its usage."""
    facts = [f"openusage {name(machine.version)}"] if machine.version else []
    facts.append(f"known since {fmt.day_label(machine.first_seen.astimezone(tz).date().isoformat())}")
    if machine.records:
        facts.append(f"{fmt.count(machine.records)} records")
    if machine.copies:
        facts.append(f"{fmt.count(machine.copies)} copies that count elsewhere")
    if machine.backlog:
        facts.append(f"{fmt.count(machine.backlog)} records still to come")
    return facts


def tick(label: str) -> str:
    """A day or an hour of a chart, shortly: `22 Nov`, `14:00`."""
    return f"{label[11:13]}:00" if len(label) == 13 else fmt.day_label(label)


def tick_long(label: str) -> str:
    """The same with its weekday: `Sun 22 Nov`."""
    if len(label) == 13:
        return f"{label[11:13]}:00–{label[11:13]}:59"
    return f"{dt.date.fromisoformat(label):%a} {fmt.day_label(label)}"
