"""JSON objects as tools really write them: typed where they fit, field by field where not. Pure.

A field that is not as known never costs the object it stands in. So a struct for `reader` declares scalars
as `Any` (what they are is told by `_values`), parts as structs or lists of structs, and what may be long or
odd as `Raw`.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

NOTHING = msgspec.Raw(b"")
REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder of msgspec raises."""

Bytes: TypeAlias = bytes | memoryview | msgspec.Raw
S = TypeVar("S", bound=msgspec.Struct)

_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = re.compile(_HIGH + rb"(?!" + _LOW + rb")|(?<!" + _HIGH + rb")" + _LOW)
"""One surrogate without its other half, as an escape: tools cut texts in the middle of a character."""
_PLACE = re.compile(r"\(byte (\d+)\)")


class Unreadable(Exception):
    """Bytes in which there is nothing to use: why, without their text, and at which of them."""

    def __init__(self, what: str, at: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.at = at


def reader(as_type: type[S]) -> Callable[[Bytes], S]:
    """A function from the bytes of a JSON object to that type. It raises `Unreadable`, and nothing else."""
    decode = msgspec.json.Decoder(as_type).decode

    def read(data: Bytes) -> S:
        try:
            return decode(data)
        except REFUSED as e:
            refusal = e
        whole = _HALF.sub(rb"\\ufffd", bytes(data))
        try:
            return decode(whole)
        except REFUSED:
            return loosely(_object(whole, refusal), as_type)

    return read


def loosely(given: dict[str, Any], as_type: type[S]) -> S:
    """As much of an object as fits; parts of another kind are left out."""
    made: dict[str, Any] = {}
    for name, (struct, is_many, is_raw) in _fields(as_type).items():
        value = given.get(name)
        if value is None:
            continue
        if is_raw:
            made[name] = raw_of(value)
        elif struct is None:
            made[name] = value
        elif is_many:
            if isinstance(value, list):
                made[name] = [loosely(part, struct) for part in value if isinstance(part, dict)]
        elif isinstance(value, dict):
            made[name] = loosely(value, struct)
    return as_type(**made)


def items_of(data: Bytes) -> Iterator[msgspec.Raw]:
    """The elements of a JSON array, each still as bytes; none when it is no array."""
    try:
        items = _split(data)
    except REFUSED:
        return
    yield from items


def array_of(data: bytes) -> list[msgspec.Raw]:
    """The elements of a document that is a JSON array.

    Raises:
        Unreadable: it is none.
    """
    try:
        return _split(data)
    except REFUSED:
        try:
            return _split(_HALF.sub(rb"\\ufffd", data))
        except msgspec.ValidationError:
            raise Unreadable("no JSON array") from None
        except REFUSED as e:
            raise _not_json(data, e) from None


def objects_of(data: Bytes) -> Iterator[msgspec.Raw]:
    """The objects in a JSON array, each still as bytes."""
    return (item for item in items_of(data) if bytes(item)[:1] == b"{")


def raw_of(value: object) -> msgspec.Raw:
    """A value as the bytes it could have been read from."""
    return NOTHING if value is None else msgspec.Raw(json.dumps(value).encode())


def _object(data: bytes, refusal: Exception) -> dict[str, Any]:
    """What the standard decoder makes of bytes that the strict one refused: NULs around, other types."""
    text = data.decode("utf-8", "replace").strip("\0 \t\r\n\ufeff")
    if not text:
        raise Unreadable("NUL bytes where JSON should be" if b"\0" in data else "nothing in it")
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        raise _not_json(data, refusal) from None
    if not isinstance(found, dict):
        raise Unreadable("no JSON object")
    return found


def _not_json(data: bytes, refusal: Exception) -> Unreadable:
    place = _PLACE.search(str(refusal))
    return Unreadable("not JSON", int(place[1]) if place else max(0, len(data) - 1))


_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_Field: TypeAlias = tuple[type[msgspec.Struct] | None, bool, bool]
_known: dict[type, dict[str, _Field]] = {}


def _fields(as_type: type[msgspec.Struct]) -> dict[str, _Field]:
    """Field -> (struct in it, whether it is a list of them, whether it is kept as bytes)."""
    if as_type not in _known:
        hints = get_type_hints(as_type)
        _known[as_type] = {name: _field(hint) for name, hint in hints.items()}
    return _known[as_type]


def _field(hint: Any) -> _Field:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for option in options:
        is_many = get_origin(option) is list
        inner = get_args(option)[0] if is_many else option
        if inner is msgspec.Raw:
            return None, False, True
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return inner, is_many, False
    return None, False, False
