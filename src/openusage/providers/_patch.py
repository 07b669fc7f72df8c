"""The patch text that many tools write files with (`*** Begin Patch`): its file and its lines. Pure."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator

import msgspec

from openusage.providers._touched import file_key, language_of


class Patch(msgspec.Struct, frozen=True):
    """What a patch did. The file is the one with the most changed lines: an event has room for one."""

    lines_added: int
    lines_removed: int
    language: str | None
    file_key: int


PATCH_SIGN = b"*** Begin Patch"
_FILE = re.compile(r"\*\*\* (?:Add|Update|Delete) File: (.+)")


def patch_in(given: object, cwd: str) -> Patch | None:
    """What the `apply_patch` text in a call's input does, however deep it is wrapped; `None`: no text."""
    text = _patch_text(given)
    return patch(text, cwd) if text else None


def patch(text: str, cwd: str) -> Patch | None:
    """Line counts and file of a patch that begins somewhere in `text`. `None`: no file in it."""
    files = list(_files(text))
    if not files:
        return None
    path, _, _ = max(files, key=lambda f: f[1] + f[2])
    return Patch(
        lines_added=sum(f[1] for f in files),
        lines_removed=sum(f[2] for f in files),
        language=language_of(path),
        file_key=file_key(posixpath.normpath(posixpath.join(cwd, path))),
    )


def _patch_text(value: object) -> str:
    if isinstance(value, str):
        if value.lstrip().startswith(("{", "[")) and (inner := _value(value)) is not None:
            return _patch_text(inner)
        return value if "*** Begin Patch" in value else ""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(_patch_text, parts)), "")


def _value(text: str) -> object:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _files(text: str) -> Iterator[tuple[str, int, int]]:
    path, added, removed = "", 0, 0
    for line in text[text.find("*** Begin Patch") :].splitlines():
        if line.startswith("***"):
            if found := _FILE.match(line):
                if path:
                    yield path, added, removed
                path, added, removed = found[1].strip(), 0, 0
            elif line.startswith("*** End Patch"):
                break
        elif line.startswith("+"):
            added += 1
        elif line.startswith("-"):
            removed += 1
    if path:
        yield path, added, removed
