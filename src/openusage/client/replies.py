"""What a daemon or a hub answered -> a value, or the error that says what is wrong."""

from __future__ import annotations

import datetime as dt
import email.utils
from typing import Any, TypeVar

import httpx
import msgspec

from openusage.errors import PeerConfused, PeerRefused
from openusage.format import printable

T = TypeVar("T")

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a hostile body raises; `RecursionError`: thousands of brackets."""
_READS = "To read, make a token on the hub: openusage hub token create --machine NAME --role view"


def refuse(answer: httpx.Response, who: str) -> None:
    """Raise `PeerRefused` for anything but an answer we can use."""
    status = answer.status_code
    if status < 300 or status == 304:
        return
    if status == 401:
        wrong = "invalid_token" in answer.headers.get("WWW-Authenticate", "")
        message = f"{who} does not accept this token." if wrong else f"{who} wants a token."
        raise PeerRefused(message, "Set OPENUSAGE_HUB_TOKEN.", status=status)
    if status < 400:
        where = printable(answer.headers.get("Location", "another address")[:200])
        raise PeerRefused(f"{who} sends us to {where}.", "Use that address if you trust it.", status=status)
    hint = _READS if status == 403 else ""
    raise PeerRefused(f"{who} answers {status}: {_error_text(answer)}", hint, status=status)


def _error_text(answer: httpx.Response) -> str:
    try:
        body: Any = msgspec.json.decode(answer.content)
    except _UNREADABLE:
        return answer.reason_phrase
    if not isinstance(body, dict):
        return answer.reason_phrase
    return ": ".join(str(body[k]) for k in ("error", "detail") if body.get(k)) or answer.reason_phrase


def decoded(answer: httpx.Response, as_type: type[T], who: str) -> T:
    try:
        return msgspec.json.decode(answer.content, type=as_type)
    except _UNREADABLE as e:
        raise PeerConfused(f"{who} does not answer like a daemon of ours: {e}") from e


def ahead_s(date: str, began: dt.datetime, ended: dt.datetime) -> float | None:
    """This machine's clock against the `Date` of an answer, which is cut to its second."""
    try:
        at = email.utils.parsedate_to_datetime(date)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=dt.UTC)
    middle = began + (ended - began) / 2
    return (middle - at).total_seconds() - 0.5
