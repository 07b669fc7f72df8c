"""JSON objects of any make: what fits is kept, what does not costs only itself."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.providers._loose import NOTHING, Unreadable, array_of, items_of, objects_of, reader


class Part(msgspec.Struct):
    n: Any = None


class Whole(msgspec.Struct):
    a: Any = None
    part: Part | None = None
    parts: list[Part] | None = None
    raw: msgspec.Raw = NOTHING


read = reader(Whole)


def plain(found: Whole) -> tuple[Any, ...]:
    return (found.a, found.part, found.parts, bytes(found.raw))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a":1,"part":{"n":2},"parts":[{"n":3}],"raw":[4]}', (1, Part(2), [Part(3)], b"[4]")),
        (b"{}", (None, None, None, b"")),
        (b'{"a":null,"part":null,"parts":null,"other":{"x":[1]}}', (None, None, None, b"")),
        (b'{"a":"1","part":"text","parts":{"n":1}}', ("1", None, None, b"")),
        (b'{"a":1,"parts":[{"n":1},null,"x",{"n":2}],"raw":"t"}', (1, None, [Part(1), Part(2)], b'"t"')),
        (b'\x00\xef\xbb\xbf{"a":1}\x00\x00\r', (1, None, None, b"")),
        (b'{"a":"cut \\ud83d","part":{"n":1}}', ("cut \ufffd", Part(1), None, b"")),
        (b'{"other":"cut \\ud83d","a":1}', (1, None, None, b"")),
        (b'{"a":"\\udc00 \\ud83d\\ude00"}', ("\ufffd 😀", None, None, b"")),
        (b'{"a":"bad \xff byte"}', ("bad \ufffd byte", None, None, b"")),
        (b'{"a":"tab\tinside"}', ("tab\tinside", None, None, b"")),
    ],
)
def test_what_fits_is_read(data: bytes, expected: tuple[Any, ...]) -> None:
    assert plain(read(data)) == expected
    assert plain(read(memoryview(data))) == expected


@pytest.mark.parametrize(
    ("data", "what", "at"),
    [
        (b"", "nothing", 0),
        (b" \r", "nothing", 0),
        (b"\0\0\0", "NUL", 0),
        (b'{"a":1', "not JSON", 5),
        (b'{"a":1,}', "not JSON", 7),
        (b'{"a" 1}', "not JSON", 5),
        (b"[1]", "no JSON object", 0),
        (b'"text"', "no JSON object", 0),
        (b"[" * 100_000, "not JSON", None),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(data: bytes, what: str, at: int | None) -> None:
    with pytest.raises(Unreadable, match=what) as told:
        read(data)
    assert at is None or told.value.at == at


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Whole.__struct_fields__, values)))
def test_an_object_of_any_values_is_read(given: dict[str, Any]) -> None:
    found = read(json.dumps(given).encode())
    assert found.a == given.get("a")
    part = given.get("part")
    assert found.part == (Part(part.get("n")) if isinstance(part, dict) else None)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    at = 0
    try:
        read(data)
    except Unreadable as e:
        at = e.at
    assert 0 <= at <= len(data)


def test_the_elements_of_an_array_come_one_by_one() -> None:
    data = b'[{"n":1}, "x", null, [2], {"n":3}]'
    assert [bytes(item) for item in items_of(data)] == [b'{"n":1}', b'"x"', b"null", b"[2]", b'{"n":3}']
    assert [bytes(item) for item in objects_of(data)] == [b'{"n":1}', b'{"n":3}']
    for other in (b"", b"{}", b"null", b"[1", b'"text"'):
        assert list(items_of(other)) == []


@pytest.mark.parametrize(
    ("data", "what", "at"),
    [
        (b"{}", "no JSON array", 0),
        (b"5", "no JSON array", 0),
        (b"[1,", "not JSON", 2),
        (b"[1 2]", "not JSON", 3),
    ],
)
def test_a_document_that_is_no_array_is_told(data: bytes, what: str, at: int) -> None:
    with pytest.raises(Unreadable, match=what) as told:
        array_of(data)
    assert told.value.at == at


def test_a_document_that_is_an_array_comes_in_pieces() -> None:
    assert [bytes(item) for item in array_of(b'[{"a":"cut \\ud83d"}, 5]')] == [b'{"a":"cut \\ufffd"}', b"5"]
    assert array_of(b"[]") == []
