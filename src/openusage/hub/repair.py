"""Reads a push that the strict decoder refuses, as the Go hub would; names the place when it cannot.

Senders are not all ours: `null` stands for empty, keys come in other case, strings hold lone surrogates or
bad UTF-8 (both become U+FFFD), required fields are missing, times are written loosely. The shape comes from
the wire types themselves, so it cannot drift. About ten times slower than the strict way.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec
from msgspec import inspect

from openusage.wire.envelope import RemoteEnvelope, aware

ZERO_TIME_TEXT = "0001-01-01T00:00:00Z"
"""How an absent time travels."""

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
).fullmatch
_PLAIN_KEY = re.compile(r"[\w-]{1,80}").fullmatch
_KEY_LIMIT = 80
_LONGEST_INT = 309
"""Digits of the largest float: a longer literal is out of range whatever it says."""


class Misfit(ValueError):
    """The body is not a push. The text names the place and says what is wrong there."""


def is_rfc3339(text: str) -> bool:
    """The strict form that every peer can read, of a day that exists. Up to 9 decimals."""
    if _RFC3339(text) is None:
        return False
    try:
        dt.date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def read_loosely(body: bytes) -> dict[str, Any]:
    """The push in the strict shape, as plain values: known keys only, nothing null. Raises `Misfit`."""
    text = body.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        raise Misfit("starts with a byte order mark")
    try:
        loose = json.loads(text, parse_constant=_no_constant, parse_int=_int)
    except json.JSONDecodeError as e:
        raise Misfit(f"{e.msg} (line {e.lineno}, column {e.colno})") from None
    except RecursionError:
        raise Misfit("nested too deeply") from None
    if loose is None:
        loose = {}
    tidy: dict[str, Any] = _walk(loose, _ENVELOPE, "$")
    return tidy


def _no_constant(name: str) -> NoReturn:
    raise Misfit(f"{name} is no JSON number")


def _int(text: str) -> float:
    return int(text) if len(text) <= _LONGEST_INT else math.inf


def _walk(value: Any, shape: inspect.Type, place: str) -> Any:
    """`value`, which is not null, in the form that `shape` asks for."""
    walk = _WALKS[type(shape)]
    return walk(value, shape, place)


def _walk_struct(value: Any, shape: inspect.StructType, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _misfit("object", value, place)
    fields, folded = _fields(shape)
    tidy: dict[str, Any] = {}
    for key, item in value.items():
        name = key if key in fields else folded.get(key.lower())
        if name is not None and item is not None:
            tidy[name] = _walk(item, fields[name], f"{place}.{name}")
    for field in shape.fields:
        if field.required and field.name not in tidy:
            tidy[field.name] = _zero(field.type)
    return tidy


def _walk_dict(value: Any, shape: inspect.DictType, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _misfit("object", value, place)
    of = shape.value_type
    return {
        _clean(key): _zero(of) if item is None else _walk(item, of, place + _step(key))
        for key, item in value.items()
    }


def _walk_list(value: Any, shape: inspect.ListType, place: str) -> list[Any]:
    if not isinstance(value, list):
        _misfit("array", value, place)
    of = shape.item_type
    return [_walk(item, of, f"{place}[{i}]") for i, item in enumerate(value) if item is not None]


def _walk_str(value: Any, shape: inspect.Type, place: str) -> str:
    if not isinstance(value, str):
        _misfit("string", value, place)
    return _clean(value)


def _walk_float(value: Any, shape: inspect.Type, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _misfit("number", value, place)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Misfit(f"number out of range at {place}")
    return number


def _walk_time(value: Any, shape: inspect.Type, place: str) -> str:
    if not isinstance(value, str):
        _misfit("time", value, place)
    if is_rfc3339(value):
        return value
    try:
        time = msgspec.convert(value, dt.datetime)
    except msgspec.ValidationError:
        raise Misfit(f"not an RFC 3339 time at {place}") from None
    return aware(time).isoformat().replace("+00:00", "Z")


def _walk_union(value: Any, shape: inspect.UnionType, place: str) -> Any:
    return _walk(value, _unwrapped(shape), place)


_WALKS: Mapping[type, Callable[[Any, Any, str], Any]] = {
    inspect.StructType: _walk_struct,
    inspect.DictType: _walk_dict,
    inspect.ListType: _walk_list,
    inspect.StrType: _walk_str,
    inspect.FloatType: _walk_float,
    inspect.DateTimeType: _walk_time,
    inspect.UnionType: _walk_union,
}


def _unwrapped(shape: inspect.UnionType) -> inspect.Type:
    """The one member of `T | None` that is not None: the wire types have no other unions."""
    return next(t for t in shape.types if not isinstance(t, inspect.NoneType))


def _zero(shape: inspect.Type) -> Any:
    """What stands for `null` or a missing required field."""
    match shape:
        case inspect.StructType():
            return {f.name: _zero(f.type) for f in shape.fields if f.required}
        case inspect.DictType():
            return {}
        case inspect.ListType():
            return []
        case inspect.StrType():
            return ""
        case inspect.FloatType():
            return 0.0
        case inspect.DateTimeType():
            return ZERO_TIME_TEXT
        case _:
            raise TypeError(f"no zero for {shape!r}")


_FIELDS: dict[type, tuple[dict[str, inspect.Type], dict[str, str]]] = {}


def _fields(shape: inspect.StructType) -> tuple[dict[str, inspect.Type], dict[str, str]]:
    """Field name -> its type, and lower-case spelling -> field name."""
    known = _FIELDS.get(shape.cls)
    if known is None:
        types = {f.encode_name: f.type for f in shape.fields}
        known = _FIELDS[shape.cls] = types, {name.lower(): name for name in types}
    return known


def _clean(text: str) -> str:
    """Lone surrogates become U+FFFD: they cannot be written as UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _step(key: str) -> str:
    if _PLAIN_KEY(key):
        return f".{key}"
    return f"[{json.dumps(key[:_KEY_LIMIT])}]"


def _misfit(wanted: str, found: Any, place: str) -> NoReturn:
    raise Misfit(f"expected {wanted}, found {_JSON_NAMES[type(found)]} at {place}")


_JSON_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}

_ENVELOPE = inspect.type_info(RemoteEnvelope)
