"""Values as tools write them, which is never quite as their formats say: numbers as texts, texts as bytes,
times as seconds or milliseconds or ISO. What cannot be understood is `None`, and costs nothing else. Pure."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import Any, TypeVar

import msgspec

from openusage.wire.events import TokenCounts

LARGEST = 1 << 53
"""Counts beyond this are no counts: a float cannot hold them."""

T = TypeVar("T")

_AFTER_MS = 1e11
"""Seconds would be in the year 5138, so a number beyond is in milliseconds."""
_AFTER_US = 1e14
_NANO = 1_000_000_000


def number(value: object) -> float | None:
    """A finite number out of a number or a text; a truth value is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """A count: whole, not negative, not absurd."""
    if type(value) is int and 0 <= value < LARGEST:
        return value
    found = number(value)
    return int(found) if found is not None and 0 <= found < LARGEST else None


def first_count(*told: object) -> int | None:
    """The first that is a count, 0 too."""
    return next((n for value in told if (n := count(value)) is not None), None)


def text(value: object) -> str | None:
    """A text that is not empty and can be sent: of bytes and of lone surrogates what is UTF-8."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str) or not value:
        return None
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def nano_usd(value: object) -> int | None:
    """A cost in dollars as nano-dollars. `None` for 0: tools write it when they know no price."""
    found = number(value)
    if found is None or not 0 < found < LARGEST / _NANO:
        return None
    return round(found * _NANO)


def time_us(value: object) -> int | None:
    """A moment in microseconds: seconds, milliseconds or microseconds since 1970 by their size, or ISO text.

    A text without a zone is UTC.
    """
    found = number(value)
    if found is not None:
        scale = 1 if found >= _AFTER_US else 1_000 if found >= _AFTER_MS else 1_000_000
        at_us = round(found * scale)
        return at_us if at_us > 0 else None
    return _iso_us(value) if isinstance(value, str) else None


def _iso_us(value: str) -> int | None:
    try:
        at = dt.datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    try:
        at_us = round(at.timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        return None
    return at_us if at_us > 0 else None


def project_of(path: object) -> str | None:
    """Last part of a directory."""
    found = text(path)
    return None if found is None else re.split(r"[\\/]", found.rstrip("\\/"))[-1] or None


def json_object(data: object) -> dict[str, Any]:
    """A JSON object out of its bytes or text, `{}` for everything else."""
    found = json_value(data)
    return found if isinstance(found, dict) else {}


def json_value(data: object) -> Any:
    """A JSON value out of its bytes or text, `None` when it is none."""
    if not isinstance(data, bytes | str):
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _salvaged(data)


def decoded(data: bytes | str, decoder: msgspec.json.Decoder[T]) -> T | None:
    """A JSON text as the decoder's type; one that breaks the rules a little, as loose as Python reads it.

    `None`: it is no JSON, or not of this type.
    """
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return msgspec.convert(_salvaged(data), decoder.type)
    except msgspec.ValidationError:
        return None


def remembered(state: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """What a cursor remembers; the type's defaults, when that is nothing, or of another version of us."""
    return (decoded(state, decoder) if state else None) or decoder.type()


def _salvaged(data: bytes | str) -> Any:
    """Lone surrogates, control characters in texts, bytes that are no UTF-8: they all occur."""
    try:
        return json.loads(data.decode("utf-8", "replace") if isinstance(data, bytes) else data, strict=False)
    except (ValueError, RecursionError):
        return None


def child(given: object, *names: str) -> dict[str, Any]:
    """An object inside an object, `{}` when there is none."""
    for name in names:
        given = given.get(name) if isinstance(given, dict) else None
    return given if isinstance(given, dict) else {}


def disjoint(
    *,
    input: int | None,
    output: int | None,
    cache_read: int | None = None,
    cache_write: int | None = None,
    reasoning: int | None = None,
    cache_inside: bool = False,
    reasoning_inside: bool = False,
) -> TokenCounts:
    """Counts as a tool tells them as disjoint buckets: what is inside another is taken out of it."""
    if cache_inside and input is not None:
        input = max(0, input - (cache_read or 0) - (cache_write or 0))
    if reasoning_inside and output is not None:
        output = max(0, output - (reasoning or 0))
    return TokenCounts(input, output, cache_read, cache_write, None, reasoning)
