"""OpenCode: a plugin file, named in `plugin` of opencode.json (or .jsonc). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from openusage import jsonc
from openusage.integrations._files import script
from openusage.integrations._recipe import Entry
from openusage.jsonc import Node

NAME = "openusage-telemetry.ts"
SCHEMA = "https://opencode.ai/config.json"


class OpenCode(msgspec.Struct, frozen=True, kw_only=True):
    """OpenCode of one person."""

    artifact: Path
    config: Path
    home: Path
    spool: Path
    id: str = "opencode"
    name: str = "OpenCode plugin"
    artifact_mode: int = 0o644

    @property
    def content(self) -> bytes:
        return script(NAME, self.spool)

    @property
    def url(self) -> str:
        return self.artifact.as_uri()

    def entry(self, text: str) -> Entry:
        found = [value for _, value in self._ours(_root(text))]
        if not found:
            return Entry.NONE
        return Entry.ALL if found == [self.url] else Entry.OLD

    def added(self, text: str) -> str:
        if jsonc.is_blank(text):
            return text + jsonc.new_document({"$schema": SCHEMA, "plugin": [self.url]})
        if self.entry(text) is Entry.ALL:
            return text
        text = self.removed(text, text)
        root = _root(text)
        plugins = root.get("plugin")
        if plugins is None:
            return jsonc.with_entry(text, root, [self.url], "plugin")
        if plugins.kind != "[":
            return jsonc.replaced(text, plugins, [self.url])
        return jsonc.with_entry(text, plugins, self.url)

    def removed(self, text: str, before: str) -> str:
        if jsonc.is_blank(text):
            return text
        while True:
            root = _root(text)
            found = next(self._ours(root), None)
            plugins = root.get("plugin")
            if found is None or plugins is None:
                return text
            number = root.number_of("plugin")
            kept = _root(before).get("plugin") is not None
            if kept or len(plugins.entries) > 1 or number is None:
                text = jsonc.without_entry(text, plugins, found[0])
            else:
                text = jsonc.without_entry(text, root, number)

    def _ours(self, root: Node) -> Iterator[tuple[int, str]]:
        """Items that name our plugin, in whose home ever."""
        plugins = root.get("plugin")
        for number, item in plugins.items() if plugins is not None else ():
            if isinstance(item.value, str) and item.value.endswith(f"/{NAME}"):
                yield number, item.value


def _root(text: str) -> Node:
    """The settings, with a form of `plugin` that can be added to. Raises `ValueError`."""
    root = jsonc.parse("{}" if jsonc.is_blank(text) else text)
    if root.kind != "{":
        raise ValueError("it must be an object {…}")
    plugins = root.get("plugin")
    if plugins is not None and plugins.kind != "[" and not plugins.is_null:
        raise ValueError("`plugin` must be a list […]")
    return root
