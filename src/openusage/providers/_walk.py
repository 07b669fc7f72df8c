"""Which files of a tool are there: each once, however many links lead to it. Looks at names and states only.

A tool says where it may go down and what it wants, by paths relative to a root. Of what the watcher saw
change nothing else is looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from openusage.providers import _jsonl
from openusage.providers._contract import Cursors, Env, Plan
from openusage.providers._jsonl import FileState
from openusage.wire.problems import Problem

MAX_DEPTH = 8


class Found(msgspec.Struct, frozen=True):
    """Files in the order of their paths, and what could not be looked at."""

    files: list[FileState]
    problems: list[Problem]


def home_path(text: str, env: Env) -> Path:
    """A path as a person writes it into a variable: `~`, relative to the home, or absolute."""
    text = text.strip()
    return env.home / text[2:] if text == "~" or text.startswith("~/") else env.home / text


def named(env: Env, *variables: str) -> list[Path]:
    """The paths in the first of these variables that is set: a list with commas."""
    for variable in variables:
        parts = [part for part in env.environ.get(variable, "").split(",") if part.strip()]
        if parts:
            return [home_path(part, env) for part in parts]
    return []


def data_home(env: Env) -> Path:
    """Where freedesktop.org has programs keep their data: `~/.local/share`, when no other place is set."""
    told = env.environ.get("XDG_DATA_HOME", "")
    return Path(told) if told.startswith("/") else env.home / ".local" / "share"


def real_dirs(paths: Iterable[Path]) -> list[str]:
    """The directories among them that exist, as real paths, each once."""
    real = dict.fromkeys(os.path.realpath(path) for path in paths)
    return [path for path in real if Path(path).is_dir()]


def find(
    roots: Iterable[str],
    wanted: Callable[[str], bool],
    changed: Collection[str] | None = None,
    *,
    enters: Callable[[str], bool] = lambda relative: True,
) -> Found:
    """The files below `roots` (real paths) that are `wanted`, by their path below the root.

    `enters`: whether to look into a directory, by its path below the root. A file found through a link is
    told by its real path, and wanted by the name of the link.
    """
    files: dict[str, FileState] = {}
    problems: list[Problem] = []
    seen: set[str] = set()
    for root in roots:
        walker = _Walker(root, wanted, enters, problems, seen)
        found = walker.all() if changed is None else walker.among(changed)
        files.update((state.path, state) for state in found)
    return Found([files[path] for path in sorted(files)], problems)


def below(roots: Iterable[str], path: str) -> tuple[str, str]:
    """The root that a found file is below, and its path from there."""
    root = next(root for root in roots if path.startswith(f"{root}/"))
    return root, path[len(root) + 1 :]


class _Walker:
    """One root's tree."""

    def __init__(
        self,
        root: str,
        wanted: Callable[[str], bool],
        enters: Callable[[str], bool],
        problems: list[Problem],
        seen: set[str],
    ) -> None:
        self._root = root
        self._wanted = wanted
        self._enters = enters
        self._problems = problems
        self._seen = seen

    def all(self) -> Iterator[FileState]:
        return self._walk(self._root, "", 0)

    def among(self, changed: Collection[str]) -> Iterator[FileState]:
        """Those of `changed` (real paths) that are below the root and wanted."""
        for path in changed:
            if path.startswith(self._root + "/"):
                relative = path[len(self._root) + 1 :]
                folders = relative.split("/")[:-1]
                ways = ("/".join(folders[: n + 1]) for n in range(len(folders)))
                if self._wanted(relative) and all(map(self._enters, ways)):
                    state = _jsonl.stat(path)
                    if state is not None:
                        yield state

    def _walk(self, directory: str, relative: str, depth: int) -> Iterator[FileState]:
        if directory in self._seen or depth > MAX_DEPTH:
            return
        self._seen.add(directory)
        try:
            entries = list(os.scandir(directory))
        except FileNotFoundError:
            return
        except OSError as e:
            self._problem(directory, e)
            return
        for entry in entries:
            name = f"{relative}{entry.name}"
            try:
                if entry.is_dir():
                    if self._enters(name):
                        yield from self._walk(_real(entry), f"{name}/", depth + 1)
                elif self._wanted(name):
                    yield from self._file(entry)
            except FileNotFoundError:
                continue  # deleted meanwhile
            except OSError as e:
                self._problem(entry.path, e)

    def _file(self, entry: os.DirEntry[str]) -> Iterator[FileState]:
        if entry.is_file():
            stat = entry.stat()
            yield FileState(_real(entry), stat.st_ino, stat.st_size, stat.st_mtime_ns)
        else:
            self._problems.append(Problem(path=entry.path, what="not a file, or a link to nowhere"))

    def _problem(self, path: str, error: OSError) -> None:
        self._problems.append(Problem(path=path, what=f"cannot be looked at: {error.strerror}"))


def _real(entry: os.DirEntry[str]) -> str:
    return os.path.realpath(entry.path) if entry.is_symlink() else entry.path


def plan(files: Iterable[FileState], cursors: Cursors) -> Plan:
    """How much of these files is to be read. A document or packed file that changed counts whole."""
    sizes = [
        state.size if state.is_packed or state.path.endswith(".json") else max(0, state.size - start)
        for state in files
        if (start := state.start(cursors.get(state.path))) is not None
    ]
    return Plan(files=len(sizes), bytes_to_read=sum(sizes))


def gone(
    cursors: Cursors, found: Iterable[FileState], roots: Iterable[str], changed: Collection[str] | None
) -> list[str]:
    """Paths of cursors whose file is certainly no longer there. A whole root that is away may come back."""
    known = {state.path for state in found}
    here = tuple(f"{root}/" for root in roots if Path(root).is_dir())
    looked_for = cursors if changed is None else [path for path in changed if path in cursors]
    return [path for path in looked_for if path not in known and path.startswith(here) and is_gone(path)]


def is_gone(path: str) -> bool:
    """Certainly no longer there; a file that only cannot be looked at now is not gone."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
