"""Claude Code: `hooks` of settings.json, three events that call one script. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from openusage import jsonc
from openusage.integrations._files import script
from openusage.integrations._recipe import Entry
from openusage.jsonc import Node

NAME = "claude-hook.sh"
OURS = f"/openusage/hooks/{NAME}"
"""In whose home ever: the Go program's is the same file."""
TIMEOUT_S = 5
EVENTS = {"Stop": False, "SubagentStop": False, "PostToolUse": True}
"""Event -> whether Claude Code need not wait for the script."""


class ClaudeCode(msgspec.Struct, frozen=True, kw_only=True):
    """Claude Code of one person."""

    artifact: Path
    config: Path
    home: Path
    spool: Path
    id: str = "claude_code"
    name: str = "Claude Code hooks"
    artifact_mode: int = 0o755

    @property
    def content(self) -> bytes:
        return script(NAME, self.spool)

    @property
    def command(self) -> str:
        """As a shell reads it."""
        return shlex.quote(str(self.artifact))

    def entry(self, text: str) -> Entry:
        root = _root(text)
        found = {event: [group for group, _ in self._ours(root, event)] for event in EVENTS}
        if not any(found.values()):
            return Entry.NONE
        if not all(found.values()):
            return Entry.SOME
        exact = all(groups == [self._group(event)] for event, groups in found.items())
        return Entry.ALL if exact else Entry.OLD

    def added(self, text: str) -> str:
        if jsonc.is_blank(text):
            hooks = {event: [self._group(event)] for event in EVENTS}
            return text + jsonc.new_document({"hooks": hooks})
        for event in EVENTS:
            if [group for group, _ in self._ours(_root(text), event)] == [self._group(event)]:
                continue
            text = self._with(self._without(text, event, text), event)
        return text

    def removed(self, text: str, before: str) -> str:
        if jsonc.is_blank(text):
            return text
        for event in EVENTS:
            text = self._without(text, event, before)
        return text

    def _group(self, event: str) -> dict[str, Any]:
        handler: dict[str, Any] = {"type": "command", "command": self.command, "timeout": TIMEOUT_S}
        if EVENTS[event]:
            handler["async"] = True
        return {"matcher": "*", "hooks": [handler]}

    def _is_ours(self, handler: Any) -> bool:
        command = handler.get("command") if isinstance(handler, dict) else None
        return isinstance(command, str) and (OURS in command or self.command in command)

    def _ours(self, root: Node, event: str) -> Iterator[tuple[Any, tuple[int, int]]]:
        """Groups with our script in them, and the numbers of group and handler."""
        groups = _groups(root, event)
        for number, group in groups.items() if groups is not None else ():
            handlers = group.get("hooks")
            for at, handler in handlers.items() if handlers is not None else ():
                if self._is_ours(handler.plain()):
                    yield group.plain(), (number, at)

    def _without(self, text: str, event: str, before: str) -> str:
        """Without handlers of ours, and what is empty without them: the group, and what was not `before`."""
        while found := next(self._ours(_root(text), event), None):
            group, (number, at) = found
            root = _root(text)
            groups = _groups(root, event)
            assert groups is not None
            if len(group["hooks"]) > 1:
                handlers = groups.entries[number].node.get("hooks")
                assert handlers is not None
                text = jsonc.without_entry(text, handlers, at)
            elif len(groups.entries) > 1 or _groups(_root(before), event) is not None:
                text = jsonc.without_entry(text, groups, number)
            else:
                text = _without_key(text, event, keep_hooks=_root(before).get("hooks") is not None)
        return text

    def _with(self, text: str, event: str) -> str:
        root = _root(text)
        hooks = root.get("hooks")
        if hooks is None:
            return jsonc.with_entry(text, root, {event: [self._group(event)]}, "hooks")
        groups = hooks.get(event)
        if groups is None:
            return jsonc.with_entry(text, hooks, [self._group(event)], event)
        if groups.kind != "[":
            return jsonc.replaced(text, groups, [self._group(event)])
        return jsonc.with_entry(text, groups, self._group(event))


def _root(text: str) -> Node:
    """The settings, with a form of `hooks` that can be added to. Raises `ValueError`."""
    root = jsonc.parse("{}" if jsonc.is_blank(text) else text)
    if root.kind != "{":
        raise ValueError("it must be an object {…}")
    hooks = root.get("hooks")
    if hooks is not None and hooks.kind != "{":
        raise ValueError("`hooks` must be an object {…}")
    for event in EVENTS:
        groups = hooks.get(event) if hooks is not None else None
        if groups is not None and groups.kind != "[" and not groups.is_null:
            raise ValueError(f"`hooks.{event}` must be a list […]")
    return root


def _groups(root: Node, event: str) -> Node | None:
    hooks = root.get("hooks")
    return None if hooks is None else hooks.get(event)


def _without_key(text: str, event: str, *, keep_hooks: bool) -> str:
    """Without the whole event, or without `hooks` when it has no other."""
    root = _root(text)
    hooks = root.get("hooks")
    assert hooks is not None
    holder, key = (hooks, event) if keep_hooks or len(hooks.entries) > 1 else (root, "hooks")
    number = holder.number_of(key)
    assert number is not None
    return jsonc.without_entry(text, holder, number)
