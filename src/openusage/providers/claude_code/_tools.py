"""A tool call's input -> what it did to which kind of file: language, lines, a hash of the path.

The input itself (code, commands, prompts, paths) never leaves this file.
"""

from __future__ import annotations

import json
from hashlib import blake2b

import msgspec

from openusage.providers._touched import file_key, language_of

_CHANGING = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
_READING = frozenset({"Read", "NotebookRead"})
_STARTING = frozenset({"Task", "Agent"})


class Touch(msgspec.Struct, frozen=True, gc=False):
    """What one call did."""

    language: str | None = None
    lines_added: int | None = None
    lines_removed: int | None = None
    file_key: int | None = None
    """Only for calls that change a file."""
    task: str | None = None
    """Sub-agent type that the call starts."""
    task_key: str | None = None
    """Stands for the prompt given to that sub-agent, which its own transcript begins with."""


NO_TOUCH = Touch()


class _Change(msgspec.Struct, gc=False):
    old_string: str | None = None
    new_string: str | None = None


class _Input(msgspec.Struct, gc=False):
    file_path: str | None = None
    notebook_path: str | None = None
    old_string: str | None = None
    new_string: str | None = None
    content: str | None = None
    new_source: str | None = None
    subagent_type: str | None = None
    prompt: str | None = None
    edits: list[_Change] | None = None


_TEXTS = _Input.__struct_fields__[:-1]
_decode = msgspec.json.Decoder(_Input).decode


def touch_of(tool: str, given: msgspec.Raw) -> Touch:
    """What a call of `tool` with this input (JSON) does. A tool we do not know touches nothing."""
    if tool not in _CHANGING and tool not in _READING and tool not in _STARTING:
        return NO_TOUCH
    args = _input(given)
    if tool in _STARTING:
        return Touch(
            task=args.subagent_type or None, task_key=None if args.prompt is None else prompt_key(args.prompt)
        )
    path = args.file_path or args.notebook_path
    if not path:
        return NO_TOUCH
    if tool in _READING:
        return Touch(language=language_of(path))
    return _change(args, path)


def _change(args: _Input, path: str) -> Touch:
    edits = args.edits if args.edits is not None else [_Change(args.old_string, args.new_string)]
    texts_added = [e.new_string for e in edits] + [args.content, args.new_source]
    return Touch(
        language=language_of(path),
        lines_added=_lines(texts_added),
        lines_removed=_lines([e.old_string for e in edits]),
        file_key=file_key(path),
    )


def _input(given: msgspec.Raw) -> _Input:
    """As much of an input as can be read: one odd field does not lose the others."""
    try:
        return _decode(given)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        found = json.loads(bytes(given).decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return _Input()
    if not isinstance(found, dict):
        return _Input()
    args = _Input()
    for name in _TEXTS:
        setattr(args, name, _str(found.get(name)))
    edits = found.get("edits")
    if isinstance(edits, list):
        args.edits = [
            _Change(_str(e.get("old_string")), _str(e.get("new_string")))
            for e in edits
            if isinstance(e, dict)
        ]
    return args


def _str(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _lines(texts: list[str | None]) -> int | None:
    """Lines of all texts together, a last one without newline included; `None` when there is no text."""
    known = [t for t in texts if t is not None]
    if not known:
        return None
    return sum(t.count("\n") + (t != "" and not t.endswith("\n")) for t in known)


def prompt_key(prompt: str) -> str:
    """Stands for a prompt: 16 hex digits."""
    return blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
