"""Putting an integration on a machine and taking it away again: the only code here that touches files.

The tool's file is replaced in one step, through links, with its mode, byte order mark and line ends. What it
was before is kept in our state folder until it is undone: when nobody changed the file since, undoing gives
back every byte; otherwise our entry alone is taken out.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from openusage import files
from openusage.errors import IntegrationError
from openusage.integrations._files import version_of
from openusage.integrations._recipe import Entry, Recipe
from openusage.integrations._tool_file import (
    BOM,
    ToolFile,
    explained,
    missing_dirs,
    mode_of,
    read_if_there,
    refused,
)
from openusage.paths import ensure_private_dir


class State(enum.StrEnum):
    """How an integration stands."""

    MISSING = "missing"
    PARTIAL = "partial"
    """The file of ours or a part of the entry only."""
    OUTDATED = "outdated"
    """All is there, as another version wrote it."""
    READY = "ready"
    BROKEN = "broken"
    """The tool's file cannot be read or understood."""


SUMMARIES = {
    State.MISSING: "Not installed",
    State.PARTIAL: "Installed in part: install it again",
    State.OUTDATED: "Another version: upgrade it",
    State.READY: "Installed and active",
    State.BROKEN: "Its settings cannot be read",
}


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What `list` tells of one."""

    id: str
    name: str
    state: State
    version: str
    """Of the installed file; empty: there is none."""
    summary: str
    config: Path
    artifact: Path
    detected: bool
    """Whether the tool is on this machine."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was, or would be, changed."""

    path: Path
    before: bytes | None
    """None: there was none."""
    after: bytes | None
    """None: it is removed."""


class Record(msgspec.Struct, kw_only=True):
    """What is remembered of an installation, for undoing it."""

    config: str
    existed: bool
    after: str
    """SHA-256 of the tool's file as we left it; empty: somebody changed it before an upgrade."""
    made_dirs: list[str] = []
    """Folders that were made for it, the outermost first."""


