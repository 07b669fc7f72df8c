"""Where Roo Code and its kin (Kilo Code before its second generation) keep their tasks.

Sources: `src/utils/storage.ts`, `apps/vscode-nightly/package.nightly.json` of the Roo-Code repository. An
extension keeps them in its storage in each editor, or at a place that a person named in that editor's
settings; those from before stay where they were. Both are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from openusage import jsonc
from openusage.providers import _walk
from openusage.providers._contract import Env
from openusage.wire.events import Account

TASKS = "tasks"
WATCHED_TASKS = 64
_EDITORS = ("Code", "Code - Insiders", "VSCodium", "VSCodium - Insiders", "Cursor", "Windsurf", "Kiro")
_SERVERS = (".vscode-server", ".vscode-server-insiders", ".cursor-server", ".windsurf-server")
_TERMINALS = {
    "rooveterinaryinc.roo-cline": (".vscode-mock", "global-storage"),
    "kilocode.kilo-code": (".kilocode", "cli", "global"),
}
"""Where the same program for the terminal has its storage, in the home."""
_STORAGE = "globalStorage"
_SETTINGS = ("User/settings.json", "User/profiles/*/settings.json", "Machine/settings.json")
"""An editor's, below its data; a server's are the machine's."""


def roots(env: Env, *extensions: str) -> list[str]:
    """The storage of each of the extensions in each editor, and the tasks in it."""
    storages = [storage for name in extensions for storage in _storages(env, name)]
    return _walk.real_dirs(place for storage in storages for place in (storage, storage / TASKS))


def folders(account: Account) -> list[str]:
    """The folders of an account that have tasks in them. They are flat: a task may keep a whole repository of
    checkpoints beside its few files."""
    usual = [root for root in account.flat_roots if root.endswith(f"/{TASKS}")]
    return list(dict.fromkeys([*usual, *_chosen(account)]))


def watched(account: Account) -> Iterator[str]:
    """Chosen places, and the tasks that were written last: who goes on with an older one is seen by the next
    sweep."""
    yield from _chosen(account)
    found: list[tuple[int, str]] = []
    for folder in folders(account):
        try:
            with os.scandir(folder) as entries:
                found += [(entry.stat().st_mtime_ns, entry.path) for entry in entries if entry.is_dir()]
        except OSError:
            continue  # away, or being deleted: there is nothing to watch
    yield from (path for _, path in sorted(found)[-WATCHED_TASKS:])


def is_terminal(task: Path) -> bool:
    """Whether a task is of a program for the terminal, by its folder."""
    return any(task.parts[-len(place) - 2 : -2] == place for place in _TERMINALS.values())


def _storages(env: Env, extension: str) -> Iterator[Path]:
    config = env.environ.get("XDG_CONFIG_HOME", "")
    bases = [
        Path(config) if config.startswith("/") else env.home / ".config",
        env.home / "Library" / "Application Support",
        env.home / "AppData" / "Roaming",
    ]
    data = [base / editor for base in bases for editor in _EDITORS]
    data += [env.home / server / "data" for server in _SERVERS]
    yield from (folder / "User" / _STORAGE / extension for folder in data)
    if extension in _TERMINALS:
        yield env.home.joinpath(*_TERMINALS[extension])


def _chosen(account: Account) -> list[str]:
    """Tasks at the places that a person named in the settings of an editor that has the extension."""
    storages = [Path(root) for root in account.flat_roots if Path(root).parent.name == _STORAGE]
    places = (place for storage in storages for place in _custom_places(storage))
    return _walk.real_dirs(place / TASKS for place in places)


def _custom_places(storage: Path) -> Iterator[Path]:
    """The extension's name without its publisher begins the name of its setting."""
    key = f"{storage.name.partition('.')[2]}.customStoragePath"
    for pattern in _SETTINGS:
        for settings in sorted(storage.parents[2].glob(pattern)):
            place = _setting(settings, key)
            if place is not None and Path(place).is_absolute():
                yield Path(place)


def _setting(path: Path, key: str) -> str | None:
    """A text in an editor's settings; what cannot be read says nothing."""
    try:
        said = path.read_text("utf-8-sig", errors="replace")
        found = jsonc.parse(said).get(key) if f'"{key}"' in said else None
    except (OSError, jsonc.Malformed):
        return None
    return found.value if found is not None and isinstance(found.value, str) else None
