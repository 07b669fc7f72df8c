"""Asking a vendor's API with the login of its own tool: one request, one JSON object or one reason why not.

A login is read, used for the request and forgotten: it is never refreshed, written, logged or repeated in an
error. An answer is read up to a bound, and a redirect is not followed: it would carry the login elsewhere.
"""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

import msgspec

from openusage.errors import AuthRequired, SourceChanged, SourceUnavailable
from openusage.net import reason
from openusage.providers._contract import Http
from openusage.providers._loose import REFUSED
from openusage.providers._values import json_object, time_us

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 8.0
MAX_ANSWER_BYTES = 4 << 20
MAX_RETRY_AFTER_S = 86_400.0


def ask(
    http: Http,
    url: str,
    *,
    who: str,
    headers: Mapping[str, str],
    login_hint: str,
    refusal: str = "",
    body: Mapping[str, object] | None = None,
    silent_on: Collection[int] = (),
) -> dict[str, Any]:
    """The JSON object that `url` answers: to a GET, or to a POST of `body`.

    `who` names the endpoint in messages, `refusal` is said instead when it refuses the login. A status in
    `silent_on` means that there is nothing to tell, and makes an empty object.

    Raises:
        AuthRequired: the login is refused.
        SourceUnavailable: no answer, a trouble of the vendor's, or too many questions: then it says when to
            ask again.
        SourceChanged: an answer of another form.
    """
    import httpx  # only here: reading logs does without it

    content = None if body is None else msgspec.json.encode(body)
    sent = {**headers, "Accept": "application/json"}
    if content is not None:
        sent["Content-Type"] = "application/json"
    method = "GET" if content is None else "POST"
    try:
        with http.stream(
            method, url, headers=sent, content=content, timeout=TIMEOUT_S, follow_redirects=False
        ) as answer:
            if answer.status_code in silent_on:
                return {}
            _check(answer, who, login_hint, refusal)
            data = _bounded(answer, who)
    except (httpx.LocalProtocolError, httpx.InvalidURL, ValueError):
        # A login that cannot be a header, and whose text such an error repeats.
        raise SourceUnavailable(f"{who} cannot be asked: address or login are malformed") from None
    except httpx.HTTPError as e:
        raise SourceUnavailable(f"{who} cannot be asked: {reason(e)}") from e
    try:
        found = msgspec.json.decode(data)
    except REFUSED as e:
        raise SourceChanged(f"{who} answered something that is not JSON") from e
    if not isinstance(found, dict):
        raise SourceChanged(f"{who} answered something that is no JSON object")
    return found


def access_token(login: Mapping[str, Any], until: str, now_us: int) -> str | None:
    """The `access_token` of a tool's login, while it is valid: `until` names the time at which it ends."""
    token, ends_us = login.get("access_token"), time_us(login.get(until))
    is_over = ends_us is not None and ends_us <= now_us
    return token if is_header(token) and not is_over else None


def is_header(token: object) -> TypeGuard[str]:
    """Whether a login can be sent at all."""
    return isinstance(token, str) and token.isascii() and token.isprintable() and token != ""


def claims(token: object) -> dict[str, Any]:
    """Claims of a JWT, none when it is no such. Its signature is not checked: it is the user's own file, and
    what it says is only shown."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return {}
    try:
        return json_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}


def retry_after_s(header: str, now: dt.datetime) -> float:
    """Seconds that a `Retry-After` asks to wait: a number, or a date. 0 when it says nothing of use."""
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=dt.UTC)
    return max(0.0, min((until - now).total_seconds(), MAX_RETRY_AFTER_S))


def _check(answer: httpx.Response, who: str, login_hint: str, refusal: str) -> None:
    status = answer.status_code
    if status in (401, 403):
        raise AuthRequired(refusal or f"{who} refuses the login ({status})", login_hint)
    if status == 429 or (status == 503 and "Retry-After" in answer.headers):
        wait = answer.headers.get("Retry-After", "")
        raise SourceUnavailable(
            f"{who} asks to wait: too many requests ({status})",
            retry_after_s=retry_after_s(wait, dt.datetime.now(dt.UTC)),
        )
    if status != 200:
        raise SourceUnavailable(f"{who} answered {status}")


def _bounded(answer: httpx.Response, who: str) -> bytes:
    data = bytearray()
    for part in answer.iter_bytes():
        data += part
        if len(data) > MAX_ANSWER_BYTES:
            raise SourceChanged(f"{who} answered more than {MAX_ANSWER_BYTES >> 20} MB")
    return bytes(data)
