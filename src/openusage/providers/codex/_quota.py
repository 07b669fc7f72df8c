"""What Codex and its vendor say about limits, credits and plan: log lines and API answers -> readings. Pure.

A window is named by its duration, not by its slot: an account with only a weekly limit has it as `primary`.
Every field is typed loosely: balances are strings, windows null, resets absolute or relative, by version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openusage.providers._values import number
from openusage.wire.events import AccountFact, Behaviour, QuotaReading
from openusage.wire.keys import slug

PROVIDER = "codex"
MAIN_LIMIT = "codex"
"""`limit_id` of the plan's own limit; others (one model's, one feature's) have a name in their keys."""

_MINUTE_US = 60_000_000
_USUAL_WINDOW = {"primary": "5h", "secondary": "7d"}


def from_log(account: str, limits: Mapping[str, Any], at_us: int) -> Iterator[QuotaReading | AccountFact]:
    """Records of the `rate_limits` of one log line."""
    feature = ""
    if limits.get("limit_id") not in (None, "", MAIN_LIMIT):
        feature = slug(str(limits.get("limit_name") or limits["limit_id"]))
    found = list(_pair(account, feature, limits, ("primary", "secondary"), at_us))
    yield from found
    if found:
        yield _fact(account, "rate_limit_source", "session", at_us)
    yield from _money(account, limits, at_us)
    yield from plan(account, limits.get("plan_type"), at_us)


def from_api(account: str, answer: Mapping[str, Any], at_us: int) -> Iterator[QuotaReading | AccountFact]:
    """Records of the vendor's answer to `wham/usage`."""
    nested = answer.get("rate_limit_status")
    flat = {
        **(nested if isinstance(nested, dict) else {}),
        **{k: v for k, v in answer.items() if v is not None},
    }
    slots = ("primary_window", "secondary_window")
    limits: list[tuple[str, object]] = [("", flat.get("rate_limit"))]
    limits.append(("code_review", flat.get("code_review_rate_limit")))
    more = flat.get("additional_rate_limits")
    for one in more if isinstance(more, list) else []:
        if isinstance(one, dict) and (name := one.get("limit_name") or one.get("metered_feature")):
            limits.append((slug(str(name)), one.get("rate_limit")))
    for feature, limit in limits:
        if isinstance(limit, dict):
            yield from _pair(account, feature, limit, slots, at_us)
    yield _fact(account, "rate_limit_source", "live", at_us)
    yield from _money(account, flat, at_us)
    yield from plan(account, flat.get("plan_type"), at_us)
    if isinstance(email := flat.get("email"), str) and email:
        yield _fact(account, "account_email", email, at_us)


def plan(account: str, name: object, at_us: int) -> Iterator[AccountFact]:
    """The plan's name as a fact, nothing when it is not told."""
    if isinstance(name, str) and name:
        yield _fact(account, "plan_type", name, at_us)


def _pair(
    account: str, feature: str, limits: Mapping[str, Any], slots: tuple[str, str], at_us: int
) -> Iterator[QuotaReading]:
    for slot, field in zip(("primary", "secondary"), slots, strict=True):
        window = limits.get(field)
        if isinstance(window, dict):
            key = f"rate_limit_{feature}_{slot}" if feature else f"rate_limit_{slot}"
            reading = _window(account, key, slot, window, at_us)
            if reading is not None:
                yield reading


def _window(account: str, key: str, slot: str, given: Mapping[str, Any], at_us: int) -> QuotaReading | None:
    used = number(given.get("used_percent"))
    if used is None and (left := number(given.get("remaining_percent"))) is not None:
        used = 100.0 - left
    if used is None:
        return None
    minutes = number(given.get("window_minutes"))
    if minutes is None and (seconds := number(given.get("limit_window_seconds"))) is not None:
        minutes = seconds / 60
    resets_at_us = _reset(given, at_us)
    return QuotaReading(
        provider=PROVIDER,
        account=account,
        key=key,
        at_us=at_us,
        unit="%",
        window=window_name(minutes) or _guess(slot, resets_at_us, at_us),
        used=used,
        limit=100.0,
        remaining=max(0.0, 100.0 - used),
        resets_at_us=resets_at_us,
        behaviour=Behaviour.CAP,
    )


def window_name(minutes: float | None) -> str | None:
    """A duration as people call it. Versions differ by a minute: 299 and 300 are both `5h`.

    >>> window_name(300), window_name(10079), window_name(45), window_name(None)
    ('5h', '7d', '45m', None)
    """
    if minutes is None or minutes < 1:
        return None
    near = round(minutes)
    for length, unit in ((1440, "d"), (60, "h")):
        count = round(near / length)
        if count and abs(near - count * length) <= 1:
            return f"{count}{unit}"
    return f"{near}m"


def _guess(slot: str, resets_at_us: int | None, at_us: int) -> str:
    """Window of unknown duration: the slot's usual one, unless it ends later than that one could."""
    if resets_at_us is not None and resets_at_us - at_us > 300 * _MINUTE_US:
        return _USUAL_WINDOW["secondary"]
    return _USUAL_WINDOW[slot]


def _reset(given: Mapping[str, Any], at_us: int) -> int | None:
    for field in ("resets_at", "reset_at"):
        if (at_s := number(given.get(field))) is not None and 0 < at_s < 1e11:
            return int(at_s * 1_000_000)
    for field in ("resets_in_seconds", "reset_after_seconds"):
        if (in_s := number(given.get(field))) is not None and abs(in_s) < 1e10:
            return at_us + int(in_s * 1_000_000)
    return None


def _money(account: str, given: Mapping[str, Any], at_us: int) -> Iterator[QuotaReading | AccountFact]:
    credits = given.get("credits")
    if isinstance(credits, dict):
        unlimited, has = credits.get("unlimited") is True, credits.get("has_credits") is True
        yield _fact(account, "credits", "unlimited" if unlimited else "available" if has else "none", at_us)
        if (balance := number(credits.get("balance"))) is not None:
            yield QuotaReading(
                provider=PROVIDER,
                account=account,
                key="credit_balance",
                at_us=at_us,
                unit="USD",
                window="current",
                remaining=balance,
                behaviour=Behaviour.BALANCE,
            )
    limit = given.get("individual_limit")
    if isinstance(limit, dict):
        yield from _credit_limit(account, limit, at_us)


def _credit_limit(account: str, given: Mapping[str, Any], at_us: int) -> Iterator[QuotaReading]:
    used, limit = number(given.get("used")), number(given.get("limit"))
    left = number(given.get("remaining_percent"))
    resets_at_us = _reset(given, at_us)
    if limit is not None:
        yield QuotaReading(
            provider=PROVIDER,
            account=account,
            key="codex_credit_limit",
            at_us=at_us,
            unit="credits",
            window="current-period",
            used=used,
            limit=limit,
            remaining=None if used is None else max(0.0, limit - used),
            resets_at_us=resets_at_us,
            behaviour=Behaviour.CAP,
        )
    percent = (
        100.0 - left if left is not None else 100.0 * used / limit if used is not None and limit else None
    )
    if percent is not None:
        yield QuotaReading(
            provider=PROVIDER,
            account=account,
            key="codex_credit_percent_used",
            at_us=at_us,
            unit="%",
            window="current-period",
            used=percent,
            limit=100.0,
            remaining=max(0.0, 100.0 - percent),
            resets_at_us=resets_at_us,
            behaviour=Behaviour.CAP,
        )


def _fact(account: str, key: str, value: str, at_us: int) -> AccountFact:
    return AccountFact(provider=PROVIDER, account=account, key=key, value=value, at_us=at_us)
