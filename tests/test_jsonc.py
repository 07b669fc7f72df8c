"""JSON changed in place: what was there stays as it was, for every document there could be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage import jsonc
from openusage.jsonc import Malformed

SPACE = st.sampled_from(["", " ", "\n", "\n  ", "\t", "\r\n    ", " // x\n", "/* , } */", "\n\n"])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An object written by somebody with their own idea of spaces, comments and commas; and what it says."""
    value: dict[str, Any] = draw(st.dictionaries(st.text(max_size=3), PLAIN, max_size=4))
    flag = st.booleans()

    def written(node: Any) -> str:
        if not isinstance(node, dict | list):
            return json.dumps(node, ensure_ascii=draw(flag))
        pieces = [
            draw(SPACE)
            + (json.dumps(k) + draw(SPACE) + ":" + draw(SPACE) if isinstance(node, dict) else "")
            + written(v)
            + draw(SPACE)
            for k, v in (node.items() if isinstance(node, dict) else enumerate(node))
        ]
        comma = "," + draw(SPACE) if bool(pieces) and draw(flag) else draw(SPACE)
        opening, closing = "{}" if isinstance(node, dict) else "[]"
        return opening + ",".join(pieces) + comma + closing

    return draw(SPACE) + written(value) + draw(SPACE), value


@given(documents())
def test_what_is_read_is_what_was_written(document: tuple[str, dict[str, Any]]) -> None:
    text, value = document
    assert jsonc.parse(text).plain() == value


@given(documents(), st.sampled_from(["ours", "größe"]), PLAIN)
def test_an_entry_is_added_and_taken_out_and_all_else_stays(
    document: tuple[str, dict[str, Any]], key: str, new: Any
) -> None:
    text, value = document
    added = jsonc.with_entry(text, jsonc.parse(text), new, key)
    root = jsonc.parse(added)
    assert root.plain() == value | {key: new}
    number = root.number_of(key)
    assert number is not None
    removed = jsonc.without_entry(added, root, number)
    assert jsonc.parse(removed).plain() == value
    if value:
        assert removed == text


@given(documents(), st.data())
def test_any_entry_can_be_taken_out(document: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    """Whoever wrote it: the others stay, and the comments of the others, too."""
    text, value = document
    root = jsonc.parse(text)
    if not root.entries:
        return
    number = data.draw(st.integers(0, len(root.entries) - 1))
    removed = jsonc.without_entry(text, root, number)
    key = root.entries[number].key
    assert jsonc.parse(removed).plain() == {k: v for k, v in value.items() if k != key}


@given(st.text(alphabet='{}[]":,/*\n\\ 1eE.-truefalsn', max_size=30))
def test_what_python_refuses_is_refused_and_what_it_reads_is_read_alike(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = ...
    try:
        found = jsonc.parse(text).plain()
    except Malformed:
        assert expected is ...
        return
    assert expected is ... or found == expected


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1\n  "b": 2}', "line 2, column 3: a comma or } is expected here"),
        ('{"a": }', "line 1, column 7: a value is expected here"),
        ('{"a": [1, 2', "line 1, column 12: a comma or ] is expected here"),
        ('{\n"a": "x\ny"}', "line 2, column 6: a value is expected here"),
        ("{'a': 1}", "line 1, column 2: a name in double quotes is expected here"),
        ('{"a" 1}', "line 1, column 6: a colon is expected here"),
        ('{"a": "\\q"}', "line 1, column 7: a text that is none"),
        ("{} {}", "line 1, column 4: something follows the end"),
        ("/* ", "line 1, column 1: a value is expected here"),
        ("[" * 300, "line 1, column 202: too many things inside each other"),
    ],
)
def test_the_place_of_what_is_wrong_is_named(text: str, where: str) -> None:
    with pytest.raises(Malformed) as error:
        jsonc.parse(text)
    assert str(error.value) == where
