"""OpenCode Zen, the vendor's own gateway: whether its key is good, asked with the key that OpenCode keeps.

Balance and limits are told only by the web console, to a browser's cookie and in no lasting form: not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from openusage.errors import SourceChanged
from openusage.providers import _http
from openusage.providers._contract import Env
from openusage.providers._documents import object_in
from openusage.providers._figures import facts
from openusage.providers._values import child, text
from openusage.wire.events import Record
from openusage.wire.identity import account_key

PROVIDER = "opencode"
DEFAULT_BASE = "https://opencode.ai/zen/v1"
_WHO = "OpenCode Zen"
_VARIABLES = ("OPENCODE_API_KEY", "ZEN_API_KEY")
_LOGINS = ("opencode", "opencode-go")


def key_of(roots: Iterator[Path], env: Env) -> str | None:
    """The Zen key: of the environment, else of `auth.json`."""
    for name in _VARIABLES:
        if _http.is_header(key := env.environ.get(name)):
            return key
    for root in roots:
        logins = object_in(root / "auth.json")
        for name in _LOGINS:
            login = child(logins, name)
            if login.get("type") == "api" and _http.is_header(found := text(login.get("key"))):
                return found
    return None


def ask(account: str, key: str, env: Env) -> Iterator[Record]:
    """Facts of the key: that it is good, and for how many models.

    Raises:
        AuthRequired: the key is refused.
        SourceUnavailable: no connection, too many requests, the vendor's own trouble.
        SourceChanged: the answer is not JSON as we know it.
    """
    if env.http is None:
        return
    url = env.base_url(PROVIDER, DEFAULT_BASE) + "/models"
    headers = {"Authorization": f"Bearer {key}"}
    answer = _http.ask(env.http, url, who=_WHO, headers=headers, login_hint="Check OPENCODE_API_KEY.")
    models = answer.get("data")
    if not isinstance(models, list):
        raise SourceChanged(f"{_WHO}: the answer is not the list of models that it was")
    at_us = env.now_us
    told = {
        "auth_scope": "zen",
        "available_models_count": str(len(models)),
        "account_key": account_key("opencode", key),
    }
    yield from facts(PROVIDER, account, told, at_us)
