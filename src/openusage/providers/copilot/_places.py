"""Where GitHub Copilot keeps its files: the command line tool's home, and chats of VS Code and its kin."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from openusage.providers import _jsonl, _walk
from openusage.providers._contract import Env
from openusage.providers._documents import object_in
from openusage.providers._jsonl import FileState
from openusage.providers._values import project_of, text
from openusage.wire.events import Account
from openusage.wire.problems import Problem

PROVIDER = "copilot"
STORE = "session-store.db"
CONFIG = "config.json"

_EDITORS = ("Code", "Code - Insiders", "VSCodium")
_SERVERS = (".vscode-server", ".vscode-server-insiders")
_SESSION = re.compile(r"(?:[^/]+/events|[^/]+)\.jsonl")


def home(env: Env) -> Path:
    """`~/.copilot`, or where `COPILOT_HOME` has it."""
    return next(iter(_walk.named(env, "COPILOT_HOME")), env.home / ".copilot")


def roots(env: Env) -> list[str]:
    """Directories of which all is read and watched."""
    own = [home(env) / "session-state", home(env) / "otel"]
    return _walk.real_dirs([*own, *_chat_folders(env)])


def flat_roots(env: Env) -> list[str]:
    """The tool's home, of which only its own files are: the store and the settings."""
    return _walk.real_dirs([home(env)]) if any((home(env) / n).is_file() for n in (STORE, CONFIG)) else []


def telemetry_file(env: Env) -> str | None:
    """The file that telemetry goes to when a person named one."""
    named = env.environ.get("COPILOT_OTEL_FILE_EXPORTER_PATH", "").strip()
    return os.path.realpath(_walk.home_path(named, env)) if named else None


class Files(msgspec.Struct, frozen=True):
    """What there is to read, by kind."""

    telemetry: list[FileState]
    sessions: list[FileState]
    chats: list[FileState]
    problems: list[Problem]

    @property
    def all(self) -> list[FileState]:
        return [*self.telemetry, *self.sessions, *self.chats]


def find(account: Account, env: Env, changed: Collection[str] | None = None) -> Files:
    """The files of an account; of `changed` only those."""
    sessions = _walk.find(_ending(account, "session-state"), _is_session, changed)
    # What telemetry tells of sessions must be known, whether it was seen to change or not.
    changed_telemetry = None if sessions.files else changed
    telemetry = _walk.find(_ending(account, "otel"), _is_log, changed_telemetry)
    chats = _walk.find(_ending(account, "chatSessions", "emptyWindowChatSessions"), _is_chat, changed)
    named = telemetry_file(env)
    if named is not None and (changed_telemetry is None or named in changed_telemetry):
        state = _jsonl.stat(named)
        telemetry.files.extend([state] if state is not None and state not in telemetry.files else [])
    return Files(
        telemetry.files,
        sessions.files,
        chats.files,
        [*telemetry.problems, *sessions.problems, *chats.problems],
    )


def telemetry_among(account: Account, env: Env, paths: Iterable[str]) -> set[str]:
    """The telemetry files among these paths."""
    named, folders = telemetry_file(env), tuple(f"{root}/" for root in _ending(account, "otel"))
    return {path for path in paths if path == named or path.startswith(folders)}


def stores(account: Account) -> list[str]:
    """The command line tool's database, whether it exists or not."""
    return [f"{root}/{STORE}" for root in account.flat_roots]


def session_of(path: str) -> str:
    """A session's id by the place of its events."""
    log = Path(path)
    return log.parent.name if log.stem == "events" else log.stem


def has_events(account: Account, session: str) -> bool:
    """Whether a session's own log is there."""
    return any(Path(root, session, "events.jsonl").is_file() for root in _ending(account, "session-state"))


def _ending(account: Account, *names: str) -> list[str]:
    return [root for root in account.roots if root.rpartition("/")[2] in names]


def _is_log(relative: str) -> bool:
    return relative.endswith(".jsonl")


def _is_session(relative: str) -> bool:
    """A session's events: in a folder of its own, in the first versions a file."""
    return _SESSION.fullmatch(relative) is not None


def _is_chat(relative: str) -> bool:
    return relative.endswith((".json", ".jsonl")) and "/" not in relative


def workspace_of(chat: str) -> str | None:
    """The project whose window a chat was held in, `None` for a window without one."""
    folder = Path(chat).parent.parent / "workspace.json"
    found = object_in(folder)
    uri = text(found.get("folder")) or text(found.get("workspace"))
    return project_of(unquote(urlsplit(uri).path)) if uri else None


def _chat_folders(env: Env) -> Iterator[Path]:
    for user in _user_dirs(env):
        yield user / "globalStorage" / "emptyWindowChatSessions"
        storage = user / "workspaceStorage"
        try:
            names = sorted(entry.name for entry in os.scandir(storage))
        except OSError:
            continue
        yield from (storage / name / "chatSessions" for name in names)


def _user_dirs(env: Env) -> Iterator[Path]:
    app_data = env.environ.get("APPDATA", "").strip()
    places = [env.home / ".config", env.home / "Library" / "Application Support"]
    places += [_walk.home_path(app_data, env)] if app_data else []
    yield from (place / editor / "User" for place in places for editor in _EDITORS)
    yield from (env.home / server / "data" / "User" for server in _SERVERS)
