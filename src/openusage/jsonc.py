"""JSON with comments and trailing commas, changed in place: all other characters stay as they were.

Knows where each value stands, so that an edit is an insertion or a cut of whole lines and nothing is written
anew: order, number forms, indentation and comments are not read, hence not lost. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

DEEPEST = 200
"""Objects in objects; no tool's settings come near."""

_BLANK = re.compile(r"[ \t\r\n]*(?://[^\r\n]*[ \t\r\n]*|/\*.*?\*/[ \t\r\n]*)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\r\n]|\\.)*"')
_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_REST_OF_LINE = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/[ \t]*)?(?=\r?\n)")
_CLOSES = {"{": "}", "[": "]"}


class Malformed(ValueError):
    """The text is no JSON, not even a loose one: where, and what is the matter."""

    def __init__(self, text: str, at: int, what: str) -> None:
        line = text.count("\n", 0, at) + 1
        column = at - text.rfind("\n", 0, at)
        super().__init__(f"line {line}, column {column}: {what}")


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A value, and where it stands."""

    start: int
    end: int
    value: Any = None
    """Of a text, number or word; of an object or list nothing."""
    kind: str = ""
    """`{` an object, `[` a list, empty anything else."""
    entries: tuple[Entry, ...] = ()

    @property
    def is_null(self) -> bool:
        return not self.kind and self.value is None

    def number_of(self, key: str) -> int | None:
        """Of an object's member; of several with one name the last, as every parser has it."""
        found = [n for n, e in enumerate(self.entries) if self.kind == "{" and e.key == key]
        return found[-1] if found else None

    def get(self, key: str) -> Node | None:
        """The value of an object's member."""
        number = self.number_of(key)
        return None if number is None else self.entries[number].node

    def items(self) -> Iterator[tuple[int, Node]]:
        """The numbered items of a list; nothing of what is none."""
        if self.kind == "[":
            yield from enumerate(e.node for e in self.entries)

    def plain(self) -> Any:
        """As plain Python values."""
        if self.kind == "{":
            return {e.key: e.node.plain() for e in self.entries}
        return [e.node.plain() for e in self.entries] if self.kind == "[" else self.value


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A member of an object or an item of a list."""

    start: int
    """Of its key, or of itself."""
    node: Node
    comma: int | None
    """Where the comma after it stands."""
    key: str = ""


def parse(text: str) -> Node:
    """The root value. Raises `Malformed`."""
    node = _value(text, _skip(text, 0), 0)
    end = _skip(text, node.end)
    if end != len(text):
        raise Malformed(text, end, "something follows the end")
    return node


def is_blank(text: str) -> bool:
    """Whether there is nothing in it but space and comments."""
    return _skip(text, 0) == len(text)


def _skip(text: str, at: int) -> int:
    """Behind space and comments."""
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Node:
    if depth > DEEPEST:
        raise Malformed(text, at, "too many things inside each other")
    if text[at : at + 1] in _CLOSES:
        return _container(text, at, depth)
    if found := _STRING.match(text, at):
        return Node(start=at, end=found.end(), value=_string(text, at, found.group()))
    if found := _SCALAR.match(text, at):
        return Node(start=at, end=found.end(), value=json.loads(found.group()))
    raise Malformed(text, at, "a value is expected here" if at < len(text) else "it ends too early")


def _container(text: str, start: int, depth: int) -> Node:
    closing = _CLOSES[text[start]]
    entries: list[Entry] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != closing:
        if entries and entries[-1].comma is None:
            raise Malformed(text, at, f"a comma or {closing} is expected here")
        begin, key = at, ""
        if closing == "}":
            key, at = _key(text, at)
        node = _value(text, at, depth + 1)
        at = _skip(text, node.end)
        comma = at if text[at : at + 1] == "," else None
        entries.append(Entry(start=begin, node=node, comma=comma, key=key))
        at = at if comma is None else _skip(text, at + 1)
    return Node(start=start, end=at + 1, kind=text[start], entries=tuple(entries))


def _key(text: str, at: int) -> tuple[str, int]:
    found = _STRING.match(text, at)
    if found is None:
        raise Malformed(text, at, "a name in double quotes is expected here")
    colon = _skip(text, found.end())
    if text[colon : colon + 1] != ":":
        raise Malformed(text, colon, "a colon is expected here")
    return _string(text, at, found.group()), _skip(text, colon + 1)


def _string(text: str, at: int, quoted: str) -> str:
    try:
        value = json.loads(quoted, strict=False)
    except ValueError:
        raise Malformed(text, at, "a text that is none") from None
    assert isinstance(value, str)
    return value


# --- changes -------------------------------------------------------------------------------------------


def with_entry(text: str, container: Node, value: object, key: str = "") -> str:
    """`text` with one more member or item: before all others, or behind a leading `$schema`.

    Only whole lines are added where the container has its entries on lines of their own.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    entries = container.entries
    first = _first_line_indent(text, container)
    base = _indent_at(text, container.start)
    if entries and first is None:
        return _beside(text, container, _told(value, key, "", ""))
    indent = base + _unit(text) if first is None else first
    told = _told(value, key, indent, newline, _unit(text))
    at = _line_end(text, container.start + 1)
    if not entries:
        closing = "" if "\n" in text[at : container.end] else newline + base
        return f"{text[:at]}{newline}{indent}{told}{closing}{text[at:]}"
    schema = entries[0]
    if schema.key == "$schema" and schema.comma is not None and len(entries) > 1:
        at = _line_end(text, schema.comma + 1)
    return f"{text[:at]}{newline}{indent}{told},{text[at:]}"


