"""Cursor's dashboard, asked with the login that Cursor keeps: usage of each request, spend and limits.

The login is only read: Cursor renews it. Amounts are in cents, and times in milliseconds as texts.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from openusage.errors import SourceChanged, SourceUnavailable
from openusage.providers import _http
from openusage.providers._contract import Http
from openusage.providers._figures import facts
from openusage.providers._values import child, count, number, text, time_us
from openusage.providers.cursor._chats import PROVIDER, upstream_of
from openusage.providers.cursor._state import Login
from openusage.wire.events import (
    NO_TOKENS,
    Behaviour,
    EventKind,
    QuotaReading,
    Record,
    TokenCounts,
    UsageEvent,
    event_key,
)

API, SITE = "https://api2.cursor.sh", "https://cursor.com"
HINT = "sign in to Cursor again"
PAGE_ROWS = 500
MOST_PAGES = 10
CYCLE_US = 31 * 86_400_000_000
"""How far back requests are asked for, when the plan's period is not told."""
LATE_US = 3 * 86_400_000_000
"""And at least so far: the last ones of the period before may not have been seen."""
AGAIN_US = 86_400_000_000
"""What is known is asked for again for so long: a request's cost may be told later than it."""
_WINDOW = "billing-cycle"
_FREE = ("errored", "aborted", "not_charged", "not charged")
_TOKENS = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")


def ask(
    account: str,
    login: Login,
    http: Http,
    base: str | None,
    now: dt.datetime,
    polled_us: int | None = None,
) -> Iterator[Record]:
    """The present figures of the account, and its requests of the plan's period, or since `polled_us`.

    Raises:
        AuthRequired: the login is refused.
        SourceUnavailable: no connection, too many questions, the vendor's own trouble.
        SourceChanged: an answer of another form.
    """
    asking = _Asking(login, http, base)
    at_us = round(now.timestamp() * 1_000_000)
    period = asking.service("GetCurrentPeriodUsage")
    yield from period_records(account, period, at_us)
    with contextlib.suppress(SourceUnavailable, SourceChanged):  # beside the point, and not for all plans
        yield from plan_facts(account, asking.service("GetPlanInfo"), at_us)
    since_us = time_us(period.get("billingCycleStart")) or at_us - CYCLE_US
    since_us = min(since_us, at_us - LATE_US)
    if polled_us is not None:
        since_us = max(since_us, polled_us - AGAIN_US)
    yield from asking.requests(account, since_us, at_us)


