"""A tool call's input -> what it did to which kind of file, whatever the tool calls its fields.

Coding tools name the same few things in a few ways: the file, what is put into it, what is taken out of it.
The input itself (code, commands, paths) never leaves this file. Pure.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from openusage.providers._patch import PATCH_SIGN, patch
from openusage.providers._touched import file_key, language_of
from openusage.providers._values import json_value

_PATHS = ("filePath", "file_path", "filepath", "path", "target_file", "notebook_path", "filename")
_ADDED = (
    *("content", "contents", "file_text", "new_string", "newString", "new_str", "newStr", "newText"),
    *("new_text", "replacement", "new_source", "insert_text", "text_to_insert", "replace", "new"),
)
_REMOVED = ("old_string", "oldString", "old_str", "oldStr", "oldText", "old_text", "search", "old")
_PATCHES = ("patchText", "patch_text", "patch", "input", "diff")
_MANY = ("edits", "operations", "replacements", "edit")
"""Changes in a list, or a single one."""


class Touch(msgspec.Struct, frozen=True, gc=False):
    """What one call did."""

    language: str | None = None
    lines_added: int | None = None
    lines_removed: int | None = None
    file_key: int | None = None
    """Only for calls that change a file."""


NO_TOUCH = Touch()


def touch_of(given: object, cwd: str = "") -> Touch:
    """What a call with this input did. A call that puts no text into a file only reads it.

    `given` is the input as an object or as the JSON of one; `cwd`: where its relative paths start.
    """
    if isinstance(given, str | bytes):
        given = json_value(given)
    if not isinstance(given, Mapping):
        return NO_TOUCH
    changed = next(filter(None, (_patched(given.get(name), cwd) for name in _PATCHES)), None)
    path = next((p for name in _PATHS if isinstance(p := given.get(name), str) and p), None)
    if changed is not None or path is None:
        return changed or NO_TOUCH
    added, removed = _texts(given, _ADDED), _texts(given, _REMOVED)
    if not added and not removed:
        return Touch(language=language_of(path))
    return Touch(
        language=language_of(path),
        lines_added=_lines(added),
        lines_removed=_lines(removed),
        file_key=file_key(posixpath.normpath(posixpath.join(cwd, path))),
    )


def _patched(text: object, cwd: str) -> Touch | None:
    found = patch(text, cwd) if isinstance(text, str) and PATCH_SIGN.decode() in text else None
    if found is None:
        return None
    return Touch(found.language, found.lines_added, found.lines_removed, found.file_key)


def _texts(given: Mapping[str, object], names: Iterable[str]) -> list[str]:
    return [text for part in _parts(given) for name in names if isinstance(text := part.get(name), str)]


def _parts(given: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    yield given
    for name in _MANY:
        many = given.get(name)
        parts = many if isinstance(many, list) else [many]
        yield from (part for part in parts if isinstance(part, Mapping))


def _lines(texts: list[str]) -> int | None:
    """Lines of all texts together, a last one without newline included; `None` when there is no text."""
    if not texts:
        return None
    return sum(t.count("\n") + (t != "" and not t.endswith("\n")) for t in texts)
