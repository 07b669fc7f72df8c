"""What says who someone is, and how it is taken out of a snapshot before it leaves the machine.

Removed: attributes named for a person or an organization, every attribute and diagnostic that holds an
e-mail address or a path inside a home directory, and the whole of `raw`. Left: account ids, project names
and the one-way `account_key`, without which nothing could be told apart. Projects can be given other names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

import msgspec

from openusage.wire import keys
from openusage.wire.keys import Family
from openusage.wire.snapshot import DayValue, Metric, ModelUsage, UsageSnapshot

IDENTITY = frozenset(
    {
        "account_email",
        "account_id",
        "account_name",
        "account_uuid",
        "display_name",
        "email",
        "login",
        "organization",
        "organization_id",
        "organization_name",
        "organization_uuid",
        "user_email",
        "user_id",
        "user_name",
        "username",
    }
)
"""Attributes that are personal whatever they hold."""

# Bounded by what RFC 5321 allows: an open end would cost the square of a long word's length.
_EMAIL = r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[A-Za-z]{2,}"
_REST = r"[^\s,;:'\"]*"
_HOME_PATH = (
    rf"(?:[A-Za-z]:)?[\\/]+(?:home|users|root|var[\\/]+root)(?![\w.-])(?:[\\/]+{_REST})?|~[\\/]{_REST}"
)
_PERSONAL = re.compile(f"{_EMAIL}|{_HOME_PATH}", re.IGNORECASE)


def account_key(vendor: str, identity: str) -> str:
    """One-way fingerprint of a vendor's opaque account id or API key: the same account on two machines has
    the same one. SHA-256 over a fixed prefix, the vendor and the identity; never made of an e-mail address.

    >>> account_key("openai", "acc-1")[:16]
    'c5bdc9d18fcc35d8'
    """
    return hashlib.sha256(
        "\x1f".join(("openusage account", vendor, identity)).encode("utf-8", "surrogatepass")
    ).hexdigest()


def is_personal(text: str) -> bool:
    """Whether a text holds an e-mail address or a path inside a home directory."""
    return _PERSONAL.search(text) is not None


def without_identity(snapshot: UsageSnapshot) -> UsageSnapshot:
    """The snapshot as it may leave the machine."""
    return msgspec.structs.replace(
        snapshot,
        attributes=_impersonal(snapshot.attributes),
        diagnostics=_impersonal(snapshot.diagnostics),
        raw={},
        model_usage=[_model(m) for m in snapshot.model_usage],
        message=_PERSONAL.sub("…", snapshot.message),
    )


def _model(row: ModelUsage) -> ModelUsage:
    if not row.dimensions:
        return row
    return msgspec.structs.replace(row, dimensions=_impersonal(row.dimensions))


def _impersonal(pairs: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in pairs.items() if k not in IDENTITY and not is_personal(k) and not is_personal(v)}


def with_projects(snapshot: UsageSnapshot, rename: Callable[[str], str]) -> UsageSnapshot:
    """The snapshot with its projects under the names that `rename` gives them, wherever they stand.

    Two projects that get one name are added together. Go's list of projects in words is left out.
    """
    named = keys.raw_names(snapshot.attributes)
    lines = {key: keys.parse_series(key) for key in snapshot.daily_series}
    parsed = {key: keys.parse(key) for key in snapshot.metrics}
    new: dict[str, str] = {}
    for part in (*parsed.values(), *lines.values()):
        if part.family is Family.PROJECT and part.name not in new:
            known = named.get(keys.raw_name_key(Family.PROJECT, part.name), part.name)
            if (name := rename(known)) != known:
                new[part.name] = name
    if not new:
        return snapshot
    metrics: dict[str, Metric] = {}
    for key, metric in snapshot.metrics.items():
        at = parsed[key]
        if at.family is Family.PROJECT and at.name in new:
            key = keys.metric(Family.PROJECT, new[at.name], at.field)
        metrics[key] = _metric_sum(metrics[key], metric) if key in metrics else metric
    series: dict[str, list[DayValue]] = {}
    for key, days in snapshot.daily_series.items():
        at = lines[key]
        if at.family is Family.PROJECT and at.name in new:
            key = keys.series(Family.PROJECT, new[at.name], at.field)
        series[key] = _day_sums(series[key], days) if key in series else days
    named = {k: v for k, v in named.items() if k not in {keys.raw_name_key(Family.PROJECT, n) for n in new}}
    named |= {keys.raw_name_key(Family.PROJECT, name): name for name in new.values()}
    attributes = {k: v for k, v in snapshot.attributes.items() if k != keys.ATTR_PROJECTS}
    attributes[keys.ATTR_RAW_NAMES] = msgspec.json.encode(named).decode()
    return msgspec.structs.replace(snapshot, metrics=metrics, daily_series=series, attributes=attributes)


def _metric_sum(a: Metric, b: Metric) -> Metric:
    return msgspec.structs.replace(a, used=(a.used or 0.0) + (b.used or 0.0))


def _day_sums(a: list[DayValue], b: list[DayValue]) -> list[DayValue]:
    sums = {day.date: day.value for day in a}
    for day in b:
        sums[day.date] = sums.get(day.date, 0.0) + day.value
    return [DayValue(date, sums[date]) for date in sorted(sums)]