class Integration:
    """One of them on this machine. Not thread-safe; processes wait for each other."""

    def __init__(self, recipe: Recipe, kept: Path) -> None:
        """`kept` is our folder for what was there before."""
        self._recipe = recipe
        self._kept = kept
        self.id = recipe.id
        self.name = recipe.name

    def status(self) -> Status:
        """Reads both files. Never raises: what cannot be read is a state, too."""
        recipe = self._recipe
        artifact = read_if_there(recipe.artifact)
        problem = ""
        try:
            text = ToolFile.read(recipe.config)
            entry = self._entry(text)
        except IntegrationError as e:
            entry, problem = Entry.NONE, e.message
        state = _state(artifact, recipe.content, entry)
        if problem:
            state = State.BROKEN
        return Status(
            id=self.id,
            name=self.name,
            state=state,
            version=version_of(artifact or b""),
            summary=problem or SUMMARIES[state],
            config=recipe.config,
            artifact=recipe.artifact,
            detected=recipe.home.is_dir(),
        )

    def install(self, *, dry_run: bool = False) -> list[Change]:
        """Puts it there, or brings it up to date; nothing when it is. All of it or nothing.

        Raises:
            IntegrationError: a file cannot be read, understood or written; all are as they were.
        """
        recipe = self._recipe
        with self._alone(dry_run):
            text = ToolFile.read(recipe.config)
            try:
                new = text.with_body(recipe.added(text.body))
                done = recipe.entry(new.body)
            except ValueError as e:
                raise refused(recipe.config, str(e)) from e
            if done is not Entry.ALL:
                raise refused(recipe.config, "its entry would not be what the tool reads")
            changes = _changes(
                (recipe.artifact, read_if_there(recipe.artifact), recipe.content),
                (text.path, text.data, new.encoded),
            )
            if changes and not dry_run:
                self._write(text, new)
        return changes

    def uninstall(self, *, dry_run: bool = False) -> list[Change]:
        """Takes away what is ours; nothing when it is not there.

        Raises:
            IntegrationError: a file cannot be read, understood or written; it is as it was.
        """
        recipe = self._recipe
        with self._alone(dry_run):
            text = ToolFile.read(recipe.config)
            record = self._record()
            after = self._restored(text, record)
            changes = _changes(
                (text.path, text.data, after),
                (recipe.artifact, read_if_there(recipe.artifact), None),
            )
            if dry_run:
                return changes
            with explained(text.path):
                if text.data != after:
                    text.put(after)
            with explained(recipe.artifact):
                recipe.artifact.unlink(missing_ok=True)
            for path in (self._record_file, self._pristine_file):
                path.unlink(missing_ok=True)
            for made in reversed(record.made_dirs if record is not None else ()):
                _remove_if_empty(Path(made))
        return changes

    # -- steps -----------------------------------------------------------------------------------

    def _entry(self, text: ToolFile) -> Entry:
        try:
            return self._recipe.entry(text.body)
        except ValueError as e:
            raise refused(self._recipe.config, str(e)) from e

    def _write(self, text: ToolFile, new: ToolFile) -> None:
        recipe = self._recipe
        old_artifact = read_if_there(recipe.artifact)
        if new.encoded != text.data:
            text.check_writable()
            self._remember(text, new)
        with explained(recipe.artifact):
            ensure_private_dir(recipe.artifact.parent)
            if old_artifact != recipe.content or mode_of(recipe.artifact) != recipe.artifact_mode:
                files.replace(recipe.artifact, recipe.content, recipe.artifact_mode)
        if new.encoded == text.data:
            return
        try:
            with explained(text.path):
                text.put(new.encoded)
        except IntegrationError:
            if old_artifact is None:
                recipe.artifact.unlink(missing_ok=True)
            raise

    def _remember(self, text: ToolFile, new: ToolFile) -> None:
        """Before the tool's file is changed: a crash between leaves nothing that undoing could not do."""
        record = self._record()
        fresh = self._entry(text) is Entry.NONE or record is None or record.config != str(text.path)
        if fresh:
            record = Record(
                config=str(text.path),
                existed=text.data is not None,
                after="",
                made_dirs=[
                    str(d)
                    for folder in (text.path.parent, self._recipe.artifact.parent)
                    for d in missing_dirs(folder)
                ],
            )
        assert record is not None
        untouched = fresh or record.after == _hash(text.data)
        record.after = _hash(new.encoded) if untouched else ""
        with explained(self._kept):
            if fresh:
                files.replace(self._pristine_file, self._without(text, "") or b"")
            files.replace(self._record_file, msgspec.json.encode(record))

    def _restored(self, text: ToolFile, record: Record | None) -> bytes | None:
        """The tool's file without us: byte by byte what it was, or without our entry."""
        is_its = record is not None and record.config == str(text.path)
        pristine = read_if_there(self._pristine_file) if is_its else None
        if record is not None and pristine is not None and record.after == _hash(text.data):
            return pristine if record.existed else None
        return self._without(text, (pristine or b"").removeprefix(BOM).decode("utf-8", "replace"))

    def _without(self, text: ToolFile, before: str) -> bytes | None:
        """Also without an entry that another program, or another home's, left."""
        if text.data is None:
            return None
        try:
            return text.with_body(self._recipe.removed(text.body, before)).encoded
        except ValueError as e:
            raise refused(self._recipe.config, str(e)) from e

    def _record(self) -> Record | None:
        data = read_if_there(self._record_file)
        try:
            return None if data is None else msgspec.json.decode(data, type=Record)
        except msgspec.DecodeError:
            return None

    @property
    def _record_file(self) -> Path:
        return self._kept / f"{self.id}.json"

    @property
    def _pristine_file(self) -> Path:
        return self._kept / f"{self.id}.before"

    @contextlib.contextmanager
    def _alone(self, dry_run: bool) -> Iterator[None]:
        if dry_run:
            yield
            return
        ensure_private_dir(self._kept)
        with explained(self._kept), files.locked(self._record_file):
            yield


def _state(artifact: bytes | None, content: bytes, entry: Entry) -> State:
    if artifact is None:
        return State.MISSING if entry is Entry.NONE else State.PARTIAL
    if entry in (Entry.NONE, Entry.SOME):
        return State.PARTIAL
    return State.READY if artifact == content and entry is Entry.ALL else State.OUTDATED


def _changes(*files: tuple[Path, bytes | None, bytes | None]) -> list[Change]:
    return [Change(path=p, before=before, after=after) for p, before, after in files if before != after]


def _hash(data: bytes | None) -> str:
    return hashlib.sha256(data).hexdigest() if data is not None else ""


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
