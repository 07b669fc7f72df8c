"""What Gemini CLI's small files and Google tell of the account: login, plan, quota.

The quota API is the one behind the tool's own `/stats`, asked with the tool's own login while that is valid.
A login is never refreshed or written here: the tool does that when it is used next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from openusage.providers import _http, _walk
from openusage.providers._contract import Env
from openusage.providers._documents import object_in
from openusage.providers._figures import facts
from openusage.providers._values import child, number, text, time_us
from openusage.wire.events import Account, AccountFact, Behaviour, QuotaReading, Record
from openusage.wire.identity import account_key
from openusage.wire.keys import slug

PROVIDER = "gemini_cli"
API_BASE_URL = "https://cloudcode-pa.googleapis.com"
LOGIN_HINT = "Run `gemini` to log in again."
LOGIN, ACCOUNTS, SETTINGS = "oauth_creds.json", "google_accounts.json", "settings.json"
LOW = 0.15
"""Share left below which a model's quota counts as low."""

_WHO = "Gemini's quota endpoint"
_METADATA = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}
_NO_QUOTA = (403, 404)
"""How Google answers a login that has no quota of this kind (any more)."""

Facts = Callable[[Mapping[str, object]], Mapping[str, str | None]]


def gemini_dir(env: Env) -> Path:
    """`~/.gemini`, or where `GEMINI_CLI_HOME` has it."""
    return next(iter(_walk.named(env, "GEMINI_CLI_HOME")), env.home) / ".gemini"


def traces(env: Env) -> list[Path]:
    """Files whose presence tells that the tool is used here, though it may have no chats."""
    return [gemini_dir(env) / name for name in (LOGIN, ACCOUNTS, SETTINGS)]


def files(env: Env) -> list[tuple[Path, Facts]]:
    """Small files with facts of the account in them, and how they are read."""
    return list(zip(traces(env), (login_facts, accounts_facts, settings_facts), strict=True))


def login_facts(found: Mapping[str, object]) -> dict[str, str | None]:
    """Facts of an `oauth_creds.json`: who is signed in, one way."""
    subject = text(_http.claims(found.get("id_token")).get("sub"))
    return {"account_key": account_key("google", subject) if subject else None}


def accounts_facts(found: Mapping[str, object]) -> dict[str, str | None]:
    """Facts of a `google_accounts.json`."""
    return {"account_email": text(found.get("active"))}


def settings_facts(found: Mapping[str, object]) -> dict[str, str | None]:
    """Facts of a `settings.json`, of versions before and after its fields were sorted into groups."""
    model = found.get("model")
    return {
        "auth_type": text(child(found, "security", "auth").get("selectedType"))
        or text(found.get("selectedAuthType")),
        "active_model": text(child(found, "model").get("name")) or text(model),
    }


def poll(account: Account, env: Env) -> Iterator[Record]:
    """The plan and what is left of its quota, from Google. Nothing without a network or a valid login.

    Raises:
        AuthRequired: the login is refused.
        SourceUnavailable: no answer, or too many questions.
        SourceChanged: an answer of another form.
    """
    token = _token(env)
    if env.http is None or token is None:
        return
    base = env.base_url(PROVIDER, API_BASE_URL)
    headers = {"Authorization": f"Bearer {token}"}
    now_us = env.now_us

    ask = partial(_http.ask, env.http, who=_WHO, headers=headers, login_hint=LOGIN_HINT, silent_on=_NO_QUOTA)
    plan = ask(f"{base}/v1internal:loadCodeAssist", body={"metadata": _METADATA})
    yield from plan_facts(plan, account.id, now_us)
    project = (
        env.environ.get("GOOGLE_CLOUD_PROJECT")
        or env.environ.get("GOOGLE_CLOUD_PROJECT_ID")
        or text(plan.get("cloudaicompanionProject"))
    )
    answer = ask(f"{base}/v1internal:retrieveUserQuota", body={"project": project}) if project else {}
    readings = list(readings_of(answer, account.id, now_us))
    yield from readings
    said = "live" if readings else "no quota for this login"
    yield AccountFact(provider=PROVIDER, account=account.id, key="quota_api", value=said, at_us=now_us)


def plan_facts(plan: Mapping[str, object], account: str, now_us: int) -> Iterator[AccountFact]:
    """The tier of an answer to `loadCodeAssist`; one that is paid for goes before the tool's own."""
    tier = child(plan, "paidTier") or child(plan, "currentTier")
    name, identity = text(tier.get("name")), text(tier.get("id"))
    told = {"tier_id": identity, "tier_name": name, "plan_type": name or identity}
    return facts(PROVIDER, account, told, now_us)


def readings_of(answer: Mapping[str, object], account: str, now_us: int) -> Iterator[QuotaReading]:
    """Each model's quota of an answer to `retrieveUserQuota`, and the worst of all and of a family."""
    buckets = answer.get("buckets")
    worst: dict[str, QuotaReading] = {}
    models: dict[str, float] = {}
    for bucket in buckets if isinstance(buckets, list) else ():
        reading = _bucket(bucket, account, now_us) if isinstance(bucket, dict) else None
        if reading is None:
            continue
        yield reading
        model = str(bucket["modelId"])
        left = (reading.remaining or 0.0) / 100
        models[model] = min(models.get(model, 1.0), left)
        family = "quota_flash" if "flash" in model else "quota_pro" if "pro" in model else ""
        for key in filter(None, ("quota", family)):
            if key not in worst or (worst[key].remaining or 0.0) > (reading.remaining or 0.0):
                worst[key] = reading
    for key, reading in worst.items():
        yield msgspec.structs.replace(reading, key=key)
    if models:
        for key, number_of in (
            ("quota_models_tracked", len(models)),
            ("quota_models_low", sum(0 < left < LOW for left in models.values())),
            ("quota_models_exhausted", sum(left <= 0 for left in models.values())),
        ):
            yield QuotaReading(
                provider=PROVIDER,
                account=account,
                key=key,
                at_us=now_us,
                unit="models",
                window="current",
                used=float(number_of),
            )


def _bucket(bucket: Mapping[str, object], account: str, now_us: int) -> QuotaReading | None:
    model, share = text(bucket.get("modelId")), number(bucket.get("remainingFraction"))
    if share is None and number(bucket.get("remainingAmount")) == 0:
        share = 0.0
    if model is None or share is None:
        return None
    kind = slug(text(bucket.get("tokenType")) or "requests")
    left = 100.0 * min(1.0, max(0.0, share))
    return QuotaReading(
        provider=PROVIDER,
        account=account,
        key=f"quota_model_{slug(model)}_{kind}",
        at_us=now_us,
        unit="%",
        window="1d",
        used=100.0 - left,
        limit=100.0,
        remaining=left,
        resets_at_us=time_us(bucket.get("resetTime")),
        behaviour=Behaviour.CAP,
    )


def _token(env: Env) -> str | None:
    """The tool's access token while it is valid."""
    return _http.access_token(object_in(gemini_dir(env) / LOGIN), "expiry_date", env.now_us)
