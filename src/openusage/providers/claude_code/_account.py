"""What Claude Code's small files and its vendor tell of the account: plan, identity, limits.

Local: `.claude.json` (large, rewritten often) and `settings.json`, read again only when they changed.
Remote: the usage endpoint behind the tool's own `/usage`, asked with the tool's own login. That login is
never refreshed or written here, and no token reaches a record, a message or a log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from openusage.errors import SourceUnavailable
from openusage.providers import _http, _jsonl
from openusage.providers._contract import Chunk, Cursors, Env
from openusage.providers._figures import window_used
from openusage.providers._values import json_object, text
from openusage.providers.claude_code._files import account_files, config_dirs, read_whole
from openusage.providers.claude_code._lines import time_of
from openusage.providers.claude_code._tally import PROVIDER
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, AccountFact, QuotaReading, Record
from openusage.wire.identity import account_key
from openusage.wire.problems import Problem

API_BASE_URL = "https://api.anthropic.com"
USER_AGENT = "claude-code/2.1.0"
"""The endpoint answers 429 to any other program."""
DEFAULT_CLEANUP_DAYS = 30
LOGIN_HINT = "Run `claude` and log in again with /login."

_WINDOWS = {
    "five_hour": "5h",
    "seven_day": "7d",
    "seven_day_sonnet": "7d-sonnet",
    "seven_day_opus": "7d-opus",
    "seven_day_cowork": "7d-cowork",
    "extra_usage": "month",
}
"""Name in the answer -> window. Others are kept, with a window made of their name."""


def traces(env: Env) -> list[Path]:
    """Files whose presence tells that the tool is used here, though it may have no transcripts."""
    return [*account_files(env), *(d / ".credentials.json" for d in config_dirs(env))]


def agent_type(meta_path: Path) -> str | None:
    """Sub-agent type by the file beside its transcript."""
    try:
        meta = json_object(read_whole(meta_path) or b"{}")
    except SourceUnavailable:
        return None
    return text(meta.get("agentType"))


def read_facts(account: Account, cursors: Cursors, env: Env) -> Chunk:
    """Facts of the files that changed since `cursors`."""
    records: list[Record] = []
    seen: list[FileCursor] = []
    problems: list[Problem] = []
    accounts = [path for path in account_files(env) if path.is_file()][:1]
    settings = [directory / "settings.json" for directory in config_dirs(env)]
    for path, facts_in in [(p, account_facts) for p in accounts] + [(p, settings_facts) for p in settings]:
        state = _jsonl.stat(path)
        if state is None or state.start(cursors.get(str(path))) is None:
            continue
        try:
            found = json_object(read_whole(path) or b"{}")
        except SourceUnavailable as e:
            problems.append(Problem.of(e, str(path)))
            continue
        seen.append(state.cursor(state.size))
        if not found:
            # Caught while it was being rewritten: it will have changed again when it is whole.
            problems.append(Problem(path=str(path), what="not a JSON object (yet)"))
        at_us = state.mtime_ns // 1000
        records += [
            AccountFact(provider=PROVIDER, account=account.id, key=key, value=value, at_us=at_us)
            for key, value in facts_in(found).items()
        ]
    return Chunk(records=records, cursors=seen, problems=problems)


def account_facts(found: Mapping[str, object]) -> dict[str, str]:
    """Facts of a `.claude.json`."""
    login = found.get("oauthAccount")
    login = login if isinstance(login, dict) else {}
    facts = {
        "account_email": text(login.get("emailAddress")),
        "account_name": text(login.get("displayName")),
        "organization_uuid": text(login.get("organizationUuid")),
        "billing_type": text(login.get("billingType")),
        "extra_usage_enabled": _yes_no(login.get("hasExtraUsageEnabled")),
    }
    uuid, billing = text(login.get("accountUuid")), facts["billing_type"] or ""
    if uuid:
        facts["account_key"] = account_key("anthropic", uuid)
        facts["plan_type"] = "pro" if "stripe" in billing else "subscription"
    if found:
        subscribed = found.get("hasAvailableSubscription") is True or "subscription" in billing
        facts["subscription"] = "active" if subscribed else "none"
    return {key: value for key, value in facts.items() if value}


def settings_facts(found: Mapping[str, object]) -> dict[str, str]:
    """Facts of a `settings.json`."""
    facts = {
        "active_model": text(found.get("model")),
        "always_thinking": _yes_no(found.get("alwaysThinkingEnabled")),
    }
    return {key: value for key, value in facts.items() if value}


def cleanup_days(env: Env) -> int:
    """After how many days the tool deletes transcripts: of several settings files the least."""
    found = []
    for directory in config_dirs(env):
        try:
            days = json_object(read_whole(directory / "settings.json") or b"{}").get("cleanupPeriodDays")
        except SourceUnavailable:
            continue
        if isinstance(days, int) and not isinstance(days, bool) and days > 0:
            found.append(days)
    return min(found, default=DEFAULT_CLEANUP_DAYS)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """The plan's limits, from the vendor. Nothing without a network or a valid login.

    Raises:
        AuthRequired: the login is refused.
        SourceUnavailable: no answer, or too many questions.
        SourceChanged: an answer of another form.
    """
    token = _token(env)
    if env.http is None or token is None:
        return
    base = env.base_url(PROVIDER, API_BASE_URL)
    body = _http.ask(
        env.http,
        f"{base}/api/oauth/usage",
        who="Claude Code's usage endpoint",
        headers={
            "Authorization": f"Bearer {token}",
            "anthropic-beta": "oauth-2025-04-20",
            "User-Agent": USER_AGENT,
        },
        login_hint=LOGIN_HINT,
    )
    yield from readings_of(body, account.id, env.now_us)


def readings_of(body: Mapping[str, object], account: str, now_us: int) -> Iterator[QuotaReading]:
    """The windows of an answer; what has no share of use is no window."""
    for name, window in body.items():
        if not isinstance(window, dict) or window.get("is_enabled") is False:
            continue
        used = window.get("utilization")
        if isinstance(used, bool) or not isinstance(used, int | float):
            continue
        resets_at = time_of(window.get("resets_at"))
        resets_at_us = None if resets_at is None else int(resets_at.timestamp() * 1e6)
        yield window_used(
            PROVIDER,
            account,
            f"usage_{name}",
            _WINDOWS.get(name) or _window_of(name),
            float(used),
            at_us=now_us,
            resets_at_us=resets_at_us,
        )


def _window_of(name: str) -> str:
    for prefix, window in (("five_hour_", "5h-"), ("seven_day_", "7d-")):
        if name.startswith(prefix):
            return window + name.removeprefix(prefix).replace("_", "-")
    return "current"


def _token(env: Env) -> str | None:
    """The tool's access token while it is valid."""
    now_ms = env.now.timestamp() * 1000
    for directory in config_dirs(env):
        try:
            login = json_object(read_whole(directory / ".credentials.json") or b"{}").get("claudeAiOauth")
        except SourceUnavailable:
            continue
        if not isinstance(login, dict):
            continue
        token, expires_ms = login.get("accessToken"), login.get("expiresAt")
        expired = isinstance(expires_ms, int | float) and expires_ms <= now_ms
        if _http.is_header(token) and not expired:
            return token
    return None


def _yes_no(value: object) -> str | None:
    return None if not isinstance(value, bool) else "true" if value else "false"
