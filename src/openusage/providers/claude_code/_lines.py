"""One line of a Claude Code transcript -> `Line`: what we look at, and nothing else of it.

Two ways to the same type. The fast one is a partial, strict msgspec decode. A line it refuses (a number as
text, a lone surrogate, NULs around the JSON) goes the slow one: the standard decoder, then field by field
what can be used; one odd field never loses the line. Prompt and answer texts are not kept by either.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import Annotated

import msgspec

from openusage.providers._loose import NOTHING, raw_of

MAX_COUNT = 1 << 53
"""No counter of a real answer comes near; what exceeds it is not a count."""

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
Time = Annotated[dt.datetime, msgspec.Meta(tz=True)]
_LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")


class Split(msgspec.Struct, gc=False):
    """Cache writes by life time."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class ServerTools(msgspec.Struct, gc=False):
    """Tools that ran at the vendor."""

    web_search_requests: Count | None = None
    web_fetch_requests: Count | None = None


class Usage(msgspec.Struct, gc=False):
    """Tokens of one answer, as the API counts them: cache reads and writes are outside `input_tokens`."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: Split | None = None
    server_tool_use: ServerTools | None = None
    speed: str | None = None
    refused: bool = msgspec.field(default=False, name="")
    """A count was given that is none: negative, beyond sense, no number. Our word, not the line's."""


class ContentBlock(msgspec.Struct, gc=False):
    """A piece of an answer (`tool_use`), or of what is sent back (`tool_result`)."""

    type: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = NOTHING
    tool_use_id: str | None = None
    is_error: bool | None = None
    content: msgspec.Raw = NOTHING
    text: msgspec.Raw = NOTHING


class Message(msgspec.Struct, gc=False):
    """An answer or a prompt."""

    id: str | None = None
    model: str | None = None
    usage: Usage | None = None
    content: list[ContentBlock] | str | None = None


class Line(msgspec.Struct, gc=False):
    """A line of a transcript."""

    type: str | None = None
    timestamp: Time | None = None
    sessionId: str | None = None
    uuid: str | None = None
    parentUuid: str | None = None
    requestId: str | None = None
    cwd: str | None = None
    entrypoint: str | None = None
    isSidechain: bool | None = None
    isMeta: bool | None = None
    isCompactSummary: bool | None = None
    isVisibleInTranscriptOnly: bool | None = None
    isApiErrorMessage: bool | None = None
    costUSD: float | None = None
    message: Message | None = None


class BadLine(Exception):
    """A line that cannot be used at all: why, without its text."""


decode = msgspec.json.Decoder(Line).decode
"""The fast way. Raises one of `REFUSED`."""
REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def salvage(view: bytes | memoryview) -> Line | None:
    """The slow way, for a line that `decode` refused. `None`: a blank line.

    Raises:
        BadLine: there is nothing in it that we could use.
    """
    text = bytes(view).decode("utf-8", "replace").strip("\0 \t\r\ufeff")
    if not text:
        if b"\0" in bytes(view):
            raise BadLine("NUL bytes where a line should be")
        return None
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        raise BadLine("a line that is not JSON") from None
    if not isinstance(found, dict):
        raise BadLine("a line that is no JSON object")
    return Line(
        type=_text(found.get("type")),
        timestamp=time_of(found.get("timestamp")),
        sessionId=_text(found.get("sessionId")),
        uuid=_text(found.get("uuid")),
        parentUuid=_text(found.get("parentUuid")),
        requestId=_text(found.get("requestId")),
        cwd=_text(found.get("cwd")),
        entrypoint=_text(found.get("entrypoint")),
        isSidechain=_flag(found.get("isSidechain")),
        isMeta=_flag(found.get("isMeta")),
        isCompactSummary=_flag(found.get("isCompactSummary")),
        isVisibleInTranscriptOnly=_flag(found.get("isVisibleInTranscriptOnly")),
        isApiErrorMessage=_flag(found.get("isApiErrorMessage")),
        costUSD=_amount(found.get("costUSD")),
        message=_message(found.get("message")),
    )


def usage_of(value: object) -> Usage | None:
    """A usage object of any make: what of it can be read."""
    if not isinstance(value, dict):
        return None
    split, tools = value.get("cache_creation"), value.get("server_tool_use")
    return Usage(
        input_tokens=count_of(value.get("input_tokens")),
        output_tokens=count_of(value.get("output_tokens")),
        cache_read_input_tokens=count_of(value.get("cache_read_input_tokens")),
        cache_creation_input_tokens=count_of(value.get("cache_creation_input_tokens")),
        cache_creation=None
        if not isinstance(split, dict)
        else Split(
            count_of(split.get("ephemeral_5m_input_tokens")), count_of(split.get("ephemeral_1h_input_tokens"))
        ),
        server_tool_use=None
        if not isinstance(tools, dict)
        else ServerTools(
            count_of(tools.get("web_search_requests")), count_of(tools.get("web_fetch_requests"))
        ),
        speed=_text(value.get("speed")),
        refused=any(value.get(name) is not None and count_of(value[name]) is None for name in _COUNTS),
    )


_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def count_of(value: object) -> int | None:
    """A count written as a number, a float or text; anything else was not reported."""
    amount = _amount(value)
    return None if amount is None or not 0 <= amount <= MAX_COUNT else int(amount)


def time_of(value: object) -> dt.datetime | None:
    """ISO text (without a zone: UTC) or a number: microseconds above 10^15, milliseconds above 10^12."""
    number = _amount(value)
    try:
        if number is not None:
            scale = 1e6 if number > 1e15 else 1e3 if number > 1e12 else 1
            return dt.datetime.fromtimestamp(number / scale, dt.UTC)
        if not isinstance(value, str):
            return None
        # A leap second is told as :60, which Python's clock does not know.
        time = dt.datetime.fromisoformat(_LEAP_SECOND.sub(r"\1:59", value.strip()))
    except (ValueError, OverflowError, OSError):
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)


def _message(value: object) -> Message | None:
    if not isinstance(value, dict):
        return None
    content = value.get("content")
    if isinstance(content, list):
        content = [_block(block) for block in content if isinstance(block, dict)]
    return Message(
        id=_text(value.get("id")),
        model=_text(value.get("model")),
        usage=usage_of(value.get("usage")),
        content=content if isinstance(content, list | str) else None,
    )


def _block(value: dict[str, object]) -> ContentBlock:
    return ContentBlock(
        type=_text(value.get("type")),
        id=_text(value.get("id")),
        name=_text(value.get("name")),
        input=raw_of(value.get("input")),
        tool_use_id=_text(value.get("tool_use_id")),
        is_error=_flag(value.get("is_error")),
        content=raw_of(value.get("content")),
        text=raw_of(value.get("text")),
    )


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1")
    return bool(value) if isinstance(value, bool | int) else None


def _amount(value: object) -> float | int | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None
