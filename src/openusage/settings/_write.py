"""The only code that writes settings.json: one step, one writer at a time, nothing of it lost."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from openusage.errors import SettingsError
from openusage.files import locked, replace
from openusage.settings._read import checked, found, parse, read_text
from openusage.settings._tree import Settings

Change = Callable[[dict[str, Any]], None] | Mapping[str, Any]
"""Alters the tree in place; or dotted field -> value (`{"data.time_window": "7d"}`)."""


class Updated(msgspec.Struct, frozen=True):
    """What `update` did."""

    settings: Settings
    backup: Path | None = None
    """Where the old file went because it was no JSON and had to be begun anew."""


def update(path: Path, change: Change, shown_as: str = "") -> Updated:
    """Change some fields of the file: the only function that writes it.

    Everything else in it stays, in its order. The file is replaced in one step, so that a reader or a crash
    meets either the old or the new one; a link is followed; its mode is kept, a new one is 0600. Writers
    wait for each other. A file that is no JSON is kept beside as `settings.json.bak` and begun anew.

    Raises:
        SettingsError: the new value (or another one in the file) is not allowed, or it cannot be written;
            the file is as it was.
    """
    name = shown_as or str(path)
    try:
        real = path.resolve()
        real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(real):
            return _update(real, change, name)
    except (OSError, RuntimeError) as e:
        reason = (isinstance(e, OSError) and e.strerror) or str(e)
        raise SettingsError(f"{name}: cannot be written: {reason}") from e


def applied(settings: Settings, change: Change) -> Settings:
    """The settings with a change that no file is told of.

    Raises:
        SettingsError: the new value is not allowed.
    """
    tree: dict[str, Any] = msgspec.to_builtins(settings)
    _change(tree, change, "the settings")
    return checked(tree, "the settings")


def _update(path: Path, change: Change, name: str) -> Updated:
    backup: Path | None = None
    broken: bytes | None = None
    tree: dict[str, Any] = {}
    try:
        text = read_text(path, name)
        tree = {} if text is None else parse(text, name)
    except SettingsError:
        text, broken = None, path.read_bytes()  # what cannot be read at all raises OSError here
    _change(tree, change, name)
    settings = checked(tree, name)
    new = json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
    if new != text:
        if broken is not None:
            backup = _keep(path, broken)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
        replace(path, new.encode("utf-8", "surrogatepass"), mode)
    return Updated(settings, backup)


def _change(tree: dict[str, Any], change: Change, name: str) -> None:
    if callable(change):
        change(tree)
        return
    for field, value in change.items():
        _set(tree, field, value, name)


def _set(tree: dict[str, Any], field: str, value: Any, name: str) -> None:
    *sections, last = field.split(".")
    for section in sections:
        if tree.get(section) is None:
            tree[section] = {}
        tree = tree[section]
        if not isinstance(tree, dict):
            raise SettingsError(f"{name}: {section} must be an object {{…}}, found {found(tree)}")
    tree[last] = msgspec.to_builtins(value)


def _keep(path: Path, old: bytes) -> Path:
    """Put the old bytes beside the file, under a name that is free."""
    number = 1
    while True:
        backup = path.with_name(f"{path.name}.bak{'' if number == 1 else number}")
        try:
            fd = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
            continue
        with os.fdopen(fd, "wb") as file:
            file.write(old)
            os.fsync(file.fileno())
        return backup
