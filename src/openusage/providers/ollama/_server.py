"""Ollama's server on this machine and its cloud: what they tell when asked.

Sources: `docs/api.md`, `api/types.go` and `envconfig/config.go` of the Ollama repository. Only a server on
this very machine is asked, unless the settings name another one; one that does not run is no trouble. Of the
cloud's usage windows no document tells the form: they are read where they are a share, or used and limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from openusage.errors import SourceChanged, SourceUnavailable
from openusage.providers import _http
from openusage.providers._contract import Env
from openusage.providers._figures import facts, window_used
from openusage.providers._values import child, count, number, text, time_us
from openusage.providers.ollama._log import PROVIDER
from openusage.wire.events import AccountFact, QuotaReading, Record, Scope
from openusage.wire.identity import account_key

KEY = "OLLAMA_API_KEY"
HOST = "OLLAMA_HOST"
PORT = 11434
CLOUD_BASE_URL = "https://ollama.com"
CLOUD = "ollama-cloud"
LOGIN_HINT = f"Put a valid key into {KEY}."
_WHO = "Ollama's server"
_NO_ACCOUNT = (401, 403, 404, 405, 500, 501)
"""How a server answers that is not signed in, or knows no accounts."""
_WINDOWS = {
    "session_usage": ("usage_five_hour", "5h"),
    "five_hour_usage": ("usage_five_hour", "5h"),
    "daily_usage": ("usage_one_day", "1d"),
    "weekly_usage": ("usage_weekly", "7d"),
}


def settings_facts(found: Mapping[str, object]) -> dict[str, str | None]:
    """Facts of a `server.json`."""
    return {"cloud_disabled": "true" if found.get("disable_ollama_cloud") is True else None}


def base_url(env: Env) -> str | None:
    """Where this machine's server is; `None`: somewhere else, and nobody said that it may be asked."""
    if named := env.base_urls.get(PROVIDER):
        return named.rstrip("/")
    given = env.environ.get(HOST, "").strip()
    try:
        url = urlsplit(given if "//" in given else f"http://{given}")
        host, port = url.hostname or "127.0.0.1", url.port or PORT
        if host != "localhost":
            address = ip_address(host)
            if not address.is_loopback and not address.is_unspecified:
                return None
            host = "127.0.0.1" if address.is_unspecified else host
    except ValueError:
        return None
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def local(account: str, env: Env) -> Iterator[Record]:
    """Models that are there and that are loaded, and who is signed in."""
    base = base_url(env)
    if env.http is None or base is None:
        return
    at_us = env.now_us
    try:
        version = text(_ask(env, f"{base}/api/version").get("version"))
    except (SourceUnavailable, SourceChanged):
        yield _fact(account, "local_server", "not running", at_us)
        return
    yield _fact(account, "local_server", "running", at_us)
    if version:
        yield _fact(account, "cli_version", version, at_us)
    yield from _models(account, _list(_ask(env, f"{base}/api/tags").get("models")), at_us)
    loaded = _list(_ask(env, f"{base}/api/ps").get("models"))
    yield _gauge(account, "loaded_models", len(loaded), "models", at_us)
    yield _gauge(account, "loaded_vram_bytes", _sum(loaded, "size_vram"), "bytes", at_us)
    yield from _who(account, _ask(env, f"{base}/api/me", body={}, silent_on=_NO_ACCOUNT), at_us)


def cloud(account: str, env: Env) -> Iterator[Record]:
    """The plan and, where it is told, what is left of it."""
    key = env.environ.get(KEY, "").strip()
    if env.http is None or not _http.is_header(key):
        return
    base = env.base_url(CLOUD, CLOUD_BASE_URL)
    answer = _http.ask(
        env.http,
        f"{base}/api/me",
        who="Ollama's cloud",
        headers={"Authorization": f"Bearer {key}"},
        login_hint=LOGIN_HINT,
        body={},
    )
    at_us = env.now_us
    yield from _who(account, answer, at_us)
    yield from _usage(account, _lower(answer), at_us)


def _ask(env: Env, url: str, **more: Any) -> dict[str, Any]:
    assert env.http is not None
    return _http.ask(env.http, url, who=_WHO, headers={}, login_hint="", **more)


def _models(account: str, models: list[dict[str, Any]], at_us: int) -> Iterator[QuotaReading]:
    remote = sum(text(model.get("remote_model")) is not None or _is_cloud(model) for model in models)
    yield _gauge(account, "models_total", len(models), "models", at_us)
    yield _gauge(account, "models_local", len(models) - remote, "models", at_us)
    yield _gauge(account, "models_cloud", remote, "models", at_us)
    yield _gauge(account, "model_storage_bytes", _sum(models, "size"), "bytes", at_us)


def _is_cloud(model: Mapping[str, Any]) -> bool:
    return (text(model.get("name")) or "").endswith(("-cloud", ":cloud"))


def _who(account: str, answer: Mapping[str, Any], at_us: int) -> Iterator[AccountFact]:
    told = _lower(answer)
    name = text(told.get("id"))
    told_of = {
        "account_email": text(told.get("email")),
        "plan_type": text(told.get("plan")),
        "account_key": account_key(PROVIDER, name) if name else None,
    }
    yield from facts(PROVIDER, account, told_of, at_us)


def _usage(account: str, told: Mapping[str, Any], at_us: int) -> Iterator[QuotaReading]:
    for name, (key, window) in _WINDOWS.items():
        given = told.get(name)
        part = _lower(child(given))
        used, limit = number(part.get("used")), number(part.get("limit"))
        share = 100.0 * used / limit if used is not None and limit else number(part.get("percent"))
        share = number(given) if share is None else share
        if share is None:
            continue
        resets_us = time_us(part.get("resets_at"))
        yield window_used(PROVIDER, account, key, window, share, at_us=at_us, resets_at_us=resets_us)


def _gauge(account: str, key: str, value: int, unit: str, at_us: int) -> QuotaReading:
    return QuotaReading(
        provider=PROVIDER,
        account=account,
        key=key,
        at_us=at_us,
        unit=unit,
        window="current",
        used=float(value),
        scope=Scope.MACHINE,
    )


def _fact(account: str, key: str, value: str, at_us: int) -> AccountFact:
    return AccountFact(provider=PROVIDER, account=account, key=key, value=value, at_us=at_us)


def _lower(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in given.items()}


def _list(value: Any) -> list[dict[str, Any]]:
    return [child(item) for item in value] if isinstance(value, list) else []


def _sum(items: list[dict[str, Any]], name: str) -> int:
    return sum(count(item.get(name)) or 0 for item in items)
