"""Codex's login (`auth.json`): who is signed in, and the vendor's usage API asked with it, no token kept."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from openusage.errors import SourceChanged, SourceUnavailable
from openusage.providers import _figures, _http
from openusage.providers._contract import Env
from openusage.providers._values import child, json_object, json_value, text
from openusage.providers.codex._quota import PROVIDER, from_api, plan
from openusage.wire.events import AccountFact, Record
from openusage.wire.identity import account_key

DEFAULT_BASE = "https://chatgpt.com/backend-api"
LOGIN_HINT = "Run: codex login"
_CLAIMS = "https://api.openai.com/auth"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What `auth.json` tells. Lives as long as the call that needs it."""

    access_token: str | None = None
    account_id: str | None = None
    email: str | None = None
    plan: str | None = None

    def __repr__(self) -> str:
        return "Login(…)"


def login(path: Path) -> Login:
    """The login kept in `path`.

    Raises:
        SourceUnavailable: there is no such file, or it cannot be read.
        SourceChanged: it is not the JSON object we know.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise SourceUnavailable(f"{path}: {e.strerror or e}") from e
    found = json_value(data)
    if not isinstance(found, dict):
        raise SourceChanged(f"{path} is not a JSON object.")
    tokens = child(found, "tokens")
    claims = _http.claims(tokens.get("id_token"))
    vendor = child(claims, _CLAIMS)
    return Login(
        access_token=text(tokens.get("access_token")),
        account_id=text(tokens.get("account_id")) or text(vendor.get("chatgpt_account_id")),
        email=text(claims.get("email")),
        plan=text(vendor.get("chatgpt_plan_type")),
    )


def facts(account: str, known: Login, at_us: int) -> Iterator[AccountFact]:
    """What a login tells about the account."""
    yield from plan(account, known.plan, at_us)
    identity = account_key("openai", known.account_id) if known.account_id else None
    told = {"account_email": known.email, "account_key": identity}
    yield from _figures.facts(PROVIDER, account, told, at_us)


def ask(account: str, home: Path, known: Login, env: Env) -> Iterator[Record]:
    """The vendor's present figures for the login `known` of the Codex home `home`.

    Raises:
        AuthRequired: the login is expired or refused.
        SourceUnavailable: no connection, too many requests, the vendor's own trouble.
        SourceChanged: the answer is not JSON as we know it.
    """
    if env.http is None or not known.access_token:
        return
    headers = {"Authorization": f"Bearer {known.access_token}", "User-Agent": _agent(home)}
    if known.account_id:
        headers["ChatGPT-Account-Id"] = known.account_id
    found = _http.ask(
        env.http,
        usage_url(env.base_urls.get(PROVIDER) or _configured_base(home) or DEFAULT_BASE),
        who="Codex's usage endpoint",
        headers=headers,
        login_hint=LOGIN_HINT,
        refusal="Codex auth required — run `codex login`",
    )
    yield from from_api(account, found, env.now_us)


def usage_url(base: str) -> str:
    """Where usage is asked, by base address.

    >>> usage_url("https://chatgpt.com/backend-api/"), usage_url("https://codex.example")
    ('https://chatgpt.com/backend-api/wham/usage', 'https://codex.example/api/codex/usage')
    """
    base = base.rstrip("/")
    return f"{base}/wham/usage" if "/backend-api" in base else f"{base}/api/codex/usage"


def _configured_base(home: Path) -> str | None:
    try:
        found = tomllib.loads((home / "config.toml").read_text("utf-8", "replace"))
    except (OSError, tomllib.TOMLDecodeError):
        return None  # no or no valid settings: Codex itself would use its default
    return text(found.get("chatgpt_base_url"))


def _agent(home: Path) -> str:
    try:
        found = json_object((home / "version.json").read_bytes())
    except OSError:
        found = {}
    version = text(found.get("latest_version")) or ""
    return f"codex-cli/{version}" if version.isascii() and version.isprintable() and version else "codex-cli"
