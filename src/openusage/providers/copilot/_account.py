"""What Copilot's settings and GitHub tell of the account: plan, quotas.

GitHub is asked as the tools themselves ask it, with a login that lies in one of their files or in the
environment, where people put it for them. One that is kept in the system's key ring is not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from openusage.errors import SourceUnavailable
from openusage.providers import _http, _walk
from openusage.providers._contract import Env
from openusage.providers._documents import content, object_in
from openusage.providers._figures import facts
from openusage.providers._values import child, number, text, time_us
from openusage.providers.copilot._places import CONFIG, PROVIDER, home
from openusage.wire.events import Account, AccountFact, Behaviour, QuotaReading, Record
from openusage.wire.identity import account_key
from openusage.wire.keys import slug

API_BASE_URL = "https://api.github.com"
LOGIN_HINT = "Run `gh auth login`, or `copilot` and /login."
VARIABLES = ("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN")
"""In the order in which the command line tool itself looks at them."""

_HOST = "github.com"
_QUOTAS = {
    "chat": ("chat_quota", "messages"),
    "completions": ("completions_quota", "completions"),
    "premium_interactions": ("premium_interactions_quota", "requests"),
}
"""GitHub's name -> (metric, unit)."""
_RATES = ("core", "search", "graphql")
_NO_COPILOT = (404,)
_GH_TOKEN = re.compile(r"\s+oauth_token:\s*[\"']?([^\s\"']+)[\"']?")


def config_facts(found: Mapping[str, object]) -> dict[str, str | None]:
    """Facts of the command line tool's `config.json`."""
    return {"default_model": text(found.get("model"))}


def poll(account: Account, env: Env) -> Iterator[Record]:
    """The plan, what is left of its quotas, and GitHub's own rate limits. Nothing without a login.

    Raises:
        AuthRequired: the login is refused.
        SourceUnavailable: no answer, or too many questions.
        SourceChanged: an answer of another form.
    """
    token = _token(env)
    if env.http is None or token is None:
        return
    base = env.base_url(PROVIDER, API_BASE_URL)
    ask = partial(
        _http.ask,
        env.http,
        headers={"Authorization": f"token {token}", "X-GitHub-Api-Version": "2022-11-28"},
        login_hint=LOGIN_HINT,
    )
    now_us = env.now_us
    user = ask(f"{base}/copilot_internal/user", who="Copilot's quota endpoint", silent_on=_NO_COPILOT)
    yield from plan_facts(user, account.id, now_us)
    yield from quotas(user, account.id, now_us)
    rates = ask(f"{base}/rate_limit", who="GitHub's rate limit endpoint", silent_on=(403, 404))
    yield from rate_limits(rates, account.id, now_us)


def plan_facts(user: Mapping[str, object], account: str, now_us: int) -> Iterator[AccountFact]:
    """What an answer tells of the plan. The login's name stays on this machine, as all names do."""
    identity = text(user.get("analytics_tracking_id"))
    told = {
        "copilot_plan": text(user.get("copilot_plan")),
        "access_type_sku": text(user.get("access_type_sku")),
        "account_name": text(user.get("login")),
        "account_key": account_key("github", identity) if identity else None,
    }
    return facts(PROVIDER, account, told, now_us)


def quotas(user: Mapping[str, object], account: str, now_us: int) -> Iterator[QuotaReading]:
    """Limits of a month. A free account has other fields for the same."""
    resets_at_us = (
        time_us(user.get("quota_reset_date_utc"))
        or time_us(user.get("quota_reset_date"))
        or time_us(user.get("limited_user_reset_date"))
    )
    made = partial(_reading, account=account, now_us=now_us, resets_at_us=resets_at_us)
    snapshots = child(user, "quota_snapshots")
    for name, (key, unit) in _QUOTAS.items():
        quota = child(snapshots, name)
        limit, left = number(quota.get("entitlement")), _left(quota)
        share = number(quota.get("percent_remaining"))
        if quota.get("unlimited") is True:
            continue
        if limit and left is not None:
            yield made(key, unit, limit=limit, left=left)
        elif share is not None and quota:
            yield made(key, "%", limit=100.0, left=share)
        elif not snapshots:
            limit = number(child(user, "monthly_quotas").get(name))
            left = number(child(user, "limited_user_quotas").get(name))
            if limit and left is not None:
                yield made(key, unit, limit=limit, left=left)


def rate_limits(answer: Mapping[str, object], account: str, now_us: int) -> Iterator[QuotaReading]:
    """How often GitHub itself may be asked: no limit of Copilot."""
    for name in _RATES:
        rate = child(answer, "resources", name)
        limit, left = number(rate.get("limit")), number(rate.get("remaining"))
        if limit and left is not None:
            yield QuotaReading(
                provider=PROVIDER,
                account=account,
                key=f"gh_{slug(name)}_rpm",
                at_us=now_us,
                unit="requests",
                window="1h",
                used=limit - left,
                limit=limit,
                remaining=left,
                resets_at_us=time_us(rate.get("reset")),
                behaviour=Behaviour.GAUGE,
            )


def _left(quota: Mapping[str, object]) -> float | None:
    exact = number(quota.get("quota_remaining"))
    return exact if exact is not None else number(quota.get("remaining"))


def _reading(
    key: str, unit: str, *, limit: float, left: float, account: str, now_us: int, resets_at_us: int | None
) -> QuotaReading:
    return QuotaReading(
        provider=PROVIDER,
        account=account,
        key=key,
        at_us=now_us,
        unit=unit,
        window="month",
        used=limit - left,
        limit=limit,
        remaining=max(0.0, left),
        resets_at_us=resets_at_us,
        behaviour=Behaviour.CAP,
    )


def _token(env: Env) -> str | None:
    """The first login there is: of the environment, of Copilot's own files, of GitHub's program."""
    tokens = (*(env.environ.get(name) for name in VARIABLES), *_stored(env))
    return next((token for token in tokens if _http.is_header(token)), None)


def _stored(env: Env) -> Iterator[Any]:
    config = next(iter(_walk.named(env, "XDG_CONFIG_HOME")), env.home / ".config")
    yield from (
        token
        for account, token in child(object_in(home(env) / CONFIG), "copilot_tokens").items()
        if f"//{_HOST}:" in account
    )
    for name in ("apps.json", "hosts.json"):
        hosts = object_in(config / "github-copilot" / name)
        yield from (child(hosts, host).get("oauth_token") for host in hosts if host.split(":")[0] == _HOST)
    try:
        yield gh_token(content(config / "gh" / "hosts.yml").decode("utf-8", "replace"))
    except SourceUnavailable:
        return


def gh_token(hosts: str) -> str | None:
    """The login for github.com in the `hosts.yml` of GitHub's program, `None` when it is kept elsewhere."""
    block = ""
    for line in hosts.splitlines():
        if line and not line[0].isspace():
            block = line.rstrip().rstrip(":").strip("\"'")
        elif block == _HOST and (found := _GH_TOKEN.fullmatch(line.rstrip())):
            return found[1]
    return None
