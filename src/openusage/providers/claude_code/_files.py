"""Where Claude Code keeps its files, and in which order they are read. Looks at names and states only."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from stat import S_ISREG

import msgspec

from openusage.errors import SourceUnavailable
from openusage.providers import _jsonl
from openusage.providers._contract import Env
from openusage.providers._jsonl import FileState
from openusage.wire.problems import Problem

AGENT_PREFIX = "agent-"


class TranscriptFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One transcript under a `projects` directory."""

    state: FileState
    slug: str
    """Name of the project's directory: its path with everything odd turned into `-`."""
    folder: str
    """The project's directory."""
    session: str
    """Session by the file's place, for lines that do not say."""
    is_agent: bool
    """A sub-agent's own transcript."""

    @property
    def meta_path(self) -> Path:
        """Where a sub-agent's type may be told."""
        return Path(self.state.path.removesuffix(".jsonl") + ".meta.json")

    def parent_path(self, session: str) -> str:
        """The transcript of the session that started this sub-agent."""
        return f"{self.folder}/{session}.jsonl"


class Found(msgspec.Struct, frozen=True):
    """All transcripts, in reading order, and what could not be looked at."""

    files: list[TranscriptFile]
    problems: list[Problem]


def config_dirs(env: Env) -> list[Path]:
    """Configuration directories, existing or not: `CLAUDE_CONFIG_DIR` (a comma list, whose entries may end
    in `projects`) replaces the two defaults."""
    named = [entry.strip() for entry in env.environ.get("CLAUDE_CONFIG_DIR", "").split(",") if entry.strip()]
    if named:
        dirs = [_home_path(entry, env) for entry in named]
        return list(dict.fromkeys(d.parent if d.name == "projects" else d for d in dirs))
    config_home = env.environ.get("XDG_CONFIG_HOME", "").strip()
    xdg = _home_path(config_home, env) if config_home else env.home / ".config"
    return [env.home / ".claude", xdg / "claude"]


def _home_path(text: str, env: Env) -> Path:
    if text == "~" or text.startswith("~/"):
        return env.home / text[2:]
    return env.home / text


def account_files(env: Env) -> list[Path]:
    """Where `.claude.json` may be, best first."""
    named = config_dirs(env) if env.environ.get("CLAUDE_CONFIG_DIR", "").strip() else []
    return [directory / ".claude.json" for directory in (*named, env.home)]


def project_roots(env: Env) -> list[str]:
    """Existing `projects` directories, as real paths, each once."""
    roots = [os.path.realpath(d / "projects") for d in config_dirs(env)]
    return [root for root in dict.fromkeys(roots) if Path(root).is_dir()]


def find(roots: list[str], changed: Collection[str] | None = None) -> Found:
    """Every transcript below `roots`, each once however many links lead to it; of `changed` only those.

    Main conversations come first: they tell of which type a sub-agent is. Then by age, oldest first.
    """
    files: dict[str, TranscriptFile] = {}
    problems: list[Problem] = []
    seen: set[str] = set()
    for root in roots:
        walked = _walk(root, (), seen, problems) if changed is None else _among(root, changed)
        for file in walked:
            files.setdefault(file.state.path, file)
    ordered = sorted(files.values(), key=lambda f: (f.is_agent, f.state.mtime_ns, f.state.path))
    return Found(ordered, problems)


def _among(root: str, changed: Collection[str]) -> Iterator[TranscriptFile]:
    """The transcripts of `changed` below `root`."""
    for path in changed:
        if not (path.startswith(root + "/") and path.endswith(".jsonl")):
            continue
        state = _jsonl.stat(path)
        if state is not None:
            names = path[len(root) + 1 :].split("/")[:-1]
            parts = tuple("/".join((root, *names[: n + 1])) for n in range(len(names)))
            yield _place(path.rpartition("/")[0], parts).transcript(state)


def _walk(
    directory: str, parts: tuple[str, ...], seen: set[str], problems: list[Problem]
) -> Iterator[TranscriptFile]:
    """Transcripts in a real directory; `parts` are the real directories from the root's child down to it."""
    if directory in seen:
        return
    seen.add(directory)
    try:
        entries = list(os.scandir(directory))
    except FileNotFoundError:
        return
    except OSError as e:
        problems.append(Problem(path=directory, what=f"cannot be looked at: {e.strerror}"))
        return
    place = _place(directory, parts)
    for entry in entries:
        try:
            path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            if entry.is_dir():
                yield from _walk(path, (*parts, path), seen, problems)
            elif entry.name.endswith(".jsonl") and entry.is_file():
                stat = entry.stat()
                yield place.transcript(FileState(path, stat.st_ino, stat.st_size, stat.st_mtime_ns))
            elif entry.name.endswith(".jsonl"):
                problems.append(Problem(path=entry.path, what="not a file, or a link to nowhere"))
        except FileNotFoundError:
            continue  # deleted meanwhile
        except OSError as e:
            problems.append(Problem(path=entry.path, what=f"cannot be looked at: {e.strerror}"))


class _Place(msgspec.Struct, frozen=True, gc=False):
    """What a directory tells of the transcripts in it: once, and not for each of its thousands."""

    folder: str
    slug: str
    session: str | None
    """Of the folder it is in; `None`: each transcript is its own session."""
    is_agent: bool

    def transcript(self, state: FileState) -> TranscriptFile:
        stem = state.path.rpartition("/")[2].removesuffix(".jsonl")
        return TranscriptFile(
            state=state,
            slug=self.slug,
            folder=self.folder,
            session=stem if self.session is None else self.session,
            is_agent=self.is_agent or stem.startswith(AGENT_PREFIX),
        )


def _place(directory: str, parts: tuple[str, ...]) -> _Place:
    """`parts` are the directories from the root's child down to this one."""
    folder = parts[0] if parts else directory
    return _Place(
        folder,
        folder.rpartition("/")[2],
        parts[1].rpartition("/")[2] if len(parts) > 1 else None,
        any(part.endswith("/subagents") for part in parts),
    )


def read_whole(path: Path) -> bytes | None:
    """A small file's content, `None` when it does not exist.

    Raises:
        SourceUnavailable: it exists and cannot be read.
    """
    try:
        if not S_ISREG(path.stat().st_mode):
            raise SourceUnavailable(f"{path} is no file")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        raise SourceUnavailable(f"{path} cannot be read: {e.strerror}") from e
