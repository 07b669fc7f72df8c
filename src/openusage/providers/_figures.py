"""Facts and readings that many tools give alike: what a login tells, how much of a window is used, how full a
conversation is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openusage.wire.events import AccountFact, Behaviour, QuotaReading, Scope


def facts(provider: str, account: str, told: Mapping[str, str | None], at_us: int) -> Iterator[AccountFact]:
    """What is told of an account; what is empty or missing is not told."""
    for key, value in told.items():
        if value:
            yield AccountFact(provider=provider, account=account, key=key, value=value, at_us=at_us)


def window_used(
    provider: str,
    account: str,
    key: str,
    window: str,
    percent: float,
    *,
    at_us: int,
    resets_at_us: int | None = None,
) -> QuotaReading:
    """So much of a window's limit is used. One whose reset has passed is not used at all."""
    if resets_at_us is not None and resets_at_us <= at_us:
        percent, resets_at_us = 0.0, None
    return QuotaReading(
        provider=provider,
        account=account,
        key=key,
        at_us=at_us,
        unit="%",
        window=window,
        used=percent,
        limit=100.0,
        remaining=max(0.0, 100.0 - percent),
        resets_at_us=resets_at_us,
        behaviour=Behaviour.CAP,
    )


def context(provider: str, account: str, *, at_us: int, used: int, limit: int) -> QuotaReading:
    """How many of the tokens that fit into a conversation are in it."""
    return QuotaReading(
        provider=provider,
        account=account,
        key="context_window",
        at_us=at_us,
        unit="tokens",
        window="session",
        used=float(used),
        limit=float(limit),
        remaining=float(max(0, limit - used)),
        scope=Scope.MACHINE,
    )
