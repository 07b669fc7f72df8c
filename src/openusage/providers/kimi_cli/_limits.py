"""What is left of a Kimi plan: the endpoint behind the tool's own `/usage`, asked with the tool's own login.

Sources: `packages/oauth/src/managed-usage.ts` and `storage.ts` of the kimi-code repository,
`src/kimi_cli/ui/shell/usage.py` of kimi-cli. A login that is no longer valid is not used: the tool renews it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from openusage.providers import _http
from openusage.providers._contract import Env
from openusage.providers._documents import object_in
from openusage.providers._figures import window_used
from openusage.providers._values import child, number, text, time_us
from openusage.providers.kimi_cli._place import PROVIDER
from openusage.wire.events import Behaviour, QuotaReading

API_BASE_URL = "https://api.kimi.com/coding/v1"
LOGIN = Path("credentials", "kimi-code.json")
_WHO = "Kimi's usage endpoint"
_MINUTES = {"MINUTE": 1, "HOUR": 60, "DAY": 1440, "WEEK": 10_080}
_WINDOWS = {300: ("usage_five_hour", "5h"), 1440: ("usage_one_day", "1d"), 10_080: ("usage_weekly", "7d")}
_CENTS = 1_000_000
"""The balance is told in millionths of a cent."""


def poll(account: str, homes: Sequence[Path], env: Env) -> Iterator[QuotaReading]:
    """The limits, with the first login that is valid. Nothing without one."""
    logins = (object_in(home / LOGIN) for home in homes)
    token = next(filter(None, (_http.access_token(one, "expires_at", env.now_us) for one in logins)), None)
    if env.http is None or token is None:
        return
    answer = _http.ask(
        env.http,
        env.base_url(PROVIDER, API_BASE_URL) + "/usages",
        who=_WHO,
        headers={"Authorization": f"Bearer {token}"},
        login_hint="Run `kimi` and /login.",
        silent_on=(404,),
    )
    yield from readings_of(answer, account, env.now_us)


def readings_of(answer: Mapping[str, object], account: str, now_us: int) -> Iterator[QuotaReading]:
    """The week's limit, those of shorter windows, and what was paid for besides."""
    yield from _reading(child(answer, "usage"), ("usage_weekly", "7d"), account, now_us)
    limits = answer.get("limits")
    for limit in limits if isinstance(limits, list) else ():
        window = _WINDOWS.get(_minutes(child(limit, "window")))
        if window is not None:
            yield from _reading(child(limit, "detail") or child(limit), window, account, now_us)
    wallet = child(answer, "boosterWallet")
    left = number(child(wallet, "balance").get("amountLeft"))
    if left is not None:
        yield QuotaReading(
            provider=PROVIDER,
            account=account,
            key="credit_balance",
            at_us=now_us,
            unit=text(child(wallet, "monthlyUsed").get("currency")) or "USD",
            window="current",
            remaining=left / _CENTS / 100,
            behaviour=Behaviour.BALANCE,
        )


def _reading(
    told: Mapping[str, object], named: tuple[str, str], account: str, now_us: int
) -> Iterator[QuotaReading]:
    key, window = named
    limit, used, remaining = (number(told.get(name)) for name in ("limit", "used", "remaining"))
    if used is None and limit is not None and remaining is not None:
        used = limit - remaining
    if used is None or not limit or limit <= 0:
        return
    names = ("resetTime", "resetAt", "reset_at", "reset_time")
    resets_us = next(filter(None, (time_us(told.get(name)) for name in names)), None)
    share = 100.0 * used / limit
    yield window_used(PROVIDER, account, key, window, share, at_us=now_us, resets_at_us=resets_us)


def _minutes(window: Mapping[str, object]) -> int:
    unit = (text(window.get("timeUnit")) or "").rpartition("_")[2]
    return round((number(window.get("duration")) or 0) * _MINUTES.get(unit, 0))
