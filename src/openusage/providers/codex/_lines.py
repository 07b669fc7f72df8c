"""Lines of a Codex rollout file as types: fast where they are as known, field by field where not. Pure."""

from __future__ import annotations

import json
import re
import types
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

S = TypeVar("S", bound=msgspec.Struct)

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
"""Tokens. Anything outside is no count; beyond 2^53 it could not be added up in a database."""


class BadLine(ValueError):
    """A line that is not JSON at all."""


class Usage(msgspec.Struct, gc=False):
    """Tokens as Codex writes them: cached and written ones are inside input, reasoning inside output."""

    input_tokens: Count = 0
    cached_input_tokens: Count | None = None
    cache_write_input_tokens: Count | None = None
    output_tokens: Count = 0
    reasoning_output_tokens: Count | None = None
    total_tokens: Count = 0


class Named(msgspec.Struct, gc=False):
    model: str | None = None


class Info(msgspec.Struct, gc=False):
    total_token_usage: Usage | None = None
    last_token_usage: Usage | None = None
    model_context_window: Count | None = None
    model: str | None = None
    model_name: str | None = None
    metadata: Named | None = None


class Counter(msgspec.Struct, gc=False):
    type: str = ""
    info: Info | None = None
    rate_limits: msgspec.Raw = msgspec.Raw()
    model: str | None = None
    model_name: str | None = None
    metadata: Named | None = None


class Meta(msgspec.Struct, gc=False):
    id: str | None = None
    session_id: str | None = None
    cwd: str | None = None
    originator: str | None = None
    cli_version: str | None = None
    source: Any = None
    model_provider: str | None = None
    forked_from_id: str | None = None
    parent_thread_id: str | None = None
    agent_role: str | None = None


class Turn(msgspec.Struct, gc=False):
    turn_id: str | None = None
    cwd: str | None = None
    model: str | None = None


class Prompt(msgspec.Struct, gc=False):
    kind: str | None = None


class Call(msgspec.Struct, gc=False):
    type: str = ""
    name: str | None = None
    namespace: str | None = None
    call_id: str | None = None
    id: str | None = None
    status: str | None = None


class Given(msgspec.Struct, gc=False):
    """What a call was given. Looked at for patches and web searches only, never kept."""

    arguments: Any = None
    input: Any = None
    action: Any = None


class Output(msgspec.Struct, gc=False):
    call_id: str | None = None
    output: msgspec.Raw = msgspec.Raw()


class Response(msgspec.Struct, gc=False):
    """`token_usage_record`: one response, with the vendor's id of it. Its other usages are running totals."""

    thread_id: str | None = None
    response_id: str | None = None
    usage: Usage | None = None


class Kind(msgspec.Struct, gc=False):
    type: str = ""


class CounterLine(msgspec.Struct, gc=False):
    payload: Counter
    timestamp: str = ""


class MetaLine(msgspec.Struct, gc=False):
    payload: Meta
    timestamp: str = ""


class TurnLine(msgspec.Struct, gc=False):
    payload: Turn
    timestamp: str = ""


class PromptLine(msgspec.Struct, gc=False):
    payload: Prompt
    timestamp: str = ""


class CallLine(msgspec.Struct, gc=False):
    payload: Call
    timestamp: str = ""


class GivenLine(msgspec.Struct, gc=False):
    payload: Given


class OutputLine(msgspec.Struct, gc=False):
    payload: Output
    timestamp: str = ""


class ResponseLine(msgspec.Struct, gc=False):
    payload: Response
    timestamp: str = ""


class KindLine(msgspec.Struct, gc=False):
    payload: Kind
    type: str = ""


_FAILED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def reader(as_type: type[S]) -> tuple[Any, type[S]]:
    """What `read` needs for lines of a type."""
    return msgspec.json.Decoder(as_type).decode, as_type


def read(line: bytes, by: tuple[Any, type[S]]) -> S:
    """A line as a type; a field that is not as known keeps its default.

    Raises:
        BadLine: not JSON.
    """
    try:
        found: S = by[0](line)
    except _FAILED:
        return loosely(_json(line), by[1])
    return found


def _json(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        raise BadLine from None
    return found if isinstance(found, dict) else {}


def loosely(given: dict[str, Any], as_type: type[S]) -> S:
    """As much of an object as fits a type: numbers out of texts too, odd fields left out."""
    made: dict[str, Any] = {}
    for field, (wanted, struct) in _fields(as_type).items():
        value = given.get(field)
        if value is None:
            continue
        if wanted is msgspec.Raw:
            made[field] = msgspec.Raw(json.dumps(value).encode())
        elif struct is not None:
            if isinstance(value, dict):
                made[field] = loosely(value, struct)
        else:
            if isinstance(value, str):
                value = value.encode("utf-8", "replace").decode()  # lone surrogates
            try:
                made[field] = msgspec.convert(value, wanted, strict=False)
            except msgspec.ValidationError:
                continue
    if "payload" in as_type.__struct_fields__ and "payload" not in made:
        made["payload"] = _fields(as_type)["payload"][1]()  # type: ignore[misc]
    return as_type(**made)


_known: dict[type, dict[str, tuple[Any, type[msgspec.Struct] | None]]] = {}


def _fields(as_type: type[msgspec.Struct]) -> dict[str, tuple[Any, type[msgspec.Struct] | None]]:
    """Field -> its type, and the struct in it if there is one."""
    if as_type not in _known:
        hints = get_type_hints(as_type, include_extras=True)
        _known[as_type] = {name: (hint, _struct(hint)) for name, hint in hints.items()}
    return _known[as_type]


def _struct(hint: Any) -> type[msgspec.Struct] | None:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return next((o for o in options if isinstance(o, type) and issubclass(o, msgspec.Struct)), None)


_HEAD = re.compile(
    rb'\s*\{\s*"timestamp"\s*:\s*"[^"\\]{1,60}"\s*,\s*"type"\s*:\s*"(\w+)"\s*'
    rb'(?:,\s*"payload"\s*:\s*\{\s*(?:"type"\s*:\s*"(\w+)")?)?'
)
_KIND = reader(KindLine)


def kind_of(line: bytes) -> tuple[str, str]:
    """Type of a line and of its payload (empty when it has none), in any layout. Raises `BadLine`."""
    head = _HEAD.match(line)
    if head is not None and (head[2] is not None or head[1] not in (b"event_msg", b"response_item")):
        return head[1].decode(), (head[2] or b"").decode()
    if not line.strip():
        return "", ""
    found = read(line, _KIND)
    return found.type, found.payload.type