def without_entry(text: str, container: Node, number: int) -> str:
    """`text` without that member or item, and without the lines or the comma that only it needed."""
    entry = container.entries[number]
    start, end = entry.start, entry.node.end if entry.comma is None else entry.comma + 1
    if entry.comma is None and number:  # the last one: the comma before it goes, too
        comma = container.entries[number - 1].comma
        assert comma is not None
        gap = text[comma + 1 : start]
        if not gap.strip():
            return text[:comma] + text[end:]
        text, start, end = text[:comma] + text[comma + 1 :], start - 1, end - 1
    if len(container.entries) == 1 and not text[container.start + 1 : start].strip():
        rest = text[end : container.end - 1]
        return text[: container.start + 1] + (rest if rest.strip() else "") + text[container.end - 1 :]
    line = start - len(_before_on_line(text, start))
    if not text[line:start].strip() and line and (rest_of_line := _REST_OF_LINE.match(text, end)):
        # Lines of its own: from the end of the line before to the end of its last one.
        return text[: _line_break(text, line)] + text[rest_of_line.end() :]
    spaces = re.match(r"[ \t]*", text[end:])
    return text[:start] + text[end + (spaces.end() if spaces else 0) :]


def replaced(text: str, node: Node, value: object) -> str:
    """`text` with another value there, on one line."""
    return text[: node.start] + json.dumps(value, ensure_ascii=False) + text[node.end :]


def new_document(value: object) -> str:
    """A file of its own."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _told(value: object, key: str, indent: str, newline: str, unit: str = "") -> str:
    name = f"{json.dumps(key, ensure_ascii=False)}: " if key else ""
    if not newline:
        return name + json.dumps(value, ensure_ascii=False)
    lines = json.dumps(value, indent=unit, ensure_ascii=False).split("\n")
    return name + f"{newline}{indent}".join(lines)


def _beside(text: str, container: Node, told: str) -> str:
    """In a container on one line: before its first entry."""
    at = container.entries[0].start
    return f"{text[:at]}{told}, {text[at:]}"


def _line_end(text: str, at: int) -> int:
    """Behind what else is on the line, when that is only space or a comment."""
    found = _REST_OF_LINE.match(text, at)
    return found.end() if found else at


def _line_break(text: str, line: int) -> int:
    """Where the end of the line before `line` begins."""
    return line - 2 if text[line - 2 : line] == "\r\n" else line - 1


def _before_on_line(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : at]


def _indent_at(text: str, at: int) -> str:
    """Of the line on which `at` stands."""
    before = _before_on_line(text, at)
    return before[: len(before) - len(before.lstrip(" \t"))]


def _first_line_indent(text: str, container: Node) -> str | None:
    """Of the first entry when it begins a line; `None`: it does not."""
    if not container.entries:
        return None
    start = container.entries[0].start
    before = _before_on_line(text, start)
    return before if not before.strip(" \t") and container.start < start - len(before) else None


def _unit(text: str) -> str:
    """What one level is indented by: the smallest that occurs, or two spaces."""
    found = [m.group(1) for m in re.finditer(r"(?:^|\n)([ \t]+)(?=[^\s/*])", text)]
    return min(found, key=len) if found else "  "
