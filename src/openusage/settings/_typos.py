"""Keys of settings.json that nobody reads and that look like one that is read. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

import msgspec

from openusage.settings._tree import Settings

_ALIKE = 0.8
"""`exporter` and `export` are 0.86; keys of the Go program that we do not have are further from ours."""


def misspelt(tree: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(key as it stands there, key that is likely meant), both by their whole names: `export.targets`."""
    return list(_of(Settings, tree, ""))


def _of(type_: type[msgspec.Struct], tree: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(type_)}
    free = [name for name in fields if name not in tree]
    for key, value in tree.items():
        if key in fields:
            yield from _below(fields[key], value, f"{place}{key}")
        elif alike := difflib.get_close_matches(key.lower().replace("-", "_"), free, n=1, cutoff=_ALIKE):
            yield f"{place}{key}", f"{place}{alike[0]}"


def _below(hint: Any, value: Any, place: str) -> Iterator[tuple[str, str]]:
    if get_origin(hint) is list and isinstance(value, list):
        (item,) = get_args(hint)
        for n, each in enumerate(value):
            yield from _below(item, each, f"{place}[{n}]")
    elif isinstance(hint, type) and issubclass(hint, msgspec.Struct) and isinstance(value, dict):
        yield from _of(hint, value, f"{place}.")
