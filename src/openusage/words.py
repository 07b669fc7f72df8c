"""What all front ends say alike: states, limits, and what figures do not hold. Pure.

Names that others gave come in as they may be shown: each painter has its own way to make them safe.
Sentences have no full stop; who sets them one after the other adds it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from openusage import format as fmt
from openusage.wire.fleet import State
from openusage.wire.forecast import Forecast
from openusage.wire.keys import provider_name
from openusage.wire.local import Unassigned
from openusage.wire.pane import Used
from openusage.wire.sections import Gauge

UNNAMED = "unknown"
"""Where the records do not say."""
STATES = {State.FRESH: ("●", "live"), State.STALE: ("◐", "stale"), State.GONE: ("○", "gone")}
"""Sign and word of a machine: a state survives without colour."""
SKEW_S = 60.0
"""A clock that is off by less needs no word."""
SKEW_HINT = "Days and ages are off by that until one of them is set right."
_MOST_SKEWS = 2
_STATUS = {
    "NEAR_LIMIT": "near limit",
    "LIMITED": "limit reached",
    "AUTH_REQUIRED": "login needed",
    "UNSUPPORTED": "unsupported",
    "ERROR": "error",
    "UNKNOWN": "no data",
    "OK": "",
}
_PLAIN_ACCOUNTS = ("", "_cli", "_ide", "_default", "default")


class Level(enum.StrEnum):
    """How near a limit is."""

    OK = "ok"
    WARN = "warn"
    CRIT = "crit"


LEVEL_SIGNS = {Level.OK: "", Level.WARN: "▲", Level.CRIT: "!"}


def level(used_pct: float, warn_pct: float, crit_pct: float) -> Level:
    """By the thresholds of the settings, in percent used."""
    if used_pct >= crit_pct:
        return Level.CRIT
    return Level.WARN if used_pct >= warn_pct else Level.OK


def outlook(ahead: Forecast) -> str:
    """`full in 48 m`, or `95 % by then` at the reset."""
    if ahead.full_in_s is not None:
        return f"full in {fmt.duration(ahead.full_in_s)}"
    return f"{fmt.percent(ahead.at_reset_pct)} by then"


def left_over(gauge: Gauge, unit: str) -> str:
    """`$7.02 of $10.00 left`, where that is known and is no percentage."""
    if gauge.remaining is None or gauge.limit is None or gauge.unit == "%":
        return ""
    if gauge.unit.upper() == "USD":
        return f"{fmt.money(gauge.remaining)} of {fmt.money(gauge.limit)} left"
    return f"{fmt.amount(gauge.remaining)} of {fmt.amount(gauge.limit)} {unit} left"


def in_unit(value: float, unit: str) -> str:
    """USD as money, `%` as percent, anything else with its name."""
    if unit.upper() == "USD":
        return fmt.money(value)
    return fmt.percent(value) if unit == "%" else f"{fmt.amount(value)} {unit}".rstrip()


def status(word: str) -> str:
    """A snapshot's status, empty when all is well; an unknown word of a peer is shown as it came."""
    return _STATUS.get(word, word.lower().replace("_", " "))


def own_name(account: str, provider: str) -> str:
    """An account's id where it says more than its tool: `work` of two Claude accounts."""
    rest = account.replace("-", "_").removeprefix(provider)
    return "" if rest in _PLAIN_ACCOUNTS else account


def change_pct(new: float, old: float) -> float | None:
    """How much more, in percent; `None` where there was nothing before."""
    return 100 * (new - old) / old if old > 0 else None


def trend_pct(now: Used, before: Used | None, *, of_cost: bool) -> float | None:
    """How much more than before, in percent; `None`: nothing is known of before, or there was nothing."""
    if before is None:
        return None
    new, old = (now.cost_usd, before.cost_usd) if of_cost else (now.tokens, before.tokens)
    return change_pct(new, old) if old is not None and new is not None else None


def skews(clocks: Iterable[tuple[str, float | None]]) -> list[str]:
    """`build-1's clock is 6 m ahead of the hub's.`: (machine, seconds ahead) -> whole sentences, few."""
    found = []
    for name, skew_s in clocks:
        if skew_s is not None and abs(skew_s) >= SKEW_S:
            way = "ahead of" if skew_s > 0 else "behind"
            found.append(f"{name}'s clock is {fmt.duration(abs(skew_s))} {way} the hub's.")
    if len(found) > _MOST_SKEWS + 1:
        return [*found[:_MOST_SKEWS], f"The clocks of {len(found) - _MOST_SKEWS} more machines are off."]
    return found


def own_clock(ahead_s: float | None) -> str:
    """`this machine's clock is 6 m ahead of the hub's`, as far as its `Date` tells; empty: it is right."""
    if ahead_s is None or abs(ahead_s) < SKEW_S:
        return ""
    return skews([("this machine", 60 * round(ahead_s / 60))])[0].removesuffix(".")


def flat_plans(names: Sequence[str]) -> str:
    """What costs stand for where somebody pays a flat price."""
    verb = "is a flat plan" if len(names) == 1 else "are flat plans"
    return f"{', '.join(names)} {verb}: costs are what the API would have charged"


def copies(count: int) -> str:
    """How many events were seen twice."""
    were, are = ("1 event was", "is") if count == 1 else (f"{count:,} events were", "are")
    return f"{were} on more than one machine and {are} counted once"


def unpriced(count: float) -> str:
    """Requests without a price."""
    return f"{fmt.count(count)} requests unpriced, not in any cost"


def unassigned(found: Sequence[Unassigned]) -> str:
    """What tools were answered, while no account is known to pay for it."""
    vendors: dict[str, list[str]] = {}
    for one in found:
        vendors.setdefault(provider_name(one.provider), []).append(one.upstream)
    of = ", ".join(f"{tool}: {', '.join(sorted(set(names)))}" for tool, names in sorted(vendors.items()))
    requests = fmt.count(sum(one.requests for one in found))
    return f"{requests} requests unassigned ({of}), see telemetry.provider_links"


def estimated(count: float) -> str:
    """Requests whose tokens the tool did not count."""
    return f"{fmt.count(count)} requests with estimated token counts"