class _Asking:
    def __init__(self, login: Login, http: Http, base: str | None) -> None:
        self._http = http
        self._login = login
        self._api, self._site = (base, base) if base else (API, SITE)

    def service(self, name: str) -> dict[str, Any]:
        """A call of the dashboard's service."""
        return _http.ask(
            self._http,
            f"{self._api}/aiserver.v1.DashboardService/{name}",
            who="Cursor's dashboard",
            headers={"Authorization": f"Bearer {self._login.token}"},
            login_hint=HINT,
            body={},
        )

    def requests(self, account: str, since_us: int, until_us: int) -> Iterator[UsageEvent]:
        """Requests of a span of time, newest first."""
        subject = (self._login.subject or "").rpartition("|")[2]
        headers = {
            "Cookie": f"WorkosCursorSessionToken={subject}%3A%3A{self._login.token}",
            "Origin": SITE,
        }
        span = {"startDate": str(since_us // 1000), "endDate": str(until_us // 1000)}
        seen: dict[bytes, int] = {}
        for page in range(1, MOST_PAGES + 1):
            answer = _http.ask(
                self._http,
                f"{self._site}/api/dashboard/get-filtered-usage-events",
                who="Cursor's list of requests",
                headers=headers,
                login_hint=HINT,
                body={**span, "page": page, "pageSize": PAGE_ROWS},
            )
            listed = answer.get("usageEventsDisplay")
            rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
            for row in rows:
                event = request(account, row, seen)
                if event is not None:
                    yield event
            if len(rows) < PAGE_ROWS:
                return


def request(account: str, row: Mapping[str, Any], seen: dict[bytes, int]) -> UsageEvent | None:
    """One request. It has no id: it is known by its time, model and counts, and its place among equals."""
    at_us = time_us(row.get("timestamp"))
    if at_us is None:
        return None
    model, used = text(row.get("model")), child(row.get("tokenUsage"))
    counts = [count(used.get(name)) for name in _TOKENS]
    key = event_key(PROVIDER, "usage", at_us // 1000, model, *counts)
    seen[key] = seen.get(key, 0) + 1
    cents = number(used.get("totalCents"))
    cents = number(row.get("chargedCents")) if cents is None else cents
    if any(sign in str(row.get("kind")).lower() for sign in _FREE):
        cents = 0.0
    return UsageEvent(
        provider=PROVIDER,
        account=account,
        at_us=at_us,
        kind=EventKind.MESSAGE,
        event_key=key if seen[key] == 1 else event_key(PROVIDER, key.hex(), seen[key]),
        tokens=TokenCounts(*counts) if used else NO_TOKENS,
        model=model,
        upstream=upstream_of(model),
        session=text(row.get("conversationId")),
        cost_reported_nano=None if cents is None or not 0 <= cents < 1e9 else round(cents * 10_000_000),
    )


def period_records(account: str, answer: Mapping[str, Any], at_us: int) -> Iterator[Record]:
    """Spend and limits of the plan's present period.

    Raises:
        SourceChanged: there is none in the answer.
    """
    plan, limit = child(answer, "planUsage"), child(answer, "spendLimitUsage")
    if not plan and not limit:
        raise SourceChanged("Cursor's dashboard tells no usage of the plan any more")
    make = _Maker(account, at_us, time_us(answer.get("billingCycleEnd")))
    spent = _dollars(plan.get("totalSpend"))
    yield from make.amount("plan_spend", spent, _dollars(plan.get("limit")))
    yield from make.amount("plan_included", _dollars(plan.get("includedSpend")))
    yield from make.amount("plan_bonus", _dollars(plan.get("bonusSpend")))
    for name, field in (("", "total"), ("auto_", "auto"), ("api_", "api")):
        yield from make.percent(f"plan_{name}percent_used", number(plan.get(f"{field}PercentUsed")))
    pooled, own = _dollars(limit.get("pooledUsed")), _dollars(limit.get("individualUsed"))
    whole = _dollars(limit.get("pooledLimit"))
    if whole:
        yield from make.amount("spend_limit", pooled, whole)
    yield from make.amount("individual_spend", own)
    if limit.get("limitType") == "team" and whole:
        yield from make.amount("team_budget", pooled, whole)
        yield from make.amount("team_budget_self", own)
        if pooled is not None and own is not None:
            yield from make.amount("team_budget_others", max(0.0, pooled - own))
    start = time_us(answer.get("billingCycleStart"))
    if start is not None and make.ends_us is not None and start < make.ends_us:
        share = (at_us - start) / (make.ends_us - start)
        yield from make.gauge("billing_cycle_progress", 100.0 * min(1.0, max(0.0, share)))
    told = {"spend_limit_type": text(limit.get("limitType"))}
    yield from facts(PROVIDER, account, told, at_us)


def plan_facts(account: str, answer: Mapping[str, Any], at_us: int) -> Iterator[Record]:
    """What the plan is called and costs."""
    plan = child(answer, "planInfo")
    told = {"plan_name": text(plan.get("planName")), "plan_price": text(plan.get("price"))}
    yield from facts(PROVIDER, account, told, at_us)
    included = _dollars(plan.get("includedAmountCents"))
    if included is not None:
        yield from _Maker(account, at_us, None).amount("plan_included_amount", included)


class _Maker:
    """Makes readings of one moment."""

    def __init__(self, account: str, at_us: int, ends_us: int | None) -> None:
        self.ends_us = ends_us
        self._account = account
        self._at_us = at_us

    def amount(self, key: str, used: float | None, limit: float | None = None) -> Iterator[QuotaReading]:
        """Dollars of the period; 0 is no limit."""
        if used is not None:
            behaviour = Behaviour.CAP if limit else Behaviour.COUNTER
            yield self._reading(key, "USD", used, limit or None, behaviour)

    def percent(self, key: str, used: float | None) -> Iterator[QuotaReading]:
        if used is not None:
            yield self._reading(key, "%", used, 100.0, Behaviour.CAP)

    def gauge(self, key: str, used: float) -> Iterator[QuotaReading]:
        yield self._reading(key, "%", used, None, Behaviour.GAUGE)

    def _reading(
        self, key: str, unit: str, used: float, limit: float | None, behaviour: Behaviour
    ) -> QuotaReading:
        return QuotaReading(
            provider=PROVIDER,
            account=self._account,
            key=key,
            at_us=self._at_us,
            unit=unit,
            window=_WINDOW,
            used=used,
            limit=limit,
            remaining=None if limit is None else max(0.0, limit - used),
            resets_at_us=None if behaviour is Behaviour.GAUGE else self.ends_us,
            behaviour=behaviour,
        )


def _dollars(cents: object) -> float | None:
    found = number(cents)
    return None if found is None else found / 100
